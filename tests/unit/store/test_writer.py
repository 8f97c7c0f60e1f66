"""The writer: order, groups, one bad row among good ones, a full disk; with its thread and without."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select
from twisted.internet.task import Clock

from foundation.clock import saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.attempt import Wire
from gateway.domain.delivery import Delivery, DeliveryState
from gateway.domain.identifiers import ActionId, DeliveryKey
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.store.counting import counts_of, create_counters
from gateway.store.database import Database
from gateway.store.faults import LeaseLost
from gateway.store.schema import attempts, deliveries, desks, message_ids
from gateway.store.writer import InlineWriter, ThreadedWriter
from gateway.store.writes import AttemptRow, DeliveryWrite
from tests.databases import open_for
from tests.unit.store.mailbox import Mailbox, results_of

NOW = saved(datetime(2026, 11, 24, 12, tzinfo=UTC))


def _row(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "action": "a",
        "number": f"+316{10_000_000 + number}",
        "channel": "sms",
        "message": "alert",
        "language": "nl",
        "night": False,
        "square_metres": 0.0,
        "state": "waiting",
        "outcome": "waiting",
        "attempts": 0,
        "ordinal": 0,
        "avoid": "",
        "possible_duplicate": False,
        "version": 0,
        "lease_node": "gw1",
        "lease_epoch": 4,
        "updated_at": 0,
    }


def _delivery(number: int, epoch: int = 4) -> Delivery:
    key = DeliveryKey(ActionId("a"), PhoneNumber(f"+316{10_000_000 + number}"), ChannelName.SMS, MessageKind.ALERT)
    return Delivery(number, key, epoch=epoch)


def _pick(before: Delivery) -> DeliveryWrite:
    after = before.moved(DeliveryState.STARTING, Outcome.IN_PROGRESS, ordinal=before.ordinal + 1)
    return DeliveryWrite(before, after, NOW, AttemptRow(after.attempt, began=True))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    opened = open_for(tmp_path)
    with opened.writing.begin() as connection:
        create_counters(connection, "a", [ChannelName.SMS])
        connection.execute(insert(deliveries), [_row(number) for number in range(1, 11)])
    return opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def writer(database: Database, clock: Clock) -> InlineWriter:
    return InlineWriter(database.writing, clock)


def _states(database: Database) -> list[str]:
    with database.reading.connect() as connection:
        return list(connection.execute(select(deliveries.c.state).order_by(deliveries.c.id)).scalars())


def test_a_group_shares_one_commit(database: Database, writer: InlineWriter, clock: Clock) -> None:
    commits: list[object] = []
    event.listen(database.writing, "commit", commits.append)
    results = results_of([writer.write(_pick(_delivery(number))) for number in range(1, 11)])
    clock.advance(0)
    assert results == [None] * 10
    assert len(commits) == 1
    assert set(_states(database)) == {"starting"}


def test_one_stale_row_harms_no_other(database: Database, writer: InlineWriter, clock: Clock) -> None:
    stale = _pick(_delivery(3, epoch=3))
    results = results_of([writer.write(_pick(_delivery(1))), writer.write(stale), writer.write(_pick(_delivery(2)))])
    clock.advance(0)
    assert (results[0], results[2]) == (None, None)
    assert isinstance(results[1], LeaseLost)
    assert _states(database)[:4] == ["starting", "starting", "waiting", "waiting"]


def test_what_rests_on_a_refused_decision_is_refused_too(
    database: Database, writer: InlineWriter, clock: Clock
) -> None:
    first = _pick(_delivery(3, epoch=3))
    sent = first.after.moved(DeliveryState.SENT, Outcome.IN_PROGRESS)
    results = results_of([writer.write(first), writer.write(DeliveryWrite(first.after, sent, NOW))])
    clock.advance(0)
    assert [type(result) for result in results] == [LeaseLost, LeaseLost]
    assert _states(database)[2] == "waiting"


def test_several_decisions_on_one_delivery_in_one_group(database: Database, writer: InlineWriter, clock: Clock) -> None:
    first = _pick(_delivery(1))
    accepted = first.after.moved(DeliveryState.DONE, Outcome.SENT, attempts=1)
    receipted = accepted.moved(DeliveryState.DONE, Outcome.DELIVERED)
    wire = Wire(peer="main", reference="id-1", segments=1)
    done = AttemptRow(accepted.attempt, wire, ended=True, outcome=Outcome.SENT)
    told = AttemptRow(accepted.attempt, Wire(receipt_status="DELIVRD"), outcome=Outcome.DELIVERED)
    results = results_of(
        [
            writer.write(first),
            writer.write(DeliveryWrite(first.after, accepted, NOW, done, message_ids=(("main", "id-1"),))),
            writer.write(DeliveryWrite(accepted, receipted, NOW, told)),
        ]
    )
    clock.advance(0)
    assert results == [None, None, None]
    with database.reading.connect() as connection:
        row = connection.execute(select(deliveries).where(deliveries.c.id == 1)).one()
        assert (row.state, row.outcome, row.version, row.attempts) == ("done", "delivered", 3, 1)
        attempt = connection.execute(select(attempts)).one()
        assert (attempt.peer, attempt.reference, attempt.outcome) == ("main", "id-1", "delivered")
        assert attempt.receipt_status == "DELIVRD"
        assert connection.execute(select(message_ids.c.attempt)).scalar_one() == accepted.attempt
        counts = counts_of(connection, ["a"])["a"][MessageKind.ALERT][ChannelName.SMS]
        assert counts[Outcome.DELIVERED] == 1


def test_work_that_raises_leaves_nothing_and_harms_no_other(
    database: Database, writer: InlineWriter, clock: Clock
) -> None:
    def half(connection: Connection) -> None:
        connection.execute(insert(desks), {"id": "d", "name": "d", "room": "r", "present": True})
        raise KeyError("half-way")

    results = results_of([writer.write(_pick(_delivery(1))), writer.run(half), writer.run(lambda _: 7)])
    clock.advance(0)
    assert results[0] is None
    assert isinstance(results[1], KeyError)
    assert results[2] == 7
    with database.reading.connect() as connection:
        assert connection.execute(select(desks)).all() == []


def test_work_runs_in_the_order_of_the_writes(database: Database, writer: InlineWriter, clock: Clock) -> None:
    def look(connection: Connection) -> str:
        return connection.execute(select(deliveries.c.state).where(deliveries.c.id == 1)).scalar_one()

    results = results_of([writer.run(look), writer.write(_pick(_delivery(1))), writer.run(look)])
    clock.advance(0)
    assert results == ["waiting", None, "starting"]


def test_the_thread_saves_in_order_and_tells_on_the_reactors_side(database: Database) -> None:
    mailbox = Mailbox()
    writer = ThreadedWriter(database.writing, mailbox.put)
    writer.start()
    results = results_of([writer.write(_pick(_delivery(number))) for number in range(1, 11)])
    mailbox.run_until(lambda: len(results) == 10)
    assert results == [None] * 10
    writer.stop()
    assert set(_states(database)) == {"starting"}
    assert not any(thread.name == "store-writer" for thread in threading.enumerate())


def test_stopping_saves_what_was_given(database: Database) -> None:
    mailbox = Mailbox()
    writer = ThreadedWriter(database.writing, mailbox.put)
    for number in range(1, 11):
        writer.write(_pick(_delivery(number)))
    writer.start()
    writer.stop()
    assert set(_states(database)) == {"starting"}
