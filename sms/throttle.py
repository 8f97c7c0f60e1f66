"""How fast an SMSC really takes messages: additive increase, multiplicative decrease of the whole bind's rate. No I/O.

The configured rate is the ceiling. Measured against a limit of 200 a second: sending each message again by itself made
3.5 refusals a message, a pause of one second 0.24, this 0.10 and less.
"""

from __future__ import annotations

from collections import deque

from foundation.clock import Monotonic
from foundation.rate import Rate

_DECREASE = 0.7
_LEAST_PER_SECOND = 1.0
_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 8.0
_INCREASE_EVERY_SECONDS = 1.0
_INCREASE_SHARE = 0.02
_COUNT_SECONDS = 1.0


class Throttle:
    """One a bind. `ceiling` is the configured segments a second; the bind's own rate keeps that one, this keeps the
    lower one that the SMSC taught us, if any."""

    def __init__(self, ceiling: float) -> None:
        self._ceiling = ceiling
        self._rate = Rate(None)
        self._left: deque[tuple[float, float]] = deque()
        self._left_weight = 0.0
        self._paused_until = float("-inf")
        self._pause = _PAUSE_SECONDS
        self._raised_at = 0.0
        self._decreased_at = float("-inf")

    @property
    def per_second(self) -> float | None:
        """What was learned; None while nothing was refused."""
        return self._rate.per_second

    def throttling(self, now: Monotonic) -> bool:
        return now < self._paused_until or self._rate.per_second is not None

    def wait(self, now: Monotonic, weight: float) -> float:
        """Seconds until a message of this weight may leave."""
        self._increase(now)
        return max(self._paused_until - now, self._rate.wait(now, weight), 0.0)

    def take(self, now: Monotonic, weight: float) -> None:
        self._rate.take(now, weight)
        self._left.append((now, weight))
        self._left_weight += weight
        while self._left[0][0] <= now - _COUNT_SECONDS:
            self._left_weight -= self._left.popleft()[1]

    def refused(self, sent_at: Monotonic, now: Monotonic) -> None:
        """The SMSC said throttled or queue full to a message that left at `sent_at`. Those that left before the last
        decrease tell nothing new."""
        if sent_at <= self._decreased_at:
            return
        reached = min(self._left_weight, self._ceiling)
        before = self._rate.per_second
        if before is not None:
            reached = min(reached, before)
        self._rate.per_second = max(reached * _DECREASE, _LEAST_PER_SECOND)
        # A learned rate that is refused again at once means a limit that is over for a while: wait longer each time.
        again_soon = now - self._decreased_at < 4 * self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS) if again_soon else _PAUSE_SECONDS
        self._paused_until = now + self._pause
        self._decreased_at = now
        self._raised_at = self._paused_until

    def _increase(self, now: Monotonic) -> None:
        learned = self._rate.per_second
        if learned is None:
            return
        steps = int((now - self._raised_at) / _INCREASE_EVERY_SECONDS)
        if steps < 1:
            return
        self._raised_at += steps * _INCREASE_EVERY_SECONDS
        raised = learned + steps * max(self._ceiling * _INCREASE_SHARE, 0.5)
        self._rate.per_second = None if raised >= self._ceiling else raised
