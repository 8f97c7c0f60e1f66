"""Taking a call: is there room, can there be sound, who calls which of our numbers; then the handler has it."""

from __future__ import annotations

from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from ivr.call import Caller, CallRecord, IncomingHandler, Refused
from ivr.dialling import number_in, our_number
from ivr.exchange import Exchange
from ivr.leg import Leg
from ivr.media.port import MediaLeg
from ivr.sip import sdp
from ivr.sip.events import InviteReceived
from ivr.sip.trunk import Trunk
from ivr.switchboard import Line

log = Logger()

_FULL_SECONDS = 5
_DRAINING_SECONDS = 10
_PATIENCE_SECONDS, _AGAIN_SECONDS = 5.0, 0.25


class Taking:
    """The incoming half of the telephone."""

    def __init__(self, exchange: Exchange) -> None:
        self.handler: IncomingHandler | None = None
        self._exchange = exchange

    def invited(self, event: InviteReceived) -> None:
        """An INVITE for one of our numbers, from somebody who may call: refuse it or let it ring."""
        exchange = self._exchange
        now = exchange.clocks.now()
        trunk = exchange.group.trunks.get(event.peer)
        if exchange.draining or self.handler is None:
            exchange.agent.reject(event.leg, 503, now, retry_after=_DRAINING_SECONDS)
        elif trunk is None and not exchange.sources.is_desk(event.peer):
            exchange.agent.reject(event.leg, 403, now)
        elif event.offer is not None and not self._speaks(event.offer, trunk):
            exchange.agent.reject(event.leg, 488, now)
        elif trunk is not None and not exchange.group.admit_incoming(trunk.name):
            exchange.agent.reject(event.leg, 503, now, retry_after=_FULL_SECONDS)
        else:
            if not event.reliable:
                exchange.agent.ring(event.leg, now)
            exchange.board.expect(event.leg, partial(self._release, trunk))
            talk = Deferred.fromCoroutine(self._take(event, trunk, self.handler))
            talk.addErrback(lambda failure: log.failure("an incoming call failed", failure, leg=event.leg))

    async def _take(self, event: InviteReceived, trunk: Trunk | None, handler: IncomingHandler) -> None:
        """The whole of a call that came to us, hung up at its end whatever the handler does."""
        exchange = self._exchange
        media = await self._media(event)
        if not exchange.board.is_expected(event.leg):
            if media is not None:
                media.close()
            return
        if media is None:
            exchange.agent.reject(event.leg, 503, exchange.clocks.now(), retry_after=_FULL_SECONDS)
            exchange.board.flush()
            return
        leg = self._leg(event, trunk, media)
        if event.reliable:
            exchange.board.ring(event.leg)
        try:
            await handler(leg, self._caller(event, trunk))
        finally:
            leg.hang_up()

    async def _media(self, event: InviteReceived) -> MediaLeg | None:
        """It rings on while a media worker that died is replaced; None where none comes, or the caller gave up."""
        exchange = self._exchange
        until = exchange.clocks.now() + _PATIENCE_SECONDS
        while exchange.board.is_expected(event.leg):
            try:
                return await exchange.open_media(None)
            except Refused:
                if exchange.clocks.now() >= until:
                    break
                await deferLater(exchange.timer, _AGAIN_SECONDS, lambda: None)
        return None

    def _leg(self, event: InviteReceived, trunk: Trunk | None, media: MediaLeg) -> Leg:
        exchange = self._exchange
        record = CallRecord(
            leg=event.leg,
            direction="in",
            call_id=event.call_id,
            peer=event.peer,
            number=None if trunk is None else number_in(event.identity),
            our_number=our_number(event.called, exchange.settings.numbers),
            started_at=exchange.clocks.saved_now(),
            private=event.privacy,
        )
        leg = Leg(record, media, exchange.board, exchange.clocks, exchange.timer)
        local = exchange.local(media, trunk)
        line = Line(leg, local, exchange.codecs(trunk), partial(self._release, trunk), offer=event.offer)
        exchange.board.add(line)
        return leg

    def _caller(self, event: InviteReceived, trunk: Trunk | None) -> Caller:
        if trunk is None:
            return Caller(number=None, private=False, trunk=None, desk=event.peer)
        return Caller(number_in(event.identity), event.privacy, trunk.name)

    def _speaks(self, offer: bytes, trunk: Trunk | None) -> bool:
        mode = "off" if trunk is None else trunk.settings.srtp
        return sdp.speaks(offer, self._exchange.codecs(trunk), mode)

    def _release(self, trunk: Trunk | None) -> None:
        if trunk is not None:
            self._exchange.group.release_incoming(trunk.name)
            self._exchange.room()
