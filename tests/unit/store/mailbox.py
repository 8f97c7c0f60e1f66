"""The reactor's side of a threaded writer, turned by the test."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from twisted.internet.defer import Deferred


def results_of(deferreds: list[Deferred[Any]]) -> list[Any]:
    found: list[Any] = []
    for deferred in deferreds:
        deferred.addBoth(lambda result: found.append(getattr(result, "value", result)))
    return found


class Mailbox:
    """Stands for the reactor's `callFromThread`: what the thread hands over is run by the test."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]]] = SimpleQueue()

    def put(self, call: Callable[..., object], *arguments: Any) -> None:
        self._calls.put((call, arguments))

    def run_until(self, done: Callable[[], bool]) -> None:
        while not done():
            call, arguments = self._calls.get(timeout=10)
            call(*arguments)
