"""What API calls answer: pydantic models made from the engine's views. No I/O.

Telephone numbers are masked unless the one who asks may see them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from foundation.telephone_numbers import PhoneNumber
from gateway.domain.action import Area, Circle, Municipality, Polygon, Postcodes
from gateway.domain.calls import CallView
from gateway.engine.views import (
    ActionView,
    AttemptView,
    DeliveryView,
    DeskView,
    Estimate,
    ImportReport,
    RefusedRow,
    ReplyView,
    TipView,
)
from gateway.http.access import Person

Item = TypeVar("Item")
Counts = dict[str, dict[str, int]]


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class PageAnswer(Answer, Generic[Item]):
    """`next` goes into `after` to get the next page; null at the end."""

    items: list[Item]
    next: str | None


class EstimateAnswer(Answer):
    """`sms_segments` of one message; `cost` in euro; `advice` names what would make it cheaper."""

    recipients: dict[str, int]
    sms_segments: int
    eta_seconds: float
    cost: float
    advice: list[str]

    @classmethod
    def of(cls, estimate: Estimate) -> EstimateAnswer:
        return cls(**_estimate(estimate))


class ActionAnswer(Answer):
    """`counts` of the alert by channel and outcome, zero left out; `reached_seconds` from the start to 50, 90 and 95 %."""

    id: str
    state: Literal["draft", "active", "closing", "closed"]
    kind: str
    title: str
    message: str
    closing: str | None
    area: dict[str, Any]
    channels: list[str]
    owner: str
    expires_at: datetime | None
    exercise: bool
    translations: dict[str, str]
    created_at: datetime
    created_by: str
    started_at: datetime | None
    closed_at: datetime | None
    outcome: str | None
    closing_message: str | None
    has_recording: bool
    recipients: dict[str, int]
    sms_segments: int
    eta_seconds: float
    cost: float
    advice: list[str]
    counts: Counts
    closing_counts: Counts
    reached_seconds: dict[str, float]
    callbacks: int
    possible_duplicates: int

    @classmethod
    def of(cls, view: ActionView) -> ActionAnswer:
        action, draft = view.action, view.action.draft
        return cls(
            id=action.id,
            state=action.state.value,
            kind=draft.kind.value,
            title=draft.title,
            message=draft.message,
            closing=draft.closing,
            area=area_json(draft.area),
            channels=sorted(channel.value for channel in draft.channels),
            owner=draft.owner,
            expires_at=draft.expires_at,
            exercise=draft.exercise,
            translations=dict(draft.translations),
            created_at=action.created_at,
            created_by=action.created_by,
            started_at=action.started_at,
            closed_at=action.closed_at,
            outcome=None if action.closing_outcome is None else action.closing_outcome.value,
            closing_message=action.closing_message,
            has_recording=action.recording is not None,
            **_estimate(view.estimate),
            counts=_counts(view.counts),
            closing_counts=_counts(view.closing_counts),
            reached_seconds={str(share): round(seconds, 3) for share, seconds in view.reached_seconds.items()},
            callbacks=view.callbacks,
            possible_duplicates=view.possible_duplicates,
        )


class AttemptAnswer(Answer):
    """One try: SIP code, Q.850 cause, Call-ID and trunk, or SMSC, message ids and status."""

    ordinal: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    peer: str | None
    reference: str | None
    sip_code: int | None
    q850_cause: int | None
    command_status: int | None
    receipt_status: str | None
    possible_duplicate: bool
    interrupted: bool

    @classmethod
    def of(cls, view: AttemptView) -> AttemptAnswer:
        return cls(**{name: getattr(view, name) for name in cls.model_fields})


class DeliveryAnswer(Answer):
    phone: str
    channel: str
    message: str
    outcome: str
    attempts: int
    updated_at: datetime
    history: list[AttemptAnswer]

    @classmethod
    def of(cls, view: DeliveryView, person: Person) -> DeliveryAnswer:
        return cls(
            phone=shown(view.number, person) or "",
            channel=view.channel.value,
            message=view.message.value,
            outcome=view.outcome.value,
            attempts=view.attempts,
            updated_at=view.updated_at,
            history=[AttemptAnswer.of(attempt) for attempt in view.history],
        )


class DeskAnswer(Answer):
    id: str
    name: str
    room: str
    deputy: str | None
    present: bool
    uri: str | None
    reachable: bool | None

    @classmethod
    def of(cls, view: DeskView) -> DeskAnswer:
        return cls(**{name: getattr(view, name) for name in cls.model_fields})


class TipAnswer(Answer):
    id: str
    action: str | None
    recorded_at: datetime
    milliseconds: int
    phone: str | None

    @classmethod
    def of(cls, view: TipView, person: Person) -> TipAnswer:
        return cls(
            id=view.id,
            action=view.action,
            recorded_at=view.recorded_at,
            milliseconds=view.milliseconds,
            phone=shown(view.number, person),
        )


class ReplyAnswer(Answer):
    id: str
    action: str | None
    phone: str | None
    text: str
    received_at: datetime

    @classmethod
    def of(cls, view: ReplyView, person: Person) -> ReplyAnswer:
        phone = shown(view.number, person)
        return cls(id=view.id, action=view.action, phone=phone, text=view.text, received_at=view.received_at)


class CallAnswer(Answer):
    """A leg, up or past: what a bill is checked with."""

    id: str
    direction: Literal["in", "out"]
    action: str | None
    phone: str | None
    peer: str
    call_id: str
    desk: str | None
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    seconds: float | None = Field(description="From answer to end; null while it is up or when it was not answered.")
    ended_by: str | None
    cause: str | None
    sip_code: int | None
    q850_cause: int | None

    @classmethod
    def of(cls, view: CallView, person: Person) -> CallAnswer:
        seconds = None
        if view.answered_at is not None and view.ended_at is not None:
            seconds = round((view.ended_at - view.answered_at).total_seconds(), 3)
        same = {name: getattr(view, name) for name in cls.model_fields if name not in ("phone", "seconds")}
        return cls(phone=shown(view.number, person), seconds=seconds, **same)


class TrunkAnswer(Answer):
    name: str
    state: str
    channels: int
    channels_in_use: int
    alert_channels_in_use: int
    reserved_for_callbacks: int
    calls_per_second: float | None
    last_error: str | None
    last_error_at: datetime | None
    round_trip_milliseconds: float | None
    registered_until: datetime | None
    tested_at: datetime | None
    test_fault: str | None


class SmscAnswer(Answer):
    name: str
    state: str
    window: int
    in_flight: int
    segments_per_second: float | None
    last_error: str | None
    last_error_at: datetime | None
    round_trip_milliseconds: float | None


class RefusedRowAnswer(Answer):
    line: int
    field: str
    reason: str

    @classmethod
    def of(cls, row: RefusedRow) -> RefusedRowAnswer:
        return cls(line=row.line, field=row.field, reason=row.reason)


class ImportAnswer(Answer):
    """`refused` holds the first refused rows; `refused_total` counts all. `ignored_columns`: names of the header row
    that were not read, perhaps misspelt."""

    rows: int
    imported: int
    refused: list[RefusedRowAnswer]
    refused_total: int
    dry_run: bool
    ignored_columns: list[RefusedRowAnswer]

    @classmethod
    def of(cls, report: ImportReport) -> ImportAnswer:
        return cls(
            rows=report.rows,
            imported=report.imported,
            refused=[RefusedRowAnswer.of(row) for row in report.refused],
            refused_total=report.refused_total,
            dry_run=report.dry_run,
            ignored_columns=[RefusedRowAnswer.of(row) for row in report.ignored_columns],
        )


class CountAnswer(Answer):
    count: int


class FieldFaultAnswer(Answer):
    pointer: str | None = None
    parameter: str | None = None
    detail: str


class ProblemAnswer(Answer):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldFaultAnswer] = []


def shown(number: PhoneNumber | None, person: Person) -> str | None:
    if number is None:
        return None
    return number.e164 if person.sees_numbers else number.masked


def area_json(area: Area) -> dict[str, Any]:
    """As `POST /actions` takes it."""
    match area:
        case Circle(latitude, longitude, radius):
            return {"circle": {"lat": latitude, "lon": longitude, "radius_m": radius}}
        case Polygon(rings):
            return {"polygon": {"type": "Polygon", "coordinates": [[list(at) for at in ring] for ring in rings]}}
        case Postcodes(codes):
            return {"postcodes": list(codes)}
        case Municipality(name):
            return {"municipality": name}


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "recipients": {channel.value: count for channel, count in estimate.recipients.items()},
        "sms_segments": estimate.sms_segments,
        "eta_seconds": round(estimate.eta_seconds, 3),
        "cost": round(estimate.cost, 4),
        "advice": list(estimate.advice),
    }


def _counts(counts: Any) -> Counts:
    return {
        channel.value: {outcome.value: count for outcome, count in outcomes.items() if count}
        for channel, outcomes in counts.items()
        if any(outcomes.values())
    }
