"""Things to do later, on one thread for the whole lab: rings, retransmissions, receipts."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.logger import Logger

log = Logger()


@dataclass(order=True, slots=True)
class Delay:
    """A call that is due at `moment` (monotonic seconds). Cancelling one that was made already does nothing."""

    moment: float
    order: int
    call: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        self.call = None


class Delays:
    """A heap of delays and the daemon thread that makes the calls, one after the other; they must be short."""

    def __init__(self) -> None:
        self._heap: list[Delay] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._run, name="lab delays", daemon=True)
        self._thread.start()

    def after(self, seconds: float, call: Callable[[], None]) -> Delay:
        delay = Delay(time.monotonic() + seconds, next(self._order), call)
        with self._changed:
            heapq.heappush(self._heap, delay)
            self._changed.notify()
        return delay

    def stop(self) -> None:
        """What is not due yet is not done any more."""
        with self._changed:
            self._open = False
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while (delay := self._next()) is not None:
            call = delay.call
            if call is None:
                continue
            try:
                call()
            except Exception:  # noqa: BLE001 - a shell boundary: one failed call must not end all later ones
                log.failure("a delayed call of the lab failed")

    def _next(self) -> Delay | None:
        with self._changed:
            while self._open:
                wait = self._heap[0].moment - time.monotonic() if self._heap else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._heap)
                self._changed.wait(wait)
        return None
