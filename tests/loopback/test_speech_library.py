"""The prompt library with its real voice: a child process, real files, a reactor."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import numpy
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import LogEvent, LogLevel, globalLogPublisher

from foundation.clock import Clocks
from foundation.sound import Codec
from prompts.codecs import NARROW, WIDE, decode
from prompts.engines.spoken import ChildEngine
from prompts.level import measure
from prompts.library import Library
from prompts.settings import SpeechSettings
from prompts.speech import SpeechFailed, Spoken

MESSAGE = (
    "Wilt u uitkijken naar een jongen van 12 jaar, met een blauwe jas, een spijkerbroek en witte schoenen. "
    "Hij is het laatst gezien in de Dorpsstraat 12 in Utrecht. Bel 0800-0011."
)


class CountingEngine(ChildEngine):
    def __init__(self, *, voice: str = "nl", timeout_seconds: float = 4) -> None:
        super().__init__("espeak", reactor, {"nl": voice}, words_per_minute=145, timeout_seconds=timeout_seconds)
        self.spoken = 0

    async def speak(self, words: str, language: str) -> Spoken:
        self.spoken += 1
        return await super().speak(words, language)


def library(cache: Path, *engines: ChildEngine) -> Library:
    clocks = Clocks(time.monotonic, lambda: datetime.now(UTC))
    return Library(SpeechSettings(cache=cache), reactor, clocks, engines=engines)


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()


@pytest_twisted.async_yield_fixture
async def speaking(tmp_path: Path, engine: CountingEngine) -> AsyncIterator[Library]:
    made = library(tmp_path / "prompts", engine)
    made.startService()
    yield made
    await made.stopService()


@pytest_twisted.ensureDeferred
async def test_a_message_becomes_files_for_every_codec_at_the_right_level(speaking: Library) -> None:
    sound = await speaking.speech(MESSAGE)
    codecs: tuple[Codec, ...] = ("PCMA", "PCMU", "G722")
    for codec in codecs:
        data = sound.path(codec).read_bytes()
        assert len(data) == sound.milliseconds * 8
        level = measure(decode(data, codec).astype(numpy.float32), WIDE if codec == "G722" else NARROW)
        assert level.active_dbm0 == pytest.approx(-19, abs=1)
        assert level.peak_dbfs < -3
    assert 9_000 < sound.milliseconds < 20_000
    assert sound.wav.stat().st_size == sound.milliseconds * 16 + 44


@pytest_twisted.ensureDeferred
async def test_silence_stands_before_and_after(speaking: Library) -> None:
    once = decode((await speaking.speech(MESSAGE)).path("PCMA").read_bytes(), "PCMA")
    repeated = decode((await speaking.speech(MESSAGE, repeat_pause=True)).path("PCMA").read_bytes(), "PCMA")
    for samples, tail in ((once, 300), (repeated, 1000)):
        loud = numpy.flatnonzero(numpy.abs(samples) > 100)
        assert 500 <= loud[0] / 8 <= 540
        assert tail <= (len(samples) - loud[-1]) / 8 <= tail + 60


@pytest_twisted.ensureDeferred
async def test_the_same_message_asked_for_together_is_spoken_once(speaking: Library, engine: CountingEngine) -> None:
    sounds = await gatherResults([Deferred.fromCoroutine(speaking.speech("Eén zin voor iedereen.")) for _ in range(8)])
    assert len(set(sounds)) == 1
    assert engine.spoken == 1
    await speaking.speech("Eén zin voor iedereen.")
    assert engine.spoken == 1


@pytest_twisted.ensureDeferred
async def test_what_was_rendered_outlives_the_process(tmp_path: Path) -> None:
    first, second = CountingEngine(), CountingEngine()
    for engine in (first, second):
        made = library(tmp_path, engine)
        made.startService()
        await made.speech(MESSAGE)
        await made.stopService()
    assert first.spoken > 0
    assert second.spoken == 0


@pytest_twisted.ensureDeferred
async def test_a_voice_that_crashes_is_restarted(speaking: Library, engine: CountingEngine) -> None:
    await speaking.speech("Een.")
    pid = engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # so that the request is there when it dies
    waiting = Deferred.fromCoroutine(speaking.speech("Twee."))
    os.kill(pid, signal.SIGKILL)
    await waiting
    assert engine.child.started == 2


@pytest_twisted.ensureDeferred
async def test_a_voice_that_hangs_is_killed_and_the_message_spoken_by_the_next(tmp_path: Path) -> None:
    engine = CountingEngine(timeout_seconds=0.8)
    made = library(tmp_path, engine)
    made.startService()
    await made.speech("Een.")
    hanging = engine.pid
    assert hanging is not None
    os.kill(hanging, signal.SIGSTOP)
    await made.speech("Twee.")
    assert engine.pid != hanging
    await made.stopService()


@pytest_twisted.ensureDeferred
async def test_a_voice_that_is_not_there_falls_back_to_the_next(tmp_path: Path) -> None:
    made = library(tmp_path, CountingEngine(voice="xx"), CountingEngine())
    made.startService()
    rendering = await made.rendering("Goedemorgen.")
    assert rendering.engine == "espeak nl 145"
    await made.stopService()


@pytest_twisted.ensureDeferred
async def test_a_text_without_words_is_refused(speaking: Library) -> None:
    with pytest.raises(SpeechFailed, match="no word"):
        await speaking.speech(" …! ")


@pytest_twisted.ensureDeferred
async def test_stopping_leaves_no_child(tmp_path: Path) -> None:
    engine = CountingEngine()
    made = library(tmp_path, engine)
    made.startService()
    await made.speech("Een.")
    pid = engine.pid
    assert pid is not None
    await made.stopService()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest_twisted.ensureDeferred
async def test_a_stop_while_fixed_texts_are_rendered_is_no_fault(tmp_path: Path, engine: CountingEngine) -> None:
    made = library(tmp_path / "prompts", engine)
    warned: list[LogEvent] = []

    def observe(event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.warn:
            warned.append(event)

    globalLogPublisher.addObserver(observe)
    try:
        made.startService()
        warming = Deferred.fromCoroutine(made.warm())
        await made.stopService()
        await warming
    finally:
        globalLogPublisher.removeObserver(observe)
    assert warned == []
