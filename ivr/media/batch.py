"""Datagrams that were fetched together, one each of some legs: their headers as columns, to be read and rewritten all at
once. No I/O.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy
from numpy.typing import NDArray

SLOTS = 512
LONGEST_DATAGRAM = 1600
"""More than an Ethernet frame holds; an odd number of cache lines, so that headers do not all fall on the same few."""

PAYLOAD_AT = 12

Numbers = NDArray[numpy.intp]


class Batch:
    """Room for `SLOTS` datagrams. The columns `first` (flags, marker and payload type) and `ssrc` are as the wire has
    them, in the machine's order: to compare and to copy, not to compute with."""

    def __init__(self) -> None:
        self.octets = numpy.zeros((SLOTS, LONGEST_DATAGRAM), dtype=numpy.uint8)
        self.addresses = self.octets.ctypes.data + LONGEST_DATAGRAM * numpy.arange(SLOTS, dtype=numpy.uint64)
        self.rows = [memoryview(row) for row in self.octets]  # type: ignore[arg-type]  # numpy says no buffer
        self.first = self._column("=u2", 0)
        self.sequence = self._column(">u2", 2)
        self.timestamp = self._column(">u4", 4)
        self.ssrc = self._column("=u4", 8)
        nothing = numpy.zeros(0, dtype=numpy.intp)
        self.hold(nothing, nothing, nothing.astype(numpy.int32), nothing.astype(numpy.float64))

    def hold(
        self, legs: Numbers, slots: Numbers, lengths: NDArray[numpy.int32], arrived: NDArray[numpy.float64]
    ) -> None:
        """What came: of which legs, in which slots, how many bytes, and when on the monotonic clock (seconds). A leg is
        there at most once."""
        self.legs, self.slots, self.lengths, self.arrived = legs, slots, lengths, arrived

    def put(self, leg: int, data: bytes | memoryview, arrived: float) -> None:
        """One datagram alone."""
        self.rows[0][: len(data)] = data
        self.hold(
            numpy.array([leg], dtype=numpy.intp),
            numpy.zeros(1, dtype=numpy.intp),
            numpy.array([len(data)], dtype=numpy.int32),
            numpy.array([arrived]),
        )

    def _column(self, kind: str, offset: int) -> NDArray[Any]:
        return numpy.ndarray((SLOTS,), kind, self.octets.data, offset, (LONGEST_DATAGRAM,))


def as_on_the_wire(number: int, size: int) -> int:
    """A number of `size` bytes as the columns `first` and `ssrc` hold it."""
    return int.from_bytes(number.to_bytes(size, "big"), sys.byteorder)
