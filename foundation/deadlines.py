"""One heap of deadlines an endpoint: set, move, cancel and take what is due, each in logarithmic time. No I/O."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from itertools import count
from typing import Generic, TypeVar

from foundation.clock import Monotonic

Key = TypeVar("Key", bound=Hashable)


class Deadlines(Generic[Key]):
    """Each key has at most one deadline. A cancelled or moved one stays in the heap until it surfaces, and is
    swept out when such leftovers outnumber the living."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Key]] = []
        self._current: dict[Key, tuple[float, int]] = {}
        self._order = count()

    def __len__(self) -> int:
        return len(self._current)

    def set(self, key: Key, at: Monotonic) -> None:
        order = next(self._order)
        self._current[key] = (at, order)
        heapq.heappush(self._heap, (at, order, key))
        if len(self._heap) > 64 and len(self._heap) > 2 * len(self._current):
            self._heap = [(when, number, living) for living, (when, number) in self._current.items()]
            heapq.heapify(self._heap)

    def cancel(self, key: Key) -> None:
        """Forget this key's deadline; nothing happens when it has none."""
        self._current.pop(key, None)

    def at(self, key: Key) -> Monotonic | None:
        entry = self._current.get(key)
        return None if entry is None else Monotonic(entry[0])

    def next(self) -> Monotonic | None:
        """The earliest deadline, or None when nothing waits."""
        while self._heap:
            when, order, key = self._heap[0]
            if self._current.get(key) == (when, order):
                return Monotonic(when)
            heapq.heappop(self._heap)
        return None

    def due(self, now: Monotonic) -> list[Key]:
        """The keys whose time has come, earliest first; they are forgotten."""
        ready: list[Key] = []
        while (when := self.next()) is not None and when <= now:
            key = heapq.heappop(self._heap)[2]
            del self._current[key]
            ready.append(key)
        return ready
