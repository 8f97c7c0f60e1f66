"""The two clocks, as two types that never mix. No I/O: the reading itself comes in as an argument.

`Monotonic` runs timers: seconds since an arbitrary point, never set back. `Saved` is what is written down:
an aware UTC time. `WallClock` turns one into the other at the one moment where both are read together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NewType

Monotonic = NewType("Monotonic", float)
"""Seconds on the monotonic clock; only differences mean anything, and only within one process."""

Saved = NewType("Saved", datetime)
"""An aware UTC time, as it is saved and shown."""


def saved(moment: datetime) -> Saved:
    """An aware datetime as a saved time, in UTC. A naive one raises ValueError: nobody knows when it is."""
    if moment.tzinfo is None:
        raise ValueError("a saved time needs a time zone; add one, for example +00:00")
    return Saved(moment if moment.tzinfo is UTC else moment.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Clocks:
    """Both clocks, passed in by constructor wherever the time is needed.

    `monotonic` gives seconds (Twisted's `IReactorTime.seconds` after `app` has set it), `utc` an aware datetime.
    """

    monotonic: Callable[[], float]
    utc: Callable[[], datetime]

    def now(self) -> Monotonic:
        return Monotonic(self.monotonic())

    def saved_now(self) -> Saved:
        return saved(self.utc())

    def until(self, moment: Saved) -> float:
        """Seconds from now to a saved time; negative when it is past."""
        return (moment - self.saved_now()).total_seconds()

    def at(self, moment: Saved) -> Monotonic:
        """Where a saved time lies on the monotonic clock, as the wall clock stands now."""
        return Monotonic(self.monotonic() + self.until(moment))

    def saved_after(self, seconds: float) -> Saved:
        return Saved(self.saved_now() + timedelta(seconds=seconds))


def seconds_until(moment: str, now: datetime) -> float:
    """From `now` to the next time that a clock in its zone shows `moment` (HH:MM); never 0, so that each is once."""
    hour, minute = (int(part) for part in moment.split(":"))
    due = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if due <= now:
        due += timedelta(days=1)
    return (due - now).total_seconds()
