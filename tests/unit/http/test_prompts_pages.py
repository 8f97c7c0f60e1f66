"""The pages about speech and the calls behind them: who may, what is told, and that what is drawn is escaped."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString

from gateway.http.access import Tokens
from gateway.http.actions import ActionCalls
from gateway.http.console import Console, templates
from gateway.http.describe import DescribeCalls
from gateway.http.dispatch import Dispatch
from gateway.http.site import GatewaySite
from gateway.http.speech import SpeechCalls
from gateway.http.speech_pages import SpeechPages
from gateway.http.waveforms import PIXELS_A_SECOND, drawn
from gateway.observe import Metrics
from prompts.lexicon import Entry, read
from prompts.library import Library
from prompts.settings import SpeechSettings
from prompts.waveform import Passage, Waveform
from tests.loopback.http_client import ACTION, TOKENS, Answer, Served

SVG = "{http://www.w3.org/2000/svg}"


class Speaking(Served):
    """The console with its pages about speech, over a real library."""

    def __init__(self, folder: Path, lexicon: Path | None, listen: str = "tcp:0:interface=127.0.0.1") -> None:
        super().__init__(folder)
        self.listen = listen
        self.library = Library(SpeechSettings(cache=folder / "prompts", lexicon=lexicon), reactor, self.clocks)

    async def start(self) -> None:
        self.library.startService()
        calls = SpeechCalls(self.engine, self.library, reactor, reactor.getThreadPool())
        metrics = Metrics(lambda: (), lambda: (), self.engine.running)
        routes = [*ActionCalls(self.engine).routes(), *calls.routes()]
        pages = templates()
        described = DescribeCalls(routes, pages).routes()
        dispatch = Dispatch([*routes, *described], Tokens(TOKENS), self.clocks, metrics)
        Console(dispatch, self.engine, lambda: (), lambda: (), pages, self.settings)
        SpeechPages(dispatch, self.engine, self.library, pages)
        site = GatewaySite(dispatch.app.resource(), lambda headers: True, reactor=reactor)
        self.listening = await serverFromString(reactor, self.listen).listen(site)
        self.port = self.listening.getHost().port
        self.url = f"http://127.0.0.1:{self.port}"

    async def api(self, method: str, path: str, body: object = None, who: str = "anna") -> Answer:
        return await self.ask(method, path, who, body)

    async def sign_in(self, who: str) -> str:
        """The session's cookie."""
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        answer = await self.ask("POST", "/sign-in", None, f"token={who}-secret".encode(), **form)
        return answer.headers["set-cookie"].split(";")[0]

    async def page(self, path: str, cookie: str) -> Answer:
        return await self.ask("GET", path, None, Cookie=cookie)

    async def stop(self) -> None:
        await self.pool.closeCachedConnections()
        await self.listening.stopListening()
        await self.library.stopService()


@pytest_twisted.async_yield_fixture
async def speaking(tmp_path: Path) -> AsyncIterator[Speaking]:
    served = Speaking(tmp_path, tmp_path / "lexicon.csv")
    await served.start()
    yield served
    await served.stop()


@pytest_twisted.ensureDeferred
async def test_a_text_is_heard_with_its_words_its_rules_and_its_picture(speaking: Speaking) -> None:
    body = {"text": "Kijk om 14:30 uur uit. Bel 0800-0011."}
    answer = (await speaking.api("POST", "/api/v1/speech", body)).json
    assert answer["words"] == "Kijk om veertien uur dertig uit. Bel nul achthonderd, nul nul elf."
    assert {"rule": "time", "written": "14:30 uur", "spoken": "veertien uur dertig"} in answer["notes"]
    assert answer["voice"] == "espeak nl 145"
    assert -20 <= answer["active_dbm0"] <= -18
    assert answer["peak_dbfs"] <= -3
    sound = await speaking.api("GET", answer["audio"])
    assert sound.headers["content-type"] == "audio/wav"
    assert len(sound.body) == 44 + answer["milliseconds"] * 16
    picture = ElementTree.fromstring((await speaking.api("GET", answer["waveform"])).body)
    words = [text.text for text in picture.iter(f"{SVG}text")]
    assert "Kijk om veertien uur dertig uit." in words
    assert "nul nul elf." in words


@pytest_twisted.ensureDeferred
async def test_two_voices_and_rates_are_two_sounds_of_the_same_words(speaking: Speaking) -> None:
    text = {"text": "Een jongen van twaalf jaar."}
    first = (await speaking.api("POST", "/api/v1/speech", text)).json
    slow = (await speaking.api("POST", "/api/v1/speech", {**text, "words_per_minute": 100})).json
    other = (await speaking.api("POST", "/api/v1/speech", {**text, "voice": "espeak nl+f2"})).json
    assert slow["milliseconds"] > 1.2 * first["milliseconds"]
    assert other["voice"] == "espeak nl+f2 145"
    assert len({answer["audio"] for answer in (first, slow, other)}) == 3
    assert {answer["words"] for answer in (first, slow, other)} == {"Een jongen van twaalf jaar."}


@pytest_twisted.ensureDeferred
async def test_a_call_is_heard_whole_where_that_is_asked(speaking: Speaking) -> None:
    answer = (await speaking.api("POST", "/api/v1/speech", {"text": "Vermist", "alert": True})).json
    assert answer["words"].startswith("Burgernet.\nHier volgt een oproep")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"text": ""}, 422, ""),
        ({"text": "..."}, 422, "no word"),
        ({"text": "Dag", "voice": "espeak xx"}, 422, "espeak nl"),
        ({"text": "Dag", "words_per_minute": 1000}, 422, ""),
        ({"text": "Dag", "entry": {"written": "Dag", "ipa": "dɑθ"}}, 422, "write s or t instead"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_cannot_be_heard_is_told(
    speaking: Speaking, body: dict[str, object], status: int, words: str
) -> None:
    answer = await speaking.api("POST", "/api/v1/speech", body)
    assert answer.status == status
    assert words in answer.json["detail"]


@pytest_twisted.ensureDeferred
async def test_no_path_leads_out_of_the_sounds(speaking: Speaking) -> None:
    for name in ("..%2f..%2flexicon", "x", "0" * 24, "....", "recording-1-" + "0" * 24):
        assert (await speaking.api("GET", f"/api/v1/speech/{name}/audio.wav")).status == 404
        assert (await speaking.api("GET", f"/api/v1/speech/{name}/waveform.svg")).status == 404


@pytest_twisted.ensureDeferred
async def test_entries_are_added_changed_and_removed(speaking: Speaking, tmp_path: Path) -> None:
    async def put(**body: str) -> list[dict[str, str]]:
        answer = await speaking.api("POST", "/api/v1/lexicon", body)
        assert answer.status == 200, answer.body
        entries: list[dict[str, str]] = answer.json["entries"]
        return entries

    assert (await speaking.api("GET", "/api/v1/lexicon")).json == {"file": "lexicon.csv", "entries": []}
    await put(written="Zonnedauw", spoken="zonne dauw")
    await put(written="Citroën", ipa="sitroːˈɛn")
    changed = await put(written="Zonnedauw", spoken="zonnedauw")
    assert [entry["written"] for entry in changed] == ["Citroën", "Zonnedauw"]
    assert read(tmp_path / "lexicon.csv") == (
        Entry("Citroën", "", "sound", "sitroːˈɛn"),
        Entry("Zonnedauw", "zonnedauw"),
    )
    body = {"written": "Zonnedauw", "kind": "sound"}
    assert len((await speaking.api("POST", "/api/v1/lexicon/remove", body)).json["entries"]) == 1
    assert (await speaking.api("POST", "/api/v1/lexicon/remove", body)).status == 404


@pytest_twisted.ensureDeferred
async def test_an_entry_counts_for_the_next_text_at_once(speaking: Speaking) -> None:
    text = {"text": "Vermist in Zonnedauw."}
    before = (await speaking.api("POST", "/api/v1/speech", text)).json
    tried = (
        await speaking.api("POST", "/api/v1/speech", {**text, "entry": {"written": "Zonnedauw", "spoken": "ja"}})
    ).json
    await speaking.api("POST", "/api/v1/lexicon", {"written": "Zonnedauw", "spoken": "ja"})
    after = (await speaking.api("POST", "/api/v1/speech", text)).json
    assert before["audio"] != after["audio"] == tried["audio"]


@pytest_twisted.ensureDeferred
async def test_a_faulty_entry_and_a_faulty_file_are_told(speaking: Speaking, tmp_path: Path) -> None:
    refused = await speaking.api("POST", "/api/v1/lexicon", {"written": "Smith", "ipa": "smɪθ"})
    assert refused.status == 422
    assert "write s or t instead" in refused.json["detail"]
    (tmp_path / "lexicon.csv").write_text("rubbish\n")
    for method, body in (("GET", None), ("POST", {"written": "a", "spoken": "b"})):
        answer = await speaking.api(method, "/api/v1/lexicon", body)
        assert answer.status == 409
        assert "lexicon.csv, line 1" in answer.json["detail"]
    assert (tmp_path / "lexicon.csv").read_text() == "rubbish\n"


@pytest_twisted.ensureDeferred
async def test_without_a_configured_file_nothing_can_be_changed(tmp_path: Path) -> None:
    served = Speaking(tmp_path, None)
    await served.start()
    assert (await served.api("GET", "/api/v1/lexicon")).json == {"file": None, "entries": []}
    answer = await served.api("POST", "/api/v1/lexicon", {"written": "a", "spoken": "b"})
    assert answer.status == 409
    assert 'lexicon = "lexicon.csv"' in answer.json["detail"]
    await served.stop()


@pytest_twisted.ensureDeferred
async def test_engineers_may_and_readers_may_not(speaking: Speaking) -> None:
    for path in ("/api/v1/lexicon", "/api/v1/speech/00/audio.wav"):
        assert (await speaking.api("GET", path, who="rob")).status == 403
        assert (await speaking.api("GET", path, who="erik")).status != 403


@pytest_twisted.ensureDeferred
async def test_an_actions_sound_is_drawn(speaking: Speaking) -> None:
    created = (await speaking.api("POST", "/api/v1/actions", ACTION)).json
    sound = await speaking.library.speech("Vermist.")
    path = f"/api/v1/actions/{created['id']}/waveform.svg"
    assert (await speaking.api("GET", path)).status == 404  # the engine of this test names a sound that is not kept

    async def audio(action: object) -> Path:
        return sound.wav

    speaking.engine.audio = audio
    answer = await speaking.api("GET", path, who="rob")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "Vermist." in answer.body.decode()


@pytest_twisted.ensureDeferred
async def test_pages_need_a_session_of_an_operator_or_engineer(speaking: Speaking) -> None:
    await speaking.api("POST", "/api/v1/actions", {**ACTION, "title": "<b>Kind</b>"})
    for who, status in (("anna", 200), ("erik", 200), ("rob", 403)):
        cookie = await speaking.sign_in(who)
        for page in ("/console/sound", "/console/lexicon"):
            answer = await speaking.page(page, cookie)
            assert answer.status == status
            assert b"<b>Kind" not in answer.body
        own = b'id="own"' in (await speaking.page("/console/sound", cookie)).body
        assert own is (who == "anna")
    assert (await speaking.page("/console/sound", "none")).status == 303


@pytest_twisted.ensureDeferred
async def test_a_draft_takes_an_operators_own_text_per_language(speaking: Speaking) -> None:
    """What the page's form for other languages sends."""
    created = (await speaking.api("POST", "/api/v1/actions", {**ACTION, "translations": {"en": "A boy of six."}})).json
    path = f"/api/v1/actions/{created['id']}"
    body = {"translations": {**created["translations"], "de": "Ein Junge von sechs."}}
    changed = await speaking.api("PATCH", path, body)
    assert changed.json["translations"] == {"en": "A boy of six.", "de": "Ein Junge von sechs."}
    assert (await speaking.api("PATCH", path, {"translations": {"english": "x"}})).status == 422
    assert (await speaking.api("PATCH", path, {"translations": {}})).json["translations"] == {}


def test_a_picture_is_as_wide_as_the_sound_is_long_and_escapes_its_words() -> None:
    passages = (Passage(500, 1500, "Jansen & <b>"), Passage(1950, 2700, "tot ziens, tot ziens, tot ziens, tot ziens"))
    sound = Waveform(((-0.5, 0.5), (0.0, 0.25)), 3000, -19.1, -6.0, 0.6, "espeak nl 145", passages)
    picture = ElementTree.fromstring(drawn(sound))
    assert float(picture.attrib["width"]) == 3 * PIXELS_A_SECOND
    assert picture[0].text == "3.0 s, -19.1 dBm0, peak -6.0 dBFS, espeak nl 145"
    texts = {text.text: text.attrib for text in picture.iter(f"{SVG}text")}
    assert "Jansen & <b>" in texts
    assert "textLength" not in texts["Jansen & <b>"]
    assert float(texts[passages[1].words]["textLength"]) <= 1.05 * PIXELS_A_SECOND
    assert "450" in texts


def test_a_sound_without_passages_is_drawn_too() -> None:
    picture = ElementTree.fromstring(drawn(Waveform(((0.0, 0.0),), 0, -90.0, -90.0, 0.0, "recording", ())))
    assert picture.find(f"{SVG}polygon") is not None
