"""UPDATE before the call is answered (RFC 3311): offers both ways, glare, and what the answer of the call then means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.sip.events import Answered, Confirmed, Ended, Failed, ReofferAnswered, Reoffered
from ivr.sip.message import Request, Response, parse
from tests.unit.sip.pair import ANSWER, HERE, OFFER, Pair, kind, losing

NEW_OFFER = OFFER.replace(b"RTP/AVP 8 101", b"RTP/AVP 0 101")
NEW_ANSWER = ANSWER.replace(b"RTP/AVP 8 101", b"RTP/AVP 0 101")


def _ringing(description: bytes | None = ANSWER, pair: Pair | None = None) -> Pair:
    """A call from here to there that rings, reliably, with their answer in the 180 unless there is none."""
    pair = pair or Pair()
    request = replace(pair.request(ring_seconds=200), extra_headers=(("Require", "100rel"),))
    pair.here.invite(HERE, request, pair.now)
    pair.run(0.1)
    pair.there.ring(pair.incoming, pair.now, description)
    pair.run(0.1)
    return pair


def _responses(pair: Pair, method: str) -> list[Response]:
    found = [parse(datagram.data) for _, _, datagram in pair.sent if kind(datagram).endswith(f" {method}")]
    return [message for message in found if isinstance(message, Response)]


def _by_hand(pair: Pair, *, from_here: bool, body: bytes) -> None:
    """An UPDATE that the sender's own user agent would not let out."""
    agent = pair.here if from_here else pair.there
    session = next(iter(agent._core.sessions.values()))
    dialog = session.dialog or next(iter(session.early.values()))
    fields = [("Contact", "<sip:moved@10.0.0.9>")]
    if body:
        fields.append(("Content-Type", "application/sdp"))
    via = agent._core.via("udp", session.destination)
    agent._core.send(dialog.request("UPDATE", via, fields, body), session.destination, "udp")
    pair.run(0.1)


def _answer_and_end(pair: Pair) -> None:
    pair.there.answer(pair.incoming, ANSWER, pair.now)
    pair.run(1)
    assert len(pair.here_told(Answered)) == 1
    assert len(pair.there_told(Confirmed)) == 1
    pair.here.hang_up(HERE, pair.now)
    pair.run(40)
    assert pair.here_told(Ended) == [Ended(HERE, "us")]
    assert pair.quiet


def test_the_caller_offers_anew_before_the_answer() -> None:
    pair = _ringing()
    pair.here.reoffer(HERE, NEW_OFFER, pair.now)
    pair.run(0.1)
    assert pair.there_told(Reoffered) == [Reoffered(pair.incoming, NEW_OFFER)]
    pair.there.answer_reoffer(pair.incoming, NEW_ANSWER, pair.now)
    pair.run(0.1)
    assert pair.here_told(ReofferAnswered) == [ReofferAnswered(HERE, 200, NEW_ANSWER)]
    assert pair.count("UPDATE") == 1
    _answer_and_end(pair)
    assert pair.here_told(Answered)[0].body == NEW_ANSWER
    assert _responses(pair, "INVITE")[-1].body == b""


def test_the_callee_offers_anew_before_the_answer() -> None:
    pair = _ringing()
    pair.there.reoffer(pair.incoming, NEW_OFFER, pair.now)
    pair.run(0.1)
    assert pair.here_told(Reoffered) == [Reoffered(HERE, NEW_OFFER)]
    pair.here.answer_reoffer(HERE, NEW_ANSWER, pair.now)
    pair.run(0.1)
    assert pair.there_told(ReofferAnswered) == [ReofferAnswered(pair.incoming, 200, NEW_ANSWER)]
    _answer_and_end(pair)
    assert pair.here_told(Answered)[0] == Answered(HERE, None, renewed=True)


@pytest.mark.parametrize("from_here", [True, False])
def test_an_offer_that_is_refused_changes_nothing(from_here: bool) -> None:
    pair = _ringing()
    asking, leg, asked, other = (
        (pair.here, HERE, pair.there, pair.incoming) if from_here else (pair.there, pair.incoming, pair.here, HERE)
    )
    asking.reoffer(leg, NEW_OFFER, pair.now)
    pair.run(0.1)
    asked.answer_reoffer(other, None, pair.now)
    pair.run(0.1)
    assert [response.status for response in _responses(pair, "UPDATE")] == [488]
    assert [event.status for event in pair.told_here + pair.told_there if isinstance(event, ReofferAnswered)] == [488]
    _answer_and_end(pair)
    assert pair.here_told(Answered)[0] == Answered(HERE, ANSWER)


def test_an_offer_of_the_caller_before_its_first_is_answered_may_come_later() -> None:
    pair = _ringing(None)
    pair.here.reoffer(HERE, NEW_OFFER, pair.now)
    pair.run(0.1)
    assert pair.here_told(ReofferAnswered) == [ReofferAnswered(HERE, 491, None)]
    _by_hand(pair, from_here=True, body=NEW_OFFER)
    refused = _responses(pair, "UPDATE")[0]
    assert refused.status == 500
    assert 1 <= int(refused.first("Retry-After") or "") <= 10
    assert pair.there_told(Reoffered) == []
    _answer_and_end(pair)


def test_an_offer_of_the_callee_that_crosses_the_callers_first_is_491() -> None:
    pair = _ringing(None)
    _by_hand(pair, from_here=False, body=NEW_OFFER)
    assert [response.status for response in _responses(pair, "UPDATE")] == [491]
    assert pair.here_told(Reoffered) == []
    _answer_and_end(pair)


def test_a_second_offer_before_the_first_is_answered_is_500() -> None:
    pair = _ringing()
    pair.here.reoffer(HERE, NEW_OFFER, pair.now)
    pair.run(0.1)
    _by_hand(pair, from_here=True, body=OFFER)
    refused = _responses(pair, "UPDATE")[0]
    assert (refused.status, refused.first("Retry-After") is not None) == (500, True)
    assert len(pair.there_told(Reoffered)) == 1


def test_offers_that_cross_are_refused_on_both_sides_and_made_again_in_turn() -> None:
    pair = _ringing()
    pair.here.reoffer(HERE, NEW_OFFER, pair.now)
    pair.there.reoffer(pair.incoming, NEW_OFFER, pair.now)
    pair.run(0.1)
    assert [response.status for response in _responses(pair, "UPDATE")] == [491, 491]
    pair.run(2)
    pair.here.answer_reoffer(HERE, NEW_ANSWER, pair.now)
    pair.run(3)
    pair.there.answer_reoffer(pair.incoming, NEW_ANSWER, pair.now)
    pair.run(1)
    assert [event.status for event in pair.there_told(ReofferAnswered)] == [200]
    assert [event.status for event in pair.here_told(ReofferAnswered)] == [200]
    _answer_and_end(pair)


def test_what_was_refused_for_now_is_offered_again_and_by_reinvite_once_the_call_is_up() -> None:
    pair = _ringing()
    pair.here.reoffer(HERE, NEW_OFFER, pair.now)
    pair.there.reoffer(pair.incoming, NEW_OFFER, pair.now)
    pair.run(0.03)
    pair.there.answer(pair.incoming, ANSWER, pair.now)
    pair.run(0.1)
    for _ in range(60):
        pair.run(0.1)
        pair.here.answer_reoffer(HERE, NEW_ANSWER, pair.now)
        pair.there.answer_reoffer(pair.incoming, NEW_ANSWER, pair.now)
    assert [event.status for event in pair.here_told(ReofferAnswered)] == [200]
    assert [event.status for event in pair.there_told(ReofferAnswered)] == [200]
    assert pair.count("INVITE") == 3


def test_a_500_with_retry_after_is_heeded() -> None:
    pair = _ringing()
    _by_hand(pair, from_here=True, body=OFFER)
    pair.here.reoffer(HERE, NEW_OFFER, pair.now)
    pair.run(0.1)
    refused = _responses(pair, "UPDATE")[0]
    wait = int(refused.first("Retry-After") or "")
    pair.there.answer_reoffer(pair.incoming, NEW_ANSWER, pair.now)
    pair.run(wait - 0.3)
    assert pair.count("UPDATE") == 2
    pair.run(0.4)
    assert pair.count("UPDATE") == 3
    pair.there.answer_reoffer(pair.incoming, NEW_ANSWER, pair.now)
    pair.run(0.1)
    assert pair.here_told(ReofferAnswered) == [ReofferAnswered(HERE, 200, NEW_ANSWER)]


@pytest.mark.parametrize("from_here", [True, False])
def test_an_update_without_offer_brings_a_new_contact(from_here: bool) -> None:
    pair = _ringing(None)
    _by_hand(pair, from_here=from_here, body=b"")
    assert [response.status for response in _responses(pair, "UPDATE")] == [200]
    asked = pair.there if from_here else pair.here
    session = next(iter(asked._core.sessions.values()))
    dialog = session.dialog or next(iter(session.early.values()))
    assert dialog.remote_target == "sip:moved@10.0.0.9"
    assert session.timer is None


def test_an_update_does_not_keep_a_call_alive_that_nobody_answers() -> None:
    pair = _ringing()
    pair.here.reoffer(HERE, NEW_OFFER, pair.now)
    pair.run(0.1)
    pair.there.answer_reoffer(pair.incoming, NEW_ANSWER, pair.now)
    pair.run(181)
    assert [failed.status for failed in pair.here_told(Failed)] == [480]


def test_a_body_that_is_no_description_is_415() -> None:
    pair = _ringing()
    agent, session = pair.here, pair.here._core.sessions[HERE]
    dialog = next(iter(session.early.values()))
    request = dialog.request(
        "UPDATE", agent._core.via("udp", session.destination), [("Content-Type", "text/plain")], b"x"
    )
    agent._core.send(request, session.destination, "udp")
    pair.run(0.1)
    assert [response.status for response in _responses(pair, "UPDATE")] == [415]


def test_an_update_in_no_early_dialog_is_481_and_a_bye_too() -> None:
    pair = _ringing()
    session = next(iter(pair.there._core.sessions.values()))
    assert session.dialog is not None
    other = replace(session.dialog, local=session.dialog.local.replace(session.local_tag, "other"))
    for dialog, method in ((other, "UPDATE"), (session.dialog, "BYE")):
        request: Request = dialog.request(method, pair.there._core.via("udp", session.destination))
        pair.there._core.send(request, session.destination, "udp")
        pair.run(0.1)
        assert [response.status for response in _responses(pair, method)] == [481]


@pytest.mark.parametrize("lost", ["UPDATE", "200 UPDATE"])
def test_a_lost_update_is_made_good(lost: str) -> None:
    pair = _ringing(pair=Pair(fate=losing(lost, 2)))
    pair.here.reoffer(HERE, NEW_OFFER, pair.now)
    for _ in range(30):
        pair.run(0.1)
        pair.there.answer_reoffer(pair.incoming, NEW_ANSWER, pair.now)
    assert pair.here_told(ReofferAnswered) == [ReofferAnswered(HERE, 200, NEW_ANSWER)]
    assert len(pair.there_told(Reoffered)) == 1


def test_a_hang_up_in_the_middle_leaves_nothing() -> None:
    pair = _ringing()
    pair.here.reoffer(HERE, NEW_OFFER, pair.now)
    pair.run(0.1)
    pair.here.hang_up(HERE, pair.now)
    pair.run(80)
    assert [response.status for response in _responses(pair, "UPDATE")] == [487]
    assert pair.quiet
