"""When to ask whether the SMSC is still there (SMPP 3.4 §2.7.2, enquire_link_timer). No I/O."""

from __future__ import annotations

from foundation.clock import Monotonic


class Enquiry:
    """Asked when nothing was heard for `interval` seconds, and not again while an answer is waited for. `heard_at` is set
    by whoever hears something."""

    def __init__(self, interval: float) -> None:
        self.heard_at = Monotonic(0.0)
        self._interval = interval
        self._asked: int | None = None

    def doubt(self, now: Monotonic) -> None:
        """A response is missing: ask at once, whatever else was heard."""
        self.heard_at = min(self.heard_at, Monotonic(now - self._interval))

    def wanted(self, now: Monotonic) -> bool:
        return self._asked is None and now >= self.heard_at + self._interval

    def asked(self, sequence: int) -> None:
        self._asked = sequence

    def answered(self, sequence: int) -> bool:
        """Whether this is the answer that was waited for."""
        if sequence != self._asked:
            return False
        self._asked = None
        return True

    def next_look(self, now: Monotonic) -> Monotonic:
        due = Monotonic(self.heard_at + self._interval)
        return due if due > now else Monotonic(now + self._interval)
