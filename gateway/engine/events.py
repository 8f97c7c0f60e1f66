"""What happens, for everybody who watches: a ring of events with ids that grow over restarts too. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Literal

from twisted.internet.defer import Deferred

from gateway.engine.views import Event

KEPT = 2_000

EventKind = Literal["action", "delivery", "call", "trunk", "smsc", "reply", "tip"]


class EventHub:
    """`first_id`: higher than any that an earlier process gave (app takes the milliseconds since 1970)."""

    def __init__(self, first_id: int) -> None:
        self._next = first_id
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._waiting: list[Deferred[None]] = []
        self.closed = False

    @property
    def last_id(self) -> int:
        return self._next - 1

    def publish(self, kind: EventKind, data: Mapping[str, object]) -> None:
        self._kept.append(Event(self._next, kind, data))
        self._next += 1
        self._wake()

    def close(self) -> None:
        """Every watcher's iteration ends."""
        self.closed = True
        self._wake()

    def watch(self, after: int | None) -> AsyncIterator[Event]:
        return _Watch(self, self.last_id if after is None or after > self.last_id else after)

    def since(self, last: int) -> list[Event]:
        """What came after an id and is still kept."""
        missing = self.last_id - last
        if missing <= 0:
            return []
        if missing >= len(self._kept):
            return list(self._kept)
        return list(self._kept)[-missing:]

    def next_event(self) -> Deferred[None]:
        """Fires when there is something new, or at the end."""
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)


class _Watch:
    """One watcher's place in the ring. One that is slower than the ring turns misses events, and costs no memory."""

    def __init__(self, hub: EventHub, last: int) -> None:
        self._hub = hub
        self._last = last
        self._ready: deque[Event] = deque()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._ready:
            self._ready.extend(self._hub.since(self._last))
            if self._ready:
                break
            if self._hub.closed:
                raise StopAsyncIteration
            await self._hub.next_event()
        event = self._ready.popleft()
        self._last = event.id
        return event
