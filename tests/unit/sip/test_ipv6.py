"""SIP over IPv6 on real sockets, beside IPv4: each peer is spoken to in its own family, and told our address in it."""

from __future__ import annotations

import random

import pytest_twisted
from twisted.internet import reactor, task

from foundation.endpoints import Address
from ivr.call import LegId
from ivr.listen import Listen, parse
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import Answered, Ended, InviteReceived, InviteRequest, Peer, SipEvent
from ivr.sip.message import parse as parse_message
from ivr.sip.sources import Sources, source
from ivr.sip.transport import SipTransport
from tests.unit.sip.pair import ANSWER, OFFER


class Both:
    """A user agent on IPv4 and IPv6, UDP and TCP."""

    def __init__(self) -> None:
        self.told: list[SipEvent] = []
        self.sent: list[tuple[bytes, Address]] = []
        listens = [Listen(kind, 0, host) for kind in ("udp", "tcp") for host in ("127.0.0.1", "::1")]  # type: ignore[arg-type]  # both are
        self.contacts = {"udp": Address("127.0.0.1", 1)}
        sources = Sources([source("other", ["127.0.0.1", "::1"])])
        self.agent = UserAgent(self.contacts, sources, lambda uri: True, random.SystemRandom())
        self.shell = SipTransport(reactor, reactor, self.agent, listens, self.heard, reactor)
        self.shell.watch = lambda outgoing, data, other, transport: (
            self.sent.append((data, other)) if outgoing else None
        )
        self.shell.startService()
        for listen, address in self.shell.bound:
            self.contacts[listen.transport + ("6" if ":" in listen.interface else "")] = address

    def heard(self, event: SipEvent) -> None:
        self.told.append(event)
        if isinstance(event, InviteReceived):
            self.agent.answer(event.leg, ANSWER, self.shell.now())
        if isinstance(event, Answered):
            self.agent.hang_up(event.leg, self.shell.now())

    def count(self, kind: type[SipEvent]) -> int:
        return sum(isinstance(event, kind) for event in self.told)


@pytest_twisted.ensureDeferred
async def test_calls_in_both_families_over_udp_and_tcp() -> None:
    one, other = Both(), Both()
    for number, name in enumerate(("udp", "udp6", "tcp", "tcp6")):
        to = other.contacts[name]
        peer = Peer("other", to, "tcp" if name.startswith("tcp") else "udp")
        request = InviteRequest(peer, f"sip:x@{to}", f"sip:x@{to}", "sip:y@gateway", "", name, f"tag{number}", OFFER)
        one.agent.invite(LegId(name), request, one.shell.now())
    one.shell.flush()
    for _ in range(300):
        if one.count(Ended) == other.count(Ended) == 4:
            break
        await task.deferLater(reactor, 0.01)
    assert one.count(Ended) == other.count(Ended) == 4
    for data, to in one.sent:
        message = parse_message(data)
        if data.startswith(b"INVITE"):
            assert (":" in message.essentials.via.host) == (":" in to.host)
            assert ("[::1]" in (message.first("Contact") or "")) == (":" in to.host)
    for side in (one, other):
        await side.shell.stopService()
    await task.deferLater(reactor, 0.02)


def test_an_ipv6_listener_is_written_with_escaped_colons() -> None:
    assert parse("udp:5060:interface=\\:\\:1") == Listen("udp", 5060, "::1")
