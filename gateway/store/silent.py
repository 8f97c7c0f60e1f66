"""Texts that an SMSC took and whose receipt never came: who may be asked about them. Blocking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from foundation.clock import Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.delivery import DeliveryState, attempt_id
from gateway.domain.identifiers import AttemptId
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.store.schema import (
    LAST_ATTEMPT,
    actions,
    attempts,
    counters,
    deliveries,
    maybe_moment,
    microseconds,
    moment,
)

_OPEN_FATES = (Outcome.SENT.value, Outcome.UNKNOWN.value)
_ALL = tuple(message.value for message in MessageKind)

Place = tuple[str, int]
"""Action and row of the last one that was read; they are read in this order."""


@dataclass(frozen=True, slots=True)
class SilentText:
    """`names`: the SMSC's own ids of the parts that it took. `closed_at`: when the action ended, and its texts' validity
    at the latest with it."""

    place: Place
    attempt: AttemptId
    number: PhoneNumber
    smsc: str
    names: tuple[str, ...]
    accepted_at: Saved
    closed_at: Saved | None


@dataclass(frozen=True, slots=True)
class Silence:
    """Those that one of these SMSCs took between these times, `size` of them at most, behind this place."""

    smscs: frozenset[str]
    since: Saved
    before: Saved
    behind: Place
    size: int


def silent_texts(connection: Connection, wanted: Silence) -> list[SilentText]:
    found: list[SilentText] = []
    for action in _actions(connection, wanted):
        if len(found) >= wanted.size:
            break
        found.extend(_of_action(connection, wanted, action, wanted.size - len(found)))
    return found


def _actions(connection: Connection, wanted: Silence) -> Iterable[str]:
    """The counters say which have any, so that no row of the others is looked at."""
    return connection.execute(
        select(counters.c.action)
        .join(actions, actions.c.id == counters.c.action)
        .where(
            counters.c.action >= wanted.behind[0],
            counters.c.channel == ChannelName.SMS.value,
            counters.c.outcome.in_(_OPEN_FATES),
            counters.c.count > 0,
            actions.c.closed_at.is_(None) | (actions.c.closed_at > microseconds(wanted.since)),
        )
        .group_by(counters.c.action)
        .order_by(counters.c.action)
    ).scalars()


def _of_action(connection: Connection, wanted: Silence, action: str, most: int) -> list[SilentText]:
    row, last = deliveries.c, attempts.c
    behind = wanted.behind[1] if action == wanted.behind[0] else 0
    rows = connection.execute(
        select(row.id, row.ordinal, row.number, last.peer, last.reference, last.ended_at, actions.c.closed_at)
        .join(attempts, LAST_ATTEMPT)
        .join(actions, actions.c.id == row.action)
        .where(
            row.action == action,
            row.message.in_(_ALL),
            row.channel == ChannelName.SMS.value,
            row.id > behind,
            row.state == DeliveryState.DONE.value,
            row.outcome.in_(_OPEN_FATES),
            last.peer.in_(sorted(wanted.smscs)),
            last.reference.is_not(None),
            last.ended_at.between(microseconds(wanted.since), microseconds(wanted.before)),
        )
        .order_by(row.id)
        .limit(most)
    )
    return [
        SilentText(
            (action, each.id),
            attempt_id(each.id, each.ordinal),
            PhoneNumber(each.number),
            each.peer,
            tuple(each.reference.split(" ")),
            moment(each.ended_at),
            maybe_moment(each.closed_at),
        )
        for each in rows
    ]
