"""The thin shell that joins the user agent to its sockets, UDP, TCP and TLS: one timer, no decisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReactorTCP, IReactorTime, IReactorUDP
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from foundation.clock import Monotonic
from foundation.endpoints import Address, Datagram
from ivr.listen import Listen
from ivr.sip.certificates import Certificates
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import SipEvent
from ivr.sip.gate import guard
from ivr.sip.knocking import refuses
from ivr.sip.streams import Streams

_log = Logger()


class SipTransport(Service):
    """A user agent on its sockets.

    After commands to the agent call `flush`: it sends what leaves, hands each event to `heard` and arms the timer.
    `heard` may command the agent at once, without flushing. `time.seconds` is the monotonic clock. `link_fault` hears of
    each connection that could not be made or was lost: where to, by which transport, and why in words. `watch` sees each
    datagram as it leaves (True) or arrives.
    """

    def __init__(
        self,
        time: IReactorTime,
        udp: IReactorUDP,
        agent: UserAgent,
        listens: Sequence[Listen],
        heard: Callable[[SipEvent], None],
        tcp: IReactorTCP | None = None,
        certificates: Certificates | None = None,
    ) -> None:
        self._streams = None if tcp is None else Streams(tcp, agent.knows, self._received, self._broken, certificates)
        self.link_fault: Callable[[Address, str, str], None] = lambda destination, transport, why: None
        self.watch: Callable[[bool, bytes, Address, str], None] | None = None
        self._time = time
        self._udp = udp
        self._agent = agent
        self._listens = tuple(listens)
        self._heard = heard
        self._sockets: list[tuple[Listen, _Socket, IListeningPort]] = []
        self._timer: IDelayedCall | None = None
        self._armed_for: Monotonic | None = None
        self._flushing = False
        self._knocks: set[Deferred[None]] = set()

    def startService(self) -> None:
        """Bind every `udp` and, where a TCP reactor was given, `tcp` and `tls` listener; raises CannotListenError for
        the first that can't be had."""
        self.running = True
        for listen in self._listens:
            if listen.transport != "udp":
                if self._streams is not None:
                    self._streams.listen(listen)
                continue
            socket = _Socket(self._received)
            port = self._udp.listenUDP(listen.port, socket, listen.interface, maxPacketSize=65_536)
            self._sockets.append((listen, socket, port))
        self._agent.sources.changed = self._guard
        self._guard()
        self.flush()

    def _guard(self) -> None:
        """Strangers' datagrams end in the kernel, before they wake anybody."""
        for _, _, port in self._sockets:
            guard(port, self._agent.sources.networks)

    def stopService(self) -> Deferred[list[tuple[bool, Deferred[None] | None]]]:
        self.running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for knock in list(self._knocks):
            knock.cancel()
        sockets, self._sockets = self._sockets, []
        if self._streams is not None:
            self._streams.stop()
        closing = [maybeDeferred(port.stopListening) for _, _, port in sockets]
        return DeferredList(closing, consumeErrors=True)

    @property
    def addresses(self) -> list[Address]:
        """What was bound, in the order of the listeners: the port is known here where 0 was asked for."""
        bound = [cast(IPv4Address | IPv6Address, port.getHost()) for _, _, port in self._sockets]
        return [Address(host.host, host.port) for host in bound]

    @property
    def bound(self) -> list[tuple[Listen, Address]]:
        """Every listener that is open, whatever its transport, with the address that it got."""
        datagrams = [listen for listen, _, _ in self._sockets]
        streams = [] if self._streams is None else self._streams.bound
        return [*zip(datagrams, self.addresses, strict=True), *streams]

    def now(self) -> Monotonic:
        return Monotonic(self._time.seconds())

    def flush(self) -> None:
        """Send, tell, arm. Safe to call from within `heard`."""
        if self._flushing:
            return
        self._flushing = True
        try:
            self._drain()
        finally:
            self._flushing = False
        self._arm()

    def _drain(self) -> None:
        while True:
            datagrams = self._agent.outgoing()
            for datagram in datagrams:
                self._send(datagram)
            events = self._agent.events()
            for event in events:
                try:
                    self._heard(event)
                except Exception:  # noqa: BLE001 - shell boundary: one call's fault must not stop the others
                    _log.failure("a SIP event could not be handled: {event}", event=type(event).__name__)
            if not datagrams and not events:
                return

    def _send(self, datagram: Datagram) -> None:
        if self.watch is not None:
            self.watch(True, datagram.data, datagram.destination, datagram.transport)
        if datagram.transport != "udp":
            if self._streams is not None:
                self._streams.send(datagram)
            return
        for listen, socket, _ in self._sockets:
            # An IPv6 address leaves by an IPv6 socket, and the other way round.
            if socket.transport is not None and _same_family(listen, datagram.destination):
                try:
                    socket.transport.write(datagram.data, (datagram.destination.host, datagram.destination.port))
                except (OSError, ValueError) as error:  # ValueError: Twisted refuses what is no address
                    self._broken(datagram.destination, "udp", f"{datagram.destination} can't be reached: {error}")
                return
        if self._sockets:
            self._broken(datagram.destination, "udp", f"no udp listener can reach {datagram.destination}")

    def _broken(self, destination: Address, transport: str, why: str) -> None:
        _log.info("a SIP link broke: {why}", why=why, transport=transport)
        self.link_fault(destination, transport, why)
        self._agent.broken(destination, transport, self.now())
        self.flush()

    def knock(self, destination: Address) -> None:
        """Ask whether anybody listens there by UDP; a refusal is a link that broke."""
        interfaces = [listen.interface for listen, _, _ in self._sockets if _same_family(listen, destination)]
        if interfaces:
            knock = Deferred.fromCoroutine(self._knock(destination, interfaces[0]))
            self._knocks.add(knock)
            knock.addErrback(_knock_failed)
            knock.addCallback(lambda _: self._knocks.discard(knock))

    async def _knock(self, destination: Address, interface: str) -> None:
        if await refuses(self._udp, self._time, destination, interface):
            self._broken(destination, "udp", f"{destination} refuses by ICMP: nothing listens there")

    def _received(self, data: bytes, source: Address, transport: str = "udp") -> None:
        if self.watch is not None:
            self.watch(False, data, source, transport)
        try:
            self._agent.receive(data, source, self.now(), transport)
        except Exception:  # noqa: BLE001 - shell boundary: no datagram may stop the daemon
            _log.failure("a datagram could not be handled")
        self.flush()

    def _arm(self) -> None:
        deadline = self._agent.next_deadline()
        if not self.running or deadline is None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            return
        if deadline == self._armed_for and self._timer is not None:
            return
        self._armed_for = deadline
        wait = max(deadline - self._time.seconds(), 0.0)
        if self._timer is not None and self._timer.active():
            self._timer.reset(wait)
        else:
            self._timer = self._time.callLater(wait, self._due)

    def _due(self) -> None:
        self._timer = None
        try:
            self._agent.handle_deadline(self.now())
        except Exception:  # noqa: BLE001 - shell boundary
            _log.failure("a SIP deadline could not be handled")
        self.flush()


def _same_family(listen: Listen, there: Address) -> bool:
    return (":" in listen.interface) == (":" in there.host)


def _knock_failed(failure: Failure) -> None:
    if failure.check(CancelledError) is None:
        _log.failure("whether a port is open could not be asked", failure)


class _Socket(DatagramProtocol):
    noisy = False

    def __init__(self, received: Callable[[bytes, Address], None]) -> None:
        self._hand_on = received

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self._hand_on(datagram, Address(addr[0].partition("%")[0], addr[1]))
