"""Which attempt a receipt means, and the other small things that are looked up: dialogs, leases, retention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select
from twisted.internet.task import Clock

from foundation.clock import Saved, saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.delivery import attempt_id
from gateway.domain.identifiers import NodeName
from gateway.store.database import Database
from gateway.store.dialogs import forget_orphans, orphans
from gateway.store.journal import Journal
from gateway.store.leases import take_lease
from gateway.store.receipts import find_attempt
from gateway.store.retention import Forget, forget_people
from gateway.store.schema import attempts, calls, deliveries, message_ids, microseconds, tips
from gateway.store.writer import InlineWriter
from ivr.call import SavedDialog
from tests.databases import open_for

NOW = saved(datetime(2026, 11, 24, 12, tzinfo=UTC))
EARLIER = Saved(NOW - timedelta(hours=1))
NUMBER = PhoneNumber("+31612345678")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_for(tmp_path)


def _text(connection: Connection, row: int, action: str, state: str, outcome: str) -> None:
    connection.execute(
        insert(deliveries),
        {
            "id": row,
            "action": action,
            "number": NUMBER.e164,
            "channel": "sms",
            "message": "alert",
            "language": "nl",
            "night": False,
            "square_metres": 0.0,
            "state": state,
            "outcome": outcome,
            "attempts": 1,
            "ordinal": 1,
            "avoid": "",
            "possible_duplicate": False,
            "version": 3,
            "lease_node": "gw1",
            "lease_epoch": 1,
            "updated_at": microseconds(NOW),
        },
    )
    connection.execute(
        insert(attempts),
        {
            "id": attempt_id(row, 1),
            "started_at": microseconds(NOW),
            "sent_at": microseconds(NOW),
            "peer": "main",
            "possible_duplicate": False,
            "interrupted": False,
        },
    )


def test_the_message_id_decides(database: Database) -> None:
    with database.writing.begin() as connection:
        connection.execute(insert(message_ids), {"smsc": "main", "message_id": "A1", "attempt": 5, "at": 0})
        assert find_attempt(connection, "main", "A1", None, None, EARLIER) == 5
        assert find_attempt(connection, "other", "A1", None, None, EARLIER) is None


def test_the_reference_finds_one_of_several_texts(database: Database) -> None:
    with database.writing.begin() as connection:
        _text(connection, 8, "a", "uncertain", "unknown")
        _text(connection, 9, "b", "uncertain", "unknown")
        assert find_attempt(connection, "main", "?", NUMBER, 9, EARLIER) == attempt_id(9, 1)
        assert find_attempt(connection, "main", "?", NUMBER, 10, EARLIER) is None


def test_without_reference_only_a_single_doubtful_text_fits(database: Database) -> None:
    with database.writing.begin() as connection:
        _text(connection, 8, "a", "uncertain", "unknown")
        _text(connection, 9, "b", "done", "delivered")
        assert find_attempt(connection, "main", "?", NUMBER, None, EARLIER) == attempt_id(8, 1)
        assert find_attempt(connection, "other", "?", NUMBER, None, EARLIER) is None
        assert find_attempt(connection, "main", "?", NUMBER, None, Saved(NOW + timedelta(hours=1))) is None
        _text(connection, 10, "c", "sent", "in_progress")
        assert find_attempt(connection, "main", "?", NUMBER, None, EARLIER) is None


def _dialog(state: str) -> SavedDialog:
    return SavedDialog(
        "leg-1",
        "out",
        state,
        "kpn",
        "id@x",
        "sip:a",
        "t",
        "sip:b",
        None,
        "sip:b",
        ("<sip:r>",),
        1,
        "z9",
        "udp",
        "h:5060",
    )  # type: ignore[arg-type]  # leg and state are narrower


def test_a_dialog_is_an_orphan_until_it_is_over(database: Database) -> None:
    clock = Clock()
    journal = Journal(InlineWriter(database.writing, clock), NodeName("gw1"))
    for state in ("calling", "up"):
        journal.save(_dialog(state))
        clock.advance(0)
        with database.reading.connect() as connection:
            assert orphans(connection, NodeName("gw1")) == [_dialog(state)]
            assert orphans(connection, NodeName("gw2")) == []
    journal.save(_dialog("over"))
    clock.advance(0)
    with database.writing.begin() as connection:
        assert orphans(connection, NodeName("gw1")) == []
        forget_orphans(connection, [_dialog("up")])


def test_each_lease_has_a_higher_epoch_whichever_node_takes_it(database: Database) -> None:
    with database.writing.begin() as connection:
        epochs = [take_lease(connection, NodeName(node), NOW).epoch for node in ("gw1", "gw2", "gw1")]
    assert epochs == [1, 2, 3]


def test_callers_numbers_and_old_tips_are_forgotten(database: Database) -> None:
    old, young = microseconds(EARLIER), microseconds(NOW)
    with database.writing.begin() as connection:
        for name, at in (("old", old), ("young", young)):
            row = {
                "id": name,
                "direction": "in",
                "number": NUMBER.e164,
                "peer": "kpn",
                "call_id": "x",
                "started_at": at,
            }
            connection.execute(insert(calls), row)
            connection.execute(insert(tips), {"id": name, "recorded_at": at, "milliseconds": 1, "path": f"{name}.wav"})
        limit = Saved(NOW - timedelta(minutes=1))
        assert forget_people(connection, Forget(limit, limit, limit)) == [Path("old.wav")]
        kept = {row.id: row.number for row in connection.execute(select(calls))}
        assert kept == {"old": None, "young": NUMBER.e164}
