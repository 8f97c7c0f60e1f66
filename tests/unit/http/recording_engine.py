"""An engine in memory at the joint that HTTP stands on: it keeps what it is told and records who asked for what."""

from __future__ import annotations

import csv as csv_module
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from twisted.internet.defer import DeferredQueue

from foundation.clock import Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.action import Action, ActionDraft, ActionState, ClosingOutcome, Desk, Postcodes, Recipient
from gateway.domain.calls import CallView
from gateway.domain.identifiers import ActionId, DeskId
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.engine.interface import Conflict, Invalid, NotFound
from gateway.engine.views import (
    ActionView,
    DeliveryView,
    DeskView,
    Estimate,
    Event,
    ImportReport,
    Page,
    RefusedRow,
    ReplyView,
    TipView,
)

MOMENT = Saved(datetime(2026, 11, 24, 21, 0, tzinfo=UTC))
ANNA = PhoneNumber("+31612345678")


class RecordingEngine:
    """`calls` is what it was asked, in order; `fault` is raised by the next call where one is set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[object, ...]] = []
        self.fault: Exception | None = None
        self.saved: dict[ActionId, ActionView] = {}
        self.keys: dict[str, tuple[ActionDraft, ActionId]] = {}
        self.seats = [DeskView(DeskId("desk-7"), "Oost 7", "oost", DeskId("desk-8"), True, "sip:desk-7@127.0.0.1")]
        self.queue: DeferredQueue[Event | None] = DeferredQueue()
        self.listeners = 0
        self.imported = b""
        self.database_fault: str | None = None
        self.drains = False

    def _note(self, *asked: object) -> None:
        self.asked.append(asked)
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault

    async def estimate(self, draft: ActionDraft) -> Estimate:
        self._note("estimate", draft)
        people = 0 if draft.area == Postcodes(("9999",)) else 120
        return Estimate(dict.fromkeys(sorted(draft.channels), people), 2, 61.25, 6.96, ("write e for ë",))

    async def create(self, draft: ActionDraft, actor: str, idempotency_key: str | None = None) -> ActionView:
        self._note("create", draft, actor, idempotency_key)
        if draft.owner not in {seat.id for seat in self.seats}:
            raise Invalid("owner", f"{draft.owner} is no desk; name one of desk-7")
        if idempotency_key in self.keys:
            earlier, action = self.keys[idempotency_key]
            if earlier != draft:
                raise Conflict("this Idempotency-Key was used with another body; choose a new key")
            return self.saved[action]
        name = ActionId(f"a{len(self.saved) + 1}")
        if idempotency_key is not None:
            self.keys[idempotency_key] = (draft, name)
        estimate = Estimate(dict.fromkeys(sorted(draft.channels), 120), 2, 61.25, 6.96)
        action = Action(name, draft, ActionState.DRAFT, MOMENT, actor)
        return self._put(ActionView(action, estimate))

    def _put(self, view: ActionView) -> ActionView:
        self.saved[view.action.id] = view
        return view

    def _find(self, action: ActionId) -> ActionView:
        if action not in self.saved:
            raise NotFound(f"there is no action {action}")
        return self.saved[action]

    async def edit(self, action: ActionId, draft: ActionDraft, actor: str) -> ActionView:
        self._note("edit", action, draft, actor)
        view = self._find(action)
        if view.action.state is not ActionState.DRAFT:
            raise Conflict("only a draft can be edited; this action is active")
        return self._put(replace(view, action=replace(view.action, draft=draft)))

    async def set_recording(self, action: ActionId, wav: bytes, actor: str) -> ActionView:
        self._note("set_recording", action, len(wav), actor)
        view = self._find(action)
        return self._put(replace(view, action=replace(view.action, recording=self.folder / "r.wav")))

    async def audio(self, action: ActionId) -> Path:
        self._note("audio", action)
        self._find(action)
        path = self.folder / "heard.wav"
        path.write_bytes(b"RIFF\x24\0\0\0WAVEfmt 0123456789")
        return path

    async def start(self, action: ActionId, actor: str) -> ActionView:
        self._note("start", action, actor)
        view = self._find(action)
        if view.action.state is not ActionState.DRAFT:
            raise Conflict("this action runs already")
        started = replace(view.action, state=ActionState.ACTIVE, started_at=MOMENT)
        counts = {
            ChannelName.VOICE: {Outcome.HEARD: 70, Outcome.WAITING: 30, Outcome.BUSY: 0, Outcome.HEARD_CONFIRMED: 20},
            ChannelName.SMS: {Outcome.DELIVERED: 100, Outcome.SENT: 20},
        }
        return self._put(replace(view, action=started, counts=counts, reached_seconds={50: 12.3456}, callbacks=1))

    async def hand_over(self, action: ActionId, owner: DeskId, actor: str) -> ActionView:
        self._note("hand_over", action, owner, actor)
        view = self._find(action)
        draft = replace(view.action.draft, owner=owner)
        return self._put(replace(view, action=replace(view.action, draft=draft)))

    async def close(self, action: ActionId, outcome: ClosingOutcome, message: str | None, actor: str) -> ActionView:
        self._note("close", action, outcome, message, actor)
        view = self._find(action)
        closing = replace(
            view.action, state=ActionState.CLOSING, closed_at=MOMENT, closing_outcome=outcome, closing_message=message
        )
        return self._put(replace(view, action=closing))

    async def action(self, action: ActionId) -> ActionView:
        self._note("action", action)
        return self._find(action)

    async def actions(self, state: ActionState | None = None, after: str | None = None) -> Page[ActionView]:
        self._note("actions", state, after)
        found = [view for view in reversed(self.saved.values()) if state in (None, view.action.state)]
        return Page(tuple(found), None)

    async def deliveries(
        self, action: ActionId, outcome: Outcome | None = None, after: str | None = None
    ) -> Page[DeliveryView]:
        self._note("deliveries", action, outcome, after)
        self._find(action)
        view = DeliveryView(ANNA, ChannelName.VOICE, MessageKind.ALERT, Outcome.HEARD, 1, MOMENT)
        return Page((view,), None if after else "cursor-2")

    async def import_participants(
        self, csv: Path, *, dry_run: bool, actor: str, progress: Callable[[int, int], None] | None = None
    ) -> ImportReport:
        self._note("import", dry_run, actor)
        with open(csv, "rb") as file:  # noqa: ASYNC230 - a test's file of a few rows
            self.imported = file.read()
        rows = list(csv_module.DictReader(self.imported.decode(errors="replace").splitlines()))
        refused = tuple(
            RefusedRow(line, "phone", "112 is never dialled")
            for line, row in enumerate(rows, 2)
            if row.get("phone") == "112"
        )
        if progress is not None:
            for done in range(0, len(self.imported), 10):
                progress(done, len(self.imported))
        return ImportReport(len(rows), len(rows) - len(refused), refused, len(refused), dry_run)

    async def count_participants(self) -> int:
        self._note("count")
        return 4000

    async def opt_out(self, number: PhoneNumber, channel: ChannelName) -> bool:
        self._note("opt_out", number, channel)
        return True

    async def desks(self) -> list[DeskView]:
        self._note("desks")
        return list(self.seats)

    async def add_desk(self, desk: Desk, actor: str) -> DeskView:
        self._note("add_desk", desk, actor)
        self.seats.append(DeskView(desk.id, desk.name, desk.room, desk.deputy, desk.present, desk.uri))
        return self.seats[-1]

    async def set_present(self, desk: DeskId, present: bool, actor: str) -> DeskView:
        self._note("set_present", desk, present, actor)
        for at, seat in enumerate(self.seats):
            if seat.id == desk:
                self.seats[at] = replace(seat, present=present)
                return self.seats[at]
        raise NotFound(f"there is no desk {desk}")

    async def desks_for(self, owner: DeskId | None, room: str | None) -> list[Desk]:
        return []

    async def actions_of(self, caller: PhoneNumber, grace_seconds: float) -> list[Recipient]:
        return []

    async def save_tip(
        self, path: Path, milliseconds: int, caller: PhoneNumber | None, action: ActionId | None
    ) -> TipView:
        return TipView("t1", action, MOMENT, milliseconds, caller, path)

    async def tips(self, action: ActionId | None = None, after: str | None = None) -> Page[TipView]:
        self._note("tips", action, after)
        return Page((TipView("t1", action, MOMENT, 4200, ANNA, self.folder / "t1.wav"),), None)

    async def tip(self, tip: str) -> TipView:
        self._note("tip", tip)
        path = self.folder / "t1.wav"
        path.write_bytes(b"RIFF\x24\0\0\0WAVEfmt tip")
        return TipView(tip, None, MOMENT, 4200, ANNA, path)

    async def replies(self, action: ActionId | None = None, after: str | None = None) -> Page[ReplyView]:
        self._note("replies", action, after)
        return Page((ReplyView("r1", action, ANNA, "ik zag hem bij het station", MOMENT),), None)

    async def save_call(self, call: CallView) -> None:
        self._note("save_call", call)

    async def calls(
        self,
        direction: Literal["in", "out"] | None = None,
        action: ActionId | None = None,
        after: str | None = None,
        begin: Saved | None = None,
        end: Saved | None = None,
    ) -> Page[CallView]:
        self._note("calls", direction, action, after, begin, end)
        ended = Saved(MOMENT + timedelta(seconds=12.5))
        view = CallView("leg", "out", None, ANNA, "kpn", "c@1", MOMENT, MOMENT, ended, "them", "hung_up", 200, 16)
        return Page((view,), None if after else "more")

    async def count_callback(self, action: ActionId) -> None:
        self._note("count_callback", action)

    async def events(self, after: int | None = None) -> AsyncIterator[Event]:
        self._note("events", after)
        self.listeners += 1
        try:
            while (event := await self.queue.get()) is not None:
                yield event
        finally:
            self.listeners -= 1

    def publish(self, kind: Literal["trunk", "smsc", "call"], data: dict[str, object]) -> None:
        self._note("publish", kind, data)

    def running(self) -> Iterable[ActionId]:
        return [name for name, view in self.saved.items() if view.action.state is ActionState.ACTIVE]

    def draining(self) -> bool:
        return self.drains

    async def healthy(self) -> str | None:
        return self.database_fault
