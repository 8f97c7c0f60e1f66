"""Every call of the API over a real socket: what it answers, whom it refuses, and what it says when something is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.web.client import ResponseFailed

from foundation.telephone_numbers import PhoneNumber
from gateway.domain.action import ActionState, Circle, ClosingOutcome, Postcodes
from gateway.domain.outcomes import ChannelName, Outcome
from gateway.engine.interface import Conflict, Invalid, NotFound
from gateway.http.service import PortTaken
from ivr.call import TrunkStatus
from prompts.speech import BadRecording, SpeechFailed
from sms.events import SmscStatus
from tests.loopback.http_client import ACTION, Answer, Served


@pytest_twisted.async_yield_fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    served = Served(tmp_path)
    await served.start()
    yield served
    await served.stop()


def problem(answer: Answer, status: int) -> dict[str, Any]:
    """The problem details of an answer that is one."""
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json; charset=utf-8")
    details: dict[str, Any] = answer.json
    assert details["status"] == status
    assert details["title"]
    assert details["detail"]
    return details


def pointers(details: dict[str, Any]) -> set[str]:
    return {fault["pointer"] for fault in details["errors"]}


@pytest_twisted.ensureDeferred
async def test_an_action_from_draft_to_close(api: Served) -> None:
    made = await api.ask("POST", "actions", body=ACTION)
    assert made.status == 201
    assert made.headers["location"] == "/api/v1/actions/a1"
    assert {key: made.json[key] for key in ("id", "state", "recipients", "sms_segments", "eta_seconds")} == {
        "id": "a1",
        "state": "draft",
        "recipients": {"sms": 120, "voice": 120},
        "sms_segments": 2,
        "eta_seconds": 61.25,
    }
    started = await api.ask("POST", "actions/a1/start")
    assert (started.status, started.json["state"]) == (202, "active")
    shown = (await api.ask("GET", "actions/a1")).json
    assert shown["counts"] == {
        "voice": {"heard": 70, "waiting": 30, "heard_confirmed": 20},
        "sms": {"delivered": 100, "sent": 20},
    }
    assert shown["reached_seconds"] == {"50": 12.346}
    assert shown["callbacks"] == 1
    closed = await api.ask("POST", "actions/a1/close", body={"outcome": "solved_by_tip", "message": "Gevonden."})
    assert (closed.status, closed.json["state"], closed.json["outcome"]) == (202, "closing", "solved_by_tip")
    assert api.engine.asked[-1] == ("close", "a1", ClosingOutcome.SOLVED_BY_TIP, "Gevonden.", "anna")


@pytest_twisted.ensureDeferred
async def test_an_estimate_saves_nothing(api: Served) -> None:
    answer = await api.ask("POST", "actions/estimate", body=ACTION)
    assert answer.status == 200
    assert answer.json == {
        "recipients": {"sms": 120, "voice": 120},
        "sms_segments": 2,
        "eta_seconds": 61.25,
        "cost": 6.96,
        "advice": ["write e for ë"],
    }
    assert not api.engine.saved


@pytest_twisted.ensureDeferred
async def test_a_draft_becomes_the_domains_values(api: Served) -> None:
    body = {**ACTION, "area": {"postcodes": ["3511", "3512 ab"]}, "expires_at": "2026-11-25T01:00:00+01:00"}
    assert (await api.ask("POST", "actions", body=body)).status == 201
    draft = api.engine.saved["a1"].action.draft  # type: ignore[index]  # ActionId is text
    assert draft.area == Postcodes(("3511", "3512AB"))
    assert draft.channels == {ChannelName.VOICE, ChannelName.SMS}
    assert draft.expires_at is not None
    assert draft.expires_at.isoformat() == "2026-11-25T00:00:00+00:00"


@pytest_twisted.ensureDeferred
async def test_the_same_idempotency_key_makes_one_action(api: Served) -> None:
    first = await api.ask("POST", "actions", body=ACTION, Idempotency_Key="k1")
    again = await api.ask("POST", "actions", body=ACTION, Idempotency_Key="k1")
    assert first.json["id"] == again.json["id"]
    other = await api.ask("POST", "actions", body={**ACTION, "title": "Anders"}, Idempotency_Key="k1")
    assert "another body" in problem(other, 409)["detail"]
    too_long = await api.ask("POST", "actions", body=ACTION, Idempotency_Key="k" * 201)
    assert problem(too_long, 422)["errors"][0]["parameter"] == "Idempotency-Key"


@pytest_twisted.ensureDeferred
async def test_a_patch_edits_a_draft_and_hands_a_running_action_over(api: Served) -> None:
    await api.ask("POST", "actions", body={**ACTION, "closing": "Dank u."})
    changed = await api.ask("PATCH", "actions/a1", body={"title": "Nieuw", "closing": None, "owner": "desk-8"})
    assert (changed.status, changed.json["title"], changed.json["closing"]) == (200, "Nieuw", None)
    assert changed.json["message"] == ACTION["message"]
    assert changed.json["area"] == {"circle": {"lat": 52.09, "lon": 5.12, "radius_m": 1000.0}}
    await api.ask("POST", "actions/a1/start")
    handed = await api.ask("PATCH", "actions/a1", body={"owner": "desk-7"})
    assert handed.json["owner"] == "desk-7"
    assert api.engine.asked[-1] == ("hand_over", "a1", "desk-7", "anna")
    problem(await api.ask("PATCH", "actions/a1", body={"title": "Te laat"}), 409)
    problem(await api.ask("PATCH", "actions/a1", body={}), 422)
    assert pointers(problem(await api.ask("PATCH", "actions/a1", body={"owner": None}), 422)) == {"#/owner"}


@pytest_twisted.ensureDeferred
async def test_a_patch_is_checked_as_a_whole(api: Served) -> None:
    await api.ask("POST", "actions", body=ACTION)
    assert pointers(problem(await api.ask("PATCH", "actions/a1", body={"title": None}), 422)) == {"#/title"}
    moved = await api.ask("PATCH", "actions/a1", body={"area": {"municipality": "Zeist"}})
    assert moved.json["area"] == {"municipality": "Zeist"}


@pytest_twisted.ensureDeferred
async def test_a_recording_and_what_a_phone_will_hear(api: Served) -> None:
    await api.ask("POST", "actions", body=ACTION)
    wav = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(100)
    put = await api.ask("PUT", "actions/a1/recording", body=wav, Content_Type="audio/wav")
    assert (put.status, put.json["has_recording"]) == (200, True)
    heard = await api.ask("GET", "actions/a1/audio.wav")
    assert (heard.status, heard.headers["content-type"], heard.body[:4]) == (200, "audio/wav", b"RIFF")
    part = await api.ask("GET", "actions/a1/audio.wav", Range="bytes=8-11")
    assert (part.status, part.body) == (206, b"WAVE")


@pytest_twisted.ensureDeferred
async def test_a_wav_that_is_no_wav(api: Served) -> None:
    await api.ask("POST", "actions", body=ACTION)
    answer = await api.ask("PUT", "actions/a1/recording", body=b"ID3 an MP3", Content_Type="audio/wav")
    assert "no WAV file" in problem(answer, 422)["detail"]
    api.engine.fault = BadRecording("the WAV holds no sound; record it again")
    wav = b"RIFF\x24\x00\x00\x00WAVE"
    answer = await api.ask("PUT", "actions/a1/recording", body=wav, Content_Type="audio/wav")
    assert "record it again" in problem(answer, 422)["detail"]
    problem(await api.ask("PUT", "actions/a1/recording", body=wav, Content_Type="audio/mpeg"), 415)
    problem(await api.ask("PUT", "actions/a1/recording", body=b"", Content_Type="audio/wav"), 422)


@pytest_twisted.ensureDeferred
async def test_numbers_are_masked_unless_the_role_is_operator(api: Served) -> None:
    await api.ask("POST", "actions", body=ACTION)
    for who, phone in (("anna", "+31612345678"), ("erik", "+31*******78"), ("rob", "+31*******78")):
        page = await api.ask("GET", "actions/a1/deliveries?outcome=heard&after=cursor-1", who)
        assert page.json["items"][0]["phone"] == phone
        calls = await api.ask("GET", "calls", who)
        assert calls.json["items"][0]["phone"] == phone
    assert ("deliveries", "a1", Outcome.HEARD, "cursor-1") in api.engine.asked
    assert (await api.ask("GET", "actions/a1/deliveries")).json["next"] == "cursor-2"


@pytest_twisted.ensureDeferred
async def test_lists_have_one_form(api: Served) -> None:
    paths = ("actions", "operators", "calls?direction=out", "trunks", "smscs", "tips?action=a1", "replies?action=a1")
    for path in paths:
        answer = await api.ask("GET", path)
        assert answer.status == 200, path
        assert set(answer.json) == {"items", "next"}, path
    assert (await api.ask("GET", "calls")).json["items"][0]["seconds"] == 12.5
    assert (await api.ask("GET", "trunks")).json["items"][0]["channels_in_use"] == 12
    assert (await api.ask("GET", "tips/t1/audio.wav")).body.startswith(b"RIFF")
    assert (await api.ask("GET", "actions?state=active")).json["items"] == []
    assert ("actions", ActionState.ACTIVE, None) in api.engine.asked


@pytest_twisted.ensureDeferred
async def test_desks(api: Served) -> None:
    desk = {"id": "desk-9", "name": "Oost 9", "room": "oost", "uri": "sip:desk-9@127.0.0.1:5090"}
    assert (await api.ask("POST", "operators", "erik", body=desk)).status == 201
    gone = await api.ask("PATCH", "operators/desk-9", "erik", body={"present": False})
    assert gone.json["present"] is False
    assert [item["id"] for item in (await api.ask("GET", "operators")).json["items"]] == ["desk-7", "desk-9"]
    problem(await api.ask("PATCH", "operators/desk-0", body={"present": True}), 404)
    assert pointers(problem(await api.ask("POST", "operators", body={**desk, "uri": "desk"}), 422)) == {"#/uri"}


WITHOUT_RIGHT = [
    ("POST", "actions", "rob", 403),
    ("POST", "actions", "erik", 403),
    ("POST", "actions/a1/start", "rob", 403),
    ("POST", "actions/a1/close", "erik", 403),
    ("PATCH", "actions/a1", "rob", 403),
    ("PUT", "actions/a1/recording", "rob", 403),
    ("POST", "operators", "rob", 403),
    ("PATCH", "operators/desk-7", "rob", 403),
    ("POST", "participants/import", "rob", 403),
    ("GET", "tips", "rob", 403),
    ("GET", "replies", "erik", 403),
    ("GET", "actions", None, 401),
    ("GET", "actions", "nobody", 401),
    ("GET", "events", None, 401),
    ("POST", "participants/import", None, 401),
]


@pytest.mark.parametrize(("method", "path", "who", "status"), WITHOUT_RIGHT)
@pytest_twisted.ensureDeferred
async def test_without_a_token_or_with_the_wrong_role(
    api: Served, method: str, path: str, who: str | None, status: int
) -> None:
    answer = await api.ask(method, path, who, body={} if method != "GET" else None)
    problem(answer, status)
    assert api.engine.asked == []
    assert ("www-authenticate" in answer.headers) is (status == 401)


BAD_BODIES: list[tuple[dict[str, Any], set[str]]] = [
    ({"area": {}}, {"#/area"}),
    ({"area": {"postcodes": ["3511"], "municipality": "Zeist"}}, {"#/area"}),
    ({"area": {"postcodes": []}}, {"#/area/postcodes"}),
    ({"area": {"postcodes": ["0123"]}}, {"#/area/postcodes/0"}),
    ({"area": {"circle": {"lat": 91, "lon": 5, "radius_m": 0}}}, {"#/area/circle/lat", "#/area/circle/radius_m"}),
    (
        {"area": {"polygon": {"type": "Point", "coordinates": [5, 52]}}},
        {"#/area/polygon"},
    ),
    ({"area": {"polygon": {"type": "Polygon", "coordinates": [[[5, 52], [6, 53]]]}}}, {"#/area/polygon/coordinates"}),
    (
        {"area": {"polygon": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]]]}}},
        {"#/area/polygon/coordinates"},
    ),
    ({"channels": []}, {"#/channels"}),
    ({"channels": ["fax"]}, {"#/channels/0"}),
    ({"kind": "burglry"}, {"#/kind"}),
    ({"title": "  "}, {"#/title"}),
    ({"message": "x" * 2001}, {"#/message"}),
    ({"expires_at": "2026-11-25T01:00:00"}, {"#/expires_at"}),
    ({"exercise": "yes"}, {"#/exercise"}),
    ({"title": "bell \x07"}, {"#/title"}),
    ({"titel": "x"}, {"#/titel"}),
    ({"translations": {"english": "x"}}, {"#/translations/english/[key]"}),
]


@pytest.mark.parametrize(("change", "wanted"), BAD_BODIES)
@pytest_twisted.ensureDeferred
async def test_a_body_that_is_not_right(api: Served, change: dict[str, Any], wanted: set[str]) -> None:
    answer = await api.ask("POST", "actions", body={**ACTION, **change})
    assert pointers(problem(answer, 422)) == wanted
    assert api.engine.asked == []


@pytest_twisted.ensureDeferred
async def test_all_faults_of_a_body_at_once(api: Served) -> None:
    details = problem(await api.ask("POST", "actions", body={"kind": "x", "area": {"circle": {"lat": 1}}}), 422)
    assert len(details["errors"]) == 7


NO_JSON = [
    (b"{", "application/json", 400),
    (b"\xff\xfe", "application/json", 400),
    (b"[]", "application/json", 422),
    (b'{"kind": "x"}', "text/plain", 415),
    (b"[" * 100_000, "application/json", 400),
    (b'"' + b"x" * 1_000_001 + b'"', "application/json", 413),
]


@pytest.mark.parametrize(("data", "media", "status"), NO_JSON, ids=["cut", "bytes", "list", "type", "depth", "size"])
@pytest_twisted.ensureDeferred
async def test_a_body_that_is_no_json(api: Served, data: bytes, media: str, status: int) -> None:
    problem(await api.ask("POST", "actions", body=data, Content_Type=media), status)


ENGINE_SAYS = [
    (NotFound("there is no action a1"), 404, "there is no action a1"),
    (Conflict("the action reaches nobody; choose a wider area"), 409, "the action reaches nobody"),
    (Conflict("the action's expiry has passed; set a later one"), 409, "expiry has passed"),
    (Invalid("area.circle.radius_m", "too wide"), 422, "too wide"),
    (SpeechFailed("no voice could say it"), 503, "no voice could say it"),
    (RuntimeError("a secret detail"), 500, "The gateway made a mistake"),
]


@pytest.mark.parametrize(("fault", "status", "words"), ENGINE_SAYS, ids=lambda value: type(value).__name__)
@pytest_twisted.ensureDeferred
async def test_what_the_engine_refuses(api: Served, fault: Exception, status: int, words: str) -> None:
    """An action without recipients, an expired one started, and the rest; our own mistakes tell nothing of the inside."""
    await api.ask("POST", "actions", body=ACTION)
    api.engine.fault = fault
    answer = await api.ask("POST", "actions/a1/start")
    details = problem(answer, status)
    assert words in details["detail"]
    assert b"secret detail" not in answer.body
    if status == 422:
        assert pointers(details) == {"#/area/circle/radius_m"}


@pytest_twisted.ensureDeferred
async def test_paths_and_methods_that_are_not(api: Served) -> None:
    problem(await api.ask("GET", "/api/v1/nothing"), 404)
    problem(await api.ask("GET", "/api/v2/actions"), 404)
    problem(await api.ask("GET", "/static/../console.py"), 404)
    problem(await api.ask("GET", "/static/"), 404)
    answer = await api.ask("DELETE", "actions")
    problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert (await api.ask("HEAD", "actions")).status == 200


@pytest_twisted.ensureDeferred
async def test_query_parameters_are_checked(api: Served) -> None:
    await api.ask("POST", "actions", body=ACTION)
    for query, name in (("outcome=herd", "outcome"), ("outcme=heard", "outcme"), ("after=a&after=b", "after")):
        details = problem(await api.ask("GET", f"actions/a1/deliveries?{query}"), 422)
        assert details["errors"][0]["parameter"] == name


@pytest_twisted.ensureDeferred
async def test_health_and_metrics_need_no_token(api: Served) -> None:
    assert (await api.ask("GET", "/healthz", None)).status == 200
    assert (await api.ask("GET", "/readyz", None)).json == {"status": "ready"}
    metrics = (await api.ask("GET", "/metrics", None)).body.decode()
    assert 'burgernet_trunk_channels_in_use{trunk="kpn"} 12.0' in metrics
    assert 'burgernet_http_requests_total{method="GET",path="/readyz",status="200"} 1.0' in metrics


@pytest_twisted.ensureDeferred
async def test_not_ready_without_database_or_line(api: Served) -> None:
    api.trunks[:] = [TrunkStatus("kpn", "down", 50, 0, 0, 3, 20.0)]
    assert (await api.ask("GET", "/readyz", None)).status == 200
    api.smscs[:] = [SmscStatus("main", "refused", 50, 0, 300.0)]
    assert "No trunk is up" in problem(await api.ask("GET", "/readyz", None), 503)["detail"]
    api.trunks[:] = [TrunkStatus("kpn", "up", 50, 0, 0, 3, 20.0)]
    api.engine.database_fault = "the disk is full"
    assert "the disk is full" in problem(await api.ask("GET", "/readyz", None), 503)["detail"]


@pytest_twisted.ensureDeferred
async def test_every_answer_carries_the_security_headers(api: Served) -> None:
    for path in ("/", "/healthz", "/nothing", "/static/console.css", "/api/v1/actions"):
        headers = (await api.ask("GET", path, None)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["server"] == "burgernet"


@pytest_twisted.ensureDeferred
async def test_a_whole_number_never_stands_in_an_answer_to_a_reader(api: Served) -> None:
    await api.ask("POST", "actions", body=ACTION)
    for path in ("actions/a1/deliveries", "calls"):
        assert PhoneNumber("+31612345678").e164.encode() not in (await api.ask("GET", path, "rob")).body


@pytest_twisted.ensureDeferred
async def test_other_tokens_after_a_reload(api: Served) -> None:
    api.service.reconfigure(api.settings.model_copy(update={"token": api.settings.token[2:]}))
    problem(await api.ask("GET", "actions", "anna"), 401)
    assert (await api.ask("GET", "actions", "rob")).status == 200


@pytest_twisted.ensureDeferred
async def test_a_port_in_use_is_told_in_words(api: Served, tmp_path: Path) -> None:
    second = Served(tmp_path, f"tcp:{api.port}:interface=127.0.0.1")
    with pytest.raises(PortTaken, match="Address already in use"):
        await second.start()
    await second.stop()


@pytest_twisted.ensureDeferred
async def test_a_stop_cuts_every_connection(tmp_path: Path) -> None:
    served = Served(tmp_path)
    await served.start()
    waiting: Deferred[Answer] = Deferred.fromCoroutine(served.ask("GET", "events"))
    while not served.engine.listeners:
        await served.turn()
    await served.stop()
    with pytest.raises(ResponseFailed):
        await waiting
    assert served.engine.listeners == 0


def test_a_circle_is_read_in_its_own_order() -> None:
    from gateway.http.bodies import ActionBody

    draft = ActionBody.model_validate(ACTION).draft()
    assert draft.area == Circle(52.09, 5.12, 1000)
