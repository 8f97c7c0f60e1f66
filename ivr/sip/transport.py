"""The thin shell that joins the user agent to its sockets, UDP and TCP: one timer, no decisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReactorTCP, IReactorTime, IReactorUDP
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from foundation.clock import Monotonic
from foundation.endpoints import Address, Datagram
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import SipEvent
from ivr.sip.listen import Listen
from ivr.sip.streams import Streams

_log = Logger()


class SipTransport(Service):
    """A user agent on its sockets.

    After commands to the agent call `flush`: it sends what leaves, hands each event to `heard` and arms the timer.
    `heard` may command the agent at once, without flushing. `time.seconds` is the monotonic clock.
    """

    def __init__(
        self,
        time: IReactorTime,
        udp: IReactorUDP,
        agent: UserAgent,
        listens: Sequence[Listen],
        heard: Callable[[SipEvent], None],
        tcp: IReactorTCP | None = None,
    ) -> None:
        self._streams = None if tcp is None else Streams(tcp, agent.knows, self._received, self._broken)
        self._time = time
        self._udp = udp
        self._agent = agent
        self._listens = tuple(listens)
        self._heard = heard
        self._sockets: list[tuple[Listen, _Socket, IListeningPort]] = []
        self._timer: IDelayedCall | None = None
        self._flushing = False

    def startService(self) -> None:
        """Bind every `udp` and, where a TCP reactor was given, `tcp` listener; raises CannotListenError for the first
        that can't be had."""
        self.running = True
        for listen in self._listens:
            if listen.transport == "tcp" and self._streams is not None:
                self._streams.listen(listen)
            if listen.transport != "udp":
                continue
            socket = _Socket(self._received)
            port = self._udp.listenUDP(listen.port, socket, listen.interface, maxPacketSize=65_536)
            self._sockets.append((listen, socket, port))
        self.flush()

    def stopService(self) -> Deferred[list[tuple[bool, Deferred[None] | None]]]:
        self.running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
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
        if datagram.transport != "udp":
            if self._streams is not None:
                self._streams.send(datagram)
            return
        for _, socket, _ in self._sockets:
            if socket.transport is not None:
                try:
                    socket.transport.write(datagram.data, (datagram.destination.host, datagram.destination.port))
                except OSError as error:
                    _log.warn("SIP could not be sent: {error}", error=str(error))
                    self._agent.broken(datagram.destination, datagram.transport, self.now())
                return

    def _broken(self, destination: Address, transport: str) -> None:
        self._agent.broken(destination, transport, self.now())
        self.flush()

    def _received(self, data: bytes, source: Address, transport: str = "udp") -> None:
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


class _Socket(DatagramProtocol):
    def __init__(self, received: Callable[[bytes, Address], None]) -> None:
        self._hand_on = received

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self._hand_on(datagram, Address(addr[0], addr[1]))
