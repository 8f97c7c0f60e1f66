"""The telephone with trunks that have names, desks that register, and TLS: what is only true when all is joined."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol

from foundation.clock import Clocks
from foundation.endpoints import Address
from foundation.telephone_numbers import PhoneNumber, read
from ivr.call import Call, CallEnded, EndCause, Refused, ToDesk, ToTrunk
from ivr.exchange import TelephoneSettings
from ivr.media.inprocess import InProcessMedia
from ivr.settings import SipSettings, TrunkSettings
from ivr.sip import sdp
from ivr.sip.certificates import CertificateFault
from ivr.sip.core import response_to
from ivr.sip.events import Ended, Failed, InviteReceived
from ivr.sip.locating import Srv
from ivr.sip.message import Request, parse
from ivr.telephone import TelephoneService
from tests.unit.calls.network import EPOCH, FakeNetwork, Journal, Phone, clocks
from tests.unit.sip.authority import Authority
from tests.unit.sip.test_locating import Zone
from tests.unit.sip.test_registrar import proof
from tests.unit.sip.test_tls import Side

NUMBER = PhoneNumber("+31612345678")


class Bench:
    """A telephone at 192.0.2.1 with one trunk by name, at 192.0.2.2 and 192.0.2.3, and a desk that registers."""

    def __init__(self, **trunk: Any) -> None:
        self.network = FakeNetwork()
        self.zone = Zone()
        self.zone.hosts = {"a.kpn.example": ["192.0.2.2"], "b.kpn.example": ["192.0.2.3"]}
        self.zone.servers["_sip._udp.kpn.example"] = [
            Srv(10, 0, 5060, "a.kpn.example", 300),
            Srv(20, 0, 5060, "b.kpn.example", 300),
        ]
        self.journal = Journal()
        self.trunk = {"name": "kpn", "proxy": "sip:kpn.example", "caller_id": "0343529850", **trunk}
        self.telephone = TelephoneService(
            self.settings(TrunkSettings(**self.trunk)),
            InProcessMedia(self.network, random.Random(2)),
            self.journal,
            clocks(self.network),
            self.network,
            random.Random(1),
            self.zone,
        )
        self.outcomes: list[Any] = []

    def settings(self, *trunks: TrunkSettings, desks: dict[str, str] | None = None) -> TelephoneSettings:
        return TelephoneSettings(
            sip=SipSettings(listen=("udp:5060:interface=192.0.2.1",), desks_from=("10.1.0.0/16",)),
            trunks=trunks,
            numbers=frozenset({read("0800-0011")}),
            desks={"desk-7": "secret"} if desks is None else desks,
        )

    def dial(self, route: ToTrunk | ToDesk, seconds: float = 0.1) -> Any:
        running = Deferred.fromCoroutine(self.telephone.dial(route))
        running.addCallbacks(self.outcomes.append, lambda failure: self.outcomes.append(failure.value))
        self.network.run(seconds)
        return self.outcomes.pop()

    def state(self) -> str:
        return self.telephone.trunks()[0].state


def _ending(call: Call) -> list[Any]:
    found: list[Any] = []
    call.on_end(found.append)
    return found


# ---- trunks by name


def test_a_trunk_by_name_is_called_where_the_dns_says() -> None:
    bench = Bench()
    trunk = Phone(bench.network, "192.0.2.2")
    bench.telephone.startService()
    bench.dial(ToTrunk("kpn", NUMBER, 25), 3)
    assert bench.state() == "up"
    assert len(trunk.of(InviteReceived)) == 1
    # The domain is called, not the machine that serves it today.
    assert bench.network.sent("INVITE sip:+31612345678@kpn.example;user=phone ")


def test_a_redirect_to_another_machine_of_the_trunk_is_followed_by_its_name_or_address() -> None:
    for target in ("b.kpn.example", "192.0.2.3"):
        bench = Bench()
        second = Phone(bench.network, "192.0.2.3")
        heard: list[bytes] = []
        moved = f"Contact: <sip:+31612345678@{target};user=phone>\r\n"

        class First(DatagramProtocol):
            def datagramReceived(
                self, datagram: bytes, addr: tuple[str, int], moved: str = moved, heard: list[bytes] = heard
            ) -> None:
                if len(datagram) < 8:  # a keep-alive
                    return
                heard.append(datagram)
                asked = parse(datagram)
                if isinstance(asked, Request) and asked.method == "INVITE":
                    answer = bytes(response_to(asked, 302, "first")).replace(
                        b"Content-Length", moved.encode() + b"Content-Length"
                    )
                    assert self.transport is not None
                    self.transport.write(answer, addr)

        bench.network.listenUDP(5060, First(), "192.0.2.2")
        bench.telephone.startService()
        bench.dial(ToTrunk("kpn", NUMBER, 25), 3)
        assert len(second.of(InviteReceived)) == 1, target
        assert len([data for data in heard if data.startswith(b"INVITE")]) == 1


def test_before_the_dns_answers_nothing_is_dialled() -> None:
    bench = Bench()
    bench.zone.down = True
    bench.telephone = TelephoneService(
        bench.settings(TrunkSettings(**bench.trunk)),
        InProcessMedia(bench.network, random.Random(2)),
        bench.journal,
        clocks(bench.network),
        bench.network,
        random.Random(1),
        bench.zone,
    )
    bench.telephone.startService()
    assert bench.state() == "down"
    assert isinstance(bench.dial(ToTrunk("kpn", NUMBER, 25)), Refused)
    assert bench.telephone.trunks()[0].channels_in_use == 0
    assert bench.telephone.reserve_alert(NUMBER, frozenset(), bench.network.seconds()) is None
    Phone(bench.network, "192.0.2.2")
    bench.zone.down = False
    bench.network.run(21, 0.5)
    assert bench.state() == "up"
    assert bench.telephone.reserve_alert(NUMBER, frozenset(), bench.network.seconds()) == "kpn"


def test_a_silent_server_is_left_for_the_next_one() -> None:
    bench = Bench()
    second = Phone(bench.network, "192.0.2.3")
    bench.telephone.startService()
    first_call = bench.dial(ToTrunk("kpn", NUMBER, 25))
    ended = _ending(first_call)
    bench.network.run(7)
    assert ended[0].cause is EndCause.TRUNK_FAULT
    bench.dial(ToTrunk("kpn", NUMBER, 25))
    assert len(second.of(InviteReceived)) == 1


def test_a_trunk_may_call_from_each_of_its_servers() -> None:
    bench = Bench()
    bench.telephone.startService()
    for host in ("192.0.2.2", "192.0.2.3"):
        phone = Phone(bench.network, host)
        phone.call("sip:+318000011@192.0.2.1", Address("192.0.2.1", 5060))
        bench.network.run(0.2)
        assert phone.of(Failed)[0].status == 503  # nobody takes calls on this bench: it was heard, not met with silence
    stranger = Phone(bench.network, "192.0.2.4")
    stranger.call("sip:+318000011@192.0.2.1", Address("192.0.2.1", 5060))
    bench.network.run(5)
    assert stranger.events[1:] == []


def test_a_reload_moves_a_trunk_and_leaves_its_calls_alone() -> None:
    bench = Bench()
    trunk = Phone(bench.network, "192.0.2.2")
    bench.telephone.startService()
    call = bench.dial(ToTrunk("kpn", NUMBER, 25), 3)
    ended = _ending(call)
    other = Phone(bench.network, "192.0.2.9")
    bench.telephone.reconfigure(
        bench.settings(TrunkSettings(name="other", proxy="sip:192.0.2.9", caller_id="0343529850"))
    )
    bench.network.run(10)
    assert not ended
    assert [status.name for status in bench.telephone.trunks()] == ["other"]
    bench.dial(ToTrunk("other", NUMBER, 25))
    assert len(other.of(InviteReceived)) == 1
    trunk.hang_up()
    bench.network.run(1)
    assert (ended[0].cause, ended[0].by) == (EndCause.HUNG_UP, "them")
    assert len(trunk.of(Ended)) == 1


# ---- desks that register


def _register(bench: Bench, phone: Phone, desk: str = "desk-7", password: str = "secret") -> list[bytes]:
    """REGISTER from a phone, with the proof that is asked for; what it was answered."""
    heard: list[bytes] = []
    phone.transport.watch = lambda outgoing, data, other, transport: None if outgoing else heard.append(data)
    line = ""
    for sequence in (1, 2):
        request = (
            f"REGISTER sip:gateway SIP/2.0\r\nVia: SIP/2.0/UDP {phone.address};branch=z9hG4bK{phone.host}{sequence}\r\n"
            f"From: <sip:{desk}@gateway>;tag=1\r\nTo: <sip:{desk}@gateway>\r\nCall-ID: {phone.host}\r\n"
            f"CSeq: {sequence} REGISTER\r\nContact: <sip:{desk}@{phone.address}>\r\n{line}\r\n"
        )
        bench.network.send(request.encode(), (phone.host, phone.port), ("192.0.2.1", 5060))
        bench.network.run(0.1)
        challenge = heard[-1].decode() if heard else ""
        asked = [one for one in challenge.split("\r\n") if one.startswith("WWW-Authenticate")]
        line = proof(password, asked[0], "REGISTER", user=desk) if asked else ""
    phone.transport.watch = None
    return heard


def test_a_desk_that_registered_is_rung_on_all_its_phones() -> None:
    bench = Bench()
    phones = [Phone(bench.network, f"10.1.0.{number}") for number in (5, 6)]
    bench.telephone.startService()
    refused = bench.dial(ToDesk("desk-7", "sip:desk-7@gateway", 20))
    assert isinstance(refused, Refused)
    assert "no phone of desk desk-7 is registered" in str(refused)
    for phone in phones:
        assert _register(bench, phone)[-1].startswith(b"SIP/2.0 200")
    phones[0].on_invite = lambda phone, event: phone.ring(event)
    call = bench.dial(ToDesk("desk-7", "sip:desk-7@gateway", 20, caller=NUMBER), 3)
    assert [len(phone.of(InviteReceived)) for phone in phones] == [1, 1]
    assert phones[0].of(Ended)[0].by == "them"
    ended = _ending(call)
    assert call.record.answered_at is not None or not ended
    call.hang_up()
    bench.network.run(1)
    assert phones[1].of(Ended)[0].by == "them"
    assert bench.telephone.legs == 0
    assert bench.journal.open == []


def test_a_stranger_s_phone_can_not_register_and_a_wrong_password_neither() -> None:
    bench = Bench()
    bench.telephone.startService()
    assert _register(bench, Phone(bench.network, "10.2.0.5")) == []
    assert _register(bench, Phone(bench.network, "10.1.0.5"), password="guess")[-1].startswith(b"SIP/2.0 403")
    assert isinstance(bench.dial(ToDesk("desk-7", "sip:desk-7@gateway", 20)), Refused)


def test_a_desk_that_is_taken_out_is_registered_no_more() -> None:
    bench = Bench()
    phone = Phone(bench.network, "10.1.0.5")
    bench.telephone.startService()
    _register(bench, phone)
    bench.telephone.reconfigure(bench.settings(TrunkSettings(**bench.trunk), desks={}))
    assert isinstance(bench.dial(ToDesk("desk-7", "sip:desk-7@gateway", 20)), Refused)


# ---- the ladder


def test_the_ladder_shows_one_trunk_s_signalling_while_it_is_asked_for() -> None:
    bench = Bench()
    Phone(bench.network, "192.0.2.2")
    bench.telephone.startService()
    bench.network.run(1)
    ladder = bench.telephone.begin_ladder("kpn")
    stranger = Phone(bench.network, "192.0.2.77")
    stranger.call("sip:+318000011@192.0.2.1", Address("192.0.2.1", 5060))
    bench.dial(ToTrunk("kpn", NUMBER, 25), 3)
    bench.telephone.end_ladder(ladder)
    bench.network.run(40)
    said = [step.what.split(" ")[0] for step in ladder.steps]
    assert said == ["INVITE", "100", "180", "200", "ACK"]
    assert "612345678" not in "".join(ladder.lines())


# ---- codecs


def test_a_trunk_that_refuses_our_codecs_is_offered_others() -> None:
    bench = Bench(codecs=("G722",))
    trunk = Phone(bench.network, "192.0.2.2")
    bench.telephone.startService()
    trunk.on_invite = lambda phone, event: (
        phone.ring_and_answer(event) if event.offer and b"PCMA" in event.offer else phone.refuse(event, 488)
    )
    call = bench.dial(ToTrunk("kpn", NUMBER, 25), 3)
    assert len(trunk.of(InviteReceived)) == 2
    ended = _ending(call)
    assert not ended
    assert bench.telephone.trunks()[0].last_error is None


# ---- TLS


def _over_tls(folder: Path, authority: Authority, proxy: str, zone: Zone) -> TelephoneService:
    certificate, key = authority.sign("127.0.0.1")
    escaped = [str(path).replace(":", "\\:") for path in (certificate, key, authority.path)]
    listen = f"tls:0:interface=127.0.0.1:certificate={escaped[0]}:key={escaped[1]}:authority={escaped[2]}"
    settings = TelephoneSettings(
        sip=SipSettings(listen=(listen,)),
        trunks=(TrunkSettings(name="kpn", proxy=proxy, caller_id="0343529850"),),
        numbers=frozenset({read("0800-0011")}),
    )
    system = Clocks(reactor.seconds, lambda: EPOCH)
    media = InProcessMedia(FakeNetwork(), random.Random(2))
    return TelephoneService(settings, media, Journal(), system, reactor, random.SystemRandom(), zone)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("certified", ["sip.kpn.example", "sip.other.example"])
async def test_a_call_over_tls_by_name_and_a_fault_that_an_engineer_reads(tmp_path: Path, certified: str) -> None:
    authority, zone = Authority(tmp_path), Zone()
    far = Side(authority.listen(certified, authority=authority.path))
    zone.hosts["sip.kpn.example"] = ["127.0.0.1"]
    telephone = _over_tls(tmp_path, authority, f"sips:sip.kpn.example:{far.address.port}", zone)
    telephone.startService()
    call = await telephone.dial(ToTrunk("kpn", NUMBER, 10))
    if certified == "sip.kpn.example":
        await call.answered()
        await far.until(lambda: far.count(InviteReceived) == 1)
    else:
        with pytest.raises(CallEnded) as ended:
            await call.answered()
        assert ended.value.ending.cause is EndCause.TRUNK_FAULT
        assert telephone.trunks()[0].last_error == f"{far.address} showed a certificate for another name"
        assert far.count(InviteReceived) == 0
    await telephone.drain(0)
    await telephone.stopService()
    await far.shell.stopService()
    await task.deferLater(reactor, 0.01)


def test_a_certificate_that_is_not_there_is_said_at_the_start() -> None:
    settings = TelephoneSettings(
        sip=SipSettings(listen=("tls:0:certificate=/no/such.pem:key=/no/such.key",)), trunks=(), numbers=frozenset()
    )
    network = FakeNetwork()
    with pytest.raises(CertificateFault, match=r"certificate=/no/such\.pem can't be read"):
        TelephoneService(
            settings, InProcessMedia(network, random.Random(2)), Journal(), clocks(network), network, random.Random(1)
        )


def test_the_codecs_of_the_second_offer_are_understood_in_the_answer() -> None:
    """488, then PCMU where PCMA alone was offered."""
    bench = Bench(codecs=("PCMA",))
    trunk = Phone(bench.network, "192.0.2.2")
    bench.telephone.startService()

    def on_invite(phone: Phone, event: InviteReceived) -> None:
        assert event.offer is not None
        if b"PCMU" not in event.offer:
            phone.refuse(event, 606)
        else:
            answer, _ = sdp.answer(event.offer, phone.local, ("PCMU",))
            phone.agent.answer(event.leg, answer, clocks(bench.network).now())

    trunk.on_invite = on_invite
    call = bench.dial(ToTrunk("kpn", NUMBER, 25), 1)
    assert call.record.answered_at is not None
    assert call.record.ended_at is None
