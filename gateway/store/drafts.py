"""A draft and an estimate as JSON in one column: they are read and written whole. No I/O."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from foundation.clock import saved
from gateway.domain.action import ActionDraft, Area, Circle, Kind, Municipality, Polygon, Postcodes
from gateway.domain.identifiers import DeskId
from gateway.domain.outcomes import ChannelName


@dataclass(frozen=True, slots=True)
class SavedEstimate:
    """What was estimated when the draft was saved; see `gateway.engine.views.Estimate`."""

    recipients: dict[ChannelName, int]
    sms_segments: int
    eta_seconds: float
    cost: float
    advice: tuple[str, ...] = ()


def dump_draft(draft: ActionDraft) -> str:
    """The same draft gives the same text: its hash is what an idempotency key is held against."""
    return json.dumps(
        {
            "kind": draft.kind.value,
            "title": draft.title,
            "message": draft.message,
            "area": _dump_area(draft.area),
            "channels": sorted(channel.value for channel in draft.channels),
            "owner": draft.owner,
            "closing": draft.closing,
            "expires_at": None if draft.expires_at is None else draft.expires_at.isoformat(),
            "exercise": draft.exercise,
            "translations": draft.translations,
        },
        sort_keys=True,
        ensure_ascii=False,
    )


def load_draft(text: str) -> ActionDraft:
    held = json.loads(text)
    return ActionDraft(
        kind=Kind(held["kind"]),
        title=held["title"],
        message=held["message"],
        area=_load_area(held["area"]),
        channels=frozenset(ChannelName(name) for name in held["channels"]),
        owner=DeskId(held["owner"]),
        closing=held["closing"],
        expires_at=None if held["expires_at"] is None else saved(datetime.fromisoformat(held["expires_at"])),
        exercise=held["exercise"],
        translations=held["translations"],
    )


def dump_estimate(estimate: SavedEstimate) -> str:
    return json.dumps(asdict(estimate), ensure_ascii=False)


def load_estimate(text: str) -> SavedEstimate:
    held = json.loads(text)
    recipients = {ChannelName(name): count for name, count in held.pop("recipients").items()}
    return SavedEstimate(recipients=recipients, advice=tuple(held.pop("advice")), **held)


def _dump_area(area: Area) -> dict[str, Any]:
    match area:
        case Circle():
            return {"circle": [area.latitude, area.longitude, area.radius_metres]}
        case Polygon():
            return {"polygon": area.rings}
        case Postcodes():
            return {"postcodes": area.codes}
        case Municipality():
            return {"municipality": area.name}


def _load_area(held: dict[str, Any]) -> Area:
    (kind, value), *_ = held.items()
    match kind:
        case "circle":
            return Circle(*value)
        case "polygon":
            return Polygon(tuple(tuple((corner[0], corner[1]) for corner in ring) for ring in value))
        case "postcodes":
            return Postcodes(tuple(value))
        case _:
            return Municipality(value)
