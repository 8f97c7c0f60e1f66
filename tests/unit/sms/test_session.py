"""One bind: its window, its time-outs, what is told of each message however the connection ends."""

from itertools import product

import pytest

from foundation.clock import Monotonic
from foundation.rate import Rate
from sms import commands, status
from sms.bind_state import TABLE, BindEvent, BindState
from sms.pdu import BindResponse, DeliverSm, MessageResponse, Plain, SmeAddress, SubmitSm
from sms.protocol import encode
from sms.session import Session
from sms.session_events import (
    Answered,
    BindRefused,
    Bound,
    Delivered,
    Left,
    NotLeft,
    Over,
    PeerMistake,
    Throttled,
    Unanswered,
)
from sms.wire import RESPONSE, frame
from tests.unit.sms.pair import PERSON, Pair, smsc_settings, text


def test_a_bind_gives_credentials_and_is_told_when_taken() -> None:
    pair = Pair().bound()
    (request,) = pair.centre.requests(commands.BIND_TRANSCEIVER)
    assert (request.system_id, request.password, request.interface_version) == (b"gateway", b"secret", 0x34)
    assert pair.of(Bound) == [Bound("centre")]


def test_a_refused_bind_is_told_and_over() -> None:
    pair = Pair()
    pair.centre.bind_status = 0x0E
    pair.session.opened(Monotonic(0.0))
    pair.run()
    assert pair.of(BindRefused) == [BindRefused(0x0E)]
    assert "Invalid Password" in pair.of(Over)[0].reason


def test_a_bind_without_an_answer_ends_in_time() -> None:
    pair = Pair(response_seconds=10)
    pair.session.opened(Monotonic(0.0))
    pair.session.outgoing()
    pair.wait(10.0)
    assert pair.of(Over) == [Over("no response to the bind")]


def test_the_window_is_used_whole_and_never_exceeded() -> None:
    pair = Pair(window=3).bound()
    pair.centre.refuses = lambda number: None
    items = [text() for _ in range(10)]
    pair.submit(*items)
    assert pair.session.in_flight == pair.centre.submitted == 3
    pair.give(encode(MessageResponse(commands.SUBMIT_SM | RESPONSE, b"x"), 3))
    pair.run()
    assert pair.centre.submitted == 4
    assert pair.most_in_flight == 3


def test_out_of_order_doubled_and_stray_responses_each_count_once() -> None:
    pair = Pair().bound()
    pair.centre.refuses = lambda number: None
    first, second = text(), text()
    pair.submit(first, second)
    response = commands.SUBMIT_SM | RESPONSE
    for sequence, name in ((3, b"b"), (2, b"a"), (2, b"again"), (77, b"stray")):
        pair.give(encode(MessageResponse(response, name), sequence))
    pair.run()
    assert pair.of(Answered) == [Answered(second, 0, b"b"), Answered(first, 0, b"a")]
    assert pair.session.strays == 2


def test_no_response_in_time_is_told_and_a_dead_link_is_given_up() -> None:
    pair = Pair(response_seconds=5, enquire_seconds=30).bound()
    pair.centre.refuses = lambda number: None
    pair.centre.answers_enquiries = False
    item = text()
    pair.submit(item)
    pair.wait(5.0)
    assert pair.of(Unanswered) == [Unanswered(item, "no response in time")]
    assert len(pair.centre.requests(commands.ENQUIRE_LINK)) == 1
    pair.wait(5.0)
    assert pair.of(Over) == [Over("no response to enquire_link")]


def test_a_slow_smsc_that_still_answers_keeps_its_bind() -> None:
    pair = Pair(response_seconds=5).bound()
    pair.centre.refuses = lambda number: None
    pair.submit(text())
    pair.wait(60.0)
    assert pair.session.state is BindState.BOUND
    pair.give(encode(MessageResponse(commands.SUBMIT_SM | RESPONSE, b"late"), 2))
    pair.run()
    assert pair.of(Answered) == []


def test_enquire_link_goes_out_when_nothing_was_heard_and_is_answered_when_it_comes() -> None:
    pair = Pair(enquire_seconds=30).bound()
    pair.wait(29.9)
    assert pair.centre.requests(commands.ENQUIRE_LINK) == []
    pair.wait(60.2)
    assert 2 <= len(pair.centre.requests(commands.ENQUIRE_LINK)) <= 3
    pair.give(encode(Plain(commands.ENQUIRE_LINK), 55))
    pair.run()
    assert pair.centre.got[-1].command_id == commands.ENQUIRE_LINK | RESPONSE
    assert pair.centre.got[-1].sequence == 55


def test_a_deadline_is_looked_at_when_it_leaves_and_is_its_validity_period() -> None:
    pair = Pair(segments_per_second=1).bound()
    kept, late = text(deadline=3600.0), text(deadline=0.5)
    pair.submit(kept, late)
    pair.wait(5.0)
    assert pair.of(NotLeft) == [NotLeft(late, "its deadline is over")]
    (sent,) = pair.centre.requests(commands.SUBMIT_SM)
    assert sent.validity_period == b"000000010000000R"


def test_what_waits_can_be_withdrawn_and_what_left_can_not() -> None:
    pair = Pair(window=1).bound()
    pair.centre.refuses = lambda number: None
    left, waiting = text(), text()
    pair.submit(left, waiting)
    pair.session.withdraw(waiting)
    pair.session.withdraw(left)
    pair.run()
    assert pair.of(NotLeft) == [NotLeft(waiting, "cancelled")]
    pair.give(encode(MessageResponse(commands.SUBMIT_SM | RESPONSE, b"x"), 2))
    pair.run()
    assert pair.centre.submitted == 1
    assert [event.outgoing for event in pair.of(Answered)] == [left]


@pytest.mark.parametrize("refusal", [status.THROTTLED, status.QUEUE_FULL], ids=["throttled", "queue full"])
def test_what_was_put_off_goes_again_before_those_behind_it(refusal: int) -> None:
    pair = Pair(window=2).bound()
    pair.centre.refuses = lambda number: refusal if number <= 2 else status.OK
    items = [text(b"%d" % number) for number in range(4)]
    pair.submit(*items)
    assert len(pair.of(Throttled)) == 2
    assert pair.centre.submitted == 2
    pair.wait(30.0)
    sent = [pdu.short_message for pdu in pair.centre.requests(commands.SUBMIT_SM)]
    assert sent == [b"0", b"1", b"0", b"1", b"2", b"3"]
    assert [event.outgoing for event in pair.of(Left)] == items
    assert len(pair.of(Answered)) == 4


def test_throttled_for_good_is_an_answer_in_the_end() -> None:
    pair = Pair().bound()
    pair.centre.refuses = lambda number: status.QUEUE_FULL
    item = text()
    pair.submit(item)
    pair.wait(300.0)
    assert pair.of(Answered) == [Answered(item, status.QUEUE_FULL, b"")]


def test_congestion_slows_down_without_a_refusal() -> None:
    pair = Pair().bound()
    pair.centre.refuses = lambda number: None
    pair.submit(text())
    congested = MessageResponse(commands.SUBMIT_SM | RESPONSE, b"x", {commands.CONGESTION_STATE: b"\x5f"})
    pair.give(encode(congested, 2))
    pair.run()
    assert len(pair.of(Answered)) == 1
    assert pair.session.throttle.throttling(Monotonic(pair.now))


def test_a_delivery_waits_for_its_answer_and_gets_one() -> None:
    pair = Pair().bound()
    pair.deliver(DeliverSm(PERSON, SmeAddress(1, 1, b"31971234567"), b"hoi"), 41)
    (delivered,) = pair.of(Delivered)
    assert pair.centre.got[-1].sequence != 41
    pair.session.answer(delivered.sequence, status.TRY_AGAIN, Monotonic(0.0))
    pair.session.answer(delivered.sequence, status.OK, Monotonic(0.0))
    pair.run()
    answers = [frame for frame in pair.centre.got if frame.command_id == commands.DELIVER_SM | RESPONSE]
    assert [(frame.sequence, frame.command_status) for frame in answers] == [(41, status.TRY_AGAIN)]


def test_stopping_drains_then_unbinds() -> None:
    pair = Pair(window=1).bound()
    pair.centre.refuses = lambda number: None
    left, waiting = text(), text()
    pair.submit(left, waiting)
    pair.session.stop(Monotonic(0.0))
    pair.run()
    assert pair.of(NotLeft) == [NotLeft(waiting, "the gateway stops")]
    assert pair.centre.requests(commands.UNBIND) == []
    pair.give(encode(MessageResponse(commands.SUBMIT_SM | RESPONSE, b"x"), 2))
    pair.run()
    assert pair.of(Answered) == [Answered(left, 0, b"x")]
    assert pair.of(Over) == [Over("unbound")]


def test_an_unbind_of_the_smsc_is_answered_and_ends_the_bind() -> None:
    pair = Pair().bound()
    pair.give(encode(Plain(commands.UNBIND), 9))
    pair.run()
    assert pair.centre.got[-1].command_id == commands.UNBIND | RESPONSE
    assert pair.of(Over) == [Over("the SMSC ended the bind")]
    assert pair.session.next_deadline() is None


def test_back_pressure_holds_new_messages_and_not_the_answers_owed() -> None:
    pair = Pair().bound()
    pair.session.paused = True
    pair.submit(text())
    assert pair.centre.submitted == 0
    pair.give(encode(Plain(commands.ENQUIRE_LINK), 5))
    pair.run()
    assert pair.centre.got[-1].command_id == commands.ENQUIRE_LINK | RESPONSE
    pair.session.resume(Monotonic(0.0))
    pair.run()
    assert pair.centre.submitted == 1


@pytest.mark.parametrize(
    ("octets", "answer", "command_status"),
    [
        (frame(0x0000_0999, 0, 7), commands.GENERIC_NACK, status.INVALID_COMMAND),
        (frame(commands.SUBMIT_SM, 0, 7), commands.GENERIC_NACK, status.INVALID_COMMAND),
        (frame(commands.DELIVER_SM, 0, 7, b"\0"), commands.DELIVER_SM | RESPONSE, status.INVALID_COMMAND_LENGTH),
    ],
)
def test_a_request_that_makes_no_sense_is_answered_and_the_bind_goes_on(
    octets: bytes, answer: int, command_status: int
) -> None:
    pair = Pair().bound()
    pair.give(octets)
    pair.run()
    last = pair.centre.got[-1]
    assert (last.command_id, last.command_status, last.sequence) == (answer, command_status, 7)
    assert len(pair.of(PeerMistake)) == 1
    assert pair.session.state is BindState.BOUND


def test_garbage_gets_generic_nack_and_ends_the_connection() -> None:
    pair = Pair().bound()
    item = text()
    pair.centre.refuses = lambda number: None
    pair.submit(item)
    pair.give(b"GET / HTTP/1.1\r\nHost: smsc\r\n\r\n")
    pair.run()
    assert pair.centre.got[-1].command_id == commands.GENERIC_NACK
    assert pair.of(Unanswered)[0].outgoing is item
    assert len(pair.of(Over)) == 1


def test_a_response_whose_body_is_broken_still_says_accepted() -> None:
    pair = Pair().bound()
    pair.centre.refuses = lambda number: None
    item = text()
    pair.submit(item)
    pair.give(frame(commands.SUBMIT_SM | RESPONSE, 0, 2, b"no nul"))
    pair.run()
    assert pair.of(Answered) == [Answered(item, 0, b"")]


def test_generic_nack_stands_in_for_a_response() -> None:
    pair = Pair().bound()
    pair.centre.refuses = lambda number: None
    item = text()
    pair.submit(item)
    pair.give(frame(commands.GENERIC_NACK, status.INVALID_COMMAND_LENGTH, 2))
    pair.run()
    assert pair.of(Answered) == [Answered(item, status.INVALID_COMMAND_LENGTH, b"")]


def test_pdus_come_in_any_pieces() -> None:
    whole = Pair(window=100).bound()
    pieces = Pair(window=100).bound()
    octets = b"".join(encode(DeliverSm(PERSON, PERSON, b"bericht %d" % number), 100 + number) for number in range(5))
    whole.give(octets)
    whole.run()
    for number in range(len(octets)):
        pieces.give(octets[number : number + 1])
    pieces.run()
    assert pieces.of(Delivered) == whole.of(Delivered)
    assert len(pieces.of(Delivered)) == 5


def test_a_connection_lost_at_any_octet_tells_each_message_exactly_once() -> None:
    """Three texts, a receipt and replies in between; the SMSC's octets stop at every place."""
    script = b"".join(
        (
            encode(BindResponse(commands.BIND_TRANSCEIVER | RESPONSE, b"centre"), 1),
            encode(MessageResponse(commands.SUBMIT_SM | RESPONSE, b"one"), 2),
            encode(DeliverSm(PERSON, PERSON, b"id:one stat:DELIVRD err:000", esm_class=4), 11),
            encode(MessageResponse(commands.SUBMIT_SM | RESPONSE), 3, 0x0B),
            encode(Plain(commands.ENQUIRE_LINK), 12),
            encode(MessageResponse(commands.SUBMIT_SM | RESPONSE, b"three"), 4),
        )
    )
    for cut in range(len(script) + 1):
        settings = smsc_settings(window=2)
        session = Session(settings, Rate(None))
        session.opened(Monotonic(0.0))
        events = []
        items = [text() for _ in range(3)]
        given = 0
        for octet in range(cut):
            session.received(script[octet : octet + 1], Monotonic(0.0))
            events.extend(session.events())
            if session.state is BindState.BOUND and not given:
                given = 3
                for item in items:
                    session.submit(item, Monotonic(0.0))
            session.outgoing()
        session.lost("reset", Monotonic(0.0))
        events.extend(session.events())
        told = [event.outgoing for event in events if isinstance(event, Answered | Unanswered | NotLeft)]
        assert sorted(map(id, told)) == sorted(map(id, items[:given]))
        left = {id(event.outgoing) for event in events if isinstance(event, Left)}
        assert all(id(event.outgoing) in left for event in events if isinstance(event, Answered | Unanswered))
        assert not any(id(event.outgoing) in left for event in events if isinstance(event, NotLeft))
        assert [type(event) for event in events].count(Over) == 1
        assert session.next_deadline() is None


def test_a_field_that_does_not_fit_never_leaves_cut() -> None:
    pair = Pair().bound()
    item = text(b"x" * 255)
    pair.submit(item)
    assert pair.centre.submitted == 0
    assert "254 are the most" in pair.of(NotLeft)[0].reason


def test_sequence_numbers_begin_again_after_the_last() -> None:
    pair = Pair().bound()
    pair.session._sequence = 0x7FFF_FFFF
    pair.submit(text())
    assert pair.centre.got[-1].sequence == 1
    assert isinstance(pair.centre.requests(commands.SUBMIT_SM)[0], SubmitSm)


def test_the_table_leads_only_forward_and_everything_ends() -> None:
    order = list(BindState)
    for (state, _), after in TABLE.items():
        assert order.index(after) > order.index(state)
    for state, event in product(order[:-1], (BindEvent.LOST,)):
        assert TABLE[state, event] is BindState.OVER
    assert not any(state is BindState.OVER for state, _ in TABLE)
