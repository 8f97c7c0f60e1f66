"""The rules that all languages other than Dutch share: what is read figure by figure, or letter by letter. No I/O.

Their voices read amounts in their own way; telephone numbers, postcodes and number plates none does.
"""

from __future__ import annotations

import re

from prompts.normalise.places import PLACE_RULES
from prompts.normalise.plates import PLATE_RULES
from prompts.normalise.rule import Rule, rule
from prompts.normalise.telephone import TELEPHONE_RULES

_DATE = re.compile(r"(?:0\d|[12]\d|3[01])([\-. /])(?:0\d|1[0-2])\1(?:19|20)\d\d")


def _number(match: re.Match[str]) -> str | None:
    """Figures one by one, grouped from the end in twos, service numbers in fours: `0800-0011` → `0 8 0 0, 0 0 1 1`."""
    if _DATE.fullmatch(match.group()):
        return None
    figures = re.sub(r"\D", "", match.group().replace("(0)", ""))
    if len(figures) == 8:
        return ", ".join(" ".join(part) for part in (figures[:4], figures[4:]))
    head = len(figures) % 2 + 2
    parts = [figures[:head]] + [figures[at : at + 2] for at in range(head, len(figures), 2)]
    return ", ".join(" ".join(part) for part in parts)


def _spelled(match: re.Match[str]) -> str:
    return ", ".join(" ".join(part) for part in re.findall(r"[A-Z]+|\d+", match.group()))


def _pattern(rules: tuple[Rule, ...], name: str) -> str:
    return next(row.pattern.pattern for row in rules if row.name == name)


OTHER_RULES: tuple[Rule, ...] = (
    rule(
        "telephone number, figure by figure",
        _pattern(TELEPHONE_RULES, "telephone number"),
        _number,
        ("0800-0011", "0 8 0 0, 0 0 1 1"),
        ("06-12345678", "0 6, 1 2, 3 4, 5 6, 7 8"),
    ),
    rule(
        "number plate, letter by letter",
        _pattern(PLATE_RULES, "Dutch number plate"),
        _spelled,
        ("12-ABC-3", "1 2, A B C, 3"),
    ),
    rule(
        "postcode, figure by figure",
        _pattern(PLACE_RULES, "postcode"),
        _spelled,
        ("3434 AB", "3 4 3 4, A B"),
    ),
    rule(
        "emergency number, figure by figure",
        r"(?<![\w,.\-])112(?![\w,\-]|\.\d)",
        lambda _: "1 1 2",
        ("112", "1 1 2"),
    ),
)
