"""What an outsider tries by mistake: odd paths, forms, features of a map program; and when the gateway drains."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread
from twisted.logger import LogEvent, LogLevel, globalLogPublisher

from tests.loopback.http_client import ACTION, Served

POLYGON = {"type": "Polygon", "coordinates": [[[5.1, 52.0], [5.2, 52.0], [5.2, 52.1], [5.1, 52.0]]]}
FEATURE = {"type": "Feature", "properties": {}, "geometry": POLYGON}
MULTIPART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\nphone\r\n--x--\r\n'


@pytest_twisted.async_yield_fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    served = Served(tmp_path)
    await served.start()
    yield served
    await served.stop()


def _raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(request)
        return b"".join(iter(lambda: line.recv(65_536), b""))


@pytest.mark.parametrize(("path", "host"), [(b"/%ff", b"x"), (b"/api/v1/actions/%c3%28", b"x"), (b"/healthz", b"\xff")])
@pytest_twisted.ensureDeferred
async def test_a_path_that_is_no_text_is_a_problem_and_no_mistake_of_ours(
    api: Served, path: bytes, host: bytes
) -> None:
    loud: list[LogEvent] = []

    def observe(event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.error:
            loud.append(event)

    globalLogPublisher.addObserver(observe)
    try:
        request = b"GET %b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % (path, host)
        answer = await deferToThread(_raw, api.port, request)
    finally:
        globalLogPublisher.removeObserver(observe)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert loud == []


@pytest_twisted.ensureDeferred
async def test_a_gateway_that_drains_is_not_ready(api: Served) -> None:
    assert (await api.ask("GET", "/readyz", None)).status == 200
    api.engine.drains = True
    assert (await api.ask("GET", "/readyz", None)).status == 503
    assert (await api.ask("GET", "/healthz", None)).status == 200


@pytest.mark.parametrize(
    ("path", "body", "media"),
    [
        ("participants/import", MULTIPART, "multipart/form-data; boundary=x"),
        ("participants/import?dry_run=true", b"file=x", "application/x-www-form-urlencoded"),
        ("actions", b"title=x", "application/x-www-form-urlencoded"),
        ("participants/import", MULTIPART + b"x" * 100_000, "multipart/form-data; boundary=x"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_form_is_not_what_is_taken(api: Served, path: str, body: bytes, media: str) -> None:
    answer = await api.ask("POST", path, body=body, Content_Type=media)
    assert (answer.status, answer.headers["content-type"]) == (415, "application/problem+json; charset=utf-8")
    assert ("--data-binary" in answer.json["detail"]) == path.startswith("participants")
    assert api.engine.asked == []


@pytest.mark.parametrize("polygon", [POLYGON, FEATURE, {"type": "FeatureCollection", "features": [FEATURE]}])
@pytest_twisted.ensureDeferred
async def test_what_a_map_program_saves_is_a_polygon(api: Served, polygon: object) -> None:
    made = await api.ask("POST", "actions", body={**ACTION, "area": {"polygon": polygon}})
    assert (made.status, made.json["area"]) == (201, {"polygon": POLYGON})


@pytest.mark.parametrize(
    ("polygon", "words"),
    [
        ({"type": "MultiPolygon", "coordinates": []}, "MultiPolygon is not taken; send one GeoJSON Polygon"),
        ({"type": "Feature", "geometry": {"type": "Point", "coordinates": [5, 52]}}, "Point is not taken"),
        ({"type": "Feature", "geometry": None}, "this Feature has no geometry"),
        ({"type": "FeatureCollection", "features": [FEATURE, FEATURE]}, "holds exactly one Feature here"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_other_shapes_are_told_in_words(api: Served, polygon: object, words: str) -> None:
    refused = await api.ask("POST", "actions", body={**ACTION, "area": {"polygon": polygon}})
    assert refused.status == 422
    assert refused.json["errors"][0]["pointer"] == "#/area/polygon"
    assert words in refused.json["errors"][0]["detail"]


@pytest_twisted.ensureDeferred
async def test_the_console_shows_what_runs_first_and_asks_twice(api: Served) -> None:
    for title in ("Eerste", "Tweede"):
        await api.ask("POST", "actions", body={**ACTION, "title": title})
    await api.ask("POST", "actions/a1/start")
    signed = await api.ask(
        "POST", "/sign-in", None, b"token=anna-secret", Content_Type="application/x-www-form-urlencoded"
    )
    cookie = signed.headers["set-cookie"].split(";")[0]
    page = (await api.ask("GET", "/", None, Cookie=cookie)).body.decode()
    assert page.index('id="action-a1"') < page.index('id="action-a2"')
    assert page.count('id="action-a1"') == 1
    assert 'data-sure="Press again to alert 120 by sms, 120 by voice"' in page
    assert 'data-sure="Press again to close: 210 were reached, 30 stop unreached"' in page
