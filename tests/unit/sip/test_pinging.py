"""OPTIONS that overlap: an answer settles all, silence is told one by one, a broken link once."""

from __future__ import annotations

from foundation.clock import Monotonic
from ivr.sip.events import Peer, Pinged
from tests.unit.sip.pair import START, THEIRS, Pair, losing

PEER = Peer("trunk", THEIRS, silence_seconds=6)


def _statuses(pair: Pair) -> list[int | None]:
    return [event.status for event in pair.here_told(Pinged)]


def test_a_peer_may_be_asked_again_and_one_answer_settles_all() -> None:
    pair = Pair(fate=losing("OPTIONS", 4))
    pair.here.ping(PEER, pair.now)
    pair.run(2)
    pair.here.ping(PEER, pair.now)
    pair.run(40)
    assert _statuses(pair) == [200]
    assert pair.quiet


def test_each_that_stays_without_an_answer_is_told_in_its_turn() -> None:
    pair = Pair(fate=lambda datagram, from_here: [])
    for _ in range(3):
        pair.here.ping(PEER, pair.now)
        pair.run(2)
    assert pair.now == START + 6
    assert _statuses(pair) == [None]
    pair.run(2)
    assert _statuses(pair) == [None, None]
    pair.run(2)
    assert _statuses(pair) == [None, None, None]
    assert [event.destination for event in pair.here_told(Pinged)] == [THEIRS] * 3
    pair.run(40)
    assert len(_statuses(pair)) == 3
    assert pair.quiet


def test_a_broken_link_is_one_miss_whatever_waits_on_it() -> None:
    pair = Pair(fate=lambda datagram, from_here: [])
    pair.here.ping(PEER, pair.now)
    pair.run(2)
    pair.here.ping(PEER, pair.now)
    pair.run(0.1)
    pair.here.broken(THEIRS, "udp", pair.now)
    pair.run(40)
    assert _statuses(pair) == [None]
    assert pair.quiet


def test_few_wait_at_once() -> None:
    pair = Pair(fate=lambda datagram, from_here: [])
    for _ in range(20):
        pair.here.ping(PEER, Monotonic(pair.now))
    pair.pump()
    assert pair.count("OPTIONS") == 4
