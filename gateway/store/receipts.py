"""Which attempt a delivery receipt means: by message id, by user_message_reference, by destination and time."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, select
from twisted.internet.defer import Deferred

from foundation.clock import Clocks, Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.delivery import DeliveryState, attempt_id
from gateway.domain.identifiers import AttemptId
from gateway.domain.outcomes import ChannelName, Outcome
from gateway.store.reader import Reader
from gateway.store.schema import attempts, deliveries, message_ids, microseconds

_LOOK_BACK = timedelta(hours=48)
_DOUBTFUL = (DeliveryState.UNCERTAIN.value, DeliveryState.SENT.value, DeliveryState.STARTING.value)


class Receipts:
    """Looks a receipt's attempt up in what is committed."""

    def __init__(self, reader: Reader, clocks: Clocks) -> None:
        self._reader = reader
        self._clocks = clocks

    def find(
        self, smsc: str, message_id: str, number: PhoneNumber | None, user_message_reference: int | None
    ) -> Deferred[AttemptId | None]:
        since = Saved(self._clocks.saved_now() - _LOOK_BACK)
        return self._reader.read(
            lambda connection: find_attempt(connection, smsc, message_id, number, user_message_reference, since)
        )


def find_attempt(
    connection: Connection,
    smsc: str,
    message_id: str,
    number: PhoneNumber | None,
    user_message_reference: int | None,
    since: Saved,
) -> AttemptId | None:
    """The message id decides where it is known. Else the number's own texts since then: the one whose low 16 bits are
    the reference, else the only one whose fate is not known. None where nothing fits, or more than one."""
    known = connection.execute(
        select(message_ids.c.attempt).where(message_ids.c.smsc == smsc, message_ids.c.message_id == message_id)
    ).scalar()
    if known is not None:
        return AttemptId(known)
    if number is None:
        return None
    rows = connection.execute(
        select(deliveries.c.id, deliveries.c.ordinal, deliveries.c.state, deliveries.c.outcome)
        .where(
            deliveries.c.number == number.e164,
            deliveries.c.channel == ChannelName.SMS.value,
            deliveries.c.ordinal > 0,
            deliveries.c.updated_at > microseconds(since),
        )
        .order_by(deliveries.c.updated_at.desc())
    ).all()
    if user_message_reference is not None:
        rows = [row for row in rows if row.id & 0xFFFF == user_message_reference]
    else:
        rows = [row for row in rows if row.state in _DOUBTFUL or row.outcome == Outcome.UNKNOWN.value]
    fitting = [attempt_id(row.id, row.ordinal) for row in rows]
    if user_message_reference is None:
        fitting = [found for found in fitting if _left_over(connection, found, smsc)]
    return fitting[0] if len(fitting) == 1 else None


def _left_over(connection: Connection, found: AttemptId, smsc: str) -> bool:
    row = connection.execute(select(attempts.c.peer, attempts.c.sent_at).where(attempts.c.id == found)).first()
    return row is not None and row.sent_at is not None and row.peer in (None, smsc)
