"""The settings of `[speech]`. No I/O."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from foundation.settings import PositiveSeconds, Settings


class SpeechSettings(Settings):
    """`voice` speaks Dutch: a name for espeak (`nl`, `nl+f2`), the path of a voice file for piper. `voices` are those for
    other languages, by language. `attention` is what a message begins with. `lexicon` is a file that an operator edits;
    `gtts_address` is for a proxy or a test."""

    engine: Literal["espeak", "gtts", "piper"] = "espeak"
    voice: str = "nl"
    voices: dict[Annotated[str, Field(pattern=r"^[a-z]{2}$")], str] = Field(default_factory=dict)
    words_per_minute: Annotated[int, Field(ge=80, le=300)] = 145
    attention: Literal["name", "tone"] = "name"
    timeout_seconds: PositiveSeconds = 20
    cache: Path = Path("var/prompts")
    cache_megabytes: Annotated[int, Field(ge=10)] = 2000
    lexicon: Path | None = None
    gtts_consent: bool = False
    gtts_address: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.engine == "gtts" and not self.gtts_consent:
            raise ValueError(
                "engine gtts sends every text, police texts too, to a public web service; "
                "write gtts_consent = true to allow that, or choose espeak or piper"
            )
        if self.engine == "piper" and not self.voice.endswith(".onnx"):
            raise ValueError('engine piper wants voice = "FILE.onnx"; docs/prompts.md says where Dutch voices are')
        return self
