"""National language tables beside the GSM 7-bit default alphabet (3GPP TS 23.038 §6.2.1.2, annexes A.2 and A.3). No I/O.

A message says in its header which tables it is written in: one in place of the default alphabet (locking shift), one in
place of the extension table (single shift), or both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from sms import gsm7

SINGLE_SHIFT = 0x24
LOCKING_SHIFT = 0x25
"""Information elements of 3GPP TS 23.040 §9.2.3.24.15 and .16; one octet, the language's number."""


@dataclass(frozen=True, slots=True)
class Shift:
    """The numbers of the languages whose tables a message uses; None is the default table."""

    locking: int | None = None
    single: int | None = None

    @property
    def elements(self) -> bytes:
        """As they stand in a user data header."""
        pairs = ((SINGLE_SHIFT, self.single), (LOCKING_SHIFT, self.locking))
        return b"".join(bytes((element, 1, number)) for element, number in pairs if number is not None)


@dataclass(frozen=True, slots=True)
class _Language:
    """`locking` holds 128 characters, None where the language has no such table; `single` what it adds to the extension
    table, by code."""

    number: int
    locking: str | None
    single: Mapping[int, str]


_FIGURES = "()*+,-./0123456789:;<=>?"

_LANGUAGES = {
    "tr": _Language(
        1,
        "@£$¥€éùıòÇ\nĞğ\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bŞşßÉ"
        f" !\"#¤%&'{_FIGURES}"
        "İABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
        "çabcdefghijklmnopqrstuvwxyzäöñüà",
        {0x47: "Ğ", 0x49: "İ", 0x53: "Ş", 0x63: "ç", 0x67: "ğ", 0x69: "ı", 0x73: "ş"},
    ),
    "es": _Language(
        2,
        None,
        {0x09: "ç", 0x41: "Á", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x61: "á", 0x69: "í", 0x6F: "ó", 0x75: "ú"},
    ),
    "pt": _Language(
        3,
        "@£$¥êéúíóç\nÔô\rÁáΔ_ªÇÀ∞^\\€Ó|\x1bÂâÊÉ"
        f" !\"#º%&'{_FIGURES}"
        "ÍABCDEFGHIJKLMNOPQRSTUVWXYZÃÕÚÜ§"
        "~abcdefghijklmnopqrstuvwxyzãõ`üà",
        {0x05: "ê", 0x09: "ç", 0x0B: "Ô", 0x0C: "ô", 0x0E: "Á", 0x0F: "á", 0x1F: "Ê"}
        | {0x12: "Φ", 0x13: "Γ", 0x15: "Ω", 0x16: "Π", 0x17: "Ψ", 0x18: "Σ", 0x19: "Θ"}
        | {0x41: "À", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x5B: "Ã", 0x5C: "Õ"}
        | {0x61: "Â", 0x69: "í", 0x6F: "ó", 0x75: "ú", 0x7B: "ã", 0x7C: "õ", 0x7F: "â"},
    ),
}
_BY_NUMBER = {language.number: language for language in _LANGUAGES.values()}


def shifts(tags: Iterable[str], first: str) -> Iterator[Shift]:
    """Every way to write with the tables of these languages, that of the tag `first` before the others.

    A language's single shift comes first: a telephone without the table shows the plain letter instead (§6.2.1.2.4), `g`
    for `ğ`, where a locking table that it does not know turns letters into others.
    """
    for tag in sorted(tags, key=lambda tag: tag != first[:2].lower()):
        language = _LANGUAGES[tag]
        yield Shift(single=language.number)
        if language.locking is not None:
            yield Shift(locking=language.number)
            yield Shift(language.number, language.number)


@cache
def codes(shift: Shift) -> Mapping[str, bytes]:
    """Each character's octets in these tables, the shortest where it is in both."""
    basic, extension = _tables(shift)
    escaped = {character: bytes((gsm7.ESCAPE, code)) for code, character in extension.items()}
    return escaped | {each: bytes((code,)) for code, each in enumerate(basic) if code != gsm7.ESCAPE}


def decode(octets: bytes, shift: Shift) -> str:
    """One octet a septet; a table that is not known counts as the default one (§6.2.1.2.4, §6.2.1.2.5)."""
    return gsm7.decode(octets, *_tables(shift))


def _tables(shift: Shift) -> tuple[str, Mapping[int, str]]:
    locking, single = (_BY_NUMBER.get(number or 0) for number in (shift.locking, shift.single))
    basic = locking.locking if locking is not None and locking.locking is not None else gsm7.BASIC
    return basic, {**gsm7.EXTENSION, **(single.single if single is not None else {})}


def widest(tags: Iterable[str]) -> list[frozenset[str]]:
    """What can be written with all tables of each language."""
    return [frozenset().union(*(codes(shift) for shift in shifts((tag,), tag))) for tag in tags]
