"""Text as people write it, made into words as people say it. No I/O.

`normalise` works the rules of a language through a text, in their order. Dutch has them all (`dutch`); other languages
have what is common to them (`common`), and their voice reads numbers by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from prompts.normalise.common import prepared, tidied
from prompts.normalise.dutch import DUTCH_RULES
from prompts.normalise.rule import Note, Working

__all__ = ["Normalised", "Note", "normalise"]


@dataclass(frozen=True, slots=True)
class Normalised:
    """`words` as they are spoken; `notes` say which rule did what, in the order of the rules."""

    words: str
    notes: tuple[Note, ...]


def normalise(text: str, language: str = "nl") -> Normalised:
    """Never raises: what no rule knows stays as it was written."""
    working = Working(prepared(text))
    if language == "nl":
        working.apply(DUTCH_RULES)
    return Normalised(tidied(working.words()), tuple(working.notes))
