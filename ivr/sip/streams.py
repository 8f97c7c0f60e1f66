"""SIP over TCP and TLS: connections that are opened when needed, used again both ways, kept alive, and closed when they
make no sense."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    IListeningPort,
    IReactorTCP,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import ClientFactory, Protocol, ServerFactory, connectionDone
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from foundation.endpoints import Address, Datagram
from ivr.listen import Listen
from ivr.sip.certificates import Certificates, words_of
from ivr.sip.framing import PING, PONG, Framer, StreamFault

CONNECT_SECONDS = 4
HANDSHAKE_SECONDS = 4.0
KEEP_ALIVE_SECONDS = 25.0
MOST_CONNECTIONS = 1024
MOST_A_HOST = 64
MOST_WAITING = 256
MOST_UNREAD = 1_048_576
"""Bytes that wait for a peer that does not read; beyond this its connection is closed."""

_log = Logger()

Received = Callable[[bytes, Address, str], None]
Broken = Callable[[Address, str, str], None]
"""Where to, by which transport, and why in words."""
_Key = tuple[str, Address]


class Streams:
    """All connections, by transport and the address at their other end. `knows(host)` says who may connect at all."""

    def __init__(
        self,
        reactor: IReactorTCP,
        knows: Callable[[str], bool],
        received: Received,
        broken: Broken,
        certificates: Certificates | None = None,
    ) -> None:
        self._reactor = reactor
        self.time = cast(IReactorTime, reactor)
        self._knows = knows
        self._certificates = certificates
        self.received = received
        self.broken = broken
        self._open: dict[_Key, _Stream] = {}
        self._opening: dict[_Key, list[bytes]] = {}
        self._ports: list[tuple[Listen, IListeningPort]] = []
        self._keeping = LoopingCall(self._keep_alive)
        self._keeping.clock = self.time

    def listen(self, listen: Listen) -> None:
        """Raises CannotListenError."""
        factory = _Server(self, listen)
        if listen.transport == "tls":
            assert self._certificates is not None
            factory.secure = TLSMemoryBIOFactory(self._certificates.server(listen), False, _Plain(self, "tls"))
        self._ports.append((listen, self._reactor.listenTCP(listen.port, factory, interface=listen.interface)))

    @property
    def bound(self) -> list[tuple[Listen, Address]]:
        """Each listener with the address that it got."""
        hosts = [(listen, cast(IPv4Address | IPv6Address, port.getHost())) for listen, port in self._ports]
        return [(listen, Address(host.host, host.port)) for listen, host in hosts]

    def stop(self) -> None:
        if self._keeping.running:
            self._keeping.stop()
        for _, port in self._ports:
            port.stopListening()
        self._ports.clear()
        for stream in list(self._open.values()):
            stream.close()

    def send(self, datagram: Datagram) -> None:
        key = (datagram.transport, datagram.destination)
        stream = self._open.get(key)
        if stream is not None:
            stream.send(datagram.data)
        elif key in self._opening:
            waiting = self._opening[key]
            if len(waiting) < MOST_WAITING:
                waiting.append(datagram.data)
        else:
            self._opening[key] = [datagram.data]
            self._connect(key)

    def _connect(self, key: _Key) -> None:
        transport, where = key
        factory: Any = _Client(self, key)
        if transport == "tls":
            if self._certificates is None:
                self.lost(key, None, "TLS is not configured; add a tls: listener with its certificate")
                return
            factory = TLSMemoryBIOFactory(self._certificates.client(where), True, factory)
        self._reactor.connectTCP(where.host, where.port, factory, timeout=CONNECT_SECONDS)

    def admits(self, host: str) -> bool:
        """Whether one more connection from there is taken."""
        from_there = sum(address.host == host for _, address in self._open)
        return self._knows(host) and len(self._open) < MOST_CONNECTIONS and from_there < MOST_A_HOST

    def opened(self, stream: _Stream) -> None:
        self._open[stream.key] = stream
        for data in self._opening.pop(stream.key, ()):
            stream.send(data)
        if not self._keeping.running:
            self._keeping.start(KEEP_ALIVE_SECONDS, now=False)

    def lost(self, key: _Key, stream: _Stream | None, why: str) -> None:
        """A connection ended, or could not be made."""
        if stream is None or self._open.get(key) is stream:
            self._open.pop(key, None)
            self._opening.pop(key, None)
            self.broken(key[1], key[0], why)

    def _keep_alive(self) -> None:
        """Ping what we opened (RFC 5626 §4.4.1); one who used to answer and stopped is gone."""
        for stream in list(self._open.values()):
            stream.keep_alive()
        if not self._open:
            self._keeping.stop()


@implementer(IHandshakeListener)
class _Stream(Protocol):
    def __init__(self, streams: Streams, key: _Key, *, ours: bool) -> None:
        self.key = key
        self._streams = streams
        self._ours = ours
        self._framer = Framer(opened_by_us=ours)
        self._answered = 0
        self._pinged = 0
        self._why = ""
        self._handshake: IDelayedCall | None = None

    def connectionMade(self) -> None:
        if self.key[0] == "tls":
            self._handshake = self._streams.time.callLater(HANDSHAKE_SECONDS, self._no_handshake)
        cast(ITCPTransport, self.transport).setTcpNoDelay(True)
        cast(ITCPTransport, self.transport).setTcpKeepAlive(True)
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
        transport, peer = self.key
        for message in messages:
            self._streams.received(message, peer, transport)

    def handshakeCompleted(self) -> None:
        if self._handshake is not None:
            self._handshake.cancel()
            self._handshake = None

    def _no_handshake(self) -> None:
        self._handshake = None
        self._why = f"{self.key[1]} is silent when spoken to in TLS; is it a port for plain SIP?"
        self.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.handshakeCompleted()
        self._streams.lost(self.key, self, self._why or words_of(reason, self.key[1]))

    def keep_alive(self) -> None:
        if not self._ours:
            return
        if self._framer.answers and self._pinged - self._framer.answers > 1:
            self.close()
            return
        self._pinged += 1
        self.send(PING)

    def send(self, data: bytes) -> None:
        transport: Any = self.transport
        # A TLS transport buffers in the TCP transport under it.
        below = getattr(transport, "transport", transport)
        if len(getattr(below, "dataBuffer", b"")) + getattr(below, "_tempDataLen", 0) > MOST_UNREAD:
            self.close()
        else:
            transport.write(data)

    def close(self) -> None:
        cast(ITCPTransport, self.transport).abortConnection()


class _Plain(ServerFactory):
    """Makes the stream of a connection that was admitted."""

    noisy = False

    def __init__(self, streams: Streams, transport: str) -> None:
        self._streams = streams
        self._transport = transport

    def buildProtocol(self, addr: IAddress | None) -> _Stream:
        there = cast(IPv4Address | IPv6Address, addr)
        return _Stream(self._streams, (self._transport, Address(there.host, there.port)), ours=False)


class _Server(ServerFactory):
    """Asks who it is before anything else: a stranger's connection is closed without a byte, TLS or not."""

    noisy = False

    def __init__(self, streams: Streams, listen: Listen) -> None:
        self._streams = streams
        self._plain = _Plain(streams, listen.transport)
        self.secure: TLSMemoryBIOFactory | None = None

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if not self._streams.admits(cast(IPv4Address | IPv6Address, addr).host):
            return None
        return (self.secure or self._plain).buildProtocol(addr)


class _Client(ClientFactory):
    noisy = False

    def __init__(self, streams: Streams, key: _Key) -> None:
        self._streams = streams
        self._key = key

    def buildProtocol(self, addr: IAddress | None) -> _Stream:
        return _Stream(self._streams, self._key, ours=True)

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self._streams.lost(self._key, None, words_of(reason, self._key[1]))
