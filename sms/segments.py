"""Text to segments: which encoding, where to cut, and what the text would cost if it were written otherwise. No I/O.

A segment is 140 octets with its header: 160 septets or 70 UTF-16 units alone (3GPP TS 23.040 §9.2.3.16). In a
concatenated message 153 or 67 are left beside the header with an 8-bit reference, 152 or 66 beside the one with 16 bits
(§9.2.3.24.1, .8). The 16-bit reference is taken wherever it costs no segment more, so that two messages to one person
are not mixed up; the 8-bit one else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from sms import gsm7
from sms.events import Segmented

Alphabet = Literal["gsm7", "latin1"]
Encoding = Literal["gsm7", "latin1", "ucs2"]

MOST_SEGMENTS = 255

_LINK = re.compile(r"(?:https?://|www\.)\S+|\b[\w-]+(?:\.[\w-]+)*\.(?:nl|com|org|net|eu|be|de)(?:/\S*)?", re.IGNORECASE)
_MOST_NAMED = 8


class TooLong(ValueError):
    """More segments than one message may have; the message says how long the text may be."""


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Septets or UTF-16 units: of a message alone, of a part beside the short and beside the long reference."""

    alone: int
    short_reference: int
    long_reference: int


_SEPTETS = _Sizes(160, 153, 152)
_UNITS = _Sizes(70, 67, 66)


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is never cut: a character with its octets, `size` in septets or UTF-16 units."""

    octets: bytes
    size: int


def segment(text: str, alphabet: Alphabet = "gsm7") -> Segmented:
    """Cut a text for an SMSC whose default alphabet is this. Raises TooLong above 255 segments."""
    encoding, parts = _cut(text, alphabet)
    if len(parts) > MOST_SEGMENTS:
        raise TooLong(f"the text takes {len(parts)} SMS segments and {MOST_SEGMENTS} are the most; write a shorter one")
    advice = _advice(text, alphabet, len(parts)) if encoding == "ucs2" else ()
    return Segmented(encoding, parts, len(text), advice, text)


def fits_long_reference(segmented: Segmented) -> bool:
    """Whether every part leaves room for the header with a 16-bit reference."""
    if segmented.encoding == "ucs2":
        return all(len(part) // 2 <= _UNITS.long_reference for part in segmented.segments)
    if segmented.encoding == "gsm7":
        return all(len(part) <= _SEPTETS.long_reference for part in segmented.segments)
    return all(_latin1_septets(part) <= _SEPTETS.long_reference for part in segmented.segments)


def _latin1_septets(part: bytes) -> int:
    return sum(len(gsm7.CODES[character]) for character in part.decode("latin-1"))


def _cut(text: str, alphabet: Alphabet) -> tuple[Encoding, tuple[bytes, ...]]:
    encoding, units, sizes = _units(text, alphabet)
    if sum(unit.size for unit in units) <= sizes.alone:
        return encoding, (b"".join(unit.octets for unit in units),)
    kept_whole = _links(text)
    shorter = _split(units, sizes.long_reference, kept_whole)
    longer = _split(units, sizes.short_reference, kept_whole)
    return encoding, shorter if len(shorter) == len(longer) else longer


def _units(text: str, alphabet: Alphabet) -> tuple[Encoding, list[_Unit], _Sizes]:
    """A Latin-1 SMSC turns the text into 7 bits for the telephone: what is not in both tables goes as UCS-2."""
    codes = gsm7.CODES
    if all(character in codes for character in text):
        if alphabet == "gsm7":
            return "gsm7", [_Unit(codes[character], len(codes[character])) for character in text], _SEPTETS
        if all(ord(character) < 256 for character in text):
            octets = text.encode("latin-1")
            pairs = zip(text, octets, strict=True)
            return "latin1", [_Unit(bytes((octet,)), len(codes[each])) for each, octet in pairs], _SEPTETS
    encoded = [character.encode("utf-16-be", "replace") for character in text]
    return "ucs2", [_Unit(octets, len(octets) // 2) for octets in encoded], _UNITS


def _links(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _LINK.finditer(text)]


def _split(units: list[_Unit], most: int, kept_whole: list[tuple[int, int]]) -> tuple[bytes, ...]:
    """Greedy; a cut that falls inside a link is moved before it where the link fits into one part."""
    sizes = [0]
    for unit in units:
        sizes.append(sizes[-1] + unit.size)
    parts: list[bytes] = []
    begin = 0
    while begin < len(units):
        end = begin
        while end < len(units) and sizes[end + 1] - sizes[begin] <= most:
            end += 1
        for first, last in kept_whole:
            if begin < first < end < last and sizes[last] - sizes[first] <= most:
                end = first
        parts.append(b"".join(unit.octets for unit in units[begin:end]))
        begin = end
    return tuple(parts)


def _advice(text: str, alphabet: Alphabet, segments: int) -> tuple[str, ...]:
    """What to write instead of the characters that make the text UCS-2; nothing where they cost no segment."""
    table = gsm7.CODES
    wrong = [each for each in dict.fromkeys(text) if each not in table or (alphabet == "latin1" and ord(each) > 255)]
    replaced = "".join(gsm7.instead(each) or "" if each in wrong else each for each in text)
    cheaper = len(_cut(replaced, alphabet)[1]) if replaced else segments
    if cheaper >= segments:
        return ()
    hints = []
    for character in wrong[:_MOST_NAMED]:
        other = gsm7.instead(character)
        change = f'write "{other}"' if other else "leave it out"
        hints.append(f'"{character}": {change}')
    if len(wrong) > _MOST_NAMED:
        hints.append(f"and {len(wrong) - _MOST_NAMED} more characters like these")
    hints.append(f"this makes {cheaper} of {segments} segments")
    return tuple(hints)
