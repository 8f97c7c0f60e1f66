"""Whatever a peer sends: the parsers raise their own fault or nothing, the user agent nothing at all, and memory ends."""

from __future__ import annotations

import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.sip.message import MessageFault, parse
from ivr.sip.sdp import Local, SdpFault, agreed, answer
from tests.unit.sip.pair import ANSWER, HERE, OFFER, THEIRS, Pair, kind

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


def _calls() -> list[bytes]:
    """Everything that both sides say in a call with hold and a cancelled one."""
    pair = Pair()
    pair.set_up()
    pair.there.reoffer(pair.incoming, OFFER, pair.now)
    pair.run(0.1)
    pair.here.answer_reoffer(HERE, ANSWER, pair.now)
    pair.run(0.1)
    pair.there.hang_up(pair.incoming, pair.now)
    pair.run(1)
    return [datagram.data for _, from_here, datagram in pair.sent if not from_here]


_CALLS = _calls()


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
@settings(max_examples=1500, deadline=None)
def test_the_parser_raises_its_own_fault_only(data: bytes) -> None:
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
@settings(max_examples=1500, deadline=None)
def test_descriptions_raise_their_own_fault_only(data: bytes) -> None:
    for read in (
        lambda: answer(data, Local(Address("10.0.0.1", 20000), 1), ("PCMA", "PCMU")),
        lambda: agreed(data, ("PCMA",)),
    ):
        try:
            read()
        except SdpFault:
            continue


@given(messages=st.lists(mutated(_SEEDS + _CALLS), max_size=12), seed=st.integers(0, 2**16))
@settings(max_examples=300, deadline=None)
def test_the_user_agent_survives_whatever_its_peer_says(messages: list[bytes], seed: int) -> None:
    """In the middle of a call, with commands of our own in between; afterwards everything is forgotten."""
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
