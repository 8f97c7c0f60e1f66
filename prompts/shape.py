"""Where a message pauses: spoken words cut into pieces, each with the silence that follows it. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

PARAGRAPH_MILLISECONDS = 700
SENTENCE_MILLISECONDS = 450
CLAUSE_MILLISECONDS = 300

_PAUSES = {
    "\n": PARAGRAPH_MILLISECONDS,
    **dict.fromkeys(".!?؟", SENTENCE_MILLISECONDS),
    **dict.fromkeys(":;,،", CLAUSE_MILLISECONDS),
}
_ENDS = re.compile(r"\s*\n\s*|(?<=[.!?؟:;,،])\s+")
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Segment:
    """What the engine is given at once, and how many milliseconds of silence follow."""

    words: str
    pause: int


def segments(words: str) -> list[Segment]:
    """Sentences and clauses in order. A new line is a pause of 700 ms, a full stop 450, a colon, semicolon or comma 300:
    the groups of a description and of a number stand apart, for they are heard once and written down."""
    found: list[Segment] = []
    start = 0
    for end in _ENDS.finditer(words):
        _append(found, words[start : end.start()], "\n" if "\n" in end.group() else words[end.start() - 1])
        start = end.end()
    _append(found, words[start:], ".")
    return found


def _append(found: list[Segment], words: str, end: str) -> None:
    if _WORD.search(words):
        found.append(Segment(words.strip(), _PAUSES[end]))
    elif found and end == "\n":
        found[-1] = Segment(found[-1].words, PARAGRAPH_MILLISECONDS)
