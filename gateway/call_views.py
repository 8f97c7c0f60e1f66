"""A telephone leg as it is kept: from what the telephone knows to what the store saves. Pure; no I/O."""

from __future__ import annotations

from gateway.domain.calls import CallView
from gateway.domain.identifiers import ActionId, DeskId
from ivr.call import CallRecord


def call_view(record: CallRecord, action: ActionId | None, desk: DeskId | None = None) -> CallView:
    """The number of a caller who asked for privacy (RFC 3323) is left out: it may choose the route, nothing more."""
    ending = record.ending
    return CallView(
        id=record.leg,
        direction=record.direction,
        action=action,
        number=None if record.private else record.number,
        peer=record.peer,
        call_id=record.call_id,
        started_at=record.started_at,
        answered_at=record.answered_at,
        ended_at=record.ended_at,
        ended_by=ending.by if ending else None,
        cause=ending.cause if ending else None,
        sip_code=ending.sip_code if ending else None,
        q850_cause=ending.q850_cause if ending else None,
        desk=desk,
    )
