"""Contract rule 5, code by code."""

from __future__ import annotations

import pytest

from ivr.call import EndCause, LegId
from ivr.sip.events import Ended, Failed, Reason
from ivr.sip.outcome import Q850, SIP, ending_of_end, ending_of_failure

LEG = LegId("leg")
FAULT = EndCause.TRUNK_FAULT


def _failed(
    status: int | None,
    cause: int | None = None,
    *,
    rang: bool = False,
    cancelled: bool = False,
    rang_out: bool = False,
    protocol: str = "Q.850",
) -> Failed:
    reasons = () if cause is None else (Reason("SIP", 200), Reason(protocol, cause))
    return Failed(LEG, status, "Phrase", reasons, 7.0, rang, cancelled, rang_out)


@pytest.mark.parametrize(
    ("status", "rang", "cause"),
    [
        (486, False, EndCause.BUSY),
        (600, True, EndCause.BUSY),
        (603, True, EndCause.DECLINED),
        (607, False, EndCause.DECLINED),
        (608, False, EndCause.DECLINED),
        (480, True, EndCause.NO_ANSWER),
        (480, False, EndCause.UNREACHABLE),
        (408, True, EndCause.NO_ANSWER),
        (408, False, FAULT),
        (487, True, EndCause.NO_ANSWER),
        (487, False, FAULT),
        (404, False, EndCause.INVALID_NUMBER),
        (410, False, EndCause.INVALID_NUMBER),
        (484, False, EndCause.INVALID_NUMBER),
        (604, False, EndCause.INVALID_NUMBER),
        (500, True, FAULT),
        (502, False, FAULT),
        (503, False, FAULT),
        (504, False, FAULT),
        (513, False, FAULT),
        (403, False, FAULT),
        (401, False, FAULT),
        (407, False, FAULT),
        (488, False, FAULT),
        (606, False, FAULT),
        (None, False, FAULT),
        (302, False, FAULT),
        (400, False, FAULT),
        (420, False, FAULT),
        (501, False, FAULT),
        (699, False, EndCause.DECLINED),
    ],
)
def test_the_sip_code(status: int | None, rang: bool, cause: EndCause) -> None:
    ending = ending_of_failure(_failed(status, rang=rang))
    assert (ending.cause, ending.sip_code, ending.q850_cause) == (cause, status, None)
    assert ending.by == ("nobody" if status is None else "them")


@pytest.mark.parametrize(
    ("q850", "rang", "cause"),
    [
        (17, False, EndCause.BUSY),
        (21, False, EndCause.DECLINED),
        (18, False, EndCause.UNREACHABLE),
        (18, True, EndCause.NO_ANSWER),
        (19, True, EndCause.NO_ANSWER),
        (20, False, EndCause.UNREACHABLE),
        (1, False, EndCause.INVALID_NUMBER),
        (28, False, EndCause.INVALID_NUMBER),
        (34, False, FAULT),
        (38, True, FAULT),
        (41, False, FAULT),
        (42, False, FAULT),
        (47, False, FAULT),
    ],
)
@pytest.mark.parametrize("status", [480, 486, 500, 503, 404])
def test_q850_decides_before_the_sip_code(q850: int, rang: bool, cause: EndCause, status: int) -> None:
    ending = ending_of_failure(_failed(status, q850, rang=rang))
    assert (ending.cause, ending.q850_cause) == (cause, q850)


def test_a_cause_of_no_weight_leaves_it_to_the_sip_code() -> None:
    assert ending_of_failure(_failed(486, 16)).cause is EndCause.BUSY
    assert ending_of_failure(_failed(503, 17, protocol="X.25")).cause is FAULT


def test_every_code_of_the_tables_is_tested_above() -> None:
    assert set(Q850) == {1, 17, 18, 19, 20, 21, 28, 34, 38, 41, 42, 47}
    assert {401, 403, 407, 488, 500, 502, 503, 504, 513, 606} == {code for code, cause in SIP.items() if cause is FAULT}


def test_our_own_cancel() -> None:
    assert ending_of_failure(_failed(487, rang=True, rang_out=True)).cause is EndCause.NO_ANSWER
    assert ending_of_failure(_failed(487, 31, rang=True, rang_out=True)).by == "us"
    assert ending_of_failure(_failed(487, cancelled=True)).cause is EndCause.CANCELLED
    assert ending_of_failure(_failed(200, rang=True, cancelled=True)).cause is EndCause.CANCELLED
    assert ending_of_failure(_failed(None, cancelled=True)).cause is EndCause.CANCELLED


def test_a_person_s_answer_that_crosses_our_cancel_is_their_answer() -> None:
    assert ending_of_failure(_failed(486, rang=True, cancelled=True)).cause is EndCause.BUSY
    assert ending_of_failure(_failed(603, rang=True, rang_out=True)).cause is EndCause.DECLINED


def test_retry_after_and_phrase_are_kept() -> None:
    ending = ending_of_failure(_failed(503))
    assert (ending.retry_after, ending.phrase) == (7.0, "Phrase")


def test_the_end_of_a_call_that_was_up() -> None:
    ending = ending_of_end(Ended(LEG, "them", (Reason("Q.850", 16),)))
    assert (ending.cause, ending.by, ending.q850_cause) == (EndCause.HUNG_UP, "them", 16)
