"""The prompt library: text or a recording in, sound files for telephones out. A Twisted service with child processes.

Text is normalised, cut where it pauses and spoken piece by piece. Pieces are kept, so that what messages share is spoken
once; a message is joined of them, encoded and saved. All of the work is done by children: the reactor only waits.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from foundation.clock import Clocks
from foundation.sound import Sound
from prompts import attention
from prompts.engines import choice
from prompts.lexicon import Entry, Lexicon, LexiconFile
from prompts.normalise import Normalised, normalise, readable, voiced
from prompts.once import Once
from prompts.pieces import REPEAT_MILLISECONDS, TAIL_MILLISECONDS
from prompts.settings import SpeechSettings
from prompts.shape import Segment, segments
from prompts.sounds import Sounds
from prompts.speech import Engine, NothingToSay, SpeechFailed
from prompts.texts import Keys, fixed, without_name
from prompts.waveform import Waveform

SHAPE_VERSION = 1
"""Part of every file name: raise it when the same words should sound otherwise."""

_SOUND_NAME = re.compile(r"(?:recording-\d+-)?[0-9a-f]{24,32}")
_TIDY_SECONDS = 3600.0
_REST_SECONDS = 60.0
_ROUNDS = 3  # a sound worker that was restarted has lost its pieces: they are spoken again


class RunningEngine(Engine, Protocol):
    """An engine with a child process to start and stop."""

    @property
    def pid(self) -> int | None: ...

    @property
    def takes_phonemes(self) -> bool: ...

    @property
    def voices(self) -> tuple[str, ...]: ...

    def in_voice(self, voice: str, words_per_minute: int) -> RunningEngine: ...

    def start(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Rendering:
    """A sound with what it says: for `burgernet say` and the console. `engine` is the voice that spoke."""

    sound: Sound
    normalised: Normalised
    engine: str


@dataclass(frozen=True, slots=True)
class _Work:
    """A message ready to be spoken by whichever voice can."""

    plan: list[Segment]
    language: str
    words: str
    lexicon: Lexicon
    tone_first: bool


class Library(Service):
    """`engines` in the order of falling back; without them those that the settings name."""

    _log = Logger()

    def __init__(
        self,
        settings: SpeechSettings,
        reactor: Any,
        clocks: Clocks,
        *,
        engines: Sequence[RunningEngine] | None = None,
    ) -> None:
        self._clocks = clocks
        self._engines = list(engines) if engines is not None else choice.engines(settings, reactor)
        self._sounds = Sounds(settings.cache, settings.cache_megabytes * 1_000_000, reactor)
        self._tone_first = settings.attention == "tone"
        self._tidying = LoopingCall(self._tidy)
        self._tidying.clock = reactor
        self.lexicon = LexiconFile(settings.lexicon)
        self.words_per_minute = settings.words_per_minute
        self._messages: Once[tuple[str, str, bool], Rendering] = Once()
        self._pieces: Once[str, None] = Once()
        self._resting: dict[tuple[str, str], float] = {}

    def startService(self) -> None:
        super().startService()
        self._sounds.child.start()
        for engine in self._engines:
            engine.start()
        self._tidying.start(_TIDY_SECONDS).addErrback(self._not_tidied)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        if self._tidying.running:
            self._tidying.stop()
        children = [self._sounds.child, *self._engines]
        return gatherResults([Deferred.fromCoroutine(child.stop()) for child in children]).addCallback(lambda _: None)

    def processes(self) -> dict[str, int | None]:
        """The children that run now, by what they do: for operators and measurements."""
        voices = {engine.name: engine.pid for engine in self._engines}
        return {"sound": self._sounds.child.pid, **voices}

    async def speech(self, text: str, language: str = "nl", *, repeat_pause: bool = False) -> Sound:
        """The message as sound. Raises SpeechFailed."""
        return (await self.rendering(text, language, repeat_pause=repeat_pause)).sound

    async def rendering(self, text: str, language: str = "nl", *, repeat_pause: bool = False) -> Rendering:
        """The message as sound, with its words and the voice that spoke. Raises SpeechFailed."""
        key = (text, language, repeat_pause)
        return await self._messages.do(key, lambda: self._render(*key))

    async def warm(self, language: str = "nl", keys: Keys | None = None) -> int:
        """Render the fixed texts of a language, so that no call waits for them. Returns how many there are; a voice that
        fails is logged, and the text is tried again when it is wanted."""
        texts = fixed(language, keys)
        for text in texts:
            try:
                await self.speech(text, language)
            except SpeechFailed as error:
                if not self.running:
                    break
                self._log.warn("fixed text not rendered {language} {reason}", language=language, reason=str(error))
        return len(texts)

    async def recording(self, wav: Path) -> Sound:
        """An operator's own voice, levelled and encoded like speech. Raises BadRecording."""
        return await self._sounds.recording(wav, f"recording-{SHAPE_VERSION}-")

    @property
    def voices(self) -> tuple[str, ...]:
        """What `audition` can be asked for, the one that speaks to people first."""
        return tuple(voice for engine in self._engines for voice in engine.voices)

    async def audition(
        self, text: str, language: str, voice: str, words_per_minute: int, trial: Entry | None = None
    ) -> Rendering:
        """A text in one of `voices`, to compare, or with an entry that the lexicon has not yet; no other voice steps in.
        Raises SpeechFailed."""
        for engine in self._engines:
            if voice in engine.voices:
                chosen = [engine.in_voice(voice, words_per_minute)]
                lexicon = self.lexicon.current()
                lexicon = lexicon if trial is None else lexicon.with_entries([trial])
                return await self._render(text, language, False, chosen, lexicon)
        raise SpeechFailed(f"there is no voice {voice!r}; choose one of {', '.join(self.voices)}")

    async def waveform(self, name: str, columns: int = 800) -> Waveform | None:
        """What to draw of a sound, by the name of its files; None where it is not kept. Raises SpeechFailed."""
        return await self._sounds.waveform(name, columns) if _SOUND_NAME.fullmatch(name) else None

    def wav(self, name: str) -> Path | None:
        """What a telephone hears, by the name of the sound's files."""
        return self._sounds.path(name) if _SOUND_NAME.fullmatch(name) else None

    async def _render(
        self,
        text: str,
        language: str,
        repeat_pause: bool,
        engines: Sequence[RunningEngine] | None = None,
        lexicon: Lexicon | None = None,
    ) -> Rendering:
        nameless = without_name(text, language) if self._tone_first else None
        lexicon = lexicon if lexicon is not None else self.lexicon.current()
        normalised = normalise(text if nameless is None else nameless, language, lexicon)
        plan = segments(normalised.said)
        if not plan:
            raise NothingToSay("the text has no word in it that can be spoken")
        tail = REPEAT_MILLISECONDS if repeat_pause else TAIL_MILLISECONDS
        plan[-1] = replace(plan[-1], pause=tail)
        work = _Work(plan, language, normalised.words, lexicon, tone_first=nameless is not None)
        reasons: list[str] = []
        for engine in engines if engines is not None else self._engines_by_health(language):
            try:
                sound = await self._speak(engine, work)
            except SpeechFailed as error:
                self._resting[engine.name, language] = self._clocks.now() + _REST_SECONDS
                if self.running:
                    self._log.warn("voice failed {engine} {reason}", engine=engine.name, reason=str(error))
                reasons.append(str(error))
            else:
                return Rendering(sound, normalised, engine.name)
        raise SpeechFailed("; ".join(reasons))

    def _engines_by_health(self, language: str) -> list[RunningEngine]:
        """In their order, but those that failed within the last minute come last."""
        now = self._clocks.now()
        return sorted(self._engines, key=lambda engine: self._resting.get((engine.name, language), now) > now)

    async def _speak(self, engine: RunningEngine, work: _Work) -> Sound:
        given = [
            voiced(part.words, work.language, work.lexicon, takes_phonemes=engine.takes_phonemes) for part in work.plan
        ]
        names = [_name(engine.name, work.language, words) for words in given]
        words_of = dict(zip(names, given, strict=True))
        parts = [(name, part.pause) for name, part in zip(names, work.plan, strict=True)]
        passages = [readable(part.words) for part in work.plan]
        if work.tone_first:
            parts.insert(0, (attention.NAME, attention.PAUSE_MILLISECONDS))
            passages.insert(0, attention.WORDS)
        name = _name("message", *(f"{piece} {pause}" for piece, pause in parts))
        description = {"words": work.words, "engine": engine.name}
        for _ in range(_ROUNDS):
            made = await self._sounds.join(name, parts, passages, description)
            if isinstance(made, Sound):
                return made
            try:
                await gatherResults(
                    [self._piece(engine, piece, words_of[piece], work.language) for piece in made], consumeErrors=True
                )
            except FirstError as error:
                error.subFailure.raiseException()
        raise SpeechFailed("the sound worker is restarted again and again")

    def _piece(self, engine: RunningEngine, name: str, words: str, language: str) -> Deferred[None]:
        async def work() -> None:
            await self._sounds.piece(name, await engine.speak(words, language))

        return self._pieces.do(name, work)

    def _tidy(self) -> Deferred[Any]:
        """What could not be tidied this time is tried again the next."""
        return Deferred.fromCoroutine(self._sounds.tidy()).addErrback(self._not_tidied)

    def _not_tidied(self, failure: Failure) -> None:
        self._log.warn("prompts not tidied {reason}", reason=failure.getErrorMessage())


def _name(*parts: str) -> str:
    return hashlib.sha256(json.dumps([SHAPE_VERSION, *parts]).encode()).hexdigest()[:32]
