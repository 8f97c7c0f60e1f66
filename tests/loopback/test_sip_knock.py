"""Whether a UDP port is closed, asked on a real socket: the kernel's ICMP is what tells."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
import pytest_twisted
from twisted.internet import reactor, task
from twisted.internet.protocol import DatagramProtocol

from foundation.clock import Clocks
from foundation.endpoints import Address
from ivr.exchange import TelephoneSettings
from ivr.media.inprocess import InProcessMedia
from ivr.settings import SipSettings, TrunkSettings
from ivr.sip.knocking import refuses
from ivr.telephone import TelephoneService
from tests.daemon import free_port
from tests.unit.calls.network import Journal


@pytest_twisted.ensureDeferred
async def test_a_closed_port_refuses_and_an_open_one_that_is_silent_does_not() -> None:
    began = reactor.seconds()
    assert await refuses(reactor, reactor, Address("127.0.0.1", free_port()), "127.0.0.1")
    assert reactor.seconds() - began < 0.4
    silent = reactor.listenUDP(0, DatagramProtocol(), "127.0.0.1")
    assert not await refuses(reactor, reactor, Address("127.0.0.1", silent.getHost().port), "127.0.0.1")
    await silent.stopListening()


@pytest_twisted.ensureDeferred
async def test_where_nothing_can_be_sent_nothing_is_said() -> None:
    assert not await refuses(reactor, reactor, Address("255.255.255.255", 5060), "127.0.0.1")
    assert not await refuses(reactor, reactor, Address("127.0.0.1", free_port()), "192.0.2.1")


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_trunk_where_nothing_listens_is_down_within_ten_seconds(transport: str) -> None:
    clocks = Clocks(reactor.seconds, lambda: datetime.now(UTC))
    settings = TelephoneSettings(
        sip=SipSettings(listen=(f"{transport}:0:interface=127.0.0.1",)),
        trunks=(
            TrunkSettings(
                name="kpn", proxy=f"sip:127.0.0.1:{free_port()};transport={transport}", caller_id="0343529850"
            ),
        ),
        numbers=frozenset(),
    )
    media = InProcessMedia(reactor, random.Random(2))
    telephone = TelephoneService(settings, media, Journal(), clocks, reactor, random.Random(1))
    telephone.startService()
    began = reactor.seconds()
    while telephone.trunks()[0].state == "up" and reactor.seconds() < began + 12:
        await task.deferLater(reactor, 0.1)
    assert telephone.trunks()[0].state == "down"
    assert reactor.seconds() - began < 10
    assert "refuse" in (telephone.trunks()[0].last_error or "")
    await telephone.stopService()
