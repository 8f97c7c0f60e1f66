"""Which attempt a delivery receipt means: by message id, by user_message_reference, by destination and time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, insert, select
from twisted.internet.defer import Deferred

from foundation.clock import Clocks, Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.delivery import DeliveryState, attempt_id
from gateway.domain.identifiers import AttemptId
from gateway.domain.outcomes import ChannelName, Outcome
from gateway.store.reader import Reader
from gateway.store.schema import attempts, deliveries, message_ids, microseconds, part_receipts
from gateway.store.writer import Writer

_LOOK_BACK = timedelta(hours=48)
_DOUBTFUL = (DeliveryState.UNCERTAIN.value, DeliveryState.SENT.value, DeliveryState.STARTING.value)


@dataclass(frozen=True, slots=True)
class FoundText:
    """The attempt that a receipt means, of how many parts its message is, and the ids of those delivered before."""

    attempt: AttemptId
    parts: int = 1
    delivered: frozenset[str] = frozenset()


class Receipts:
    """Looks a receipt's attempt up in what is committed, and keeps the receipts of parts until the last one came."""

    def __init__(self, reader: Reader, writer: Writer, clocks: Clocks) -> None:
        self._reader = reader
        self._writer = writer
        self._clocks = clocks

    def find(
        self, smsc: str, message_id: str, number: PhoneNumber | None, user_message_reference: int | None
    ) -> Deferred[FoundText | None]:
        since = Saved(self._clocks.saved_now() - _LOOK_BACK)

        def look(connection: Connection) -> FoundText | None:
            attempt = find_attempt(connection, smsc, message_id, number, user_message_reference, since)
            return None if attempt is None else parts_of(connection, attempt)

        return self._reader.read(look)

    def keep_part(self, attempt: AttemptId, message_id: str) -> Deferred[None]:
        now = self._clocks.saved_now()
        return self._writer.run(lambda connection: keep_part(connection, attempt, message_id, now), patient=True)


def parts_of(connection: Connection, attempt: AttemptId) -> FoundText:
    """A message has as many parts as ids came with its responses; where some are missing, as many as it was cut into.
    One without any id may have left as one PDU, and one receipt settles it."""
    row = connection.execute(
        select(attempts.c.reference, attempts.c.segments, attempts.c.outcome).where(attempts.c.id == attempt)
    ).first()
    ids = len(row.reference.split(" ")) if row is not None and row.reference else 0
    doubtful = row is not None and row.outcome == Outcome.UNKNOWN.value
    parts = row.segments or ids if row is not None and doubtful and ids else max(ids, 1)
    if parts == 1:
        return FoundText(attempt)
    kept = select(part_receipts.c.message_id).where(part_receipts.c.attempt == attempt)
    return FoundText(attempt, parts, frozenset(connection.execute(kept).scalars()))


def keep_part(connection: Connection, attempt: AttemptId, message_id: str, at: Saved) -> None:
    row = {"attempt": attempt, "message_id": message_id, "at": microseconds(at)}
    same = (part_receipts.c.attempt == attempt, part_receipts.c.message_id == message_id)
    if connection.execute(select(part_receipts.c.at).where(*same)).first() is None:
        connection.execute(insert(part_receipts), row)


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
