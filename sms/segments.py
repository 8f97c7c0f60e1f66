"""Text to segments: which encoding, where to cut, and what the text would cost if it were written otherwise. No I/O.

A segment is 140 octets with its header: 160 septets or 70 UTF-16 units alone (3GPP TS 23.040 §9.2.3.16). In a
concatenated message 153 or 67 are left beside the header with an 8-bit reference, 152 or 66 beside the one with 16 bits
(§9.2.3.24.1, .8). The 16-bit reference is taken wherever it costs no segment more, so that two messages to one person
are not mixed up; the 8-bit one else. National tables take three octets more each, and are used where the SMSC allows it
and UCS-2 would cost a segment more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sms import gsm7, national
from sms.events import Segmented

Alphabet = Literal["gsm7", "latin1"]
Encoding = Literal["gsm7", "latin1", "ucs2"]

MOST_SEGMENTS = 255

_LINK = re.compile(r"(?:https?://|www\.)\S+|\b[\w-]+(?:\.[\w-]+)*\.(?:nl|com|org|net|eu|be|de)(?:/\S*)?", re.IGNORECASE)
_MOST_NAMED = 8
_SHORT_ELEMENT = 5
_LONG_ELEMENT = 6
"""Octets of the element that joins parts, with an 8-bit and with a 16-bit reference."""


class TooLong(ValueError):
    """More segments than one message may have; the message says how long the text may be."""


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Septets or UTF-16 units: of a message alone, of a part beside the short and beside the long reference."""

    alone: int
    short_reference: int
    long_reference: int


def _septets(elements: int) -> int:
    """What is left of 160 beside a header with so many octets of elements; the text begins at a whole septet."""
    return 160 - -(-(1 + elements) * 8 // 7) if elements else 160


def _septet_sizes(shift: national.Shift | None) -> _Sizes:
    tables = 0 if shift is None else len(shift.elements)
    return _Sizes(_septets(tables), _septets(tables + _SHORT_ELEMENT), _septets(tables + _LONG_ELEMENT))


_SEPTETS = _septet_sizes(None)
_UNITS = _Sizes(70, 67, 66)


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is never cut: a character with its octets, `size` in septets or UTF-16 units."""

    octets: bytes
    size: int


@dataclass(frozen=True, slots=True)
class _Manner:
    """What an SMSC takes: its default alphabet, the national tables by language, and the text's language."""

    alphabet: Alphabet
    tables: tuple[str, ...]
    language: str


@dataclass(frozen=True, slots=True)
class _Cut:
    encoding: Encoding
    shift: national.Shift | None
    parts: tuple[bytes, ...]


def segment(text: str, alphabet: Alphabet = "gsm7", tables: tuple[str, ...] = (), language: str = "nl") -> Segmented:
    """Cut a text for an SMSC whose default alphabet is this and that takes these national tables. `language` is the
    text's own: its tables are taken before others that cost the same. Raises TooLong above 255 segments."""
    manner = _Manner(alphabet, tables, language)
    cut = _cut(text, manner)
    if len(cut.parts) > MOST_SEGMENTS:
        raise TooLong(
            f"the text takes {len(cut.parts)} SMS segments and {MOST_SEGMENTS} are the most; write a shorter one"
        )
    plain = cut.encoding != "ucs2" and cut.shift is None
    advice = () if plain else _advice(text, manner, len(cut.parts))
    return Segmented(cut.encoding, cut.parts, len(text), advice, text, cut.shift, language, alphabet, tables)


def fits_long_reference(segmented: Segmented) -> bool:
    """Whether every part leaves room for the header with a 16-bit reference."""
    if segmented.encoding == "ucs2":
        return all(len(part) // 2 <= _UNITS.long_reference for part in segmented.segments)
    if segmented.encoding == "gsm7":
        most = _septet_sizes(segmented.shift).long_reference
        return all(len(part) <= most for part in segmented.segments)
    return all(_latin1_septets(part) <= _SEPTETS.long_reference for part in segmented.segments)


def _latin1_septets(part: bytes) -> int:
    return sum(len(gsm7.CODES[character]) for character in part.decode("latin-1"))


def _cut(text: str, manner: _Manner) -> _Cut:
    codes = gsm7.CODES
    if all(character in codes for character in text):
        if manner.alphabet == "gsm7":
            return _Cut("gsm7", None, _parts(text, _in_septets(text, codes), _SEPTETS))
        # A Latin-1 SMSC turns the text into 7 bits for the telephone: what is not in both tables goes as UCS-2.
        if all(ord(character) < 256 for character in text):
            pairs = zip(text, text.encode("latin-1"), strict=True)
            units = [_Unit(bytes((octet,)), len(codes[each])) for each, octet in pairs]
            return _Cut("latin1", None, _parts(text, units, _SEPTETS))
    encoded = [character.encode("utf-16-be", "replace") for character in text]
    best = _Cut("ucs2", None, _parts(text, [_Unit(octets, len(octets) // 2) for octets in encoded], _UNITS))
    for shift in national.shifts(manner.tables, manner.language) if manner.alphabet == "gsm7" else ():
        table = national.codes(shift)
        if all(character in table for character in text):
            parts = _parts(text, _in_septets(text, table), _septet_sizes(shift))
            if len(parts) < len(best.parts):
                best = _Cut("gsm7", shift, parts)
    return best


def _in_septets(text: str, codes: Mapping[str, bytes]) -> list[_Unit]:
    return [_Unit(codes[character], len(codes[character])) for character in text]


def _parts(text: str, units: list[_Unit], sizes: _Sizes) -> tuple[bytes, ...]:
    if sum(unit.size for unit in units) <= sizes.alone:
        return (b"".join(unit.octets for unit in units),)
    kept_whole = _links(text)
    shorter = _split(units, sizes.long_reference, kept_whole)
    longer = _split(units, sizes.short_reference, kept_whole)
    return shorter if len(shorter) == len(longer) else longer


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


def _advice(text: str, manner: _Manner, segments: int) -> tuple[str, ...]:
    """What to write instead of the characters that make the text dear; nothing where they cost no segment. Where a
    language's tables may be used its own letters can stay, if that costs as little."""
    fewest, named = segments, list[str]()
    for kept in (*national.widest(manner.tables), frozenset(gsm7.CODES)):
        wrong = [each for each in dict.fromkeys(text) if each not in kept]
        if manner.alphabet == "latin1":
            wrong = [each for each in dict.fromkeys(text) if each not in kept or ord(each) > 255]
        replaced = "".join(gsm7.instead(each) or "" if each in wrong else each for each in text)
        pieces = len(_cut(replaced, manner).parts) if replaced else segments
        if wrong and pieces < fewest:
            fewest, named = pieces, wrong
    if fewest >= segments:
        return ()
    hints = []
    for character in named[:_MOST_NAMED]:
        other = gsm7.instead(character)
        change = f'write "{other}"' if other else "leave it out"
        hints.append(f'"{character}": {change}')
    if len(named) > _MOST_NAMED:
        hints.append(f"and {len(named) - _MOST_NAMED} more characters like these")
    hints.append(f"this makes {fewest} of {segments} segments")
    return tuple(hints)
