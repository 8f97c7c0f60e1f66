"""The legs that are under way: what SIP tells goes to the right leg, what a leg asks goes to SIP. No socket.

The user agent decides about signalling, `ivr.leg.Leg` about the conversation; here they meet, with the offer and answer
between them. A channel is given back when the far side has said its last word, not when we hang up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger

from foundation.clock import Monotonic
from foundation.sound import Codec
from ivr.call import DialogJournal, EndCause, Ending, LegId, SavedDialog
from ivr.leg import Leg
from ivr.leg_state import LegState
from ivr.media.messages import Remote
from ivr.sip import sdp
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import (
    Answered,
    Confirmed,
    DialogChanged,
    DigitByInfo,
    EarlyAnswered,
    Ended,
    Failed,
    InviteReceived,
    OrphanEnded,
    Pinged,
    Progressed,
    Reason,
    RegistrationChanged,
    Reoffered,
    SipEvent,
)
from ivr.sip.outcome import ending_of_end, ending_of_failure

log = Logger()

NORMAL_CLEARING = Reason("Q.850", 16)
INCOMPATIBLE = Reason("Q.850", 88)


@dataclass(slots=True, eq=False)
class Line:
    """A leg with its signalling. `release` gives back what it occupies; `offer` is theirs, of an incoming call; `described`
    our description, once it is sent to a caller, and `agreed` what holds before the call is up. `failed` hears why a call
    that we placed came to nothing, `alive` each response to it before that, `disagreed` why an answer can't be used;
    `profile` whether one was of the secure profile."""

    leg: Leg
    local: sdp.Local
    codecs: Sequence[Codec]
    release: Callable[[], None]
    offer: bytes | None = None
    described: bytes | None = None
    agreed: Remote | None = None
    alive: Callable[[], None] = lambda: None
    failed: Callable[[Failed, Ending], None] = field(default=lambda failed, ending: None)
    disagreed: Callable[[str], None] = field(default=lambda why: None)
    profile: Callable[[bool], None] = field(default=lambda secure: None)


class Switchboard:
    """Implements `ivr.leg.Signalling`. `flush` is set by whoever has the sockets."""

    def __init__(self, agent: UserAgent, journal: DialogJournal, now: Callable[[], Monotonic]) -> None:
        self.flush: Callable[[], None] = lambda: None
        self._agent = agent
        self._journal = journal
        self._now = now
        self._lines: dict[LegId, Line] = {}
        self._expected: dict[LegId, Callable[[], None]] = {}
        self._saved_before: set[str] = set()

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def legs(self) -> list[Leg]:
        return [line.leg for line in self._lines.values()]

    def add(self, line: Line) -> None:
        self._expected.pop(line.leg.record.leg, None)
        self._lines[line.leg.record.leg] = line

    def remove(self, leg: LegId) -> None:
        """The far side said its last word, or nothing was ever said."""
        line, expected = self._lines.pop(leg, None), self._expected.pop(leg, None)
        if line is not None:
            line.release()
        if expected is not None:
            expected()

    def expect(self, leg: LegId, release: Callable[[], None]) -> None:
        """A call that came to us and has no leg yet; it may be withdrawn before it gets one (`add`)."""
        self._expected[leg] = release

    def is_expected(self, leg: LegId) -> bool:
        return leg in self._expected

    def will_leave(self, dialog: SavedDialog) -> None:
        """This record is being saved before its INVITE: it need not be saved again when that leaves."""
        self._saved_before.add(dialog.branch)

    def never_left(self, dialog: SavedDialog) -> None:
        """Its INVITE was cancelled before the wire: after a crash there is nothing to end."""
        self._saved_before.discard(dialog.branch)
        self._keep(replace(dialog, state="over"))

    # ---- what legs ask

    def ring(self, leg: LegId) -> None:
        """Let a caller hear that it rings who wants our description with that already."""
        self._agent.ring(leg, self._now(), self._describe(self._lines[leg]))
        self.flush()

    def answer(self, leg: LegId) -> None:
        line = self._lines[leg]
        description = line.described or self._describe(line)
        if line.agreed is not None:
            line.leg.connect(line.agreed)
        self._agent.answer(leg, description, self._now())
        self.flush()

    def _describe(self, line: Line) -> bytes:
        """Our answer to a caller's offer, or our offer where there is none."""
        if line.offer is None:
            line.described = sdp.offer(line.local, line.codecs)
        else:
            line.described, line.agreed = sdp.answer(line.offer, line.local, line.codecs)
            self._keep_profile(line, line.offer)
        return line.described

    def end(self, leg: LegId, cause: EndCause) -> None:
        self._agent.hang_up(leg, self._now(), (NORMAL_CLEARING,))
        self.flush()

    # ---- what SIP tells

    def heard(self, event: SipEvent) -> bool:
        """True where the event was about a leg or its record."""
        if isinstance(event, DialogChanged):
            self._keep(event.dialog)
            return True
        if isinstance(event, InviteReceived | Pinged | RegistrationChanged | OrphanEnded):
            return False
        line = self._lines.get(event.leg)
        if line is None:
            if isinstance(event, Ended):
                self.remove(event.leg)
            return True
        match event:
            case Progressed():
                line.alive()
            case Answered():
                line.alive()
                self._answered(line, event)
            case Confirmed():
                self._confirmed(line, event)
            case EarlyAnswered():
                self._early_answered(line, event)
            case Reoffered():
                self._reoffered(line, event)
            case DigitByInfo():
                line.leg.digit(event.digit)
            case Failed():
                ending = ending_of_failure(event)
                line.failed(event, ending)
                self.remove(event.leg)
                line.leg.ended(ending)
            case Ended():
                self.remove(event.leg)
                line.leg.ended(ending_of_end(event))
            case _:
                pass
        return True

    def _answered(self, line: Line, event: Answered) -> None:
        if event.renewed and line.agreed is not None:
            line.leg.answered_with(line.agreed)
        elif (remote := self._agreed(line, event.body, "the answer")) is not None:
            line.leg.answered_with(remote)

    def _confirmed(self, line: Line, event: Confirmed) -> None:
        if line.agreed is None:
            line.agreed = self._agreed(line, event.body, "the ACK")
            if line.agreed is None:
                return
            line.leg.connect(line.agreed)
        line.leg.confirmed()

    def _early_answered(self, line: Line, event: EarlyAnswered) -> None:
        line.agreed = self._agreed(line, event.body, "the PRACK")
        if line.agreed is not None and line.leg.state is LegState.ANSWERING:
            line.leg.connect(line.agreed)

    def _agreed(self, line: Line, body: bytes | None, where: str) -> Remote | None:
        """What their answer to our offer agrees to; None where the call ends for want of it."""
        try:
            if body is None:
                raise sdp.SdpFault(f"{where} has no description")
            remote = sdp.agreed(body, line.codecs, encryption=line.local.encryption)
        except sdp.SdpFault as fault:
            self._no_agreement(line, fault)
            return None
        self._keep_profile(line, body)
        return remote

    def _keep_profile(self, line: Line, theirs: bytes) -> None:
        """Where encryption is optional our later offers have the profile that theirs has."""
        encryption = line.local.encryption
        if encryption.mode == "optional":
            secure = sdp.is_secure(theirs, encryption.mode)
            line.local = replace(line.local, encryption=encryption.insist(secure))
            line.profile(secure)

    def _no_agreement(self, line: Line, fault: sdp.SdpFault) -> None:
        record = line.leg.record
        log.warn("no sound could be agreed with {peer}: {fault}", peer=record.peer, fault=str(fault), leg=record.leg)
        line.disagreed(str(fault))
        self._agent.hang_up(record.leg, self._now(), (INCOMPATIBLE,))
        line.leg.ended(Ending(EndCause.TRUNK_FAULT, "us", q850_cause=INCOMPATIBLE.cause, phrase=str(fault)))

    def _reoffered(self, line: Line, event: Reoffered) -> None:
        """Hold, a new address or another codec. What can't be is refused and changes nothing (RFC 3261 §14.2)."""
        leg = line.leg.record.leg
        line.local = replace(line.local, version=line.local.version + 1)
        if event.body is None:
            self._agent.answer_reoffer(leg, sdp.offer(line.local, line.codecs), self._now())
            return
        try:
            description, remote = sdp.answer(event.body, line.local, line.codecs)
        except sdp.SdpFault as fault:
            log.warn("an offer within a call was refused: {fault}", fault=str(fault), leg=leg)
            self._agent.answer_reoffer(leg, None, self._now())
            return
        line.agreed = remote
        if line.leg.state not in (LegState.CALLING, LegState.OFFERED):  # those are connected when they are answered
            line.leg.connect(remote)
        self._agent.answer_reoffer(leg, description, self._now())

    def _keep(self, dialog: SavedDialog) -> None:
        if dialog.state == "calling" and dialog.branch in self._saved_before:
            self._saved_before.discard(dialog.branch)
            return
        keeping = ensureDeferred(self._journal.save(dialog))
        keeping.addErrback(lambda failure: log.failure("a dialog was not saved", failure, call_id=dialog.call_id))
