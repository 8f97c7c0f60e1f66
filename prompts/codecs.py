"""The three telephone codecs, both ways, and WAV. No I/O.

PCMA and PCMU are ITU-T G.711, by a table over all 65,536 samples (1 ns a sample, measured); G.722 is the `G722` package.
"""

from __future__ import annotations

import io
import wave
from functools import cache
from typing import Literal

import G722
import numpy
from numpy.typing import NDArray

from foundation.sound import Codec
from prompts.speech import Samples

_Bytes = NDArray[numpy.uint8]

NARROW = 8000
WIDE = 16000


def encode(samples: Samples, codec: Codec) -> bytes:
    """Samples at 8 kHz (PCMA, PCMU) or 16 kHz (G722) as 64 kbit/s bytes without header."""
    if codec == "G722":
        even = samples if len(samples) % 2 == 0 else numpy.append(samples, numpy.int16(0))
        return bytes(G722.G722(WIDE, 64000).encode(even))
    return _encoding(codec)[samples.view(numpy.uint16)].tobytes()


def decode(data: bytes, codec: Codec) -> Samples:
    """What the telephone makes of it: 16-bit samples at 8 kHz, for G722 at 16 kHz."""
    if codec == "G722":
        return numpy.asarray(G722.G722(WIDE, 64000).decode(data), dtype=numpy.int16)
    return _decoding(codec)[numpy.frombuffer(data, numpy.uint8)]


def wav(samples: Samples, rate: int) -> bytes:
    """A mono 16-bit WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


@cache
def _decoding(codec: Literal["PCMA", "PCMU"]) -> Samples:
    code = numpy.arange(256, dtype=numpy.int32)
    if codec == "PCMA":
        code ^= 0x55
        exponent, mantissa = (code >> 4) & 7, code & 15
        magnitude = numpy.where(
            exponent == 0, mantissa * 16 + 8, (mantissa * 16 + 264) << numpy.maximum(exponent - 1, 0)
        )
        positive = (code & 0x80) != 0
    else:
        code = ~code & 0xFF
        magnitude = ((((code & 15) << 3) + 132) << ((code >> 4) & 7)) - 132
        positive = (code & 0x80) == 0
    return numpy.where(positive, magnitude, -magnitude).astype(numpy.int16)


@cache
def _encoding(codec: Literal["PCMA", "PCMU"]) -> _Bytes:
    """The nearest decoded value of every sample. A code of the sample's own sign wins a tie, as in G.711's intervals."""
    values = _decoding(codec).astype(numpy.int32)
    order = numpy.argsort(values, kind="stable")
    middles = (values[order][1:] + values[order][:-1]) / 2
    samples = numpy.arange(65536, dtype=numpy.uint16).view(numpy.int16).astype(numpy.int32)
    return order[numpy.searchsorted(middles, samples, side="right")].astype(numpy.uint8)
