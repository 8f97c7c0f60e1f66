"""One leg of a call in signalling: its states as a table, and what is known of it. No I/O.

Both directions share the table, for what follows the answer is the same. `ivr.sip.caller`, `ivr.sip.callee` and
`ivr.sip.indialog` carry the effects out. Anything absent from the table is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from foundation.endpoints import Address, Datagram
from ivr.call import LegId, SavedDialog
from ivr.sip.dialog import Dialog
from ivr.sip.events import InviteRequest, Peer, SipEvent
from ivr.sip.message import Request, Response
from ivr.sip.refreshing import Refresh
from ivr.sip.transactions import Transaction


class State(StrEnum):
    CALLING = "INVITE sent, nothing heard"
    PROCEEDING = "100 heard"
    RINGING = "18x heard"
    WAITING_FOR_TURN = "refused, and another INVITE waits for its turn"
    WAITING_TO_CANCEL = "hung up before anything was heard"
    CANCELLING = "CANCEL sent"
    ABANDONED = "given up for silence, a late word may come"
    ABANDONED_CANCELLING = "given up for silence, then CANCEL sent"
    OFFERED = "INVITE came, 100 sent"
    ALERTING = "180 sent"
    WAITING_FOR_PRACK = "our side answered, and the PRACK of the 180 is awaited"
    ANSWERED = "200 sent, no ACK yet"
    ANSWERED_ENDING = "200 sent, hung up before the ACK"
    UP = "up"
    ENDING = "BYE sent"
    OVER = "over"


class Event(StrEnum):
    TRYING = "100 came"
    PROVISIONAL = "101 to 199 came"
    ANSWER = "2xx came"
    REFUSAL = "300 to 699 came"
    MET = "300 to 699 came, and another INVITE meets it later"
    TIMED_OUT = "no answer by Timer B"
    SILENCE = "nothing heard for silence_seconds"
    SETUP_EXPIRED = "100 heard, and then nothing"
    RING_EXPIRED = "rang for ring_seconds"
    CANCEL_EXPIRED = "no final answer after CANCEL"
    HANG_UP = "our side hangs up"
    RING = "our side rings"
    ACCEPT = "our side answers"
    ACCEPT_LATER = "our side answers, and a PRACK must come first"
    REJECT = "our side rejects"
    CANCEL = "CANCEL came"
    ACK = "ACK came"
    NO_ACK = "no ACK for 64*T1"
    NO_PRACK = "no PRACK for 64*T1"
    BYE = "BYE came"
    LOST = "the other side knows no such call any more"
    BYE_DONE = "BYE answered or timed out"
    UNANSWERED = "our side neither answered nor refused for three minutes"


class Effect(StrEnum):
    STOP_TIMERS = "stop the leg's timers"
    START_SETUP = "start the set-up timer"
    START_RING = "start the ring timer"
    PROGRESS = "report progress"
    ACK = "acknowledge the 2xx"
    REPORT_ANSWER = "report the answer"
    NOTE_FAILURE = "the last word will be Failed"
    NOTE_SILENCE = "the last word will be Failed without status"
    NOTE_OURS = "the last word will be Ended by us"
    NOTE_THEIRS = "the last word will be Ended by them"
    NOTE_NOBODY = "the last word will be Ended by nobody"
    REPORT_NOTED = "say the last word now"
    STOP_RESENDING = "do not send the INVITE again"
    MARK_CANCELLED = "remember that we cancelled"
    MARK_RANG_OUT = "remember that it rang out"
    SEND_CANCEL = "send CANCEL"
    SEND_BYE = "send BYE"
    SEND_RINGING = "send 180, again and again until its PRACK where it is reliable"
    SEND_OK = "send 200 until the ACK comes"
    SEND_REFUSAL = "send the final refusal"
    SEND_TERMINATED = "send 487"
    CONFIRM = "report that it is up"
    SAVE_UP = "journal that it is up"


@dataclass(frozen=True, slots=True)
class Transition:
    state: State
    effects: tuple[Effect, ...] = ()


S, E, F = State, Event, Effect
_ANSWERED = Transition(S.UP, (F.STOP_TIMERS, F.ACK, F.SAVE_UP, F.REPORT_ANSWER))
_REFUSED = Transition(S.OVER, (F.NOTE_FAILURE,))
_LATE = Transition(S.ENDING, (F.STOP_TIMERS, F.ACK, F.SAVE_UP, F.NOTE_FAILURE, F.SEND_BYE))
_LATE_ABANDONED = Transition(S.ENDING, (F.STOP_TIMERS, F.ACK, F.SAVE_UP, F.SEND_BYE))
_SILENT = Transition(S.OVER, (F.NOTE_SILENCE,))
_MET = Transition(S.WAITING_FOR_TURN, (F.STOP_TIMERS,))
_TAKEN = Transition(S.ANSWERED, (F.SAVE_UP, F.SEND_OK))
_REJECTED = Transition(S.OVER, (F.NOTE_OURS, F.SEND_REFUSAL))
_UNANSWERED = Transition(S.OVER, (F.NOTE_NOBODY, F.SEND_REFUSAL))
_WITHDRAWN = Transition(S.OVER, (F.NOTE_THEIRS, F.SEND_TERMINATED))
_THEIR_BYE = Transition(S.OVER, (F.NOTE_THEIRS,))

TABLE: Mapping[tuple[State, Event], Transition] = {
    # ---- calls that we place
    (S.CALLING, E.TRYING): Transition(S.PROCEEDING, (F.STOP_TIMERS, F.START_SETUP)),
    (S.CALLING, E.PROVISIONAL): Transition(S.RINGING, (F.STOP_TIMERS, F.START_RING, F.PROGRESS)),
    (S.CALLING, E.ANSWER): _ANSWERED,
    (S.CALLING, E.REFUSAL): _REFUSED,
    (S.CALLING, E.MET): _MET,
    (S.CALLING, E.SILENCE): Transition(S.ABANDONED, (F.STOP_RESENDING, F.NOTE_SILENCE, F.REPORT_NOTED)),
    (S.CALLING, E.TIMED_OUT): _SILENT,
    (S.CALLING, E.HANG_UP): Transition(S.WAITING_TO_CANCEL, (F.MARK_CANCELLED,)),
    (S.PROCEEDING, E.PROVISIONAL): Transition(S.RINGING, (F.STOP_TIMERS, F.START_RING, F.PROGRESS)),
    (S.PROCEEDING, E.ANSWER): _ANSWERED,
    (S.PROCEEDING, E.REFUSAL): _REFUSED,
    (S.PROCEEDING, E.MET): _MET,
    (S.PROCEEDING, E.SETUP_EXPIRED): Transition(
        S.ABANDONED_CANCELLING, (F.NOTE_SILENCE, F.REPORT_NOTED, F.SEND_CANCEL)
    ),
    (S.PROCEEDING, E.HANG_UP): Transition(S.CANCELLING, (F.STOP_TIMERS, F.MARK_CANCELLED, F.SEND_CANCEL)),
    (S.RINGING, E.PROVISIONAL): Transition(S.RINGING, (F.PROGRESS,)),
    (S.RINGING, E.ANSWER): _ANSWERED,
    (S.RINGING, E.REFUSAL): _REFUSED,
    (S.RINGING, E.MET): _MET,
    (S.RINGING, E.RING_EXPIRED): Transition(S.CANCELLING, (F.MARK_RANG_OUT, F.SEND_CANCEL)),
    (S.RINGING, E.HANG_UP): Transition(S.CANCELLING, (F.STOP_TIMERS, F.MARK_CANCELLED, F.SEND_CANCEL)),
    (S.WAITING_FOR_TURN, E.HANG_UP): Transition(S.OVER, (F.MARK_CANCELLED, F.NOTE_FAILURE)),
    (S.WAITING_TO_CANCEL, E.TRYING): Transition(S.CANCELLING, (F.STOP_TIMERS, F.SEND_CANCEL)),
    (S.WAITING_TO_CANCEL, E.PROVISIONAL): Transition(S.CANCELLING, (F.STOP_TIMERS, F.SEND_CANCEL)),
    (S.WAITING_TO_CANCEL, E.ANSWER): _LATE,
    (S.WAITING_TO_CANCEL, E.REFUSAL): _REFUSED,
    (S.WAITING_TO_CANCEL, E.SILENCE): Transition(S.ABANDONED, (F.STOP_RESENDING, F.NOTE_SILENCE, F.REPORT_NOTED)),
    (S.WAITING_TO_CANCEL, E.TIMED_OUT): _SILENT,
    (S.CANCELLING, E.ANSWER): _LATE,
    (S.CANCELLING, E.REFUSAL): _REFUSED,
    (S.CANCELLING, E.CANCEL_EXPIRED): _SILENT,
    (S.ABANDONED, E.TRYING): Transition(S.ABANDONED_CANCELLING, (F.SEND_CANCEL,)),
    (S.ABANDONED, E.PROVISIONAL): Transition(S.ABANDONED_CANCELLING, (F.SEND_CANCEL,)),
    (S.ABANDONED, E.ANSWER): _LATE_ABANDONED,
    (S.ABANDONED, E.REFUSAL): Transition(S.OVER),
    (S.ABANDONED, E.TIMED_OUT): Transition(S.OVER),
    (S.ABANDONED_CANCELLING, E.ANSWER): _LATE_ABANDONED,
    (S.ABANDONED_CANCELLING, E.REFUSAL): Transition(S.OVER),
    (S.ABANDONED_CANCELLING, E.CANCEL_EXPIRED): Transition(S.OVER),
    # ---- calls that come to us
    (S.OFFERED, E.RING): Transition(S.ALERTING, (F.SEND_RINGING,)),
    (S.OFFERED, E.ACCEPT): _TAKEN,
    (S.OFFERED, E.REJECT): _REJECTED,
    (S.OFFERED, E.HANG_UP): _REJECTED,
    (S.OFFERED, E.CANCEL): _WITHDRAWN,
    (S.OFFERED, E.BYE): _WITHDRAWN,
    (S.OFFERED, E.UNANSWERED): _UNANSWERED,
    (S.ALERTING, E.RING): Transition(S.ALERTING, (F.SEND_RINGING,)),
    (S.ALERTING, E.ACCEPT): _TAKEN,
    (S.ALERTING, E.REJECT): _REJECTED,
    (S.ALERTING, E.HANG_UP): _REJECTED,
    (S.ALERTING, E.CANCEL): _WITHDRAWN,
    (S.ALERTING, E.BYE): _WITHDRAWN,
    (S.ALERTING, E.UNANSWERED): _UNANSWERED,
    (S.ALERTING, E.NO_PRACK): _UNANSWERED,
    (S.ALERTING, E.ACCEPT_LATER): Transition(S.WAITING_FOR_PRACK),
    (S.WAITING_FOR_PRACK, E.ACCEPT): _TAKEN,
    (S.WAITING_FOR_PRACK, E.HANG_UP): _REJECTED,
    (S.WAITING_FOR_PRACK, E.CANCEL): _WITHDRAWN,
    (S.WAITING_FOR_PRACK, E.BYE): _WITHDRAWN,
    (S.WAITING_FOR_PRACK, E.UNANSWERED): _UNANSWERED,
    (S.WAITING_FOR_PRACK, E.NO_PRACK): _UNANSWERED,
    (S.ANSWERED, E.ACK): Transition(S.UP, (F.STOP_TIMERS, F.CONFIRM)),
    (S.ANSWERED, E.NO_ACK): Transition(S.ENDING, (F.STOP_TIMERS, F.NOTE_NOBODY, F.SEND_BYE)),
    (S.ANSWERED, E.BYE): _THEIR_BYE,
    (S.ANSWERED, E.HANG_UP): Transition(S.ANSWERED_ENDING, (F.NOTE_OURS,)),
    (S.ANSWERED_ENDING, E.ACK): Transition(S.ENDING, (F.STOP_TIMERS, F.SEND_BYE)),
    (S.ANSWERED_ENDING, E.NO_ACK): Transition(S.ENDING, (F.STOP_TIMERS, F.SEND_BYE)),
    (S.ANSWERED_ENDING, E.BYE): Transition(S.OVER),
    # ---- once it is up
    (S.UP, E.HANG_UP): Transition(S.ENDING, (F.STOP_TIMERS, F.NOTE_OURS, F.SEND_BYE)),
    (S.UP, E.BYE): _THEIR_BYE,
    (S.UP, E.NO_ACK): Transition(S.ENDING, (F.STOP_TIMERS, F.NOTE_NOBODY, F.SEND_BYE)),
    (S.UP, E.LOST): Transition(S.ENDING, (F.STOP_TIMERS, F.NOTE_NOBODY, F.SEND_BYE)),
    (S.ENDING, E.BYE_DONE): Transition(S.OVER),
}


@dataclass(slots=True)
class Unacknowledged:
    """A 2xx of ours to an INVITE, sent again until its ACK comes (RFC 3261 §13.3.1.4)."""

    transaction: Transaction
    response: Response
    interval: float


EARLY = frozenset({S.RINGING, S.OFFERED, S.ALERTING, S.WAITING_FOR_PRACK})
"""Before the answer, when a dialog may be there already (RFC 3261 §12.1)."""


@dataclass(slots=True)
class Reliable:
    """A provisional response of ours, sent again until its PRACK comes (RFC 3262 §3). `number` is its RSeq, `holds` what
    its description is to the INVITE."""

    number: int
    response: Response
    interval: float
    holds: Literal["nothing", "offer", "answer"]


@dataclass(slots=True, eq=False)
class Session:
    """What is known of a leg. `destination` and `transport` are where its INVITE went or came from.

    `acknowledged` holds the ACK for each To tag that answered: the first is the call, the others were forks.
    `early_media` are the descriptions that came with provisional responses, by To tag. `noted` is the event with which
    the leg will end. `description` is the SDP that we sent last, `timer` the session timer. `reoffered` is their
    re-INVITE or UPDATE that waits for our answer, `reoffering` our new offer as long as it is not agreed, `reoffer_sent`
    its INVITE or UPDATE while that is on its way; `refreshing` says that it is only a refresh of the session timer.
    `settled` are the To tags of the early dialogs where an offer was answered reliably before the call is (those of
    `renewed` by an UPDATE of theirs after that), `reliable` our provisional response without a PRACK, `reliable_sent` the
    last RSeq. `held` is the description of an answer of ours that waits for a PRACK.
    `armed` are the timers that were set and not stopped; they may have gone off.
    """

    leg: LegId
    direction: Literal["in", "out"]
    peer: Peer
    call_id: str
    local_tag: str
    destination: Address
    transport: str
    invite: Request
    state: State
    request: InviteRequest | None = None
    transaction: Transaction | None = None
    dialog: Dialog | None = None
    saved: SavedDialog | None = None
    credentials: tuple[tuple[str, str], ...] = ()
    challenges: int = 0
    rang: bool = False
    ended_because: Literal["", "cancelled", "rang out"] = ""
    hang_up_fields: tuple[tuple[str, str], ...] = ()
    acknowledged: dict[str, Datagram] = field(default_factory=dict)
    early: dict[str, Dialog] = field(default_factory=dict)
    early_media: dict[str, bytes] = field(default_factory=dict)
    reliable_seen: dict[str, int] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    renewed: set[str] = field(default_factory=set)
    reliable: Reliable | None = None
    reliable_sent: int = 0
    held: bytes = b""
    noted: SipEvent | None = None
    unacknowledged: Unacknowledged | None = None
    reoffered: Transaction | None = None
    reoffering: bytes | None = None
    reoffer_sent: Transaction | None = None
    orphan: bool = False
    redirects: int = 0
    description: bytes = b""
    allows_update: bool = False
    timer: Refresh | None = None
    refreshing: bool = False
    armed: set[str] = field(default_factory=set)

    def dialog_with(self, tag: str) -> Dialog | None:
        """The dialog with that To or From tag of theirs; before an answer there may be several (RFC 3261 §13.2.2.4)."""
        if self.dialog is None:
            return self.early.get(tag)
        return self.dialog if self.dialog.remote_tag == tag else None
