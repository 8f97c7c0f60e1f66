"""SIP over TCP: connections that are opened when needed, used again both ways, and closed when they make no sense."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IListeningPort, IReactorTCP, ITCPTransport
from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from foundation.endpoints import Address, Datagram
from ivr.sip.framing import PONG, Framer, StreamFault
from ivr.sip.listen import Listen

CONNECT_SECONDS = 4
MOST_CONNECTIONS = 1024
MOST_A_HOST = 64
MOST_WAITING = 256

_log = Logger()

Received = Callable[[bytes, Address, str], None]
Broken = Callable[[Address, str], None]


class Streams:
    """All connections, by the address at their other end. `knows(host)` says who may connect at all."""

    def __init__(self, reactor: IReactorTCP, knows: Callable[[str], bool], received: Received, broken: Broken) -> None:
        self._reactor = reactor
        self._knows = knows
        self.received = received
        self.broken = broken
        self._open: dict[Address, _Stream] = {}
        self._opening: dict[Address, list[bytes]] = {}
        self._ports: list[IListeningPort] = []

    def listen(self, listen: Listen) -> None:
        """Raises CannotListenError."""
        self._ports.append(self._reactor.listenTCP(listen.port, _Server(self), interface=listen.interface))

    def stop(self) -> None:
        for port in self._ports:
            port.stopListening()
        self._ports.clear()
        for stream in list(self._open.values()):
            stream.close()

    def send(self, datagram: Datagram) -> None:
        stream = self._open.get(datagram.destination)
        if stream is not None:
            stream.send(datagram.data)
        elif datagram.destination in self._opening:
            waiting = self._opening[datagram.destination]
            if len(waiting) < MOST_WAITING:
                waiting.append(datagram.data)
        else:
            self._opening[datagram.destination] = [datagram.data]
            where = datagram.destination
            self._reactor.connectTCP(where.host, where.port, _Client(self, where), timeout=CONNECT_SECONDS)

    def admits(self, host: str) -> bool:
        """Whether one more connection from there is taken."""
        from_there = sum(address.host == host for address in self._open)
        return self._knows(host) and len(self._open) < MOST_CONNECTIONS and from_there < MOST_A_HOST

    def opened(self, stream: _Stream) -> None:
        self._open[stream.peer] = stream
        for data in self._opening.pop(stream.peer, ()):
            stream.send(data)

    def lost(self, peer: Address, stream: _Stream | None) -> None:
        """A connection ended, or could not be made."""
        if stream is None or self._open.get(peer) is stream:
            self._open.pop(peer, None)
            self._opening.pop(peer, None)
            self.broken(peer, "tcp")


class _Stream(Protocol):
    def __init__(self, streams: Streams, peer: Address) -> None:
        self.peer = peer
        self._streams = streams
        self._framer = Framer()
        self._answered = 0

    def connectionMade(self) -> None:
        cast(ITCPTransport, self.transport).setTcpNoDelay(True)
        self._streams.opened(self)

    def dataReceived(self, data: bytes) -> None:
        try:
            messages = self._framer.received(data)
        except StreamFault as fault:
            _log.warn("a SIP stream was closed: {fault}", fault=str(fault))
            self.close()
            return
        for _ in range(self._framer.pongs - self._answered):
            self.send(PONG)
        self._answered = self._framer.pongs
        for message in messages:
            self._streams.received(message, self.peer, "tcp")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._streams.lost(self.peer, self)

    def send(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def close(self) -> None:
        cast(ITCPTransport, self.transport).abortConnection()


class _Server(Factory):
    noisy = False

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def buildProtocol(self, addr: IAddress | None) -> _Stream | None:
        there = cast(IPv4Address | IPv6Address, addr)
        if not self._streams.admits(there.host):
            return None
        return _Stream(self._streams, Address(there.host, there.port))


class _Client(ClientFactory):
    noisy = False

    def __init__(self, streams: Streams, peer: Address) -> None:
        self._streams = streams
        self._peer = peer

    def buildProtocol(self, addr: IAddress | None) -> _Stream:
        return _Stream(self._streams, self._peer)

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self._streams.lost(self._peer, None)
