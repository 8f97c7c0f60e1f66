"""The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038 §6.2.1), one septet an octet. No I/O."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

ESCAPE = 0x1B

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}

CODES: dict[str, bytes] = {character: bytes((code,)) for code, character in enumerate(BASIC) if code != ESCAPE} | {
    character: bytes((ESCAPE, code)) for code, character in EXTENSION.items()
}
"""Each character's octets: one, or two with the escape."""

# What a person would write instead; letters with marks that are not here are found by taking the marks off.
_INSTEAD = {
    "‘": "'",
    "’": "'",
    "‚": "'",
    "′": "'",
    "`": "'",
    "´": "'",
    "“": '"',
    "”": '"',
    "„": '"',
    "«": '"',
    "»": '"',
    "″": '"',
    "–": "-",
    "—": "-",
    "‐": "-",
    "‑": "-",
    "−": "-",
    "…": "...",
    "•": "-",
    "·": ".",
    "×": "x",
    "\u00a0": " ",
    "\u202f": " ",
    "\u2009": " ",
    "\t": " ",
    "Ĳ": "IJ",
    "ĳ": "ij",
    "œ": "oe",
    "Œ": "OE",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ı": "i",
    "\u200b": "",
    "\u00ad": "",
    "\ufeff": "",
}


def encode(text: str) -> bytes | None:
    """One octet a septet, or None when a character is in neither table."""
    try:
        return b"".join(map(CODES.__getitem__, text))
    except KeyError:
        return None


def decode(octets: bytes, basic: str = BASIC, extension: Mapping[int, str] = EXTENSION) -> str:
    """As a handset shows it: an unknown extension is the basic character, an escape at the end a space (TS 23.038
    §6.2.1.1); octets above 127 are replaced."""
    characters: list[str] = []
    escaped = False
    for code in octets:
        if escaped:
            escaped = False
            characters.append(extension.get(code) or (basic[code] if code < 128 and code != ESCAPE else " "))
        elif code == ESCAPE:
            escaped = True
        else:
            characters.append(basic[code] if code < 128 else "\ufffd")
    if escaped:
        characters.append(" ")
    return "".join(characters)


def unpack(octets: bytes, skip_bits: int = 0) -> bytes:
    """Septets packed eight in seven octets (TS 23.038 §6.1.2.1), as one octet each; `skip_bits` are fill bits."""
    value = int.from_bytes(octets, "little") >> skip_bits
    count = (len(octets) * 8 - skip_bits) // 7
    return bytes((value >> (7 * place)) & 0x7F for place in range(count))


def instead(character: str) -> str | None:
    """What can be written for a character outside the alphabet, None where there is nothing like it (`ë` gives `e`)."""
    if character in _INSTEAD:
        return _INSTEAD[character]
    plain = "".join(each for each in unicodedata.normalize("NFKD", character) if not unicodedata.combining(each))
    return plain if plain and plain != character and encode(plain) is not None else None
