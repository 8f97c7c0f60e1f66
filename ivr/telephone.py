"""The telephone: trunks, desks and media as one thing that dials and is called. A Twisted service over UDP, TCP and TLS.

Admission is `ivr.sip.trunk`'s, signalling the user agent's, conversations `ivr.leg`'s; `ivr.switchboard` joins the latter
two, `ivr.placing` and `ivr.taking` say in which order they are asked. Here they are put together, started and ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTCP, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from foundation.clock import Clocks, Monotonic
from foundation.endpoints import Address
from foundation.telephone_numbers import PhoneNumber
from ivr.call import Call, DialogJournal, EndCause, IncomingHandler, SavedDialog, ToDesk, ToTrunk, TrunkStatus
from ivr.dialling import destination, our_number
from ivr.exchange import Exchange, Random, TelephoneSettings
from ivr.known import KnownSources
from ivr.listen import Listen
from ivr.listen import parse as parse_listen
from ivr.media.port import Media
from ivr.peers import TrunkPeers
from ivr.placing import Placing
from ivr.sip.certificates import Certificates
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import InviteReceived, OrphanEnded, Pinged, RegistrationChanged, SipEvent
from ivr.sip.ladder import Ladder
from ivr.sip.locating import Records, Transport
from ivr.sip.resolving import SystemRecords
from ivr.sip.transport import SipTransport
from ivr.sip.trunk import PrefixLimits, Trunk, TrunkGroup
from ivr.switchboard import Switchboard
from ivr.taking import Taking
from ivr.turns import Turns
from ivr.upkeep import Upkeep

log = Logger()

_LAST_WORDS_SECONDS = 2.0
_LOOK_SECONDS = 0.05


class TelephoneService(Service):
    """Implements `ivr.call.Telephone`. `reactor` gives time, UDP and TCP; its `seconds` is the monotonic clock."""

    name = "telephone"

    def __init__(
        self,
        settings: TelephoneSettings,
        media: Media,
        journal: DialogJournal,
        clocks: Clocks,
        reactor: Any,
        random: Random,
        records: Records | None = None,
    ) -> None:
        """`records` asks the DNS: the machine's own where none is given. Raises ValueError for a proxy that is no SIP
        URI, CertificateFault for a `tls:` listener whose files can't be used."""
        timer: IReactorTime = reactor
        listens = [parse_listen(listen) for listen in settings.sip.listen]
        host = settings.sip.advertise or _interface(listens)
        self._contacts = _contacts(listens, host)
        six = any(":" in listen.interface for listen in listens)
        every: tuple[Transport, ...] = ("udp", "tcp", "tls")
        spoken = [transport for transport in every if transport in self._contacts]
        self._trunks = TrunkPeers(records or SystemRecords(reactor, six=six), spoken, random.random, timer)
        self._trunks.follow(settings.trunks)
        peers = self._trunks.peers()
        group = TrunkGroup([Trunk(trunk) for trunk in settings.trunks], PrefixLimits(settings.prefix_limit))
        sources = KnownSources(settings.trunks, peers, settings.sip.desks_from)
        sources.registering(settings.desks)
        agent = UserAgent(self._contacts, sources, self._is_ours, random, desks=settings.desks)
        self._exchange = Exchange(
            settings=settings,
            peers=peers,
            host=host,
            group=group,
            sources=sources,
            agent=agent,
            board=Switchboard(agent, journal, clocks.now),
            media=media,
            journal=journal,
            clocks=clocks,
            timer=timer,
            random=random,
            turns=Turns(timer, clocks.now),
        )
        certificates = Certificates(listens, self._trunks.name_of)
        self._transport = SipTransport(
            timer, reactor, agent, listens, self._heard, IReactorTCP(reactor, None), certificates
        )
        self._transport.link_fault = self._link_broke
        self._exchange.board.flush = self._transport.flush
        self._placing = Placing(self._exchange)
        self._taking = Taking(self._exchange)
        self._upkeep = Upkeep(agent, group, clocks, timer)
        self._upkeep.came_up, self._upkeep.flush = self._exchange.room, self._transport.flush
        self._upkeep.knock = self._transport.knock
        self._upkeep.silent, self._exchange.silent = self._trunks.whereabouts.is_bad, self._silent
        self._trunks.changed, self._trunks.failed = self._trunks_moved, self._not_located
        self._trunks_moved()
        self._ladders: list[Ladder] = []
        self._orphans: dict[str, Deferred[None]] = {}

    def startService(self) -> None:
        """Raises CannotListenError where a port is in use."""
        super().startService()
        self._transport.startService()
        for listen, bound in self._transport.bound:
            name = _contact_name(listen)
            self._contacts[name] = Address(self._contacts[name].host, bound.port)
        self._upkeep.start(self._exchange.peers)

    def stopService(self) -> Deferred[Any]:
        """Hangs up what is left, without waiting for answers; `drain` comes before."""
        super().stopService()
        self._exchange.draining = True
        self._trunks.stop()
        self._upkeep.stop()
        self._hang_up_all()
        self._forget_orphans()
        return self._transport.stopService()

    @property
    def addresses(self) -> list[Address]:
        """Where SIP is heard over UDP, once started."""
        return self._transport.addresses

    @property
    def legs(self) -> int:
        """Calls whose last word was not said yet."""
        return len(self._exchange.board)

    @property
    def strangers(self) -> int:
        """Datagrams that were met with silence."""
        return self._exchange.agent.strangers

    def know_desks(self, desks: Iterable[tuple[str, str]]) -> None:
        """Desks (id, uri) that may call us; again whenever they change. Those that we ring are known by that."""
        for desk, uri in desks:
            try:
                self._exchange.sources.learn(desk, destination(uri)[0].host)
            except ValueError as reason:
                log.error("desk {desk} can't be reached: {reason}", desk=desk, reason=str(reason))

    def reconfigure(self, settings: TelephoneSettings) -> None:
        """Other trunks, numbers or limits for calls from now on; calls that are up go on. What is listened on stays."""
        exchange = self._exchange
        self._trunks.follow(settings.trunks)
        exchange.group.reconfigure(settings.trunks)
        exchange.group.prefixes.reconfigure(settings.prefix_limit)
        exchange.settings = settings
        exchange.sources.registering(settings.desks)
        exchange.agent.set_desks(settings.desks)
        self._trunks_moved()
        self._let_former_trunks_go()

    # ---- Telephone

    def alert_capacity(self, now: float) -> tuple[int, float | None]:
        exchange = self._exchange
        if exchange.draining:
            return 0, None
        if now < exchange.no_media_until:
            return 0, exchange.no_media_until
        return exchange.group.alert_capacity(Monotonic(now))

    def reserve_alert(self, number: PhoneNumber, avoid: frozenset[str], now: float) -> str | None:
        exchange = self._exchange
        return None if exchange.draining else exchange.group.reserve_alert(number, avoid, Monotonic(now))

    def release_alert(self, trunk: str, number: PhoneNumber) -> None:
        self._exchange.group.release_alert(trunk, number)
        self._exchange.room()

    async def dial(self, route: ToTrunk | ToDesk, *, reserved: bool = False) -> Call:
        return await self._placing.dial(route, reserved=reserved)

    def on_incoming(self, handler: IncomingHandler) -> None:
        self._taking.handler = handler

    def on_capacity(self, callback: Callable[[], None]) -> None:
        self._exchange.on_room.append(callback)

    def trunks(self) -> list[TrunkStatus]:
        exchange = self._exchange
        return [trunk.status(exchange.clocks.now()) for trunk in exchange.group.trunks.values()]

    def note_test(self, trunk: str, fault: str | None) -> None:
        if trunk in self._exchange.group.trunks:
            self._exchange.group.trunks[trunk].health.tested(fault, self._exchange.clocks.saved_now())

    async def end_orphans(self, dialogs: list[SavedDialog]) -> None:
        exchange = self._exchange
        for dialog in dialogs:
            self._orphans[dialog.call_id] = Deferred()
            if dialog.peer not in exchange.group.trunks:
                self._learn_orphan(dialog)
            exchange.agent.end_orphan(dialog, exchange.clocks.now())
        waiting = gatherResults(list(self._orphans.values()))
        self._transport.flush()
        await waiting

    async def drain(self, seconds: float) -> None:
        self._exchange.draining = True
        if not await self._idle_within(seconds):
            self._hang_up_all()
            await self._idle_within(_LAST_WORDS_SECONDS)

    # ---- looking at one trunk

    def begin_ladder(self, trunk: str) -> Ladder:
        """What is said with this trunk from now on, until `end_ladder`."""
        ladder = Ladder(self._trunks.whereabouts.hosts(trunk))
        self._ladders.append(ladder)
        self._transport.watch = self._saw
        return ladder

    def end_ladder(self, ladder: Ladder) -> None:
        self._ladders.remove(ladder)
        if not self._ladders:
            self._transport.watch = None

    def _saw(self, outgoing: bool, data: bytes, other: Address, transport: str) -> None:
        now = self._exchange.clocks.now()
        for ladder in self._ladders:
            ladder.saw(outgoing, data, other, transport, now)

    # ---- trunks on the wire

    def _trunks_moved(self) -> None:
        """A trunk is elsewhere now, or there are others: calls from now on go there, those that are up go on."""
        exchange = self._exchange
        exchange.peers = self._trunks.peers()
        exchange.sources.reconfigure(exchange.settings.trunks, exchange.peers, self._trunks.hosts())
        self._mark_located()
        if self.running:
            self._upkeep.start(exchange.peers)
        exchange.room()

    def _mark_located(self) -> None:
        for name, trunk in self._exchange.group.trunks.items():
            trunk.health.located = name in self._exchange.peers

    def _not_located(self, name: str, words: str) -> None:
        trunk = self._exchange.group.trunks.get(name)
        if trunk is not None:
            trunk.health.fault(words, self._exchange.clocks.saved_now())

    def _silent(self, name: str, destination: Address) -> None:
        """A call was not answered there in any way."""
        self._trunks.whereabouts.is_bad(name, destination)
        self._upkeep.look(name)

    def _link_broke(self, destination: Address, transport: str, why: str) -> None:
        name = self._trunks.trunk_at(destination)
        if name is not None:
            trunk = self._exchange.group.trunks.get(name)
            if trunk is not None:
                trunk.health.link_broke(why, self._exchange.clocks.saved_now())
            self._trunks.whereabouts.is_bad(name, destination)
            self._upkeep.look(name)

    # ---- inside

    def _heard(self, event: SipEvent) -> None:
        if self._exchange.board.heard(event):
            if self._exchange.sources.former:
                self._let_former_trunks_go()
            return
        match event:
            case InviteReceived():
                self._taking.invited(event)
            case Pinged():
                self._upkeep.pinged(event)
            case RegistrationChanged():
                self._upkeep.registered(event)
            case OrphanEnded():
                self._orphan_ended(event)
            case _:
                log.debug("a late word of a call: {event}", event=type(event).__name__)

    def _let_former_trunks_go(self) -> None:
        exchange = self._exchange
        busy = {leg.record.peer for leg in exchange.board.legs}
        exchange.sources.let_go(exchange.sources.former - busy)

    def _is_ours(self, uri: str) -> bool:
        return our_number([uri], self._exchange.settings.numbers) is not None

    def _learn_orphan(self, dialog: SavedDialog) -> None:
        try:
            self._exchange.sources.learn(dialog.peer, dialog.destination.rpartition(":")[0].strip("[]"))
        except ValueError:
            log.error("the saved dialog of {peer} names no address", peer=dialog.peer, call_id=dialog.call_id)

    def _orphan_ended(self, event: OrphanEnded) -> None:
        waiting = self._orphans.pop(event.call_id, None)
        log.info("an orphaned call was ended, answered {answered}", call_id=event.call_id, answered=event.answered)
        if waiting is not None:
            waiting.callback(None)

    def _forget_orphans(self) -> None:
        orphans, self._orphans = self._orphans, {}
        for waiting in orphans.values():
            waiting.callback(None)

    def _hang_up_all(self) -> None:
        for leg in self._exchange.board.legs:
            leg.hang_up(EndCause.SHUT_DOWN)

    async def _idle_within(self, seconds: float) -> bool:
        timer = self._exchange.timer
        until = timer.seconds() + seconds
        while self.legs and timer.seconds() < until:
            await deferLater(timer, _LOOK_SECONDS, lambda: None)
        return not self.legs


def _contact_name(listen: Listen) -> str:
    """As `UserAgent` names its contacts."""
    return f"{listen.transport}6" if ":" in listen.interface else listen.transport


def _contacts(listens: Sequence[Listen], host: str) -> dict[str, Address]:
    """How we name ourselves on each transport; on IPv6 by the interface itself, for what is advertised is IPv4."""
    found: dict[str, Address] = {}
    for listen in listens:
        six = ":" in listen.interface
        found.setdefault(_contact_name(listen), Address(listen.interface if six else host, listen.port))
        found.setdefault(listen.transport, found[_contact_name(listen)])
    return found


def _interface(listens: list[Listen]) -> str:
    """How we name ourselves where nothing is advertised: the first interface that is one address."""
    named = [listen.interface for listen in listens if listen.interface not in ("", "0.0.0.0", "::")]
    return named[0] if named else "127.0.0.1"
