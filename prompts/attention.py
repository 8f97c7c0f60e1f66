"""What a message begins with so that people listen: a tone of our own, where it is not the name. No I/O.

Two notes a fourth apart, within the telephone's band, clear of its own signals (425 Hz; 950, 1400 and 1800 Hz, ITU-T E.180).
"""

from __future__ import annotations

import numpy

from prompts.codecs import WIDE
from prompts.pieces import Piece, piece
from prompts.speech import Samples

NAME = "attention-1"
"""Of the piece among others; raise it when the tone changes."""

PAUSE_MILLISECONDS = 500
WORDS = "(tone)"

_NOTES = ((784.0, 0.18), (1047.0, 0.30))  # Hz and seconds: a rising fourth, g and c
_EDGE_SECONDS = 0.012


def tone() -> Samples:
    """At 16 kHz; each note rises and falls softly, so that nothing clicks."""
    return numpy.concatenate([_note(hertz, seconds) for hertz, seconds in _NOTES])


def attention() -> Piece:
    """As telephones get it, at the level of speech."""
    made = piece(tone(), WIDE)
    assert made is not None, "a tone is not silence"
    return made


def _note(hertz: float, seconds: float) -> Samples:
    count = int(seconds * WIDE)
    at = numpy.arange(count) / WIDE
    edge = int(_EDGE_SECONDS * WIDE)
    rise = numpy.sin(numpy.linspace(0, numpy.pi / 2, edge)) ** 2
    shape = numpy.concatenate((rise, numpy.ones(count - 2 * edge), rise[::-1]))
    note: Samples = numpy.rint(8000 * shape * numpy.sin(2 * numpy.pi * hertz * at)).astype(numpy.int16)
    return note
