"""How an action moves from draft to closed: one table of (state, event) → state. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway.domain.action import ActionState


class ActionEvent(StrEnum):
    """`expired` is a close by the clock; `all_told`: nobody of this action is waited for any more."""

    EDITED = "edited"
    STARTED = "started"
    HANDED_OVER = "handed_over"
    CLOSED = "closed"
    EXPIRED = "expired"
    ALL_TOLD = "all_told"


TABLE: Mapping[tuple[ActionState, ActionEvent], ActionState] = {
    (ActionState.DRAFT, ActionEvent.EDITED): ActionState.DRAFT,
    (ActionState.DRAFT, ActionEvent.HANDED_OVER): ActionState.DRAFT,
    (ActionState.DRAFT, ActionEvent.STARTED): ActionState.ACTIVE,
    (ActionState.ACTIVE, ActionEvent.HANDED_OVER): ActionState.ACTIVE,
    (ActionState.ACTIVE, ActionEvent.CLOSED): ActionState.CLOSING,
    (ActionState.ACTIVE, ActionEvent.EXPIRED): ActionState.CLOSING,
    (ActionState.CLOSING, ActionEvent.HANDED_OVER): ActionState.CLOSING,
    (ActionState.CLOSING, ActionEvent.ALL_TOLD): ActionState.CLOSED,
    (ActionState.CLOSED, ActionEvent.HANDED_OVER): ActionState.CLOSED,
}


def after(state: ActionState, event: ActionEvent) -> ActionState | None:
    """The state that follows, or None where the event can't be in this one."""
    return TABLE.get((state, event))
