"""Whether a host says by ICMP that nobody listens on a UDP port: an unconnected socket, as SIP's is, never hears that.

A connected socket of its own is told. It sends what SIP knows as a keep-alive (RFC 5626 §3.5.1), which a server that is
there ignores.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime, IReactorUDP, IUDPTransport
from twisted.internet.protocol import DatagramProtocol

from foundation.endpoints import Address
from ivr.sip.framing import PING

KNOCK_SECONDS = 0.5


async def refuses(udp: IReactorUDP, timer: IReactorTime, there: Address, interface: str = "") -> bool:
    """True where a refusal came within half a second. Anything else, an answer or silence, says nothing of that kind."""
    knock = _Knock()
    try:
        port = udp.listenUDP(0, knock, interface, 1024)
    except CannotListenError:
        return False
    late = timer.callLater(KNOCK_SECONDS, knock.tell, False)
    try:
        transport = cast(IUDPTransport, knock.transport)
        transport.connect(there.host, there.port)
        transport.write(PING, None)
        return await knock.told
    except OSError:
        return False
    finally:
        if late.active():
            late.cancel()
        port.stopListening()


class _Knock(DatagramProtocol):
    noisy = False

    def __init__(self) -> None:
        self.told: Deferred[bool] = Deferred()

    def tell(self, refused: bool) -> None:
        if not self.told.called:
            self.told.callback(refused)

    def connectionRefused(self) -> None:
        self.tell(True)

    def stopProtocol(self) -> None:
        """Twisted's epoll reactor closes a connected socket that has an error before it can say which. Where we close it
        ourselves all is told."""
        self.tell(True)

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        self.tell(False)
