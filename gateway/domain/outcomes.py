"""The words for what became of a recipient on a channel, as the API shows them. No I/O."""

from __future__ import annotations

from enum import StrEnum


class ChannelName(StrEnum):
    """The ways to reach a participant."""

    VOICE = "voice"
    SMS = "sms"


class MessageKind(StrEnum):
    """The messages of one action; each recipient has one outcome a channel for each of them."""

    ALERT = "alert"
    CORRECTION = "correction"
    CLOSING = "closing"


class Outcome(StrEnum):
    """One recipient, channel and message has exactly one of these at any moment."""

    HEARD_CONFIRMED = "heard_confirmed"
    HEARD = "heard"
    HEARD_PART = "heard_part"
    VOICEMAIL = "voicemail"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    INVALID_NUMBER = "invalid_number"
    TRUNK_FAILURE = "trunk_failure"

    DELIVERED = "delivered"
    SENT = "sent"
    UNDELIVERABLE = "undeliverable"
    REJECTED = "rejected"
    UNKNOWN = "unknown"

    WAITING = "waiting"
    IN_PROGRESS = "in_progress"
    STOPPED = "stopped"
    EXPIRED = "expired"
    HELD_QUIET_HOURS = "held_quiet_hours"
    OPTED_OUT = "opted_out"


OPEN = frozenset({Outcome.WAITING, Outcome.IN_PROGRESS, Outcome.HELD_QUIET_HOURS})
"""Not decided yet while the action runs. `held_quiet_hours` becomes final at the action's close."""

REACHED = frozenset(
    {
        Outcome.HEARD_CONFIRMED,
        Outcome.HEARD,
        Outcome.HEARD_PART,
        Outcome.DELIVERED,
        Outcome.SENT,
        Outcome.UNKNOWN,
    }
)
"""Who gets the closing message; `voicemail` joins them where the configuration says that it counts."""


def reached(outcome: Outcome, *, voicemail_is_reached: bool) -> bool:
    return outcome in REACHED or (voicemail_is_reached and outcome is Outcome.VOICEMAIL)
