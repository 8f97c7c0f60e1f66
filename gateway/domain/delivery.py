"""A delivery: one recipient of one message on one channel, from waiting to done. Pure values; no I/O.

The values stand here; `gateway.domain.decisions` holds the table that moves them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from foundation.clock import Saved
from gateway.domain.identifiers import AttemptId, DeliveryKey
from gateway.domain.outcomes import Outcome
from gateway.domain.values import quickly_made

_ORDINAL_SHIFT = 40
_DELIVERY_MASK = (1 << _ORDINAL_SHIFT) - 1


def attempt_id(delivery: int, ordinal: int) -> AttemptId:
    """The id of a delivery's n-th attempt: the row's number below, the ordinal above.

    So the attempt alone tells its delivery, no counter is shared between nodes, and the low 16 bits (what goes out as
    user_message_reference) differ for 65,536 deliveries in a row and stay the same when one is sent again.
    """
    return AttemptId(ordinal << _ORDINAL_SHIFT | delivery)


def delivery_of(attempt: AttemptId) -> int:
    return attempt & _DELIVERY_MASK


def ordinal_of(attempt: AttemptId) -> int:
    return attempt >> _ORDINAL_SHIFT


class DeliveryState(StrEnum):
    """Where a delivery stands. `starting`: an attempt is saved and nothing left; `sent`: it is on the wire; `heard`:
    80 % was heard and the call is still up; `uncertain`: an SMS left and its fate is waited for; `recalling`: an SMS was
    accepted, the action is over and the SMSC is asked to take it back; `done`: final, only a receipt may still say more."""

    WAITING = "waiting"
    STARTING = "starting"
    SENT = "sent"
    HEARD = "heard"
    UNCERTAIN = "uncertain"
    RECALLING = "recalling"
    DONE = "done"


@quickly_made
@dataclass(frozen=True, slots=True)
class Delivery:
    """As it is saved. `id` is its row; `attempts` those that count against the cap, `ordinal` all that were begun.

    `night`: may be reached in quiet hours. `avoid`: peers that showed a fault since the last attempt that counted.
    `version` grows with each write, `epoch` is that of the lease under which it is held: a write that expects another
    of either is refused.
    """

    id: int
    key: DeliveryKey
    language: str = "nl"
    night: bool = False
    state: DeliveryState = DeliveryState.WAITING
    outcome: Outcome = Outcome.WAITING
    attempts: int = 0
    ordinal: int = 0
    not_before: Saved | None = None
    avoid: frozenset[str] = frozenset()
    possible_duplicate: bool = False
    version: int = 0
    epoch: int = 0

    @property
    def attempt(self) -> AttemptId:
        return attempt_id(self.id, self.ordinal)

    def moved(
        self,
        state: DeliveryState,
        outcome: Outcome,
        *,
        attempts: int | None = None,
        ordinal: int | None = None,
        not_before: Saved | None = None,
        avoid: frozenset[str] | None = None,
        possible_duplicate: bool | None = None,
    ) -> Delivery:
        """The next version, with what is not named as it was; `not_before` is forgotten where it is not named.

        Written out by position: it is made four times a delivery, and `dataclasses.replace` takes five times as long.
        """
        return Delivery(
            self.id,
            self.key,
            self.language,
            self.night,
            state,
            outcome,
            self.attempts if attempts is None else attempts,
            self.ordinal if ordinal is None else ordinal,
            not_before,
            self.avoid if avoid is None else avoid,
            self.possible_duplicate if possible_duplicate is None else possible_duplicate,
            self.version + 1,
            self.epoch,
        )


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """What the configuration says on trying again. `retry_seconds` by the outcome that an attempt ended with; an outcome
    that is not named is final. `leave_unknown`: SMSCs whose doubtful messages are not sent again."""

    attempts: int = 3
    retry_seconds: Mapping[Outcome, float] = field(default_factory=dict)
    voicemail_is_reached: bool = False
    receipt_seconds: float = 60.0
    leave_unknown: frozenset[str] = frozenset()


@quickly_made
@dataclass(frozen=True, slots=True)
class Situation:
    """What a decision must know beside the delivery. `halted`: the word for what the action's end stopped (`stopped` or
    `expired`), None while it goes on. `quiet`: the quiet hours run."""

    now: Saved
    halted: Outcome | None = None
    quiet: bool = False
