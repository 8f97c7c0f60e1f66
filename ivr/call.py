"""A call as a conversation sees it: no SIP, no RTP, only a person at the other end. The joint; no I/O here.

A hang-up, from either side, raises `CallEnded` in the line of the flow that waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NewType, Protocol

from twisted.internet.defer import Deferred

from foundation.clock import Saved
from foundation.sound import Sound
from foundation.telephone_numbers import PhoneNumber
from ivr.media.messages import Tone

LegId = NewType("LegId", str)
"""One leg of a call for its whole life; unguessable, part of its Call-ID."""

ALL_KEYS = frozenset("0123456789*#")


class EndCause(StrEnum):
    """Why a call is over, by what the far side said (contract, rule 5). The words are the outcome's where there is one."""

    HUNG_UP = "hung_up"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    INVALID_NUMBER = "invalid_number"
    TRUNK_FAULT = "trunk_fault"
    CANCELLED = "cancelled"
    MEDIA_LOST = "media_lost"
    SHUT_DOWN = "shut_down"


@dataclass(frozen=True, slots=True)
class Ending:
    """`by` says who ended it; codes are None where none came. `retry_after` in seconds (RFC 3261 §20.33)."""

    cause: EndCause
    by: Literal["us", "them", "nobody"]
    sip_code: int | None = None
    q850_cause: int | None = None
    retry_after: float | None = None
    phrase: str = ""


class CallEnded(Exception):
    """Raised in whatever waits on a call when it is over, and by everything that is asked of it afterwards."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(f"{ending.cause} by {ending.by}, SIP {ending.sip_code}, Q.850 {ending.q850_cause}")
        self.ending = ending


NEARLY_ALL = 0.9
"""So much of our sound reported as lost means that it does not arrive at all."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What went over a line that is over, in packets. `remote_lost` is what the other side reported of ours as lost,
    None where it sent no report (RFC 3550 §6.4.1)."""

    sent: int
    received: int
    remote_lost: int | None = None

    @property
    def arrives(self) -> bool | None:
        """Whether our sound arrives, by their reports; None where there are none."""
        return None if self.remote_lost is None else self.remote_lost <= NEARLY_ALL * self.sent


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What is known of a leg at this moment, for `GET /calls` and for the bill. `passed` is told a moment after the end."""

    leg: LegId
    direction: Literal["in", "out"]
    call_id: str
    peer: str
    number: PhoneNumber | None
    our_number: PhoneNumber | None
    started_at: Saved
    answered_at: Saved | None = None
    ended_at: Saved | None = None
    ending: Ending | None = None
    private: bool = False
    passed: Passed | None = None


class Overheard(StrEnum):
    """What the other side sounds like while we speak."""

    VOICE_BEGAN = "a voice began"
    VOICE_OVER = "a voice is over"
    BEEP = "a machine's beep is over"


Overhearing = Callable[[Overheard, int], None]
"""Called with what was heard and for how many milliseconds."""


@dataclass(frozen=True, slots=True)
class Recording:
    path: Path
    milliseconds: int


class Call(Protocol):
    """One leg. Every method that waits raises `CallEnded` once the call is over; `hang_up` never raises."""

    @property
    def record(self) -> CallRecord: ...

    async def answered(self) -> None:
        """Wait for the other side to answer (a call that we placed)."""
        ...

    async def answer(self) -> None:
        """Answer a call that came to us; returns when the ACK came."""
        ...

    async def media_ready(self) -> None:
        """Sound flows both ways, or 400 ms have gone by since the answer: never waits for speech."""
        ...

    async def say(
        self,
        sound: Sound,
        *,
        barge_in: frozenset[str] = frozenset(),
        heard_share: float | None = None,
        on_heard: Callable[[int], None] | None = None,
    ) -> str | None:
        """Say a sound to its end; a key in `barge_in` stops it and is returned. `on_heard(milliseconds)` is called once
        when `heard_share` of it (0 to 1) was sent to an open line. Keys pressed before are not lost: one in `barge_in`
        that waits returns at once."""
        ...

    async def key(self, seconds: float, allowed: frozenset[str] = ALL_KEYS) -> str | None:
        """The next key among `allowed`, or None after so many seconds. Others are dropped."""
        ...

    async def pause(self, seconds: float) -> None: ...

    def overhear(self, listener: Overhearing | None) -> None:
        """Tell of voices and beeps from now on; None ends it. Costs processor time: only where somebody may be a machine."""
        ...

    def interrupt(self) -> None:
        """What is being said, or the wait for a key, ends at once: that `say` or `key` returns None."""
        ...

    def tone(self, tone: Tone) -> Callable[[], None]:
        """Begin a tone (ringback while a desk rings); the returned function ends it."""
        ...

    async def record_message(self, path: Path, *, maximum_seconds: float, end_keys: frozenset[str]) -> Recording:
        """Record until a key, the time or a hang-up (which does not raise here: what was said is kept)."""
        ...

    def bridge(self, other: Call) -> None:
        """Let the two hear each other; keys pass through and are still told to whoever waits on `key`."""
        ...

    def unbridge(self) -> None: ...

    @property
    def heard_milliseconds(self) -> int:
        """Of the last `say`: how much was sent to an open line (answered and not on hold)."""
        ...

    def on_end(self, callback: Callable[[Ending], None]) -> None:
        """Called once when the call is over, at once if it is already."""
        ...

    def hang_up(self, cause: EndCause = EndCause.HUNG_UP) -> None:
        """CANCEL, BYE or a rejection, whichever is right now; a late 200 gets its ACK and BYE. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls us. `number` None: withheld or no telephone number. `private`: Privacy: id was asked (RFC 3323); the
    number may choose the route and is neither stored nor shown."""

    number: PhoneNumber | None
    private: bool
    trunk: str | None
    desk: str | None = None


IncomingHandler = Callable[[Call, Caller], Awaitable[None]]
"""Given each call to one of our numbers, not yet answered; when it returns or raises the call is hung up."""


@dataclass(frozen=True, slots=True)
class ToTrunk:
    """Dial a number over a named trunk, showing `caller_id`, which must be on the trunk's list."""

    trunk: str
    number: PhoneNumber
    ring_seconds: float
    caller_id: PhoneNumber | None = None


@dataclass(frozen=True, slots=True)
class ToDesk:
    """Ring a desk at its SIP URI (or at its registered phones); `caller` is shown where it may be."""

    desk: str
    uri: str
    ring_seconds: float
    caller: PhoneNumber | None = None
    near: Call | None = None


class Refused(Exception):
    """The telephone will not place this call: no such trunk, draining, a caller id not on the list, no place left."""


@dataclass(frozen=True, slots=True)
class TrunkStatus:
    """For `GET /trunks` and `/metrics`. `state`: `up`, `down` (misses OPTIONS), `refusing` (Retry-After runs),
    `unregistered`; `alert_channels_in_use` are those of `channels_in_use` that alerts hold. `tested_at`: when its daily
    test call was over, `test_fault`: what was wrong with it."""

    name: str
    state: str
    channels: int
    channels_in_use: int
    alert_channels_in_use: int
    reserved_for_callbacks: int
    calls_per_second: float | None
    last_error: str | None = None
    last_error_at: Saved | None = None
    round_trip_milliseconds: float | None = None
    registered_until: Saved | None = None
    tested_at: Saved | None = None
    test_fault: str | None = None


@dataclass(frozen=True, slots=True)
class SavedDialog:
    """Enough to end a leg after a crash: a CANCEL needs branch, To and CSeq as sent, a BYE the tags and routes.

    `state`: `calling` (INVITE left), `up` (answered), `over`. `peer` names the trunk or desk, `destination` where its
    requests go; `remote_target` is the Contact, `cseq` our last one.
    """

    leg: LegId
    direction: Literal["in", "out"]
    state: Literal["calling", "up", "over"]
    peer: str
    call_id: str
    local_uri: str
    local_tag: str
    remote_uri: str
    remote_tag: str | None
    remote_target: str
    route_set: tuple[str, ...]
    cseq: int
    branch: str
    transport: str
    destination: str


class DialogJournal(Protocol):
    """Where dialogs are saved. A call is placed only after `save` of its `calling` record has come back."""

    def save(self, dialog: SavedDialog) -> Deferred[None] | Coroutine[Deferred[Any], Any, None]: ...


class Telephone(Protocol):
    """All trunks and desks as one telephone. `ivr.telephone` is the real one; `tests.acceptance` has a scripted one."""

    def alert_capacity(self, now: float) -> tuple[int, float | None]:
        """How many alert calls may begin now over all trunks (channels less the reserve, rate), and when to ask again
        where that is 0 because of a rate; None where a channel must come free first."""
        ...

    def reserve_alert(self, number: PhoneNumber, avoid: frozenset[str], now: float) -> str | None:
        """Take a channel for an alert call; the name of the trunk, or None where there is no place now."""
        ...

    def release_alert(self, trunk: str, number: PhoneNumber) -> None:
        """Give back a reservation for which no call will be placed."""
        ...

    async def dial(self, route: ToTrunk | ToDesk, *, reserved: bool = False) -> Call:
        """Save the dialog, wait for the wire's turn (`calls_per_second`), send the INVITE. Raises Refused. The call may
        fail at any moment after: `answered` tells. Cancelling the Deferred before the INVITE left sends nothing."""
        ...

    def on_incoming(self, handler: IncomingHandler) -> None: ...

    def on_capacity(self, callback: Callable[[], None]) -> None:
        """Called when a channel came free or a trunk came up."""
        ...

    def trunks(self) -> list[TrunkStatus]: ...

    def note_test(self, trunk: str, fault: str | None) -> None:
        """How the daily test call over this trunk went: `fault` in words, None when all was well."""
        ...

    async def end_orphans(self, dialogs: list[SavedDialog]) -> None:
        """CANCEL or BYE what an earlier process left behind; returns when each was answered or given up (at most 2 s)."""
        ...

    async def drain(self, seconds: float) -> None:
        """No new calls; wait so long for those that are up, then hang up."""
        ...
