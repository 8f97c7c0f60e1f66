"""Packets on their way out, many at a time: whole banks by the clock, and what passes the bridges. Does I/O.

Where the kernel has io_uring they leave in one system call; a leg whose packets must be protected first, or whose socket
is not connected yet, and every leg where there is no ring, gets a `send` a packet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from ivr.media.batch import SLOTS, Batch, Numbers
from ivr.media.pacing import Bank
from ivr.media.ring import OP_SEND, SKIP_SUCCESS, Requests, Ring
from ivr.media.sockets import LegSocket, Send

_DONT_WAIT_NO_SIGNAL = 0x4040
_NO_DESCRIPTOR = -1


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A bank's packets: requests for the ring, and those that go one by one."""

    version: int
    requests: Requests
    others: list[tuple[Send, memoryview]]


class Departures:
    """`ring` None: every packet by its own `send`."""

    def __init__(self, ring: Ring | None) -> None:
        self._ring = ring
        self._sends: dict[int, Send] = {}
        self._descriptors = numpy.full(64, _NO_DESCRIPTOR, dtype=numpy.int32)
        self._banks: dict[Bank, _Prepared] = {}
        self._requests = _sends(SLOTS)

    def set(self, leg: LegSocket) -> None:
        """How the leg sends has changed."""
        number = leg.number
        self._sends[number] = leg.send
        if number >= len(self._descriptors):
            more = numpy.full(2 * number, _NO_DESCRIPTOR, dtype=numpy.int32)
            more[: len(self._descriptors)] = self._descriptors
            self._descriptors = more
        by_ring = self._ring is not None and leg.plain
        self._descriptors[number] = leg.descriptor if by_ring else _NO_DESCRIPTOR
        self._banks.clear()

    def forget(self, leg: LegSocket) -> None:
        del self._sends[leg.number]
        self._descriptors[leg.number] = _NO_DESCRIPTOR

    def send(self, number: int, data: bytes | memoryview) -> None:
        """One packet; nothing happens for a leg that is gone, or whose other side refused an earlier one."""
        send = self._sends.get(number)
        if send is not None:
            _send_each(((send, data),))

    def send_bank(self, bank: Bank) -> None:
        prepared = self._banks.get(bank)
        if prepared is None or prepared.version != bank.version:
            prepared = self._banks[bank] = self._prepared(bank)
        if self._ring is not None and len(prepared.requests):
            self._ring.carry_out(prepared.requests, len(prepared.requests))
            self._ring.forget_results()
        _send_each(prepared.others)

    def send_batch(self, batch: Batch, places: Numbers, targets: Numbers) -> None:
        """What was rewritten for bridges goes to the other side of each."""
        if not len(places):
            return
        slots, lengths = batch.slots[places], batch.lengths[places]
        descriptors = self._descriptors[targets]
        slow = descriptors == _NO_DESCRIPTOR
        if not slow.any():  # the common case
            self._send_slots(batch, descriptors, slots, lengths)
            return
        self._send_slots(batch, descriptors[~slow], slots[~slow], lengths[~slow])
        slots, lengths, targets = slots[slow], lengths[slow], targets[slow]
        _send_each(
            (self._sends[target], batch.rows[slot][:length])
            for target, slot, length in zip(targets.tolist(), slots.tolist(), lengths.tolist(), strict=True)
        )

    def _send_slots(
        self, batch: Batch, descriptors: NDArray[numpy.int32], slots: Numbers, lengths: NDArray[numpy.int32]
    ) -> None:
        count, requests = len(slots), self._requests
        if self._ring is None or not count:
            return
        requests.descriptor[:count], requests.length[:count] = descriptors, lengths
        requests.address[:count] = batch.addresses[slots]
        self._ring.carry_out(requests, count)
        self._ring.forget_results()

    def _prepared(self, bank: Bank) -> _Prepared:
        descriptors = self._descriptors[numpy.array(bank.legs, dtype=numpy.intp)]
        fast = numpy.flatnonzero(descriptors != _NO_DESCRIPTOR)
        requests = _sends(len(fast))
        requests.descriptor[:] = descriptors[fast]
        requests.address[:], requests.length[:] = bank.address + fast * bank.step, bank.step
        slow = numpy.flatnonzero(descriptors == _NO_DESCRIPTOR)
        return _Prepared(
            bank.version, requests, [(self._sends[bank.legs[row]], bank.views[row]) for row in slow.tolist()]
        )


def _sends(count: int) -> Requests:
    return Requests(count, OP_SEND, _DONT_WAIT_NO_SIGNAL, SKIP_SUCCESS)


def _send_each(packets: Iterable[tuple[Send, bytes | memoryview]]) -> None:
    """A refused one (the other side's port is closed) is that call's matter alone: the iteration goes on behind it."""
    rest = iter(packets)
    while True:
        try:
            for send, data in rest:
                send(data)
            return
        except OSError:
            continue
