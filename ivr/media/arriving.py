"""Datagrams fetched from many sockets at a time, each with the moment at which the kernel got it. Does I/O.

The moment is the kernel's own (SO_TIMESTAMPNS): a sweep looks some milliseconds later, and jitter measured by our looks
would be a figure of ours, not of the line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy
from numpy.typing import NDArray

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.media.batch import LONGEST_DATAGRAM, SLOTS, Batch, Numbers
from ivr.media.ring import OP_RECVMSG, Requests, Ring
from ivr.media.sockets import LegSocket, receive_stamped

_DONT_WAIT = 0x40
_OLDEST_SECONDS = 1.0
"""A packet that seems to have waited longer came before the wall clock was set."""
# recvmsg(2), cmsg(3): struct msghdr, struct iovec, and a control message with a struct timespec, all of 64 bits.
_MESSAGE = numpy.dtype(
    [
        ("name", "u8", (2,)),
        ("piece", "u8"),
        ("pieces", "u8"),
        ("control", "u8"),
        ("control_length", "u8"),
        ("flags", "u8"),
    ]
)
_PIECE = numpy.dtype([("address", "u8"), ("length", "u8")])
_CONTROL_WORDS = 4  # length, level and kind, seconds, nanoseconds
_SECONDS = numpy.array([1.0, 1e-9])

_READINGS, _TOGETHER_SECONDS = 5, 0.0005

Found = tuple[Numbers, NDArray[numpy.int32], NDArray[numpy.float64]]
"""Slots, lengths, and wall clock seconds of the kernel's."""


class Arrivals:
    """Fetches into `batch`; `clock` is monotonic, `sockets` finds a leg by its descriptor. `ring` None: one by one."""

    def __init__(
        self,
        ring: Ring | None,
        sockets: Mapping[int, LegSocket],
        clock: Callable[[], float],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.batch = Batch()
        self._ring = ring
        self._sockets = sockets
        self._clock = clock
        self._wall_clock = wall_clock
        controls = self._controls = numpy.zeros((SLOTS, _CONTROL_WORDS), dtype=numpy.int64)
        pieces = self._pieces = numpy.zeros(SLOTS, dtype=_PIECE)
        pieces["address"], pieces["length"] = self.batch.addresses, LONGEST_DATAGRAM
        messages = self._messages = numpy.zeros(SLOTS, dtype=_MESSAGE)
        messages["piece"], messages["pieces"] = _addresses(pieces), 1
        messages["control"] = _addresses(controls)
        self._control_lengths = messages["control_length"]
        self._requests = Requests(SLOTS, OP_RECVMSG, _DONT_WAIT)
        self._requests.address[:], self._requests.length[:] = _addresses(messages), 1
        self._requests.user_data[:] = numpy.arange(SLOTS)

    def fetch(self, descriptors: NDArray[numpy.int32], numbers: Numbers) -> Batch:
        """At most one datagram each of these connected legs, at most `SLOTS` of them."""
        fetch = self._fetch_one_by_one if self._ring is None else self._fetch_by_ring
        slots, lengths, stamps = fetch(descriptors)
        now, behind = self._clocks()
        stamps += behind
        arrived = numpy.minimum(numpy.maximum(stamps, now - _OLDEST_SECONDS), now)
        self.batch.hold(numbers[slots], slots, lengths, arrived)
        return self.batch

    def unprotect(self, descriptors: NDArray[numpy.int32]) -> None:
        """What was fetched of these came protected: put it in the clear where it lies."""
        lengths = self.batch.lengths
        for place, slot in enumerate(self.batch.slots.tolist()):
            protection = self._sockets[int(descriptors[slot])].protection
            if protection is not None:
                lengths[place] = protection.unprotect_in_place(self.batch.rows[slot], int(lengths[place]))

    def fetch_one(self, leg: LegSocket, buffer: memoryview) -> tuple[int, Monotonic, Address]:
        """Length, time and source of the next datagram of a leg, connected or not, in the clear. Raises OSError."""
        length, stamp, source = receive_stamped(leg.rtp, buffer)
        if leg.protection is not None:
            length = leg.protection.unprotect_in_place(buffer, length)
        now, behind = self._clocks()
        arrived = now if stamp is None else min(max(stamp + behind, now - _OLDEST_SECONDS), now)
        return length, Monotonic(arrived), source

    def _clocks(self) -> tuple[float, float]:
        """The time, and how far the wall clock is behind it: read again where something came between the readings."""
        for _ in range(_READINGS):
            before, wall, now = self._clock(), self._wall_clock(), self._clock()
            if now - before < _TOGETHER_SECONDS:
                break
        return now, now - wall

    def _fetch_by_ring(self, descriptors: NDArray[numpy.int32]) -> Found:
        assert self._ring is not None
        count = len(descriptors)
        self._requests.descriptor[:count] = descriptors
        self._control_lengths[:count] = 8 * _CONTROL_WORDS
        self._ring.carry_out(self._requests, count)
        slots, lengths = self._ring.results()
        came = lengths >= 0
        if not came.all():
            slots, lengths = slots[came], lengths[came]
        return slots, lengths, self._controls[slots, 2:] @ _SECONDS

    def _fetch_one_by_one(self, descriptors: NDArray[numpy.int32]) -> Found:
        found: list[tuple[int, int, float]] = []
        for slot, descriptor in enumerate(descriptors.tolist()):
            # Nothing may be there after all, or the far port may have refused an earlier packet.
            try:
                length, stamp, _ = receive_stamped(self._sockets[descriptor].rtp, self.batch.rows[slot])
            except OSError:
                continue
            found.append((slot, length, self._wall_clock() if stamp is None else stamp))
        slots, lengths, stamps = zip(*found, strict=True) if found else ((), (), ())
        return (
            numpy.array(slots, dtype=numpy.intp),
            numpy.array(lengths, dtype=numpy.int32),
            numpy.array(stamps, dtype=numpy.float64),
        )


def _addresses(items: NDArray[Any]) -> NDArray[numpy.uint64]:
    """Where each item lies in memory."""
    step = items.strides[0]
    return items.ctypes.data + step * numpy.arange(len(items), dtype=numpy.uint64)
