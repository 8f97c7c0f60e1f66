"""Admission and choice of trunks: channels, the reserve for callbacks, calls a second, limits by prefix. No I/O.

Admission only: who is called next is the engine's choice. A place is taken first (`reserve`), the wire's turn later
(`turn`), so that what must be saved in between costs no rate; few places wait for their turn at once, so that closing an
action leaves nothing queued.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from foundation.clock import Monotonic
from foundation.rate import Rate
from foundation.telephone_numbers import PhoneNumber
from ivr.call import TrunkStatus
from ivr.settings import TrunkSettings
from ivr.sip.health import Health

# So many places may be taken ahead of the wire's turn: what the rate lets through while an attempt is being saved.
_AHEAD_SECONDS = 0.2


class Use(StrEnum):
    ALERT = "alert"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Capacity:
    """`places` alert calls may begin now; where that is 0 for a rate's or a Retry-After's sake, `again_at` says when to
    ask; None: a channel must come free, or a trunk come up."""

    places: int
    again_at: Monotonic | None


class PrefixLimits:
    """Simultaneous calls to numbers that begin so, over all trunks (`[voice] prefix_limit`)."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = dict(limits)
        self._used: dict[str, int] = dict.fromkeys(limits, 0)

    def room(self, number: PhoneNumber) -> bool:
        return all(self._used[prefix] < self._limits[prefix] for prefix in self._of(number))

    def take(self, number: PhoneNumber) -> None:
        for prefix in self._of(number):
            self._used[prefix] += 1

    def release(self, number: PhoneNumber) -> None:
        for prefix in self._of(number):
            self._used[prefix] = max(self._used[prefix] - 1, 0)

    def reconfigure(self, limits: Mapping[str, int]) -> None:
        """New limits for calls from now on; a prefix that is new counts from 0."""
        self._used = {prefix: self._used.get(prefix, 0) for prefix in limits}
        self._limits = dict(limits)

    def _of(self, number: PhoneNumber) -> list[str]:
        return [prefix for prefix in self._limits if number.e164.startswith(prefix)]


class Trunk:
    """One trunk's places. Every leg on it counts, in and out; alerts never use the reserve. `secure_first`: where encryption
    is optional, the last call that was answered had it by RTP/SAVP, so that the next one begins with that."""

    def __init__(self, settings: TrunkSettings) -> None:
        self.settings = settings
        self.health = Health(must_register=settings.register_)
        self._rate = Rate(settings.calls_per_second)
        self._used: dict[Use, int] = dict.fromkeys(Use, 0)
        self._waiting = 0
        self.chosen = 0.0
        self.secure_first = False

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def in_use(self) -> int:
        return sum(self._used.values())

    def reconfigure(self, settings: TrunkSettings) -> None:
        """New settings; calls that are up keep their places, and the rate's memory is kept where the rate is."""
        if settings.calls_per_second != self.settings.calls_per_second:
            self._rate.per_second = settings.calls_per_second
        self.settings = settings
        self.health.must_register = settings.register_

    # ---- places

    def places(self, use: Use) -> int:
        """Channels free for this use, whatever the rate says."""
        free = self.settings.channels - self.in_use
        if use is Use.ALERT:
            free = min(free, self.settings.channels - self.settings.reserve - self._used[Use.ALERT])
        return max(free, 0)

    def alert_capacity(self, now: Monotonic) -> Capacity:
        if self.health.word(now) == "refusing":
            return Capacity(0, self.health.refusing_until)
        if self.health.probed_by_calls:
            due = self.health.probe_at <= now
            return Capacity(min(self.places(Use.ALERT), 1) if due else 0, None if due else self.health.probe_at)
        if not self.health.usable(now) or not (places := self.places(Use.ALERT)):
            return Capacity(0, None)
        ahead = self._ahead() - self._waiting
        if ahead <= 0:
            return Capacity(0, Monotonic(now + max(self._rate.wait(now), 0.001)))
        return Capacity(min(places, ahead), None)

    def take(self, use: Use, *, outgoing: bool = True) -> bool:
        """Take a place; False where there is none. An outgoing one waits for its `turn`."""
        if not self.places(use):
            return False
        self._used[use] += 1
        self._waiting += outgoing
        return True

    def release(self, use: Use, *, waiting: bool = False) -> None:
        """Give a place back; `waiting` where its turn never came."""
        self._used[use] = max(self._used[use] - 1, 0)
        if waiting:
            self._waiting = max(self._waiting - 1, 0)

    # ---- the wire

    def turn(self, now: Monotonic) -> float:
        """Seconds until the wire may carry an INVITE; 0.0: this caller has its turn now, and it is counted. A digest
        retry needs no turn."""
        wait = self.turn_again(now)
        if wait == 0.0:
            self._waiting = max(self._waiting - 1, 0)
        return wait

    def turn_again(self, now: Monotonic) -> float:
        """As `turn`, for a further INVITE of a call that had its turn: it waits for no place."""
        wait = self._rate.wait(now)
        if wait == 0.0:
            self._rate.take(now)
        return wait

    def status(self, now: Monotonic) -> TrunkStatus:
        health, settings = self.health, self.settings
        return TrunkStatus(
            name=settings.name,
            state=health.word(now),
            channels=settings.channels,
            channels_in_use=self.in_use,
            alert_channels_in_use=self._used[Use.ALERT],
            reserved_for_callbacks=settings.reserve,
            calls_per_second=settings.calls_per_second,
            last_error=health.last_error,
            last_error_at=health.last_error_at,
            round_trip_milliseconds=None if health.round_trip is None else health.round_trip * 1000,
            registered_until=health.registered_until_saved,
            tested_at=health.tested_at,
            test_fault=health.test_fault,
        )

    def _ahead(self) -> int:
        return 1 + math.ceil(self.settings.calls_per_second * _AHEAD_SECONDS)


class TrunkGroup:
    """All trunks. The lowest `priority` that has a place takes the call; among equals, shares follow `weight`."""

    def __init__(self, trunks: Sequence[Trunk], prefixes: PrefixLimits) -> None:
        self.trunks = {trunk.name: trunk for trunk in trunks}
        self.prefixes = prefixes
        self._former: dict[str, Trunk] = {}

    def reconfigure(self, wanted: Sequence[TrunkSettings]) -> None:
        """Other trunks for calls from now on. One that is taken out and put back still counts the calls that it has, and
        the INVITEs of the last second; how it fares is asked anew."""
        known = self._former | self.trunks
        names = {settings.name for settings in wanted}
        self._former = {name: trunk for name, trunk in known.items() if name not in names}
        for name in set(self.trunks) - names:
            del self.trunks[name]
        for settings in wanted:
            trunk = known.get(settings.name)
            if trunk is None:
                trunk = Trunk(settings)
            elif settings.name not in self.trunks:
                trunk.health = Health(must_register=settings.register_)
            trunk.reconfigure(settings)
            self.trunks[settings.name] = trunk

    def _counts(self, trunk: str) -> Trunk | None:
        """Where the calls of a trunk are counted, also of one that was taken out."""
        return self.trunks.get(trunk) or self._former.get(trunk)

    def alert_capacity(self, now: Monotonic) -> tuple[int, float | None]:
        """As `ivr.call.Telephone.alert_capacity`."""
        found = [trunk.alert_capacity(now) for trunk in self.trunks.values()]
        places = sum(one.places for one in found)
        again = [one.again_at for one in found if one.again_at is not None]
        return places, min(again, default=None) if places == 0 else None

    def reserve_alert(self, number: PhoneNumber, avoid: frozenset[str], now: Monotonic) -> str | None:
        """As `ivr.call.Telephone.reserve_alert`."""
        if not self.prefixes.room(number):
            return None
        trunk = self._choose([one for one in self.trunks.values() if one.alert_capacity(now).places], avoid)
        if trunk is None or not trunk.take(Use.ALERT):
            return None
        trunk.health.probe(now)
        self.prefixes.take(number)
        return trunk.name

    def release_alert(self, trunk: str, number: PhoneNumber, *, waiting: bool = True) -> None:
        """Give back a reservation (`waiting`), or the place of an alert call that is over."""
        self.prefixes.release(number)
        if (counts := self._counts(trunk)) is not None:
            counts.release(Use.ALERT, waiting=waiting)

    def reserve_other(self, number: PhoneNumber, avoid: frozenset[str], now: Monotonic) -> str | None:
        """A place for a call that is no alert: it may use the reserve."""
        if not self.prefixes.room(number):
            return None
        usable = [one for one in self.trunks.values() if one.health.usable(now) and one.places(Use.OTHER)]
        trunk = self._choose(usable, avoid)
        if trunk is None or not trunk.take(Use.OTHER):
            return None
        self.prefixes.take(number)
        return trunk.name

    def release_other(self, trunk: str, number: PhoneNumber, *, waiting: bool = False) -> None:
        self.prefixes.release(number)
        if (counts := self._counts(trunk)) is not None:
            counts.release(Use.OTHER, waiting=waiting)

    def admit_incoming(self, trunk: str) -> bool:
        """A call that comes in over a trunk takes a channel too; False: it is full, answer 503."""
        return trunk in self.trunks and self.trunks[trunk].take(Use.OTHER, outgoing=False)

    def release_incoming(self, trunk: str) -> None:
        if (counts := self._counts(trunk)) is not None:
            counts.release(Use.OTHER)

    def _choose(self, usable: Sequence[Trunk], avoid: frozenset[str]) -> Trunk | None:
        """Smooth weighted round robin among those of the best priority."""
        left = [trunk for trunk in usable if trunk.name not in avoid]
        if not left:
            return None
        best = min(trunk.settings.priority for trunk in left)
        equals = [trunk for trunk in left if trunk.settings.priority == best]
        total = sum(trunk.settings.weight for trunk in equals)
        for trunk in equals:
            trunk.chosen += trunk.settings.weight
        chosen = max(equals, key=lambda trunk: trunk.chosen)
        chosen.chosen -= total
        return chosen
