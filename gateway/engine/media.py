"""What the engine asks of speech and text before an action starts: sizes for the estimate, a sound for the console."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from gateway.engine.channel import Message
from gateway.engine.voice_prompts import VoicePrompts
from prompts.speech import PromptLibrary
from sms.events import Segmented


class Media(Protocol):
    def segments(self, text: str) -> tuple[int, tuple[str, ...]]:
        """How many SMS segments a text takes, and advice on the characters that cost some."""
        ...

    async def wav(self, message: Message, language: str = "nl") -> Path:
        """A WAV of what a phone will hear. Raises `prompts.speech.SpeechFailed`."""
        ...

    async def check_recording(self, wav: Path) -> None:
        """Raises `prompts.speech.BadRecording` for a file that can't be played."""
        ...


class RoomMedia:
    """The real one: the sound that the voice channel prepares and the text room's segments."""

    def __init__(self, library: PromptLibrary, voice: VoicePrompts, segment: Callable[[str], Segmented]) -> None:
        self._library = library
        self._voice = voice
        self._segment = segment

    def segments(self, text: str) -> tuple[int, tuple[str, ...]]:
        segmented = self._segment(text)
        return len(segmented.segments), segmented.advice

    async def wav(self, message: Message, language: str = "nl") -> Path:
        return (await self._voice.prepare(message)).message(language).wav

    async def check_recording(self, wav: Path) -> None:
        await self._library.recording(wav)
