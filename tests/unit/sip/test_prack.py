"""Reliable provisional responses as the callee sends them (RFC 3262): sent again, acknowledged, not overtaken by a 200."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.sip.events import Answered, Confirmed, EarlyAnswered, Ended, Failed, InviteReceived, Progressed, Reoffered
from ivr.sip.message import Response, parse
from tests.unit.sip.pair import ANSWER, HERE, OFFER, OURS, Pair, kind, losing

REQUIRED = (("Require", "100rel"),)
SECOND_OFFER = OFFER.replace(b"RTP/AVP 8 101", b"RTP/AVP 0 101")


def _called(pair: Pair | None = None, headers: tuple[tuple[str, str], ...] = REQUIRED, offer: bytes = OFFER) -> Pair:
    """A call that came in `there` and was not told to ring yet."""
    pair = pair or Pair()
    pair.here.invite(HERE, replace(pair.request(ring_seconds=100), extra_headers=headers, offer=offer), pair.now)
    pair.run(0.1)
    return pair


def _ringing(pair: Pair) -> list[Response]:
    found = [parse(datagram.data) for _, from_here, datagram in pair.sent if kind(datagram) == "180 INVITE"]
    return [response for response in found if isinstance(response, Response)]


def _moments(pair: Pair, what: str) -> list[float]:
    first = next(at for at, _, datagram in pair.sent if kind(datagram) == what)
    return [round(at - first, 2) for at, _, datagram in pair.sent if kind(datagram) == what]


def _prack(pair: Pair, acknowledged: str, body: bytes = b"", sequence: int = 7) -> str:
    """What `there` says to a PRACK that is written by hand."""
    session = next(iter(pair.there._core.sessions.values()))
    tag, call_id = session.local_tag, session.call_id
    kind_ = "Content-Type: application/sdp\r\n" if body else ""
    request = (
        f"PRACK sip:gateway@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP {OURS};branch=z9hG4bKprack{sequence}\r\n"
        f"From: <sip:x@x>;tag=tag-here\r\nTo: <sip:y@y>;tag={tag}\r\nCall-ID: {call_id}\r\nCSeq: {sequence} PRACK\r\n"
        f"RAck: {acknowledged}\r\n{kind_}Content-Length: {len(body)}\r\n\r\n"
    )
    pair.there.receive(request.encode() + body, OURS, pair.now)
    return next(said for datagram in pair.there.outgoing() if (said := kind(datagram)).endswith("PRACK"))


def test_a_required_180_is_reliable_and_its_prack_is_answered() -> None:
    pair = _called()
    assert pair.there_told(InviteReceived)[0].reliable
    pair.there.ring(pair.incoming, pair.now)
    pair.run(5)
    ringing = _ringing(pair)
    assert len(ringing) == 1
    assert ringing[0].first("Require") == "100rel"
    assert 0 < int(ringing[0].first("RSeq") or "") < 2**31
    assert (pair.count("PRACK"), pair.count("200 PRACK")) == (1, 1)
    pair.there.answer(pair.incoming, ANSWER, pair.now)
    pair.run(1)
    assert pair.here_told(Answered)[0].body == ANSWER
    assert len(pair.there_told(Confirmed)) == 1
    pair.here.hang_up(HERE, pair.now)
    pair.run(40)
    assert pair.quiet


@pytest.mark.parametrize("headers", [(), (("Supported", "100rel"),)])
def test_who_only_supports_it_gets_a_plain_180(headers: tuple[tuple[str, str], ...]) -> None:
    pair = _called(headers=headers)
    assert not pair.there_told(InviteReceived)[0].reliable
    pair.there.ring(pair.incoming, pair.now, ANSWER)
    pair.run(1)
    assert _ringing(pair)[0].first("RSeq") is None
    assert _ringing(pair)[0].body == b""
    assert pair.count("PRACK") == 0


def test_a_lost_180_or_prack_is_made_good_after_t1() -> None:
    for lost in ("180 INVITE", "PRACK", "200 PRACK"):
        pair = _called(Pair(fate=losing(lost, 1)))
        pair.there.ring(pair.incoming, pair.now)
        pair.run(2)
        assert len(pair.here_told(Progressed)) in (1, 2), lost
        pair.there.answer(pair.incoming, ANSWER, pair.now)
        pair.run(1)
        assert len(pair.there_told(Confirmed)) == 1, lost
        pair.here.hang_up(HERE, pair.now)
        pair.run(40)
        assert pair.quiet, lost


def test_without_a_prack_it_is_sent_again_ever_slower_and_the_call_refused_after_64_t1() -> None:
    pair = _called(Pair(fate=losing("PRACK", 1000)))
    pair.there.ring(pair.incoming, pair.now)
    pair.run(31.9)
    assert _moments(pair, "180 INVITE") == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    pair.run(1)
    assert pair.here_told(Failed)[0].status == 504
    assert pair.there_told(Ended)[0].by == "nobody"
    pair.run(70)
    assert len(_moments(pair, "180 INVITE")) == 7
    assert pair.quiet


def test_a_prack_that_names_another_response_is_481_and_changes_nothing() -> None:
    pair = _called(Pair(fate=losing("PRACK", 1000)))
    pair.there.ring(pair.incoming, pair.now)
    pair.run(0.1)
    number = int(_ringing(pair)[0].first("RSeq") or "")
    for place, wrong in enumerate((f"{number + 1} 1 INVITE", f"{number} 2 INVITE", f"{number} 1 UPDATE", "", "x y z")):
        assert _prack(pair, wrong, sequence=10 + place) == "481 PRACK"
    pair.run(1)
    assert len(_ringing(pair)) > 1
    assert _prack(pair, f"{number} 1 INVITE", sequence=20) == "200 PRACK"
    assert _prack(pair, f"{number} 1 INVITE", sequence=21) == "481 PRACK"
    before = len(_ringing(pair))
    pair.run(10)
    assert len(_ringing(pair)) == before


def test_a_prack_where_nothing_was_reliable_is_481() -> None:
    pair = _called(headers=())
    pair.there.ring(pair.incoming, pair.now)
    pair.run(0.1)
    assert _prack(pair, "1 1 INVITE") == "481 PRACK"


def test_an_answer_waits_for_the_prack_of_the_180_that_holds_the_description() -> None:
    """RFC 3262 §3; RFC 3261 §13.2.1: the 200 does not say it again."""
    pair = _called(Pair(fate=losing("PRACK", 2)))
    pair.there.ring(pair.incoming, pair.now, ANSWER)
    pair.there.answer(pair.incoming, ANSWER, pair.now)
    pair.run(0.4)
    assert _ringing(pair)[0].body == ANSWER
    assert pair.count("200 INVITE") == 0
    pair.run(5)
    order = [said for from_here, said in pair.wire if said in ("200 PRACK", "200 INVITE")]
    assert order == ["200 PRACK", "200 INVITE"]
    answer = next(datagram for _, _, datagram in pair.sent if kind(datagram) == "200 INVITE")
    assert parse(answer.data).body == b""
    assert pair.here_told(Answered)[0].body == ANSWER
    assert len(pair.there_told(Confirmed)) == 1
    pair.here.hang_up(HERE, pair.now)
    pair.run(40)
    assert pair.quiet


def test_an_answer_does_not_wait_for_the_prack_of_a_180_without_description() -> None:
    """RFC 3262 §3: and a PRACK that comes later is still answered."""
    pair = _called(Pair(fate=losing("PRACK", 1)))
    pair.there.ring(pair.incoming, pair.now)
    pair.there.answer(pair.incoming, ANSWER, pair.now)
    pair.run(5)
    assert pair.here_told(Answered)[0].body == ANSWER
    assert (pair.count("180 INVITE"), pair.count("200 PRACK")) == (1, 1)
    pair.here.hang_up(HERE, pair.now)
    pair.run(40)
    assert pair.quiet


@pytest.mark.parametrize("who", ["they", "we"])
def test_a_hang_up_while_the_prack_is_awaited(who: str) -> None:
    pair = _called(Pair(fate=losing("PRACK", 1000)))
    pair.there.ring(pair.incoming, pair.now, ANSWER)
    pair.there.answer(pair.incoming, ANSWER, pair.now)
    pair.run(1)
    if who == "they":
        pair.here.hang_up(HERE, pair.now)
    else:
        pair.there.hang_up(pair.incoming, pair.now)
    pair.run(80)
    assert pair.here_told(Failed)[0].status == (487 if who == "they" else 480)
    assert pair.count("200 INVITE") == 0
    assert pair.quiet


def test_no_prack_refuses_a_call_that_was_answered_too() -> None:
    pair = _called(Pair(fate=losing("PRACK", 1000)))
    pair.there.ring(pair.incoming, pair.now, ANSWER)
    pair.there.answer(pair.incoming, ANSWER, pair.now)
    pair.run(110)
    assert pair.here_told(Failed)[0].status == 504
    assert pair.quiet


def test_where_the_caller_made_no_offer_ours_goes_with_the_180_and_the_prack_answers_it() -> None:
    pair = _called(Pair(fate=losing("PRACK", 1000)), offer=b"")
    pair.there.ring(pair.incoming, pair.now)
    pair.run(0.1)
    assert _ringing(pair) == []
    pair.there.ring(pair.incoming, pair.now, OFFER)
    pair.there.answer(pair.incoming, OFFER, pair.now)
    pair.run(0.1)
    assert _ringing(pair)[0].body == OFFER
    assert pair.count("200 INVITE") == 0
    number = _ringing(pair)[0].first("RSeq")
    assert _prack(pair, f"{number} 1 INVITE", ANSWER) == "200 PRACK"
    pair.run(1)
    assert pair.there_told(EarlyAnswered) == [EarlyAnswered(pair.incoming, ANSWER)]
    assert pair.there_told(Confirmed) == [Confirmed(pair.incoming, None)]


def test_an_offer_in_the_prack_is_answered_before_the_call_is() -> None:
    """RFC 3262 §5."""
    pair = _called(Pair(fate=losing("PRACK", 1000)))
    pair.there.ring(pair.incoming, pair.now, ANSWER)
    pair.there.answer(pair.incoming, ANSWER, pair.now)
    pair.run(0.1)
    number = _ringing(pair)[0].first("RSeq")
    session = next(iter(pair.there._core.sessions.values()))
    request = (
        f"PRACK sip:gateway@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP {OURS};branch=z9hG4bKp\r\nFrom: <sip:x@x>;tag=tag-here\r\n"
        f"To: <sip:y@y>;tag={session.local_tag}\r\nCall-ID: {session.call_id}\r\nCSeq: 9 PRACK\r\n"
        f"RAck: {number} 1 INVITE\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(SECOND_OFFER)}\r\n\r\n"
    ).encode() + SECOND_OFFER
    pair.there.receive(request, OURS, pair.now)
    pair.run(0.1)
    assert pair.there_told(Reoffered) == [Reoffered(pair.incoming, SECOND_OFFER)]
    assert pair.count("200 INVITE") == 0
    pair.there.answer_reoffer(pair.incoming, ANSWER + b"a=x\r\n", pair.now)
    pair.run(0.1)
    assert [said for _, said in pair.wire if said.startswith("200")][:2] == ["200 PRACK", "200 INVITE"]


def test_the_answers_of_options_name_what_is_supported() -> None:
    pair = Pair()
    pair.there.ping(replace(pair.peer, name="gateway", destination=OURS), pair.now)
    pair.run(1)
    answer = next(datagram for _, _, datagram in pair.sent if kind(datagram) == "200 OPTIONS")
    assert parse(answer.data).tokens("Supported") == {"100rel", "timer"}
    assert "prack" in parse(answer.data).tokens("Allow")
