"""What the engine answers when it is asked: frozen views of what is committed. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Literal, TypeVar

from foundation.clock import Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.action import Action
from gateway.domain.identifiers import ActionId, DeskId
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """`next` is an opaque cursor, None at the end."""

    items: tuple[Item, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """`recipients` a channel; `sms_segments` of one message; `cost` in euro; `eta_seconds` until 95 % were tried."""

    recipients: Mapping[ChannelName, int]
    sms_segments: int
    eta_seconds: float
    cost: float
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionView:
    """`counts` of the alert, channel then outcome, zero left out; `closing_counts` the same of the closing message.
    `reached_seconds` maps 50, 90 and 95 (% of all recipients' deliveries) to seconds since the start, where it was so
    far."""

    action: Action
    estimate: Estimate
    counts: Mapping[ChannelName, Mapping[Outcome, int]] = field(default_factory=dict)
    closing_counts: Mapping[ChannelName, Mapping[Outcome, int]] = field(default_factory=dict)
    reached_seconds: Mapping[int, float] = field(default_factory=dict)
    callbacks: int = 0
    possible_duplicates: int = 0


@dataclass(frozen=True, slots=True)
class AttemptView:
    ordinal: int
    started_at: Saved
    ended_at: Saved | None
    outcome: Outcome | None
    peer: str | None
    reference: str | None
    sip_code: int | None
    q850_cause: int | None
    command_status: int | None
    receipt_status: str | None
    possible_duplicate: bool
    interrupted: bool


@dataclass(frozen=True, slots=True)
class DeliveryView:
    number: PhoneNumber
    channel: ChannelName
    message: MessageKind
    outcome: Outcome
    attempts: int
    updated_at: Saved
    history: tuple[AttemptView, ...] = ()


@dataclass(frozen=True, slots=True)
class DeskView:
    id: DeskId
    name: str
    room: str
    deputy: DeskId | None
    present: bool
    uri: str | None
    reachable: bool | None = None


@dataclass(frozen=True, slots=True)
class TipView:
    id: str
    action: ActionId | None
    recorded_at: Saved
    milliseconds: int
    number: PhoneNumber | None
    path: Path


@dataclass(frozen=True, slots=True)
class ReplyView:
    id: str
    action: ActionId | None
    number: PhoneNumber | None
    text: str
    received_at: Saved


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row of an import that was not taken: its line in the file, the field and what to write instead."""

    line: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """`ignored_columns`: names of the header row that are no column of ours, perhaps misspelt."""

    rows: int
    imported: int
    refused: tuple[RefusedRow, ...]
    refused_total: int
    dry_run: bool
    ignored_columns: tuple[RefusedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event: `kind` is `action`, `delivery`, `call`, `trunk` or `smsc`; `data` goes out as JSON."""

    id: int
    kind: Literal["action", "delivery", "call", "trunk", "smsc", "reply", "tip"]
    data: Mapping[str, object]
