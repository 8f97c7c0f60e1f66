"""What `burgernet say` calls: text in, the WAV that a phone hears out, with the words and the rules."""

from __future__ import annotations

import os
import time
import wave
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor

from foundation.clock import Clocks
from prompts.library import Library
from prompts.say import say
from prompts.settings import SpeechSettings
from prompts.speech import BadRecording
from prompts.texts import fixed
from prompts.waveform import waveform

SOUNDS = Path(__file__).parents[1] / "unit" / "prompts" / "sounds"


@pytest.fixture
def blocked(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(b"")
    return file


@pytest_twisted.ensureDeferred
async def test_say_writes_what_the_phone_hears_and_explains_the_words(tmp_path: Path) -> None:
    said = await say("Bel 0800-0011.", tmp_path / "out.wav", SpeechSettings(cache=tmp_path / "cache"), reactor)
    assert said.words == "Bel nul achthonderd, nul nul elf."
    assert [note.rule for note in said.notes] == ["telephone number"]
    assert said.engine == "espeak nl 145"
    with wave.open(str(tmp_path / "out.wav")) as written:
        assert (written.getframerate(), written.getnframes()) == (8000, said.milliseconds * 8)
    assert [passage.words for passage in waveform(said.sound).passages] == ["Bel nul achthonderd,", "nul nul elf."]


@pytest_twisted.ensureDeferred
async def test_recordings_go_through_the_worker_and_bad_ones_leave_it_alive(tmp_path: Path) -> None:
    library = Library(SpeechSettings(cache=tmp_path), reactor, Clocks(time.monotonic, lambda: datetime.now(UTC)))
    library.startService()
    first = await library.recording(SOUNDS / "tone.mp3")
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF no sound")
    with pytest.raises(BadRecording, match="no sound file"):
        await library.recording(bad)
    renamed = tmp_path / "other.bin"
    renamed.write_bytes((SOUNDS / "tone.mp3").read_bytes())
    assert await library.recording(renamed) == first
    assert first.path("G722").stat().st_size == first.milliseconds * 8
    await library.stopService()


@pytest_twisted.ensureDeferred
async def test_warm_renders_every_fixed_text_once(tmp_path: Path) -> None:
    library = Library(SpeechSettings(cache=tmp_path), reactor, Clocks(time.monotonic, lambda: datetime.now(UTC)))
    library.startService()
    assert await library.warm("de") == len(fixed("de"))
    begin = time.perf_counter()
    assert await library.warm("de") == len(fixed("de"))
    assert time.perf_counter() - begin < 2
    assert sum(name.endswith(".pcma") for name in os.listdir(tmp_path)) == len(set(fixed("de")))
    await library.stopService()


@pytest_twisted.ensureDeferred
async def test_a_directory_that_cannot_be_written_is_told_in_words(blocked: Path) -> None:
    library = Library(SpeechSettings(cache=blocked / "x"), reactor, Clocks(time.monotonic, lambda: datetime.now(UTC)))
    library.startService()
    with pytest.raises(Exception, match="sound worker: Not a directory"):
        await library.speech("Een.")
    await library.stopService()
