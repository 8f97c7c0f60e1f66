"""The shell on real sockets of this machine: two user agents call each other, and stopping leaves nothing behind."""

from __future__ import annotations

import random

import pytest
import pytest_twisted
from twisted.internet import reactor, task
from twisted.internet.error import CannotListenError

from foundation.endpoints import Address
from ivr.call import LegId
from ivr.listen import Listen
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import Answered, Confirmed, Ended, Failed, InviteReceived, InviteRequest, Peer, SipEvent
from ivr.sip.sources import Sources, source
from ivr.sip.transport import SipTransport
from tests.unit.sip.pair import ANSWER, OFFER

HOST = "127.0.0.1"
LEG = LegId("leg")


class Side:
    """One gateway; `contacts` learns the ports that were bound."""

    def __init__(self) -> None:
        self.told: list[SipEvent] = []
        self.contacts: dict[str, Address] = {"udp": Address(HOST, 1)}
        self.agent = UserAgent(self.contacts, Sources([source("other", [HOST])]), lambda uri: True, random.Random(1))
        self.shell = SipTransport(reactor, reactor, self.agent, [Listen("udp", 0, HOST)], self.heard)
        self.shell.startService()
        self.contacts["udp"] = self.shell.addresses[0]

    def heard(self, event: SipEvent) -> None:
        self.told.append(event)
        if isinstance(event, InviteReceived):
            self.agent.answer(event.leg, ANSWER, self.shell.now())
        if isinstance(event, Answered):
            self.agent.hang_up(event.leg, self.shell.now())

    def invite(self, port: int, silence: float = 6.0) -> None:
        peer = Peer("other", Address(HOST, port), silence_seconds=silence)
        request = InviteRequest(
            peer, f"sip:x@{HOST}:{port}", f"sip:x@{HOST}", f"sip:y@{HOST}", "", "call", "tag", OFFER
        )
        self.agent.invite(LEG, request, self.shell.now())
        self.shell.flush()


async def _until(side: Side, kind: type[SipEvent]) -> None:
    for _ in range(200):
        if any(isinstance(event, kind) for event in side.told):
            return
        await task.deferLater(reactor, 0.01)
    raise AssertionError(side.told)


@pytest_twisted.ensureDeferred
async def test_a_call_over_real_sockets_and_a_clean_stop() -> None:
    before = len(reactor.getDelayedCalls())
    one, other = Side(), Side()
    one.invite(other.shell.addresses[0].port)
    await _until(one, Ended)
    await _until(other, Confirmed)
    assert one.agent.next_deadline() is not None
    for side in (one, other):
        await side.shell.stopService()
    assert len(reactor.getDelayedCalls()) == before


@pytest_twisted.ensureDeferred
async def test_the_timer_fires() -> None:
    side = Side()
    side.invite(9, silence=0.05)
    await _until(side, Failed)
    await side.shell.stopService()


@pytest_twisted.ensureDeferred
async def test_an_event_that_can_not_be_handled_stops_nothing() -> None:
    one, other = Side(), Side()

    def heard(event: SipEvent) -> None:
        Side.heard(other, event)
        assert not isinstance(event, Confirmed), "a fault of ours"

    other.shell._heard = heard
    one.invite(other.shell.addresses[0].port)
    await _until(other, Ended)
    for side in (one, other):
        await side.shell.stopService()


@pytest_twisted.ensureDeferred
async def test_a_port_in_use_is_said_at_the_start() -> None:
    side = Side()
    agent = UserAgent({"udp": Address(HOST, 1)}, Sources([]), lambda uri: True, random.Random(1))
    second = SipTransport(
        reactor, reactor, agent, [Listen("udp", side.shell.addresses[0].port, HOST)], lambda event: None
    )
    with pytest.raises(CannotListenError):
        second.startService()
    await second.stopService()
    await side.shell.stopService()
