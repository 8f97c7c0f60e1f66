"""The joint between text messages and whoever sends them: what is asked, and what comes back. No I/O.

`sms.pool.TextService` is the real one; the acceptance tests have a scripted one.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Literal, Protocol

from foundation.clock import Monotonic, Saved
from foundation.telephone_numbers import PhoneNumber
from sms.national import Shift

Failure = Literal["temporary", "permanent"]


@dataclass(frozen=True, slots=True)
class Segmented:
    """A text as it will travel. `advice` names the characters that cost segments and what to write instead; `segments`
    hold no header. `shift`: `gsm7` in these national tables. `text`, its `language` and what it was cut for (`alphabet`,
    and `tables` by language) are kept so that an SMSC with another alphabet or other tables can cut it again."""

    encoding: Literal["gsm7", "latin1", "ucs2"]
    segments: tuple[bytes, ...]
    characters: int
    advice: tuple[str, ...] = ()
    text: str = ""
    shift: Shift | None = None
    language: str = "nl"
    alphabet: Literal["gsm7", "latin1"] = "gsm7"
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextRequest:
    """One message to one number. `reference` is the caller's own and comes back in every event; its low 16 bits go out
    as user_message_reference (SMPP 3.4 §5.3.2.17). Nothing is submitted after `deadline`, which is also the
    validity_period. `avoid` are SMSCs that showed a fault for it just before."""

    reference: int
    number: PhoneNumber
    text: Segmented
    deadline: Saved | None = None
    avoid: frozenset[str] = frozenset()
    possible_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """Every segment has its submit_sm_resp. `message_ids` one a segment (one for all where the SMSC cuts by itself),
    normalised as the SMSC's `message_id` setting says, so that they equal those of the receipts; `as_written` by the SMSC,
    where that is another form."""

    reference: int
    smsc: str
    message_ids: tuple[str, ...]
    as_written: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The SMSC said no. `permanent`: the number or the text; `temporary`: try later (queue full, throttled for good).
    `smsc_fault`: another SMSC may do it at once. `words` from smpplib's table of status texts."""

    reference: int
    smsc: str
    command_status: int
    failure: Failure
    smsc_fault: bool
    words: str


@dataclass(frozen=True, slots=True)
class Uncertain:
    """submit_sm left and the connection was lost, or no response came in time. `message_ids` of segments that were, and
    `as_written`, as in `Accepted`."""

    reference: int
    smsc: str
    message_ids: tuple[str, ...]
    as_written: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotSubmitted:
    """Nothing left: cancelled, past its deadline, or no bind up."""

    reference: int
    reason: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A segment that an SMSC took: its `message_id` as that SMSC wrote it, and whom it is for."""

    smsc: str
    message_id: str
    number: PhoneNumber


@dataclass(frozen=True, slots=True)
class Receipt:
    """A delivery receipt, whatever its shape. `message_id` normalised as the SMSC's `message_id` setting says.
    `final` is False for ENROUTE and ACCEPTD. `user_message_reference` where the SMSC returns it."""

    smsc: str
    message_id: str
    number: PhoneNumber | None
    status: str
    delivered: bool
    final: bool
    error: str
    user_message_reference: int | None


@dataclass(frozen=True, slots=True)
class Reply:
    """A message from a person (deliver_sm); `text` decoded and its parts joined."""

    smsc: str
    sender: PhoneNumber | None
    sender_text: str
    destination: str
    text: str
    received_at: Saved


TextEvent = Accepted | Refused | Uncertain | NotSubmitted


@dataclass(frozen=True, slots=True)
class SmscStatus:
    """For `GET /smscs` and `/metrics`. `state`: `bound`, `connecting`, `refused`, `throttled`, `down`."""

    name: str
    state: str
    window: int
    in_flight: int
    segments_per_second: float | None
    last_error: str | None = None
    last_error_at: Saved | None = None
    round_trip_milliseconds: float | None = None


class TextListener(Protocol):
    """Who sends, as the SMSCs' side sees it."""

    def leaving(self, reference: int, smsc: str) -> Awaitable[None]:
        """Save that it leaves now; the submit_sm waits for it. If it raises nothing leaves (`NotSubmitted` follows)."""
        ...

    def text_event(self, event: TextEvent) -> None: ...

    def receipt(self, receipt: Receipt) -> Awaitable[None]:
        """deliver_sm_resp is sent when this is saved; a failure answers with ESME_RX_T_APPN (try again)."""
        ...

    def reply(self, reply: Reply) -> Awaitable[None]:
        """As `receipt`."""
        ...

    def capacity_changed(self) -> None: ...


class TextService(Protocol):
    """All SMSCs as one."""

    def listen(self, listener: TextListener) -> None: ...

    def capacity(self, now: Monotonic) -> tuple[int, Monotonic | None]:
        """How many segments may be submitted now over all binds, and when to ask again where that is 0 by a rate."""
        ...

    def reserve(self, number: PhoneNumber, segments: int, avoid: frozenset[str], now: Monotonic) -> bool: ...

    def release(self, number: PhoneNumber, segments: int) -> None: ...

    def segment(self, text: str, language: str = "nl") -> Segmented: ...

    def submit(self, request: TextRequest) -> None:
        """Exactly one TextEvent comes back. Never raises."""
        ...

    def cancel(self, reference: int) -> None:
        """Not submitted yet: `NotSubmitted` comes. Submitted: the events come as they would; `take_back` is for what was
        accepted."""
        ...

    def spare(self, smsc: str) -> int:
        """How many messages `query` may ask this SMSC about now: none while anything waits for it, or where it does not
        answer such questions."""
        ...

    def query(self, taken: Taken) -> Awaitable[Receipt | None]:
        """Ask what became of it (query_sm). None: nobody says. Never fails."""
        ...

    def taking_back(self) -> frozenset[str]:
        """The SMSCs that may be asked to take something back."""
        ...

    def take_back(self, taken: Taken) -> Awaitable[bool | None]:
        """Ask that it is not delivered any more (cancel_sm). True: it will not be; False: the SMSC can't or will not; None:
        it was not asked or did not answer. Never fails."""
        ...

    def smscs(self) -> list[SmscStatus]: ...
