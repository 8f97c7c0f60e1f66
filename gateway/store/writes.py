"""What the runner saves of a delivery, and the statements that save a whole batch of it at once. Blocking.

A hot path: rows are grouped by statement and each statement runs once a batch (`executemany`), measured at a fifth of
the cost of a statement a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

from sqlalchemy import Connection, insert, update
from sqlalchemy.dialects.postgresql import Insert

from foundation.clock import Saved
from gateway.domain.attempt import Wire
from gateway.domain.delivery import Delivery
from gateway.domain.identifiers import AttemptId
from gateway.domain.outcomes import Outcome
from gateway.store.closing import ClosingTerms, insert_closing_for
from gateway.store.counting import Changes, change_counters
from gateway.store.faults import LeaseLost
from gateway.store.prepared import Given, Prepared, Row, inserting, types_of
from gateway.store.schema import actions, attempts, deliveries, message_ids, microseconds
from gateway.store.schema import milestones as milestone_rows


@dataclass(slots=True)
class AttemptRow:
    """What a write changes of one attempt. `began`: the row is new; `sent`, `ended`, `interrupted`: it happened at the
    write's time. What `wire` leaves None stays as it was."""

    id: AttemptId
    wire: Wire | None = None
    began: bool = False
    sent: bool = False
    ended: bool = False
    interrupted: bool = False
    outcome: Outcome | None = None
    possible_duplicate: bool = False


@dataclass(slots=True)
class DeliveryWrite:
    """One decision, saved whole or not at all. `before` is what the decision started from: the row must still carry its
    version and epoch, else the write is refused with LeaseLost. `closing`: the recipient is owed the closing message, under
    these terms; `told`: how many closing deliveries that left waiting, known once it is saved."""

    before: Delivery
    after: Delivery
    at: Saved
    attempt: AttemptRow | None = None
    message_ids: tuple[tuple[str, str], ...] = ()
    closing: ClosingTerms | None = None
    resent: bool = False
    milestones: Sequence[int] = field(default=())
    told: int = 0


_CHANGED = (
    "state",
    "outcome",
    "attempts",
    "ordinal",
    "not_before",
    "avoid",
    "possible_duplicate",
    "version",
    "updated_at",
)
_UPDATE_DELIVERY = Prepared(
    {
        "row": deliveries.c.id.type,
        "expected": deliveries.c.version.type,
        "epoch": deliveries.c.lease_epoch.type,
        **types_of((deliveries.c[name] for name in _CHANGED), "new_"),
    },
    lambda given: (
        update(deliveries)
        .where(
            deliveries.c.id == given["row"],
            deliveries.c.version == given["expected"],
            deliveries.c.lease_epoch == given["epoch"],
        )
        .values({name: given[f"new_{name}"] for name in _CHANGED})
    ),
)
_INSERT_ATTEMPT = Prepared(types_of(attempts.c), lambda given: inserting(attempts, given))
_NO_NEWS = dict.fromkeys(column.name for column in attempts.c)


def _keep_id(given: Given) -> Insert:
    new = inserting(message_ids, given)
    return new.on_conflict_do_update(
        index_elements=["smsc", "message_id"], set_={"attempt": new.excluded.attempt, "at": new.excluded.at}
    )


_KEEP_ID = Prepared(types_of(message_ids.c), _keep_id)


@cache
def _update_attempt(columns: tuple[str, ...]) -> Prepared:
    """The update of these columns of an attempt: there are as many as there are kinds of news of one."""
    types = {"of_row": attempts.c.id.type, **types_of(attempts.c[name] for name in columns)}
    return Prepared(
        types,
        lambda given: (
            update(attempts).where(attempts.c.id == given["of_row"]).values({name: given[name] for name in columns})
        ),
    )


def apply_writes(connection: Connection, writes: Sequence[DeliveryWrite]) -> None:
    """Save them in order. Raises LeaseLost when a row was not as expected; then the caller rolls back."""
    _save_attempts(connection, writes)
    changed = _delivery_rows(writes)
    if changed:
        done = _UPDATE_DELIVERY.run(connection, changed)
        if done != len(changed):
            raise LeaseLost(f"{len(changed) - done} of {len(changed)} deliveries are no longer as they were")
    _count(connection, writes)
    _keep_message_ids(connection, writes)
    _rest(connection, writes)


def _delivery_rows(writes: Iterable[DeliveryWrite]) -> list[Row]:
    """One row a delivery: several decisions on it in one group are saved as the last one, from the first's version.
    They must follow each other; where they do not, memory was wrong in between."""
    rows: dict[int, Row] = {}
    for write in writes:
        before, after = write.before, write.after
        if after is before:
            continue
        earlier = rows.get(after.id)
        if earlier is not None and earlier["new_version"] != before.version:
            raise LeaseLost("a decision rests on another one that was not saved")
        rows[after.id] = {
            "row": after.id,
            "expected": before.version if earlier is None else earlier["expected"],
            "epoch": after.epoch,
            "new_state": after.state._value_,
            "new_outcome": after.outcome._value_,
            "new_attempts": after.attempts,
            "new_ordinal": after.ordinal,
            "new_not_before": None if after.not_before is None else microseconds(after.not_before),
            "new_avoid": " ".join(sorted(after.avoid)) if after.avoid else "",
            "new_possible_duplicate": after.possible_duplicate,
            "new_version": after.version,
            "new_updated_at": microseconds(write.at),
        }
    return list(rows.values())


def _save_attempts(connection: Connection, writes: Iterable[DeliveryWrite]) -> None:
    """New attempts with all that is known of them by now, and news of earlier ones: what is known stays where nothing new
    is said."""
    begun: dict[int, Row] = {}
    merged: dict[int, Row] = {}
    for write in writes:
        attempt = write.attempt
        if attempt is None:
            continue
        at = microseconds(write.at)
        if attempt.began:
            new = {"id": attempt.id, "started_at": at, "possible_duplicate": attempt.possible_duplicate}
            begun[attempt.id] = _NO_NEWS | new | {"interrupted": False}
        elif attempt.id in begun:
            begun[attempt.id].update(_news(attempt, at))
        else:
            merged.setdefault(attempt.id, {}).update(_news(attempt, at))
    if begun:
        _INSERT_ATTEMPT.run(connection, list(begun.values()))
    shapes: dict[tuple[str, ...], list[Row]] = {}
    for row, news in merged.items():
        if news:
            shapes.setdefault(tuple(news), []).append({"of_row": row, **news})
    for columns, rows in shapes.items():
        _update_attempt(columns).run(connection, rows)


_WIRE_FIELDS = (
    "peer",
    "reference",
    "sip_code",
    "q850_cause",
    "command_status",
    "receipt_status",
    "error",
    "segments",
    "heard_milliseconds",
)


def _news(change: AttemptRow, at: int) -> Row:
    row: Row = {}
    if change.sent:
        row["sent_at"] = at
    if change.ended:
        row["ended_at"] = at
    if change.interrupted:
        row["interrupted"] = True
    if change.outcome is not None:
        row["outcome"] = change.outcome._value_
    wire = change.wire
    if wire is not None:
        for name in _WIRE_FIELDS:
            value = getattr(wire, name)
            if value is not None:
                row[name] = value
        if wire.answered_at is not None:
            row["answered_at"] = microseconds(wire.answered_at)
    return row


def _count(connection: Connection, writes: Iterable[DeliveryWrite]) -> None:
    changes: Changes = {}
    for write in writes:
        old, new = write.before.outcome, write.after.outcome
        if old is not new:
            key = write.after.key
            gone = (key.action, key.channel._value_, key.message._value_, old._value_)
            come = (key.action, key.channel._value_, key.message._value_, new._value_)
            changes[gone] = changes.get(gone, 0) - 1
            changes[come] = changes.get(come, 0) + 1
    change_counters(connection, changes)


def _keep_message_ids(connection: Connection, writes: Iterable[DeliveryWrite]) -> None:
    """Which attempt a receipt will mean. An SMSC that gives an id a second time means the newer message."""
    rows = {
        pair: {"smsc": pair[0], "message_id": pair[1], "attempt": write.attempt.id, "at": microseconds(write.at)}
        for write in writes
        if write.attempt is not None
        for pair in write.message_ids
    }
    if rows:
        _KEEP_ID.run(connection, list(rows.values()))


def _rest(connection: Connection, writes: Iterable[DeliveryWrite]) -> None:
    for write in writes:
        action = write.after.key.action
        if write.closing is not None:
            write.told = insert_closing_for(connection, action, write.after.id, write.closing)
        if write.resent:
            connection.execute(
                update(actions)
                .where(actions.c.id == action)
                .values(possible_duplicates=actions.c.possible_duplicates + 1)
            )
        for percent in write.milestones:
            row = {"action": action, "percent": percent, "at": microseconds(write.at)}
            connection.execute(insert(milestone_rows), row)
