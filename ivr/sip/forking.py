"""One call to several phones at once: all ring, the first that answers has it, the others fall silent. No I/O.

To its owner it is one leg: commands on it reach the phones that it means, and of their events only those pass that matter
to the call. Each phone is a leg of its own inside, with a journal record of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ivr.call import LegId
from ivr.sip.events import (
    Answered,
    DigitByInfo,
    Ended,
    Failed,
    InviteRequest,
    Progressed,
    ReofferAnswered,
    Reoffered,
    SipEvent,
)

# Where phones refuse differently, what says most about the person counts (RFC 3261 §16.7, step 6).
_TELLING = (600, 603, 607, 608, 486, 480, 487, 408)


@dataclass(slots=True, eq=False)
class _Group:
    outer: LegId
    ringing: set[LegId]
    winner: LegId | None = None
    failed: list[Failed] = field(default_factory=list)


def branches(leg: LegId, request: InviteRequest) -> list[tuple[LegId, InviteRequest]]:
    """The INVITEs of a call, each with the leg that it has inside: the first has the call's own."""
    if not request.also:
        return [(leg, request)]
    found = [(leg, replace(request, also=()))]
    for number, (peer, request_uri) in enumerate(request.also, 2):
        tag = f"{request.local_tag}-{number}"
        one = replace(request, also=(), peer=peer, request_uri=request_uri, local_tag=tag)
        found.append((LegId(f"{leg}.{number}"), one))
    return found


class Forks:
    """`hang_up` of a phone is asked for by `filtered` in `unwanted`: others rang when one answered."""

    def __init__(self) -> None:
        self._groups: dict[LegId, _Group] = {}
        self._outer: dict[LegId, LegId] = {}
        self.unwanted: list[LegId] = []

    def __bool__(self) -> bool:
        return bool(self._outer)

    def start(self, leg: LegId, legs: Iterable[LegId]) -> None:
        group = self._groups[leg] = _Group(leg, set(legs))
        for one in group.ringing:
            self._outer[one] = leg

    def meant(self, leg: LegId) -> list[LegId]:
        """The legs inside that a command on this leg is for."""
        group = self._groups.get(leg)
        if group is None:
            return [leg]
        return [group.winner] if group.winner is not None else sorted(group.ringing)

    def filtered(self, event: SipEvent) -> SipEvent | None:
        """The event as the owner sees it; None: it is of no concern to the call."""
        if not isinstance(event, Progressed | Answered | Failed | Ended | Reoffered | ReofferAnswered | DigitByInfo):
            return event
        outer = self._outer.get(event.leg)
        if outer is None:
            return event
        group = self._groups[outer]
        match event:
            case Answered():
                return self._answered(group, event)
            case Failed():
                return self._failed(group, event)
            case Ended():
                return self._ended(group, event)
            case _:
                wanted = group.winner in (None, event.leg)
                return replace(event, leg=outer) if wanted else None

    def _answered(self, group: _Group, event: Answered) -> SipEvent | None:
        if group.winner is not None:
            self.unwanted.append(event.leg)
            return None
        group.winner = event.leg
        self.unwanted += sorted(group.ringing - {event.leg})
        return replace(event, leg=group.outer)

    def _failed(self, group: _Group, event: Failed) -> SipEvent | None:
        group.failed.append(event)
        self._gone(group, event.leg)
        if group.winner is not None or group.ringing:
            return None
        rang = any(one.rang for one in group.failed)
        return replace(min(group.failed, key=_how_little_it_says), leg=group.outer, rang=rang)

    def _ended(self, group: _Group, event: Ended) -> SipEvent | None:
        self._gone(group, event.leg)
        return replace(event, leg=group.outer) if group.winner == event.leg else None

    def _gone(self, group: _Group, leg: LegId) -> None:
        group.ringing.discard(leg)
        self._outer.pop(leg, None)
        if not group.ringing:
            self._groups.pop(group.outer, None)


def _how_little_it_says(failed: Failed) -> tuple[int, int]:
    """For `min`: an answer of the person first, silence last."""
    if failed.status is None:
        return len(_TELLING) + 1, 0
    known = _TELLING.index(failed.status) if failed.status in _TELLING else len(_TELLING)
    return known, failed.status
