"""An engine whose voice lives in a child process. What differs between voices is data: the module, the voices, the rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy

from prompts.child import Child, ChildFailed
from prompts.speech import SpeechFailed, Spoken


class ChildEngine:
    """`voices` by language; a language without one raises SpeechFailed, so that the next engine is asked. `variants` are
    endings of a voice's name that make another voice of it."""

    def __init__(
        self,
        kind: str,
        reactor: Any,
        voices: Mapping[str, str],
        *,
        words_per_minute: int,
        timeout_seconds: float,
        arguments: Sequence[str] = (),
        takes_phonemes: bool = False,
        variants: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.takes_phonemes = takes_phonemes
        self.child = Child(f"prompts.engines.{kind}_worker", reactor, timeout_seconds, arguments)
        self._voices = dict(voices)
        self._words_per_minute = words_per_minute
        self._variants = tuple(variants)

    @property
    def name(self) -> str:
        """Kind, voice for Dutch and rate: part of a sound's file name, and what the operator sees."""
        return f"{self._called} {self._words_per_minute}"

    @property
    def voices(self) -> tuple[str, ...]:
        """What it can be heard in, its own voice first: for comparing."""
        bare = self._called.partition("+")[0]
        return tuple(dict.fromkeys((self._called, *(bare + variant for variant in self._variants))))

    def in_voice(self, voice: str, words_per_minute: int) -> ChildEngine:
        """The same engine, in the same process, with one of `voices` and another rate."""
        other = copy(self)
        other._words_per_minute = words_per_minute
        if voice != self._called:
            variant = voice.removeprefix(self._called.partition("+")[0])
            other._voices = {language: name.partition("+")[0] + variant for language, name in self._voices.items()}
        return other

    @property
    def _called(self) -> str:
        voice = self._voices.get("nl", next(iter(self._voices.values()), "none"))
        return f"{self.kind} {voice.rpartition('/')[2]}"

    @property
    def pid(self) -> int | None:
        return self.child.pid

    async def speak(self, words: str, language: str) -> Spoken:
        """Raises SpeechFailed."""
        voice = self._voices.get(language)
        if voice is None:
            raise SpeechFailed(f"{self.kind}: it has no voice for {language!r}")
        request = {"text": words, "voice": voice, "words_per_minute": self._words_per_minute}
        try:
            answer = await self.child.ask(request)
        except ChildFailed as error:
            raise SpeechFailed(f"{self.kind}: {error}") from error
        if "error" in answer.head:
            raise SpeechFailed(f"{self.kind}: {answer.head['error']}")
        samples = numpy.frombuffer(answer.body, numpy.int16)
        return Spoken(samples, int(answer.head["rate"]), words, self.name)

    def start(self) -> None:
        self.child.start()

    async def stop(self) -> None:
        await self.child.stop()
