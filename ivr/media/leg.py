"""One leg of sound as the core keeps it: its line as a table of states, what it plays, whom it is bridged with. No I/O."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from enum import Enum

from foundation.clock import Monotonic
from foundation.endpoints import Address
from foundation.sound import Codec
from ivr.media.codecs import Transcoder
from ivr.media.dtmf import DigitReceiver, DigitSender
from ivr.media.hearing import Wanted
from ivr.media.messages import Direction, Listen, PlayId, Remote
from ivr.media.orders import ReportTo
from ivr.media.pacing import Bank, Track
from ivr.media.playout import Playout
from ivr.media.recording import Recording
from ivr.media.rtp import CLOCK_RATE, Reception


class Line(Enum):
    """Whether sound may go to the other side."""

    BOUND = "bound"
    OPEN = "open"
    HELD = "held"
    CLOSED = "closed"


class LineEvent(Enum):
    AGREED_TO_SEND = "agreed to send"
    AGREED_NOT_TO_SEND = "agreed not to send"
    CLOSE = "close"


TRANSITIONS: dict[tuple[Line, LineEvent], Line] = {
    (Line.BOUND, LineEvent.AGREED_TO_SEND): Line.OPEN,
    (Line.BOUND, LineEvent.AGREED_NOT_TO_SEND): Line.HELD,
    (Line.BOUND, LineEvent.CLOSE): Line.CLOSED,
    (Line.OPEN, LineEvent.AGREED_TO_SEND): Line.OPEN,
    (Line.OPEN, LineEvent.AGREED_NOT_TO_SEND): Line.HELD,
    (Line.OPEN, LineEvent.CLOSE): Line.CLOSED,
    (Line.HELD, LineEvent.AGREED_TO_SEND): Line.OPEN,
    (Line.HELD, LineEvent.AGREED_NOT_TO_SEND): Line.HELD,
    (Line.HELD, LineEvent.CLOSE): Line.CLOSED,
}
"""Anything absent is invalid: a closed leg is forgotten, nothing reaches it."""

_SENDING: frozenset[Direction] = frozenset({"sendrecv", "sendonly"})
_HEARING: frozenset[Direction] = frozenset({"sendrecv", "recvonly"})


def usable(remote: Remote) -> Remote:
    """An agreement as the worker can carry it out. A packet time other than 10, 20, … 120 ms becomes 20 ms; an address
    that is no unicast literal (a name would be looked up, and the clock stand still), port 0, 0.0.0.0 (hold in the old
    way, RFC 3264 §8.4) and an impossible payload type make the line inactive."""
    milliseconds = remote.packet_milliseconds
    if milliseconds % 10 or not 10 <= milliseconds <= 120:
        remote = replace(remote, packet_milliseconds=20)
    host = literal(remote.address.host)
    if host is None or not 0 < remote.address.port < 65536 or not 0 <= remote.payload_type < 128:
        return replace(remote, direction="inactive", payload_type=remote.payload_type & 0x7F)
    return replace(remote, address=Address(host, remote.address.port))


def literal(host: str) -> str | None:
    """The one spelling of an address that sound can go to, as the kernel gives it for a source; None for others."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return None if address.is_multicast or address.is_unspecified else address.compressed


def line_event(remote: Remote) -> LineEvent:
    """What an agreement, made usable, means for the line."""
    return LineEvent.AGREED_TO_SEND if remote.direction in _SENDING else LineEvent.AGREED_NOT_TO_SEND


def asides(remote: Remote) -> tuple[int | None, bool, int | None]:
    """What comes beside the sound: keys and reports."""
    return remote.telephone_event, remote.rtcp_mux, remote.rtcp_port


def hears(remote: Remote) -> bool:
    """Whether sound from the other side is part of the agreement."""
    return remote.direction in _HEARING


@dataclass(slots=True)
class Playing:
    """A sound or tone under way. `base` bytes were sent before the track's byte 0 of this lap; `total` None: endless.

    `stem` is None for a tone; `lap` the whole track, to which an endless tone returns after its tail.
    """

    play: PlayId
    stem: str | None
    tone: str | None
    milliseconds: int
    total: int | None
    repeats: bool
    report_at: int | None
    stop_on_digits: str
    lap: Track
    track: Track
    base: int = 0
    position: int = 0

    @property
    def sent(self) -> int:
        """Bytes sent to an open line, without the silence that filled up the last packet."""
        sent = self.base + self.position
        return sent if self.total is None else min(sent, self.total)


@dataclass(slots=True)
class Relay:
    """How packets of one leg become packets of the other: one for one with a new header (and the other law's bytes),
    or, where that can't be, through `playout`, from which the target's packets are cut by the clock.

    Offsets are None until the stream is known; a new SSRC, or a gap in what the other leg sent, sets them anew.
    """

    target: Leg
    payload_type: int
    source_payload_type: int
    source_ssrc: int | None = None
    last_sequence: int = 0
    sequence_offset: int = 0
    timestamp_offset: int = 0
    codecs: tuple[Codec, Codec] | None = None
    transcoder: Transcoder | None = None
    playout: Playout | None = None
    fast: bool = False
    """Plain rewriting and nobody listens in: packets may flow."""


@dataclass(slots=True, eq=False)
class Leg:
    """`sequence` and `timestamp` are those of the next packet that is not in a bank."""

    number: int
    generation: int
    ssrc: int
    sequence: int
    first_timestamp: int
    opened_at: Monotonic
    line: Line = Line.BOUND
    remote: Remote | None = None
    hosts: frozenset[str] = frozenset()
    latched: Address | None = None
    reports_to: ReportTo | None = None
    flowing: bool = False
    last_timestamp: int | None = None
    bank: Bank | None = None
    bank_ticks: int = 0
    playing: Playing | None = None
    in_row: Playing | None = None
    """What the leg's row in its bank reads, and so whose position the row holds."""
    peer: Leg | None = None
    relay: Relay | None = None
    sender: DigitSender | None = None
    keying: Playing | None = None
    """A digit as a tone; what plays or passes the bridge waits for it."""
    digits_to_send: list[tuple[str, int]] = field(default_factory=list)
    digits: DigitReceiver = field(default_factory=DigitReceiver)
    recording: Recording | None = None
    reception: Reception = field(default_factory=Reception)
    listens_fully: bool = True
    attended_at_once: bool = True
    wants_talking: bool = False
    wants_beep: bool = False
    analysed: bool = False
    packets_sent: int = 0

    @property
    def wanted(self) -> frozenset[Wanted]:
        """What its sound is listened to for; keys as tones where the agreement has no better form for them."""
        remote = self.remote
        if remote is None or not hears(remote):
            return frozenset()
        possible: tuple[tuple[Wanted, bool], ...] = (
            ("talking", self.wants_talking),
            ("beep", self.wants_beep),
            ("digits", remote.telephone_event is None),
        )
        return frozenset(name for name, wanted in possible if wanted)

    def listen_for(self, message: Listen) -> None:
        self.wants_talking, self.wants_beep = message.talking, message.beep

    def timestamp_at(self, now: Monotonic) -> int:
        """The leg's RTP time: runs with the clock, and never behind what was already sent."""
        timestamp = (self.first_timestamp + round((now - self.opened_at) * CLOCK_RATE)) & 0xFFFFFFFF
        last = self.last_timestamp
        if last is not None and ((timestamp - last) & 0xFFFFFFFF) >= 0x80000000:
            return last
        return timestamp

    def take_sequence(self) -> int:
        sequence = self.sequence
        self.sequence = (sequence + 1) & 0xFFFF
        return sequence
