"""A leg as it is kept for `GET /calls` and the bill. Pure value; no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from foundation.clock import Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.identifiers import ActionId, DeskId


@dataclass(frozen=True, slots=True)
class CallView:
    """A leg, up or past. `number` None where the caller withheld it or its time is over. `id` is the leg's."""

    id: str
    direction: Literal["in", "out"]
    action: ActionId | None
    number: PhoneNumber | None
    peer: str
    call_id: str
    started_at: Saved
    answered_at: Saved | None
    ended_at: Saved | None
    ended_by: str | None
    cause: str | None
    sip_code: int | None
    q850_cause: int | None
    desk: DeskId | None = None
