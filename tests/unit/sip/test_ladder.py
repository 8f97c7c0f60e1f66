"""The ladder shows what passed, in order, and no whole number."""

from __future__ import annotations

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.sip.ladder import MOST_STEPS, Ladder
from tests.unit.sip.pair import HERE, OURS, THEIRS, Pair


def _ladder_of_a_call() -> Ladder:
    pair, ladder = Pair(), Ladder([THEIRS.host])
    pair.set_up()
    pair.here.hang_up(HERE, pair.now)
    pair.run(1)
    for moment, from_here, datagram in pair.sent:
        ladder.saw(from_here, datagram.data, THEIRS, "udp", moment)
    return ladder


def test_a_call_is_a_ladder_of_start_lines() -> None:
    ladder = _ladder_of_a_call()
    assert [(step.outgoing, step.what.split(" ")[0]) for step in ladder.steps] == [
        (True, "INVITE"),
        (False, "100"),
        (False, "180"),
        (False, "200"),
        (True, "ACK"),
        (True, "BYE"),
        (False, "200"),
    ]
    lines = ladder.lines()
    assert "▶" in lines[0]
    assert "◀" in lines[1]
    assert lines[0].startswith("    0.000  gateway")
    assert "[application/sdp]" in lines[3]
    assert len({line.index("10.0.0.2:5060 udp") for line in lines}) == 1


def test_no_whole_number_is_shown() -> None:
    text = "\n".join(_ladder_of_a_call().lines())
    assert "612345678" not in text
    assert "3161…78" in text


def test_only_the_hosts_that_are_looked_at_are_kept_and_what_is_no_sip_is_said() -> None:
    ladder = Ladder([THEIRS.host])
    ladder.saw(False, b"OPTIONS sip:x SIP/2.0\r\n\r\n", OURS, "udp", Monotonic(1.0))
    ladder.saw(False, b"\r\n\r\n", THEIRS, "tcp", Monotonic(1.0))
    assert not ladder.steps
    ladder.saw(False, b"GET / HTTP/1.1\r\nHost: 0612345678\r\n\r\n", THEIRS, "tcp", Monotonic(1.0))
    assert ladder.steps[0].detail == "no SIP: neither a request nor a response"
    assert Ladder().lines() == []


def test_it_forgets_the_oldest() -> None:
    ladder = Ladder()
    for number in range(MOST_STEPS + 5):
        ladder.saw(False, b"garbage %d" % number, Address("192.0.2.1", 5060), "udp", Monotonic(float(number)))
    assert len(ladder.steps) == MOST_STEPS
    assert ladder.steps[0].at == 5.0
