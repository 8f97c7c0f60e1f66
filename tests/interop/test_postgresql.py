"""PostgreSQL beside SQLite: the same stories and store tests, several nodes on one server, and a server that goes away."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, func, insert, select, text
from twisted.internet.task import Clock

from gateway.domain.action import ActionState
from gateway.domain.identifiers import NodeName
from gateway.domain.outcomes import ChannelName, MessageKind
from gateway.engine.interface import Conflict
from gateway.store.database import open_database
from gateway.store.dialogs import DialogWrite, apply_dialogs
from gateway.store.faults import DatabaseInUse
from gateway.store.schema import desks
from gateway.store.writer import InlineWriter
from ivr.call import SavedDialog
from tests.acceptance.town import Town
from tests.databases import SERVER, database_url, open_for
from tests.interop.postgresql_server import PostgresqlServer
from tests.unit.store.mailbox import results_of

ROOT = Path(__file__).parents[2]
SUITES = (
    "tests/unit/store/test_writer.py",
    "tests/unit/store/test_receipts_lookup.py",
    "tests/acceptance/test_story_action.py",
    "tests/acceptance/test_story_sharing.py",
    "tests/acceptance/test_story_receipts.py",
    "tests/acceptance/test_story_recall.py",
    "tests/acceptance/test_story_queries.py",
    "tests/acceptance/test_story_replies.py",
    "tests/acceptance/test_story_trouble.py",
    "tests/acceptance/test_story_office.py",
    "tests/acceptance/test_story_close.py",
    "tests/acceptance/test_story_crash.py",
)
KILLED = (
    "tests/acceptance/test_story_crash.py",
    "tests/acceptance/test_story_recall.py",
    "tests/acceptance/test_story_replies.py",
)
DIALOG = SavedDialog("leg-1", "out", "up", "kpn", "id@x", "a", "t", "b", None, "b", (), 1, "z9", "udp", "h:5060")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    running = PostgresqlServer()
    try:
        running.start()
        yield running
    finally:
        running.remove()


@pytest.fixture(autouse=True)
def on_the_server(server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What asks `tests.databases` for a database gets one there."""
    monkeypatch.setenv(SERVER, server.url)


@pytest.mark.parametrize("suite", SUITES)
def test_the_same_suite_holds(server: PostgresqlServer, suite: str) -> None:
    # A cut of the crash story: every boundary is one more database.
    slices = ("-k", "not killed or boundary[3]") if suite in KILLED else ()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *slices, suite],
        cwd=ROOT,
        env={**os.environ, SERVER: server.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-4_000:]


def _neighbour(of: Town) -> Town:
    """A second node on the same database and clock, with channels of its own."""
    return Town(of.path, clock=of.clock, node="gw2")


def test_a_second_daemon_with_the_same_name_is_refused_in_words(tmp_path: Path) -> None:
    first = open_for(tmp_path)
    with pytest.raises(DatabaseInUse, match="node gw1 runs already"):
        open_database(database_url(tmp_path), "gw1")
    open_database(database_url(tmp_path), "gw2").close()
    first.close()
    open_database(database_url(tmp_path), "gw1").close()


def test_a_new_node_leaves_the_actions_of_a_living_one_alone_and_takes_those_of_one_that_is_gone(
    tmp_path: Path,
) -> None:
    first = Town(tmp_path)
    people = first.population(30)
    first.starts_up()
    first.voice.places = 5
    action = first.acts()
    first.passes(10)
    second = _neighbour(first)
    second.starts_up()
    first.passes(20)
    assert second.voice.left == []
    with pytest.raises(Conflict, match="another gateway"):
        second.closes(action)

    with first.database.writing.begin() as connection:
        apply_dialogs(connection, [DialogWrite(DIALOG, NodeName("gw1"))])
    first.engine.end()
    first.voice.die()
    first.database.close()
    calls = len(first.voice.left)
    second.passes(200)
    assert second.dialogs_ended == [DIALOG]
    assert second.counts(action) == {"voice": {"heard": 30}}
    assert calls + len(second.voice.left) <= len(people) + 5
    second.closes(action)
    second.passes(120)
    assert second.sees(action).action.state is ActionState.CLOSED
    assert second.counts(action, MessageKind.CLOSING) == {"voice": {"heard": 30}}


def test_both_nodes_work_at_once_and_count_right(tmp_path: Path) -> None:
    first = Town(tmp_path)
    first.population(40)
    first.starts_up()
    second = _neighbour(first)
    second.starts_up()
    for node in (first, second):
        node.voice.places = 10
    actions = (first.acts(), second.acts())
    first.passes(120)
    for node, action in zip((first, second), actions, strict=True):
        assert node.counts(action) == {"voice": {"heard": 40}}
        assert len(node.voice.left) == 40
    second.database.close()


def test_a_server_that_is_gone_for_half_a_minute_loses_nothing(tmp_path: Path, server: PostgresqlServer) -> None:
    town = Town(tmp_path)
    town.population(40)
    town.starts_up()
    town.voice.places = 10
    action = town.acts()
    town.passes(9)
    server.kill()
    town.passes(30)
    assert town.wait(town.engine.healthy()) is not None
    left = len(town.voice.left)
    assert left <= 20
    server.start()
    town.passes(120)
    assert town.wait(town.engine.healthy()) is None
    assert town.counts(action) == {"voice": {"heard": 40}}
    assert len(town.voice.left) == 40
    assert [failure for failure in town.voice.failures if not isinstance(failure, OSError)] == []
    with pytest.raises(DatabaseInUse):
        open_database(database_url(tmp_path), "gw1")


def test_a_node_that_has_nothing_to_do_keeps_its_actions_when_the_server_was_away(
    tmp_path: Path, server: PostgresqlServer
) -> None:
    first = Town(tmp_path)
    first.population(5)
    first.starts_up()
    first.voice.places = 0
    action = first.acts()
    second = _neighbour(first)
    second.starts_up()
    server.kill()
    first.passes(20)
    server.start()
    first.passes(200)
    assert second.voice.left == []
    first.voice.places = 5
    first.engine.capacity_changed(ChannelName.VOICE)
    first.passes(30)
    assert first.counts(action) == {"voice": {"heard": 5}}


def test_a_commit_whose_answer_was_lost_is_not_done_twice(tmp_path: Path, server: PostgresqlServer) -> None:
    database = open_for(tmp_path)
    clock = Clock()
    writer = InlineWriter(database.writing, clock)
    broken: list[bool] = []

    def commits(connection: Connection) -> None:
        """The server does commit, and its answer does not come."""
        if broken:
            return
        broken.append(True)
        process = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.commit()
        # Outside of a transaction the driver would send no COMMIT at all.
        driver.execute("SELECT 1")
        with database.reading.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:process, 5000)"), {"process": process})

    event.listen(database.writing, "commit", commits)

    def add(connection: Connection) -> int:
        connection.execute(insert(desks), {"id": "d", "name": "d", "room": "r", "present": True})
        return 7

    results = results_of([writer.run(add, patient=True)])
    clock.advance(0)
    assert results == []
    assert writer.trouble is not None
    clock.advance(1)
    assert results == [7]
    with database.reading.connect() as connection:
        assert connection.execute(select(func.count()).select_from(desks)).scalar_one() == 1
