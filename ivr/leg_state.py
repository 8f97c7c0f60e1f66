"""Where a leg stands towards its conversation, as a table. No I/O."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType


class LegState(StrEnum):
    CALLING = "calling"
    OFFERED = "offered"
    ANSWERING = "answering"
    UP = "up"
    OVER = "over"


class LegEvent(StrEnum):
    ANSWERED = "answered"
    ANSWER = "answer"
    CONFIRMED = "confirmed"
    ENDED = "ended"


TRANSITIONS = MappingProxyType(
    {
        (LegState.CALLING, LegEvent.ANSWERED): LegState.UP,
        (LegState.CALLING, LegEvent.ENDED): LegState.OVER,
        (LegState.OFFERED, LegEvent.ANSWER): LegState.ANSWERING,
        (LegState.OFFERED, LegEvent.ENDED): LegState.OVER,
        (LegState.ANSWERING, LegEvent.CONFIRMED): LegState.UP,
        (LegState.ANSWERING, LegEvent.ENDED): LegState.OVER,
        (LegState.UP, LegEvent.ENDED): LegState.OVER,
    }
)
"""What is absent does not move the leg: a 200 that crosses our CANCEL, a second BYE."""
