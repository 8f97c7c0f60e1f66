"""What an event tells of its attempt: the row's news, the message ids, whether it is over. Pure; no I/O."""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.attempt import (
    Accepted,
    Ended,
    Heard,
    KeyPressed,
    NotSent,
    PeerFault,
    Receipted,
    Sent,
    Uncertain,
    Wire,
)
from gateway.domain.decisions import DeliveryEvent, Interrupted, NoReceipt, PeersExhausted, Picked, Recalled
from gateway.domain.delivery import Delivery, DeliveryState
from gateway.domain.identifiers import AttemptId
from gateway.domain.outcomes import ChannelName, Outcome
from gateway.store.writes import AttemptRow

_ENDING = (Accepted, Uncertain, PeerFault, NotSent, Ended, Interrupted)


def ends(event: DeliveryEvent) -> bool:
    return isinstance(event, _ENDING)


def message_ids(event: Accepted | Uncertain) -> tuple[tuple[str, str], ...]:
    wire = event.wire
    if wire.peer is None or not wire.reference:
        return ()
    return tuple((wire.peer, name) for name in event.message_ids or wire.reference.split(" "))


def attempt_row(
    before: Delivery, after: Delivery, attempt: AttemptId | None, event: DeliveryEvent
) -> AttemptRow | None:
    """What the attempt's own row learns from an event."""
    match event:
        case Picked():
            return AttemptRow(after.attempt, began=True, possible_duplicate=after.possible_duplicate)
        case PeersExhausted() | NoReceipt():
            return None
    assert attempt is not None
    row = AttemptRow(attempt)
    match event:
        case Sent():
            row.sent, row.wire = True, event.wire
        case Heard():
            row.wire, row.outcome = event.wire, after.outcome
        case KeyPressed():
            row.outcome = after.outcome
        case Accepted():
            row.wire, row.outcome, row.ended = event.wire, Outcome.SENT, True
        case Receipted():
            # The id in a receipt is one segment's: what the response named says more, where it came.
            known = before.outcome is not Outcome.UNKNOWN
            row.wire, row.outcome = _less(event.wire) if known else event.wire, event.outcome
            if before.state is DeliveryState.RECALLING:
                row.outcome = after.outcome
        case Uncertain():
            row.wire, row.outcome, row.ended = event.wire, Outcome.UNKNOWN, True
        case PeerFault():
            voice = after.key.channel is ChannelName.VOICE
            row.wire, row.ended = event.wire, True
            row.outcome = Outcome.TRUNK_FAILURE if voice else Outcome.UNDELIVERABLE
        case NotSent():
            row.ended = True
        case Ended():
            row.wire, row.ended = event.wire, True
            row.outcome = after.outcome if after.state is DeliveryState.DONE else event.outcome
        case Recalled():
            row.outcome = after.outcome if after is not before else None
        case Interrupted():
            row.interrupted = before.state is not DeliveryState.STARTING
    return row


def _less(wire: Wire) -> Wire:
    return wire if wire.reference is None else replace(wire, reference=None)
