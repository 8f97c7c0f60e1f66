"""An action's life: composed, started, handed over, closed by hand or by the clock, told, closed.

What memory holds of the running ones is changed before it is saved where that stops something, and after where it
begins something. Every method returns after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from foundation.clock import Clocks, Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.action import Action, ActionDraft, ActionState, ClosingOutcome
from gateway.domain.action_decisions import ActionEvent, after
from gateway.domain.delivery import Delivery, DeliveryState
from gateway.domain.identifiers import ActionId, DeskId
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.engine.channel import Channel
from gateway.engine.closing import Close, Ends, closing_work, conflict, in_state
from gateway.engine.events import EventHub
from gateway.engine.interface import Conflict
from gateway.engine.messages import message_of
from gateway.engine.runner import Runner
from gateway.engine.running import RunningAction
from gateway.engine.scheduler import Scheduler
from gateway.store.actions import change_action, note
from gateway.store.closing import stop_waiting
from gateway.store.deliveries import count_open, tried_before
from gateway.store.drafts import dump_draft, dump_estimate
from gateway.store.recipients import Freeze, freeze
from gateway.store.schema import microseconds
from gateway.store.writer import Writer

_PREPARE_RETRY_SECONDS = 5.0
_SLOW_SECONDS = 1.0
"""After so long a close does not wait for its commit to end the calls: 2 s are allowed for that."""
_CLOSING_GIVEN_UP = timedelta(hours=24)
CLOCK = "clock"
"""The actor of what nobody asked for: expiry."""


@dataclass(slots=True)
class Parts:
    """What the life of actions stands on; wired once by the service."""

    writer: Writer
    clocks: Clocks
    reactor: IReactorTime
    channels: dict[ChannelName, Channel[Any]]
    runner: Runner
    scheduler: Scheduler
    hub: EventHub
    opted_out: set[tuple[PhoneNumber, ChannelName]] = field(default_factory=set)
    """Who opted out while an attempt was under way, and must not be tried again when that ends."""


class Actions:
    """The running actions of this node, and what can be done with any action."""

    _log = Logger()

    def __init__(self, parts: Parts, recall: Callable[[RunningAction], None]) -> None:
        """`recall` asks the peers to take back what is open for that."""
        self._parts = parts
        self.recall = recall
        self.running: dict[ActionId, RunningAction] = {}
        self._timers: dict[ActionId, IDelayedCall] = {}
        self._retries: set[IDelayedCall] = set()

    def stop(self) -> None:
        for timer in (*self._timers.values(), *self._retries):
            if timer.active():
                timer.cancel()
        self._timers.clear()
        self._retries.clear()

    def running_of(self, action: Action) -> RunningAction:
        return self.running.get(action.id) or RunningAction(action, 0, 0, halted=Outcome.STOPPED)

    async def start(self, wanted: ActionId, actor: str) -> None:
        now = self._parts.clocks.saved_now()
        lease = self._parts.runner.lease
        if lease is None:
            raise Conflict("the gateway is still starting; try again in a moment")
        quiet = self._parts.runner.quiet

        def work(connection: Connection) -> tuple[Action, int]:
            record = in_state(connection, wanted, ActionEvent.STARTED, "started")
            action, draft = record.action, record.action.draft
            if draft.expires_at is not None and draft.expires_at <= now:
                raise Conflict("the action is past its expiry; give it a later expires_at first")
            waiting, frozen = freeze(connection, Freeze(wanted, draft.area, draft.channels, lease, now, quiet))
            if waiting == 0:
                raise Conflict("nobody lives in this area who can be reached on these channels; draw a larger area")
            change_action(
                connection,
                wanted,
                state=ActionState.ACTIVE.value,
                started_at=microseconds(now),
                node=lease.node,
                recipients=waiting,
                estimate=dump_estimate(replace(record.estimate, recipients=frozen)),
            )
            note(connection, now, actor, "action started", wanted, f"{waiting} deliveries")
            return replace(action, state=ActionState.ACTIVE, started_at=now), waiting

        action, waiting = await self._parts.writer.run(work)
        self.enter(RunningAction(action, waiting, waiting))
        self._parts.hub.publish("action", {"id": action.id, "state": action.state.value})

    def enter(self, running: RunningAction) -> None:
        """From now on this action is worked for: its message prepared, its clock set."""
        self.running[running.id] = running
        closing = running.action.state is ActionState.CLOSING
        self._set_clock(running)
        for channel in self._channels_of(running):
            if not closing:
                self._line(running, MessageKind.ALERT, channel)
            else:
                self._line(running, MessageKind.CLOSING, channel)

    def _channels_of(self, running: RunningAction) -> Iterable[ChannelName]:
        return sorted(running.action.draft.channels)

    def _line(self, running: RunningAction, message: MessageKind, channel: ChannelName) -> None:
        self._parts.scheduler.add_line(running, message, channel)
        self.prepare(running, message, channel)

    def prepare(self, running: RunningAction, message: MessageKind, channel: ChannelName) -> None:
        """Render or segment once; where that fails it is tried again while the action runs."""
        way = self._parts.channels.get(channel)
        if way is None:
            return
        ready = Deferred.fromCoroutine(way.prepare(message_of(running.action, message, channel)))
        ready.addCallbacks(
            self._prepared, self._not_prepared, (running, message, channel), {}, (running, message, channel)
        )
        ready.addErrback(lambda failure: self._log.failure("prepared message not taken", failure))

    def _prepared(self, ready: object, running: RunningAction, message: MessageKind, channel: ChannelName) -> None:
        running.prepared[channel, message] = ready
        self._parts.scheduler.poke(channel)

    def _not_prepared(
        self, failure: Failure, running: RunningAction, message: MessageKind, channel: ChannelName
    ) -> None:
        reason = failure.getErrorMessage()
        self._log.error("message not prepared {reason}", reason=reason, action=running.id, channel=channel.value)
        trouble = {"id": running.id, "state": running.action.state.value, "trouble": reason, "channel": channel.value}
        self._parts.hub.publish("action", trouble)

        def again() -> None:
            self._retries.discard(timer)
            if self.running.get(running.id) is running:
                self.prepare(running, message, channel)

        timer = self._parts.reactor.callLater(_PREPARE_RETRY_SECONDS, again)
        self._retries.add(timer)

    async def hand_over(self, wanted: ActionId, owner: DeskId, actor: str) -> None:
        now = self._parts.clocks.saved_now()

        def work(connection: Connection) -> ActionDraft:
            action = in_state(connection, wanted, ActionEvent.HANDED_OVER, "handed over").action
            draft = replace(action.draft, owner=owner)
            change_action(connection, wanted, owner=owner, draft=dump_draft(draft))
            note(connection, now, actor, "action handed over", wanted, owner)
            return draft

        draft = await self._parts.writer.run(work)
        running = self.running.get(wanted)
        if running is not None:
            running.action = replace(running.action, draft=draft)
        self._parts.hub.publish("action", {"id": wanted, "owner": owner})

    async def set_recording(self, wanted: ActionId, path: Path, actor: str) -> None:
        now = self._parts.clocks.saved_now()

        def work(connection: Connection) -> None:
            in_state(connection, wanted, ActionEvent.EDITED, "given a recording")
            change_action(connection, wanted, recording=str(path))
            note(connection, now, actor, "recording set", wanted)

        await self._parts.writer.run(work)

    async def close(
        self, wanted: ActionId, outcome: ClosingOutcome, message: str | None, actor: str, *, patient: bool = False
    ) -> None:
        """Stop everything of the alert, and begin to tell those who were reached."""
        expired = outcome is ClosingOutcome.EXPIRED
        event = ActionEvent.EXPIRED if expired else ActionEvent.CLOSED
        running = self.running.get(wanted)
        if running is None or after(running.action.state, event) is None or running.halted is not None:
            await self._refuse(wanted, event)
            return
        word = Outcome.EXPIRED if expired else Outcome.STOPPED
        running.halted = word
        self._parts.scheduler.drop_lines(running, MessageKind.ALERT)
        self._parts.runner.forget_doubtful(running)
        order = Close(running, word, outcome, message, actor, self._parts.clocks.saved_now())
        recalling = frozenset[str]().union(*(channel.recalling() for channel in self._parts.channels.values()))
        closing = self._parts.writer.run(closing_work(order, self._parts.runner, recalling), patient=patient)
        # What ends by this is decided behind the close, which tells those who are reached by then.
        self._parts.runner.hold_events(running)
        if expired:
            self._end_under_way(running)
        slow = self._parts.reactor.callLater(_SLOW_SECONDS, self._end_under_way, running)
        self._retries.add(slow)
        try:
            ends = await closing
        except BaseException:
            self._not_closed(order)
            raise
        finally:
            self._retries.discard(slow)
            if slow.active():
                slow.cancel()
        self._closing(order, ends)

    def _not_closed(self, order: Close) -> None:
        """The close came to nothing: the action goes on, and what ended meanwhile is decided as if nothing had been. An
        expiry that came meanwhile is due now."""
        running = order.running
        running.halted = None
        running.ended = False
        self.reload(running)
        self._parts.runner.release_events(running)
        if order.outcome is not ClosingOutcome.EXPIRED:
            self._set_clock(running)

    def _end_under_way(self, running: RunningAction) -> None:
        """End what rings and plays of the alert; nothing of it begins any more, so once is enough."""
        if running.ended:
            return
        running.ended = True
        for delivery in self._parts.runner.of_action(running):
            under_way = delivery.state in (DeliveryState.STARTING, DeliveryState.SENT, DeliveryState.HEARD)
            if under_way and delivery.key.message is not MessageKind.CLOSING:
                self._parts.channels[delivery.key.channel].cancel(delivery.attempt)

    async def _refuse(self, wanted: ActionId, event: ActionEvent) -> None:
        def work(connection: Connection) -> Action:
            return in_state(connection, wanted, event, "closed").action

        action = await self._parts.writer.run(work)
        if wanted not in self.running:
            raise Conflict("another gateway on this database works for this action: close it there")
        raise conflict(replace(action, state=ActionState.CLOSING), "closed")

    def _closing(self, order: Close, ends: Ends) -> None:
        """After the commit: end what rings and plays, then tell."""
        running = order.running
        running.action = replace(
            running.action,
            state=ActionState.CLOSING,
            closed_at=order.at,
            closing_outcome=order.outcome,
            closing_message=order.message or running.action.draft.closing,
        )
        running.open += ends.told + ends.recalled - ends.stopped
        running.settled = True
        self._parts.runner.forget_accepted(running)
        self._parts.runner.release_events(running)
        if ends.recalled:
            self.recall(running)
        self._end_under_way(running)
        for channel in self._channels_of(running):
            self._line(running, MessageKind.CLOSING, channel)
        self._set_clock(running)
        self._parts.hub.publish("action", {"id": running.id, "state": ActionState.CLOSING.value})
        self.finish_if_told(running)

    def finish_if_told(self, running: RunningAction) -> None:
        if not running.all_told or running.finishing:
            return
        running.finishing = True
        now = self._parts.clocks.saved_now()

        def work(connection: Connection) -> bool:
            if count_open(connection, running.id) > 0:
                return False
            change_action(connection, running.id, state=ActionState.CLOSED.value)
            note(connection, now, CLOCK, "everybody told", running.id)
            return True

        finished = self._parts.writer.run(work, patient=True)
        finished.addCallback(self._finished, running)
        finished.addErrback(lambda failure: self._log.failure("action not closed", failure, action=running.id))

    def _finished(self, closed: bool, running: RunningAction) -> None:
        running.finishing = False
        if not closed:
            self.reload(running)
            return
        running.action = replace(running.action, state=ActionState.CLOSED)
        self._parts.scheduler.drop_lines(running, MessageKind.CLOSING)
        self.running.pop(running.id, None)
        timer = self._timers.pop(running.id, None)
        if timer is not None:
            timer.cancel()
        self._parts.hub.publish("action", {"id": running.id, "state": ActionState.CLOSED.value})

    def reload(self, running: RunningAction) -> None:
        """Memory and the database disagreed, or a close came to nothing: read the lines and the count anew."""
        again = self._parts.writer.run(lambda connection: self._reread(connection, running), patient=True)
        again.addCallback(self._reloaded, running)
        again.addErrback(lambda failure: self._log.failure("action not read again", failure, action=running.id))

    def _reread(self, connection: Connection, running: RunningAction) -> tuple[int, list[Delivery]]:
        states = (DeliveryState.WAITING, DeliveryState.UNCERTAIN)
        return count_open(connection, running.id), tried_before(
            connection, running.id, self._parts.scheduler.epoch, states
        )

    def _reloaded(self, found: tuple[int, list[Delivery]], running: RunningAction) -> None:
        running.open, tried = found
        if running.halted is not None and not running.settled:
            return
        message = MessageKind.CLOSING if running.halted is not None else MessageKind.ALERT
        self._parts.scheduler.drop_lines(running, message)
        for channel in self._channels_of(running):
            self._parts.scheduler.add_line(running, message, channel)
        for delivery in tried:
            if self._parts.runner.holds(delivery.id):
                continue
            if delivery.state is DeliveryState.UNCERTAIN:
                self._parts.runner.hold(delivery, running)
            else:
                self._parts.runner.waits(delivery, running)
        if running.halted is not None:
            self.recall(running)
        self.finish_if_told(running)

    def _set_clock(self, running: RunningAction) -> None:
        """The moment when this action ends by the clock: its expiry, or, once it closes, the end of all trying."""
        timer = self._timers.pop(running.id, None)
        if timer is not None:
            timer.cancel()
        end = running.action.draft.expires_at
        if running.action.state is ActionState.CLOSING and running.action.closed_at is not None:
            end = Saved(running.action.closed_at + _CLOSING_GIVEN_UP)
        if end is not None:
            seconds = max(self._parts.clocks.until(end), 0.0)
            self._timers[running.id] = self._parts.reactor.callLater(seconds, self._clock_ended, running)

    def _clock_ended(self, running: RunningAction) -> None:
        self._timers.pop(running.id, None)
        if running.action.state is ActionState.CLOSING:
            ended = Deferred.fromCoroutine(self._give_up(running))
        else:
            ended = Deferred.fromCoroutine(self.close(running.id, ClosingOutcome.EXPIRED, None, CLOCK, patient=True))
        ended.addErrback(lambda failure: self._log.failure("action not ended by the clock", failure, action=running.id))

    async def _give_up(self, running: RunningAction) -> None:
        """A day after the close, who could not be told is not told any more."""
        running.given_up = True
        self._parts.scheduler.drop_lines(running, MessageKind.CLOSING)
        self._parts.runner.forget_doubtful(running)
        now = self._parts.clocks.saved_now()
        stopped = await self._parts.writer.run(
            lambda connection: stop_waiting(connection, running.id, MessageKind.CLOSING, Outcome.EXPIRED, now),
            patient=True,
        )
        running.open -= stopped
        self.finish_if_told(running)
