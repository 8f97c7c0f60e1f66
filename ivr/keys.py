"""Keys that were pressed on a leg: those that wait, and who waits for one. No I/O."""

from __future__ import annotations

from collections import deque

from ivr.waiting import Waiter

_MOST_KEPT = 32


class Keys:
    def __init__(self) -> None:
        self._kept: deque[str] = deque(maxlen=_MOST_KEPT)
        self._wanted: tuple[frozenset[str], Waiter[str | None]] | None = None

    def pressed(self, digit: str) -> None:
        """Given to whoever waits for it; kept where nobody waits, dropped where others are waited for."""
        if self._wanted is not None and digit in self._wanted[0]:
            self._wanted[1].give(digit)
        elif self._wanted is None:
            self._kept.append(digit)

    def want(self, allowed: frozenset[str], waiter: Waiter[str | None]) -> None:
        self._wanted = (allowed, waiter)

    def want_no_more(self) -> None:
        self._wanted = None

    def interrupt(self) -> None:
        """Whoever waits gets none."""
        if self._wanted is not None:
            self._wanted[1].give(None)

    def next(self, allowed: frozenset[str]) -> str | None:
        """The first kept one that is allowed; those before it are dropped."""
        while self._kept:
            digit = self._kept.popleft()
            if digit in allowed:
                return digit
        return None

    def take(self, allowed: frozenset[str]) -> str | None:
        """The first kept one that a barge-in may be; those before it stay for whoever asks for a key."""
        found = next((digit for digit in self._kept if digit in allowed), None)
        if found is not None:
            self._kept.remove(found)
        return found

    def unsay(self, digit: str) -> bool:
        """Whether this was the last one kept; then it is kept no more."""
        last = bool(self._kept) and self._kept[-1] == digit
        if last:
            self._kept.pop()
        return last

    def clear(self) -> None:
        self._kept.clear()
