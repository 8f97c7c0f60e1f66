"""The prompt library: text or a recording in, sound files for telephones out. A Twisted service with child processes.

Text is normalised, cut where it pauses, spoken piece by piece (pieces are kept, so what messages share is spoken once),
joined, encoded and saved. Sound is worked on in a thread: the reactor only waits.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from foundation.clock import Clocks
from foundation.sound import Sound
from prompts.audio import LEAD_MILLISECONDS, REPEAT_MILLISECONDS, TAIL_MILLISECONDS, Piece, joined, piece
from prompts.engines.espeak import EspeakEngine
from prompts.files import SoundFiles
from prompts.normalise import Normalised, normalise
from prompts.once import Once
from prompts.recording import read_recording, recorded_piece
from prompts.settings import SpeechSettings
from prompts.shape import Segment, segments
from prompts.speech import SpeechFailed

Result = TypeVar("Result")

SHAPE_VERSION = 1
"""Part of every file name: raise it when the same words should sound otherwise."""

_PIECES_BYTES = 64 * 1024 * 1024
_REST_SECONDS = 60.0


class RunningEngine(Protocol):
    """An `Engine` with a child process to start and stop."""

    @property
    def name(self) -> str: ...

    async def speak(self, words: str, language: str) -> Any: ...

    def start(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Rendering:
    """A sound with what it says: for `burgernet say` and the console. `engine` is the voice that spoke."""

    sound: Sound
    normalised: Normalised
    engine: str


class Library(Service):
    """`engines` in the order of falling back; without them those that the settings name. `offload` runs a function away
    from the reactor; without it a thread of the library's own."""

    _log = Logger()

    def __init__(
        self,
        settings: SpeechSettings,
        reactor: Any,
        clocks: Clocks,
        *,
        engines: Sequence[RunningEngine] | None = None,
        offload: Callable[[Callable[[], Any]], Deferred[Any]] | None = None,
    ) -> None:
        self._clocks = clocks
        self._engines = list(engines) if engines is not None else default_engines(settings, reactor)
        self._files = SoundFiles(settings.cache, settings.cache_megabytes * 1_000_000)
        self._pool = ThreadPool(0, 1, "sound")
        self._reactor = reactor
        self._offload = offload or self._in_thread
        self._messages: Once[tuple[str, str, bool], Rendering] = Once()
        self._recordings: Once[str, Sound] = Once()
        self._making: Once[tuple[str, str, str], Piece] = Once()
        self._pieces: OrderedDict[tuple[str, str, str], Piece] = OrderedDict()
        self._pieces_bytes = 0
        self._resting: dict[str, float] = {}

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]  # Twisted has no types here
        self._pool.start()
        for engine in self._engines:
            engine.start()
        self._offload(self._files.tidy).addErrback(lambda failure: self._log.failure("prompts not tidied", failure))

    def stopService(self) -> Deferred[None]:
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted has no types here
        stopped = gatherResults([Deferred.fromCoroutine(engine.stop()) for engine in self._engines])
        return stopped.addCallback(lambda _: self._pool.stop())

    async def speech(self, text: str, language: str = "nl", *, repeat_pause: bool = False) -> Sound:
        """The message as sound. Raises SpeechFailed."""
        return (await self.rendering(text, language, repeat_pause=repeat_pause)).sound

    async def rendering(self, text: str, language: str = "nl", *, repeat_pause: bool = False) -> Rendering:
        """The message as sound, with its words and the voice that spoke. Raises SpeechFailed."""
        key = (text, language, repeat_pause)
        return await self._messages.do(key, lambda: self._render(*key))

    async def recording(self, wav: Path) -> Sound:
        """An operator's own voice, levelled and encoded like speech. Raises BadRecording."""
        data = await self._offload(lambda: read_recording(wav))
        name = _name("recording", hashlib.sha256(data).hexdigest())
        return await self._recordings.do(name, lambda: self._record(name, data))

    async def _record(self, name: str, data: bytes) -> Sound:
        def work() -> Sound:
            found = self._files.find(name)
            if found is not None:
                return found
            sound = joined([(recorded_piece(data), TAIL_MILLISECONDS)])
            return self._files.write(name, sound, {"words": "", "engine": "recording"})

        made: Sound = await self._offload(work)
        return made

    async def _render(self, text: str, language: str, repeat_pause: bool) -> Rendering:
        normalised = normalise(text, language)
        plan = segments(normalised.words)
        if not plan:
            raise SpeechFailed("the text has no word in it that can be spoken")
        tail = REPEAT_MILLISECONDS if repeat_pause else TAIL_MILLISECONDS
        plan[-1] = replace(plan[-1], pause=tail)
        reasons: list[str] = []
        for engine in self._engines_by_health():
            try:
                sound = await self._speak(engine, plan, language, normalised.words)
            except SpeechFailed as error:
                self._resting[engine.name] = self._clocks.now() + _REST_SECONDS
                self._log.warn("voice failed {engine} {reason}", engine=engine.name, reason=str(error))
                reasons.append(str(error))
            else:
                return Rendering(sound, normalised, engine.name)
        raise SpeechFailed("; ".join(reasons))

    def _engines_by_health(self) -> list[RunningEngine]:
        """In their order, but those that failed within the last minute come last."""
        now = self._clocks.now()
        return sorted(self._engines, key=lambda engine: self._resting.get(engine.name, now) > now)

    async def _speak(self, engine: RunningEngine, plan: list[Segment], language: str, words: str) -> Sound:
        name = _name(engine.name, language, *(f"{part.words}|{part.pause}" for part in plan))
        found: Sound | None = await self._offload(lambda: self._files.find(name))
        if found is not None:
            return found
        pieces = [(await self._piece(engine, part.words, language), part.pause) for part in plan]
        description = {"words": words, "engine": engine.name}
        made: Sound = await self._offload(lambda: self._files.write(name, joined(pieces), description))
        return made

    async def _piece(self, engine: RunningEngine, words: str, language: str) -> Piece:
        key = (engine.name, language, words)
        if key in self._pieces:
            self._pieces.move_to_end(key)
            return self._pieces[key]
        return await self._making.do(key, lambda: self._make_piece(engine, key))

    async def _make_piece(self, engine: RunningEngine, key: tuple[str, str, str]) -> Piece:
        _, language, words = key
        spoken = await engine.speak(words, language)
        made: Piece = await self._offload(lambda: piece(spoken.samples, spoken.sample_rate))
        if not made.milliseconds:
            raise SpeechFailed(f"{engine.name}: it said nothing")
        self._pieces[key] = made
        self._pieces_bytes += made.size
        while self._pieces_bytes > _PIECES_BYTES:
            self._pieces_bytes -= self._pieces.popitem(last=False)[1].size
        return made

    def _in_thread(self, work: Callable[[], Any]) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._pool, work)


def default_engines(settings: SpeechSettings, reactor: Any) -> list[RunningEngine]:
    """The voice that the settings name, then espeak-ng, which needs nothing from outside."""
    return [EspeakEngine(reactor, settings.voice, settings.words_per_minute, settings.timeout_seconds)]


def _name(*parts: str) -> str:
    return hashlib.sha256(json.dumps([SHAPE_VERSION, *parts]).encode()).hexdigest()[:32]
