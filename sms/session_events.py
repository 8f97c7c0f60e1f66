"""What one bind is given to send, and what it tells. Values; no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from foundation.clock import Monotonic
from sms import status
from sms.pdu import DataSm, DeliverSm, SubmitSm
from sms.pdu_operations import CancelSm, QueryResponse, QuerySm

_MOST_TRIES = 20
_THROTTLED_FOR_GOOD_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class Outgoing:
    """One submit_sm. `weight` in segments (more than one where the SMSC cuts); nothing leaves from `deadline` on, which
    also becomes its validity_period. The rest is the session's own account of it."""

    pdu: SubmitSm
    weight: int = 1
    deadline: Monotonic | None = None
    order: int = 0
    tries: int = 0
    first_left_at: Monotonic = field(default=Monotonic(0.0))
    left_at: Monotonic = field(default=Monotonic(0.0))
    waiting: bool = False

    def worn_out(self, now: Monotonic) -> bool:
        """Put off so often or so long that the SMSC's last answer counts."""
        return self.tries >= _MOST_TRIES or now - self.first_left_at >= _THROTTLED_FOR_GOOD_SECONDS


@dataclass(slots=True, eq=False)
class Operation:
    """A question or order about a message that was submitted before. It takes a segment's place in the rate, since an
    SMSC counts what it gets."""

    pdu: QuerySm | CancelSm
    weight: int = 1
    deadline: Monotonic | None = None
    tries: int = 0
    left_at: Monotonic = field(default=Monotonic(0.0))

    @property
    def worn_out(self) -> bool:
        return self.tries >= _MOST_TRIES


@dataclass(frozen=True, slots=True)
class Bound:
    """The SMSC took the bind; `system_id` is its own name."""

    system_id: str


@dataclass(frozen=True, slots=True)
class BindRefused:
    """`Over` follows."""

    command_status: int


@dataclass(frozen=True, slots=True)
class Left:
    """It is on the wire for the first time."""

    outgoing: Outgoing


@dataclass(frozen=True, slots=True)
class Answered:
    """The SMSC's response; `message_id` as it wrote it, empty with any status but 0."""

    outgoing: Outgoing
    command_status: int
    message_id: bytes


@dataclass(frozen=True, slots=True)
class Unanswered:
    """It left, and no response will come any more."""

    outgoing: Outgoing
    reason: str


@dataclass(frozen=True, slots=True)
class NotLeft:
    """It never left, and will not."""

    outgoing: Outgoing
    reason: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """The whole bind waits; `outgoing` goes again by itself."""

    outgoing: Outgoing
    command_status: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """A deliver_sm or data_sm; `Session.answer` is owed."""

    sequence: int
    pdu: DeliverSm | DataSm


@dataclass(frozen=True, slots=True)
class OperationAnswered:
    """`command_status` None: no response came. `response` of a query_sm that succeeded."""

    operation: Operation
    command_status: int | None
    response: QueryResponse | None = None


@dataclass(frozen=True, slots=True)
class PeerMistake:
    """The SMSC sent something that it should not have; it got its answer, nothing else follows."""

    words: str


@dataclass(frozen=True, slots=True)
class Over:
    """The connection is to be closed, or is. Nothing follows."""

    reason: str


SessionEvent = (
    Bound
    | BindRefused
    | Left
    | Answered
    | Unanswered
    | NotLeft
    | Throttled
    | Delivered
    | OperationAnswered
    | PeerMistake
    | Over
)


def never_left(item: Outgoing | Operation, reason: str) -> SessionEvent:
    """What waited does not leave; where a throttle had refused it before, that is its answer."""
    if isinstance(item, Operation):
        return OperationAnswered(item, None)
    return Answered(item, status.THROTTLED, b"") if item.tries else NotLeft(item, reason)


def never_answered(item: Outgoing | Operation, reason: str) -> SessionEvent:
    return Unanswered(item, reason) if isinstance(item, Outgoing) else OperationAnswered(item, None)
