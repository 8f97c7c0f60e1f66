"""A full disk: who asked is told at once, what must be saved waits, and the daemon can still stop."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from gateway.store.database import Database, open_database
from gateway.store.faults import StoreUnavailable
from gateway.store.schema import desks
from gateway.store.writer import ThreadedWriter
from tests.unit.store.mailbox import Mailbox, results_of


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(f"sqlite:///{tmp_path / 'store.db'}", "gw1", durable=False)


def _limit_pages(database: Database, pages: int | None) -> None:
    with database.writing.connect() as connection:
        most = connection.exec_driver_sql("PRAGMA page_count").scalar_one() if pages is None else pages
        connection.exec_driver_sql(f"PRAGMA max_page_count={most}")


def _long_desk(connection: Connection) -> None:
    connection.execute(insert(desks), {"id": "d", "name": "d" * 200_000, "room": "r", "present": True})


def test_on_a_full_disk_requests_are_told_at_once_and_outcomes_wait(database: Database) -> None:
    mailbox = Mailbox()
    writer = ThreadedWriter(database.writing, mailbox.put)
    _limit_pages(database, None)
    asked = results_of([writer.run(_long_desk)])
    waiting = results_of([writer.run(_long_desk, patient=True)])
    writer.start()
    mailbox.run_until(lambda: len(asked) == 1)
    assert isinstance(asked[0], StoreUnavailable)
    assert writer.trouble is not None
    assert waiting == []
    _limit_pages(database, 1_000_000)
    mailbox.run_until(lambda: len(waiting) == 1)
    assert waiting == [None]
    assert writer.trouble is None
    writer.stop()


def test_a_daemon_that_stops_on_a_full_disk_does_stop(database: Database) -> None:
    mailbox = Mailbox()
    writer = ThreadedWriter(database.writing, mailbox.put)
    _limit_pages(database, None)
    waiting = results_of([writer.run(_long_desk, patient=True)])
    writer.start()
    writer.stop()
    mailbox.run_until(lambda: len(waiting) == 1)
    assert isinstance(waiting[0], StoreUnavailable)
