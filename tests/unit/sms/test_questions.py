"""query_sm and cancel_sm: what is asked, what the answers mean, and whom nobody asks again."""

import pytest
from twisted.internet.defer import Deferred

from foundation.telephone_numbers import PhoneNumber
from sms import status
from sms.events import Receipt, Taken
from sms.pdu import SmeAddress
from sms.pdu_operations import CancelSm, QueryResponse, QuerySm
from sms.questions import Questions
from sms.session_events import Operation, OperationAnswered
from tests.unit.sms.pair import PERSON, smsc_settings

TAKEN = Taken("main", "00A1", PhoneNumber("+31612345678"))


class Asked:
    """Questions, and a bind that answers when the test says so."""

    def __init__(self, **settings: object) -> None:
        self.operations: list[Operation] = []
        self.bound = True
        self.questions = Questions(smsc_settings(source="Burgernet", **settings), self._ask)

    def _ask(self, operation: Operation) -> bool:
        if self.bound:
            operation.tries = 1
            self.operations.append(operation)
        return self.bound

    def query(self) -> Deferred[Receipt | None]:
        return self.questions.query(TAKEN)

    def cancel(self) -> Deferred[bool | None]:
        return self.questions.cancel(TAKEN)

    def answer(self, command_status: int | None, state: int = 0) -> None:
        response = QueryResponse(b"00A1", message_state=state, error_code=7) if state else None
        self.questions.answered(OperationAnswered(self.operations[-1], command_status, response))


@pytest.mark.parametrize(
    ("state", "word", "final"),
    [
        (1, "ENROUTE", False),
        (2, "DELIVRD", True),
        (3, "EXPIRED", True),
        (4, "DELETED", True),
        (5, "UNDELIV", True),
        (6, "ACCEPTD", False),
        (7, "UNKNOWN", True),
        (8, "REJECTD", True),
    ],
)
def test_a_state_is_told_as_the_receipt_would(state: int, word: str, final: bool) -> None:
    asked = Asked(message_id="decimal")
    answer = asked.query()
    assert asked.operations[0].pdu == QuerySm(b"00A1", SmeAddress(5, 0, b"Burgernet"))
    asked.answer(status.OK, state)
    receipt = answer.result
    assert isinstance(receipt, Receipt)
    assert (receipt.smsc, receipt.message_id, receipt.number) == ("main", "161", TAKEN.number)
    assert (receipt.status, receipt.final, receipt.delivered, receipt.error) == (word, final, state == 2, "7")


@pytest.mark.parametrize("command_status", [status.INVALID_COMMAND, status.QUERY_FAILED])
def test_an_smsc_that_does_not_answer_queries_is_asked_no_more(command_status: int) -> None:
    asked = Asked()
    first = asked.query()
    assert asked.questions.allowed == 9
    asked.answer(command_status)
    assert first.result is None
    assert asked.questions.allowed == 0
    assert asked.query().result is None
    assert len(asked.operations) == 1


def test_three_questions_without_an_answer_are_enough_and_a_message_it_does_not_know_is_no_fault() -> None:
    asked = Asked()
    for command_status in (None, None, status.INVALID_MESSAGE_ID, None, None):
        answer = asked.query()
        asked.answer(command_status)
        assert answer.result is None
    assert asked.questions.allowed == 10
    asked.query()
    asked.answer(None)
    assert asked.questions.allowed == 0


def test_without_a_bind_nothing_is_asked_and_nothing_is_learned() -> None:
    asked = Asked()
    asked.bound = False
    for _ in range(5):
        assert asked.query().result is None
        assert asked.cancel().result is None
    assert asked.questions.allowed == 10
    assert asked.questions.knows_cancel


@pytest.mark.parametrize(
    ("command_status", "taken_back", "knows"),
    [
        (status.OK, True, True),
        (status.CANCEL_FAILED, False, True),
        (status.INVALID_MESSAGE_ID, False, True),
        (status.INVALID_COMMAND, False, False),
        (None, None, True),
    ],
)
def test_what_an_answer_to_cancel_sm_means(command_status: int | None, taken_back: bool | None, knows: bool) -> None:
    asked = Asked()
    answer = asked.cancel()
    order = asked.operations[0].pdu
    assert order == CancelSm(b"00A1", SmeAddress(5, 0, b"Burgernet"), PERSON)
    asked.answer(command_status)
    assert answer.result is taken_back
    assert asked.questions.knows_cancel is knows
    again = asked.cancel()
    assert again.called is not knows


def test_queries_take_a_tenth_of_the_rate_at_most() -> None:
    assert Asked(segments_per_second=25).questions.allowed == 3
    assert Asked(segments_per_second=0.5).questions.allowed == 1
