"""The counters by action, channel, message and outcome: changed in the transaction that changes the delivery. Blocking."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select, update

from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.store.prepared import Prepared
from gateway.store.schema import counters

Changes = dict[tuple[str, str, str, str], int]
"""(action, channel, message, outcome) → how many more, or fewer."""

Counts = dict[MessageKind, dict[ChannelName, dict[Outcome, int]]]

_CHANGE = Prepared(
    {
        "of_action": counters.c.action.type,
        "of_channel": counters.c.channel.type,
        "of_message": counters.c.message.type,
        "of_outcome": counters.c.outcome.type,
        "change": counters.c.count.type,
    },
    lambda given: (
        update(counters)
        .where(
            counters.c.action == given["of_action"],
            counters.c.channel == given["of_channel"],
            counters.c.message == given["of_message"],
            counters.c.outcome == given["of_outcome"],
        )
        .values(count=counters.c.count + given["change"])
    ),
)


def create_counters(connection: Connection, action: str, channels: Iterable[ChannelName]) -> None:
    """All at 0, so that every later change is a plain update."""
    connection.execute(
        insert(counters),
        [
            {"action": action, "channel": channel.value, "message": message.value, "outcome": outcome.value, "count": 0}
            for channel in channels
            for message in MessageKind
            for outcome in Outcome
        ],
    )


def change_counters(connection: Connection, changes: Changes) -> None:
    """Add to the counters, always in one order, so that two nodes never wait for each other crosswise."""
    rows = [
        {"of_action": action, "of_channel": channel, "of_message": message, "of_outcome": outcome, "change": change}
        for (action, channel, message, outcome), change in sorted(changes.items())
        if change
    ]
    if rows:
        _CHANGE.run(connection, rows)


def counts_of(connection: Connection, actions: Iterable[str]) -> dict[str, Counts]:
    """What is committed, zero left out."""
    found: dict[str, Counts] = {action: {} for action in actions}
    rows = connection.execute(select(counters).where(counters.c.action.in_(list(found)), counters.c.count != 0))
    for action, channel, message, outcome, count in rows:
        of_message = found[action].setdefault(MessageKind(message), {})
        of_message.setdefault(ChannelName(channel), {})[Outcome(outcome)] = count
    return found
