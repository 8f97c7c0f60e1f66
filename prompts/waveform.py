"""What the console draws of a sound: peaks, level, length, and which words stand where. Reads the sound's files.

`burgernet say` prints the same figures. Two sounds (voices, rates) are compared by two of these, side by side.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy

from foundation.sound import Sound
from prompts.codecs import NARROW, decode
from prompts.level import FULL_SCALE, measure


@dataclass(frozen=True, slots=True)
class Passage:
    """Words from one pause to the next, in milliseconds from the beginning."""

    start: int
    end: int
    words: str


@dataclass(frozen=True, slots=True)
class Waveform:
    """`peaks` are (lowest, highest) a column, -1 to 1, of what a telephone hears through A-law; levels as in
    `prompts.level`; `passages` are empty for a recording."""

    peaks: tuple[tuple[float, float], ...]
    milliseconds: int
    active_dbm0: float
    peak_dbfs: float
    activity: float
    engine: str
    passages: tuple[Passage, ...]


def waveform(sound: Sound, columns: int = 800) -> Waveform:
    """Blocks for some milliseconds: call it away from the reactor for long sounds. Raises OSError where files are gone."""
    samples = decode(sound.path("PCMA").read_bytes(), "PCMA").astype(numpy.float32)
    description = json.loads(sound.stem.with_name(f"{sound.stem.name}.json").read_bytes())
    level = measure(samples, NARROW)
    edges = numpy.linspace(0, len(samples), columns + 1).astype(int)[:-1]
    lowest = numpy.minimum.reduceat(samples, edges) / FULL_SCALE
    highest = numpy.maximum.reduceat(samples, edges) / FULL_SCALE
    return Waveform(
        peaks=tuple((round(float(low), 3), round(float(high), 3)) for low, high in zip(lowest, highest, strict=True)),
        milliseconds=sound.milliseconds,
        active_dbm0=round(level.active_dbm0, 1),
        peak_dbfs=round(level.peak_dbfs, 1),
        activity=round(level.activity, 2),
        engine=description["engine"],
        passages=tuple(Passage(*passage) for passage in description.get("passages", ())),
    )
