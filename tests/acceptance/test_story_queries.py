"""Texts whose receipt never came: the SMSC is asked, seldom and only when it has nothing else to do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from foundation.clock import Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.identifiers import ActionId, AttemptId
from gateway.domain.outcomes import MessageKind, Outcome
from gateway.engine.receipt_asking import due_at
from gateway.store.silent import SilentText
from tests.acceptance.texting_town import PERSON, TextTown
from tests.acceptance.town import NOON, SMS

LONG = "Wilt u uitkijken naar een rode fiets. " * 10
MINUTES_5, MINUTES_15 = 300.0, 900.0


@pytest.fixture
def town(tmp_path: Path) -> TextTown:
    made = TextTown(tmp_path)
    made.lives(PERSON, channels=SMS)
    made.starts_up()
    return made


def _outcome(town: TextTown, action: ActionId) -> Outcome:
    return town.deliveries(action)[0].outcome


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("DELIVRD", Outcome.DELIVERED),
        ("UNDELIV", Outcome.UNDELIVERABLE),
        ("EXPIRED", Outcome.UNDELIVERABLE),
        ("DELETED", Outcome.UNDELIVERABLE),
        ("REJECTD", Outcome.REJECTED),
    ],
)
def test_what_the_smsc_says_counts_as_the_receipt_would(town: TextTown, state: str, outcome: Outcome) -> None:
    action = town.acts(channels=SMS)
    town.texts.person(PERSON).is_queried(state)
    town.passes(MINUTES_5 - 10)
    assert town.texts.queried == []
    town.passes(80)
    assert [taken.message_id for taken in town.texts.queried] == ["1"]
    assert _outcome(town, action) is outcome
    (attempt,) = town.deliveries(action)[0].history
    assert (attempt.receipt_status, attempt.reference) == (state, "1")
    town.passes(3600)
    assert len(town.texts.queried) == 1


def test_a_message_of_an_earlier_process_is_asked_about_after_the_restart(town: TextTown) -> None:
    action = town.acts(channels=SMS)
    town.passes(30)
    town.dies()
    town.clock.advance(7200)
    town.restarts()
    town.texts.person(PERSON).is_queried("DELIVRD")
    town.passes(70)
    assert _outcome(town, action) is Outcome.DELIVERED
    assert len(town.texts.queried) == 1


@pytest.mark.parametrize("state", ["ENROUTE", "ACCEPTD", "UNKNOWN", None])
def test_what_says_nothing_of_the_end_is_asked_again_ever_less_often(town: TextTown, state: str | None) -> None:
    action = town.acts(channels=SMS)
    town.texts.person(PERSON).is_queried(state)
    town.passes(3 * 3600)
    assert _outcome(town, action) is Outcome.SENT
    assert len(town.texts.queried) == 3


def test_after_two_days_nobody_is_asked_any_more(town: TextTown) -> None:
    town.acts(channels=SMS)
    town.passes(30)
    town.dies()
    town.clock.advance(48 * 3600)
    town.restarts()
    town.passes(600)
    assert town.texts.queried == []


def test_it_is_asked_once_more_when_its_validity_is_over(town: TextTown) -> None:
    action = town.acts(channels=SMS, expires_in=1800.0)
    town.texts.person(PERSON).is_queried("ENROUTE")
    town.passes(1790)
    before = len(town.texts.queried)
    town.texts.person(PERSON).is_queried("EXPIRED")
    town.passes(1 + 60 + 70)
    assert len(town.texts.queried) > before
    alert = next(each for each in town.deliveries(action) if each.message is MessageKind.ALERT)
    assert alert.outcome is Outcome.UNDELIVERABLE


def test_each_part_is_asked_about_and_one_alone_is_not_the_whole(town: TextTown) -> None:
    action = town.acts(channels=SMS, message=LONG)
    town.passes(5)
    town.receipts("2")
    town.restarts()
    town.texts.person(PERSON).is_queried("DELIVRD")
    town.passes(MINUTES_5 + 70)
    assert sorted(taken.message_id for taken in town.texts.queried) == ["1", "2", "3"]
    assert _outcome(town, action) is Outcome.DELIVERED


def test_nobody_is_asked_while_anything_else_is_to_do(town: TextTown) -> None:
    town.acts(channels=SMS)
    town.texts.person(PERSON).is_queried("DELIVRD")
    town.texts.spared = 0
    town.passes(MINUTES_15)
    assert town.texts.queried == []
    town.texts.spared = 1
    town.passes(70)
    assert len(town.texts.queried) == 1


def test_many_are_asked_about_a_few_a_second(tmp_path: Path) -> None:
    town = TextTown(tmp_path)
    people = town.population(40, SMS)
    town.starts_up()
    for number in people:
        town.texts.person(number).is_receipted(None)
        town.texts.person(number).is_queried("DELIVRD")
    action = town.acts(channels=SMS)
    town.texts.spared = 1
    town.passes(MINUTES_5 - 10)
    begin = town.clock.seconds()
    while town.counts(action)["sms"].get("delivered", 0) < 40:
        town.passes(1)
        assert town.clock.seconds() < begin + 180
    assert sorted(taken.number.e164 for taken in town.texts.queried) == sorted(people)
    assert town.texts.most_asked == 1


def test_when_it_is_due() -> None:
    def text(closed_after: float | None) -> SilentText:
        closed = None if closed_after is None else Saved(begin + timedelta(minutes=closed_after))
        return SilentText(("a", 1), AttemptId(1), PhoneNumber(PERSON), "main", ("1",), begin, closed)

    begin = Saved(NOON)
    minutes = [
        (due_at(text(closed), times, None if asked is None else Saved(begin + timedelta(minutes=asked))) - begin)
        / timedelta(minutes=1)
        for closed, times, asked in (
            (None, 0, None),
            (None, 1, 5),
            (None, 2, 20),
            (2, 0, None),
            (30, 2, 20),
            (10, 2, 20),
        )
    ]
    assert minutes == [5, 20, 65, 3, 31, 65]
