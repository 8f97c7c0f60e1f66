"""Calls between two user agents over a bad link: every race has one end, and nothing is left behind."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from foundation.endpoints import Datagram
from ivr.sip.events import (
    Answered,
    Confirmed,
    DialogChanged,
    Ended,
    Failed,
    InviteReceived,
    OrphanEnded,
    Progressed,
    Reason,
)
from tests.unit.sip.pair import ANSWER, HERE, OFFER, Pair, kind, losing


def _states(pair: Pair) -> list[str]:
    return [event.dialog.state for event in pair.here_told(DialogChanged)]


def test_a_call_is_placed_answered_and_hung_up() -> None:
    pair = Pair()
    pair.set_up()
    received = pair.there_told(InviteReceived)[0]
    assert received.offer == OFFER
    assert received.identity == "sip:+31343529850@10.0.0.1"
    assert received.called == ("sip:+31612345678@10.0.0.2",)
    assert [event.status for event in pair.here_told(Progressed)] == [180]
    assert pair.here_told(Answered)[0].body == ANSWER
    assert len(pair.there_told(Confirmed)) == 1
    pair.here.hang_up(HERE, pair.now, (Reason("Q.850", 16, "Normal call clearing"),))
    pair.run(40)
    assert pair.here_told(Ended) == [Ended(HERE, "us")]
    assert pair.there_told(Ended)[0].by == "them"
    assert pair.there_told(Ended)[0].reasons == (Reason("Q.850", 16, "Normal call clearing"),)
    assert _states(pair) == ["calling", "up", "over"]
    assert pair.quiet


def test_the_dialog_to_save_is_known_before_the_invite_leaves() -> None:
    pair = Pair()
    planned = pair.here.calling_dialog(HERE, pair.request())
    pair.invite()
    pair.pump()
    assert pair.here_told(DialogChanged)[0].dialog == planned
    assert f"branch={planned.branch};".encode() in pair.sent[0][2].data


def test_the_other_side_hangs_up() -> None:
    pair = Pair()
    pair.set_up()
    pair.there.hang_up(pair.incoming, pair.now)
    pair.run(40)
    assert pair.here_told(Ended) == [Ended(HERE, "them")]
    assert pair.there_told(Ended)[0].by == "us"
    assert pair.quiet


def test_a_refusal_carries_status_reason_and_retry_after() -> None:
    pair = Pair()
    pair.invite()
    pair.run(0.1)
    pair.there.reject(pair.incoming, 503, pair.now, "No Lines", 30)
    pair.run(40)
    failed = pair.here_told(Failed)[0]
    assert (failed.status, failed.phrase, failed.retry_after, failed.rang) == (503, "No Lines", 30.0, False)
    assert pair.count("ACK") == 1
    assert pair.quiet


def test_cancel_waits_for_a_provisional_response() -> None:
    """RFC 3261 §9.1."""
    pair = Pair(fate=losing("100 INVITE", 1))
    pair.invite()
    pair.run(0.05)
    pair.here.hang_up(HERE, pair.now)
    pair.run(0.2)
    assert pair.count("CANCEL") == 0
    pair.run(1.0)
    assert pair.count("CANCEL") == 1
    pair.run(40)
    failed = pair.here_told(Failed)[0]
    assert (failed.status, failed.cancelled_by_us) == (487, True)
    assert pair.there_told(Ended)[0].by == "them"
    assert pair.quiet


def test_cancel_while_it_rings() -> None:
    pair = Pair()
    pair.invite()
    pair.run(0.1)
    pair.there.ring(pair.incoming, pair.now)
    pair.run(1.0)
    pair.here.hang_up(HERE, pair.now)
    pair.run(0.05)
    assert pair.here_told(Failed)[0].cancelled_by_us
    pair.run(40)
    assert _states(pair) == ["calling", "over"]
    assert pair.quiet


def test_cancel_that_crosses_a_200_is_followed_by_ack_and_bye() -> None:
    pair = Pair()
    pair.invite()
    pair.run(0.1)
    pair.there.ring(pair.incoming, pair.now)
    pair.run(1.0)
    pair.there.answer(pair.incoming, ANSWER, pair.now)
    pair.here.hang_up(HERE, pair.now)
    pair.run(40)
    failed = pair.here_told(Failed)[0]
    assert (failed.status, failed.cancelled_by_us) == (200, True)
    assert pair.here_told(Answered) == []
    assert pair.count("ACK") == 1
    assert pair.count("BYE", True) == 1
    assert pair.there_told(Ended)[0].by == "them"
    assert _states(pair) == ["calling", "up", "over"]
    assert pair.quiet


def test_ringing_ends_after_ring_seconds_from_the_first_18x() -> None:
    pair = Pair()
    pair.invite(ring_seconds=25)
    pair.run(3.0)
    pair.there.ring(pair.incoming, pair.now)
    pair.run(24.9)
    assert pair.count("CANCEL") == 0
    pair.run(0.3)
    failed = pair.here_told(Failed)[0]
    assert failed.timed_out_ringing
    assert failed.rang
    assert not failed.cancelled_by_us


def test_silence_fails_the_call_and_a_late_answer_is_ended() -> None:
    """The trunk says nothing for silence_seconds; then its 200 comes all the same."""
    pair = Pair(fate=lambda datagram, from_here: [0.01] if from_here else [])
    pair.invite()
    pair.run(6.1)
    failed = pair.here_told(Failed)[0]
    assert (failed.status, failed.rang) == (None, False)
    sent = pair.count("INVITE")
    pair.fate = lambda datagram, from_here: [0.01]
    pair.there.answer(pair.incoming, ANSWER, pair.now)
    pair.run(40)
    assert pair.count("INVITE") == sent
    assert pair.count("ACK") >= 1
    assert pair.count("BYE", True) == 1
    assert len(pair.here_told(Failed)) == 1
    assert pair.quiet


def test_silence_then_a_late_ringing_is_cancelled() -> None:
    pair = Pair(fate=lambda datagram, from_here: [0.01] if from_here else [])
    pair.invite()
    pair.run(6.1)
    pair.fate = lambda datagram, from_here: [0.01]
    pair.there.ring(pair.incoming, pair.now)
    pair.run(40)
    assert pair.count("CANCEL") == 1
    assert pair.there_told(Ended)[0].by == "them"
    assert pair.quiet


def test_a_trunk_that_is_not_there_leaves_nothing_behind() -> None:
    pair = Pair(fate=lambda datagram, from_here: [])
    pair.invite()
    pair.run(40)
    assert len(pair.here_told(Failed)) == 1
    assert pair.count("INVITE") == 4
    assert _states(pair) == ["calling", "over"]
    assert pair.quiet


def test_a_hundred_and_then_nothing_is_given_up_too() -> None:
    pair = Pair()
    pair.invite()
    pair.run(31)
    assert pair.here_told(Failed) == []
    pair.run(2)
    assert pair.here_told(Failed)[0].status is None
    assert pair.count("CANCEL") == 1
    pair.run(40)
    assert pair.quiet


def test_a_lost_ack_brings_the_200_again_and_the_same_ack() -> None:
    pair = Pair(fate=losing("ACK", 2))
    pair.set_up()
    assert pair.there_told(Confirmed) == []
    pair.run(5)
    assert len(pair.there_told(Confirmed)) == 1
    assert pair.count("200 INVITE") == 3
    assert len({datagram.data for _, _, datagram in pair.sent if kind(datagram) == "ACK"}) == 1
    assert len(pair.here_told(Answered)) == 1


def test_no_ack_at_all_ends_the_incoming_call() -> None:
    pair = Pair(fate=losing("ACK", 1000))
    pair.set_up()
    pair.run(33)
    assert pair.there_told(Ended)[0].by == "nobody"
    assert pair.count("BYE", False) == 1
    assert pair.here_told(Ended)[0].by == "them"
    pair.run(40)
    assert pair.quiet


def test_hanging_up_before_the_ack_waits_for_it() -> None:
    """RFC 3261 §15: the callee sends no BYE before the ACK."""
    pair = Pair()
    pair.invite()
    pair.run(0.1)
    pair.there.answer(pair.incoming, ANSWER, pair.now)
    pair.there.hang_up(pair.incoming, pair.now)
    pair.run(0.005)
    assert pair.count("BYE") == 0
    pair.run(1)
    assert [said for _, said in pair.wire if said in ("ACK", "BYE")] == ["ACK", "BYE"]


def test_byes_that_cross_are_both_answered() -> None:
    pair = Pair()
    pair.set_up()
    pair.here.hang_up(HERE, pair.now)
    pair.there.hang_up(pair.incoming, pair.now)
    pair.run(40)
    assert pair.count("200 BYE") == 2
    assert pair.here_told(Ended) == [Ended(HERE, "us")]
    assert pair.there_told(Ended)[0].by == "us"
    assert pair.quiet


def test_a_bye_instead_of_the_ack_ends_the_call() -> None:
    pair = Pair(fate=losing("ACK", 1000))
    pair.set_up()
    pair.here.hang_up(HERE, pair.now)
    pair.run(40)
    assert pair.there_told(Ended)[0].by == "them"
    assert pair.quiet


def test_every_datagram_doubled_changes_nothing() -> None:
    pair = Pair(fate=lambda datagram, from_here: [0.01, 0.012])
    pair.set_up()
    pair.here.hang_up(HERE, pair.now)
    pair.run(40)
    assert len(pair.there_told(InviteReceived)) == 1
    assert len(pair.here_told(Answered)) == 1
    assert len(pair.there_told(Confirmed)) == 1
    assert len(pair.here_told(Ended)) == len(pair.there_told(Ended)) == 1
    assert pair.quiet


@pytest.mark.parametrize("seed", range(40))
def test_a_bad_link_brings_every_call_to_one_end(seed: int) -> None:
    """A third lost, a fifth doubled, all reordered: each side hears of one end, and nothing is left behind."""
    chance = random.Random(seed)

    def fate(datagram: Datagram, from_here: bool) -> list[float]:
        if chance.random() < 0.33:
            return []
        copies = 2 if chance.random() < 0.2 else 1
        return [chance.uniform(0.001, 0.4) for _ in range(copies)]

    pair = Pair(fate=fate)
    pair.invite(ring_seconds=8)
    for _ in range(30):
        pair.run(0.7)
        if pair.there_told(InviteReceived):
            choice = chance.random()
            if choice < 0.2:
                pair.there.ring(pair.incoming, pair.now)
            elif choice < 0.4:
                pair.there.answer(pair.incoming, ANSWER, pair.now)
            elif choice < 0.45:
                pair.there.reject(pair.incoming, 486, pair.now)
        if chance.random() < 0.08:
            pair.here.hang_up(HERE, pair.now)
    pair.here.hang_up(HERE, pair.now)
    if pair.there_told(InviteReceived):
        pair.there.hang_up(pair.incoming, pair.now)
    pair.run(150)
    assert len(pair.here_told(Failed)) + len(pair.here_told(Ended)) == 1
    assert len(pair.there_told(Ended)) == len(pair.there_told(InviteReceived)) <= 1
    assert _states(pair)[-1] == "over"
    assert pair.quiet


def test_two_phones_answer_and_one_wins() -> None:
    """A proxy forked the INVITE: the second 200 gets its ACK and a BYE (RFC 3261 §13.2.2.4)."""
    pair = Pair()
    pair.set_up()
    answer = next(datagram for _, _, datagram in pair.sent if kind(datagram) == "200 INVITE")
    tag = answer.data.split(b"To: ")[1].split(b"tag=")[1].split(b"\r\n")[0]
    pair.here.receive(answer.data.replace(tag, b"other-phone"), pair.peer.destination, pair.now)
    sent = pair.here.outgoing()
    assert [kind(datagram) for datagram in sent] == ["ACK", "BYE"]
    assert all(b"tag=other-phone" in datagram.data for datagram in sent)
    assert len(pair.here_told(Answered)) == 1


def test_an_orphan_that_was_ringing_is_cancelled() -> None:
    pair = Pair()
    pair.invite()
    pair.run(0.1)
    pair.there.ring(pair.incoming, pair.now)
    pair.run(0.1)
    saved = pair.here_told(DialogChanged)[0].dialog
    after = Pair(now=pair.now, there=pair.there)
    after.here.end_orphan(saved, after.now)
    after.run(0.1)
    assert after.here_told(OrphanEnded) == [OrphanEnded(saved.call_id, answered=True)]
    assert after.there_told(Ended)[0].by == "them"
    assert after.count("INVITE") == 0
    assert after.count("ACK") == 1
    after.run(70)
    assert [event.dialog.state for event in after.here_told(DialogChanged)] == ["over"]
    assert after.quiet


def test_an_orphan_that_was_up_gets_a_bye_above_its_last_cseq() -> None:
    pair = Pair()
    pair.set_up()
    saved = pair.here_told(DialogChanged)[-1].dialog
    after = Pair(now=pair.now, there=pair.there)
    after.here.end_orphan(saved, after.now)
    after.run(0.1)
    assert after.here_told(OrphanEnded) == [OrphanEnded(saved.call_id, answered=True)]
    assert after.there_told(Ended)[0].by == "them"
    after.run(70)
    assert after.quiet


def test_an_incoming_orphan_gets_a_bye_too() -> None:
    pair = Pair()
    pair.set_up()
    saved = pair.there_told(DialogChanged)[-1].dialog
    assert saved.direction == "in"
    from tests.unit.sip.pair import THEIRS, agent

    revived = Pair(now=pair.now, here=pair.here, there=agent(THEIRS, "gateway", "10.0.0.1"))
    revived.there.end_orphan(saved, revived.now)
    revived.run(0.1)
    assert revived.there_told(OrphanEnded) == [OrphanEnded(saved.call_id, answered=True)]
    assert revived.here_told(Ended) == [Ended(HERE, "them")]


def test_an_orphan_without_answer_is_given_up_after_two_seconds() -> None:
    pair = Pair(fate=lambda datagram, from_here: [])
    saved = replace(pair.here.calling_dialog(HERE, pair.request()))
    pair.here.end_orphan(saved, pair.now)
    pair.run(1.9)
    assert pair.here_told(OrphanEnded) == []
    pair.run(0.2)
    assert pair.here_told(OrphanEnded) == [OrphanEnded(saved.call_id, answered=False)]
    pair.run(70)
    assert len(pair.here_told(OrphanEnded)) == 1
    assert pair.quiet


def test_an_orphan_that_answers_after_its_cancel_gets_ack_and_bye() -> None:
    pair = Pair()
    pair.invite()
    pair.run(0.1)
    saved = pair.here_told(DialogChanged)[0].dialog
    after = Pair(now=pair.now, there=pair.there)
    after.there.answer(pair.incoming, ANSWER, after.now)
    after.here.end_orphan(saved, after.now)
    after.run(1)
    assert after.count("ACK") >= 1
    assert after.count("BYE", True) == 1
    assert after.there_told(Ended)[0].by == "them"
    assert after.here_told(Failed) == []


def test_an_invite_that_our_side_neither_answers_nor_refuses_is_refused_for_it() -> None:
    pair = Pair()
    pair.invite(ring_seconds=600)
    pair.run(0.1)
    pair.there.ring(pair.incoming, pair.now)
    pair.run(178)
    assert not pair.there_told(Ended)
    pair.run(3)
    assert pair.there_told(Ended)[0].by == "nobody"
    assert pair.here_told(Failed)[0].status == 480
    pair.run(60)
    assert pair.quiet
