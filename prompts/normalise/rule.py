"""What a rule is, and how a table of rules is worked through a text. No I/O.

A rule finds a pattern and says it in words. What one rule has spoken no later rule touches: it is put aside, and a single
private-use character stands in its place, so that patterns can still look around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from prompts.normalise.numbers import ONE

MARKS = "\ue000-\uf8ff"
WORD = rf"[\w{MARKS}]"
"""A character of a word, or something that was already spoken."""

_GOES_ON = re.compile(rf" {WORD}")
_MARK = re.compile(f"[{MARKS}]")
_FIRST_MARK = 0xE000
_MOST_MARKS = 0xF8FF - _FIRST_MARK

Say = Callable[[re.Match[str]], str | None]
"""The words for what was found; None: this is not what it looked like, leave it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. `examples` are (written, spoken) pairs that hold for the rule alone; a test runs them all.

    A group named `keep` at the pattern's beginning is looked at and left as it is. What a rule that `rewrites` gives is text
    still, for later rules to read.
    """

    name: str
    pattern: re.Pattern[str]
    say: Say
    examples: tuple[tuple[str, str], ...]
    rewrites: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """What a rule did, for `burgernet say --show`."""

    rule: str
    written: str
    spoken: str


@dataclass(slots=True)
class Working:
    """A text on its way to being words."""

    text: str
    notes: list[Note] = field(default_factory=list)
    _spoken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.text = _MARK.sub("", self.text)

    def apply(self, rules: Iterable[Rule]) -> None:
        for rule in rules:
            self.text = rule.pattern.sub(lambda match, rule=rule: self._replace(rule, match), self.text)  # type: ignore[misc]  # bound now

    def words(self) -> str:
        """The text with everything spoken put back, as people read it."""
        return readable(self.said())

    def said(self) -> str:
        """The same, with what only a voice needs still in it."""
        return self._open(self.text)

    def _replace(self, rule: Rule, match: re.Match[str]) -> str:
        said = rule.say(match)
        if said is None or len(self._spoken) >= _MOST_MARKS:
            return match.group()
        said = self._open(said)
        kept = match.groupdict().get("keep") or ""
        written = match.group().removeprefix(kept)
        self.notes.append(Note(rule.name, readable(self._open(written)), readable(said).strip(" ,")))
        if rule.rewrites:
            return kept + said
        self._spoken.append(said)
        return kept + chr(_FIRST_MARK + len(self._spoken) - 1)

    def _open(self, text: str) -> str:
        return _MARK.sub(lambda match: self._spoken[ord(match.group()) - _FIRST_MARK], text)


def apart(say: Say) -> Say:
    """The same words with a comma behind where the sentence goes on: what is written down needs a pause after it."""

    def spoken(match: re.Match[str]) -> str | None:
        said = say(match)
        goes_on = _GOES_ON.match(match.string, match.end()) is not None
        return f"{said}," if said is not None and goes_on else said

    return spoken


def readable(words: str) -> str:
    return words.replace(ONE, "een")


def rule(
    name: str, pattern: str, say: Say | str, *examples: tuple[str, str], flags: int = 0, rewrites: bool = False
) -> Rule:
    """A row of a table; `say` may be plain words."""
    words: Say = (lambda _: say) if isinstance(say, str) else say
    return Rule(name, re.compile(pattern, flags), words, examples, rewrites)
