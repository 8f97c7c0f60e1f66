"""An action from start to closed, as its operator and its neighbours live it."""

from __future__ import annotations

from pathlib import Path

from gateway.domain.action import ActionState
from gateway.domain.outcomes import MessageKind, Outcome
from tests.acceptance.scripted_channels import accepted_and, confirms, says
from tests.acceptance.town import BOTH, SMS, Town


def test_everybody_hears_it_and_everybody_is_told_that_it_is_over(tmp_path: Path) -> None:
    town = Town(tmp_path)
    near, far = town.lives("+31612345678", 50), town.lives("+31687654321", 900)
    town.starts_up()
    action = town.acts()
    town.passes(30)
    assert town.voice.numbers() == [near, far]
    assert town.counts(action) == {"voice": {"heard": 2}}
    town.closes(action)
    town.passes(30)
    assert town.voice.numbers(MessageKind.CLOSING) == [near, far]
    assert town.counts(action, MessageKind.CLOSING) == {"voice": {"heard": 2}}
    assert town.sees(action).action.state is ActionState.CLOSED


def test_who_was_busy_is_called_again_two_minutes_after_the_call_ended(tmp_path: Path) -> None:
    town = Town(tmp_path)
    number = town.lives("+31612345678")
    town.starts_up()
    town.voice.scripts[number] = [says(Outcome.BUSY, seconds=4.0), confirms()]
    action = town.acts()
    town.passes(200)
    first, second = (left.at for left in town.voice.left)
    assert 4.0 + 120.0 <= second - first <= 4.0 + 121.0
    assert town.counts(action) == {"voice": {"heard_confirmed": 1}}


def test_both_means_a_call_and_a_text(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives("+31612345678", channels=BOTH)
    town.lives("+31687654321", channels=SMS)
    town.starts_up()
    town.sms.usual = lambda: accepted_and(Outcome.DELIVERED)
    action = town.acts(channels=BOTH)
    town.passes(20)
    assert town.counts(action) == {"voice": {"heard": 1}, "sms": {"delivered": 2}}


def test_a_close_stops_what_rings_and_what_waits_and_only_those_reached_are_told(tmp_path: Path) -> None:
    town = Town(tmp_path)
    heard, ringing, waiting = (town.lives(f"+3161234567{n}", 10 * n + 10) for n in range(3))
    town.starts_up()
    town.voice.places = 2
    town.voice.scripts[ringing] = [says(Outcome.NO_ANSWER, seconds=25.0)]
    town.voice.scripts[heard] = [confirms()]
    action = town.acts()
    town.passes(5)
    town.closes(action)
    town.passes(40)
    assert town.voice.numbers() == [heard, ringing]
    assert town.counts(action) == {"voice": {"stopped": 3}}
    assert town.voice.numbers(MessageKind.CLOSING) == []
    assert town.sees(action).action.state is ActionState.CLOSED
    assert waiting not in town.voice.numbers()
