"""Speech made fit for a telephone. No I/O.

It is trimmed, resampled, limited to the telephone's band, levelled and faded at both ends. It exists twice: at 8 kHz (PCMA,
PCMU) and at 16 kHz (G.722).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import soxr
from numpy.typing import NDArray

from prompts.codecs import NARROW, WIDE
from prompts.level import Wave, levelled
from prompts.speech import Samples

_NARROW_BAND = (180.0, 300.0, 3400.0, 3700.0)
_WIDE_BAND = (60.0, 120.0, 7000.0, 7600.0)
_FADE_IN_SECONDS = 0.008
_FADE_OUT_SECONDS = 0.035  # espeak-ng stops in the middle of a vowel: shorter is heard as a cut
_QUIET = 0.005  # of full scale: under it a beginning or end is silence
_KEEP_BEFORE_SECONDS = 0.02
_KEEP_AFTER_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Fitted:
    """Speech without silence around it; `narrow` at 8 kHz, `wide` at 16 kHz, both of a whole number of milliseconds."""

    narrow: Samples
    wide: Samples


def fitted(samples: Samples, rate: int) -> Fitted:
    """Speech as an engine or a microphone gave it, made fit for both kinds of telephone."""
    trimmed = _trimmed(samples.astype(numpy.float32), rate)
    # A whole number of milliseconds in both: pieces then stay in step when they are joined.
    milliseconds = -(-len(trimmed) * 1000 // rate)
    resampled = soxr.resample(trimmed, rate, WIDE) if rate != WIDE else trimmed
    wide = numpy.zeros(milliseconds * WIDE // 1000, numpy.float32)
    count = min(len(wide), len(resampled))
    wide[:count] = resampled[:count]
    narrow_banded, wide_banded = _banded(wide)
    return Fitted(_finished(narrow_banded, NARROW), _finished(wide_banded, WIDE))


def _finished(wave: Wave, rate: int) -> Samples:
    loud = levelled(_faded(wave, rate), rate)
    return numpy.clip(numpy.rint(loud), -32768, 32767).astype(numpy.int16)


def _banded(wave: Wave) -> tuple[Wave, Wave]:
    """From 16 kHz to the bands of both telephones, at 8 and 16 kHz: one transform there, two back. Zero phase; the edges
    are raised cosines, so that they do not ring audibly."""
    if not len(wave):
        return wave, wave
    length = _quick_length(len(wave) + WIDE // 10)
    spectrum = numpy.fft.rfft(wave, length)
    narrow = numpy.fft.irfft(_shaped(spectrum[: length // 4 + 1], _NARROW_BAND, length), length // 2)
    wide = numpy.fft.irfft(_shaped(spectrum, _WIDE_BAND, length), length)
    return (
        (narrow[: len(wave) // 2] * numpy.float32(0.5)).astype(numpy.float32, copy=False),
        wide[: len(wave)].astype(numpy.float32, copy=False),
    )


def _shaped(
    spectrum: NDArray[numpy.complexfloating], band: tuple[float, float, float, float], length: int
) -> NDArray[numpy.complexfloating]:
    low_stop, low, high, high_stop = (round(edge * length / WIDE) for edge in band)
    shaped = spectrum.copy()
    shaped[:low_stop] = 0
    shaped[low_stop:low] *= numpy.sin(numpy.linspace(0, numpy.pi / 2, low - low_stop, dtype=numpy.float32)) ** 2
    shaped[high:high_stop] *= numpy.cos(numpy.linspace(0, numpy.pi / 2, high_stop - high, dtype=numpy.float32)) ** 2
    shaped[high_stop:] = 0
    return shaped


def _quick_length(length: int) -> int:
    """The next length of the form 2ⁿ, 3·2ⁿ or 5·2ⁿ, n ≥ 2: a transform of a large prime takes ten times as long."""
    return min(factor << max((-(-length // factor) - 1).bit_length(), 2) for factor in (1, 3, 5))


def _trimmed(wave: Wave, rate: int) -> Wave:
    """Without the silence at both ends, a little of it kept."""
    loud = numpy.abs(wave) > _QUIET * 32768
    first, last = int(loud.argmax()) if len(loud) else 0, len(loud) - int(loud[::-1].argmax() if len(loud) else 0)
    if not len(loud) or not loud[first]:
        return wave[:0]
    return wave[max(first - int(_KEEP_BEFORE_SECONDS * rate), 0) : last + int(_KEEP_AFTER_SECONDS * rate)]


def _faded(wave: Wave, rate: int) -> Wave:
    faded = wave.copy()
    rise = _ramp(min(int(_FADE_IN_SECONDS * rate), len(wave) // 2))
    fall = _ramp(min(int(_FADE_OUT_SECONDS * rate), len(wave) // 2))
    faded[: len(rise)] *= rise
    faded[len(faded) - len(fall) :] *= fall[::-1]
    return faded


def _ramp(count: int) -> Wave:
    ramp: Wave = numpy.sin(numpy.linspace(0, numpy.pi / 2, count, dtype=numpy.float32)) ** 2
    return ramp
