"""Which voices speak, in which order, by the settings. No I/O.

The order of falling back: the engine that is set, then espeak-ng, which needs nothing from outside and always works. An
operator's recording stands outside: it is chosen for one action and is never replaced by a voice.
"""

from __future__ import annotations

from typing import Any

from prompts.engines.spoken import ChildEngine
from prompts.settings import SpeechSettings

LANGUAGES = ("nl", "en", "de", "fr", "pl", "tr", "ar")
_ESPEAK_VARIANTS = ("", "+f2", "+f4", "+m3", "+m7")
_GTTS_RATE = 150  # the service has one rate


def espeak(settings: SpeechSettings, reactor: Any) -> ChildEngine:
    """`voice` may be a variant as `nl+f2`: other languages then speak in the same variant."""
    dutch = settings.voice if settings.engine == "espeak" else "nl"
    _, plus, variant = dutch.partition("+")
    voices = {language: language + plus + variant for language in LANGUAGES} | {"nl": dutch}
    if settings.engine == "espeak":
        voices |= settings.voices
    return ChildEngine(
        "espeak",
        reactor,
        voices,
        words_per_minute=settings.words_per_minute,
        timeout_seconds=settings.timeout_seconds,
        takes_phonemes=True,
        variants=_ESPEAK_VARIANTS,
    )


def piper(settings: SpeechSettings, reactor: Any) -> ChildEngine:
    return ChildEngine(
        "piper",
        reactor,
        {"nl": settings.voice} | settings.voices,
        words_per_minute=settings.words_per_minute,
        timeout_seconds=settings.timeout_seconds,
    )


def gtts(settings: SpeechSettings, reactor: Any) -> ChildEngine:
    voices = {language: language for language in LANGUAGES} | settings.voices
    return ChildEngine(
        "gtts",
        reactor,
        voices,
        words_per_minute=_GTTS_RATE,
        timeout_seconds=settings.timeout_seconds,
        arguments=(settings.gtts_address,) if settings.gtts_address else (),
    )


def engines(settings: SpeechSettings, reactor: Any) -> list[ChildEngine]:
    """In the order of falling back."""
    chosen = {"espeak": espeak, "piper": piper, "gtts": gtts}[settings.engine](settings, reactor)
    return [chosen] if settings.engine == "espeak" else [chosen, espeak(settings, reactor)]
