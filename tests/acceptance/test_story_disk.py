"""The SQLite file in trouble: no room, or another daemon that holds it."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.action import ActionState
from gateway.domain.identifiers import ActionId
from gateway.domain.outcomes import Outcome
from gateway.domain.quiet import QuietHours
from gateway.engine.rules import EngineRules
from gateway.store.database import open_database
from gateway.store.faults import DatabaseInUse, StoreUnavailable
from tests.acceptance.scripted_channels import (
    accepted_and,
    connection_lost,
    hears,
    says,
)
from tests.acceptance.town import BOTH, SMS, Town

QUIET = EngineRules(quiet=QuietHours(time(22), time(7), ZoneInfo("Europe/Amsterdam")))


ONE, TWO = "+31612345601", "+31612345602"


def test_a_full_disk_is_said_and_outlived(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE)
    town.starts_up()
    action = town.composes()
    with town.database.writing.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreUnavailable, match="full"):
        _compose_until_it_fails(town)
    assert town.wait(town.engine.healthy()) is not None
    assert town.sees(action).action.state is ActionState.DRAFT
    with town.database.writing.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    town.wait(town.engine.start(action, "j.operator"))
    town.passes(30)
    assert town.counts(action) == {"voice": {"heard": 1}}
    assert town.wait(town.engine.healthy()) is None


def test_outcomes_wait_for_room_on_the_disk_and_are_saved_then(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.population(40)
    town.starts_up()
    action = town.acts()
    town.passes(4)
    with town.database.writing.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1")
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    town.passes(60)
    with town.database.writing.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    town.passes(30)
    assert town.counts(action) == {"voice": {"heard": 40}}
    assert len(town.voice.left) == 40


def test_a_second_daemon_on_the_same_file_is_told_who_holds_it(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.starts_up()
    with pytest.raises(DatabaseInUse, match="in use by node gw1, process"):
        open_database(f"sqlite:///{tmp_path / 'town.db'}", "gw2")


def test_a_close_that_the_disk_refused_changes_nothing_and_can_be_asked_again(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.lives(ONE, 10)
    town.lives(TWO, 20, channels=SMS)
    town.starts_up()
    town.voice.scripts[ONE] = [says(Outcome.BUSY), hears()]
    town.sms.scripts[TWO] = [connection_lost(), accepted_and(None)]
    action = town.acts(channels=BOTH)
    town.passes(5)
    with town.database.writing.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreUnavailable):
        _close_until_it_fails(town, action)
    with town.database.writing.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    town.passes(200)
    assert town.counts(action) == {"voice": {"heard": 1}, "sms": {"sent": 1}}
    assert town.sees(action).possible_duplicates == 1
    town.closes(action)
    town.passes(200)
    assert town.sees(action).action.state is ActionState.CLOSED


def _close_until_it_fails(town: Town, action: ActionId) -> None:
    """A text that does not fit on the pages that are left."""
    town.closes(action, "x" * 200_000)


def _compose_until_it_fails(town: Town) -> None:
    for _ in range(200):
        town.composes(message="x" * 4_000)
