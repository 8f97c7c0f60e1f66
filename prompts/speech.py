"""The joint between words and sound. No I/O here.

`prompts.library.Library` is the real `PromptLibrary`; it normalises, speaks, shapes, encodes and caches.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy
from numpy.typing import NDArray

from foundation.sound import Sound

Samples = NDArray[numpy.int16]
"""Mono, 16 bit; the rate travels beside it."""


class SpeechFailed(Exception):
    """No engine could say it; the message says which were tried and why each failed."""


class NothingToSay(SpeechFailed):
    """The text has no word in it: no voice is at fault."""


class BadRecording(ValueError):
    """An uploaded file that is no sound we can play; the message says what to send instead."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """`words` are what the engine was given, after normalising; `engine` the voice that spoke."""

    samples: Samples
    sample_rate: int
    words: str
    engine: str


class Engine(Protocol):
    """One voice. May live in a child process; `speak` raises SpeechFailed after its time-out or a crash."""

    @property
    def name(self) -> str: ...

    async def speak(self, words: str, language: str) -> Spoken: ...


class PromptLibrary(Protocol):
    """Text or a recording in, a cached sound out. The same input gives the same file, rendered once."""

    async def speech(self, text: str, language: str = "nl", *, repeat_pause: bool = False) -> Sound:
        """Raises SpeechFailed."""
        ...

    async def recording(self, wav: Path) -> Sound:
        """An operator's own voice, levelled and encoded like speech. Raises BadRecording."""
        ...
