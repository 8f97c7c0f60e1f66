"""One try to reach one recipient: what it is, and what the channels tell of it while it runs. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from foundation.clock import Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.identifiers import AttemptId, DeliveryKey, DeskId
from gateway.domain.outcomes import Outcome
from gateway.domain.values import quickly_made


@quickly_made
@dataclass(frozen=True, slots=True)
class Attempt:
    """Saved before anything leaves; then handed to its channel.

    `ordinal` counts from 1 within the delivery. `deadline` is the action's expiry: nothing leaves after it.
    `avoid` are trunks or SMSCs that showed a fault of their own for this recipient just before.
    `possible_duplicate`: the fate of an earlier one is not known (an SMS sent again after a crash).
    """

    id: AttemptId
    key: DeliveryKey
    ordinal: int
    language: str = "nl"
    deadline: Saved | None = None
    avoid: frozenset[str] = frozenset()
    possible_duplicate: bool = False

    @property
    def number(self) -> PhoneNumber:
        return self.key.recipient


@quickly_made
@dataclass(frozen=True, slots=True)
class Wire:
    """What a bill or a complaint is checked against; all that is known, None where nothing is.

    Voice: `peer` is the trunk, `reference` the Call-ID, `sip_code`, `q850_cause`. SMS: `peer` is the SMSC, `reference`
    the message ids joined by a space, `command_status` and `receipt_status` (`DELIVRD`, …) and `error` of the receipt.
    """

    peer: str | None = None
    reference: str | None = None
    sip_code: int | None = None
    q850_cause: int | None = None
    command_status: int | None = None
    receipt_status: str | None = None
    error: str | None = None
    segments: int | None = None
    answered_at: Saved | None = None
    heard_milliseconds: int | None = None


@quickly_made
@dataclass(frozen=True, slots=True)
class Sent:
    """It is about to leave on `wire.peer`; committed before the INVITE or submit_sm itself."""

    wire: Wire


@quickly_made
@dataclass(frozen=True, slots=True)
class Heard:
    """80 % of the message was played to an open line; committed at once, so that a crash calls nobody again."""

    wire: Wire


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The person pressed a key after hearing what it does: `seen`, `operator` or any other; proves a person."""

    meaning: str


@quickly_made
@dataclass(frozen=True, slots=True)
class Accepted:
    """The SMSC took every segment (`sent`); a receipt may follow, minutes later or never. Ends the attempt. `message_ids`:
    those that receipts will name, where they are written otherwise than the wire's."""

    wire: Wire
    message_ids: tuple[str, ...] = ()


@quickly_made
@dataclass(frozen=True, slots=True)
class Receipted:
    """The last word of the SMSC on an accepted or uncertain message: `delivered`, `undeliverable` or `rejected`."""

    outcome: Outcome
    wire: Wire


@quickly_made
@dataclass(frozen=True, slots=True)
class Uncertain:
    """submit_sm left and no response came before the connection was lost: the fate is not known. `message_ids` as in
    `Accepted`, of those parts that had a response."""

    wire: Wire
    message_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerFault:
    """The trunk's or SMSC's own fault, not the person's answer: another one is tried at once, no attempt is used up.

    `retry_after` in seconds, where the peer named it.
    """

    wire: Wire
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """Nothing left: cancelled, closed or expired before the wire. Uses up nothing."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The attempt is over with this result; whether it is tried again is the delivery's decision.

    An outcome that the delivery already has from `Heard` or `KeyPressed` is not made worse by it.
    """

    outcome: Outcome
    wire: Wire = field(default_factory=Wire)


AttemptEvent = Sent | Heard | KeyPressed | Accepted | Receipted | Uncertain | PeerFault | NotSent | Ended


@dataclass(frozen=True, slots=True)
class ConnectWish:
    """The person pressed `operator` during an alert: their call goes on as a callback to this action's owner."""

    key: DeliveryKey
    owner: DeskId
