"""What a text message says: its characters and its place among parts, as a handset reads them. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from smpplib.gsm import GSM_CHARACTER_TABLE, gsm_encode

_ESCAPE = 0x1B
_UDH_INDICATOR = 0x40
_CONCATENATION = {0x00: 1, 0x08: 2}
"""Information elements of 3GPP TS 23.040 §9.2.3.24.1 and .8: octets of their reference."""


@dataclass(frozen=True, slots=True)
class Part:
    """`reference` and `total` of a long message; 0 and 1 where it is a whole one."""

    text: str
    reference: int = 0
    total: int = 1
    number: int = 1


def read_part(esm_class: int, data_coding: int, octets: bytes) -> Part:
    """Read short_message or message_payload (SMPP 3.4 §5.2.12, §5.2.19)."""
    if not esm_class & _UDH_INDICATOR or not octets:
        return Part(decode(data_coding, octets))
    header, body = octets[1 : octets[0] + 1], octets[octets[0] + 1 :]
    while len(header) >= 2:
        kind, length = header[0], header[1]
        element, header = header[2 : length + 2], header[length + 2 :]
        if (width := _CONCATENATION.get(kind)) is not None and len(element) == width + 2:
            reference = int.from_bytes(element[:width], "big")
            return Part(decode(data_coding, body), reference, element[width], element[width + 1])
    return Part(decode(data_coding, body))


def decode(data_coding: int, octets: bytes) -> str:
    """GSM 7-bit in octets (0), Latin-1 (3) or UCS-2 (8); what is no character becomes U+FFFD."""
    if data_coding & 0x0C == 0x08:
        return octets.decode("utf-16-be", "replace")
    if data_coding == 3:
        return octets.decode("latin-1")
    characters = []
    page = 0
    for octet in octets:
        if octet == _ESCAPE and not page:
            page = 0x80
            continue
        characters.append(GSM_CHARACTER_TABLE[page + octet] if octet < 0x80 else "\ufffd")
        page = 0
    return "".join(characters)


def encode(text: str) -> tuple[int, bytes]:
    """data_coding and octets of a short answer."""
    try:
        return 0, gsm_encode(text)
    except UnicodeError:
        return 8, text.encode("utf-16-be")
