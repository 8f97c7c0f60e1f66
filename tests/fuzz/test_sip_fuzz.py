"""Whatever a peer sends: the parsers raise their own fault or nothing, the user agent nothing at all, and memory ends."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.clock import Monotonic
from foundation.endpoints import Address, Datagram
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import DialogChanged, Ended, Failed, InviteReceived
from ivr.sip.framing import Framer, StreamFault
from ivr.sip.message import MessageFault, parse
from ivr.sip.sdp import Local, SdpFault, agreed, answer
from ivr.sip.sources import Sources, desk_networks
from tests.fuzz.cases import SHAPED_TIMES, counts
from tests.unit.sip.pair import ANSWER, HERE, OFFER, OURS, THEIRS, Pair, kind, what_the_other_side_says

_SEEDS = [path.read_bytes() for path in sorted((Path(__file__).parents[1] / "vectors" / "sip").glob("*/*.sip"))]
_CHUNKS = [
    b"\r\n",
    b"\r\n\r\n",
    b"\x00",
    b"\xff",
    b'"',
    b"<",
    b">",
    b";",
    b",",
    b"=",
    b":",
    b"@",
    b"\\",
    b" ",
    b"9" * 40,
    b"SIP/2.0",
    b"Via: ",
    b"Content-Length: -1\r\n",
    b";tag=",
    b";branch=z9hG4bK",
    b"%00",
    b"[",
    b"]",
    b"z" * 999,
]


_CALLS = what_the_other_side_says()


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A real message with pieces cut, doubled, swapped or replaced."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.integers(0, 30)))
        data[at:to] = draw(
            st.one_of(st.just(b""), st.sampled_from(_CHUNKS), st.binary(max_size=8), st.just(bytes(data[at:to]) * 2))
        )
    return bytes(data)


@given(st.one_of(st.binary(max_size=400), mutated(_SEEDS + _CALLS)))
@settings(max_examples=1500 * SHAPED_TIMES, deadline=None)
def test_the_parser_raises_its_own_fault_only(data: bytes) -> None:
    counts["parser, shaped"] += 1
    try:
        message = parse(data)
    except MessageFault:
        return
    assert parse(bytes(message)).essentials == message.essentials


@given(
    st.one_of(
        st.binary(max_size=300),
        mutated([OFFER, ANSWER, OFFER + b"a=ptime:30\r\na=sendonly\r\nm=video 1 RTP/AVP 3\r\n"]),
    )
)
@settings(max_examples=1500 * SHAPED_TIMES, deadline=None)
def test_descriptions_raise_their_own_fault_only(data: bytes) -> None:
    counts["sdp, shaped"] += 1
    for read in (
        lambda: answer(data, Local(Address("10.0.0.1", 20000), 1), ("PCMA", "PCMU")),
        lambda: agreed(data, ("PCMA",)),
    ):
        try:
            read()
        except SdpFault:
            continue


@given(messages=st.lists(mutated(_SEEDS + _CALLS), max_size=12), seed=st.integers(0, 2**16))
@settings(max_examples=300 * SHAPED_TIMES, deadline=None)
def test_the_user_agent_survives_whatever_its_peer_says(messages: list[bytes], seed: int) -> None:
    """In the middle of a call, with commands of our own in between; afterwards everything is forgotten."""
    counts["transactions, shaped"] += len(messages)
    chance = random.Random(seed)
    pair = Pair()
    pair.set_up()
    for data in messages:
        pair.here.receive(data, THEIRS, pair.now)
        if chance.random() < 0.2:
            pair.here.answer_reoffer(HERE, ANSWER, pair.now)
        pair.run(chance.random())
    pair.here.hang_up(HERE, pair.now)
    for leg in list(pair.here._core.sessions):
        pair.here.hang_up(pair.here._core.sessions[leg].leg, pair.now)
    pair.run(200)
    assert not len(pair.here._core.sessions)
    assert not len(pair.here._core.transactions)
    assert pair.here.next_deadline() is None


def _ringing() -> Pair:
    """A call that rings reliably, its sound agreed."""
    pair = Pair()
    request = replace(pair.request(), extra_headers=(("Require", "100rel"),))
    pair.here.invite(HERE, request, pair.now)
    pair.run(0.1)
    pair.there.ring(pair.incoming, pair.now, ANSWER)
    pair.run(0.1)
    return pair


def _early() -> dict[bool, list[bytes]]:
    """What both sides say before an answer, by whether the caller says it: PRACK, UPDATE both ways, then the answer."""
    pair = _ringing()
    pair.here.reoffer(HERE, OFFER, pair.now)
    pair.run(0.1)
    pair.there.answer_reoffer(pair.incoming, ANSWER, pair.now)
    pair.there.reoffer(pair.incoming, OFFER, pair.now)
    pair.run(0.1)
    pair.here.answer_reoffer(HERE, ANSWER, pair.now)
    pair.there.answer(pair.incoming, ANSWER, pair.now)
    pair.run(1)
    return {
        side: [datagram.data for _, from_here, datagram in pair.sent if from_here is side] for side in (True, False)
    }


_EARLY = _early()


@given(
    messages=st.lists(
        st.one_of(*(st.tuples(st.just(side), mutated(said)) for side, said in _EARLY.items())), max_size=12
    ),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=300 * SHAPED_TIMES, deadline=None)
def test_it_survives_whatever_is_said_before_the_answer(messages: list[tuple[bool, bytes]], seed: int) -> None:
    """As caller and as callee, with offers and the answer of our own in between; afterwards everything is forgotten."""
    counts["early, shaped"] += len(messages)
    chance = random.Random(seed)
    pair = _ringing()
    for from_here, data in messages:
        (pair.there if from_here else pair.here).receive(data, OURS if from_here else THEIRS, pair.now)
        if chance.random() < 0.3:
            pair.here.reoffer(HERE, OFFER, pair.now)
        if chance.random() < 0.3:
            pair.here.answer_reoffer(HERE, ANSWER, pair.now)
            pair.there.answer_reoffer(pair.incoming, ANSWER, pair.now)
        if chance.random() < 0.1:
            pair.there.answer(pair.incoming, ANSWER, pair.now)
        pair.run(chance.random())
    for agent in (pair.here, pair.there):
        for session in list(agent._core.sessions.values()):
            agent.hang_up(session.leg, pair.now)
    pair.run(400)
    for agent in (pair.here, pair.there):
        assert not len(agent._core.sessions)
        assert not len(agent._core.transactions)
        assert agent.next_deadline() is None


@given(pieces=st.lists(mutated(_SEEDS + _CALLS), max_size=6), cuts=st.lists(st.integers(1, 700), max_size=30))
@settings(max_examples=300 * SHAPED_TIMES, deadline=None)
def test_a_stream_is_followed_or_given_up(pieces: list[bytes], cuts: list[int]) -> None:
    """What is cut out does not depend on how it arrived."""
    counts["streams, shaped"] += 1
    data = b"".join(pieces)

    def cut(sizes: list[int]) -> list[bytes]:
        framer, found, at = Framer(), [], 0
        for size in [*sizes, len(data)]:
            try:
                found += framer.received(data[at : at + size])
            except StreamFault:
                break
            at += size
        return found

    whole, in_pieces = cut([]), cut(cuts)
    assert in_pieces[: len(whole)] == whole[: len(in_pieces)]


_REGISTERS = [
    b"REGISTER sip:gateway SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.0.7;branch=z9hG4bKr;rport\r\nFrom: <sip:desk-7@gateway>;tag=1"
    b"\r\nTo: <sip:desk-7@gateway>\r\nCall-ID: r\r\nCSeq: 7 REGISTER\r\nContact: <sip:desk-7@10.1.0.7>;expires=60;q=0.5\r\n"
    b'Authorization: Digest username="desk-7", realm="gateway", nonce="1-2-3", uri="sip:gateway", qop=auth, nc=00000001, '
    b'cnonce="c", response="00112233445566778899aabbccddeeff", algorithm=MD5\r\nContent-Length: 0\r\n\r\n'
]


@given(messages=st.lists(mutated(_REGISTERS + _SEEDS), max_size=8))
@settings(max_examples=300 * SHAPED_TIMES, deadline=None)
def test_the_registrar_survives_whatever_a_phone_says(messages: list[bytes]) -> None:
    counts["registrar, shaped"] += len(messages)
    sources = Sources(desk_networks(["10.1.0.0/16"]))
    agent = UserAgent({"udp": OURS}, sources, lambda uri: True, random.Random(1), desks={"desk-7": "secret"})
    phone = Address("10.1.0.7", 5060)
    for number, data in enumerate(messages):
        agent.receive(data, phone, Monotonic(float(number)))
        assert {datagram.destination.host for datagram in agent.outgoing()} <= {phone.host}
        # Nobody guesses a password: no phone is registered, no call offered.
        assert not agent.phones("desk-7", Monotonic(float(number)))
        assert not agent.events()
    agent.handle_deadline(Monotonic(500.0))
    assert not len(agent._core.transactions)


@given(
    fates=st.lists(st.sampled_from([[0.01], [], [0.01, 0.02], [0.7], [0.3, 0.01]]), min_size=1, max_size=40),
    acts=st.lists(
        st.tuples(st.sampled_from(["here", "hold", "ring", "answer", "reject", "there"]), st.floats(0.01, 3)),
        max_size=8,
    ),
    seconds=st.sampled_from([0, 90, 1800]),
)
@settings(max_examples=300 * SHAPED_TIMES, deadline=None)
def test_every_call_has_one_end_whatever_the_wire_does(
    fates: list[list[float]], acts: list[tuple[str, float]], seconds: int
) -> None:
    """Two real user agents, a wire that loses, doubles and reorders, and people who do whatever comes to mind."""
    counts["calls on a bad wire"] += 1
    turn = [0]

    def fate(datagram: Datagram, from_here: bool) -> list[float]:
        turn[0] += 1
        return fates[turn[0] % len(fates)] if turn[0] < 200 else [0.01]

    pair = Pair(fate=fate)
    pair.here.invite(HERE, replace(pair.request(), session_seconds=seconds), pair.now)
    for act, pause in acts:
        pair.run(pause)
        if act == "here":
            pair.here.hang_up(HERE, pair.now)
        elif act == "hold":
            pair.here.reoffer(HERE, OFFER, pair.now)
        elif pair.there_told(InviteReceived):
            leg = pair.incoming
            {
                "ring": lambda leg=leg: pair.there.ring(leg, pair.now),
                "answer": lambda leg=leg: pair.there.answer(leg, ANSWER, pair.now),
                "reject": lambda leg=leg: pair.there.reject(leg, 486, pair.now),
                "there": lambda leg=leg: pair.there.hang_up(leg, pair.now),
            }[act]()
    pair.run(0.1)
    pair.here.hang_up(HERE, pair.now)
    for received in pair.there_told(InviteReceived):
        pair.there.hang_up(received.leg, pair.now)
    pair.run(400)
    assert pair.quiet
    ends = [event for event in pair.told_here if isinstance(event, Failed | Ended)]
    assert len(ends) == 1
    assert [event.dialog.state for event in pair.here_told(DialogChanged)][-1] == "over"


def test_a_flood_of_requests_keeps_memory_bounded() -> None:
    """A peer gone mad: 21,000 requests with branches of their own within a second."""
    pair = Pair()
    options = next(data for data in _CALLS if data.startswith(b"BYE")).replace(b"BYE", b"OPTIONS")
    for number in range(21_000):
        pair.here.receive(options.replace(b"branch=z9hG4bK", b"branch=z9hG4bK%d" % number), THEIRS, Monotonic(pair.now))
    answers = [kind(datagram) for datagram in pair.here.outgoing()]
    assert len(answers) == 21_000
    assert answers[-1] == "503 OPTIONS"
    assert len(pair.here._core.transactions) <= 20_000
    pair.run(40)
    assert not len(pair.here._core.transactions)
