"""How a delivery moves: one table of (state, event) → transition. Pure: no I/O, no clock, nothing raised.

Anything that the table does not name is answered with `Ignored` and changes nothing. Three promises are kept here: an
outcome never gets worse, one cap counts every attempt that ended by the person's answer, and what was stopped by the
action's end is not tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from foundation.clock import Saved
from gateway.domain.attempt import (
    Accepted,
    AttemptEvent,
    Ended,
    Heard,
    KeyPressed,
    NotSent,
    PeerFault,
    Receipted,
    Sent,
    Uncertain,
)
from gateway.domain.delivery import Delivery, DeliveryRules, DeliveryState, Situation
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome, reached
from gateway.domain.values import quickly_made


@dataclass(frozen=True, slots=True)
class Picked:
    """The scheduler chose it: an attempt begins."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The daemon died while it was under way."""


@dataclass(frozen=True, slots=True)
class PeersExhausted:
    """Every trunk or SMSC showed a fault of its own for this recipient."""


@dataclass(frozen=True, slots=True)
class NoReceipt:
    """The time to wait for a receipt of a doubtful message is over."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """The peer was asked to take back what it accepted. `withdrawn`: it did; else it was too late, or nobody can say."""

    withdrawn: bool


DeliveryEvent = AttemptEvent | Picked | Interrupted | PeersExhausted | NoReceipt | Recalled


@quickly_made
@dataclass(frozen=True, slots=True)
class Wait:
    """Back in the scheduler's hands, not before `until`."""

    until: Saved | None


@dataclass(frozen=True, slots=True)
class AwaitReceipt:
    """Ask again (`NoReceipt`) at `until`."""

    until: Saved


@dataclass(frozen=True, slots=True)
class Reached:
    """It counts as reached from now on."""


@dataclass(frozen=True, slots=True)
class Owed:
    """The line is free and the closing message is owed."""


@dataclass(frozen=True, slots=True)
class Recall:
    """The action is over: the peer is to take it back."""


@dataclass(frozen=True, slots=True)
class Finished:
    """It is final: the action has one open delivery less."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """The event means nothing in this state; nothing is saved."""

    state: DeliveryState
    event: str


Effect = Wait | AwaitReceipt | Reached | Owed | Recall | Finished | Ignored
Decision = tuple[Delivery, tuple[Effect, ...]]
_Transition = Callable[[Delivery, DeliveryEvent, DeliveryRules, Situation], Decision]

_BREATHER = timedelta(seconds=1)
_PATIENCE = 10
"""How many attempts that do not count are begun for a peer that asks to come back later."""
_FINISHED: tuple[Effect, ...] = (Finished(),)
_REACHED: tuple[Effect, ...] = (Reached(),)
_OWED_AND_FINISHED: tuple[Effect, ...] = (Owed(), Finished())
_REACHED_AND_FINISHED: tuple[Effect, ...] = (Reached(), Owed(), Finished())

_RANK: Mapping[Outcome, int] = {
    Outcome.HEARD_CONFIRMED: 5,
    Outcome.HEARD: 4,
    Outcome.DELIVERED: 4,
    Outcome.HEARD_PART: 3,
    Outcome.SENT: 3,
    Outcome.UNKNOWN: 2,
    Outcome.VOICEMAIL: 1,
}


def better(present: Outcome, other: Outcome) -> Outcome:
    """The one that says more was achieved; the other one where neither did."""
    return present if _RANK.get(present, 0) > _RANK.get(other, 0) else other


def decide(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    """What the delivery becomes and what follows from it once that is committed."""
    transition = TABLE.get((delivery.state, type(event)))
    if transition is None:
        return delivery, (Ignored(delivery.state, type(event).__name__),)
    return transition(delivery, event, rules, situation)


def _wait(
    delivery: Delivery,
    situation: Situation,
    until: Saved | None,
    *,
    attempts: int | None = None,
    avoid: frozenset[str] | None = None,
    doubtful: bool | None = None,
) -> Decision:
    """Waiting again, or stopped where the action is at its end. What may be with the person already stays `unknown`."""
    if doubtful is None:
        doubtful = delivery.possible_duplicate
    if situation.halted is not None:
        outcome = Outcome.UNKNOWN if doubtful else situation.halted
        done = delivery.moved(DeliveryState.DONE, outcome, attempts=attempts)
        return done, _REACHED_AND_FINISHED if doubtful else _FINISHED
    held = situation.quiet and not delivery.night
    outcome = Outcome.HELD_QUIET_HOURS if held else Outcome.WAITING
    waiting = delivery.moved(
        DeliveryState.WAITING,
        outcome,
        attempts=attempts,
        not_before=until,
        avoid=avoid,
        possible_duplicate=doubtful,
    )
    return waiting, (Wait(until),)


def _finish(delivery: Delivery, outcome: Outcome, rules: DeliveryRules, attempts: int) -> Decision:
    now_reached = reached(outcome, voicemail_is_reached=rules.voicemail_is_reached)
    before = reached(delivery.outcome, voicemail_is_reached=rules.voicemail_is_reached)
    done = delivery.moved(DeliveryState.DONE, outcome, attempts=attempts)
    # What was heard before its call ended is owed the closing message only now that the line is free.
    if now_reached and delivery.state is DeliveryState.HEARD:
        return done, _OWED_AND_FINISHED
    owed = now_reached and (not before or delivery.state is DeliveryState.UNCERTAIN)
    return done, _REACHED_AND_FINISHED if owed else _FINISHED


def _picked(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    return delivery.moved(DeliveryState.STARTING, Outcome.IN_PROGRESS, ordinal=delivery.ordinal + 1), ()


def _sent(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    return delivery.moved(DeliveryState.SENT, delivery.outcome), ()


def _heard(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    return delivery.moved(DeliveryState.HEARD, better(delivery.outcome, Outcome.HEARD)), _newly_heard(delivery)


def _key(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    return delivery.moved(DeliveryState.HEARD, Outcome.HEARD_CONFIRMED), _newly_heard(delivery)


def _newly_heard(delivery: Delivery) -> tuple[Effect, ...]:
    return () if delivery.state is DeliveryState.HEARD else _REACHED


def _ended(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    assert isinstance(event, Ended)
    return _by_cause(delivery, event.outcome, rules, situation)


def _by_cause(delivery: Delivery, cause: Outcome, rules: DeliveryRules, situation: Situation) -> Decision:
    """One attempt that counts is over: final, stopped, or again after the cause's time, counted from its end."""
    attempts = delivery.attempts + 1
    final = reached(cause, voicemail_is_reached=rules.voicemail_is_reached) or _told_a_machine(delivery, cause)
    seconds = None if final else rules.retry_seconds.get(cause)
    worst = Outcome.UNKNOWN if delivery.possible_duplicate and not final else cause
    if seconds is None:
        return _finish(delivery, worst, rules, attempts)
    if situation.halted is not None:
        return _wait(delivery, situation, None, attempts=attempts)
    if attempts >= rules.attempts:
        return _finish(delivery, worst, rules, attempts)
    until = Saved(situation.now + timedelta(seconds=seconds))
    return _wait(delivery, situation, until, attempts=attempts, avoid=frozenset())


def _told_a_machine(delivery: Delivery, cause: Outcome) -> bool:
    """The closing message that a machine holds need not be said again: whoever plays it knows how it ended."""
    return cause is Outcome.VOICEMAIL and delivery.key.message is MessageKind.CLOSING


def _ended_after_heard(
    delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation
) -> Decision:
    """The attempt counts however it ends: the person had the call."""
    outcome = better(delivery.outcome, event.outcome) if isinstance(event, Ended) else delivery.outcome
    return _finish(delivery, outcome, rules, delivery.attempts + 1)


def _accepted(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    if situation.halted is not None and delivery.key.message is not MessageKind.CLOSING:
        recalling = delivery.moved(DeliveryState.RECALLING, Outcome.SENT, attempts=delivery.attempts + 1)
        return recalling, (Reached(), Recall())
    return _finish(delivery, Outcome.SENT, rules, delivery.attempts + 1)


def _receipted(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    """The last word on a message, be it of an earlier attempt whose fate was not known."""
    assert isinstance(event, Receipted)
    used = 0 if delivery.state is DeliveryState.WAITING else 1
    if delivery.state is DeliveryState.UNCERTAIN:
        used = 0
    return _finish(delivery, event.outcome, rules, delivery.attempts + used)


def _receipted_again(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    """A receipt after the end: it settles what was only sent, and else only makes an outcome better."""
    assert isinstance(event, Receipted)
    settles = delivery.outcome in (Outcome.SENT, Outcome.UNKNOWN)
    outcome = event.outcome if settles else better(delivery.outcome, event.outcome)
    if outcome is delivery.outcome or not (settles or outcome is Outcome.DELIVERED):
        return delivery, ()
    now_reached = reached(outcome, voicemail_is_reached=rules.voicemail_is_reached)
    before = reached(delivery.outcome, voicemail_is_reached=rules.voicemail_is_reached)
    return delivery.moved(DeliveryState.DONE, outcome), (Reached(), Owed()) if now_reached and not before else ()


def _recalled(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    """What was not taken back may be with the person, who is told of the end now."""
    assert isinstance(event, Recalled)
    if event.withdrawn:
        return _withdrawn(delivery, situation)
    return delivery.moved(DeliveryState.DONE, delivery.outcome), _OWED_AND_FINISHED


def _withdrawn(delivery: Delivery, situation: Situation) -> Decision:
    """Stopped, unless an earlier one may be with the person."""
    if delivery.possible_duplicate:
        return delivery.moved(DeliveryState.DONE, Outcome.UNKNOWN), _OWED_AND_FINISHED
    return delivery.moved(DeliveryState.DONE, situation.halted or Outcome.STOPPED), _FINISHED


def _receipted_in_recall(
    delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation
) -> Decision:
    """The receipt of what was taken back may come before the answer that says so."""
    assert isinstance(event, Receipted)
    if event.wire.receipt_status == "DELETED":
        return _withdrawn(delivery, situation)
    owed = reached(event.outcome, voicemail_is_reached=rules.voicemail_is_reached)
    return delivery.moved(DeliveryState.DONE, event.outcome), _OWED_AND_FINISHED if owed else _FINISHED


def _noted(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    """Nothing changes but what is known of the attempt (a response or an answer that its own receipt overtook)."""
    return delivery, ()


def _uncertain(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    """It left and nobody knows its fate: wait for a receipt, unless it is not to be sent again anyway."""
    peer = event.wire.peer if isinstance(event, Uncertain) else None
    attempts = delivery.attempts + (0 if isinstance(event, Interrupted) else 1)
    if situation.halted is not None or delivery.possible_duplicate or peer in rules.leave_unknown:
        return _finish(delivery, Outcome.UNKNOWN, rules, attempts)
    until = Saved(situation.now + timedelta(seconds=rules.receipt_seconds))
    waiting = delivery.moved(DeliveryState.UNCERTAIN, Outcome.UNKNOWN, attempts=attempts, not_before=until)
    return waiting, (AwaitReceipt(until),)


def _no_receipt(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    if situation.halted is not None:
        return _finish(delivery, Outcome.UNKNOWN, rules, delivery.attempts)
    return _wait(delivery, situation, None, doubtful=True)


def _peer_fault(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    """The peer's own fault: another one at once, and no attempt is used up. One that says when to come back takes nothing
    until then, and is not avoided after it, unless it has said so too often."""
    assert isinstance(event, PeerFault)
    comes_back = event.retry_after is not None and delivery.ordinal - delivery.attempts <= _PATIENCE
    avoid = delivery.avoid | {event.wire.peer} if event.wire.peer and not comes_back else delivery.avoid
    return _wait(delivery, situation, None, avoid=avoid)


def _exhausted(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    voice = delivery.key.channel is ChannelName.VOICE
    return _by_cause(delivery, Outcome.TRUNK_FAILURE if voice else Outcome.UNDELIVERABLE, rules, situation)


def _not_sent(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    """Nothing left. A channel that refuses what it has just asked for is given a moment."""
    until = Saved(situation.now + _BREATHER) if isinstance(event, NotSent) else None
    return _wait(delivery, situation, until)


def _interrupted(delivery: Delivery, event: DeliveryEvent, rules: DeliveryRules, situation: Situation) -> Decision:
    """On the wire when the daemon died: a call is made once more and does not count, a text may be with the person."""
    if delivery.key.channel is ChannelName.VOICE:
        return _wait(delivery, situation, None)
    return _uncertain(delivery, event, rules, situation)


_W, _B, _S = DeliveryState.WAITING, DeliveryState.STARTING, DeliveryState.SENT
_H, _U, _D = DeliveryState.HEARD, DeliveryState.UNCERTAIN, DeliveryState.DONE
_R = DeliveryState.RECALLING

TABLE: Mapping[tuple[DeliveryState, type[object]], _Transition] = {
    (_W, Picked): _picked,
    (_W, PeersExhausted): _exhausted,
    (_W, Receipted): _receipted,
    (_B, Sent): _sent,
    (_B, NotSent): _not_sent,
    (_B, PeerFault): _peer_fault,
    (_B, Ended): _ended,
    (_B, Interrupted): _not_sent,
    (_B, Receipted): _receipted,
    (_S, Sent): _sent,
    (_S, Heard): _heard,
    (_S, KeyPressed): _key,
    (_S, Accepted): _accepted,
    (_S, Receipted): _receipted,
    (_S, Uncertain): _uncertain,
    (_S, PeerFault): _peer_fault,
    (_S, NotSent): _not_sent,
    (_S, Ended): _ended,
    (_S, Interrupted): _interrupted,
    (_H, Heard): _heard,
    (_H, KeyPressed): _key,
    (_H, PeerFault): _ended_after_heard,
    (_H, NotSent): _ended_after_heard,
    (_H, Ended): _ended_after_heard,
    (_H, Interrupted): _ended_after_heard,
    (_U, Receipted): _receipted,
    (_U, NoReceipt): _no_receipt,
    (_U, Interrupted): _uncertain,
    (_R, Recalled): _recalled,
    (_R, Receipted): _receipted_in_recall,
    (_D, Accepted): _noted,
    (_D, Recalled): _noted,
    (_D, Receipted): _receipted_again,
}
