"""An engine whose voice lives in a child process. What differs between voices is data: the module, the voices, the rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from prompts.child import Child, ChildFailed
from prompts.speech import SpeechFailed, Spoken


class ChildEngine:
    """`voices` by language; a language without one raises SpeechFailed, so that the next engine is asked."""

    def __init__(
        self,
        kind: str,
        reactor: Any,
        voices: Mapping[str, str],
        *,
        words_per_minute: int,
        timeout_seconds: float,
        arguments: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.child = Child(f"prompts.engines.{kind}_worker", reactor, timeout_seconds, arguments)
        self._voices = dict(voices)
        self._words_per_minute = words_per_minute

    @property
    def name(self) -> str:
        """Kind, voice for Dutch and rate: part of a sound's file name, and what the operator sees."""
        voice = self._voices.get("nl", next(iter(self._voices.values()), "none"))
        return f"{self.kind} {voice.rpartition('/')[2]} {self._words_per_minute}"

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
