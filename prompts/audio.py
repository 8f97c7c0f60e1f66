"""One piece of speech made fit for a telephone, and pieces joined to a message. No I/O.

Each piece is trimmed, resampled, limited to the telephone's band, levelled and faded at both ends; so pieces that were
made apart join in silence without a seam. A piece exists twice: at 8 kHz (PCMA, PCMU) and at 16 kHz (G.722).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
import soxr

from prompts.codecs import NARROW, WIDE
from prompts.level import Wave, levelled
from prompts.speech import Samples

LEAD_MILLISECONDS = 500
TAIL_MILLISECONDS = 300
REPEAT_MILLISECONDS = 1000
"""Silence at the end of what is said again: with the lead of the next time it makes 1.5 s."""

_NARROW_BAND = (180.0, 300.0, 3400.0, 3700.0)
_WIDE_BAND = (60.0, 120.0, 7000.0, 7600.0)
_FADE_SECONDS = 0.008
_QUIET = 0.005  # of full scale: under it a beginning or end is silence
_KEEP_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Piece:
    """Speech without silence around it; `narrow` at 8 kHz, `wide` at 16 kHz."""

    narrow: Samples
    wide: Samples

    @property
    def size(self) -> int:
        """Bytes held."""
        return self.narrow.nbytes + self.wide.nbytes

    @property
    def milliseconds(self) -> int:
        return len(self.narrow) * 1000 // NARROW


def piece(samples: Samples, rate: int) -> Piece:
    """Speech as an engine or a microphone gave it, made fit for both kinds of telephone."""
    trimmed = _trimmed(samples.astype(numpy.float32), rate)
    # A whole number of milliseconds in both: pieces then stay in step when they are joined.
    milliseconds = -(-len(trimmed) * 1000 // rate)
    return Piece(
        _fit(trimmed, rate, NARROW, _NARROW_BAND, milliseconds),
        _fit(trimmed, rate, WIDE, _WIDE_BAND, milliseconds),
    )


def joined(pieces: Sequence[tuple[Piece, int]], lead: int = LEAD_MILLISECONDS) -> Piece:
    """Pieces with so many milliseconds of silence after each, and before the first."""
    narrow = [_silence(lead, NARROW)]
    wide = [_silence(lead, WIDE)]
    for part, pause in pieces:
        narrow += [part.narrow, _silence(pause, NARROW)]
        wide += [part.wide, _silence(pause, WIDE)]
    return Piece(numpy.concatenate(narrow), numpy.concatenate(wide))


def _silence(milliseconds: int, rate: int) -> Samples:
    return numpy.zeros(milliseconds * rate // 1000, numpy.int16)


def _fit(wave: Wave, rate: int, to: int, band: tuple[float, float, float, float], milliseconds: int) -> Samples:
    resampled = soxr.resample(wave, rate, to) if rate != to else wave
    exact = numpy.zeros(milliseconds * to // 1000, numpy.float32)
    count = min(len(exact), len(resampled))
    exact[:count] = resampled[:count]
    loud = levelled(_faded(_band_limited(exact, to, band), to), to)
    return numpy.clip(numpy.rint(loud), -32768, 32767).astype(numpy.int16)


def _band_limited(wave: Wave, rate: int, band: tuple[float, float, float, float]) -> Wave:
    """Zero phase; raised-cosine edges, so that it does not ring audibly."""
    if not len(wave):
        return wave
    length = _quick_length(len(wave) + rate // 10)
    spectrum = numpy.fft.rfft(wave, length)
    low_stop, low, high, high_stop = (round(edge * length / rate) for edge in band)
    rise = numpy.sin(numpy.linspace(0, numpy.pi / 2, low - low_stop, dtype=numpy.float32)) ** 2
    fall = numpy.cos(numpy.linspace(0, numpy.pi / 2, high_stop - high, dtype=numpy.float32)) ** 2
    spectrum[:low_stop] = 0
    spectrum[low_stop:low] *= rise
    spectrum[high:high_stop] *= fall
    spectrum[high_stop:] = 0
    limited: Wave = numpy.fft.irfft(spectrum, length)[: len(wave)].astype(numpy.float32, copy=False)
    return limited


def _quick_length(length: int) -> int:
    """The next length of the form 2ⁿ, 3·2ⁿ or 5·2ⁿ: an FFT of a large prime takes ten times as long."""
    return min(factor << max((-(-length // factor) - 1).bit_length(), 0) for factor in (1, 3, 5))


def _trimmed(wave: Wave, rate: int) -> Wave:
    """Without the silence at both ends, a little of it kept."""
    loud = numpy.flatnonzero(numpy.abs(wave) > _QUIET * 32768)
    if not len(loud):
        return wave[:0]
    keep = int(_KEEP_SECONDS * rate)
    return wave[max(loud[0] - keep, 0) : loud[-1] + keep]


def _faded(wave: Wave, rate: int) -> Wave:
    count = min(int(_FADE_SECONDS * rate), len(wave) // 2)
    if count == 0:
        return wave
    ramp = numpy.sin(numpy.linspace(0, numpy.pi / 2, count, dtype=numpy.float32)) ** 2
    faded = wave.copy()
    faded[:count] *= ramp
    faded[-count:] *= ramp[::-1]
    return faded
