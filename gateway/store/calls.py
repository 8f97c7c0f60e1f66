"""Call records as rows, a whole group of changes at once. Blocking; runs in the writer's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import Insert

from gateway.domain.calls import CallView
from gateway.store.prepared import Given, Prepared, inserting, types_of
from gateway.store.schema import calls, maybe_microseconds, microseconds


def _save(given: Given) -> Insert:
    new = inserting(calls, given)
    kept = {column.name: new.excluded[column.name] for column in calls.c if column.name != "id"}
    return new.on_conflict_do_update(index_elements=["id"], set_=kept)


_SAVE = Prepared(types_of(calls.c), _save)


def apply_calls(connection: Connection, writes: Sequence[CallView]) -> None:
    """Insert or renew them; of several of one leg the last one counts."""
    last = {write.id: write for write in writes}
    _SAVE.run(connection, [_row(call) for call in last.values()])


def _row(call: CallView) -> dict[str, object]:
    return {
        "id": call.id,
        "direction": call.direction,
        "action": call.action,
        "number": None if call.number is None else call.number.e164,
        "peer": call.peer,
        "call_id": call.call_id,
        "started_at": microseconds(call.started_at),
        "answered_at": maybe_microseconds(call.answered_at),
        "ended_at": maybe_microseconds(call.ended_at),
        "ended_by": call.ended_by,
        "cause": None if call.cause is None else str(call.cause),
        "sip_code": call.sip_code,
        "q850_cause": call.q850_cause,
        "desk": call.desk,
    }
