"""What is forgotten, and when: numbers of callers, tips, who received what of closed actions. Blocking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, delete, select, update

from foundation.clock import Saved
from gateway.domain.action import ActionState
from gateway.domain.delivery import attempt_id
from gateway.store.schema import (
    actions,
    attempts,
    calls,
    deliveries,
    idempotency_keys,
    message_ids,
    microseconds,
    part_receipts,
    replies,
    reply_answers,
    tips,
)

_ROWS_A_PASS = 5_000


@dataclass(frozen=True, slots=True)
class Forget:
    """Everything before these times. Counters and the audit trail stay."""

    recipients_before: Saved
    tips_before: Saved
    callers_before: Saved


def forget_recipients(connection: Connection, order: Forget) -> int:
    """Delete a part of the deliveries of actions that closed before then; call again until it gives 0."""
    closed = select(actions.c.id).where(
        actions.c.state == ActionState.CLOSED.value, actions.c.closed_at < microseconds(order.recipients_before)
    )
    rows = connection.execute(
        select(deliveries.c.id, deliveries.c.ordinal).where(deliveries.c.action.in_(closed)).limit(_ROWS_A_PASS)
    ).all()
    for begin in range(0, len(rows), 1_000):
        part = rows[begin : begin + 1_000]
        gone = [attempt_id(row.id, ordinal) for row in part for ordinal in range(1, row.ordinal + 1)]
        connection.execute(delete(attempts).where(attempts.c.id.in_(gone)))
        connection.execute(delete(deliveries).where(deliveries.c.id.in_([row.id for row in part])))
    return len(rows)


def forget_people(connection: Connection, order: Forget) -> list[Path]:
    """Numbers of callers and repliers, tips, old message ids; the sound files to delete after the commit."""
    callers, old = microseconds(order.callers_before), microseconds(order.tips_before)
    connection.execute(update(calls).where(calls.c.direction == "in", calls.c.started_at < callers).values(number=None))
    connection.execute(update(replies).where(replies.c.received_at < callers).values(number=None))
    connection.execute(
        update(calls)
        .where(calls.c.direction == "out", calls.c.started_at < microseconds(order.recipients_before))
        .values(number=None)
    )
    before = microseconds(order.recipients_before)
    connection.execute(delete(message_ids).where(message_ids.c.at < before))
    connection.execute(delete(part_receipts).where(part_receipts.c.at < before))
    connection.execute(delete(reply_answers).where(reply_answers.c.at < before))
    connection.execute(delete(idempotency_keys).where(idempotency_keys.c.at < before))
    paths = list(connection.execute(select(tips.c.path).where(tips.c.recorded_at < old)).scalars())
    connection.execute(delete(tips).where(tips.c.recorded_at < old))
    return [Path(path) for path in paths]


def horizon(now: Saved, *, recipients_days: float, tips_hours: float, caller_hours: float) -> Forget:
    return Forget(
        Saved(now - timedelta(days=recipients_days)),
        Saved(now - timedelta(hours=tips_hours)),
        Saved(now - timedelta(hours=caller_hours)),
    )
