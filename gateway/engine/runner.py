"""Decide, commit, act: where every event of a delivery is decided, saved, and only then followed up.

Memory is authoritative for what this node holds. An event is decided on the reactor at once, its write is queued, and
what follows from it waits for the commit. A write that is refused means that memory was wrong: it is thrown away and
read again. No database call here; those are the writer's and the reader's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from foundation.clock import Clocks, Saved
from gateway.domain.action import Action
from gateway.domain.attempt import (
    Accepted,
    Attempt,
    AttemptEvent,
    NotSent,
    Receipted,
    Sent,
    Uncertain,
)
from gateway.domain.decisions import (
    AwaitReceipt,
    DeliveryEvent,
    Effect,
    Finished,
    Ignored,
    Interrupted,
    NoReceipt,
    Owed,
    PeersExhausted,
    Picked,
    Reached,
    Recall,
    Recalled,
    Wait,
    decide,
)
from gateway.domain.delivery import Delivery, DeliveryState, delivery_of, ordinal_of
from gateway.domain.identifiers import AttemptId
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.engine.attempt_news import attempt_row, ends, message_ids
from gateway.engine.channel import Channel, NothingMayLeave
from gateway.engine.rules import EngineRules
from gateway.engine.running import RunningAction
from gateway.store.closing import ClosingTerms
from gateway.store.lookups import delivery_and_action
from gateway.store.reader import Reader
from gateway.store.recipients import Lease
from gateway.store.writer import Writer
from gateway.store.writes import DeliveryWrite

_MOST_REMEMBERED = 100_000
_LASTING_SENT = frozenset({Outcome.SENT, Outcome.UNKNOWN})


@dataclass(slots=True, eq=False)
class Held:
    """A delivery in memory, and the action that it belongs to."""

    delivery: Delivery
    running: RunningAction


class RunnerOwner(Protocol):
    """What the runner tells of, each after the commit."""

    def running_of(self, action: Action) -> RunningAction:
        """What memory holds of an action, or, where that is closed, something to decide late receipts with."""
        ...

    def waits(self, delivery: Delivery, running: RunningAction) -> None:
        """It is the scheduler's again."""
        ...

    def changed(self, running: RunningAction, told: int, channel: ChannelName) -> None:
        """A decision is saved, and so many closing deliveries of this channel with it."""
        ...

    def recall(self, running: RunningAction) -> None:
        """Something of it is to be taken back from its peer."""
        ...

    def reload(self, running: RunningAction) -> None:
        """A write was refused: what memory counted of the action must be read again."""
        ...


class Runner:
    """`channels` is the service's own mapping: what is attached later is seen."""

    _log = Logger()

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        clocks: Clocks,
        reactor: IReactorTime,
        channels: Mapping[ChannelName, Channel[Any]],
        owner: RunnerOwner,
        rules: EngineRules,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._clocks = clocks
        self._reactor = reactor
        self._channels = channels
        self._owner = owner
        self.rules = rules
        self.quiet = False
        self.lease: Lease | None = None
        self._held: OrderedDict[int, Held] = OrderedDict()
        self._loading: dict[int, list[tuple[AttemptId, DeliveryEvent, Deferred[None]]]] = {}
        self._waits: dict[int, IDelayedCall] = {}
        self._unconfirmed: dict[RunningAction, list[tuple[AttemptId, DeliveryEvent, Deferred[None]]]] = {}
        self.in_progress: set[tuple[ChannelName, str]] = set()

    def holds(self, row: int) -> bool:
        return row in self._held

    def of_action(self, running: RunningAction) -> list[Delivery]:
        return [held.delivery for held in self._held.values() if held.running is running]

    def stop(self) -> None:
        for wait in self._waits.values():
            wait.cancel()
        self._waits.clear()

    def forget_doubtful(self, running: RunningAction) -> None:
        """Their rows are made final set-based: a receipt finds them there."""
        for held in list(self._held.values()):
            if held.running is running and held.delivery.state is DeliveryState.UNCERTAIN:
                self._drop(held.delivery.id)

    def forget_accepted(self, running: RunningAction) -> None:
        """The same for what its end takes back: from now on it is as the database has it."""
        for held in list(self._held.values()):
            if held.running is running and held.delivery.outcome is Outcome.SENT:
                self._drop(held.delivery.id)

    def hold(self, delivery: Delivery, running: RunningAction) -> None:
        """Take a delivery that is under way over from the database, after a restart."""
        self._held[delivery.id] = Held(delivery, running)
        if delivery.state is DeliveryState.UNCERTAIN and delivery.not_before is not None:
            self._await_receipt(delivery, delivery.not_before)

    def waits(self, delivery: Delivery, running: RunningAction) -> None:
        """One that was tried and waits, read from the database."""
        self._owner.waits(delivery, running)

    def begin(self, delivery: Delivery, running: RunningAction) -> None:
        """An attempt, its place reserved: handed to its channel, which lets nothing leave before `Sent` is saved. That is
        saved after this, so that one commit serves both."""
        held = Held(delivery, running)
        self._held[delivery.id] = held
        self.in_progress.add((delivery.key.channel, delivery.key.recipient.e164))
        self._decide(held, None, Picked()).addErrback(self._log_failure)
        self._send(held)

    def exhausted(self, delivery: Delivery, running: RunningAction) -> None:
        """No trunk or SMSC is left for a delivery that waits."""
        held = Held(delivery, running)
        self._held[delivery.id] = held
        self._decide(held, None, PeersExhausted()).addErrback(self._log_failure)

    def interrupted(self, delivery: Delivery, running: RunningAction) -> Deferred[None]:
        """It was under way when an earlier process died."""
        held = Held(delivery, running)
        self._held[delivery.id] = held
        return self._decide(held, delivery.attempt, Interrupted())

    def hold_events(self, running: RunningAction) -> None:
        """A close was asked for that may still come to nothing: what ends meanwhile is decided when that is known."""
        self._unconfirmed.setdefault(running, [])

    def release_events(self, running: RunningAction) -> None:
        for attempt, event, answer in self._unconfirmed.pop(running, ()):
            self._told(attempt, event).chainDeferred(answer)

    def event(self, attempt: AttemptId, event: AttemptEvent) -> Deferred[None]:
        """What a channel tells; see `gateway.engine.channel.ChannelListener.attempt_event`."""
        return self._told(attempt, event)

    def recalled(self, attempt: AttemptId, event: Recalled) -> Deferred[None]:
        """What a peer said to taking it back."""
        return self._told(attempt, event)

    def _told(self, attempt: AttemptId, event: DeliveryEvent) -> Deferred[None]:
        held = self._held.get(delivery_of(attempt))
        if held is None:
            return self._load(attempt, event)
        return self._event(held, attempt, event)

    def _event(self, held: Held, attempt: AttemptId, event: DeliveryEvent) -> Deferred[None]:
        current = ordinal_of(attempt) == held.delivery.ordinal
        if isinstance(event, Sent):
            return self._leave(held, attempt, event) if current else fail(NothingMayLeave("an attempt that is over"))
        if not current and not isinstance(event, Receipted):
            return succeed(None)
        unconfirmed = self._unconfirmed.get(held.running)
        if unconfirmed is None:
            return self._decide(held, attempt, event)
        answer: Deferred[None] = Deferred()
        unconfirmed.append((attempt, event, answer))
        return answer

    def _leave(self, held: Held, attempt: AttemptId, event: Sent) -> Deferred[None]:
        """The last look before the wire, and one more after the commit."""
        reason = self._may_not_leave(held)
        if reason is not None:
            return fail(NothingMayLeave(reason))

        def look_again(_: None) -> None:
            reason = self._may_not_leave(held)
            if reason is not None:
                raise NothingMayLeave(reason)

        return self._decide(held, attempt, event).addCallback(look_again)

    def _may_not_leave(self, held: Held) -> str | None:
        delivery = held.delivery
        if self._held.get(delivery.id) is not held:
            return "the lease was lost"
        if delivery.state not in (DeliveryState.STARTING, DeliveryState.SENT):
            return f"the delivery is {delivery.state}"
        stopped = held.running.stopped(delivery.key.message, self._clocks.saved_now())
        return None if stopped is None else f"the action is over: {stopped}"

    def _decide(self, held: Held, attempt: AttemptId | None, event: DeliveryEvent) -> Deferred[None]:
        before = held.delivery
        running = held.running
        now = self._clocks.saved_now()
        key = before.key
        situation = running.situation(key.message, now, self.quiet)
        after, effects = decide(before, event, self.rules.deliveries[key.channel], situation)
        if effects and type(effects[0]) is Ignored:
            self._log.info(
                "event ignored {event} in {state}", event=effects[0].event, state=effects[0].state, delivery=before.id
            )
            return succeed(None)
        held.delivery = after
        write = DeliveryWrite(before, after, now, attempt_row(before, after, attempt, event))
        if isinstance(event, (Accepted, Uncertain)):
            write.message_ids = message_ids(event)
        write.resent = after.possible_duplicate and before.state is DeliveryState.STARTING and type(event) is Sent
        self._account(write, running, effects)
        if ends(event):
            self.in_progress.discard((key.channel, key.recipient.e164))
        saved = self._writer.write(write)
        saved.addCallbacks(self._committed, self._refused, (held, write, effects), {}, (held,))
        return saved

    def _account(self, write: DeliveryWrite, running: RunningAction, effects: tuple[Effect, ...]) -> None:
        """What is counted and owed with this decision, in the same transaction."""
        for effect in effects:
            if type(effect) is Reached and write.after.key.message is MessageKind.ALERT:
                write.milestones = running.count_reached(write.after)
            elif type(effect) is Owed and write.after.key.message is MessageKind.ALERT and running.ending:
                assert self.lease is not None
                write.closing = ClosingTerms(self.lease, self.quiet, write.at)

    def _committed(self, _: object, held: Held, write: DeliveryWrite, effects: tuple[Effect, ...]) -> None:
        """What is open is counted here, in the order of the writer: so it never differs from what a query there counts."""
        after = write.after
        held.running.open += write.told
        for effect in effects:
            if type(effect) is Wait:
                self._drop(after.id)
                self._owner.waits(after, held.running)
            elif type(effect) is AwaitReceipt:
                self._await_receipt(after, effect.until)
            elif type(effect) is Recall:
                self._owner.recall(held.running)
            elif type(effect) is Finished:
                held.running.open -= 1
                self._finished(held)
        self._owner.changed(held.running, write.told, after.key.channel)

    def _finished(self, held: Held) -> None:
        """Remember what a receipt may still follow, and not more of it than fits."""
        row = held.delivery.id
        self._cancel_wait(row)
        if held.delivery.outcome not in _LASTING_SENT:
            self._held.pop(row, None)
            return
        self._held.move_to_end(row)
        while len(self._held) > _MOST_REMEMBERED:
            oldest = next(iter(self._held))
            if self._held[oldest].delivery.state is not DeliveryState.DONE:
                self._held.move_to_end(oldest)
                break
            del self._held[oldest]

    def _refused(self, failure: Failure, held: Held) -> Failure:
        self._log.error("write refused {reason}", reason=failure.getErrorMessage(), delivery=held.delivery.id)
        self.in_progress.discard((held.delivery.key.channel, held.delivery.key.recipient.e164))
        self._drop(held.delivery.id)
        self._owner.reload(held.running)
        return failure

    def _drop(self, row: int) -> None:
        self._held.pop(row, None)
        self._cancel_wait(row)

    def _send(self, held: Held) -> None:
        delivery = held.delivery
        key = delivery.key
        channel = self._channels[key.channel]
        reason = self._may_not_leave(held)
        prepared = held.running.prepared.get((key.channel, key.message))
        if reason is not None or prepared is None:
            channel.release(key.recipient)
            self._event(held, delivery.attempt, NotSent(reason or "not prepared")).addErrback(self._log_failure)
            return
        closing = key.message is MessageKind.CLOSING
        attempt = Attempt(
            id=delivery.attempt,
            key=key,
            ordinal=delivery.ordinal,
            language=delivery.language,
            deadline=None if closing else held.running.action.draft.expires_at,
            avoid=delivery.avoid,
            possible_duplicate=delivery.possible_duplicate,
        )
        channel.send(attempt, prepared)

    def _await_receipt(self, delivery: Delivery, until: Saved) -> None:
        self._cancel_wait(delivery.id)
        seconds = max(self._clocks.until(until), 0.0)
        self._waits[delivery.id] = self._reactor.callLater(seconds, self._no_receipt, delivery.id)

    def _no_receipt(self, row: int) -> None:
        self._waits.pop(row, None)
        held = self._held.get(row)
        if held is not None and held.delivery.state is DeliveryState.UNCERTAIN:
            self._decide(held, None, NoReceipt()).addErrback(self._log_failure)

    def _cancel_wait(self, row: int) -> None:
        wait = self._waits.pop(row, None)
        if wait is not None:
            wait.cancel()

    def _load(self, attempt: AttemptId, event: DeliveryEvent) -> Deferred[None]:
        """An event of a delivery that memory does not hold: a receipt after a restart, or after the end."""
        row = delivery_of(attempt)
        answer: Deferred[None] = Deferred()
        waiting = self._loading.get(row)
        if waiting is not None:
            waiting.append((attempt, event, answer))
            return answer
        self._loading[row] = [(attempt, event, answer)]
        found = self._reader.read(lambda connection: delivery_and_action(connection, row))
        found.addCallbacks(self._loaded, self._not_loaded, (row,), {}, (row,))
        return answer

    def _loaded(self, found: tuple[Delivery, Action] | None, row: int) -> None:
        held = self._held.get(row)
        if held is None and found is not None:
            delivery, action = found
            held = self._held[row] = Held(delivery, self._owner.running_of(action))
        for attempt, event, answer in self._loading.pop(row):
            if held is None:
                self._log.info("event of an unknown attempt {event}", event=type(event).__name__)
                answer.callback(None) if not isinstance(event, Sent) else answer.errback(NothingMayLeave("unknown"))
            else:
                # Not before the commit: another event meanwhile would read it as it was.
                answer.addBoth(self._seen, held)
                self._event(held, attempt, event).chainDeferred(answer)

    def _seen(self, result: object, held: Held) -> object:
        if self._held.get(held.delivery.id) is held and held.delivery.state is DeliveryState.DONE:
            self._finished(held)
        return result

    def _not_loaded(self, failure: Failure, row: int) -> None:
        for _, _, answer in self._loading.pop(row):
            answer.errback(failure)

    def _log_failure(self, failure: Failure) -> None:
        self._log.error("delivery not saved {reason}", reason=failure.getErrorMessage())
