"""How a text sounds on the phone: what `burgernet say` does, and what the console draws. Writes the WAV; no other I/O."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foundation.clock import Clocks
from foundation.sound import Sound
from prompts.library import Library
from prompts.normalise import Note
from prompts.settings import SpeechSettings


@dataclass(frozen=True, slots=True)
class Said:
    """What was spoken: the words, what each rule did (`rule`, `written`, `spoken`), which voice, and the sound."""

    words: str
    notes: tuple[Note, ...]
    engine: str
    sound: Sound
    output: Path | None

    @property
    def milliseconds(self) -> int:
        return self.sound.milliseconds


async def say(text: str, output: Path | None, settings: SpeechSettings, reactor: Any, language: str = "nl") -> Said:
    """Speak a text and put what a telephone makes of it into `output`, a WAV. Starts and stops a voice of its own.

    Raises SpeechFailed, and OSError where the file cannot be written.
    """
    library = Library(settings, reactor, Clocks(reactor.seconds, lambda: datetime.now(UTC)))
    library.startService()
    try:
        rendering = await library.rendering(text, language)
    finally:
        await library.stopService()
    if output is not None:
        shutil.copyfile(rendering.sound.wav, output)
    return Said(rendering.normalised.words, rendering.normalised.notes, rendering.engine, rendering.sound, output)
