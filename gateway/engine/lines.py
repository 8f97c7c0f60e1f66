"""The lines in which deliveries wait: one for each action, message and channel. Pure; time comes in.

Most of a line stays in the database and comes a page at a time, nearest first. What was tried before and waits for its
time is in memory, in a heap. What the channel had no place for stands aside and is offered again first.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from itertools import count

from foundation.clock import Monotonic
from gateway.domain.delivery import Delivery
from gateway.domain.outcomes import Outcome
from gateway.engine.running import RunningAction
from gateway.store.deliveries import QueueName

PAGE = 500
_LOW = 150


class Line:
    """`served` counts what was taken, for fairness between lines; `generation` tells a page asked for before a reset
    from one asked for after."""

    def __init__(self, name: QueueName, running: RunningAction) -> None:
        self.name = name
        self.running = running
        self.priority = running.priority(name.message)
        self.served = 0
        self.generation = 0
        self.loading = False
        self._cursor = 0
        self._more = True
        self._fresh: deque[Delivery] = deque()
        self._aside: deque[Delivery] = deque()
        self._held: list[Delivery] = []
        self._later: list[tuple[float, int, Delivery]] = []
        self._order = count()

    @property
    def cursor(self) -> int:
        return self._cursor

    @property
    def wants_page(self) -> bool:
        return self._more and not self.loading and len(self._fresh) < _LOW

    @property
    def drained(self) -> bool:
        """Nothing waits in memory and the database holds no more."""
        return not (self._more or self._fresh or self._aside or self._held or self._later)

    def take_page(self, page: list[Delivery], asked: int, known: Iterable[Delivery]) -> None:
        """A page as it was read; what is under way already is left out by the caller in `known`."""
        if asked != self.generation:
            return
        self.loading = False
        self._more = len(page) == PAGE
        if page:
            self._cursor = page[-1].id
        self._fresh.extend(known)

    def more_came(self) -> None:
        """New rows were written behind the last page."""
        self._more = True

    def add(self, delivery: Delivery, at: Monotonic | None) -> None:
        """One that waits again, not before `at`."""
        if at is None:
            self._aside.appendleft(delivery)
        else:
            heapq.heappush(self._later, (at, next(self._order), delivery))

    def set_aside(self, delivery: Delivery) -> None:
        self._aside.append(delivery)

    @property
    def aside(self) -> int:
        return len(self._aside)

    def next_due(self) -> Monotonic | None:
        return Monotonic(self._later[0][0]) if self._later else None

    def wake(self, now: Monotonic) -> None:
        """Move what is due to those that are offered first."""
        while self._later and self._later[0][0] <= now:
            self._aside.appendleft(heapq.heappop(self._later)[2])

    def take(self, *, quiet: bool, fresh: bool) -> Delivery | None:
        """The next one, in quiet hours only those who may be disturbed: from those aside, or the fresh ones."""
        source = self._fresh if fresh else self._aside
        while source:
            delivery = source.popleft()
            if not quiet or delivery.night:
                return delivery
            if delivery.ordinal:
                self._held.append(delivery)
        return None

    def set_quiet(self, quiet: bool) -> None:
        """The quiet hours begin or end: labels change as the database's do, and fresh pages are read anew."""
        word = (Outcome.WAITING, Outcome.HELD_QUIET_HOURS)
        before, after = word if quiet else word[::-1]

        def label(delivery: Delivery) -> Delivery:
            changes = delivery.outcome is before and not delivery.night
            return replace(delivery, outcome=after) if changes else delivery

        tried = [label(each) for each in (*self._aside, *self._held) if each.ordinal]
        self._later = [(at, order, label(each)) for at, order, each in self._later]
        self._aside = deque(tried)
        self._held = []
        self._fresh.clear()
        self._cursor = 0
        self._more = True
        self.loading = False
        self.generation += 1

    def remove(self, rows: frozenset[int]) -> None:
        """Forget these: they were made final meanwhile."""
        self._fresh = deque(each for each in self._fresh if each.id not in rows)
        self._aside = deque(each for each in self._aside if each.id not in rows)
        self._held = [each for each in self._held if each.id not in rows]
        self._later = [entry for entry in self._later if entry[2].id not in rows]
        heapq.heapify(self._later)
