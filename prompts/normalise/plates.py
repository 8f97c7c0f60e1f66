"""Number plates: every Dutch side code, Belgian and German ones. Rules only; no I/O."""

from __future__ import annotations

import re

from prompts.normalise.numbers import DIGITS, digits, pair
from prompts.normalise.rule import apart, rule

_SIDE_CODES = (
    "LL-99-99", "99-99-LL", "99-LL-99", "LL-99-LL", "LL-LL-99", "99-LL-LL", "99-LLL-9",
    "9-LLL-99", "LL-999-L", "L-999-LL", "LLL-99-L", "L-99-LLL", "9-LL-999", "999-LL-9",
)  # fmt: skip
"""Side codes 1 to 14 of the RDW, in order: L a letter, 9 a digit."""


def _pattern(code: str, gap: str) -> str:
    return code.replace("-", gap).replace("L", "[A-Z]").replace("9", r"\d")


_WITH_DASHES = "|".join(_pattern(code, "-") for code in _SIDE_CODES)
_WITHOUT = "|".join(_pattern(code, " ?") for code in _SIDE_CODES)
_GROUP = re.compile(r"[A-ZÄÖÜ]+|\d+")


def _group(text: str) -> str:
    """Letters one by one; one or two digits as a number, three digit by digit, four as two pairs."""
    if not text.isdigit():
        return " ".join(text)
    if len(text) == 4:
        return f"{pair(text[:2])} {pair(text[2:])}"
    return {1: lambda: DIGITS[int(text)], 2: lambda: pair(text)}.get(len(text), lambda: digits(text))()


def plate(text: str) -> str:
    """`12-ABC-3` → `twaalf, A B C, drie`. Written without dashes it is cut where letters and digits meet."""
    parts = [piece for part in re.split(r"[- ]", text.upper()) for piece in _GROUP.findall(part)]
    return ", ".join(_group(part) for part in parts)


def _plate(match: re.Match[str]) -> str:
    return plate(match["plate"])


PLATE_RULES = (
    rule(
        "Dutch number plate",
        rf"(?<![\w\-])(?P<plate>{_WITH_DASHES})(?![\w\-])",
        apart(_plate),
        ("12-ABC-3", "twaalf, A B C, drie"),
        ("XX-12-34", "X X, twaalf, vierendertig"),
        ("G-001-BB", "G, nul nul een, B B"),
        ("12-34-XY", "twaalf, vierendertig, X Y"),
        ("99-XX-99", "negenennegentig, X X, negenennegentig"),
        ("KL-05-MN", "K L, nul vijf, M N"),
        ("AB-CD-12", "A B, C D, twaalf"),
        ("12-AB-CD", "twaalf, A B, C D"),
        ("1-ABC-23", "een, A B C, drieëntwintig"),
        ("AB-123-C", "A B, een twee drie, C"),
        ("ABC-12-D", "A B C, twaalf, D"),
        ("A-12-BCD", "A, twaalf, B C D"),
        ("1-AB-234", "een, A B, twee drie vier"),
        ("123-AB-4", "een twee drie, A B, vier"),
    ),
    rule(
        "Dutch number plate, small letters or no dashes",
        rf"(?P<keep>\b(?:kenteken(?:plaat|nummer)?|met nummer)(?: is)?:? )(?P<plate>{_WITHOUT}|{_WITH_DASHES})(?![\w\-])",
        apart(_plate),
        ("kenteken 12abc3", "kenteken twaalf, A B C, drie"),
        ("kenteken 12 ABC 3", "kenteken twaalf, A B C, drie"),
        ("kenteken: g-001-bb", "kenteken: G, nul nul een, B B"),
        flags=re.IGNORECASE,
    ),
    rule(
        "number plate without dashes",
        r"(?<![\w\-])(?P<plate>\d{2}[A-Z]{3}\d|\d[A-Z]{3}\d{2}|[A-Z]{2}\d{3}[A-Z]|[A-Z]\d{3}[A-Z]{2}|[A-Z]{3}\d{2}[A-Z]|[A-Z]\d{2}[A-Z]{3}|[A-Z]{2}\d{2}[A-Z]{2})(?![\w\-])",
        apart(_plate),
        ("12ABC3", "twaalf, A B C, drie"),
        ("G001BB", "G, nul nul een, B B"),
    ),
    rule(
        "Belgian number plate",
        r"(?<![\w\-])(?P<plate>[1-9]-[A-Z]{3}-\d{3}|[A-Z]{3}-\d{3}|\d{3}-[A-Z]{3})(?![\w\-])",
        apart(_plate),
        ("1-ABC-123", "een, A B C, een twee drie"),
        ("ABC-123", "A B C, een twee drie"),
    ),
    rule(
        "German number plate",
        r"(?<![\w\-])(?P<plate>[A-ZÄÖÜ]{1,3}-[A-Z]{1,2} ?\d{1,4}(?:[EH]\b)?)(?![\w\-])",
        apart(_plate),
        ("B-AB 1234", "B, A B, twaalf vierendertig"),
        ("KLE-X 27", "K L E, X, zevenentwintig"),
    ),
)
