"""Keys as RFC 4733 telephone events: each press once, whatever was lost, doubled or reordered. No I/O.

A press is named by its RTP timestamp (§2.2.2); its end is told three times (§2.5.1.4). Packets of phones that count the
timestamp on with each packet, or never do, are recognised as well.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field

from foundation.clock import Monotonic
from ivr.media.rtp import CLOCK_RATE, Header, packet, sequence_step, timestamp_step

EVENTS = "0123456789*#ABCD"
"""Event codes 0 to 15 (RFC 4733 §3.2); others, as flash, are no keys."""

END_LOST_SECONDS = 0.15
"""So long after its last packet a press counts as over although no end came."""

_PAYLOAD = struct.Struct("!BBH")
_END = 0x80
_VOLUME = 10
_REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class Press:
    """One key, pressed and let go."""

    digit: str
    milliseconds: int


@dataclass(slots=True)
class _Heard:
    event: int
    timestamp: int
    last_sequence: int
    duration: int
    over: bool = False


class DigitReceiver:
    """Event packets of one leg in, presses out."""

    def __init__(self) -> None:
        self._ssrc: int | None = None
        self._presses: deque[_Heard] = deque(maxlen=_REMEMBERED)
        self._deadline: Monotonic | None = None

    def next_deadline(self) -> Monotonic | None:
        return self._deadline

    def receive(self, header: Header, payload: bytes, now: Monotonic) -> list[Press]:
        """An event packet, in any order; what is too short or no key is passed over."""
        if len(payload) < 4:
            return []
        event, flags, duration = _PAYLOAD.unpack_from(payload)
        if event >= len(EVENTS):
            return []
        if header.ssrc != self._ssrc:
            presses = self.finish()
            self._ssrc = header.ssrc
            self._presses.clear()
            return presses + self._take(header, event, bool(flags & _END), duration, now)
        return self._take(header, event, bool(flags & _END), duration, now)

    def handle_deadline(self, now: Monotonic) -> list[Press]:
        if self._deadline is None or now < self._deadline:
            return []
        return self.finish()

    def finish(self) -> list[Press]:
        """The stream is over, or silent too long: a press that is still open counts."""
        self._deadline = None
        return [self._close(heard) for heard in self._presses if not heard.over]

    def _take(self, header: Header, event: int, end: bool, duration: int, now: Monotonic) -> list[Press]:
        presses: list[Press] = []
        heard = self._find(header, event, end, duration)
        if heard is None:
            newest = not self._presses or timestamp_step(header.timestamp, self._presses[-1].timestamp) >= 0
            if newest:
                presses = self.finish()
            heard = _Heard(event, header.timestamp, header.sequence, duration)
            self._presses.append(heard)
            if not newest:
                self._presses = deque(sorted(self._presses, key=self._age), maxlen=_REMEMBERED)
        elif not heard.over:
            # Segments and counted-on timestamps (both part of one press) make the press longer than one duration.
            heard.duration = max(heard.duration, timestamp_step(header.timestamp, heard.timestamp) + duration)
            if sequence_step(header.sequence, heard.last_sequence) > 0:
                heard.last_sequence = header.sequence
        if heard.over:
            return presses
        if end:
            presses.append(self._close(heard))
        self._deadline = Monotonic(now + END_LOST_SECONDS) if any(not known.over for known in self._presses) else None
        return presses

    def _age(self, heard: _Heard) -> int:
        return timestamp_step(heard.timestamp, self._presses[0].timestamp)

    def _find(self, header: Header, event: int, end: bool, duration: int) -> _Heard | None:
        """The press that this packet tells of, or None for a new one."""
        for heard in reversed(self._presses):
            step = timestamp_step(header.timestamp, heard.timestamp)
            if step == 0:
                later = sequence_step(header.sequence, heard.last_sequence) > 0
                if heard.over and header.marker and not end and later:
                    return None  # a phone whose timestamp stands still: the marker begins the next press
                return heard
            if heard.event != event or step < 0:
                continue
            # No second press of a key can begin within the first one's duration: it is the same press, by a phone
            # that counts the timestamp on, or in its next segment (§2.5.1.3).
            if step < heard.duration or (not header.marker and step == heard.duration):
                return heard
            if (
                not heard.over
                and not header.marker
                and step + duration > heard.duration
                and step == duration - heard.duration
            ):
                return heard
        return None

    def _close(self, heard: _Heard) -> Press:
        heard.over = True
        return Press(EVENTS[heard.event], heard.duration * 1000 // CLOCK_RATE)


@dataclass(slots=True)
class DigitSender:
    """One press as packets: `next_packet` once each `packet_milliseconds`, until `over`.

    The timestamp is that of the press's begin throughout; the duration grows; the end is told three times.
    """

    digit: str
    milliseconds: int
    payload_type: int
    timestamp: int
    ssrc: int
    packet_milliseconds: int = 20
    _duration: int = field(default=0, init=False)
    _ends: int = field(default=0, init=False)

    @property
    def over(self) -> bool:
        return self._ends == 3

    def next_packet(self, sequence: int) -> bytes:
        first = self._duration == 0
        ticks = CLOCK_RATE // 1000
        whole = min(max(self.milliseconds, 2 * self.packet_milliseconds) * ticks, 0xFFFF)
        self._duration = min(self._duration + self.packet_milliseconds * ticks, whole)
        end = self._duration == whole and not first
        if end:
            self._ends += 1
        payload = _PAYLOAD.pack(EVENTS.index(self.digit), (_END if end else 0) | _VOLUME, self._duration)
        return packet(
            payload,
            payload_type=self.payload_type,
            sequence=sequence,
            timestamp=self.timestamp,
            ssrc=self.ssrc,
            marker=first,
        )
