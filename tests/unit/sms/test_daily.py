"""The daily test message: when it leaves, whose receipt it takes, and when the alarm is raised."""

from datetime import UTC, datetime, timedelta

import pytest
from twisted.internet.task import Clock

from foundation.clock import Clocks, seconds_until
from foundation.telephone_numbers import PhoneNumber
from sms.daily import LATE_SECONDS, DailyTest
from sms.events import Accepted, Receipt, Refused, TextRequest
from tests.unit.sms.pair import smsc_settings

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
NUMBER = PhoneNumber("+31612345678")


class Day:
    def __init__(self, number: str | None = NUMBER.e164) -> None:
        self.clock = Clock()
        clocks = Clocks(self.clock.seconds, lambda: BEGIN + timedelta(seconds=self.clock.seconds()))
        self.sent: list[TextRequest] = []
        self.alarms: list[str | None] = []
        self.bound = True
        at = (BEGIN + timedelta(minutes=1)).astimezone().strftime("%H:%M")
        settings = smsc_settings(test_number=number, test_at=at)
        self.daily = DailyTest(settings, clocks, self.clock, self._send, self.alarms.append)
        self.daily.start()

    def _send(self, request: TextRequest) -> bool:
        if self.bound:
            self.sent.append(request)
        return self.bound

    def accept(self) -> None:
        self.daily.ended(Accepted(self.sent[-1].reference, "main", ("id7",)))

    def receipt(self, message_id: str = "id7", status: str = "DELIVRD") -> bool:
        delivered = status == "DELIVRD"
        return self.daily.took(Receipt("main", message_id, NUMBER, status, delivered, status != "ENROUTE", "", None))


@pytest.fixture
def day() -> Day:
    return Day()


def test_it_leaves_once_a_day_and_a_good_receipt_is_no_alarm(day: Day) -> None:
    day.clock.advance(59)
    assert day.sent == []
    day.clock.advance(1)
    (request,) = day.sent
    assert (request.number, day.daily.is_ours(request)) == (NUMBER, True)
    day.accept()
    assert day.receipt(status="ENROUTE")
    assert day.receipt()
    assert day.alarms == [None]
    day.clock.advance(86_400)
    assert len(day.sent) == 2
    assert day.sent[1].reference != request.reference


def test_a_late_receipt_is_an_alarm(day: Day) -> None:
    day.clock.advance(60)
    day.accept()
    day.clock.advance(LATE_SECONDS - 1)
    assert day.alarms == []
    day.clock.advance(1)
    assert day.alarms == ["the daily test message has no receipt yet"]


@pytest.mark.parametrize(
    ("status", "words"), [("UNDELIV", "the daily test message ended as UNDELIV"), ("DELIVRD", None)]
)
def test_what_its_receipt_says(day: Day, status: str, words: str | None) -> None:
    day.clock.advance(60)
    day.accept()
    assert day.receipt(status=status)
    assert day.alarms == [words]


def test_a_refusal_or_no_bind_is_an_alarm_at_once(day: Day) -> None:
    day.clock.advance(60)
    day.daily.ended(Refused(day.sent[-1].reference, "main", 0x0B, "permanent", False, "Invalid Destination Address"))
    assert day.alarms == ["the daily test message was not accepted: Invalid Destination Address"]
    day.bound = False
    day.clock.advance(86_400)
    assert day.alarms[1] == "the daily test message could not be sent: no bind is up"


def test_other_receipts_are_not_taken(day: Day) -> None:
    assert not day.receipt()
    day.clock.advance(60)
    day.accept()
    assert not day.receipt("id8")
    assert day.receipt("id7")
    assert not day.receipt("id7")


def test_a_receipt_before_the_response_is_taken_by_its_number(day: Day) -> None:
    day.clock.advance(60)
    assert day.receipt("id7")
    assert day.alarms == [None]


def test_without_a_number_nothing_is_armed_and_stopping_leaves_no_timer() -> None:
    assert Day(None).clock.getDelayedCalls() == []
    day = Day()
    day.clock.advance(60)
    assert len(day.clock.getDelayedCalls()) == 2
    day.daily.stop()
    assert day.clock.getDelayedCalls() == []


def test_the_same_minute_is_tomorrow() -> None:
    now = datetime(2026, 1, 1, 7, 30, tzinfo=UTC)
    assert seconds_until("07:30", now) == 86_400
    assert seconds_until("07:31", now) == 60
