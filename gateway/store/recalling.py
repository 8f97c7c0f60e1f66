"""What an ended action takes back: texts that an SMSC accepted and of which no receipt told the end. Blocking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, and_, select, update

from foundation.clock import Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.delivery import DeliveryState, attempt_id
from gateway.domain.identifiers import ActionId, AttemptId
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.store.recipients import Lease
from gateway.store.schema import LAST_ATTEMPT, attempts, deliveries, microseconds


@dataclass(frozen=True, slots=True)
class Recallable:
    """`reference`: the peer's own names of what it accepted, joined by a space; None where it gave none."""

    attempt: AttemptId
    channel: ChannelName
    number: PhoneNumber
    peer: str
    reference: str | None


def recall_accepted(connection: Connection, action: ActionId, peers: Iterable[str], lease: Lease, at: Saved) -> int:
    """Open again what one of these peers accepted of the alert, until it said whether it takes it back; how many. Nobody of
    these is told of the end before that."""
    accepted = (
        select(deliveries.c.id)
        .join(attempts, LAST_ATTEMPT)
        .where(
            deliveries.c.action == action,
            deliveries.c.message == MessageKind.ALERT.value,
            deliveries.c.state == DeliveryState.DONE.value,
            deliveries.c.outcome == Outcome.SENT.value,
            attempts.c.peer.in_(sorted(peers)),
            attempts.c.reference.is_not(None),
        )
    )
    opened = update(deliveries).where(deliveries.c.id.in_(accepted))
    return connection.execute(
        opened.values(
            state=DeliveryState.RECALLING.value,
            version=deliveries.c.version + 1,
            lease_node=lease.node,
            lease_epoch=lease.epoch,
            updated_at=microseconds(at),
        )
    ).rowcount


def recallable(connection: Connection, action: ActionId, epoch: int, size: int) -> list[Recallable]:
    """What of this action, held under this lease, is to be asked about."""
    row, last = deliveries.c, attempts.c
    rows = connection.execute(
        select(row.id, row.ordinal, row.channel, row.number, last.peer, last.reference)
        .join(attempts, LAST_ATTEMPT)
        .where(and_(row.action == action, row.state == DeliveryState.RECALLING.value, row.lease_epoch == epoch))
        .order_by(row.id)
        .limit(size)
    )
    return [
        Recallable(
            attempt_id(each.id, each.ordinal),
            ChannelName(each.channel),
            PhoneNumber(each.number),
            each.peer or "",
            each.reference,
        )
        for each in rows
    ]
