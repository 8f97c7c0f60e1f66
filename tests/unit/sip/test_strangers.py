"""Closed to strangers (contract rule 7): scanners see nothing, nobody reaches into a call, floods leave calls alone."""

from __future__ import annotations

import gc
import random
import sys
import tracemalloc
from collections.abc import Callable

import pytest

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import DigitByInfo, Ended, Failed, InviteReceived, Reoffered
from ivr.sip.sources import Sources, desk_networks, source
from tests.unit.sip.pair import ANSWER, HERE, OFFER, OURS, THEIRS, Pair

STRANGER = Address("198.51.100.66", 5060)
METHODS = (
    "OPTIONS",
    "REGISTER",
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "SUBSCRIBE",
    "NOTIFY",
    "MESSAGE",
    "INFO",
    "PING",
    "UPDATE",
)


def _probe(method: str, number: int = 0, user: str = "100") -> bytes:
    """As scanners write it: svmap's OPTIONS, svwar's REGISTER and INVITE for each extension."""
    return (
        f"{method} sip:{user}@{OURS.host} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {STRANGER};branch=z9hG4bK-{number};rport\r\nMax-Forwards: 70\r\n"
        f'From: "sipvicious"<sip:100@1.1.1.1>;tag={number}\r\nTo: "sipvicious"<sip:{user}@1.1.1.1>\r\n'
        f"Call-ID: {number}\r\nCSeq: 1 {method}\r\nContact: sip:100@{STRANGER}\r\nUser-Agent: friendly-scanner\r\n"
        "Accept: application/sdp\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def _silent(agent: UserAgent) -> bool:
    return not agent.outgoing() and not agent.events() and agent.next_deadline() is None


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_scanner_gets_nothing_whatever_it_asks(method: str, transport: str) -> None:
    sources = Sources([source("trunk", [THEIRS.host]), *desk_networks(["10.1.0.0/16"])])
    agent = UserAgent({"udp": OURS}, sources, lambda uri: True, random.Random(1), desks={"100": "secret"})
    for number, data in enumerate((_probe(method), b"\r\n\r\n", b"", b"garbage", _probe(method)[:40], b"\x00" * 2000)):
        agent.receive(data, STRANGER, Monotonic(float(number)), transport)
    assert _silent(agent)
    assert agent.strangers == 6
    assert not agent.knows(STRANGER.host)


def test_an_extension_that_is_there_looks_like_one_that_is_not() -> None:
    """svwar compares answers: from a desk network each is a challenge, from elsewhere each is nothing."""
    sources = Sources(desk_networks(["10.1.0.0/16"]))
    agent = UserAgent({"udp": OURS}, sources, lambda uri: False, random.Random(1), desks={"desk-7": "secret"})
    seen: dict[str, list[bytes]] = {}
    for number, user in enumerate(("desk-7", "desk-99", "100")):
        for method in ("REGISTER", "INVITE"):
            agent.receive(_probe(method, number, user), Address("10.1.0.9", 5060), Monotonic(1.0))
            seen.setdefault(method, []).append(agent.outgoing()[-1].data.split(b"\r\n")[0])
    assert {method: set(lines) for method, lines in seen.items()} == {
        "REGISTER": {b"SIP/2.0 401 Unauthorized"},
        "INVITE": {b"SIP/2.0 401 Unauthorized"},
    }


# ---- into a call


def _overheard(pair: Pair, method: str, body: bytes = b"") -> bytes:
    """A request that is right in every byte, as somebody writes it who saw the call on the wire."""
    session = next(iter(pair.there._core.sessions.values()))
    assert session.dialog is not None
    fields = [("Content-Type", "application/dtmf-relay" if method == "INFO" else "application/sdp")] if body else []
    return bytes(session.dialog.request(method, pair.there._core.via("udp", OURS), fields, body))


@pytest.mark.parametrize(
    ("method", "body"),
    [("BYE", b""), ("INVITE", ANSWER), ("UPDATE", ANSWER), ("INFO", b"Signal=5\r\n"), ("OPTIONS", b"")],
)
def test_a_right_request_from_another_source_is_ignored(method: str, body: bytes) -> None:
    pair = Pair()
    pair.set_up()
    pair.here.receive(_overheard(pair, method, body), STRANGER, pair.now)
    assert pair.here.outgoing() == []
    pair.run(5)
    assert not any(pair.here_told(kind) for kind in (Ended, Reoffered, DigitByInfo))
    pair.here.hang_up(HERE, pair.now)
    pair.run(1)
    assert pair.here_told(Ended)[0].by == "us"


def test_another_trunk_can_not_reach_into_this_one_s_call() -> None:
    """It may speak, and it knows the identifiers: still not its call."""
    sources = Sources([source("trunk", [THEIRS.host]), source("other", ["10.0.9.0/24"])])
    pair = Pair(here=UserAgent({"udp": OURS}, sources, lambda uri: True, random.Random(1)))
    pair.set_up()
    other = Address("10.0.9.1", 5060)
    for method, body in (("BYE", b""), ("INVITE", ANSWER), ("INFO", b"Signal=5\r\n")):
        pair.here.receive(_overheard(pair, method, body), other, pair.now)
        assert pair.here.outgoing()[0].data.startswith(b"SIP/2.0 481") or method == "INVITE"
    pair.run(1)
    assert not any(pair.here_told(kind) for kind in (Ended, Reoffered, DigitByInfo))


@pytest.mark.parametrize("source_of_cancel", [STRANGER, Address("10.0.9.1", 5060)])
def test_a_cancel_from_another_source_cancels_nothing(source_of_cancel: Address) -> None:
    sources = Sources([source("gateway", [OURS.host]), source("other", ["10.0.9.0/24"])])
    pair = Pair(there=UserAgent({"udp": THEIRS}, sources, lambda uri: True, random.Random(1)))
    pair.invite()
    pair.run(0.1)
    invite = next(datagram.data for _, from_here, datagram in pair.sent if from_here)
    cancel = invite.replace(b"INVITE sip", b"CANCEL sip", 1).replace(b"1 INVITE", b"1 CANCEL")
    pair.there.receive(cancel.split(b"Content-Type")[0] + b"Content-Length: 0\r\n\r\n", source_of_cancel, pair.now)
    pair.run(1)
    assert not pair.there_told(Ended)
    pair.there.answer(pair.incoming, ANSWER, pair.now)
    pair.run(1)
    assert pair.there._core.sessions


def test_an_answer_from_elsewhere_answers_nothing() -> None:
    """A forged 200 to our INVITE from a host that may not speak."""
    pair = Pair(fate=lambda datagram, from_here: [])
    pair.invite()
    pair.run(0.1)
    invite = pair.sent[0][2].data.decode()
    copied = "".join(
        f"{line}\r\n" for line in invite.split("\r\n") if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")
    )
    pair.here.receive(f"SIP/2.0 200 OK\r\n{copied}Content-Length: 0\r\n\r\n".encode(), STRANGER, pair.now)
    assert pair.here.outgoing() == []
    assert pair.here.events() == []


def test_another_trunk_can_not_answer_for_this_one() -> None:
    """It may speak, and it knows the branch: still not its transaction. A second server of the same trunk may."""
    for host, answers in (("10.0.9.1", False), ("10.0.0.77", True)):
        sources = Sources([source("trunk", ["10.0.0.0/24"]), source("other", ["10.0.9.0/24"])])
        pair = Pair(
            here=UserAgent({"udp": OURS}, sources, lambda uri: True, random.Random(1)),
            fate=lambda datagram, from_here: [],
        )
        pair.invite()
        pair.run(0.1)
        names = ("Via", "From", "To", "Call-ID", "CSeq")
        copied = "".join(
            f"{line}\r\n" for line in pair.sent[0][2].data.decode().split("\r\n") if line.split(":")[0] in names
        )
        refusal = f"SIP/2.0 486 Busy\r\n{copied}Content-Length: 0\r\n\r\n".encode()
        pair.here.receive(refusal, Address(host, 5060), pair.now)
        pair.run(0.1)
        assert len(pair.here_told(Failed)) == answers


# ---- floods


def _flood(agent: UserAgent, count: int, came_from: Callable[[int], Address], make: Callable[[int], bytes]) -> None:
    for number in range(count):
        agent.receive(make(number), came_from(number), Monotonic(1.0 + number / 20_000))
        agent.outgoing()
        agent.events()


@pytest.mark.parametrize("sources", [1, 1000])
def test_a_flood_of_strangers_takes_no_memory_and_leaves_a_call_alone(sources: int) -> None:
    pair = Pair()
    pair.set_up()
    address = lambda number: Address(f"198.51.{number % sources // 250}.{number % sources % 250}", 5060)
    data = [_probe("INVITE", number) for number in range(100)]
    _flood(pair.here, 5000, address, lambda number: data[number % 100])
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    _flood(pair.here, 20_000, address, lambda number: data[number % 100])
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20_000
    assert pair.here.strangers == 25_000
    pair.there.hang_up(pair.incoming, pair.now)
    pair.run(1)
    assert pair.here_told(Ended)[0].by == "them"


def test_more_strangers_than_are_remembered_are_strangers_still() -> None:
    agent = UserAgent({"udp": OURS}, Sources([source("trunk", [THEIRS.host])]), lambda uri: True, random.Random(1))
    for number in range(10_000):
        agent.receive(
            _probe("OPTIONS"),
            Address(f"198.{number // 65536}.{number // 256 % 256}.{number % 256}", 5060),
            Monotonic(1.0),
        )
    assert len(agent._core.sources._cache) <= 4096
    assert _silent(agent)
    agent.receive(_probe("OPTIONS"), THEIRS, Monotonic(1.0))
    assert agent.outgoing()


def test_a_desk_gone_mad_takes_no_more_than_its_share() -> None:
    """Challenges are made, not kept: 50,000 REGISTERs leave only transactions, and these are bounded and pass."""
    sources = Sources(desk_networks(["10.1.0.0/16"]))
    agent = UserAgent({"udp": OURS}, sources, lambda uri: True, random.Random(1), desks={"desk-7": "secret"})
    _flood(agent, 25_000, lambda number: Address("10.1.0.9", 5060), lambda number: _probe("REGISTER", number, "desk-7"))
    assert len(agent._core.transactions) <= 20_000
    assert not agent._registrar._proving._used
    agent.handle_deadline(Monotonic(100.0))
    assert len(agent._core.transactions) == 0
    assert agent.next_deadline() is None


def test_malformed_messages_of_a_peer_leave_no_trace() -> None:
    """30,000 of them here; the benchmark does a million."""
    pair = Pair()
    dice = random.Random(5)
    real = _probe("OPTIONS")

    def broken(number: int) -> bytes:
        at = dice.randrange(len(real))
        return real[:at] + dice.randbytes(5) + real[at + 7 :]

    _flood(pair.here, 2000, lambda number: THEIRS, broken)
    pair.here.handle_deadline(Monotonic(200.0))
    gc.collect()
    before = sys.getallocatedblocks()
    for round_ in range(3):
        _flood(pair.here, 10_000, lambda number: THEIRS, broken)
        pair.here.handle_deadline(Monotonic(400.0 + 200 * round_))
    gc.collect()
    assert sys.getallocatedblocks() - before < 2000
    assert not pair.here_told(InviteReceived)


def test_a_peer_s_calls_beyond_all_measure_are_refused() -> None:
    pair = Pair()
    pair.here._core.sessions.update({f"filler-{number}": next(iter(()), None) for number in range(20_000)})  # type: ignore[misc]  # only counted
    invite = _probe("INVITE").replace(b"Content-Length: 0\r\n\r\n", b"Content-Type: application/sdp\r\n\r\n") + OFFER
    pair.here.receive(invite, THEIRS, pair.now)
    assert pair.here.outgoing()[0].data.startswith(b"SIP/2.0 503")
