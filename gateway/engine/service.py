"""The engine: every method of `gateway.engine.interface.Engine`, and what the channels call.

Order for whoever wires it: `EngineService(…)`, `await prepare()` (before the telephone listens), `attach` each channel,
`begin()`, then `await recover(end_orphans)`. `drain()` stops new attempts; `end()` stops the rest. `EngineLife` does
`begin` and `end` as a Twisted service.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, text
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from foundation.clock import Clocks, Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.action import Action, ActionDraft, ActionState, ClosingOutcome, Desk, Recipient
from gateway.domain.attempt import AttemptEvent
from gateway.domain.calls import CallView
from gateway.domain.delivery import Delivery
from gateway.domain.identifiers import ActionId, AttemptId, DeskId, NodeName
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.engine import answers
from gateway.engine.actions import Actions, Parts
from gateway.engine.channel import Channel, ChannelListener
from gateway.engine.composer import Composer
from gateway.engine.desks import Desks
from gateway.engine.events import EventHub
from gateway.engine.housekeeping import Housekeeping
from gateway.engine.interface import Engine, Invalid
from gateway.engine.keeping import Keeping
from gateway.engine.media import Media
from gateway.engine.participants import import_file
from gateway.engine.recalls import Recalls
from gateway.engine.recovery import EndOrphans, Recovery
from gateway.engine.rules import EngineRules
from gateway.engine.runner import Runner
from gateway.engine.running import RunningAction
from gateway.engine.scheduler import Scheduler
from gateway.engine.views import (
    ActionView,
    DeliveryView,
    DeskView,
    Estimate,
    Event,
    ImportReport,
    Page,
    ReplyView,
    TipView,
)
from gateway.store.faults import StoreFault
from gateway.store.participants import count_participants
from gateway.store.reader import Reader
from gateway.store.records import CallQuery
from gateway.store.writer import Writer


@dataclass(frozen=True, slots=True)
class Foundation:
    """What the engine stands on. `token(bytes)` gives unguessable URL-safe names (`secrets.token_urlsafe`);
    `directory` keeps uploaded recordings."""

    writer: Writer
    reader: Reader
    clocks: Clocks
    reactor: IReactorTime
    node: NodeName
    media: Media
    directory: Path
    token: Callable[[int], str]


class EngineService(Engine, ChannelListener):
    """All of an engine, wired; what each method promises stands with the two joints."""

    _log = Logger()

    def __init__(self, stands_on: Foundation, rules: EngineRules) -> None:
        on = stands_on
        self._reader = on.reader
        self._writer = on.writer
        self._clocks = on.clocks
        self._channels: dict[ChannelName, Channel[Any]] = {}
        self._hub = EventHub(int(on.clocks.saved_now().timestamp() * 1000))
        runner = Runner(on.writer, on.reader, on.clocks, on.reactor, self._channels, self, rules)
        scheduler = Scheduler(on.reader, on.clocks, on.reactor, self._channels, runner)
        parts = Parts(on.writer, on.clocks, on.reactor, self._channels, runner, scheduler, self._hub)
        self._parts = parts
        self._recalls = Recalls(parts, on.reader)
        self._actions = Actions(parts, self._recalls.begin)
        self._desks = Desks(on.writer, on.reader, on.clocks)
        self._composer = Composer(parts, on.reader, self._actions, self._desks, on.media, on.directory, on.token)
        self._keeping = Keeping(parts, on.reader, on.token)
        self._housekeeping = Housekeeping(parts, on.reader, self._actions)
        self._recovery = Recovery(parts, on.reader, self._actions, on.node)
        self._owner_changed: Callable[[ActionId, DeskId], None] = lambda action, owner: None

    # life

    async def prepare(self, desks: Sequence[Desk] = ()) -> None:
        """Read what an earlier process left on the wire and the desks; before the telephone listens."""
        await self._recovery.look()
        await self._desks.load()
        await self._desks.configure(list(desks))

    def on_owner_changed(self, callback: Callable[[ActionId, DeskId], None]) -> None:
        """Called after each hand-over is committed, so that callers who wait reach the new owner."""
        self._owner_changed = callback

    async def configure_desks(self, desks: Sequence[Desk]) -> None:
        """The desks of a reloaded configuration."""
        await self._desks.configure(list(desks))

    def attach(self, channel: Channel[Any]) -> None:
        self._channels[channel.name] = channel

    def begin(self) -> None:
        """Follow the clock: quiet hours, retention."""
        self._housekeeping.look_at_quiet()
        self._housekeeping.start()

    async def recover(self, end_orphans: EndOrphans) -> None:
        """End the orphans, take over what runs, and begin to give work. Once, when the telephone can send."""
        await self._recovery.recover(end_orphans)

    def drain(self) -> None:
        """No new attempts; those under way go on."""
        self._parts.scheduler.drain()

    def end(self) -> None:
        """Leave no delayed call behind, and end every watcher's iteration."""
        self._parts.scheduler.drain()
        self._actions.stop()
        self._recalls.stop()
        self._parts.runner.stop()
        self._housekeeping.stop()
        self._recovery.stop()
        self._hub.close()

    def reconfigure(self, rules: EngineRules) -> None:
        """From now on decisions go by these."""
        self._parts.runner.rules = rules
        self._housekeeping.reconfigured()

    # what the channels call

    def attempt_event(self, attempt: AttemptId, event: AttemptEvent) -> Deferred[None]:
        return self._parts.runner.event(attempt, event)

    def capacity_changed(self, channel: ChannelName) -> None:
        self._parts.scheduler.poke(channel)

    # what the runner calls

    def running_of(self, action: Action) -> RunningAction:
        return self._actions.running_of(action)

    def waits(self, delivery: Delivery, running: RunningAction) -> None:
        if (delivery.key.recipient, delivery.key.channel) in self._parts.opted_out:
            again = Deferred.fromCoroutine(self._out_or_waits(delivery, running))
            again.addErrback(lambda failure: self._log.failure("opt-out not saved", failure))
        else:
            self._parts.scheduler.waits(delivery, running)

    async def _out_or_waits(self, delivery: Delivery, running: RunningAction) -> None:
        number, channel = delivery.key.recipient, delivery.key.channel
        if await self._keeping.is_out(number, channel):
            await self.opt_out(number, channel)
        else:
            self._parts.opted_out.discard((number, channel))
            self._parts.scheduler.waits(delivery, running)

    def changed(self, running: RunningAction, told: int, channel: ChannelName) -> None:
        self._housekeeping.counts_changed([running.id])
        if told:
            self._parts.scheduler.more_came(running, MessageKind.CLOSING, channel)
        elif running.all_told:
            self._actions.finish_if_told(running)

    def recall(self, running: RunningAction) -> None:
        self._recalls.begin(running)

    def reload(self, running: RunningAction) -> None:
        self._actions.reload(running)

    # actions

    async def estimate(self, draft: ActionDraft) -> Estimate:
        return answers.estimate_view(await self._composer.estimate(draft))

    async def create(self, draft: ActionDraft, actor: str, idempotency_key: str | None = None) -> ActionView:
        return await self._composer.create(draft, actor, idempotency_key)

    async def edit(self, action: ActionId, draft: ActionDraft, actor: str) -> ActionView:
        return await self._composer.edit(action, draft, actor)

    async def set_recording(self, action: ActionId, wav: bytes, actor: str) -> ActionView:
        await self._composer.set_recording(action, wav, actor)
        return await self.action(action)

    async def audio(self, action: ActionId) -> Path:
        return await self._composer.audio(action)

    async def start(self, action: ActionId, actor: str) -> ActionView:
        await self._actions.start(action, actor)
        return await self.action(action)

    async def hand_over(self, action: ActionId, owner: DeskId, actor: str) -> ActionView:
        if not self._desks.knows(owner):
            raise Invalid("owner", f"there is no desk {owner}; name one of the operators")
        await self._actions.hand_over(action, owner, actor)
        self._owner_changed(action, owner)
        return await self.action(action)

    async def close(self, action: ActionId, outcome: ClosingOutcome, message: str | None, actor: str) -> ActionView:
        await self._actions.close(action, outcome, message, actor)
        return await self.action(action)

    async def action(self, action: ActionId) -> ActionView:
        return await self._reader.read(lambda connection: answers.action_view(connection, action))

    async def actions(self, state: ActionState | None = None, after: str | None = None) -> Page[ActionView]:
        return await self._reader.read(lambda connection: answers.actions_page(connection, state, after))

    async def deliveries(
        self, action: ActionId, outcome: Outcome | None = None, after: str | None = None
    ) -> Page[DeliveryView]:
        return await self._reader.read(lambda connection: answers.deliveries_page(connection, action, outcome, after))

    # participants

    async def import_participants(
        self, csv: Path, *, dry_run: bool, actor: str, progress: Callable[[int, int], None] | None = None
    ) -> ImportReport:
        report = await import_file(csv, dry_run=dry_run, reader=self._reader, writer=self._writer, progress=progress)
        if not dry_run:
            await self._keeping.note(actor, "participants imported", f"{report.imported} of {report.rows} rows")
        return report

    async def count_participants(self) -> int:
        return await self._reader.read(count_participants)

    async def opt_out(self, number: PhoneNumber, channel: ChannelName) -> bool:
        self._parts.opted_out.add((number, channel))
        new, gone = await self._keeping.opt_out(number, channel)
        self._parts.scheduler.remove(gone)
        for delivery in gone:
            running = self._actions.running.get(delivery.key.action)
            if running is not None:
                running.open -= 1
                self._actions.finish_if_told(running)
        self._housekeeping.counts_changed({delivery.key.action for delivery in gone})
        return new

    async def language_of(self, number: PhoneNumber) -> str:
        """The language that a person signed up with."""
        return await self._keeping.language_of(number)

    # desks

    async def desks(self) -> list[DeskView]:
        return self._desks.views()

    async def add_desk(self, desk: Desk, actor: str) -> DeskView:
        return await self._desks.add(desk, actor)

    async def set_present(self, desk: DeskId, present: bool, actor: str) -> DeskView:
        return await self._desks.set_present(desk, present, actor)

    async def desks_for(self, owner: DeskId | None, room: str | None) -> list[Desk]:
        return self._desks.rung_for(owner, room)

    # callers, tips, replies, calls

    async def actions_of(self, caller: PhoneNumber, grace_seconds: float) -> list[Recipient]:
        rows = await self._keeping.reached_by(caller, grace_seconds)
        return [
            Recipient(caller, row.action, row.owner, sqrt(max(row.square_metres, 0.0)), row.started_at, row.running)
            for row in rows
        ]

    async def save_tip(
        self, path: Path, milliseconds: int, caller: PhoneNumber | None, action: ActionId | None
    ) -> TipView:
        return await self._keeping.save_tip(path, milliseconds, caller, action)

    async def tips(self, action: ActionId | None = None, after: str | None = None) -> Page[TipView]:
        return await self._reader.read(lambda connection: answers.tips_page(connection, action, after))

    async def tip(self, tip: str) -> TipView:
        return await self._keeping.tip(tip)

    async def save_reply(self, number: PhoneNumber | None, text: str, received_at: Saved) -> ReplyView:
        """A text from a person, kept for the owner of the newest action that reached them; saved when it returns."""
        return await self._keeping.save_reply(number, text, received_at)

    async def answer_due(self, number: PhoneNumber) -> str | None:
        """The language in which to tell who replied that the action is over; None where it runs or they know already."""
        return await self._keeping.answer_due(number)

    async def replies(self, action: ActionId | None = None, after: str | None = None) -> Page[ReplyView]:
        return await self._reader.read(lambda connection: answers.replies_page(connection, action, after))

    async def save_call(self, call: CallView) -> None:
        await self._keeping.save_call(call)

    async def calls(
        self,
        direction: Literal["in", "out"] | None = None,
        action: ActionId | None = None,
        after: str | None = None,
        begin: Saved | None = None,
        end: Saved | None = None,
    ) -> Page[CallView]:
        wanted = CallQuery(direction, action, begin, end)
        return await self._reader.read(lambda connection: answers.calls_page(connection, wanted, after))

    async def count_callback(self, action: ActionId) -> None:
        await self._keeping.count_callback(action)

    # what happens

    def events(self, after: int | None = None) -> AsyncIterator[Event]:
        return self._hub.watch(after)

    def publish(self, kind: Literal["trunk", "smsc", "call"], data: dict[str, object]) -> None:
        self._hub.publish(kind, data)

    def running(self) -> Iterable[ActionId]:
        return list(self._actions.running)

    def draining(self) -> bool:
        return self._parts.scheduler.draining

    async def healthy(self) -> str | None:
        if self._writer.trouble is not None:
            return self._writer.trouble
        try:
            await self._reader.read(_ask)
        except StoreFault as trouble:
            return str(trouble)
        return None


class EngineLife(Service):
    """The engine's begin and end among the daemon's services. The engine itself has a method `running`, which a Twisted
    service can't have."""

    name = "engine"

    def __init__(self, engine: EngineService) -> None:
        self._engine = engine

    def startService(self) -> None:
        super().startService()
        self._engine.begin()

    def stopService(self) -> None:
        self._engine.end()
        super().stopService()


def _ask(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))
