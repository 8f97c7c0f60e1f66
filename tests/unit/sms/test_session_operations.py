"""What a bind asks beside its messages, and what an SMSC says that asks nothing."""

import pytest

from foundation.clock import Monotonic
from sms import commands, status
from sms.pdu import MessageResponse, Outbind, Plain
from sms.pdu_operations import AlertNotification, CancelSm, QuerySm
from sms.protocol import Pdu, encode
from sms.session_events import Answered, Operation, OperationAnswered, PeerMistake
from sms.wire import RESPONSE
from tests.unit.sms.pair import PERSON, Pair, text


def test_cancel_and_query_take_turns_with_what_waits_and_count_in_the_window() -> None:
    pair = Pair(window=1).bound()
    pair.centre.refuses = lambda number: None
    pair.submit(text(), text())
    query, cancel = Operation(QuerySm(b"x")), Operation(CancelSm(b"x"))
    pair.session.ask(query, Monotonic(0.0))
    pair.session.ask(cancel, Monotonic(0.0))
    pair.run()
    assert pair.session.in_flight == 1
    pair.give(encode(MessageResponse(commands.SUBMIT_SM | RESPONSE, b"x"), 2))
    pair.run()
    pair.give(encode(MessageResponse(commands.SUBMIT_SM | RESPONSE, b"y"), 4))
    pair.run()
    order = [frame.command_id for frame in pair.centre.got[1:]]
    assert order == [commands.SUBMIT_SM, commands.QUERY_SM, commands.SUBMIT_SM, commands.CANCEL_SM]
    assert [event.operation for event in pair.of(OperationAnswered)] == [query, cancel]
    assert pair.most_in_flight == 1


def test_questions_keep_the_rate_and_a_throttled_one_is_put_again() -> None:
    pair = Pair(segments_per_second=10, window=50).bound()
    asked = [Operation(CancelSm(b"%d" % number)) for number in range(10)]
    for operation in asked:
        pair.session.ask(operation, Monotonic(0.0))
    pair.submit(*(text() for _ in range(10)))
    pair.wait(0.95)
    assert len(pair.centre.requests(commands.CANCEL_SM)) <= 5
    assert len(pair.centre.requests(commands.CANCEL_SM)) + pair.centre.submitted <= 10
    pair.wait(3.0)
    assert [event.operation for event in pair.of(OperationAnswered)] == asked
    pair.centre.answers_operations = status.THROTTLED
    late = Operation(CancelSm(b"late"))
    pair.session.ask(late, Monotonic(pair.now))
    pair.run()
    pair.wait(0.2)
    pair.centre.answers_operations = status.OK
    pair.wait(5.0)
    assert pair.of(OperationAnswered)[-1].operation is late
    assert pair.of(OperationAnswered)[-1].command_status == status.OK
    assert late.tries == 2


@pytest.mark.parametrize(
    "pdu",
    [
        AlertNotification(PERSON, PERSON, {0x0422: b"\0"}),
        Outbind(b"centre", b"secret"),
        Plain(commands.CANCEL_SM | RESPONSE),
        MessageResponse(commands.SUBMIT_SM | RESPONSE, b"x"),
    ],
    ids=["alert_notification", "outbind", "a strange cancel_sm_resp", "a strange submit_sm_resp"],
)
def test_what_asks_nothing_is_passed_over(pdu: Pdu) -> None:
    pair = Pair().bound()
    before = len(pair.centre.got)
    pair.give(encode(pdu, 77))
    pair.run()
    assert len(pair.centre.got) == before
    assert pair.of(PeerMistake) == []
    pair.submit(text())
    assert len(pair.of(Answered)) == 1
