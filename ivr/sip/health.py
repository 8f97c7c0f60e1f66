"""A trunk's health as a table: pings missed and answered, registration, 503. No I/O.

One missed OPTIONS takes nothing down; one answered brings it back. A trunk that owes an answer is asked again within
seconds, so that either is soon known. Some trunks take calls and never answer OPTIONS: what
they say to an INVITE is a sign of life too, and one that was silent from the start is tried with a single call now and
then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from foundation.clock import Monotonic, Saved

MISSES_BEFORE_DOWN = 3
LONGEST_RETRY_AFTER = 600.0
ASK_AGAIN_SECONDS = 2.0
"""How soon a trunk is asked again that has not answered yet."""
DOWN_SECONDS = 10.0
"""How often one that is down is asked whether it is back."""
PROBE_SECONDS = 30.0
"""How often a trunk that is down and never answered OPTIONS may be tried with one call."""


class State(StrEnum):
    UP = "up"
    SUSPECT = "suspect"
    DOWN = "down"


class Event(StrEnum):
    ANSWERED = "answered"
    MISSED = "missed"
    MISSED_TOO_OFTEN = "missed too often"


TABLE: Mapping[tuple[State, Event], State] = {
    (State.UP, Event.ANSWERED): State.UP,
    (State.UP, Event.MISSED): State.SUSPECT,
    (State.SUSPECT, Event.ANSWERED): State.UP,
    (State.SUSPECT, Event.MISSED): State.SUSPECT,
    (State.SUSPECT, Event.MISSED_TOO_OFTEN): State.DOWN,
    (State.DOWN, Event.ANSWERED): State.UP,
    (State.DOWN, Event.MISSED): State.DOWN,
    (State.DOWN, Event.MISSED_TOO_OFTEN): State.DOWN,
}


_NEVER = Monotonic(float("-inf"))


@dataclass(slots=True)
class Health:
    """`located`: the DNS has said where it is. `broken_link`: why its connection can't be had, which says more than that
    no answer came. `must_register`: without a registration the trunk takes no calls.
    `refusing_until`: its Retry-After runs."""

    must_register: bool = False
    state: State = State.UP
    misses: int = 0
    refusing_until: Monotonic | None = None
    registered_until: Monotonic | None = None
    registered_until_saved: Saved | None = None
    last_error: str | None = None
    last_error_at: Saved | None = None
    round_trip: float | None = field(default=None)
    answers_pings: bool = False
    answers_calls: bool = False
    probe_at: Monotonic = _NEVER
    located: bool = True
    broken_link: str | None = None
    tested_at: Saved | None = None
    test_fault: str | None = None

    def answered(self, seconds: float) -> None:
        """A ping was answered after so many seconds, with whatever status but a 5xx."""
        self.state, self.misses, self.round_trip = TABLE[self.state, Event.ANSWERED], 0, seconds
        self.answers_pings = True
        self.broken_link = None

    def call_answered(self) -> None:
        """Any response to an INVITE above 100 that is no fault of the trunk's."""
        self.answers_calls = True
        self.broken_link = None
        if not self.answers_pings:
            self.state, self.misses = TABLE[self.state, Event.ANSWERED], 0

    def call_unanswered(self, at: Saved) -> None:
        """Silence to an INVITE. It counts where nothing else tells how the trunk is."""
        self.answers_calls = False
        if self.answers_pings:
            self.fault(self.broken_link or "no answer to INVITE", at)
        else:
            self.missed("no answer to INVITE", at)

    def missed(self, why: str, at: Saved) -> None:
        why = self.broken_link or why
        if self.answers_calls and not self.answers_pings:
            self.fault(f"{why}; it takes calls all the same", at)
            return
        self.misses += 1
        event = Event.MISSED_TOO_OFTEN if self.misses >= MISSES_BEFORE_DOWN else Event.MISSED
        self.state = TABLE[self.state, event]
        self.fault(why, at)

    def fault(self, why: str, at: Saved) -> None:
        """Something went wrong that is only to be shown."""
        self.last_error, self.last_error_at = why, at

    def tested(self, fault: str | None, at: Saved) -> None:
        """The daily test call is over; `fault` None: all was well."""
        self.tested_at, self.test_fault = at, fault
        if fault is not None:
            self.fault(fault, at)

    def link_broke(self, why: str, at: Saved) -> None:
        """A connection to it was refused, failed in TLS or was lost."""
        self.broken_link = why
        self.fault(why, at)

    def refuse(self, seconds: float, now: Monotonic) -> None:
        """A 503 with Retry-After (RFC 3261 §21.5.4): no call before that; at most ten minutes are believed."""
        until = Monotonic(now + min(seconds, LONGEST_RETRY_AFTER))
        self.refusing_until = until if self.refusing_until is None else max(self.refusing_until, until)

    def registered(self, expires: float | None, now: Monotonic, saved_until: Saved | None) -> None:
        """`expires` in seconds from now, None: not registered."""
        self.registered_until = None if expires is None else Monotonic(now + expires)
        self.registered_until_saved = None if expires is None else saved_until

    def next_ping(self, interval: float) -> float:
        """Seconds from a ping to the next one, as long as it has no answer."""
        if self.answers_calls and not self.answers_pings:
            return interval
        return min(interval, DOWN_SECONDS if self.state is State.DOWN else ASK_AGAIN_SECONDS)

    def usable(self, now: Monotonic) -> bool:
        return self.word(now) == "up"

    @property
    def probed_by_calls(self) -> bool:
        """Down, and OPTIONS will not tell when it is back."""
        return self.state is State.DOWN and not self.answers_pings

    def probe(self, now: Monotonic) -> bool:
        """Whether one call may try it now; the next one `PROBE_SECONDS` later."""
        if not self.probed_by_calls or now < self.probe_at:
            return False
        self.probe_at = Monotonic(now + PROBE_SECONDS)
        return True

    def word(self, now: Monotonic) -> str:
        """For `TrunkStatus.state`."""
        if self.state is State.DOWN or not self.located:
            return "down"
        if self.must_register and (self.registered_until is None or self.registered_until <= now):
            return "unregistered"
        if self.refusing_until is not None and now < self.refusing_until:
            return "refusing"
        return "up"
