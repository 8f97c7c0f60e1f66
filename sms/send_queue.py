"""What waits to leave on one bind: first what the SMSC put off, in its old order, then what came after. No I/O.

Questions and orders about earlier messages take turns with these, one for one, theirs the first: a close that takes
thousands back holds up the closing messages by half, and these the orders no longer.
"""

from __future__ import annotations

import heapq
from collections import deque
from itertools import count

from sms.session_events import Operation, Outgoing


class SendQueue:
    """A withdrawn item stays until it surfaces and is passed over then."""

    def __init__(self) -> None:
        self._fresh: deque[Outgoing] = deque()
        self._again: list[tuple[int, Outgoing]] = []
        self._asking: deque[Operation] = deque()
        self._asked_last = False
        self._order = count()

    def add(self, item: Outgoing) -> None:
        item.order = next(self._order)
        item.waiting = True
        self._fresh.append(item)

    def add_again(self, item: Outgoing) -> None:
        """It left before and was put off."""
        item.waiting = True
        heapq.heappush(self._again, (item.order, item))

    def ask(self, operation: Operation) -> None:
        self._asking.append(operation)

    def withdraw(self, item: Outgoing) -> None:
        item.waiting = False

    def first(self) -> Outgoing | Operation | None:
        if self._asking and not (self._asked_last and self._first_message() is not None):
            return self._asking[0]
        return self._first_message()

    def take(self) -> None:
        """The first one leaves the queue."""
        if self._asking and isinstance(self.first(), Operation):
            self._asking.popleft()
            self._asked_last = True
            return
        self._asked_last = False
        item = heapq.heappop(self._again)[1] if self._again else self._fresh.popleft()
        item.waiting = False

    def drain(self) -> list[Outgoing | Operation]:
        """Everything, in order; the queue is empty after it."""
        rest: list[Outgoing | Operation] = []
        while (item := self.first()) is not None:
            self.take()
            rest.append(item)
        return rest

    def _first_message(self) -> Outgoing | None:
        while self._again and not self._again[0][1].waiting:
            heapq.heappop(self._again)
        if self._again:
            return self._again[0][1]
        while self._fresh and not self._fresh[0].waiting:
            self._fresh.popleft()
        return self._fresh[0] if self._fresh else None
