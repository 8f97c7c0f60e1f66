"""The requests of one bind that wait for their responses. No I/O.

All wait equally long and are kept in the order of leaving: the first one's time is the next deadline, no heap needed.
"""

from __future__ import annotations

from collections import OrderedDict

from foundation.clock import Monotonic
from sms.session_events import Operation, Outgoing


class InFlight:
    """By sequence number; `round_trip_seconds` is smoothed over the last responses to submit_sm."""

    def __init__(self, response_seconds: float) -> None:
        self.round_trip_seconds: float | None = None
        self._seconds = response_seconds
        self._waiting: OrderedDict[int, Outgoing | Operation] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, sequence: int, item: Outgoing | Operation, now: Monotonic) -> None:
        item.left_at = now
        self._waiting[sequence] = item

    def take_submit(self, sequence: int, now: Monotonic) -> Outgoing | None:
        """The submit_sm that this number is the response's of; None for a doubled, late or strange one."""
        item = self._waiting.get(sequence)
        if not isinstance(item, Outgoing):
            return None
        del self._waiting[sequence]
        seconds, known = now - item.left_at, self.round_trip_seconds
        self.round_trip_seconds = seconds if known is None else known + (seconds - known) / 8
        return item

    def take_operation(self, sequence: int) -> Operation | None:
        item = self._waiting.get(sequence)
        if not isinstance(item, Operation):
            return None
        del self._waiting[sequence]
        return item

    def take(self, sequence: int) -> Outgoing | Operation | None:
        return self._waiting.pop(sequence, None)

    def next_deadline(self) -> Monotonic | None:
        if not self._waiting:
            return None
        return Monotonic(next(iter(self._waiting.values())).left_at + self._seconds)

    def overdue(self, now: Monotonic) -> list[Outgoing | Operation]:
        """Those whose response did not come in time; they are forgotten, and a late response is a strange one."""
        found = []
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            found.append(self._waiting.popitem(last=False)[1])
        return found

    def drain(self) -> list[Outgoing | Operation]:
        rest = list(self._waiting.values())
        self._waiting.clear()
        return rest
