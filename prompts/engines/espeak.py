"""espeak-ng, embedded: the voice that always works. A child process does the speaking."""

from __future__ import annotations

from typing import Any

import numpy

from prompts.child import Child, ChildFailed
from prompts.speech import SpeechFailed, Spoken

VOICES = {"nl": "nl", "en": "en", "de": "de", "fr": "fr", "pl": "pl", "tr": "tr", "ar": "ar"}


class EspeakEngine:
    """`voice` is the one for Dutch (`nl`, or a variant as `nl+f2`); other languages use their own, of the same variant."""

    def __init__(
        self, reactor: Any, voice: str = "nl", words_per_minute: int = 145, timeout_seconds: float = 20
    ) -> None:
        self.child = Child("prompts.engines.espeak_worker", reactor, timeout_seconds)
        self._voice = voice
        self._words_per_minute = words_per_minute

    @property
    def name(self) -> str:
        return f"espeak {self._voice} {self._words_per_minute}"

    async def speak(self, words: str, language: str) -> Spoken:
        """Raises SpeechFailed."""
        request = {"text": words, "voice": self._voice_for(language), "words_per_minute": self._words_per_minute}
        try:
            answer = await self.child.ask(request)
        except ChildFailed as error:
            raise SpeechFailed(f"espeak: {error}") from error
        if "error" in answer.head:
            raise SpeechFailed(f"espeak: {answer.head['error']}")
        samples = numpy.frombuffer(answer.body, numpy.int16)
        return Spoken(samples, int(answer.head["rate"]), words, self.name)

    def start(self) -> None:
        self.child.start()

    async def stop(self) -> None:
        await self.child.stop()

    def _voice_for(self, language: str) -> str:
        if language == "nl":
            return self._voice
        _, plus, variant = self._voice.partition("+")
        return VOICES.get(language, language) + plus + variant
