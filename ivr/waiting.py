"""What waits on one call: Deferreds that all fail when the call is over, and that leave no timer behind. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

Value = TypeVar("Value")


class Waiter(Generic[Value]):
    """One thing waited for. It comes, its time is over, or the call ends; whichever is first, the rest is nothing.

    `abandoned` is called where the conversation itself stops waiting (its Deferred is cancelled).
    """

    def __init__(self, forget: Callable[[Waiter[Value]], None], abandoned: Callable[[], None] | None) -> None:
        self._forget = forget
        self._abandoned = abandoned
        self._timer: Callable[[], None] | None = None
        self.came: Deferred[Value] = Deferred(self._cancelled)

    def expire(self, clock: IReactorTime, seconds: float, value: Value) -> None:
        """Give this value when nothing else came within so many seconds."""
        call = clock.callLater(max(seconds, 0.0), self.give, value)
        self._timer = lambda: call.cancel() if call.active() else None

    def give(self, value: Value) -> None:
        if self._close():
            self.came.callback(value)

    def fail(self, reason: Exception) -> None:
        if self._close():
            self.came.errback(reason)

    def _cancelled(self, came: Deferred[Value]) -> None:
        self._close()
        if self._abandoned is not None:
            self._abandoned()

    def _close(self) -> bool:
        self._forget(self)
        if self._timer is not None:
            self._timer()
            self._timer = None
        return not self.came.called


class Waiters:
    """All that waits on one call."""

    def __init__(self) -> None:
        self._all: dict[int, Callable[[Exception], None]] = {}

    def new(self, kind: type[Value] | None = None, abandoned: Callable[[], None] | None = None) -> Waiter[Value]:
        waiter: Waiter[Value] = Waiter(self._forget, abandoned)
        self._all[id(waiter)] = waiter.fail
        return waiter

    def fail(self, reason: Callable[[], Exception]) -> None:
        for fail in list(self._all.values()):
            fail(reason())

    def _forget(self, waiter: Waiter[Value]) -> None:
        self._all.pop(id(waiter), None)


def shielded(work: Deferred[Value]) -> Deferred[Value]:
    """Wait for work that goes on when the one who waits is cancelled; what it then brings is `work`'s next callback's."""
    waiting: Deferred[Value] = Deferred()

    def done(result: Value | Failure) -> Value | Failure | None:
        if waiting.called:
            return result
        waiting.callback(result)
        return None

    work.addBoth(done)
    return waiting
