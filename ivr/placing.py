"""Placing a call: the channel, the sound, the record, the wire's turn, and only then the INVITE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger

from foundation.sound import Codec
from foundation.telephone_numbers import PhoneNumber, never_dialled
from ivr.call import Call, CallRecord, EndCause, Ending, LegId, Refused, SavedDialog, ToDesk, ToTrunk
from ivr.dialling import (
    Identity,
    desk_peer,
    invite_to_desk,
    invite_to_trunk,
    other_codecs,
    registered_desk,
    shown_number,
)
from ivr.exchange import Exchange
from ivr.leg import Leg
from ivr.media.port import MediaLeg
from ivr.offering import other_offers
from ivr.sip import sdp
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import Failed, InviteRequest, Peer
from ivr.sip.locating import Transport
from ivr.sip.trunk import Trunk, Use
from ivr.switchboard import Line
from ivr.waiting import shielded

log = Logger()


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one call leaves. `other_codecs` are offered where `codecs` are refused. `release` gives back what it occupies
    when it is over, `give_back` when it never left."""

    peer: Peer
    codecs: Sequence[Codec]
    invite: Callable[[Identity, bytes], InviteRequest]
    other_codecs: Sequence[Codec] = ()
    number: PhoneNumber | None = None
    trunk: Trunk | None = None
    release: Callable[[], None] = lambda: None
    give_back: Callable[[], None] = lambda: None


class Placing:
    """The outgoing half of the telephone."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def dial(self, route: ToTrunk | ToDesk, *, reserved: bool) -> Call:
        """As `ivr.call.Telephone.dial`."""
        plan = self._to_trunk(route, reserved) if isinstance(route, ToTrunk) else self._to_desk(route)
        exchange = self._exchange
        media: MediaLeg | None = None
        dialogs: list[SavedDialog] = []
        leg = LegId(f"{exchange.random.getrandbits(128):032x}")
        try:
            if exchange.draining:
                raise Refused("the telephone is being drained")
            media = await exchange.open_media(_beside(route))
            local = exchange.local(media, plan.trunk)
            identity = Identity(f"{leg}@{exchange.host}", f"{exchange.random.getrandbits(64):016x}")
            request = plan.invite(identity, sdp.offer(local, plan.codecs))
            if plan.trunk is not None:
                others = other_offers(local, plan.codecs, plan.other_codecs)
                request = replace(request, other_offers=others, turn=plan.trunk.turn_again)
                local = replace(local, version=local.version + len(others))
            for dialog in UserAgent.calling_dialogs(leg, request):
                dialogs.append(dialog)
                await self._save(dialog)
            if plan.trunk is not None:
                await exchange.turns.wait(plan.trunk)
        except BaseException:
            if media is not None:
                media.close()
            for dialog in dialogs:
                exchange.board.never_left(dialog)
            plan.give_back()
            raise
        return self._send(leg, plan, request, media, local)

    # ---- what it takes

    def _to_trunk(self, route: ToTrunk, reserved: bool) -> _Plan:
        """Raises Refused, with the reservation given back."""
        exchange = self._exchange
        trunk = exchange.group.trunks.get(route.trunk)
        if trunk is None:
            if reserved:
                exchange.group.release_alert(route.trunk, route.number)
            raise Refused(f"there is no trunk {route.trunk}")
        release, give_back = self._places(trunk, route.number, reserved)
        try:
            if forbidden := never_dialled(route.number):
                raise Refused(forbidden)
            shown_number(trunk.settings, route.caller_id)
        except Refused:
            give_back()
            raise
        peer = exchange.peers.get(trunk.name)
        if peer is None:
            give_back()
            raise Refused(f"where trunk {trunk.name} is, is not known yet")
        invite = partial(invite_to_trunk, trunk.settings, peer, route, exchange.host)
        codecs = trunk.settings.codecs
        return _Plan(peer, codecs, invite, other_codecs(codecs), route.number, trunk, release, give_back)

    def _places(
        self, trunk: Trunk, number: PhoneNumber, reserved: bool
    ) -> tuple[Callable[[], None], Callable[[], None]]:
        group, room = self._exchange.group, self._exchange.room
        if not reserved:
            if not group.prefixes.room(number) or not trunk.take(Use.OTHER):
                raise Refused(f"trunk {trunk.name} has no channel free")
            group.prefixes.take(number)
        release = group.release_alert if reserved else group.release_other

        def give(waiting: bool) -> None:
            release(trunk.name, number, waiting=waiting)
            room()

        return partial(give, False), partial(give, True)

    def _to_desk(self, route: ToDesk) -> _Plan:
        """Raises Refused where it can't be rung now."""
        registered = registered_desk(route.uri)
        if registered is not None:
            return self._to_phones(route, registered)
        peer = desk_peer(route)
        # Its answers are heard only from where we know it to be.
        self._exchange.sources.learn(route.desk, peer.destination.host)
        return _Plan(peer, self._exchange.codecs(None), partial(invite_to_desk, peer, route, self._exchange.host))

    def _to_phones(self, route: ToDesk, desk: str) -> _Plan:
        """All phones that this desk has registered ring at once."""
        exchange = self._exchange
        phones = exchange.agent.phones(desk, exchange.clocks.now())
        if not phones:
            raise Refused(f"no phone of desk {desk} is registered")
        peers = [Peer(route.desk, phone.destination, cast(Transport, phone.transport)) for phone in phones]
        also = tuple((peer, phone.target) for peer, phone in zip(peers[1:], phones[1:], strict=True))

        def invite(identity: Identity, offer: bytes) -> InviteRequest:
            first = replace(route, uri=phones[0].target)
            return replace(invite_to_desk(peers[0], first, exchange.host, identity, offer), also=also)

        return _Plan(peers[0], exchange.codecs(None), invite)

    async def _save(self, dialog: SavedDialog) -> None:
        self._exchange.board.will_leave(dialog)
        saving = ensureDeferred(self._exchange.journal.save(dialog))
        saved = shielded(saving)
        saving.addErrback(lambda failure: log.failure("a call was cancelled and not saved", failure))
        await saved

    # ---- it leaves

    def _send(self, leg_id: LegId, plan: _Plan, request: InviteRequest, media: MediaLeg, local: sdp.Local) -> Call:
        exchange = self._exchange
        record = CallRecord(
            leg=leg_id,
            direction="out",
            call_id=request.call_id,
            peer=plan.peer.name,
            number=plan.number,
            our_number=None,
            started_at=exchange.clocks.saved_now(),
        )
        leg = Leg(record, media, exchange.board, exchange.clocks, exchange.timer)
        line = Line(leg, local, (*plan.codecs, *plan.other_codecs), plan.release)
        if plan.trunk is not None:
            line.alive = partial(self._alive, plan.trunk)
            line.failed = partial(self._failed, plan.trunk, plan.peer)
            line.disagreed = partial(self._disagreed, plan.trunk)
            line.profile = partial(setattr, plan.trunk, "secure_first")
        exchange.board.add(line)
        exchange.agent.invite(leg_id, request, exchange.clocks.now())
        exchange.board.flush()
        return leg

    def _alive(self, trunk: Trunk) -> None:
        """A trunk that answers INVITEs is up, whatever it makes of OPTIONS."""
        before = trunk.health.usable(self._exchange.clocks.now())
        trunk.health.call_answered()
        if not before:
            self._exchange.room()

    def _disagreed(self, trunk: Trunk, why: str) -> None:
        """It answered with sound that can't be had: as much its fault as a 488 (contract, rule 5)."""
        trunk.health.fault(f"its answer can't be used: {why}", self._exchange.clocks.saved_now())

    def _failed(self, trunk: Trunk, peer: Peer, failed: Failed, ending: Ending) -> None:
        """What a call that came to nothing says of its trunk."""
        if ending.cause is not EndCause.TRUNK_FAULT:
            self._alive(trunk)
            return
        at = self._exchange.clocks.saved_now()
        if failed.status is None:
            trunk.health.call_unanswered(at)
            self._exchange.silent(trunk.name, peer.destination)
        else:
            trunk.health.fault(f"{failed.status} {failed.phrase}", at)
        if failed.status == 503 and failed.retry_after is not None:
            trunk.health.refuse(failed.retry_after, self._exchange.clocks.now())


def _beside(route: ToTrunk | ToDesk) -> MediaLeg | None:
    near = route.near if isinstance(route, ToDesk) else None
    return near.media if isinstance(near, Leg) else None
