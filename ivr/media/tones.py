"""The tones of a telephone, rendered once a codec. No I/O.

Cadences: ITU-T E.180, Netherlands: ringing 425 Hz 1 s on, 4 s off; busy 425 Hz 0.5 s on, 0.5 s off.
Levels in dBm0 (a full-scale sine is +3.14 dBm0, ITU-T G.711).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy

from foundation.sound import Codec
from ivr.media.analysis import HIGH_HERTZ, KEYS, LOW_HERTZ
from ivr.media.codecs import Encoder, Octets, Samples
from ivr.media.messages import Tone

SAMPLE_RATE = 8000
KEY_PAUSE_MILLISECONDS = 70
_RAMP_MILLISECONDS = 5
_LOW_LEVEL, _HIGH_LEVEL = -9.0, -7.0


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a tone: hertz (0 is silence), milliseconds, dBm0."""

    hertz: float
    milliseconds: int
    level: float = -13.0


@dataclass(frozen=True, slots=True)
class Pattern:
    """`repeats`: the tone goes on until stopped; else it is over after its parts."""

    parts: tuple[Part, ...]
    repeats: bool
    ramps: bool = True


# A repeating pattern is a multiple of 20 ms; the test tone of 120 ms too, so that its laps join at any ptime.
PATTERNS: dict[Tone, Pattern] = {
    "ringback": Pattern((Part(425, 1000), Part(0, 4000)), repeats=True),
    "busy": Pattern((Part(425, 500), Part(0, 500)), repeats=True),
    "beep": Pattern((Part(1000, 400),), repeats=False),
    "attention": Pattern((Part(660, 240), Part(880, 360), Part(0, 200)), repeats=False),
    "test": Pattern((Part(1000, 6000, -10.0),), repeats=True, ramps=False),
}


def amplitude(level: float) -> float:
    """The peak of a sine of so many dBm0, in units of a 16-bit sample."""
    return float(32767 * 10 ** ((level - 3.14) / 20))


def _render(part: Part, ramps: bool) -> Samples:
    count = part.milliseconds * SAMPLE_RATE // 1000
    wave = amplitude(part.level) * numpy.sin(2 * numpy.pi * part.hertz * numpy.arange(count) / SAMPLE_RATE)
    if ramps and part.hertz:
        rise = numpy.linspace(0, 1, _RAMP_MILLISECONDS * SAMPLE_RATE // 1000)
        wave[: len(rise)] *= rise
        wave[-len(rise) :] *= rise[::-1]
    return wave.astype(numpy.int16)


@lru_cache(maxsize=256)
def key(digit: str, milliseconds: int, codec: Codec) -> Octets:
    """A key's two tones (ITU-T Q.23) and the pause after them, encoded."""
    row, column = divmod(KEYS.index(digit), 4)
    moments = numpy.arange(milliseconds * SAMPLE_RATE // 1000) / SAMPLE_RATE
    wave = amplitude(_LOW_LEVEL) * numpy.sin(2 * numpy.pi * LOW_HERTZ[row] * moments)
    wave += amplitude(_HIGH_LEVEL) * numpy.sin(2 * numpy.pi * HIGH_HERTZ[column] * moments)
    pause = numpy.zeros(KEY_PAUSE_MILLISECONDS * SAMPLE_RATE // 1000, dtype=numpy.int16)
    samples = numpy.concatenate([wave.astype(numpy.int16), pause])
    return numpy.frombuffer(Encoder(codec).encode(samples), dtype=numpy.uint8)


@cache
def rendered(tone: Tone, codec: Codec) -> Octets:
    """One lap of the tone, encoded; 8 bytes a millisecond."""
    pattern = PATTERNS[tone]
    samples = numpy.concatenate([_render(part, pattern.ramps) for part in pattern.parts])
    return numpy.frombuffer(Encoder(codec).encode(samples), dtype=numpy.uint8)
