"""What a close and an expiry do while calls are up, texts come in, and the store is slow or away."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from foundation.telephone_numbers import PhoneNumber
from gateway.domain.action import ActionState
from gateway.domain.attempt import Accepted, Ended
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.store.faults import StoreUnavailable
from tests.acceptance.scripted_channels import (
    SMSC,
    TRUNK,
    Step,
    accepted_and,
    connection_lost,
    hears,
    says,
)
from tests.acceptance.town import SMS, Town

ONE, TWO = "+31612345601", "+31612345602"


def test_each_closing_message_told_takes_no_look_through_all_of_the_action(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.population(60)
    town.starts_up()
    tries = count()
    town.voice.usual = lambda: says(Outcome.HEARD, 2.0 + next(tries) * 0.01)
    action = town.acts()
    town.passes(30)
    counted: list[str] = []

    @event.listens_for(town.database.writing, "before_cursor_execute")
    def watch(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if "count(" in statement and "FROM deliveries" in statement:
            counted.append(statement)

    town.closes(action)
    town.passes(30)
    assert town.sees(action).action.state is ActionState.CLOSED
    assert town.counts(action, MessageKind.CLOSING) == {"voice": {"heard": 60}}
    assert len(counted) <= 3


@pytest.mark.parametrize("lag", [0.02, 0.06, 0.11, 0.16, 0.21])
def test_what_ends_while_others_are_counted_is_counted_too(tmp_path: Path, lag: float) -> None:
    town = Town(tmp_path, commit_seconds=0.1)
    first, second = town.lives(ONE, 10, channels=SMS), town.lives(TWO, 20, channels=SMS)
    town.starts_up()
    action = town.acts(channels=SMS)
    town.passes(10)
    town.sms.scripts = {
        first: [[(0.05, Accepted(SMSC))]],
        second: [[(0.05 + lag, Ended(Outcome.REJECTED, SMSC))]],
    }
    town.closes(action)
    town.passes(600)
    assert town.counts(action, MessageKind.CLOSING) == {"sms": {"sent": 1, "rejected": 1}}
    assert town.sees(action).action.state is ActionState.CLOSED


def test_who_was_heard_as_the_action_closed_is_told_and_waited_for(tmp_path: Path) -> None:
    town = Town(tmp_path, commit_seconds=0.1)
    town.population(5)
    town.starts_up()
    town.voice.usual = lambda: [(30.0, Ended(Outcome.HEARD, TRUNK))]
    town.voice.cancel_ends_with = Outcome.HEARD
    action = town.acts()
    town.passes(10)
    town.voice.usual = hears
    town.closes(action)
    town.passes(60)
    assert town.counts(action, MessageKind.CLOSING) == {"voice": {"heard": 5}}
    assert town.sees(action).action.state is ActionState.CLOSED


def test_an_expiry_ends_the_calls_at_once_also_where_nothing_can_be_saved(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    town.voice.usual = lambda: says(Outcome.NO_ANSWER, 30.0)
    action = town.acts(expires_in=10)
    town.passes(5)
    with _no_room(town):
        town.passes(7)
        assert len(town.voice.cancelled) == 1
    town.passes(10)
    assert town.sees(action).action.state is ActionState.CLOSED
    assert town.counts(action) == {"voice": {"expired": 1}}


def test_who_had_heard_it_when_the_action_expired_is_told_once(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    town.voice.usual = hears
    action = town.acts(expires_in=10)
    town.passes(60)
    assert town.counts(action) == {"voice": {"heard": 1}}
    assert town.counts(action, MessageKind.CLOSING) == {"voice": {"heard": 1}}
    assert town.sees(action).action.state is ActionState.CLOSED


def test_a_close_whose_commit_is_slow_ends_the_calls_within_two_seconds(tmp_path: Path) -> None:
    town = Town(tmp_path, commit_seconds=4.0)
    town.lives(ONE)
    town.starts_up()
    town.voice.usual = lambda: says(Outcome.NO_ANSWER, 60.0)
    action = town.acts()
    town.passes(20)
    asked = town.clock.seconds()
    cancelled_at: list[float] = []
    cancel = town.voice.cancel
    town.voice.cancel = lambda attempt: (cancelled_at.append(town.clock.seconds()), cancel(attempt))[1]  # type: ignore[method-assign]  # with its time
    town.closes(action)
    town.passes(30)
    assert [at - asked <= 2.0 for at in cancelled_at] == [True]
    assert town.counts(action) == {"voice": {"stopped": 1}}
    assert town.sees(action).action.state is ActionState.CLOSED


def test_a_call_that_ends_while_a_close_is_refused_is_tried_again(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    busy: list[Step] = [(5.0, Ended(Outcome.BUSY, TRUNK))]
    town.voice.scripts[ONE] = [busy, hears()]
    action = town.acts()
    town.passes(4)
    (left,) = town.voice.left
    with _no_room(town):
        town.clock.callLater(0, town.voice._step, left.attempt.id, Ended(Outcome.BUSY, TRUNK))
        with pytest.raises(StoreUnavailable):
            town.closes(action)
    town.passes(200)
    assert town.counts(action) == {"voice": {"heard": 1}}
    assert town.sees(action).action.state is ActionState.ACTIVE


def test_an_expiry_while_a_close_is_refused_is_not_lost(tmp_path: Path) -> None:
    town = Town(tmp_path, commit_seconds=0.5)
    town.lives(ONE)
    town.starts_up()
    begin = town.clock.seconds()
    action = town.acts(expires_in=10)
    town.passes(begin + 9.75 - town.clock.seconds())
    with _no_room(town), pytest.raises(StoreUnavailable):
        town.closes(action)
    town.passes(30)
    assert town.sees(action).action.state is ActionState.CLOSED


def test_after_the_start_the_counts_add_up_to_the_recipients(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.population(3)
    town.starts_up()
    action = town.composes()
    town.lives(ONE, 15.0)
    town.settles()
    town.wait(town.engine.opt_out(PhoneNumber(ONE), ChannelName.VOICE))
    town.wait(town.engine.start(action, "j.operator"))
    town.passes(60)
    assert town.sees(action).estimate.recipients == {ChannelName.VOICE: 4}
    assert town.counts(action) == {"voice": {"heard": 3, "opted_out": 1}}


@pytest.mark.parametrize("restarted", [True, False])
def test_a_stop_while_a_text_is_doubtful_is_heeded_also_over_a_restart(tmp_path: Path, restarted: bool) -> None:
    town = Town(tmp_path)
    town.lives(ONE, channels=SMS)
    town.sms.scripts = {ONE: [connection_lost(), accepted_and(None)]}
    town.starts_up()
    action = town.acts(channels=SMS)
    town.passes(5)
    town.wait(town.engine.opt_out(PhoneNumber(ONE), ChannelName.SMS))
    town.passes(2)
    if restarted:
        town.restarts()
    town.passes(200)
    assert len(town.sms.left) == 1
    assert town.counts(action) == {"sms": {"unknown": 1}}


def test_many_in_a_full_prefix_starve_nobody_else(tmp_path: Path) -> None:
    town = Town(tmp_path)
    full = [town.lives(f"+3120{1_000_000 + each}", 10 + each * 0.1) for each in range(2_600)]
    others = [town.lives(f"+316{20_000_000 + each}", 600 + each * 0.1) for each in range(200)]
    town.voice.refused = frozenset(full)
    town.starts_up()
    town.acts()
    town.passes(60)
    assert set(town.voice.numbers()) == set(others)


@contextmanager
def _no_room(town: Town) -> Iterator[None]:
    """The disk is full for what follows."""

    def refuse(connection: object) -> None:
        raise OperationalError("BEGIN", None, sqlite3.OperationalError("database or disk is full"))

    event.listen(town.database.writing, "begin", refuse)
    try:
        yield
    finally:
        event.remove(town.database.writing, "begin", refuse)
