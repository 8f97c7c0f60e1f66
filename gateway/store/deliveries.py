"""Reading deliveries: pages for the scheduler, single rows for the runner, lists for people. Blocking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, case, func, select, true, update

from foundation.clock import Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.delivery import Delivery, DeliveryState, attempt_id
from gateway.domain.identifiers import ActionId, DeliveryKey, DeskId
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.store.recipients import Lease
from gateway.store.schema import actions, attempts, deliveries, microseconds, moment, opt_outs

_COLUMNS = (
    deliveries.c.id,
    deliveries.c.action,
    deliveries.c.number,
    deliveries.c.channel,
    deliveries.c.message,
    deliveries.c.language,
    deliveries.c.night,
    deliveries.c.state,
    deliveries.c.outcome,
    deliveries.c.attempts,
    deliveries.c.ordinal,
    deliveries.c.not_before,
    deliveries.c.avoid,
    deliveries.c.possible_duplicate,
    deliveries.c.version,
    deliveries.c.lease_epoch,
)

_STATES = {state.value: state for state in DeliveryState}
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
_CHANNELS = {channel.value: channel for channel in ChannelName}
_MESSAGES = {message.value: message for message in MessageKind}
_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class QueueName:
    """What the scheduler keeps one line of waiting people for."""

    action: ActionId
    message: MessageKind
    channel: ChannelName


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery with when it last changed, and its attempts in order."""

    delivery: Delivery
    updated_at: Saved
    attempts: tuple[Row[Any], ...]


def _delivery(row: Sequence[Any]) -> Delivery:
    avoid = row[12]
    return Delivery(
        id=row[0],
        key=DeliveryKey(row[1], PhoneNumber(row[2]), _CHANNELS[row[3]], _MESSAGES[row[4]]),
        language=row[5],
        night=bool(row[6]),
        state=_STATES[row[7]],
        outcome=_OUTCOMES[row[8]],
        attempts=row[9],
        ordinal=row[10],
        not_before=None if row[11] is None else moment(row[11]),
        avoid=frozenset(avoid.split(" ")) if avoid else _NOBODY,
        possible_duplicate=bool(row[13]),
        version=row[14],
        epoch=row[15],
    )


def fresh_page(connection: Connection, queue: QueueName, epoch: int, after: int, size: int) -> list[Delivery]:
    """Those held under this lease that wait and were never tried, in the order in which they were frozen: nearest
    first."""
    rows = connection.execute(
        select(*_COLUMNS)
        .where(
            deliveries.c.action == queue.action,
            deliveries.c.message == queue.message.value,
            deliveries.c.channel == queue.channel.value,
            deliveries.c.id > after,
            deliveries.c.lease_epoch == epoch,
            deliveries.c.state == DeliveryState.WAITING.value,
            deliveries.c.ordinal == 0,
        )
        .order_by(deliveries.c.id)
        .limit(size)
    )
    return [_delivery(row) for row in rows]


def tried_before(
    connection: Connection, action: ActionId, epoch: int, states: Iterable[DeliveryState]
) -> list[Delivery]:
    """Those of an action, held under this lease, that were begun at least once and are in one of these states."""
    rows = connection.execute(
        select(*_COLUMNS).where(
            deliveries.c.action == action,
            deliveries.c.lease_epoch == epoch,
            deliveries.c.state.in_([state.value for state in states]),
            deliveries.c.ordinal > 0,
        )
    )
    return [_delivery(row) for row in rows]


def one_delivery(connection: Connection, row: int) -> Delivery | None:
    found = connection.execute(select(*_COLUMNS).where(deliveries.c.id == row)).first()
    return None if found is None else _delivery(found)


def count_open(connection: Connection, action: ActionId) -> int:
    """How many of an action, of all its messages, are not final yet."""
    counted = select(func.count()).where(deliveries.c.action == action, deliveries.c.state != DeliveryState.DONE.value)
    return connection.execute(counted).scalar_one()


def take_over(connection: Connection, action: ActionId, lease: Lease) -> None:
    """Put everything open of an action under this node's lease; writes under another one are refused from now."""
    connection.execute(update(actions).where(actions.c.id == action).values(node=lease.node))
    connection.execute(
        update(deliveries)
        .where(deliveries.c.action == action, deliveries.c.state != DeliveryState.DONE.value)
        .values(lease_node=lease.node, lease_epoch=lease.epoch)
    )


def left_under_way(connection: Connection, action: ActionId) -> set[tuple[PhoneNumber, ChannelName]]:
    """Who opted out while an attempt of this action was made, which is not final yet."""
    rows = connection.execute(
        select(deliveries.c.number, deliveries.c.channel)
        .join(opt_outs, and_(opt_outs.c.number == deliveries.c.number, opt_outs.c.channel == deliveries.c.channel))
        .where(deliveries.c.action == action, deliveries.c.state != DeliveryState.DONE.value, deliveries.c.ordinal > 0)
    )
    return {(PhoneNumber(number), _CHANNELS[channel]) for number, channel in rows}


def opt_out_waiting(connection: Connection, number: PhoneNumber, channel: ChannelName, at: Saved) -> list[Delivery]:
    """Make final what waits for this number on this channel, in all actions; what it was. A text that may be with the
    person already becomes `unknown`, all else `opted_out`."""
    rows = connection.execute(
        select(*_COLUMNS).where(
            deliveries.c.number == number.e164,
            deliveries.c.channel == channel.value,
            deliveries.c.state == DeliveryState.WAITING.value,
        )
    ).all()
    if rows:
        connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_([row[0] for row in rows]))
            .values(
                state=DeliveryState.DONE.value,
                outcome=case(
                    (deliveries.c.possible_duplicate == true(), Outcome.UNKNOWN.value),
                    else_=Outcome.OPTED_OUT.value,
                ),
                not_before=None,
                version=deliveries.c.version + 1,
                updated_at=microseconds(at),
            )
        )
    return [_delivery(row) for row in rows]


def page_of(
    connection: Connection, action: ActionId, outcome: Outcome | None, after: int, size: int
) -> list[DeliveryRecord]:
    """For people: by row, with every attempt."""
    query = select(*_COLUMNS, deliveries.c.updated_at).where(deliveries.c.action == action, deliveries.c.id > after)
    if outcome is not None:
        query = query.where(deliveries.c.outcome == outcome.value)
    rows = connection.execute(query.order_by(deliveries.c.id).limit(size)).all()
    wanted = [attempt_id(row[0], ordinal) for row in rows for ordinal in range(1, row[10] + 1)]
    history: dict[int, list[Row[Any]]] = {}
    for begin in range(0, len(wanted), 10_000):
        part = select(attempts).where(attempts.c.id.in_(wanted[begin : begin + 10_000])).order_by(attempts.c.id)
        for found in connection.execute(part):
            history.setdefault(found.id & ((1 << 40) - 1), []).append(found)
    return [DeliveryRecord(_delivery(row), moment(row[len(_COLUMNS)]), tuple(history.get(row[0], ()))) for row in rows]


@dataclass(frozen=True, slots=True)
class ReachedRow:
    action: ActionId
    owner: DeskId
    square_metres: float
    started_at: Saved
    running: bool


def reached_by(
    connection: Connection, number: PhoneNumber, outcomes: Iterable[Outcome], closed_after: Saved
) -> list[ReachedRow]:
    """The actions whose alert reached this number and that run, or closed after the given time: newest, then nearest."""
    running = actions.c.closed_at.is_(None) | (actions.c.closed_at > microseconds(closed_after))
    nearest = func.min(deliveries.c.square_metres).label("nearest")
    rows = connection.execute(
        select(deliveries.c.action, actions.c.owner, nearest, actions.c.started_at, actions.c.closed_at)
        .join(actions, actions.c.id == deliveries.c.action)
        .where(
            deliveries.c.number == number.e164,
            deliveries.c.message == MessageKind.ALERT.value,
            deliveries.c.outcome.in_([outcome.value for outcome in outcomes]),
            running,
        )
        .group_by(deliveries.c.action, actions.c.owner, actions.c.started_at, actions.c.closed_at)
        .order_by(actions.c.started_at.desc(), nearest)
    )
    return [ReachedRow(row[0], row[1], row[2], moment(row[3]), row[4] is None) for row in rows]
