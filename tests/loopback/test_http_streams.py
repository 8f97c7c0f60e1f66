"""What is not one request and one small answer: events, imports, bodies that are too large."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_twisted
import treq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from gateway.engine.views import Event
from gateway.http.site import MOST_ANONYMOUS_BYTES
from tests.loopback.http_client import Answer, Served

CSV = "phone,postcode\n0612345678,3511AB\n112,3511AB\n" + "0612345679,3511AB\n" * 50


@pytest_twisted.async_yield_fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    served = Served(tmp_path)
    await served.start()
    yield served
    await served.stop()


class Raw(Protocol):
    """A client that sends bytes as they are and keeps what comes back."""

    def __init__(self) -> None:
        self.received = b""
        self.lost: Deferred[None] = Deferred()
        self._waiting: list[tuple[bytes, Deferred[None]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        for waited in [waited for waited in self._waiting if waited[0] in self.received]:
            self._waiting.remove(waited)
            waited[1].callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)

    async def until(self, wanted: bytes) -> None:
        if wanted not in self.received:
            deferred: Deferred[None] = Deferred()
            self._waiting.append((wanted, deferred))
            await deferred.addTimeout(10, reactor)


async def connect(api: Served) -> Raw:
    return await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", api.port), Raw())


async def listen(api: Served, who: str = "anna", *headers: str) -> Raw:
    raw = await connect(api)
    lines = ("GET /api/v1/events HTTP/1.1", "Host: x", f"Authorization: Bearer {who}-secret", *headers, "", "")
    raw.transport.write("\r\n".join(lines).encode())
    await raw.until(b"retry: 2000")
    return raw


@pytest_twisted.ensureDeferred
async def test_events_follow_as_they_happen(api: Served) -> None:
    raw = await listen(api)
    api.engine.queue.put(Event(41, "delivery", {"action": "a1", "counts": {"voice": {"heard": 3}}}))
    await raw.until(b'id: 41\nevent: delivery\ndata: {"action": "a1", "counts": {"voice": {"heard": 3}}}\n\n')
    assert b"text/event-stream" in raw.received
    raw.transport.loseConnection()
    await raw.lost


@pytest_twisted.ensureDeferred
async def test_events_go_on_after_the_last_one_seen(api: Served) -> None:
    await listen(api, "anna", "Last-Event-ID: 41")
    assert ("events", 41) in api.engine.asked
    refused = await api.ask("GET", "events", Last_Event_ID="x")
    assert (refused.status, refused.json["errors"][0]["parameter"]) == (422, "Last-Event-ID")


@pytest_twisted.ensureDeferred
async def test_events_show_whole_numbers_to_operators_only(api: Served) -> None:
    raws = [await listen(api, who) for who in ("rob", "anna")]
    for _ in raws:
        api.engine.queue.put(Event(1, "call", {"phone": "+31612345678", "legs": ["tel:+31612345678"]}))
    await raws[0].until(b'{"phone": "+31*******78", "legs": ["tel:+31*******78"]}')
    await raws[1].until(b'{"phone": "+31612345678", "legs": ["tel:+31612345678"]}')


@pytest_twisted.ensureDeferred
async def test_a_listener_that_hangs_up_is_forgotten(api: Served) -> None:
    raw = await listen(api)
    assert api.engine.listeners == 1
    raw.transport.abortConnection()
    await raw.lost
    for _ in range(1000):
        if not api.engine.listeners:
            break
        await api.turn()
    assert api.engine.listeners == 0


@pytest_twisted.ensureDeferred
async def test_an_engine_that_stops_ends_the_stream(api: Served) -> None:
    raw = await listen(api)
    api.engine.queue.put(None)
    await raw.until(b"\r\n0\r\n\r\n")


@pytest_twisted.ensureDeferred
async def test_an_import_and_its_refused_rows(api: Served) -> None:
    answer = await api.ask("POST", "participants/import", "erik", CSV.encode(), Content_Type="text/csv")
    assert answer.status == 200
    assert answer.json == {
        "rows": 52,
        "imported": 51,
        "refused": [{"line": 3, "field": "phone", "reason": "112 is never dialled"}],
        "refused_total": 1,
        "dry_run": False,
        "ignored_columns": [],
    }
    assert api.engine.imported == CSV.encode()
    assert ("import", False, "erik") in api.engine.asked
    assert (await api.ask("GET", "participants/count", "rob")).json == {"count": 4000}


@pytest_twisted.ensureDeferred
async def test_an_import_tells_of_its_progress(api: Served) -> None:
    answer = await api.ask(
        "POST",
        "participants/import?dry_run=true",
        body=CSV.encode(),
        Content_Type="text/csv",
        Accept="application/x-ndjson",
    )
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert lines[0]["total"] == len(CSV)
    assert [line["done"] for line in lines[:-1]] == sorted(line["done"] for line in lines[:-1])
    assert (lines[-1]["rows"], lines[-1]["dry_run"]) == (52, True)


@pytest_twisted.ensureDeferred
async def test_a_large_import_comes_whole_and_a_stranger_sends_none(api: Served) -> None:
    rows = CSV.encode() + b"0612345670,3511AB\n" * 20_000
    assert (await api.ask("POST", "participants/import", body=rows, Content_Type="text/csv")).status == 200
    assert api.engine.imported == rows
    refused = await api.ask("POST", "participants/import", None, rows, Content_Type="text/csv")
    assert (refused.status, refused.headers["content-type"]) == (413, "application/problem+json; charset=utf-8")


@pytest_twisted.ensureDeferred
async def test_a_body_without_length_has_the_same_limit(api: Served) -> None:
    raw = await connect(api)
    raw.transport.write(b"POST /api/v1/actions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    part = b"x" * 8192
    for _ in range(MOST_ANONYMOUS_BYTES // len(part) + 2):
        raw.transport.write(b"2000\r\n" + part + b"\r\n")
    raw.transport.write(b"0\r\n\r\n")
    await raw.until(b"HTTP/1.1 413")
    raw.transport.loseConnection()
    await raw.lost


@pytest_twisted.ensureDeferred
async def test_far_too_much_is_cut_off(api: Served) -> None:
    raw = await connect(api)
    raw.transport.write(b"POST /api/v1/actions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
    await raw.until(b"HTTP/1.1 413")
    await raw.lost


@pytest_twisted.ensureDeferred
async def test_garbage_gets_an_error_and_the_service_stays_up(api: Served) -> None:
    for garbage in (b"\x16\x03\x01\x02\x00\x01" * 20 + b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\nA\r\n\r\n"):
        raw = await connect(api)
        raw.transport.write(garbage)
        await raw.lost
    assert (await api.ask("GET", "/healthz", None)).status == 200


@pytest_twisted.ensureDeferred
async def test_a_start_is_finished_though_the_caller_hangs_up(api: Served) -> None:
    """Nothing that was begun for a caller is cancelled half-way: what it saves would be in doubt."""
    raw = await connect(api)
    begun: Deferred[None] = Deferred()
    finished: list[str] = []

    async def slow_count() -> int:
        await begun
        finished.append("counted")
        return 1

    api.engine.count_participants = slow_count  # type: ignore[method-assign]  # the double's own seam
    raw.transport.write(
        b"GET /api/v1/participants/count HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer anna-secret\r\n\r\n"
    )
    await api.ask("GET", "/healthz", None)
    raw.transport.abortConnection()
    await raw.lost
    await api.ask("GET", "/healthz", None)
    begun.callback(None)
    assert finished == ["counted"]


async def console(api: Served, path: str, cookie: str = "", **form: str) -> Answer:
    headers = {"Cookie": cookie} if cookie else {}
    if not form:
        return await api.ask("GET", path, None, **headers)
    body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
    return await api.ask("POST", path, None, body, Content_Type="application/x-www-form-urlencoded", **headers)


async def sign_in(api: Served, who: str = "anna") -> str:
    answer = await console(api, "/sign-in", token=f"{who}-secret")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    return answer.headers["set-cookie"].split(";")[0]


def csrf_of(page: Answer) -> str:
    return page.body.split(b'name="csrf" content="')[1].split(b'"')[0].decode()


@pytest_twisted.ensureDeferred
async def test_signing_in_to_the_console(api: Served) -> None:
    assert b"Sign in" in (await console(api, "/")).body
    wrong = await console(api, "/sign-in", token="guess")
    assert (wrong.status, "set-cookie" in wrong.headers) == (401, False)
    answer = await console(api, "/sign-in", token="anna-secret")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))
    page = await console(api, "/", answer.headers["set-cookie"].split(";")[0])
    assert b"New action" in page.body
    assert b"anna-secret" not in page.body
    assert b"4000 participants" in page.body


@pytest_twisted.ensureDeferred
async def test_a_session_changes_things_only_with_its_csrf_token(api: Served) -> None:
    cookie = await sign_in(api)
    csrf = csrf_of(await console(api, "/", cookie))
    assert (await api.ask("GET", "actions", None, Cookie=cookie)).status == 200
    refused = await api.ask("POST", "actions/a1/start", None, Cookie=cookie)
    assert refused.status == 403
    assert ("start", "a1", "anna") not in api.engine.asked
    allowed = await api.ask("POST", "actions/a1/start", None, Cookie=cookie, X_CSRF_Token=csrf)
    assert allowed.status == 404
    assert ("start", "a1", "anna") in api.engine.asked


@pytest_twisted.ensureDeferred
async def test_a_foreign_page_cannot_sign_a_browser_in(api: Served) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    answer = await api.ask("POST", "/sign-in", None, b"token=anna-secret", Origin="https://evil.example", **form)
    assert (answer.status, "set-cookie" in answer.headers) == (403, False)


@pytest_twisted.ensureDeferred
async def test_signing_out_and_the_end_of_a_shift(api: Served) -> None:
    cookie = await sign_in(api)
    await console(api, "/sign-out", cookie, csrf="wrong")
    page = await console(api, "/", cookie)
    assert b"New action" in page.body
    await console(api, "/sign-out", cookie, csrf=csrf_of(page))
    assert b"Sign in" in (await console(api, "/", cookie)).body
    later = await sign_in(api)
    api.clock_offset = 12 * 3600.0
    assert b"Sign in" in (await console(api, "/", later)).body
    assert (await console(api, "/console/peers", later)).status == 401


@pytest_twisted.ensureDeferred
async def test_what_people_wrote_is_escaped(api: Served) -> None:
    from tests.loopback.http_client import ACTION

    await api.ask("POST", "actions", body={**ACTION, "title": "<script>alert(1)</script>"})
    cookie = await sign_in(api, "rob")
    page = await console(api, "/", cookie)
    assert b"<script>alert" not in page.body
    assert b"&lt;script&gt;alert(1)" in page.body
    assert b"New action" not in page.body
    assert (await console(api, "/console/actions/a1", cookie)).status == 200
    assert (await console(api, "/console/actions/a2", cookie)).status == 404


@pytest_twisted.ensureDeferred
async def test_the_console_needs_nothing_from_elsewhere(api: Served) -> None:
    cookie = await sign_in(api)
    page = (await console(api, "/", cookie)).body.decode()
    for part in page.split('src="')[1:] + page.split('href="')[1:]:
        address = part.split('"')[0]
        assert address.startswith(("/", "data:")), address
        if address.startswith(("/static", "/leaflet")):
            assert (await api.ask("GET", address, None)).status == 200


@pytest_twisted.ensureDeferred
async def test_a_connection_that_says_nothing_costs_nothing(api: Served) -> None:
    """The service stops with idle connections open, at once."""
    with socket.create_connection(("127.0.0.1", api.port)):
        assert (await api.ask("GET", "/healthz", None)).status == 200
        await api.service.stopService()
        api.service.startService()
        port = await api.service.listening()
        response = await treq.get(f"http://127.0.0.1:{port.getHost().port}/healthz", agent=api.agent)
        assert response.code == 200
        await treq.content(response)
