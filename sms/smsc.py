"""One SMSC: what it may take, what is on its way to it, what comes from it. Wires a bind to whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from foundation.clock import Clocks, Monotonic, Saved
from foundation.rate import Rate
from foundation.telephone_numbers import PhoneNumber
from sms import status
from sms.bind import BindService, Link, endpoint_for
from sms.binds import Binds
from sms.daily import DailyTest
from sms.deliveries import Deliveries, Ticket
from sms.events import NotSubmitted, SmscStatus, Taken, TextEvent, TextListener, TextRequest, Uncertain
from sms.questions import Questions
from sms.saving import saving
from sms.segments import TooLong
from sms.session import Session
from sms.session_events import (
    Answered,
    BindRefused,
    Bound,
    Delivered,
    Left,
    NotLeft,
    Operation,
    OperationAnswered,
    Outgoing,
    Over,
    PeerMistake,
    SessionEvent,
    Throttled,
    Unanswered,
)
from sms.settings import SmscSettings
from sms.submission import Submission, outgoings
from sms.throttle import Throttle

_AHEAD_SECONDS = 0.25
_AHEAD_WINDOWS = 2
_LEAST_AHEAD = 4
_FIRST_AHEAD = 32
_REST_SECONDS = 1.0


class SmscOwner(Protocol):
    """Who has several of these."""

    @property
    def listener(self) -> TextListener: ...

    def ended(self, submission: Submission, event: TextEvent) -> None:
        """The one event of a message."""
        ...

    def room(self) -> None:
        """More may be reserved than a moment ago."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    clocks: Clocks
    reactor: IReactorTime
    random: Callable[[], float]
    endpoint: Callable[[SmscSettings], IStreamClientEndpoint] | None = None


class Smsc:
    """What was reserved or begun and is not on the wire is at most `most_ahead` segments, a quarter of a second's worth and
    not more than two windows: enough that saving never holds up the wire, little to take back when an action is closed,
    and little whose fate is not known after a crash. After a rest it begins with few, `ahead`, and doubles: the first of
    many thousand leaves when the first few are saved, not when all of these are."""

    _log = Logger()

    def __init__(self, settings: SmscSettings, surroundings: Surroundings, owner: SmscOwner) -> None:
        self.settings = settings
        self.rate = Rate(settings.segments_per_second)
        self.throttle = Throttle(settings.segments_per_second)
        self.questions = Questions(settings, self._ask)
        windows = _AHEAD_WINDOWS * settings.window * settings.binds
        self.most_ahead = max(min(ceil(settings.segments_per_second * _AHEAD_SECONDS), windows), _LEAST_AHEAD)
        self.ahead = min(_FIRST_AHEAD, self.most_ahead)
        self.reserved = 0
        self.waiting = 0
        self._owner = owner
        self._around = surroundings
        self._state = "down"
        self._last_error: tuple[str, Saved] | None = None
        self._submissions: dict[Outgoing, Submission] = {}
        clocks, reactor = surroundings.clocks, surroundings.reactor
        self._daily = DailyTest(settings, clocks, reactor, self._send_test, self._note_test)
        self._deliveries = Deliveries(settings, clocks, reactor, lambda: owner.listener, self._daily.took)
        self._was_full = False
        self._begun_at = Monotonic(0.0)
        self.binds = Binds(self._bind, settings.binds)

    def startService(self) -> None:
        self.binds.startService()
        self._daily.start()

    def stopService(self) -> Deferred[None]:
        self._daily.stop()
        return self.binds.stopService().addCallback(lambda _: self._deliveries.stop())

    @property
    def status(self) -> SmscStatus:
        now = self._around.clocks.now()
        sessions = [link.session for link in self.binds.up]
        state = self._state
        if not sessions and state == "bound":
            state = "down"
        elif sessions and self.throttle.throttling(now):
            state = "throttled"
        trips = [session.round_trip_seconds for session in sessions if session.round_trip_seconds is not None]
        ceiling = self.settings.segments_per_second
        error, at = self._last_error or (None, None)
        return SmscStatus(
            name=self.settings.name,
            state=state,
            window=self.settings.window * self.settings.binds,
            in_flight=sum(session.in_flight for session in sessions),
            segments_per_second=(self.throttle.per_second or ceiling) if sessions else None,
            last_error=error,
            last_error_at=at,
            round_trip_milliseconds=max(trips) * 1000 if trips else None,
        )

    # ---- admission

    @property
    def bound(self) -> bool:
        """Whether messages may be given to it."""
        return self.settings.bind != "receiver" and self.binds.any_bound

    @property
    def free(self) -> int:
        """Segments that may be reserved now."""
        if not self.bound:
            return 0
        if self._around.clocks.now() - self._begun_at > _REST_SECONDS:
            self.ahead = min(_FIRST_AHEAD, self.most_ahead)
        free = max(self.ahead - self.reserved - self.waiting, 0)
        self._was_full = self._was_full or free == 0
        return free

    def takes(self, number: PhoneNumber, segments: int) -> bool:
        """A message of more segments than `ahead` is taken when nothing else waits."""
        prefixes = self.settings.prefixes
        if prefixes and not number.e164.startswith(prefixes):
            return False
        free = self.free
        if free >= segments or (self.bound and self.reserved + self.waiting == 0):
            return True
        self._was_full = True
        return False

    def reserve(self, segments: int) -> None:
        self.reserved += segments

    def release(self, segments: int) -> None:
        self.reserved -= segments
        self._tell_room()

    def _tell_room(self) -> None:
        if self._was_full and 2 * (self.reserved + self.waiting) <= self.ahead:
            self._was_full = False
            self.ahead = min(2 * self.ahead, self.most_ahead)
            self._owner.room()

    # ---- sending

    def submission(self, request: TextRequest) -> Submission:
        return Submission(request, self.settings)

    def begin(self, submission: Submission) -> None:
        """Save that it leaves, then give its segments to the bind."""
        request = submission.request
        self._begun_at = self._around.clocks.now()
        self._count(submission, len(request.text.segments))
        leaving = saving(self._owner.listener.leaving, request.reference, self.settings.name)
        leaving.addCallbacks(self._saved, self._not_saved, callbackArgs=(submission,), errbackArgs=(submission,))
        leaving.addErrback(lambda failure: self._log.failure("a message was not begun", failure))

    def _send_test(self, request: TextRequest) -> bool:
        """The daily test takes the way of every message, but is nobody's delivery: nothing is saved of it."""
        if not self.bound:
            return False
        submission = self.submission(request)
        self._count(submission, len(request.text.segments))
        self._saved(None, submission)
        return True

    def _note_test(self, fault: str | None) -> None:
        if fault is not None:
            self._note(fault)

    def cancel(self, submission: Submission) -> None:
        """What waits does not leave."""
        submission.cancelled = True
        link = self._up()
        if link is None:
            return
        for outgoing in submission.segments:
            link.session.withdraw(outgoing)
        link.touch()

    def _saved(self, _: object, submission: Submission) -> None:
        request = submission.request
        link = self.binds.idlest() if self.bound else None
        if submission.cancelled or link is None:
            self._end_early(submission, "cancelled" if submission.cancelled else "no bind is up")
            return
        clocks = self._around.clocks
        try:
            deadline = None if request.deadline is None else clocks.at(request.deadline)
            submission.segments = outgoings(request, self.settings, deadline)
        except TooLong as fault:
            self._end_early(submission, str(fault))
            return
        self._count(submission, sum(outgoing.weight for outgoing in submission.segments) - submission.waiting)
        now = clocks.now()
        for outgoing in submission.segments:
            self._submissions[outgoing] = submission
            link.session.submit(outgoing, now)
        link.touch()

    def _not_saved(self, failure: Failure, submission: Submission) -> None:
        self._end_early(submission, failure.getErrorMessage())

    def _end_early(self, submission: Submission, reason: str) -> None:
        self._count(submission, -submission.waiting)
        self._ended(submission, NotSubmitted(submission.request.reference, reason))

    def _count(self, submission: Submission, change: int) -> None:
        submission.waiting += change
        self.waiting += change
        if change < 0:
            self._tell_room()

    def _settled(self, outgoing: Outgoing) -> None:
        submission = self._submissions.pop(outgoing)
        if submission.refusal is not None or submission.not_left is not None:
            self._give_up_rest(submission)
        if submission.complete:
            outcome = submission.outcome()
            self._ended(submission, outcome)
            if submission.cancelled and isinstance(outcome, Uncertain):
                self._take_back_half(submission)

    def _ended(self, submission: Submission, event: TextEvent) -> None:
        if self._daily.is_ours(submission.request):
            self._daily.ended(event)
        else:
            self._owner.ended(submission, event)

    def _give_up_rest(self, submission: Submission) -> None:
        """One segment is lost for good: the others would be half a message."""
        link = self._up()
        if link is not None:
            for outgoing in submission.segments:
                link.session.withdraw(outgoing)

    def _take_back_half(self, submission: Submission) -> None:
        """Some parts left before the cancel and the others did not: the telephone would show half a message."""
        for message_id in submission.ids.values():
            taken = Taken(self.settings.name, message_id.decode("latin-1"), submission.request.number)
            asked = self.questions.cancel(taken)
            asked.addErrback(lambda failure: self._log.failure("half a message was not taken back", failure))

    # ---- what it is asked

    @property
    def spare(self) -> int:
        """Queries that may be put now; none while messages are on their way."""
        busy = self.reserved or self.waiting or self._submissions
        return 0 if busy or not self.bound else self.questions.allowed

    def _ask(self, operation: Operation) -> bool:
        link = self.binds.idlest()
        if link is None:
            return False
        link.session.ask(operation, self._around.clocks.now())
        link.touch()
        return True

    # ---- the bind's news

    def _link(self) -> Link:
        if not self.binds.up:
            self._state = "connecting"
        session = Session(self.settings, self.rate, self.throttle)
        return Link(session, self._around.clocks, self._around.reactor, self._hear)

    def _bind(self) -> BindService:
        around = self._around
        endpoint = around.endpoint(self.settings) if around.endpoint else endpoint_for(self.settings, around.reactor)
        return BindService(endpoint, self._link, self._failed, around.reactor, around.random)

    def _up(self) -> Link | None:
        """Any of them: what waits is withdrawn by whichever bind is there."""
        up = self.binds.up
        return up[0] if up else None

    def _hear(self, link: Link, event: SessionEvent) -> None:
        match event:
            case Left(outgoing):
                self._count(self._submissions[outgoing], -outgoing.weight)
            case Answered(outgoing, command_status, message_id):
                self._answered(outgoing, command_status, message_id)
            case Delivered(sequence, pdu):
                self._deliveries.take(Ticket(link, sequence), pdu)
            case Unanswered(outgoing):
                self._submissions[outgoing].never_answered()
                self._settled(outgoing)
            case NotLeft(outgoing, reason):
                submission = self._submissions[outgoing]
                submission.never_left(reason)
                self._count(submission, -outgoing.weight)
                self._settled(outgoing)
            case Throttled(_, command_status):
                self._note(status.words(command_status))
            case _:
                self._bind_news(event)

    def _bind_news(self, event: SessionEvent) -> None:
        name = self.settings.name
        match event:
            case Bound(system_id):
                self._log.info("SMSC bound {smsc}", smsc=name, peer=system_id)
                self._state = "bound"
                self._owner.room()
            case BindRefused(command_status):
                self._state = self._state if self.binds.bound else "refused"
                self._note(f"bind refused: {status.words(command_status)}")
            case Over(reason):
                if not self.binds.up and self._state != "refused":
                    self._state = "down"
                self._note(reason)
                self._log.info("SMSC bind over {smsc}", smsc=name, reason=reason)
                self._owner.room()
            case PeerMistake(words):
                self._log.warn("SMSC sent what is no SMPP {smsc}", smsc=name, words=words)
            case OperationAnswered():
                self.questions.answered(event)

    def _answered(self, outgoing: Outgoing, command_status: int, message_id: bytes) -> None:
        submission = self._submissions[outgoing]
        if command_status == status.OK:
            submission.accepted(outgoing, message_id)
        else:
            submission.refused(command_status)
            self._note(status.words(command_status))
        self._settled(outgoing)

    def _failed(self, reason: str) -> None:
        if not self.binds.up:
            self._state = "down"
        self._note(reason)

    def _note(self, error: str) -> None:
        self._last_error = (error, self._around.clocks.saved_now())
