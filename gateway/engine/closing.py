"""What closing an action saves, in one transaction: its new state, the end of what waits, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from foundation.clock import Saved
from gateway.domain.action import Action, ActionState, ClosingOutcome
from gateway.domain.action_decisions import ActionEvent, after
from gateway.domain.identifiers import ActionId
from gateway.domain.outcomes import MessageKind, Outcome
from gateway.engine.interface import Conflict, NotFound
from gateway.engine.runner import Runner
from gateway.engine.running import RunningAction
from gateway.store.actions import ActionRecord, change_action, get_action, note
from gateway.store.closing import ClosingTerms, insert_closing, stop_waiting
from gateway.store.recalling import recall_accepted
from gateway.store.schema import microseconds


def conflict(action: Action, wish: str) -> Conflict:
    hints = {
        ActionState.DRAFT: "it is a draft: start it first",
        ActionState.ACTIVE: "it runs: close it first, or hand it over",
        ActionState.CLOSING: "it is being closed",
        ActionState.CLOSED: "it is closed: begin a new action",
    }
    return Conflict(f"the action can't be {wish}: {hints[action.state]}")


def in_state(connection: Connection, wanted: ActionId, event: ActionEvent, wish: str) -> ActionRecord:
    """The action, as it is in this transaction, if it may have this event. Raises NotFound or Conflict."""
    record = get_action(connection, wanted)
    if record is None:
        raise NotFound(f"there is no action {wanted}")
    if after(record.action.state, event) is None:
        raise conflict(record.action, wish)
    return record


@dataclass(frozen=True, slots=True)
class Close:
    """What was asked for. `word` is the outcome of what it stops."""

    running: RunningAction
    word: Outcome
    outcome: ClosingOutcome
    message: str | None
    actor: str
    at: Saved


@dataclass(frozen=True, slots=True)
class Ends:
    """How many waiting deliveries were stopped, how many accepted ones are to be taken back, how many closing ones wait."""

    stopped: int
    recalled: int
    told: int


def closing_work(order: Close, runner: Runner, recalling: Iterable[str]) -> Callable[[Connection], Ends]:
    """`recalling`: the peers that may take back what they accepted."""
    lease = runner.lease
    assert lease is not None, "nothing runs before the lease is taken"
    terms = ClosingTerms(lease, runner.quiet, order.at)
    reached = runner.rules.reached

    def work(connection: Connection) -> Ends:
        wanted = order.running.id
        action = in_state(connection, wanted, ActionEvent.CLOSED, "closed").action
        stopped = stop_waiting(connection, wanted, MessageKind.ALERT, order.word, order.at)
        text = order.message or action.draft.closing
        change_action(
            connection,
            wanted,
            state=ActionState.CLOSING.value,
            closed_at=microseconds(order.at),
            closing_outcome=order.outcome.value,
            closing_message=text,
        )
        note(connection, order.at, order.actor, "action closed", wanted, order.outcome.value)
        recalled = recall_accepted(connection, wanted, recalling, lease, order.at)
        return Ends(stopped, recalled, insert_closing(connection, wanted, reached, terms))

    return work
