"""One trunk spoken to from a port of our own, beside whatever else runs here. A thin shell over `ivr.sip`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTCP

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.call import LegId
from ivr.exchange import Random
from ivr.listen import Listen
from ivr.probe_facts import Reply
from ivr.settings import TrunkSettings
from ivr.sip.certificates import Certificates
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import Credentials, InviteRequest, Peer, Pinged, Reason, Registration, RegistrationChanged, SipEvent
from ivr.sip.knocking import refuses
from ivr.sip.ladder import Ladder
from ivr.sip.locating import Hop
from ivr.sip.message import MessageFault, Response, parse
from ivr.sip.sources import Sources, source
from ivr.sip.transport import SipTransport

_PATIENCE_SECONDS = 2.0
_LEAVE_SECONDS = 1.0
_NORMAL_CLEARING = Reason("Q.850", 16)

Wanted = TypeVar("Wanted", bound=SipEvent)


@dataclass(frozen=True, slots=True)
class OwnSide:
    """How we appear: `host` in Via, Contact and SDP, `interface` to bind (empty: every one), the `tls` listeners of the
    configuration for their certificate and authority."""

    host: str
    interface: str
    secure: tuple[Listen, ...] = ()


class ProbeLine:
    """`start` before anything else, `stop` at the end whatever happened. One question at a time."""

    def __init__(self, trunk: TrunkSettings, hop: Hop, own: OwnSide, reactor: Any, random: Random) -> None:
        password = None if trunk.password is None else trunk.password.get_secret_value()
        credentials = Credentials(trunk.username, password) if trunk.username and password is not None else None
        self.peer = Peer(trunk.name, hop.address, hop.transport, credentials, trunk.silence_seconds)
        self.ladder = Ladder()
        self._trunk = trunk
        self._own = own
        self._reactor = reactor
        self._contacts: dict[str, Address] = {
            hop.transport: Address(own.host, 5061 if hop.transport == "tls" else 5060)
        }
        known = Sources([source(trunk.name, [hop.address.host, *trunk.allow_from], credentials=credentials)])
        self.agent = UserAgent(self._contacts, known, lambda uri: False, random)
        listens, certificates = self._listens(hop), None
        if hop.transport == "tls":
            certificates = Certificates(listens, lambda address: hop.name)
        self._transport = SipTransport(
            reactor, reactor, self.agent, listens, self._heard, IReactorTCP(reactor), certificates
        )
        self._transport.watch = self._saw
        self._transport.link_fault = self._link_failed
        self._events: list[SipEvent] = []
        self._waiting: tuple[tuple[type[SipEvent], ...], Deferred[SipEvent | None]] | None = None
        self._statuses: Counter[tuple[str, int]] = Counter()
        self._last: dict[str, Response] = {}
        self._link: str | None = None

    def _listens(self, hop: Hop) -> Sequence[Listen]:
        if hop.transport == "tls":
            return [replace(listen, port=0) for listen in self._own.secure[:1]]
        return [Listen(hop.transport, 0, self._own.interface)]

    # ---- life

    def start(self) -> None:
        self._transport.startService()
        for listen, address in self._transport.bound:
            self._contacts[listen.transport] = Address(self._own.host, address.port)

    async def stop(self) -> None:
        if self._trunk.register_:
            self.agent.unregister(self._trunk.name, self.now())
            self._transport.flush()
            await self.next((RegistrationChanged,), _LEAVE_SECONDS)
        await self._transport.stopService()

    def now(self) -> Monotonic:
        return self._transport.now()

    def flush(self) -> None:
        self._transport.flush()

    # ---- questions

    async def options(self) -> Reply:
        began = self.now()
        self.agent.ping(self.peer, began)
        self.flush()
        event = await self.next((Pinged,), self.peer.silence_seconds + _PATIENCE_SECONDS)
        status = event.status if isinstance(event, Pinged) else None
        return await self.reply("OPTIONS", status, self.now() - began)

    async def register(self) -> Reply:
        domain = self._trunk.from_domain or self.peer.destination.host
        registrar = self._trunk.registrar or f"sip:{self.peer.destination}"
        address = f"sip:{self._trunk.from_user or self._trunk.username or self._trunk.name}@{domain}"
        began = self.now()
        # The shortest time that registrars take without asking for more: a test that dies leaves little behind.
        self.agent.register(Registration(self.peer, registrar, address, expires=60), began)
        self.flush()
        event = await self.next((RegistrationChanged,), self.peer.silence_seconds)
        if isinstance(event, RegistrationChanged) and event.expires is not None:
            return await self.reply("REGISTER", 200, self.now() - began)
        status = event.status if isinstance(event, RegistrationChanged) else None
        return await self.reply("REGISTER", status, self.now() - began)

    async def reply(self, method: str, status: int | None, seconds: float) -> Reply:
        """How a request ended, with all that the wire showed of it."""
        last = self._last.get(method)
        phrase = last.phrase if last is not None and last.status == status else ""
        warning = "" if last is None or last.status != status else last.first("Warning") or last.first("Reason") or ""
        link, self._link = self._link, None
        silent = status is None and link is None and self.peer.transport == "udp"
        return Reply(
            method=method,
            to=str(self.peer.destination),
            status=status,
            phrase=phrase,
            seconds=seconds,
            challenges=self._statuses[method, 401] + self._statuses[method, 407],
            warning=warning,
            link=link,
            unreachable=silent
            and await refuses(self._reactor, self._reactor, self.peer.destination, self._own.interface),
        )

    def invite(self, leg: LegId, request: InviteRequest) -> None:
        self.agent.invite(leg, request, self.now())
        self.flush()

    def hang_up(self, leg: LegId) -> None:
        self.agent.hang_up(leg, self.now(), (_NORMAL_CLEARING,))
        self.flush()

    async def next(self, kinds: tuple[type[SipEvent], ...], seconds: float) -> SipEvent | None:
        """The next event of these kinds, one that waits already included; None when none comes in so many seconds, or the
        connection is lost."""
        for event in self._events:
            if isinstance(event, kinds):
                self._events.remove(event)
                return event
        if self._link is not None:
            return None
        waiter: Deferred[SipEvent | None] = Deferred()
        self._waiting = (kinds, waiter)
        late = self._reactor.callLater(max(seconds, 0.0), self._give, None)
        try:
            return await waiter
        finally:
            self._waiting = None
            if late.active():
                late.cancel()

    # ---- inside

    def _heard(self, event: SipEvent) -> None:
        if self._waiting is not None and isinstance(event, self._waiting[0]) and not self._waiting[1].called:
            self._give(event)
        else:
            self._events.append(event)

    def _give(self, event: SipEvent | None) -> None:
        if self._waiting is not None and not self._waiting[1].called:
            self._waiting[1].callback(event)

    def _link_failed(self, destination: Address, transport: str, why: str) -> None:
        self._link = why
        # What the failure does to the transaction is told first, where it is told.
        self._reactor.callLater(0, self._give, None)

    def _saw(self, outgoing: bool, data: bytes, other: Address, transport: str) -> None:
        self.ladder.saw(outgoing, data, other, transport, self.now())
        if outgoing or len(data) < 8:
            return
        try:
            message = parse(data)
        except MessageFault:
            return
        if isinstance(message, Response):
            method = message.essentials.cseq.method
            self._statuses[method, message.status] += 1
            self._last[method] = message
