"""Text as people write it, made into words as people say it. No I/O.

`normalise` works the rules of a language through a text, in their order. Dutch has them all (`dutch`); English, German and
French have times, dates, house numbers and emergency numbers (`abroad`); all others what no voice reads by itself (`other`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from prompts.lexicon import Lexicon, shipped
from prompts.normalise.abroad import ABROAD
from prompts.normalise.common import prepared, tidied
from prompts.normalise.dutch import DUTCH_RULES
from prompts.normalise.letters import calmed
from prompts.normalise.numbers import ONE
from prompts.normalise.other import OTHER_RULES
from prompts.normalise.rule import Note, Rule, Working, readable

__all__ = ["Normalised", "Note", "normalise", "readable", "voiced"]

_LETTER_S = re.compile(r"(?<![\w'])S(?![\w'])")
_SHIPPED = shipped()


@dataclass(frozen=True, slots=True)
class Normalised:
    """`words` as people read them; `said` as they are cut and given to `voiced`; `notes` say which rule did what, in their
    order."""

    words: str
    said: str
    notes: tuple[Note, ...]


def normalise(text: str, language: str = "nl", lexicon: Lexicon = _SHIPPED) -> Normalised:
    """Never raises: what no rule knows stays as it was written."""
    plain = prepared(text)
    working = Working(calmed(plain) if language == "nl" else plain)
    working.apply((_lexicon_rule(lexicon),))
    if language != "nl":
        working.apply((*ABROAD.get(language, ()), *OTHER_RULES))
        words = tidied(working.words())
        return Normalised(words, words, tuple(working.notes))
    working.apply(DUTCH_RULES)
    said = tidied(working.said())
    return Normalised(readable(said), said, tuple(working.notes))


def voiced(said: str, language: str, lexicon: Lexicon, *, takes_phonemes: bool = False) -> str:
    """A part of `Normalised.said` as a voice is given it. A lone S it would speak as a sound, not as a letter."""
    if language != "nl":
        return said
    letters = _LETTER_S.sub("es", said.replace(ONE, "één"))
    return lexicon.sounded(letters, takes_phonemes=takes_phonemes)


def _lexicon_rule(lexicon: Lexicon) -> Rule:
    pattern, spoken = lexicon.words()
    return Rule("lexicon", pattern, lambda match: spoken.get(match.group()) or spoken.get(match.group().lower()), ())
