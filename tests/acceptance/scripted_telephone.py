"""A `Telephone` without a network: real `ivr.leg.Leg`s, and scripted people at the other end, on a fake clock.

For stories of the whole gateway as well as for single conversations:

    clock = Clock()
    people = Neighbourhood(clock)
    telephone = ScriptedTelephone(people, [scripted_trunk("kpn", channels=10)])
    people.person("+31612345678").hears("fiets").presses("2")
    ...                                   # give `telephone` to VoiceChannel and CallbackLine, as app.py would
    advance(clock, 60)
    assert people.unmet == []

`calls_us` lets somebody call one of our numbers. `crash` ends this telephone as kill -9 would; the people's lines stay
up until `end_orphans` of the next telephone over the same `Neighbourhood` ends them. `ScriptedTelephone.placed` lists
every INVITE with its time, `most_in_use` the most channels that a trunk had in use. Admission is the real
`ivr.sip.trunk.TrunkGroup`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from foundation.clock import Clocks, Monotonic
from foundation.endpoints import Address
from foundation.telephone_numbers import PhoneNumber, read
from ivr.call import (
    Call,
    Caller,
    CallRecord,
    DialogJournal,
    EndCause,
    Ending,
    IncomingHandler,
    LegId,
    Refused,
    SavedDialog,
    ToDesk,
    ToTrunk,
    TrunkStatus,
)
from ivr.leg import Leg
from ivr.media.messages import Remote
from ivr.settings import TrunkSettings
from ivr.sip.trunk import PrefixLimits, Trunk, TrunkGroup
from tests.acceptance.scripted_media import ScriptedMediaLeg
from tests.acceptance.scripted_people import DELAY_SECONDS, RING_SECONDS, Line, Neighbourhood, ScriptedLibrary

EPOCH = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOWHERE = Remote(Address("127.0.0.1", 40000), "PCMA", 8)


def clocks(clock: Clock) -> Clocks:
    """Both clocks, moved by the one fake clock."""
    return Clocks(clock.seconds, lambda: EPOCH + timedelta(seconds=clock.seconds()))


def advance(clock: Clock, seconds: float, step: float = 0.05) -> None:
    """Let time pass in small steps, so that what one event causes happens in its own time."""
    for _ in range(round(seconds / step)):
        clock.advance(step)


def scripted_trunk(name: str = "kpn", *, calls_per_second: float = 1000, **settings: Any) -> Trunk:
    """A trunk as `ivr.settings.TrunkSettings` describes it, without a wire and by default with no rate to speak of."""
    described = {"proxy": "sip:127.0.0.1:5070", "caller_id": "+31343529850", **settings}
    return Trunk(TrunkSettings(name=name, calls_per_second=calls_per_second, **described))


@dataclass(frozen=True, slots=True)
class Placed:
    """One INVITE that left."""

    at: float
    route: ToTrunk | ToDesk


class ScriptedTelephone:
    """Implements `ivr.call.Telephone` over a `Neighbourhood`, and `ivr.leg.Signalling` for its own legs."""

    def __init__(
        self,
        people: Neighbourhood,
        trunks: Sequence[Trunk] | None = None,
        *,
        prefix_limit: Mapping[str, int] | None = None,
        library: ScriptedLibrary | None = None,
        journal: DialogJournal | None = None,
    ) -> None:
        self.people = people
        self.library = library or ScriptedLibrary()
        self.group = TrunkGroup(trunks or [scripted_trunk()], PrefixLimits(prefix_limit or {}))
        self.most_in_use = 0
        self.placed: list[Placed] = []
        self.orphans_ended: list[str] = []
        self._clock = people.clock
        self._clocks = clocks(people.clock)
        self._journal = journal
        self._numbers = count(1)
        self._legs: dict[LegId, tuple[Leg, Line, str | None, bool]] = {}
        self._dialogs: dict[LegId, SavedDialog] = {}
        self._handler: IncomingHandler | None = None
        self._on_capacity: list[Callable[[], None]] = []
        self._draining = False
        self._crashed = False

    # ---- Telephone

    def alert_capacity(self, now: float) -> tuple[int, float | None]:
        return (0, None) if self._draining else self.group.alert_capacity(Monotonic(now))

    def reserve_alert(self, number: PhoneNumber, avoid: frozenset[str], now: float) -> str | None:
        return self.group.reserve_alert(number, avoid, Monotonic(now))

    def release_alert(self, trunk: str, number: PhoneNumber) -> None:
        self.group.release_alert(trunk, number)
        self._room()

    async def dial(self, route: ToTrunk | ToDesk, *, reserved: bool = False) -> Call:
        leg_id = LegId(f"leg-{next(self._numbers)}")
        trunk, number = (route.trunk, route.number) if isinstance(route, ToTrunk) else (None, None)
        peer = route.trunk if isinstance(route, ToTrunk) else route.desk
        try:
            if self._draining or self._crashed:
                raise Refused("the telephone takes no more calls")
            if trunk is not None and trunk not in self.group.trunks:
                raise Refused(f"there is no trunk {trunk}")
            await self._save(self._dialog(leg_id, peer))
            while trunk is not None and (wait := self.group.trunks[trunk].turn(Monotonic(self._clock.seconds()))):
                await deferLater(self._clock, wait, lambda: None)
        except BaseException:
            if trunk is not None and number is not None and reserved:
                self.release_alert(trunk, number)
            raise
        record = CallRecord(
            leg=leg_id,
            direction="out",
            call_id=f"{leg_id}@scripted",
            peer=peer,
            number=number,
            our_number=None,
            started_at=self._clocks.saved_now(),
        )
        leg, line = self._leg(record, trunk, reserved)
        self.placed.append(Placed(self._clock.seconds(), route))
        self.most_in_use = max(self.most_in_use, *(one.in_use for one in self.group.trunks.values()))
        self._let_it_ring(leg, line, route.ring_seconds)
        return leg

    def on_incoming(self, handler: IncomingHandler) -> None:
        self._handler = handler

    def on_capacity(self, callback: Callable[[], None]) -> None:
        self._on_capacity.append(callback)

    def trunks(self) -> list[TrunkStatus]:
        now = Monotonic(self._clock.seconds())
        return [trunk.status(now) for trunk in self.group.trunks.values()]

    def note_test(self, trunk: str, fault: str | None) -> None:
        self.group.trunks[trunk].health.tested(fault, self._clocks.saved_now())

    async def end_orphans(self, dialogs: list[SavedDialog]) -> None:
        """Ends the lines that an earlier telephone left up, after the time that an answer takes."""
        for dialog in dialogs:
            self.orphans_ended.append(dialog.call_id)
            for person in self.people.everybody.values():
                for line in person.lines:
                    if line.call_id == dialog.call_id and not line.over:
                        line.ended()
        await deferLater(self._clock, DELAY_SECONDS, lambda: None)

    async def drain(self, seconds: float) -> None:
        self._draining = True
        until = self._clock.seconds() + seconds
        while self._legs and self._clock.seconds() < until:
            await deferLater(self._clock, 0.1, lambda: None)
        for leg, *_ in list(self._legs.values()):
            leg.hang_up()

    # ---- Signalling

    def answer(self, leg: LegId) -> None:
        def confirmed() -> None:
            if leg in self._legs:
                self._go_up(*self._legs[leg][:2], by=lambda there: there.confirmed())

        self._clock.callLater(DELAY_SECONDS, confirmed)

    def end(self, leg: LegId, cause: EndCause) -> None:
        self._over(leg)

    # ---- the story

    def calls_us(self, number: str, our_number: str, *, private: bool = False, desk: str | None = None) -> Line:
        """Somebody calls one of our numbers; what they do is their script. Returns their line."""
        person = self.people.person(number) if desk is None else self.people.desk(desk)
        leg_id = LegId(f"leg-{next(self._numbers)}")
        trunk = next(iter(self.group.trunks)) if desk is None else None
        caller = Caller(None if desk else PhoneNumber(number), private, trunk, desk)
        if trunk is not None:
            assert self.group.admit_incoming(trunk), "the trunk is full"
        record = CallRecord(
            leg=leg_id,
            direction="in",
            call_id=f"{leg_id}@scripted",
            peer=trunk or person.name,
            number=caller.number,
            our_number=read(our_number),
            started_at=self._clocks.saved_now(),
            private=private,
        )
        leg, line = self._leg(record, trunk, reserved=False)
        assert self._handler is not None, "nobody waits for incoming calls"
        talk = Deferred.fromCoroutine(self._handle(self._handler, leg, caller))
        talk.addErrback(lambda failure: person.unmet.append(f"the callback failed: {failure.getTraceback()}"))
        return line

    def crash(self) -> None:
        """kill -9: nothing is said any more, nothing is told, lines at the far end stay up."""
        self._crashed = True
        for leg, line, *_ in self._legs.values():
            leg.media.close()
            line.press, line.hang_up, line.hold = (lambda key: None), line.ended, (lambda held: None)
        self._legs.clear()

    @property
    def legs_up(self) -> int:
        return len(self._legs)

    # ---- inside

    async def _handle(self, handler: IncomingHandler, leg: Leg, caller: Caller) -> None:
        try:
            await handler(leg, caller)
        finally:
            leg.hang_up()

    def _leg(self, record: CallRecord, trunk: str | None, reserved: bool) -> tuple[Leg, Line]:
        """A leg and its far end: whoever has the number, else the desk that `peer` names."""
        leg_id = record.leg
        who = self.people.desk(record.peer) if record.number is None else self.people.person(record.number.e164)
        line = who.pick_up_line()
        line.call_id = record.call_id
        media = ScriptedMediaLeg(self._clock, line, self.library)
        leg = Leg(record, media, self, self._clocks, self._clock)
        self._legs[leg_id] = (leg, line, trunk, reserved)
        line.press, line.talked, line.beeped = media.pressed, media.talked, media.beeped
        line.hang_up = lambda: self._ends(leg_id, Ending(EndCause.HUNG_UP, "them", None, 16))
        line.hold = lambda held: leg.connect(replace(NOWHERE, direction="inactive" if held else "sendrecv"))
        return leg, line

    def _let_it_ring(self, leg: Leg, line: Line, ring_seconds: float) -> None:
        script = line.script
        leg_id = leg.record.leg
        ring = script.rings * RING_SECONDS
        if script.fate is not None:
            fate = script.fate
            self._clock.callLater(DELAY_SECONDS, self._ends, leg_id, fate)
        elif script.never_answers or ring > ring_seconds:
            self._clock.callLater(ring_seconds, self._ends, leg_id, Ending(EndCause.NO_ANSWER, "us", 487))
        else:
            self._clock.callLater(ring, self._picks_up, leg_id)

    def _picks_up(self, leg_id: LegId) -> None:
        if leg_id in self._legs:
            leg, line, *_ = self._legs[leg_id]
            self._go_up(leg, line, by=lambda there: there.answered_with(NOWHERE))

    def _go_up(self, leg: Leg, line: Line, by: Callable[[Leg], None]) -> None:
        line.up = True
        self._note(leg.record.leg, "up")
        by(leg)
        acting = Deferred.fromCoroutine(line.act())
        acting.addErrback(lambda failure: line.who.unmet.append(failure.getTraceback()))
        if not line.script.silent and isinstance(leg.media, ScriptedMediaLeg):
            self._clock.callLater(DELAY_SECONDS, leg.media.flows)

    def _ends(self, leg_id: LegId, ending: Ending) -> None:
        if leg_id in self._legs:
            leg = self._legs[leg_id][0]
            self._over(leg_id)
            leg.ended(ending)

    def _over(self, leg_id: LegId) -> None:
        leg, line, trunk, reserved = self._legs.pop(leg_id)
        line.ended()
        self._note(leg_id, "over")
        number = leg.record.number
        if trunk is not None and leg.record.direction == "in":
            self.group.release_incoming(trunk)
        elif trunk is not None and number is not None and reserved:
            self.group.release_alert(trunk, number, waiting=False)
        self._room()

    def _room(self) -> None:
        for callback in self._on_capacity:
            self._clock.callLater(0, callback)

    def _dialog(self, leg_id: LegId, peer: str) -> SavedDialog:
        dialog = SavedDialog(
            leg=leg_id,
            direction="out",
            state="calling",
            peer=peer,
            call_id=f"{leg_id}@scripted",
            local_uri="sip:us@scripted",
            local_tag="us",
            remote_uri="sip:them@scripted",
            remote_tag=None,
            remote_target="sip:them@scripted",
            route_set=(),
            cseq=1,
            branch="z9hG4bK-scripted",
            transport="udp",
            destination="127.0.0.1:5060",
        )
        self._dialogs[leg_id] = dialog
        return dialog

    async def _save(self, dialog: SavedDialog) -> None:
        if self._journal is not None:
            await self._journal.save(dialog)

    def _note(self, leg_id: LegId, state: str) -> None:
        dialog = self._dialogs.get(leg_id)
        if dialog is None or self._journal is None:
            return
        changed = replace(dialog, state="up" if state == "up" else "over", remote_tag="them")
        saving = Deferred.fromCoroutine(self._save(changed))
        saving.addErrback(lambda failure: None if self._crashed else failure.raiseException())
