"""Work asked for many times at once, done once. No I/O."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Once(Generic[Key, Value]):
    """While work for a key runs, all who ask wait for it; nothing is remembered afterwards. Who stops waiting does not
    stop the work, for others may wait too."""

    def __init__(self) -> None:
        self._waiting: dict[Key, list[Deferred[Value]]] = {}

    def do(self, key: Key, work: Callable[[], Awaitable[Value]]) -> Deferred[Value]:
        mine: Deferred[Value] = Deferred()
        if key in self._waiting:
            self._waiting[key].append(mine)
            return mine
        self._waiting[key] = [mine]
        Deferred.fromCoroutine(_awaited(work)).addBoth(self._done, key)
        return mine

    def _done(self, result: Value | Failure, key: Key) -> None:
        for waiting in self._waiting.pop(key):
            if not waiting.called:
                waiting.callback(result)


async def _awaited(work: Callable[[], Awaitable[Value]]) -> Value:
    return await work()
