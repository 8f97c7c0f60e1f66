"""How loud speech is, and making it as loud as a telephone expects. No I/O.

The active level of ITU-T P.56 method B: pauses do not count. Levels are in dBm0 as RFC 7874 §4 counts them for 16-bit
samples: an RMS of 2600 is -19 dBm0. Samples are floats on the 16-bit scale (full scale 32768).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

Wave = NDArray[numpy.float32]

TARGET_DBM0 = -19.0
PEAK_DBFS = -3.0
FULL_SCALE = 32768.0

_RMS_AT_TARGET = 2600.0
_CEILING = FULL_SCALE * 10 ** ((PEAK_DBFS - 0.3) / 20)  # A-law rounds a sample by up to 0.2 dB
_SMOOTHING_SECONDS = 0.03
_HANGOVER_SECONDS = 0.2
_MARGIN_DB = 15.9
_STEP_SECONDS = 0.004  # the envelope moves in 30 ms: a value each 4 ms differs by less than 0.05 dB and costs 1/32
_LOOKAHEAD_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Level:
    """`active_dbm0` is -inf for silence; `activity` the share of time that is speech; `peak_dbfs` the highest sample."""

    active_dbm0: float
    activity: float
    peak_dbfs: float


def dbm0(rms: float) -> float:
    return TARGET_DBM0 + 20 * math.log10(rms / _RMS_AT_TARGET) if rms > 0 else -math.inf


def measure(wave: Wave, rate: int) -> Level:
    """The active level, activity and peak of one sound."""
    peak = float(numpy.abs(wave).max()) if len(wave) else 0.0
    peak_dbfs = 20 * math.log10(peak / FULL_SCALE) if peak > 0 else -math.inf
    rms, activity = _active_rms(wave, rate)
    return Level(dbm0(rms), activity, peak_dbfs)


def levelled(wave: Wave, rate: int) -> Wave:
    """The same sound at -19 dBm0 active, its peaks under -3 dBFS. Silence stays silence."""
    out = wave
    for _ in range(3):
        rms, _activity = _active_rms(out, rate)
        if rms <= 1.0:
            return out
        gain = _RMS_AT_TARGET / rms
        louder = out * numpy.float32(gain)
        out = _limited(louder, rate)
        if out is louder or abs(20 * math.log10(gain)) < 0.1:  # nothing was limited, or it no longer matters
            break
    return out


def _envelope(wave: Wave, rate: int) -> NDArray[numpy.float64]:
    """The rectified signal through two one-pole low-passes of 30 ms, one value each 4 ms."""
    step = max(int(rate * _STEP_SECONDS), 1)
    whole = len(wave) // step * step
    magnitude = numpy.abs(wave[:whole]).reshape(-1, step).mean(axis=1)
    times = numpy.arange(int(8 * _SMOOTHING_SECONDS / _STEP_SECONDS))
    decay = math.exp(-_STEP_SECONDS / _SMOOTHING_SECONDS)
    response = (1 - decay) ** 2 * (times + 1) * decay**times
    return numpy.convolve(magnitude, response)[: len(magnitude)]


def _active_rms(wave: Wave, rate: int) -> tuple[float, float]:
    """RMS while speech is active, and the share of time it is (P.56 §8.2: the threshold lies 15.9 dB under the level
    that it yields, between two steps by interpolation)."""
    if len(wave) < rate * _STEP_SECONDS:
        return 0.0, 0.0
    envelope = _envelope(wave, rate)
    energy = float(numpy.dot(wave, wave))
    hold = int(_HANGOVER_SECONDS / _STEP_SECONDS)
    samples_a_step = len(wave) / len(envelope)
    above = (0.0, 0.0, 0.0)
    for exponent in range(15):
        threshold = FULL_SCALE / 2 ** (exponent + 1)
        active = _held(envelope >= threshold, hold)
        if active == 0:
            continue
        level = 10 * math.log10(energy / (active * samples_a_step) + 1e-12)
        distance = level - 20 * math.log10(threshold) - _MARGIN_DB
        if distance >= 0:
            return _between(above, (level, distance, active / len(envelope)))
        above = (level, distance, active / len(envelope))
    return 0.0, 0.0


def _between(above: tuple[float, float, float], below: tuple[float, float, float]) -> tuple[float, float]:
    level_above, distance_above, activity_above = above
    level, distance, activity = below
    if distance_above < 0:
        share = distance / (distance - distance_above)
        level += share * (level_above - level)
        activity += share * (activity_above - activity)
    return 10 ** (level / 20), activity


def _held(active: NDArray[numpy.bool_], hold: int) -> int:
    """How many steps are active when each activity lasts `hold` steps longer."""
    running: NDArray[numpy.int64] = numpy.cumsum(numpy.concatenate((numpy.zeros(hold + 1, numpy.int64), active)))
    return int(numpy.count_nonzero(running[hold + 1 :] > running[: -hold - 1]))


def _limited(wave: Wave, rate: int) -> Wave:
    """Peaks brought under the ceiling by a gain that dips smoothly around them, so that nothing is clipped."""
    if not len(wave) or max(float(wave.max()), -float(wave.min())) <= _CEILING:
        return wave
    over = numpy.flatnonzero(numpy.abs(wave) > _CEILING)
    width = int(rate * _LOOKAHEAD_SECONDS) | 1
    limited = wave.copy()
    for region in numpy.split(over, numpy.flatnonzero(numpy.diff(over) > 2 * width) + 1):
        begin, end = max(int(region[0]) - width, 0), int(region[-1]) + width + 1
        limited[begin:end] *= _dip(wave[begin:end], width)
    return limited


def _dip(wave: Wave, width: int) -> NDArray[numpy.float64]:
    """The gain around some peaks: as low as each needs, smoothed over `width` samples, 1 at both ends."""
    needed = numpy.minimum(1.0, _CEILING / numpy.maximum(numpy.abs(wave), 1.0))
    padded = numpy.pad(needed, width - 1, constant_values=1.0)
    lowest = numpy.lib.stride_tricks.sliding_window_view(padded, width).min(axis=1)
    return numpy.convolve(lowest, numpy.full(width, 1 / width), mode="valid")
