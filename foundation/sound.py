"""A sound that telephones hear: files named by content, one a codec, mapped read-only by the media workers. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Codec = Literal["PCMA", "PCMU", "G722"]

BYTES_A_MILLISECOND = 8
"""All three codecs make 64 kbit/s: 160 bytes each 20 ms (RFC 3551 §4.5)."""


@dataclass(frozen=True, slots=True)
class Sound:
    """`stem` is the path without suffix; the encoded bytes lie in `stem.pcma`, `stem.pcmu`, `stem.g722`, raw and without
    header, what the console plays in `stem.wav`. `milliseconds` is the length of each."""

    stem: Path
    milliseconds: int

    def path(self, codec: Codec) -> Path:
        return self.stem.with_name(f"{self.stem.name}.{codec.lower()}")

    @property
    def wav(self) -> Path:
        return self.stem.with_name(f"{self.stem.name}.wav")
