"""Packets put back in order for a recording. No I/O, no clock. (A bridge has `ivr.media.playout`.)

A packet in order is passed on at once, so that nothing is delayed on a good line; only behind a gap is waited, and then
for a number of packets, not for a time.
"""

from __future__ import annotations

from typing import NamedTuple

from ivr.media.rtp import sequence_step


class Ordered(NamedTuple):
    """A payload in its turn."""

    sequence: int
    timestamp: int
    payload: bytes


class Reorder:
    """Sequence numbers out come in rising order, each once; one that is later than `depth` packets is given up."""

    def __init__(self, depth: int = 3) -> None:
        self._depth = depth
        self._next: int | None = None
        self._waiting: dict[int, Ordered] = {}

    def push(self, sequence: int, timestamp: int, payload: bytes) -> list[Ordered]:
        entry = Ordered(sequence, timestamp, payload)
        if self._next is None:
            self._next = sequence
        step = sequence_step(sequence, self._next)
        if step < -100 or step > 1000:
            # The sender began anew: what waits belongs to the past.
            ready = self.flush()
            self._next = (sequence + 1) & 0xFFFF
            return [*ready, entry]
        if step < 0 or sequence in self._waiting:
            return []
        self._waiting[sequence] = entry
        return self._in_order()

    def flush(self) -> list[Ordered]:
        """All that still waits, in order, with the gaps given up."""
        expected = self._next or 0
        ready = sorted(self._waiting.values(), key=lambda entry: sequence_step(entry.sequence, expected))
        self._waiting.clear()
        if ready:
            self._next = (ready[-1].sequence + 1) & 0xFFFF
        return ready

    def _in_order(self) -> list[Ordered]:
        assert self._next is not None
        if len(self._waiting) > self._depth and self._next not in self._waiting:
            expected = self._next
            self._next = min(self._waiting, key=lambda sequence: sequence_step(sequence, expected))
        ready: list[Ordered] = []
        while (entry := self._waiting.pop(self._next, None)) is not None:
            ready.append(entry)
            self._next = (self._next + 1) & 0xFFFF
        return ready
