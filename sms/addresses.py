"""Telephone numbers and names as SMPP addresses, and back (3.4 §5.2.5, §5.2.6). No I/O."""

from __future__ import annotations

import re
from functools import lru_cache

from foundation.telephone_numbers import NumberFault, PhoneNumber, read
from sms import commands
from sms.pdu import SmeAddress
from sms.settings import SmscSettings

_LONGEST_SHORT_CODE = 8


def source_address(settings: SmscSettings) -> SmeAddress:
    """`reply_number` where it is set, so that people can answer; else the sender's name."""
    return _sender(settings.reply_number or settings.source)


@lru_cache(maxsize=64)
def _sender(text: str) -> SmeAddress:
    digits = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(r"\+?\d+", digits):
        return SmeAddress(commands.TON_ALPHANUMERIC, commands.NPI_UNKNOWN, text.encode("latin-1", "replace"))
    if not digits.startswith(("+", "0")) and len(digits) <= _LONGEST_SHORT_CODE:
        return SmeAddress(commands.TON_NETWORK, commands.NPI_UNKNOWN, digits.encode())
    try:
        return phone_address(read(digits))
    except NumberFault:
        return SmeAddress(commands.TON_UNKNOWN, commands.NPI_UNKNOWN, digits.encode())


def phone_address(number: PhoneNumber) -> SmeAddress:
    return SmeAddress(commands.TON_INTERNATIONAL, commands.NPI_ISDN, number.e164[1:].encode())


def read_number(address: SmeAddress) -> PhoneNumber | None:
    """The number of a person, None for a name, a short code or what is none."""
    digits = address.address.decode("latin-1").strip()
    try:
        # Once a receipt: an international number needs no table.
        if address.ton == commands.TON_INTERNATIONAL and digits.isdigit():
            return PhoneNumber("+" + digits)
        return read(digits) if address.ton != commands.TON_ALPHANUMERIC else None
    except NumberFault:
        return None
