"""What was asked for, built from what is committed: pages, views, cursors. Queries run on the reader's threads."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Row

from foundation.clock import Saved
from gateway.domain.action import ActionState
from gateway.domain.calls import CallView
from gateway.domain.delivery import DeliveryState
from gateway.domain.identifiers import ActionId
from gateway.domain.outcomes import MessageKind, Outcome
from gateway.engine.interface import Invalid, NotFound
from gateway.engine.views import ActionView, AttemptView, DeliveryView, Estimate, Page, ReplyView, TipView
from gateway.store.actions import ActionRecord, get_action, milestones_of, page_of_actions
from gateway.store.counting import counts_of
from gateway.store.deliveries import DeliveryRecord, page_of
from gateway.store.drafts import SavedEstimate
from gateway.store.records import CallQuery, page_of_calls, page_of_replies, page_of_tips
from gateway.store.schema import maybe_moment, microseconds, moment

PAGE_SIZE = 100
_COUNTS_ALREADY = frozenset({DeliveryState.SENT, DeliveryState.HEARD})
"""Under way and on the wire: the attempt that will count at its end is shown from now on."""
Item = TypeVar("Item")


def estimate_view(estimate: SavedEstimate) -> Estimate:
    return Estimate(
        estimate.recipients, estimate.sms_segments, estimate.eta_seconds, estimate.cost, tuple(estimate.advice)
    )


def action_view(connection: Connection, wanted: ActionId) -> ActionView:
    record = get_action(connection, wanted)
    if record is None:
        raise NotFound(f"there is no action {wanted}")
    return action_views(connection, [record])[0]


def action_views(connection: Connection, records: Sequence[ActionRecord]) -> list[ActionView]:
    names = [record.action.id for record in records]
    counts, passed = counts_of(connection, names), milestones_of(connection, names)
    return [
        ActionView(
            action=record.action,
            estimate=estimate_view(record.estimate),
            counts=counts[record.action.id].get(MessageKind.ALERT, {}),
            closing_counts=counts[record.action.id].get(MessageKind.CLOSING, {}),
            reached_seconds={
                percent: (at - record.action.started_at).total_seconds()
                for percent, at in passed[record.action.id].items()
                if record.action.started_at is not None
            },
            callbacks=record.callbacks,
            possible_duplicates=record.possible_duplicates,
        )
        for record in records
    ]


def actions_page(connection: Connection, state: ActionState | None, after: str | None) -> Page[ActionView]:
    records = page_of_actions(connection, state, _time_cursor(after), PAGE_SIZE + 1)
    views = action_views(connection, records[:PAGE_SIZE])
    return _page(records, views, lambda record: _cursor(record.action.created_at, record.action.id))


def deliveries_page(
    connection: Connection, action: ActionId, outcome: Outcome | None, after: str | None
) -> Page[DeliveryView]:
    if get_action(connection, action) is None:
        raise NotFound(f"there is no action {action}")
    begin = 0 if after is None else _number_cursor(after)
    records = page_of(connection, action, outcome, begin, PAGE_SIZE + 1)
    views = [_delivery_view(record) for record in records[:PAGE_SIZE]]
    return _page(records, views, lambda record: _encode(str(record.delivery.id)))


def _delivery_view(record: DeliveryRecord) -> DeliveryView:
    delivery = record.delivery
    return DeliveryView(
        number=delivery.key.recipient,
        channel=delivery.key.channel,
        message=delivery.key.message,
        outcome=delivery.outcome,
        attempts=delivery.attempts + (delivery.state in _COUNTS_ALREADY),
        updated_at=record.updated_at,
        history=tuple(_attempt_view(ordinal, row) for ordinal, row in enumerate(record.attempts, 1)),
    )


def _attempt_view(ordinal: int, row: Row[Any]) -> AttemptView:
    return AttemptView(
        ordinal=ordinal,
        started_at=moment(row.started_at),
        ended_at=maybe_moment(row.ended_at),
        outcome=None if row.outcome is None else Outcome(row.outcome),
        peer=row.peer,
        reference=row.reference,
        sip_code=row.sip_code,
        q850_cause=row.q850_cause,
        command_status=row.command_status,
        receipt_status=row.receipt_status,
        possible_duplicate=bool(row.possible_duplicate),
        interrupted=bool(row.interrupted),
    )


def tips_page(connection: Connection, action: ActionId | None, after: str | None) -> Page[TipView]:
    found = page_of_tips(connection, action, _time_cursor(after), PAGE_SIZE + 1)
    views = [
        TipView(tip.id, tip.action, tip.recorded_at, tip.milliseconds, tip.number, tip.path)
        for tip in found[:PAGE_SIZE]
    ]
    return _page(found, views, lambda tip: _cursor(tip.recorded_at, tip.id))


def replies_page(connection: Connection, action: ActionId | None, after: str | None) -> Page[ReplyView]:
    found = page_of_replies(connection, action, _time_cursor(after), PAGE_SIZE + 1)
    views = [
        ReplyView(reply.id, reply.action, reply.number, reply.text, reply.received_at) for reply in found[:PAGE_SIZE]
    ]
    return _page(found, views, lambda reply: _cursor(reply.received_at, reply.id))


def calls_page(connection: Connection, wanted: CallQuery, after: str | None) -> Page[CallView]:
    found = page_of_calls(connection, wanted, _time_cursor(after), PAGE_SIZE + 1)
    return _page(found, found[:PAGE_SIZE], lambda call: _cursor(call.started_at, call.id))


def _page(found: Sequence[Any], views: Sequence[Item], cursor: Any) -> Page[Item]:
    """One more than a page was asked for: it says whether there is a next one."""
    return Page(tuple(views), cursor(found[PAGE_SIZE - 1]) if len(found) > PAGE_SIZE else None)


def _cursor(at: Saved, name: str) -> str:
    return _encode(f"{microseconds(at)} {name}")


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError as error:
        raise Invalid("after", "this is no cursor; take it from `next` of the page before") from error


def _time_cursor(after: str | None) -> tuple[int, str] | None:
    if after is None:
        return None
    at, _, name = _decode(after).partition(" ")
    if not at.isdecimal():
        raise Invalid("after", "this is no cursor; take it from `next` of the page before")
    return int(at), name


def _number_cursor(after: str) -> int:
    text = _decode(after)
    if not text.isdecimal():
        raise Invalid("after", "this is no cursor; take it from `next` of the page before")
    return int(text)
