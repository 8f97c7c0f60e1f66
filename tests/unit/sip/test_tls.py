"""SIP over TLS on real sockets of this machine: who is believed, who is not, and what the engineer reads."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_twisted
from twisted.internet import reactor, task

from foundation.endpoints import Address
from ivr.call import LegId
from ivr.listen import Listen
from ivr.sip import streams
from ivr.sip.certificates import CertificateFault, Certificates
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import Answered, Confirmed, Ended, Failed, InviteReceived, InviteRequest, Peer, SipEvent
from ivr.sip.sources import Sources, source
from ivr.sip.transport import SipTransport
from tests.unit.sip.authority import Authority
from tests.unit.sip.pair import ANSWER, OFFER

HOST = "127.0.0.1"
Found = TypeVar("Found")


class Side:
    """A user agent on one listener of its own, over TLS or TCP. It answers each call and hangs up what it placed."""

    def __init__(self, listen: Listen, name: str | None = None, *, knows: str = HOST) -> None:
        self.told: list[SipEvent] = []
        self.faults: list[str] = []
        self.contacts: dict[str, Address] = {listen.transport: Address(HOST, 1)}
        sources = Sources([source("other", [knows])])
        self.agent = UserAgent(self.contacts, sources, lambda uri: True, random.Random(listen.certificate))
        certificates = Certificates([listen], lambda address: name)
        self.shell = SipTransport(reactor, reactor, self.agent, [listen], self.heard, reactor, certificates)
        self.shell.link_fault = lambda destination, transport, why: self.faults.append(why)
        self.shell.startService()
        self.address = self.shell.bound[0][1]
        self.contacts[listen.transport] = self.address

    def heard(self, event: SipEvent) -> None:
        self.told.append(event)
        if isinstance(event, InviteReceived):
            self.agent.answer(event.leg, ANSWER, self.shell.now())
        if isinstance(event, Answered):
            self.agent.hang_up(event.leg, self.shell.now())

    def invite(self, to: Address, transport: str = "tls", leg: str = "leg") -> None:
        peer = Peer("other", to, "tls" if transport == "tls" else "tcp")
        request = InviteRequest(peer, f"sip:x@{to}", f"sip:x@{HOST}", f"sip:y@{HOST}", "", leg, f"t{leg}", OFFER)
        self.agent.invite(LegId(leg), request, self.shell.now())
        self.shell.flush()

    async def until(self, met: Callable[[], bool]) -> None:
        for _ in range(300):
            if met():
                return
            await task.deferLater(reactor, 0.01)
        raise AssertionError((self.told, self.faults))

    def count(self, kind: type[SipEvent]) -> int:
        return sum(isinstance(event, kind) for event in self.told)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        self.stranger = Authority(folder, "stranger")
        self.sides: list[Side] = []

    def side(self, listen: Listen, name: str | None = None, *, knows: str = HOST) -> Side:
        self.sides.append(Side(listen, name, knows=knows))
        return self.sides[-1]

    def usual(self, name: str | None = None) -> Side:
        """One who trusts our authority and has a certificate of it."""
        return self.side(self.authority.listen(HOST, authority=self.authority.path), name)


@pytest.fixture
def bench(tmp_path: Path):  # type: ignore[no-untyped-def]  # pytest finds it by name
    bench = Bench(tmp_path)
    yield bench
    for side in bench.sides:
        pytest_twisted.blockon(side.shell.stopService())
    pytest_twisted.blockon(task.deferLater(reactor, 0.01))


@pytest_twisted.ensureDeferred
async def test_calls_over_one_connection_with_certificates_on_both_sides(bench: Bench) -> None:
    one, other = bench.usual(), bench.usual()
    for number in range(5):
        one.invite(other.address, leg=f"leg{number}")
    await one.until(lambda: one.count(Ended) == 5)
    await other.until(lambda: other.count(Ended) == 5)
    assert other.count(Confirmed) == 5
    assert [event.source.host for event in other.told if isinstance(event, InviteReceived)] == [HOST] * 5
    assert one.shell._streams is not None
    # One connection there and, for the BYE may go to the Contact, at most one more.
    assert len(one.shell._streams._open) <= 2


@pytest_twisted.ensureDeferred
async def test_a_server_is_verified_by_its_trunk_s_name(bench: Bench) -> None:
    named = bench.side(bench.authority.listen("sip.kpn.example", authority=bench.authority.path))
    right, wrong = bench.usual("sip.kpn.example"), bench.usual("sip.other.example")
    right.invite(named.address)
    await right.until(lambda: right.count(Answered) == 1)
    wrong.invite(named.address)
    await wrong.until(lambda: wrong.count(Failed) == 1)
    assert wrong.faults == [f"{named.address} showed a certificate for another name"]
    failed = next(event for event in wrong.told if isinstance(event, Failed))
    assert failed.status is None


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("fault", ["stranger", "out of date"])
async def test_a_server_that_nobody_vouches_for_gets_no_call(bench: Bench, fault: str) -> None:
    listen = bench.stranger.listen(HOST) if fault == "stranger" else bench.authority.listen(HOST, days=-1)
    one, other = bench.usual(), bench.side(listen)
    one.invite(other.address)
    await one.until(lambda: one.count(Failed) == 1)
    assert "comes from nobody whom we trust, or is out of date" in one.faults[0]
    assert not other.told


@pytest_twisted.ensureDeferred
async def test_a_client_without_a_certificate_of_our_authority_is_not_heard(bench: Bench) -> None:
    listen = bench.stranger.listen(HOST, authority=bench.authority.path)
    one, other = bench.side(listen), bench.usual()
    one.invite(other.address)
    await one.until(lambda: one.count(Failed) == 1)
    assert "does not accept our certificate" in one.faults[0]
    assert not other.told


@pytest_twisted.ensureDeferred
async def test_a_server_that_is_not_there_is_said_at_once(bench: Bench) -> None:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    one = bench.usual()
    one.invite(Address(HOST, port))
    await one.until(lambda: one.count(Failed) == 1)
    assert one.faults == [f"{HOST}:{port} refused the connection"]


@pytest_twisted.ensureDeferred
async def test_a_port_that_speaks_no_tls_is_a_fault_in_words(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HANDSHAKE_SECONDS", 0.05)
    one, plain = bench.usual(), bench.side(Listen("tcp", 0, HOST))
    one.invite(plain.address)
    await one.until(lambda: one.count(Failed) == 1)
    assert "is it a port for plain SIP?" in one.faults[0]
    assert not plain.told


@pytest_twisted.ensureDeferred
async def test_a_stranger_s_connection_is_closed_before_the_handshake(bench: Bench) -> None:
    one = bench.usual()
    other = bench.side(bench.authority.listen(HOST, authority=bench.authority.path), knows="192.0.2.9")
    one.invite(other.address)
    await one.until(lambda: one.count(Failed) == 1)
    assert other.agent.strangers == 1
    assert not other.told


def test_files_that_can_not_be_used_are_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    (certificate, key), (_, other_key) = authority.sign("a.example"), authority.sign("b.example")
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for words, listen in {
        "certificate=/no/such.pem can't be read": Listen("tls", 0, HOST, "/no/such.pem", str(key)),
        "are not a PEM certificate and its key": Listen("tls", 0, HOST, str(empty), str(key)),
        f"{other_key} is not the key of": Listen("tls", 0, HOST, str(certificate), str(other_key)),
        "holds no PEM certificate": Listen("tls", 0, HOST, str(certificate), str(key), str(empty)),
    }.items():
        with pytest.raises(CertificateFault, match=words):
            Certificates([listen])
