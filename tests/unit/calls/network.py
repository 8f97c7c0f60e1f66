"""A UDP network on a fake clock, and a far end with a real user agent on it: what `TelephoneService` is tested against."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorUDP
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from zope.interface import implementer

from foundation.clock import Clocks, Monotonic
from foundation.endpoints import Address
from ivr.call import LegId, SavedDialog
from ivr.listen import parse
from ivr.media.messages import Remote
from ivr.sip import sdp
from ivr.sip.encryption import CLEAR, Encryption
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import (
    Answered,
    InviteReceived,
    InviteRequest,
    Peer,
    Reason,
    SipEvent,
)
from ivr.sip.sources import Sources, source
from ivr.sip.transport import SipTransport

EPOCH = datetime(2026, 3, 1, 12, tzinfo=UTC)
DELAY_SECONDS = 0.01


@implementer(IReactorUDP)
class FakeNetwork(Clock):
    """Time and UDP. Datagrams take 10 ms; `wire` keeps all that was sent, `lose(datagram)` says which never arrive.
    Hosts in `closed` say by ICMP when nobody listens on a port: a connected socket hears of it."""

    def __init__(self) -> None:
        super().__init__()
        self.sockets: dict[tuple[str, int], DatagramProtocol] = {}
        self.wire: list[tuple[float, tuple[str, int], tuple[str, int], bytes]] = []
        self.lose: Callable[[bytes], bool] = lambda data: False
        self.closed: set[str] = set()
        self._free = count(50_000)

    def listenUDP(self, port: int, protocol: DatagramProtocol, interface: str = "", maxPacketSize: int = 8192) -> _Port:
        port = port or next(self._free)
        assert (interface, port) not in self.sockets
        self.sockets[interface, port] = protocol
        bound = _Port(self, interface, port)
        protocol.makeConnection(_Writer(self, (interface, port)))
        return bound

    def send(self, data: bytes, source: tuple[str, int], destination: tuple[str, int]) -> None:
        self.wire.append((self.seconds(), source, destination, data))
        if not self.lose(data):
            self.callLater(DELAY_SECONDS, self._deliver, data, source, destination)

    def _deliver(self, data: bytes, source: tuple[str, int], destination: tuple[str, int]) -> None:
        if destination in self.sockets:
            self.sockets[destination].datagramReceived(data, source)
        elif destination[0] in self.closed and (sender := self.sockets.get(source)) is not None:
            assert isinstance(sender.transport, _Writer)
            if sender.transport.connected:
                sender.connectionRefused()

    def sent(self, start: str) -> list[bytes]:
        """Every datagram that begins so, in order."""
        return [data for _, _, _, data in self.wire if data.startswith(start.encode())]

    def run(self, seconds: float, step: float = 0.01) -> None:
        for _ in range(round(seconds / step)):
            self.advance(step)


class _Writer:
    """What a DatagramProtocol writes to."""

    def __init__(self, network: FakeNetwork, own: tuple[str, int]) -> None:
        self._network = network
        self._own = own
        self.connected: tuple[str, int] | None = None

    def connect(self, host: str, port: int) -> None:
        self.connected = (host, port)

    def write(self, data: bytes, address: tuple[str, int] | None = None) -> None:
        there = address or self.connected
        assert there is not None
        self._network.send(data, self._own, there)


class _Port:
    def __init__(self, network: FakeNetwork, interface: str, port: int) -> None:
        self._network = network
        self._key = (interface, port)

    def getHost(self) -> IPv4Address:
        return IPv4Address("UDP", *self._key)

    def stopListening(self) -> Deferred[None]:
        del self._network.sockets[self._key]
        return succeed(None)


class Journal:
    """Keeps every dialog that was saved; `held` makes a save wait."""

    def __init__(self) -> None:
        self.saved: list[SavedDialog] = []
        self.held: Deferred[None] | None = None

    async def save(self, dialog: SavedDialog) -> None:
        if self.held is not None:
            await self.held
        self.saved.append(dialog)

    def states(self) -> list[str]:
        return [dialog.state for dialog in self.saved]

    @property
    def open(self) -> list[SavedDialog]:
        """The last record of each dialog that is not over: what a crash would leave."""
        last = {dialog.call_id: dialog for dialog in self.saved}
        return [dialog for dialog in last.values() if dialog.state != "over"]


@dataclass
class Phone:
    """A far end that does as it is told: `on_invite` says what happens to an INVITE (default: rings, answers).

    `network` gives time and UDP: a `FakeNetwork`, or the reactor (then with port 0). `sound` is where its RTP lives;
    `theirs` where the gateway's does, by leg; `agreed` is all that was last agreed, as the phone sees it.
    """

    network: Any
    host: str
    port: int = 5060
    allowed: str = "192.0.2.0/24"
    sound: Address | None = None
    encryption: Encryption = CLEAR
    theirs: dict[LegId, Address] = field(default_factory=dict)
    agreed: dict[LegId, Remote] = field(default_factory=dict)
    events: list[SipEvent] = field(default_factory=list)
    legs: list[LegId] = field(default_factory=list)
    on_invite: Callable[[Phone, InviteReceived], None] = field(
        default=lambda phone, event: phone.ring_and_answer(event)
    )

    def __post_init__(self) -> None:
        contacts = {"udp": Address(self.host, self.port)}
        self.agent = UserAgent(
            contacts,
            Sources([source("gateway", [self.allowed])]),
            lambda uri: True,
            random.Random(self.port),
        )
        listen = parse(f"udp:{self.port}:interface={self.host}")
        self.transport = SipTransport(self.network, self.network, self.agent, [listen], self._heard)
        self.transport.startService()
        self.address = contacts["udp"] = Address(self.host, self.transport.addresses[0].port)

    @property
    def local(self) -> sdp.Local:
        return sdp.Local(self.sound or Address(self.host, 40000), 7, encryption=self.encryption)

    def _heard(self, event: SipEvent) -> None:
        self.events.append(event)
        if isinstance(event, Answered) and event.body is not None:
            self.agreed[event.leg] = sdp.agreed(event.body, ("PCMA",), encryption=self.encryption)
            self.theirs[event.leg] = self.agreed[event.leg].address
        if isinstance(event, InviteReceived):
            self.legs.append(event.leg)
            self.on_invite(self, event)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    # ---- what it does

    def ring(self, event: InviteReceived) -> None:
        self.agent.ring(event.leg, self._now())

    def answer(self, event: InviteReceived) -> None:
        assert event.offer is not None
        description, self.agreed[event.leg] = sdp.answer(event.offer, self.local, ("PCMA",))
        self.theirs[event.leg] = self.agreed[event.leg].address
        self.agent.answer(event.leg, description, self._now())
        self.transport.flush()

    def ring_and_answer(self, event: InviteReceived, after: float = 2.0) -> None:
        self.ring(event)
        self.network.callLater(after, self.answer, event)

    def refuse(self, event: InviteReceived, status: int, retry_after: int | None = None) -> None:
        self.agent.reject(event.leg, status, self._now(), retry_after=retry_after)
        self.transport.flush()

    def hang_up(self, leg: LegId | None = None, cause: int = 16) -> None:
        self.agent.hang_up(leg or self.legs[-1], self._now(), (Reason("Q.850", cause),))
        self.transport.flush()

    def hold(self, held: bool = True) -> None:
        local = replace(self.local, version=2, direction="sendonly" if held else "sendrecv")
        self.agent.reoffer(self.legs[-1], sdp.offer(local, ("PCMA",)), self._now())
        self.transport.flush()

    def call(self, uri: str, destination: Address, *, identity: str = "+31612345678", privacy: bool = False) -> LegId:
        leg = LegId(f"call-{len(self.legs)}-{self.port}")
        self.legs.append(leg)
        headers: list[tuple[str, str]] = [("P-Asserted-Identity", f"<sip:{identity}@{self.host};user=phone>")]
        if privacy:
            headers.append(("Privacy", "id"))
        request = InviteRequest(
            peer=Peer("gateway", destination),
            request_uri=uri,
            to_uri=uri,
            from_uri=f"sip:{'anonymous' if privacy else identity}@{self.host}",
            from_display="",
            call_id=f"{leg}@{self.host}",
            local_tag=f"tag-{leg}",
            offer=sdp.offer(self.local, ("PCMA",)),
            extra_headers=tuple(headers),
        )
        self.agent.invite(leg, request, self._now())
        self.transport.flush()
        return leg

    def _now(self) -> Monotonic:
        return Monotonic(self.network.seconds())


def clocks(network: FakeNetwork) -> Clocks:
    return Clocks(network.seconds, lambda: EPOCH + timedelta(seconds=network.seconds()))
