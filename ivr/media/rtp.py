"""The RTP header: reading, telling RTCP apart, sequence arithmetic, and what was received. No I/O.

RFC 3550 §5.1 (header), §A.1 and §A.8 (loss and jitter), RFC 5761 §4 (RTCP on the same port).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

HEADER = struct.Struct("!BBHII")
"""Flags, marker and payload type, sequence, timestamp, SSRC."""

CLOCK_RATE = 8000
"""RTP ticks a second for PCMA, PCMU, telephone-event and, by an old mistake kept on purpose, G.722 (RFC 3551 §4.5.2)."""

_VERSION_2 = 0x80
NEW_STREAM_STEP = 1000
"""Sequence numbers further apart are of two streams."""


class Header(NamedTuple):
    """A valid header. The payload lies in `data[start:end]`: CSRCs, extension and padding are outside it."""

    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    start: int
    end: int


def is_rtcp(data: bytes | bytearray | memoryview) -> bool:
    """Whether a datagram on the RTP port is RTCP (packet types 192 to 223, RFC 5761 §4)."""
    return len(data) >= 2 and data[0] & 0xC0 == _VERSION_2 and 192 <= data[1] <= 223


def parse(data: bytes | bytearray | memoryview) -> Header | None:
    """The header of a datagram, or None for whatever is not RTP version 2, is RTCP or contradicts itself."""
    length = len(data)
    if length < 12:
        return None
    flags, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    if flags & 0xC0 != _VERSION_2 or 192 <= second <= 223:
        return None
    start, end = 12 + 4 * (flags & 0x0F), length
    if flags & 0x10:
        if start + 4 > length:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if flags & 0x20:
        padding = data[-1]
        if padding == 0:
            return None
        end -= padding
    if start > end:
        return None
    return Header(second >= 128, second & 0x7F, sequence, timestamp, ssrc, start, end)


def packet(
    payload: bytes, *, payload_type: int, sequence: int, timestamp: int, ssrc: int, marker: bool = False
) -> bytes:
    """A whole packet without CSRCs or extension; numbers wrap as the wire wants."""
    second = payload_type | (0x80 if marker else 0)
    return HEADER.pack(_VERSION_2, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc & 0xFFFFFFFF) + payload


def sequence_step(new: int, old: int) -> int:
    """How far `new` lies ahead of `old`, -32768 to 32767, across the wrap."""
    return ((new - old + 0x8000) & 0xFFFF) - 0x8000


def timestamp_step(new: int, old: int) -> int:
    """How far `new` lies ahead of `old` in RTP ticks, across the wrap."""
    return ((new - old + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class Reception:
    """What came in on one leg (RFC 3550 §A.3, §A.8). Loss and jitter are counted over what is listened to whole:
    where the kernel passes only digits, gaps in the sequence mean nothing."""

    __slots__ = (
        "_cycles",
        "_unheard",
        "expected",
        "highest_sequence",
        "jitter_ticks",
        "last_timestamp",
        "received",
        "ssrc",
        "transit",
    )

    def __init__(self) -> None:
        self.received = 0
        self.jitter_ticks = 0.0
        self.expected = 0
        self.ssrc = -1
        self.highest_sequence = 0
        self.last_timestamp = 0
        self.transit = 0.0
        """Arrival less timestamp of the last packet, in RTP ticks of no known origin."""
        self._cycles = 0
        self._unheard = 0

    @property
    def lost(self) -> int:
        return max(self.expected - (self.received - self._unheard), 0)

    @property
    def highest(self) -> int:
        """The highest sequence number with its wraps counted, in 32 bits."""
        return (self._cycles + self.highest_sequence) & 0xFFFFFFFF

    @property
    def jitter_milliseconds(self) -> float:
        return self.jitter_ticks * 1000 / CLOCK_RATE

    def count(self, sequence: int, timestamp: int, ssrc: int, now: float) -> None:
        """One sound packet, in the order of arrival; `now` in seconds."""
        self.received += 1
        transit = now * CLOCK_RATE - timestamp
        step = (sequence - self.highest_sequence) & 0xFFFF
        if step < NEW_STREAM_STEP and ssrc == self.ssrc:
            self.expected += step
            if sequence < self.highest_sequence:
                self._cycles += 0x10000
            self.highest_sequence = sequence
            self.last_timestamp = timestamp
            difference = transit - self.transit
            if difference < 0:
                difference = -difference
            # A jump of the sender's clock, or its wrap, is no jitter.
            if difference < CLOCK_RATE:
                self.jitter_ticks += (difference - self.jitter_ticks) / 16
            self.transit = transit
        elif ssrc != self.ssrc or step < 0x10000 - NEW_STREAM_STEP:
            self.ssrc = ssrc
            self.highest_sequence, self.last_timestamp = sequence, timestamp
            self.expected += 1
            self.transit = transit

    def advance(self, received: int, expected: int, timestamp: int, transit: float, jitter_ticks: float) -> None:
        """So many packets were counted elsewhere, none of them late; the last of them had this timestamp."""
        self.received += received
        self.expected += expected
        highest = self._cycles + self.highest_sequence + expected
        self.highest_sequence = highest & 0xFFFF
        self._cycles = highest - self.highest_sequence
        self.last_timestamp, self.transit, self.jitter_ticks = timestamp, transit, jitter_ticks

    def count_unheard(self, packets: int) -> None:
        """Packets that were not listened to: digits, and what the kernel filter kept away."""
        self.received += packets
        self._unheard += packets

    def restart(self) -> None:
        """Listening whole begins (again): the gap since the last packet is no loss."""
        self.ssrc = -1
