"""Receipts of a long text that the daemon's end and new start come between: no part's receipt is the whole message's."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.domain.outcomes import Outcome
from tests.acceptance.texting_town import PERSON, TextTown
from tests.acceptance.town import SMS

THREE_PARTS = "Wilt u uitkijken naar een rode fiets. " * 10


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_three_receipts_make_the_whole_however_many_came_before_the_crash(tmp_path: Path, before: int) -> None:
    town = TextTown(tmp_path)
    town.lives(PERSON, channels=SMS)
    town.starts_up()
    action = town.acts(channels=SMS, message=THREE_PARTS)
    town.passes(5)
    ids = ("1", "2", "3")
    assert len(town.texts.sent) == 1
    for message_id in ids[:before]:
        assert town.deliveries(action)[0].outcome is Outcome.SENT
        town.receipts(message_id)
    town.restarts()
    town.passes(1)
    for message_id in ids[before:]:
        assert town.deliveries(action)[0].outcome is Outcome.SENT
        town.receipts(message_id, message_id)
    assert town.deliveries(action)[0].outcome is Outcome.DELIVERED
    assert len(town.texts.sent) == 1


def test_one_part_that_failed_is_the_whole_messages_end(tmp_path: Path) -> None:
    town = TextTown(tmp_path)
    town.lives(PERSON, channels=SMS)
    town.starts_up()
    action = town.acts(channels=SMS, message=THREE_PARTS)
    town.passes(5)
    town.receipts("1")
    town.restarts()
    town.receipts("2", status="UNDELIV")
    assert town.deliveries(action)[0].outcome is Outcome.UNDELIVERABLE


def test_a_receipt_that_comes_twenty_hours_late_still_counts(tmp_path: Path) -> None:
    town = TextTown(tmp_path)
    town.lives(PERSON, channels=SMS)
    town.starts_up()
    action = town.acts(channels=SMS)
    town.passes(5)
    town.dies()
    town.clock.advance(20 * 3600)
    town.restarts()
    assert town.deliveries(action)[0].outcome is Outcome.SENT
    town.receipts("1")
    assert town.deliveries(action)[0].outcome is Outcome.DELIVERED
    assert len(town.texts.sent) == 1
