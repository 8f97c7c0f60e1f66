"""Actions as rows: create, change, list. Blocking."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, or_, select, update

from foundation.clock import Saved
from gateway.domain.action import Action, ActionDraft, ActionState, ClosingOutcome
from gateway.domain.identifiers import ActionId, NodeName
from gateway.store.counting import create_counters
from gateway.store.drafts import SavedEstimate, dump_draft, dump_estimate, load_draft, load_estimate
from gateway.store.schema import (
    actions,
    audit,
    counters,
    idempotency_keys,
    maybe_moment,
    microseconds,
    milestones,
    moment,
)


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """An action with what is kept beside it. `node` works for it; empty where that was never said."""

    action: Action
    estimate: SavedEstimate
    recipients: int
    callbacks: int
    possible_duplicates: int
    node: NodeName


class KeyReused(Exception):
    """The idempotency key was used for another body."""


def _record(row: Row[Any]) -> ActionRecord:
    action = Action(
        id=ActionId(row.id),
        draft=load_draft(row.draft),
        state=ActionState(row.state),
        created_at=moment(row.created_at),
        created_by=row.created_by,
        started_at=maybe_moment(row.started_at),
        closed_at=maybe_moment(row.closed_at),
        closing_outcome=None if row.closing_outcome is None else ClosingOutcome(row.closing_outcome),
        closing_message=row.closing_message,
        recording=None if row.recording is None else Path(row.recording),
    )
    kept = (row.recipients, row.callbacks, row.possible_duplicates)
    return ActionRecord(action, load_estimate(row.estimate), *kept, NodeName(row.node or ""))


@dataclass(frozen=True, slots=True)
class NewAction:
    id: ActionId
    draft: ActionDraft
    estimate: SavedEstimate
    at: Saved
    actor: str
    idempotency_key: str | None


def create_action(connection: Connection, new: NewAction) -> ActionRecord:
    """Save a draft, once a key. Raises KeyReused."""
    text = dump_draft(new.draft)
    if new.idempotency_key is not None:
        body = hashlib.sha256(text.encode()).hexdigest()
        used = connection.execute(select(idempotency_keys).where(idempotency_keys.c.key == new.idempotency_key)).first()
        if used is not None:
            found = get_action(connection, ActionId(used.action))
            if used.body != body or found is None:
                raise KeyReused(new.idempotency_key)
            return found
        connection.execute(
            insert(idempotency_keys),
            {"key": new.idempotency_key, "body": body, "action": new.id, "at": microseconds(new.at)},
        )
    connection.execute(
        insert(actions),
        {
            "id": new.id,
            "state": ActionState.DRAFT.value,
            "draft": text,
            "estimate": dump_estimate(new.estimate),
            "owner": new.draft.owner,
            "created_at": microseconds(new.at),
            "created_by": new.actor,
            "recipients": 0,
            "callbacks": 0,
            "possible_duplicates": 0,
        },
    )
    create_counters(connection, new.id, new.draft.channels)
    note(connection, new.at, new.actor, "action created", new.id)
    created = get_action(connection, new.id)
    assert created is not None
    return created


def replace_draft(connection: Connection, action: ActionId, draft: ActionDraft, estimate: SavedEstimate) -> None:
    connection.execute(
        update(actions)
        .where(actions.c.id == action)
        .values(draft=dump_draft(draft), estimate=dump_estimate(estimate), owner=draft.owner)
    )
    connection.execute(delete(counters).where(counters.c.action == action))
    create_counters(connection, action, draft.channels)


def change_action(connection: Connection, action: ActionId, **values: object) -> None:
    connection.execute(update(actions).where(actions.c.id == action).values(**values))


def get_action(connection: Connection, action: ActionId) -> ActionRecord | None:
    row = connection.execute(select(actions).where(actions.c.id == action)).first()
    return None if row is None else _record(row)


def actions_in(connection: Connection, states: Iterable[ActionState]) -> list[ActionRecord]:
    rows = connection.execute(
        select(actions).where(actions.c.state.in_([state.value for state in states])).order_by(actions.c.started_at)
    )
    return [_record(row) for row in rows]


def nodes_at_work(connection: Connection) -> list[NodeName]:
    """Who works for the actions that run."""
    states = [ActionState.ACTIVE.value, ActionState.CLOSING.value]
    nodes = connection.execute(select(actions.c.node).where(actions.c.state.in_(states)).distinct()).scalars()
    return [NodeName(node or "") for node in nodes]


def page_of_actions(
    connection: Connection, state: ActionState | None, before: tuple[int, str] | None, size: int
) -> list[ActionRecord]:
    """Newest first; `before` is creation time (µs) and id of the last one seen."""
    query = select(actions)
    if state is not None:
        query = query.where(actions.c.state == state.value)
    if before is not None:
        at, last = before
        query = query.where(or_(actions.c.created_at < at, and_(actions.c.created_at == at, actions.c.id < last)))
    rows = connection.execute(query.order_by(actions.c.created_at.desc(), actions.c.id.desc()).limit(size))
    return [_record(row) for row in rows]


def milestones_of(connection: Connection, wanted: Iterable[str]) -> dict[str, Mapping[int, Saved]]:
    found: dict[str, dict[int, Saved]] = {action: {} for action in wanted}
    rows = connection.execute(select(milestones).where(milestones.c.action.in_(list(found))))
    for action, percent, at in rows:
        found[action][percent] = moment(at)
    return dict(found)


def note(connection: Connection, at: Saved, actor: str, what: str, subject: str, detail: str = "") -> None:
    """One line of the audit trail: who did what to which thing."""
    connection.execute(
        insert(audit),
        {"at": microseconds(at), "actor": actor, "what": what, "subject": subject, "detail": detail},
    )
