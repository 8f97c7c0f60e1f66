"""An exact rate: no second, wherever it begins, holds more than so many. No I/O.

A token bucket lets two bursts meet in one second; this keeps the times of the last `per_second` events instead and
spaces them evenly, so that the promise holds for every window a wire trace can be cut into.
"""

from __future__ import annotations

from collections import deque

from foundation.clock import Monotonic

# What a wire trace sees lies a scheduling delay after what was decided; the window is longer by this much. At most
# 2 % of the rate is given away, of the 5 % that rule 4 of the contract leaves.
_WINDOW_SECONDS = 1.015

# A caller whose timer came late may catch up by this much, so that lateness costs no throughput; idle time saves up no more.
_LATENESS_SECONDS = 0.010


class Rate:
    """At most `per_second` (whole or fraction, above 0) weighted events in any second. `None` is no limit."""

    def __init__(self, per_second: float | None) -> None:
        if per_second is not None and per_second <= 0:
            raise ValueError(f"a rate is above 0 a second, not {per_second}; leave it out for no limit")
        self.per_second = per_second
        self._window: deque[tuple[float, float]] = deque()
        self._held = 0.0
        self._next = float("-inf")

    def wait(self, now: Monotonic, weight: float = 1.0) -> float:
        """Seconds until an event of this weight may happen; 0.0 when it may happen now."""
        if self.per_second is None:
            return 0.0
        span = self._span()
        self._forget(now - span)
        until = self._next
        ceiling = max(self.per_second, 1.0)
        held = self._held
        for moment, past in self._window:
            if held + weight <= ceiling + 1e-9:
                break
            held -= past
            until = max(until, moment + span)
        return max(until - now, 0.0)

    def take(self, now: Monotonic, weight: float = 1.0) -> None:
        """Count an event that happens now; the caller looked at `wait` first."""
        if self.per_second is None:
            return
        self._window.append((now, weight))
        self._held += weight
        spacing = weight * _WINDOW_SECONDS / self.per_second
        self._next = max(self._next, now - _LATENESS_SECONDS) + spacing

    def _span(self) -> float:
        assert self.per_second is not None
        return _WINDOW_SECONDS * max(1.0, 1.0 / self.per_second)

    def _forget(self, before: float) -> None:
        while self._window and self._window[0][0] <= before:
            self._held -= self._window.popleft()[1]
        if not self._window:
            self._held = 0.0
