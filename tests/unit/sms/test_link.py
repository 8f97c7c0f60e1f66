"""The thin shell between a session and TCP: no delay, few writes, and back-pressure carried on."""

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from foundation.clock import Clocks, Monotonic, saved
from foundation.rate import Rate
from sms import commands, status
from sms.bind import Link
from sms.pdu import BindResponse, MessageResponse
from sms.protocol import encode
from sms.session import Session
from sms.session_events import Answered, Bound, SessionEvent
from sms.wire import RESPONSE, Framer
from tests.acceptance.town import NOON
from tests.unit.sms.pair import smsc_settings, text


class Transport(StringTransport):
    """Remembers each write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.no_delay = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def write(self, data: bytes) -> None:
        self.writes.append(data)


class Wire:
    def __init__(self) -> None:
        self.clock = Clock()
        clocks = Clocks(self.clock.seconds, lambda: saved(NOON))
        settings = smsc_settings()
        self.heard: list[SessionEvent] = []
        session = Session(settings, Rate(settings.segments_per_second))
        self.link = Link(session, clocks, self.clock, lambda link, event: self.heard.append(event))
        self.transport = Transport()
        self.link.makeConnection(self.transport)

    def bound(self) -> "Wire":
        self.link.dataReceived(encode(BindResponse(commands.BIND_TRANSCEIVER | RESPONSE, b"centre"), 1))
        assert isinstance(self.heard[-1], Bound)
        self.transport.writes.clear()
        return self

    def submit(self, count: int) -> None:
        for _ in range(count):
            self.link.session.submit(text(), Monotonic(self.clock.seconds()))
            self.link.touch()
        self.clock.advance(0)


def test_small_pdus_do_not_wait_for_the_peers_acknowledgement() -> None:
    assert Wire().transport.no_delay


def test_what_is_given_in_one_turn_is_one_write() -> None:
    wire = Wire().bound()
    wire.submit(20)
    (octets,) = wire.transport.writes
    assert [frame.command_id for frame in Framer().feed(octets)] == [commands.SUBMIT_SM] * 20


def test_a_peer_that_does_not_read_gets_no_more_and_what_waits_leaves_when_it_does() -> None:
    wire = Wire().bound()
    wire.link.pauseProducing()
    wire.submit(3)
    assert wire.transport.writes == []
    wire.link.resumeProducing()
    assert len(list(Framer().feed(wire.transport.writes[0]))) == 3


def test_a_fault_in_who_listens_does_not_end_the_bind() -> None:
    wire = Wire().bound()
    wire.submit(2)
    failed: list[SessionEvent] = []

    def fails_once(link: Link, event: SessionEvent) -> None:
        if not failed:
            failed.append(event)
            raise ValueError("ours")
        wire.heard.append(event)

    wire.link._hear = fails_once
    for sequence in (2, 3):
        wire.link.dataReceived(encode(MessageResponse(commands.SUBMIT_SM | RESPONSE, b"x"), sequence))
    assert isinstance(wire.heard[-1], Answered)
    assert wire.heard[-1].command_status == status.OK
    assert not wire.transport.disconnecting
