"""What the field complained of in other gateways, on the whole engine: 1 and 6. The bind's own share of them, and 2, 3 and
5, are `tests/unit/sms/test_field_complaints.py`; 4 is `tests/unit/engine/test_texts_complaints.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.domain.outcomes import Outcome
from tests.acceptance.texting_town import PERSON, TextTown
from tests.acceptance.town import SMS

PEOPLE = 20


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.03, 0.06, 0.5])
def test_complaint_1_a_crash_loses_no_message_that_was_accepted(tmp_path: Path, seconds: float) -> None:
    """202 was answered; then the process is gone, before, while or after the texts leave, and the receipts under way with
    it: the SMSC is asked for them."""
    town = TextTown(tmp_path)
    people = town.population(PEOPLE, SMS)
    town.starts_up()
    for number in people:
        town.texts.person(number).is_queried("DELIVRD")
    action = town.acts(channels=SMS)
    town.passes(seconds)
    town.restarts()
    town.passes(480)
    assert {sent.number.e164 for sent in town.texts.sent} == set(people)
    assert {each.outcome for each in town.deliveries(action)} == {Outcome.DELIVERED}
    twice = {number for number in people if len(town.texts.sent_to(number)) > 1}
    listed = {each.number.e164 for each in town.deliveries(action) if any(a.possible_duplicate for a in each.history)}
    assert twice <= listed


def test_complaint_1_a_reply_is_acknowledged_only_when_it_is_saved(tmp_path: Path) -> None:
    town = TextTown(tmp_path)
    town.lives(PERSON, channels=SMS)
    town.starts_up()
    action = town.acts(channels=SMS)
    town.passes(5)
    town.writer._seconds = 1.0
    answered = town.texts.writes(PERSON, "Ik zag hem")
    town.passes(0.5)
    assert not answered.called
    town.restarts()
    assert town.wait(town.engine.replies(action)).items == ()
    assert town.writes("Ik zag hem").called
    assert [reply.text for reply in town.wait(town.engine.replies(action)).items] == ["Ik zag hem"]


def test_complaint_6_nothing_leaves_days_later_when_the_smsc_is_back(tmp_path: Path) -> None:
    town = TextTown(tmp_path)
    town.lives(PERSON, channels=SMS)
    town.starts_up()
    town.texts.down.add("main")
    action = town.acts(channels=SMS, expires_in=3600.0)
    town.passes(60)
    town.dies()
    town.clock.advance(3 * 86_400)
    town.restarts()
    town.texts.down.clear()
    town.passes(600)
    assert town.texts.sent == []
    assert [each.outcome for each in town.deliveries(action)] == [Outcome.EXPIRED]
