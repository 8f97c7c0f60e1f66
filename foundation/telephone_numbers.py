"""Telephone numbers: reading every Dutch and international spelling, what is never dialled, and masking. No I/O.

Numbering plan facts: the Dutch plan "Nummerplan telefoon- en ISDN-diensten"; E.164 from the ITU.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import phonenumbers

DialFormat = Literal["e164", "national", "00"]

_SEPARATORS = re.compile(r"[\s\-./()\u00a0\u2010-\u2015]+")

# Short and information numbers by their national spelling; phonenumbers calls several of these valid subscribers.
_NEVER_DIALLED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"112$"), "the emergency number"),
    (re.compile(r"113$"), "the suicide prevention line"),
    (re.compile(r"116\d*$"), "a 116 service of social value"),
    (re.compile(r"144$"), "the animal emergency number"),
    (re.compile(r"14\d{2,4}$"), "a municipality's 14+area number"),
    (re.compile(r"18\d{2}$"), "an 18xy directory service"),
    (re.compile(r"0800\d*$"), "a free 0800 number"),
    (re.compile(r"090[0-9]\d*$"), "a premium 090x number"),
    (re.compile(r"084\d*$"), "an 084 forwarding number"),
    (re.compile(r"087\d*$"), "an 087 forwarding number"),
    (re.compile(r"066\d*$"), "a pager"),
)
_MACHINE = re.compile(r"097\d*$")


class NumberFault(ValueError):
    """A text that is no telephone number, or one that may not be used; the message says what to write instead."""


@dataclass(frozen=True, slots=True, order=True)
class PhoneNumber:
    """A telephone number in E.164, `+31612345678`. Made by `read` or from what was saved; a value, compared by text."""

    e164: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\+[1-9]\d{2,14}", self.e164):
            raise NumberFault(f"{self.e164!r} is not E.164; write it as +31612345678")

    def __str__(self) -> str:
        return self.e164

    @property
    def masked(self) -> str:
        """Country code and the last two digits, for logs and for roles that may not see numbers: `+31*******78`."""
        return self.e164[:3] + "*" * max(len(self.e164) - 5, 1) + self.e164[-2:]

    @property
    def national(self) -> str:
        """As it is dialled within its country: `0612345678`; a foreign number as `00…`."""
        return "0" + self.e164[3:] if self.e164.startswith("+31") else "00" + self.e164[1:]

    def dialled(self, form: DialFormat) -> str:
        """The digits that a trunk wants in the Request-URI: `e164` (+31…), `national` (06…) or `00` (0031…)."""
        if form == "national":
            return self.national
        return self.e164 if form == "e164" else "00" + self.e164[1:]


def read(text: str, region: str = "NL") -> PhoneNumber:
    """A number in any Dutch or international spelling (`06-12 34 56 78`, `0031…`, `+31 (0)6…`, `tel:…`).

    Raises NumberFault with what is wrong. 0800 and the like are read (they may be *our* number); whether a
    number may be dialled is `refusal`'s question.
    """
    stripped = re.sub(r"^(tel:|sips?:)", "", text.strip(), flags=re.IGNORECASE).split(";")[0].split("@")[0]
    digits = _SEPARATORS.sub("", stripped.replace("(0)", ""))
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if not re.fullmatch(r"\+?\d{3,16}", digits):
        raise NumberFault(f"{text!r} is not a telephone number; write it as 0612345678 or +31612345678")
    if region == "NL":
        information = re.fullmatch(r"(?:\+?31|0)((?:800|90[069])\d{4,7})", digits)
        if information is not None:
            return PhoneNumber("+31" + information.group(1))
        if re.fullmatch(r"31\d{8,10}", digits):
            digits = "+" + digits
    try:
        parsed = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException as error:
        raise NumberFault(f"{text!r} is not a telephone number; write it as 0612345678 or +31612345678") from error
    if not phonenumbers.is_possible_number(parsed):
        raise NumberFault(f"{text!r} has the wrong number of digits; a Dutch number has ten, as in 0612345678")
    return PhoneNumber(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def refusal(text: str | PhoneNumber) -> str | None:
    """Why this number is never dialled, in words; None when it may be a recipient. Never raises.

    What was written is looked at, for a short number may mean something else once it is completed (112, 14020), and
    then what it is read as, so that no spelling gets around it.
    """
    if not isinstance(text, PhoneNumber):
        reason = _forbidden(_SEPARATORS.sub("", re.sub(r"^tel:", "", text.strip(), flags=re.IGNORECASE)))
        if reason is not None:
            return reason
    try:
        number = text if isinstance(text, PhoneNumber) else read(text)
    except NumberFault as fault:
        return str(fault)
    reason = _forbidden(number.e164)
    if reason is not None:
        return reason
    if not phonenumbers.is_valid_number(phonenumbers.parse(number.e164)):
        return "no telephone has this number; check its digits"
    return None


def never_dialled(number: PhoneNumber) -> str | None:
    """The part of `refusal` that costs next to nothing: the last gate before a number leaves."""
    return _forbidden(number.e164)


def _forbidden(digits: str) -> str | None:
    """The reason where these digits are, as they stand or within the Netherlands, a number that is never dialled."""
    national = re.sub(r"^(\+31|0031)0?", "0", digits)
    short = national.removeprefix("0")
    for pattern, what in _NEVER_DIALLED:
        if pattern.match(national) or pattern.match(short):
            return f"{what} is never dialled"
    if _MACHINE.match(national):
        return "097 belongs to machines, not to a recipient"
    return None


def recipient(text: str) -> PhoneNumber:
    """A number that may be alerted, from any spelling; raises NumberFault with the reason when it may not."""
    reason = refusal(text)
    if reason is not None:
        raise NumberFault(reason)
    return read(text)
