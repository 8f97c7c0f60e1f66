"""What every language shares: characters made plain before the rules, spaces and punctuation mended after. No I/O."""

from __future__ import annotations

import re
import unicodedata

_PLAIN = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ", "\u2019": "'", "\u2018": "'", "\u02bc": "'",
                        "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2010": "-", "\u2011": "-", "\u2026": "...",
                        "\r": "\n", "\u00ad": None, "\u200b": None, "\ufeff": None})  # fmt: skip
_PICTURES = re.compile(
    "[\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u2500-\u27bf\u2900-\u297f\u2b00-\u2bff\ufe0e\ufe0f\u200d"
    "\U0001f000-\U0001faff\U000e0020-\U000e007f]+"
)
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2060-\u2069]")

_MENDS = tuple(
    (re.compile(pattern), into)
    for pattern, into in (
        (r"[\"«»*_#|<>~^`\[\]{}\\]", " "),
        (r"\s*\(\s*", ", "),
        (r"\s*\)\s*(?=[.,;:!?])", ""),
        (r"\s*\)\s*", ", "),
        (r"(?<=\s)[-–—]+(?=\s)|[–—]", ","),
        (r"\.{2,}", "."),
        (r"!{2,}", "!"),
        (r"\?{2,}", "?"),
        (r"[ ]+", " "),
        (r" +(?=[.,;:!?])", ""),
        (r"([,;:]\s*)+(?=[.!?])", ""),
        (r",(\s*,)+", ","),
        (r"(?<=[.!?:;])\s*,", ""),
        (r" *\n[\s,]*", "\n"),
        (r"^[\s,.;:!?]+|[\s,;:]+$", ""),
    )
)


def prepared(text: str) -> str:
    """Composed characters, plain quotes and spaces; pictures and control characters gone."""
    plain = unicodedata.normalize("NFC", text).replace("\r\n", "\n").translate(_PLAIN)
    return _PICTURES.sub(" ", _CONTROL.sub("", plain))


def tidied(words: str) -> str:
    """One space between words; brackets and dashes as commas; no punctuation without words around it."""
    for pattern, into in _MENDS:
        words = pattern.sub(into, words)
    return words
