"""What a recorded test call holds: how loud it is, and whether our own tone is in it. Reads a WAV; no other I/O."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy

_TONE_HERTZ = 1000.0
_WINDOW = 800
_SILENT_LEVEL = -55.0
_FULL_SCALE_LEVEL = 3.14
_TONE_SHARE = 0.7
_LEAST_TONE_WINDOWS = 5


def measure(path: Path) -> tuple[float | None, bool]:
    """The level of its loudest half second in dBm0, None for silence, and whether 500 ms of it are the 1000 Hz of
    `ivr.media.tones` "test". A file that is not there is silence."""
    try:
        with wave.open(str(path)) as sound:
            samples = numpy.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2").astype(numpy.float64)
    except (OSError, EOFError, wave.Error):
        return None, False
    windows = samples[: len(samples) // _WINDOW * _WINDOW].reshape(-1, _WINDOW)
    if not len(windows):
        return None, False
    power = (windows**2).mean(axis=1)
    moments = numpy.arange(_WINDOW) / 8000
    turning = numpy.exp(-2j * numpy.pi * _TONE_HERTZ * moments)
    tone_power = 2 * numpy.abs(windows @ turning / _WINDOW) ** 2
    loudest = float(numpy.sort(power)[-_LEAST_TONE_WINDOWS:].mean())
    level = 10 * float(numpy.log10(max(loudest, 1e-9) / (32767**2 / 2))) + _FULL_SCALE_LEVEL
    if level < _SILENT_LEVEL:
        return None, False
    audible = power > 10 ** ((_SILENT_LEVEL - _FULL_SCALE_LEVEL) / 10) * 32767**2 / 2
    tones = int((audible & (tone_power > _TONE_SHARE * power)).sum())
    return level, tones >= _LEAST_TONE_WINDOWS
