"""An action: what an operator asks a neighbourhood to look out for, from draft to closed. Pure; no I/O.

The values stand here; `gateway.domain.decisions` holds the tables that move them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from foundation.clock import Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.identifiers import ActionId, DeskId
from gateway.domain.outcomes import ChannelName


class Kind(StrEnum):
    MISSING_PERSON = "missing_person"
    BURGLARY = "burglary"
    THEFT = "theft"
    ROBBERY = "robbery"
    HIT_AND_RUN = "hit_and_run"
    THREAT = "threat"
    INFORMATION = "information"
    OTHER = "other"


URGENT = frozenset({Kind.THREAT, Kind.MISSING_PERSON})
"""Come before others when channels are short."""


class ActionState(StrEnum):
    """draft → active → closing → closed. `closing`: stopping calls, then telling those who were reached."""

    DRAFT = "draft"
    ACTIVE = "active"
    CLOSING = "closing"
    CLOSED = "closed"


class ClosingOutcome(StrEnum):
    SOLVED_BY_TIP = "solved_by_tip"
    SOLVED_OTHERWISE = "solved_otherwise"
    UNSOLVED = "unsolved"
    EXERCISE = "exercise"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Circle:
    """WGS 84 degrees, metres on the ground."""

    latitude: float
    longitude: float
    radius_metres: float


@dataclass(frozen=True, slots=True)
class Polygon:
    """Rings of (longitude, latitude), the first is the outline, closed, as in GeoJSON (RFC 7946 §3.1.6)."""

    rings: tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True, slots=True)
class Postcodes:
    """Four digits (`3511`) or six characters (`3512AB`)."""

    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Municipality:
    name: str


Area = Circle | Polygon | Postcodes | Municipality


@dataclass(frozen=True, slots=True)
class ActionDraft:
    """What an operator writes. `closing` is the text for the end, in advance; `expires_at` closes by the clock.
    `texts` and `closing_texts` may hold further languages beside Dutch."""

    kind: Kind
    title: str
    message: str
    area: Area
    channels: frozenset[ChannelName]
    owner: DeskId
    closing: str | None = None
    expires_at: Saved | None = None
    exercise: bool = False
    translations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Action:
    """An action as it is saved."""

    id: ActionId
    draft: ActionDraft
    state: ActionState
    created_at: Saved
    created_by: str
    started_at: Saved | None = None
    closed_at: Saved | None = None
    closing_outcome: ClosingOutcome | None = None
    closing_message: str | None = None
    recording: Path | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """A number that an action reached: what a callback looks up. An action that is over still has callers for a while."""

    number: PhoneNumber
    action: ActionId
    owner: DeskId
    distance_metres: float
    started_at: Saved
    running: bool = True


@dataclass(frozen=True, slots=True)
class Desk:
    """Where an operator sits. `uri` None: its phone registers with us, by `password`."""

    id: DeskId
    name: str
    uri: str | None
    room: str
    deputy: DeskId | None = None
    present: bool = True
