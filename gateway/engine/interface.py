"""The engine as HTTP, the callback line and the command line see it. The joint; no I/O here.

`gateway.engine.service.EngineService` is the one that runs. Every method that changes something returns after the
commit, so that 201 and 202 are promises.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Literal, Protocol

from foundation.clock import Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.action import ActionDraft, ActionState, ClosingOutcome, Desk, Recipient
from gateway.domain.calls import CallView
from gateway.domain.identifiers import ActionId, DeskId
from gateway.domain.outcomes import ChannelName, Outcome
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


class NotFound(LookupError):
    """No such action, desk or tip; the message names it."""


class Conflict(Exception):
    """The thing is in a state where this can't be; the message says which, and what can be done instead."""


class Invalid(ValueError):
    """A field holds what can't be; `field` is its path in the request body (`area.circle.radius_m`)."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class Engine(Protocol):
    """`actor` is the name of the person (token) that asks; it is written to the audit trail."""

    # actions
    async def estimate(self, draft: ActionDraft) -> Estimate: ...

    async def create(self, draft: ActionDraft, actor: str, idempotency_key: str | None = None) -> ActionView:
        """The same key with the same body gives the same action again; with another body Conflict."""
        ...

    async def edit(self, action: ActionId, draft: ActionDraft, actor: str) -> ActionView:
        """A draft only, else Conflict."""
        ...

    async def set_recording(self, action: ActionId, wav: bytes, actor: str) -> ActionView: ...

    async def audio(self, action: ActionId) -> Path:
        """A WAV of what a phone will hear, through the telephone's codec."""
        ...

    async def start(self, action: ActionId, actor: str) -> ActionView:
        """Freezes the recipients. Conflict when it is no draft, is past its expiry or reaches nobody."""
        ...

    async def hand_over(self, action: ActionId, owner: DeskId, actor: str) -> ActionView: ...

    async def close(self, action: ActionId, outcome: ClosingOutcome, message: str | None, actor: str) -> ActionView: ...

    async def action(self, action: ActionId) -> ActionView: ...

    async def actions(self, state: ActionState | None = None, after: str | None = None) -> Page[ActionView]: ...

    async def deliveries(
        self, action: ActionId, outcome: Outcome | None = None, after: str | None = None
    ) -> Page[DeliveryView]: ...

    # participants
    async def import_participants(
        self, csv: Path, *, dry_run: bool, actor: str, progress: Callable[[int, int], None] | None = None
    ) -> ImportReport:
        """`progress(bytes done, bytes in all)`, from any thread."""
        ...

    async def count_participants(self) -> int: ...

    async def opt_out(self, number: PhoneNumber, channel: ChannelName) -> bool:
        """For all actions, until they sign up again (an import of the number with this channel). Whether it is new: one that
        was known already needs no confirmation."""
        ...

    # desks
    async def desks(self) -> list[DeskView]: ...

    async def add_desk(self, desk: Desk, actor: str) -> DeskView: ...

    async def set_present(self, desk: DeskId, present: bool, actor: str) -> DeskView: ...

    async def desks_for(self, owner: DeskId | None, room: str | None) -> list[Desk]:
        """Who is to be rung, in order: the owner, the deputy, then those present in the owner's room (or in `room`),
        each once. An absent owner is left out."""
        ...

    # callers, tips, replies, calls
    async def actions_of(self, caller: PhoneNumber, grace_seconds: float) -> list[Recipient]:
        """The actions that reached this number and run, or ended less than the grace ago: newest, then nearest first."""
        ...

    async def save_tip(
        self, path: Path, milliseconds: int, caller: PhoneNumber | None, action: ActionId | None
    ) -> TipView: ...

    async def tips(self, action: ActionId | None = None, after: str | None = None) -> Page[TipView]: ...

    async def tip(self, tip: str) -> TipView: ...

    async def replies(self, action: ActionId | None = None, after: str | None = None) -> Page[ReplyView]: ...

    async def save_call(self, call: CallView) -> None:
        """Insert or renew by id."""
        ...

    async def calls(
        self,
        direction: Literal["in", "out"] | None = None,
        action: ActionId | None = None,
        after: str | None = None,
        begin: Saved | None = None,
        end: Saved | None = None,
    ) -> Page[CallView]: ...

    async def count_callback(self, action: ActionId) -> None: ...

    # what happens
    def events(self, after: int | None = None) -> AsyncIterator[Event]:
        """From now, or from the event after the given id where it is still kept. Ends when the daemon stops."""
        ...

    def publish(self, kind: Literal["trunk", "smsc", "call"], data: dict[str, object]) -> None: ...

    def running(self) -> Iterable[ActionId]: ...

    def draining(self) -> bool:
        """Whether no new attempt is begun: before the recovery is done, and from the stop on."""
        ...

    async def healthy(self) -> str | None:
        """None when the database answers, else what is wrong, in words."""
        ...
