"""What happens in the lab, told as it happens, and what each call came to. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from lab.listening import Samples


class Did(StrEnum):
    """What a handset, a desk or the message centre did or met."""

    RANG = "rang"
    REFUSED = "refused"
    GIVEN_UP = "given up"
    """The caller stopped ringing."""
    PICKED_UP = "picked up"
    PRESSED = "pressed"
    HEARD = "heard"
    """A call that was answered is over."""
    CALLS_BACK = "calls back"
    CONNECTED = "connected"
    """Two people hear each other."""
    NOT_CONNECTED = "not connected"
    WHISPERED = "whispered"
    """A desk heard who is calling."""
    TEXT = "text"
    TEXT_REFUSED = "text refused"
    RECEIPT = "receipt"
    REPLIED = "replied"


@dataclass(frozen=True, slots=True)
class Event:
    """`number` as the lab knows it (+31…) or a desk's name; `detail` a code, key, text or state; `milliseconds` of
    sound where some was heard."""

    did: Did
    number: str
    detail: str = ""
    milliseconds: int = 0


Told = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class CallReport:
    """A call that is over. `moment` of its begin in monotonic seconds; `sound_ms` of speech or tone in what was
    `heard`; `tone_ms` of the tone that the other end is known by."""

    moment: float
    number: str
    caller: str
    outgoing: bool
    answered: bool
    code: int | None
    ended_by: str | None
    sound_ms: int
    tone_ms: int
    level: float
    heard: Samples = field(default_factory=lambda: np.zeros(0, np.int16), repr=False, compare=False)


def plain(number: str) -> str:
    """One spelling for the ways in which a wire may write a Dutch or E.164 number: +31…."""
    digits = number.removeprefix("+")
    if digits.startswith("00"):
        digits = digits[2:]
    elif digits.startswith("0"):
        digits = "31" + digits[1:]
    return "+" + digits if digits.isdigit() else number
