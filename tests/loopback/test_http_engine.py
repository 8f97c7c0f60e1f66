"""HTTP on the real engine and a real database, without lines: what is asked comes back as it was saved."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from gateway.domain.identifiers import NodeName
from gateway.engine.composer import OTHER_RECORDING
from gateway.engine.rules import EngineRules
from gateway.engine.service import EngineService, Foundation
from gateway.store.database import open_database
from gateway.store.reader import ThreadedReader
from gateway.store.writer import ThreadedWriter
from ivr.call import SavedDialog
from tests.acceptance.town import DEPUTY, DESK, PlainMedia
from tests.loopback.http_client import ACTION, Answer, Served

CSV = b"""phone,channel,postcode,lat,lon
0612345678,both,3511AB,52.0901,5.1201
0612345679,sms,3511AC,52.0902,5.1202
0687654321,voice,9999ZZ,53.2,6.5
0900-1234,voice,3511AB,52.09,5.12
"""


async def no_orphans(dialogs: list[SavedDialog]) -> None:
    """There is no telephone that an earlier process could have left ringing."""
    assert dialogs == []


@pytest_twisted.async_yield_fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    served = Served(tmp_path)
    database = open_database(f"sqlite:///{tmp_path / 'engine.db'}", "gw1", durable=False)
    writer = ThreadedWriter(database.writing, reactor.callFromThread)
    reader = ThreadedReader(database.reading, reactor)
    writer.start()
    reader.start()
    foundation = Foundation(
        writer=writer,
        reader=reader,
        clocks=served.clocks,
        reactor=reactor,
        node=NodeName("gw1"),
        media=PlainMedia(),
        directory=tmp_path / "recordings",
        token=secrets.token_urlsafe,
    )
    engine = EngineService(foundation, EngineRules())
    await engine.prepare([DESK, DEPUTY])
    engine.begin()
    await engine.recover(no_orphans)
    served.serve(engine)
    await served.start()
    yield served
    await served.stop()
    engine.end()
    for part in (writer, reader):
        await deferToThread(part.stop)
    database.close()


async def imported(api: Served) -> None:
    answer = await api.ask("POST", "participants/import", body=CSV, Content_Type="text/csv")
    assert (answer.json["imported"], answer.json["refused"][0]["line"]) == (3, 5)


async def draft(api: Served, **change: object) -> Answer:
    return await api.ask("POST", "actions", body={**ACTION, **change})


@pytest_twisted.ensureDeferred
async def test_an_action_on_the_real_engine(api: Served) -> None:
    await imported(api)
    estimate = await api.ask("POST", "actions/estimate", body=ACTION)
    assert estimate.json["recipients"] == {"sms": 2, "voice": 1}
    made = await api.ask("POST", "actions", body=ACTION, Idempotency_Key="key-1")
    assert (made.status, made.json["recipients"]) == (201, {"sms": 2, "voice": 1})
    again = await api.ask("POST", "actions", body=ACTION, Idempotency_Key="key-1")
    assert again.json["id"] == made.json["id"]
    other = await api.ask("POST", "actions", body={**ACTION, "title": "Anders"}, Idempotency_Key="key-1")
    assert other.status == 409
    one = f"actions/{made.json['id']}"
    started = await api.ask("POST", f"{one}/start")
    assert started.status == 202, started.body
    assert started.json["state"] == "active"
    assert started.json["counts"] == {"sms": {"waiting": 2}, "voice": {"waiting": 1}}
    found = (await api.ask("GET", f"{one}/deliveries?outcome=waiting")).json
    assert sorted((item["phone"], item["channel"]) for item in found["items"]) == [
        ("+31612345678", "sms"),
        ("+31612345678", "voice"),
        ("+31612345679", "sms"),
    ]
    handed = await api.ask("PATCH", one, body={"owner": "desk-8"})
    assert handed.json["owner"] == "desk-8"
    assert (await api.ask("POST", f"{one}/start")).status == 409
    closed = await api.ask("POST", f"{one}/close", body={"outcome": "exercise"})
    assert (closed.status, closed.json["state"] in ("closing", "closed")) == (202, True)
    assert closed.json["outcome"] == "exercise"


@pytest_twisted.ensureDeferred
async def test_an_action_without_recipients_is_not_started(api: Served) -> None:
    made = await draft(api, area={"postcodes": ["1234"]})
    assert made.status == 201
    refused = await api.ask("POST", f"actions/{made.json['id']}/start")
    assert (refused.status, refused.headers["content-type"]) == (409, "application/problem+json; charset=utf-8")
    assert "nobody" in refused.json["detail"]


@pytest_twisted.ensureDeferred
async def test_an_action_that_is_past_its_expiry_is_not_started(api: Served) -> None:
    await imported(api)
    made = await draft(api, expires_at="2020-01-01T00:00:00Z")
    refused = await api.ask("POST", f"actions/{made.json['id']}/start")
    assert refused.status == 409
    assert "past its expiry" in refused.json["detail"]


@pytest.mark.parametrize("change", [{"owner": "desk-99"}, {"area": {"circle": {"lat": 52, "lon": 5, "radius_m": -1}}}])
@pytest_twisted.ensureDeferred
async def test_what_cannot_be_is_told_with_its_field(api: Served, change: dict[str, object]) -> None:
    refused = await draft(api, **change)
    assert refused.status == 422
    assert refused.json["errors"][0]["pointer"].startswith("#/" + next(iter(change)))


@pytest_twisted.ensureDeferred
async def test_a_patch_comes_back_as_it_was_saved(api: Served) -> None:
    polygon = {"type": "Polygon", "coordinates": [[[5.1, 52.0], [5.2, 52.0], [5.2, 52.1], [5.1, 52.0]]]}
    made = await draft(api, area={"polygon": polygon}, closing="Dank u.", translations={"en": "Look out."})
    one = f"actions/{made.json['id']}"
    changed = await api.ask("PATCH", one, body={"title": "Anders", "closing": None})
    assert changed.status == 200
    shown = (await api.ask("GET", one)).json
    assert (shown["title"], shown["closing"], shown["translations"]) == ("Anders", None, {"en": "Look out."})
    assert shown["area"] == {"polygon": polygon}


@pytest_twisted.ensureDeferred
async def test_lists_of_the_real_engine(api: Served) -> None:
    for path in ("actions", "operators", "calls", "tips", "replies", "trunks", "smscs"):
        answer = await api.ask("GET", path)
        assert (answer.status, set(answer.json)) == (200, {"items", "next"}), path
    assert (await api.ask("GET", "actions/none")).status == 404
    assert (await api.ask("GET", "tips/none/audio.wav")).status == 404
    assert (await api.ask("PATCH", "operators/none", body={"present": False})).status == 404
    for path in ("actions", "calls", "tips", "replies"):
        assert (await api.ask("GET", f"{path}?after=not-a-cursor")).status in (200, 422), path
    assert (await api.ask("GET", "/readyz", None)).json == {"status": "ready"}


@pytest_twisted.ensureDeferred
async def test_a_desk_is_added_once(api: Served) -> None:
    desk = {"id": "desk-20", "name": "West 20", "room": "west", "uri": "sip:desk-20@127.0.0.1"}
    asked = [Deferred.fromCoroutine(api.ask("POST", "operators", body=desk)) for _ in range(2)]
    assert sorted(answer.status for answer in await gatherResults(asked)) == [201, 409]
    again = await api.ask("POST", "operators", body={**desk, "uri": "sip:else@127.0.0.1"})
    assert again.status == 409
    found = {item["id"]: item["uri"] for item in (await api.ask("GET", "operators")).json["items"]}
    assert found["desk-20"] == "sip:desk-20@127.0.0.1"


@pytest_twisted.ensureDeferred
async def test_another_text_than_was_recorded(api: Served) -> None:
    made = await draft(api)
    one = f"actions/{made.json['id']}"
    wav = b"RIFF\x24\0\0\0WAVEfmt " + bytes(40)
    assert (await api.ask("PUT", f"{one}/recording", body=wav, Content_Type="audio/wav")).status == 200
    assert OTHER_RECORDING not in (await api.ask("PATCH", one, body={"title": "Anders"})).json["advice"]
    for change in ({"message": "Een andere tekst."}, {"title": "Nog anders"}):
        assert OTHER_RECORDING in (await api.ask("PATCH", one, body=change)).json["advice"]
    anew = await api.ask("PUT", f"{one}/recording", body=wav, Content_Type="audio/wav")
    assert OTHER_RECORDING not in anew.json["advice"]


@pytest_twisted.ensureDeferred
async def test_doubts_are_told_with_the_estimate(api: Served) -> None:
    body = {**ACTION, "area": {"municipality": "Zeits"}, "expires_at": "2020-01-01T00:00:00Z"}
    advice = (await api.ask("POST", "actions/estimate", body=body)).json["advice"]
    assert any("no participant lives in Zeits" in words for words in advice)
    assert any("expiry is in the past" in words for words in advice)
