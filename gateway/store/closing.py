"""The end of an action, set-based: what waits is stopped, and who was reached gets the closing message. Blocking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    true,
    update,
)

from foundation.clock import Saved
from gateway.domain.delivery import DeliveryState
from gateway.domain.outcomes import MessageKind, Outcome
from gateway.store.counting import Changes, change_counters
from gateway.store.recipients import DELIVERY_COLUMNS, Lease
from gateway.store.schema import deliveries, microseconds, opt_outs


def stop_waiting(connection: Connection, action: str, message: MessageKind, word: Outcome, at: Saved) -> int:
    """Make final what waits or is doubtful; how many were. A doubtful text stays `unknown`, what the quiet hours held
    keeps that word, all else gets `word`."""
    doubtful = or_(deliveries.c.state == DeliveryState.UNCERTAIN.value, deliveries.c.possible_duplicate == true())
    held = deliveries.c.outcome == Outcome.HELD_QUIET_HOURS.value
    outcome = case((doubtful, Outcome.UNKNOWN.value), (held, deliveries.c.outcome), else_=word.value)
    these = and_(
        deliveries.c.action == action,
        deliveries.c.message == message.value,
        deliveries.c.state.in_([DeliveryState.WAITING.value, DeliveryState.UNCERTAIN.value]),
    )
    changes: Changes = {}
    stopped = 0
    counted = select(deliveries.c.channel, deliveries.c.outcome, outcome.label("becomes"), func.count()).where(these)
    for channel, before, becomes, count in connection.execute(
        counted.group_by(deliveries.c.channel, deliveries.c.outcome, outcome)
    ):
        stopped += count
        for word_of, change in ((before, -count), (becomes, count)):
            key = (action, channel, message.value, word_of)
            changes[key] = changes.get(key, 0) + change
    connection.execute(
        update(deliveries)
        .where(these)
        .values(
            state=DeliveryState.DONE.value,
            outcome=outcome,
            not_before=None,
            version=deliveries.c.version + 1,
            updated_at=microseconds(at),
        )
    )
    change_counters(connection, changes)
    return stopped


@dataclass(frozen=True, slots=True)
class ClosingTerms:
    """Under which lease closing deliveries are written, and whether the quiet hours hold them."""

    lease: Lease
    quiet: bool
    at: Saved


def insert_closing(connection: Connection, action: str, reached: Iterable[Outcome], terms: ClosingTerms) -> int:
    """One closing delivery for each alert that is done and reached, nearest first; how many of them wait."""
    alerts = deliveries.alias("alerts")
    which = and_(
        alerts.c.action == action,
        alerts.c.message == MessageKind.ALERT.value,
        alerts.c.state == DeliveryState.DONE.value,
        alerts.c.outcome.in_([outcome.value for outcome in reached]),
    )
    _insert(connection, _closing_of(alerts, terms).where(which).order_by(alerts.c.id))
    return _count_closing(connection, action)


def insert_closing_for(connection: Connection, action: str, alert: int, terms: ClosingTerms) -> int:
    """The same for one who was reached only after the close had begun, and nothing where they have it already; how many
    of them wait."""
    alerts = deliveries.alias("alerts")
    there = deliveries.alias("there")
    already = exists().where(
        there.c.number == alerts.c.number,
        there.c.action == action,
        there.c.channel == alerts.c.channel,
        there.c.message == MessageKind.CLOSING.value,
    )
    if _insert(connection, _closing_of(alerts, terms).where(alerts.c.id == alert, not_(already))) == 0:
        return 0
    inserted = select(deliveries.c.channel, deliveries.c.outcome, deliveries.c.state).where(
        deliveries.c.action == action,
        deliveries.c.message == MessageKind.CLOSING.value,
        deliveries.c.number == select(alerts.c.number).where(alerts.c.id == alert).scalar_subquery(),
        deliveries.c.channel == select(alerts.c.channel).where(alerts.c.id == alert).scalar_subquery(),
    )
    channel, outcome, state = connection.execute(inserted).one()
    change_counters(connection, {(action, channel, MessageKind.CLOSING.value, outcome): 1})
    return 1 if state == DeliveryState.WAITING.value else 0


def _closing_of(alerts: Any, terms: ClosingTerms) -> Select[Any]:
    left = exists().where(opt_outs.c.number == alerts.c.number, opt_outs.c.channel == alerts.c.channel)
    held = and_(literal(terms.quiet) == true(), alerts.c.night == false())
    return select(
        alerts.c.action,
        alerts.c.number,
        alerts.c.channel,
        literal(MessageKind.CLOSING.value),
        alerts.c.language,
        alerts.c.night,
        alerts.c.square_metres,
        case((left, DeliveryState.DONE.value), else_=DeliveryState.WAITING.value),
        case((left, Outcome.OPTED_OUT.value), (held, Outcome.HELD_QUIET_HOURS.value), else_=Outcome.WAITING.value),
        literal(0),
        literal(0),
        literal(""),
        false(),
        literal(0),
        literal(terms.lease.node),
        literal(terms.lease.epoch, deliveries.c.lease_epoch.type),
        literal(microseconds(terms.at), deliveries.c.updated_at.type),
    )


def _insert(connection: Connection, rows: Select[Any]) -> int:
    return connection.execute(insert(deliveries).from_select(list(DELIVERY_COLUMNS), rows)).rowcount


def _count_closing(connection: Connection, action: str) -> int:
    """Count what the close inserted; nothing of this message was there before."""
    counted = (
        select(deliveries.c.channel, deliveries.c.outcome, deliveries.c.state, func.count())
        .where(deliveries.c.action == action, deliveries.c.message == MessageKind.CLOSING.value)
        .group_by(deliveries.c.channel, deliveries.c.outcome, deliveries.c.state)
    )
    waiting = 0
    changes: Changes = {}
    for channel, outcome, state, count in connection.execute(counted):
        changes[action, channel, MessageKind.CLOSING.value, outcome] = count
        waiting += count if state == DeliveryState.WAITING.value else 0
    change_counters(connection, changes)
    return waiting


def hold_for_quiet(connection: Connection, actions: Iterable[str], *, quiet: bool) -> None:
    """Say of everybody who waits and may not be disturbed that the quiet hours hold them, or no longer do."""
    before, after = (
        (Outcome.WAITING, Outcome.HELD_QUIET_HOURS) if quiet else (Outcome.HELD_QUIET_HOURS, Outcome.WAITING)
    )
    for action in actions:
        these = and_(
            deliveries.c.action == action,
            deliveries.c.state == DeliveryState.WAITING.value,
            deliveries.c.outcome == before.value,
            deliveries.c.night == false(),
        )
        changes: Changes = {}
        counted = select(deliveries.c.channel, deliveries.c.message, func.count()).where(these)
        for channel, message, count in connection.execute(counted.group_by(deliveries.c.channel, deliveries.c.message)):
            changes[action, channel, message, before.value] = -count
            changes[action, channel, message, after.value] = count
        connection.execute(update(deliveries).where(these).values(outcome=after.value))
        change_counters(connection, changes)
