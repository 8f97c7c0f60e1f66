"""The settings of `[speech]`. No I/O."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from foundation.settings import PositiveSeconds, Settings


class SpeechSettings(Settings):
    engine: Literal["espeak", "gtts", "piper"] = "espeak"
    voice: str = "nl"
    words_per_minute: Annotated[int, Field(ge=80, le=300)] = 145
    timeout_seconds: PositiveSeconds = 20
    cache: Path = Path("var/prompts")
    cache_megabytes: Annotated[int, Field(ge=10)] = 2000
