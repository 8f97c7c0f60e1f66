"""What a test of a trunk found out, as plain facts. No I/O; `ivr.probe_words` says what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from foundation.sound import Codec
from ivr.media.messages import SrtpSuite


class Verdict(StrEnum):
    """`GOOD` works as it must, `NOTE` is worth knowing and no fault, `FAULT` must be mended."""

    GOOD = "ok"
    NOTE = "note"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is known now. `step` is a word for the left column: `DNS`, `REGISTER`, `codec`, …"""

    step: str
    verdict: Verdict
    words: str


@dataclass(frozen=True, slots=True)
class Account:
    """What the configuration says that decides how a refusal is read."""

    username: str | None
    has_password: bool
    caller_id: str
    dial_format: str
    codecs: tuple[Codec, ...]
    srtp: Literal["off", "optional", "required"] = "off"


@dataclass(frozen=True, slots=True)
class Reply:
    """How a request of ours ended. `status` None: no answer in `seconds`. `challenges` are the 401 and 407 before the end,
    it included; `warning` is what the Warning or Reason header adds. `link` says in words how the connection failed;
    `unreachable` that the host told us by ICMP that nobody listens there."""

    method: str
    to: str
    status: int | None
    phrase: str = ""
    seconds: float = 0.0
    challenges: int = 0
    warning: str = ""
    link: str | None = None
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Agreement:
    """What offer and answer came to. `fault` None, else why nothing could be agreed; `direction` as we see it; `suite` of
    SRTP, None for sound in the clear."""

    fault: str | None = None
    codec: Codec | None = None
    telephone_event: int | None = None
    packet_milliseconds: int = 20
    direction: str = "sendrecv"
    host: str = ""
    private_host: bool = False
    suite: SrtpSuite | None = None


@dataclass(frozen=True, slots=True)
class Sounded:
    """What went over an answered call. `level` of what was heard in dBm0, None for silence; `tone_back` that our own test
    tone was in it. `reported_lost` is what the other side's RTCP reports say, None where it sent none. `dropped`: the
    other side hung up before the test was over."""

    sent: int
    received: int
    lost: int
    jitter: float
    level: float | None
    tone_back: bool
    reported_lost: int | None
    digits_sent: str
    digits_heard: str
    dropped: bool = False
