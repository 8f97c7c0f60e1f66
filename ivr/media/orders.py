"""What the worker's core asks of its shell, beside sending: sockets and files. Frozen values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass

from foundation.endpoints import Address
from ivr.media.messages import SrtpKeys


@dataclass(frozen=True, slots=True)
class SendTo:
    """Until `Latch`, sound goes to this address and datagrams from anywhere are shown to the core."""

    leg: int
    address: Address


@dataclass(frozen=True, slots=True)
class Latch:
    """Connect the socket: from now on the kernel passes this source only."""

    leg: int
    address: Address


@dataclass(frozen=True, slots=True)
class ListenToAll:
    """Every datagram is wanted: for a bridge, a recording, or until the source is known."""

    leg: int


@dataclass(frozen=True, slots=True)
class ListenToDigits:
    """Only packets of this payload type are wanted; None: none at all; and RTCP where it comes on the same port. The
    kernel may drop the rest."""

    leg: int
    telephone_event: int | None
    reports: bool = False


@dataclass(frozen=True, slots=True)
class Attend:
    """Whether the leg's packets are wanted at once, for a bridge, or may wait some milliseconds."""

    leg: int
    at_once: bool


@dataclass(frozen=True, slots=True)
class ReportTo:
    """RTCP goes to this address and is taken from there only; None: it goes and comes with the sound (RFC 5761)."""

    leg: int
    address: Address | None


@dataclass(frozen=True, slots=True)
class Protect:
    """Sound and reports of the leg go and come under these keys from now on; None: in the clear."""

    leg: int
    keys: SrtpKeys | None


@dataclass(frozen=True, slots=True)
class CountUnheard:
    """Tell the core (`unheard`) how many packets the kernel kept away since the last time."""

    leg: int


@dataclass(frozen=True, slots=True)
class Release:
    """The leg is over: its socket and port are free."""

    leg: int


@dataclass(frozen=True, slots=True)
class WriteRecording:
    """Append samples (16 bit, little-endian) to the unfinished file of `path`."""

    path: str
    samples: bytes


@dataclass(frozen=True, slots=True)
class FinishRecording:
    """Complete the file, give it its name, then tell the core (`recording_finished`)."""

    path: str


Order = (
    SendTo
    | Latch
    | ListenToAll
    | ListenToDigits
    | Attend
    | ReportTo
    | Protect
    | CountUnheard
    | Release
    | WriteRecording
    | FinishRecording
)
