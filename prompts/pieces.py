"""Pieces of speech as telephones get them, and pieces joined to a message. No I/O.

A piece is encoded once, behind 300 ms of silence. PCMA and PCMU have no memory; G.722 has, but within 200 ms of silence
encoder and decoder forget what was before (measured: the error of joined pieces is that of one run), so that pieces of
every codec are joined by putting their bytes one after the other, without a seam.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy

from foundation.sound import BYTES_A_MILLISECOND, Codec
from prompts.audio import fitted
from prompts.codecs import NARROW, WIDE, encode
from prompts.speech import Samples

LEAD_MILLISECONDS = 500
TAIL_MILLISECONDS = 300
REPEAT_MILLISECONDS = 1000
"""Silence at the end of what is said again: with the lead of the next time it makes 1.5 s."""

BEFORE_MILLISECONDS = 300
"""Silence within each piece, before its speech: no pause may be shorter."""

CODECS: tuple[Codec, ...] = ("PCMA", "PCMU", "G722")
_LONGEST_SILENCE = 10_000


@dataclass(frozen=True, slots=True)
class Piece:
    """The bytes of one sound, by codec; all of one length."""

    encoded: dict[Codec, bytes]

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(map(len, self.encoded.values()))

    @property
    def milliseconds(self) -> int:
        return len(self.encoded["PCMA"]) // BYTES_A_MILLISECOND


def piece(samples: Samples, rate: int) -> Piece | None:
    """Speech as an engine or a microphone gave it; None where there is none in it."""
    fit = fitted(samples, rate)
    if not len(fit.narrow):
        return None
    narrow = numpy.concatenate((_zeros(BEFORE_MILLISECONDS, NARROW), fit.narrow))
    wide = numpy.concatenate((_zeros(BEFORE_MILLISECONDS, WIDE), fit.wide))
    return Piece({codec: encode(wide if codec == "G722" else narrow, codec) for codec in CODECS})


def joined(parts: Sequence[tuple[Piece, int]], lead: int = LEAD_MILLISECONDS) -> Piece:
    """Pieces with so many milliseconds of silence (at least 300) after each, and before the first."""
    pauses = [lead, *(pause for _, pause in parts)]
    encoded: dict[Codec, bytes] = {}
    for codec in CODECS:
        sound = bytearray()
        for (part, _), before in zip(parts, pauses, strict=False):
            sound += _silence(codec, before - BEFORE_MILLISECONDS) + part.encoded[codec]
        encoded[codec] = bytes(sound + _silence(codec, pauses[-1]))
    return Piece(encoded)


def _silence(codec: Codec, milliseconds: int) -> bytes:
    if milliseconds < 0:
        raise ValueError(f"no pause is shorter than {BEFORE_MILLISECONDS} ms")
    return _long_silence(codec)[: milliseconds * BYTES_A_MILLISECOND]


@cache
def _long_silence(codec: Codec) -> bytes:
    return encode(_zeros(_LONGEST_SILENCE, WIDE if codec == "G722" else NARROW), codec)


def _zeros(milliseconds: int, rate: int) -> Samples:
    return numpy.zeros(milliseconds * rate // 1000, numpy.int16)
