"""Dutch number words: cardinals, ordinals, digits, pairs of digits, years. No I/O."""

from __future__ import annotations

import re
from functools import lru_cache

from num2words import num2words

ONE = "e\u2060en"
"""One as a number. The voice is given `één`, for `een` alone it may take for the article; people read `een`."""

DIGITS = ("nul", ONE, "twee", "drie", "vier", "vijf", "zes", "zeven", "acht", "negen")

_LARGEST = 999_999_999_999


@lru_cache(maxsize=4096)
def cardinal(number: int) -> str:
    """`21` → `eenentwintig`, `2345` → `tweeduizend driehonderdvijfenveertig`. Above 999 thousand million digit by digit."""
    if number == 1:
        return ONE
    if number > _LARGEST:
        return digits(str(number))
    if number >= 1000:
        return " ".join(_groups(number))
    return str(num2words(number, lang="nl")).replace("é", "e")


def _groups(number: int) -> list[str]:
    words: list[str] = []
    for size, name in ((10**9, " miljard"), (10**6, " miljoen"), (1000, "duizend")):
        count, number = divmod(number, size)
        if count == 1 and size == 1000:
            words.append("duizend")
        elif count:
            words.append(cardinal(count) + name)
    if number:
        words.append(cardinal(number))
    return words


@lru_cache(maxsize=1024)
def ordinal(number: int) -> str:
    """`1` → `eerste`, `20` → `twintigste`, `101` → `honderdeerste`."""
    head, _, last = cardinal(number).rpartition(" ")
    rest = number % 100
    plain, special = _SPECIAL_ORDINALS.get(rest, ("", ""))
    if special:
        last = last.replace(ONE, "een").removesuffix(plain) + special
    else:
        last += "de" if 1 < rest < 20 else "ste"
    return f"{head} {last}".strip()


_SPECIAL_ORDINALS = {1: ("een", "eerste"), 3: ("drie", "derde"), 8: ("acht", "achtste")}


def digits(text: str) -> str:
    """`0612` → `nul zes een twee`."""
    return " ".join(DIGITS[int(digit)] for digit in text)


def groups(text: str, sizes: str) -> str:
    """Digits one by one, a comma after each group: `groups("12345", "32")` → `een twee drie, vier vijf`."""
    said: list[str] = []
    for size in map(int, sizes):
        said.append(digits(text[:size]))
        text = text[size:]
    return ", ".join(part for part in said if part)


def pair(text: str) -> str:
    """Two digits as people say them: `34` → `vierendertig`, `05` → `nul vijf`, `00` → `nul nul`."""
    return digits(text) if text.startswith("0") else cardinal(int(text))


def year(number: int) -> str:
    """`1987` → `negentien zevenentachtig`, `2024` → `tweeduizend vierentwintig`, `1900` → `negentienhonderd`."""
    century, rest = divmod(number, 100)
    if not 1100 <= number <= 1999:
        return cardinal(number)
    if rest < 10:
        return f"{cardinal(century)}honderd{cardinal(rest).replace(ONE, 'een') if rest else ''}"
    return f"{cardinal(century)} {cardinal(rest)}"


def decimal(text: str) -> str:
    """A number with dots for thousands and a comma: `1.250,5` → `duizend tweehonderdvijftig komma vijf`."""
    whole, comma, fraction = text.replace(".", "").partition(",")
    said = cardinal(int(whole))
    if not comma:
        return said
    spoken_fraction = digits(fraction) if fraction.startswith("0") or len(fraction) > 2 else cardinal(int(fraction))
    return f"{said} komma {spoken_fraction}"


def roman(text: str) -> int:
    """The value of a roman numeral; 0 where it is none."""
    if not re.fullmatch(r"M{0,3}(CM|CD|D?C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})", text):
        return 0
    values = [_ROMAN[letter] for letter in text]
    return sum(
        -value if value < following else value for value, following in zip(values, [*values[1:], 0], strict=True)
    )


_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
