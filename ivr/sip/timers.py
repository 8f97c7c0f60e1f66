"""The times of RFC 3261 §17 (table 4) and RFC 6026, in seconds. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Timer(StrEnum):
    """By the RFC's letters. A, E, G send again; B, F, H give up; D, I, J, K, L, M wait for stragglers."""

    A = "A"
    B = "B"
    D = "D"
    E = "E"
    F = "F"
    G = "G"
    H = "H"
    I = "I"  # noqa: E741 - the RFC's name
    J = "J"
    K = "K"
    L = "L"
    M = "M"


RESEND = frozenset({Timer.A, Timer.E, Timer.G})


@dataclass(frozen=True, slots=True)
class Times:
    """T1 is the round trip that is assumed, T2 the longest interval, T4 how long a message may live on the way."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def give_up(self) -> float:
        """64*T1: 32 s."""
        return 64 * self.t1

    def first(self, timer: Timer, reliable: bool) -> float | None:
        """A timer's first interval; None where it does not run on this transport."""
        if timer in RESEND:
            return None if reliable else self.t1
        if timer is Timer.D:
            return 0.0 if reliable else max(32.0, self.give_up)
        if timer in (Timer.I, Timer.K):
            return 0.0 if reliable else self.t4
        if timer is Timer.J:
            return 0.0 if reliable else self.give_up
        return self.give_up

    def next(self, timer: Timer, interval: float) -> float:
        """The interval after this one: A doubles for ever, E and G up to T2 (RFC 3261 §17.1.1.2, §17.1.2.2)."""
        return 2 * interval if timer is Timer.A else min(2 * interval, self.t2)
