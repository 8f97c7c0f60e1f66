"""A text service without a wire, on the reactor's clock that it is given: SMSCs and the people behind them, scripted.

    texts = ScriptedTexts(clock, clocks)
    texts.person("+31612345678").is_delivered()
    texts.person("+31687654321").is_refused(0x0B)
    …
    assert [sent.text for sent in texts.sent_to("+31612345678")] == ["…"]

Everyone not named is delivered to. What leaves is recorded when `leaving` has been saved, as on a real wire.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure

from foundation.clock import Clocks, Monotonic, Saved
from foundation.telephone_numbers import PhoneNumber
from sms import status
from sms.events import (
    Accepted,
    NotSubmitted,
    Receipt,
    Refused,
    Reply,
    Segmented,
    SmscStatus,
    Taken,
    TextListener,
    TextRequest,
    Uncertain,
)
from sms.saving import saving
from sms.segments import segment

RESPONSE_SECONDS = 0.05
RECEIPT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that left."""

    number: PhoneNumber
    text: str
    reference: int
    smsc: str
    possible_duplicate: bool
    at: Saved


@dataclass(slots=True)
class TextPerson:
    """What becomes of messages to one number. `receipts` by part, the last one for all further parts."""

    receipts: tuple[str | None, ...] = ("DELIVRD",)
    receipt_seconds: float = RECEIPT_SECONDS
    state: str | None = None
    takes_back: bool | None = False
    command_status: int = status.OK
    answers: bool = True
    message_references: bool = True

    def is_delivered(self, *, after: float = RECEIPT_SECONDS) -> None:
        self.receipts, self.receipt_seconds = ("DELIVRD",), after

    def is_receipted(self, *receipts: str | None, after: float = RECEIPT_SECONDS) -> None:
        """One state a part (`UNDELIV`, …); None is no receipt."""
        self.receipts, self.receipt_seconds = receipts, after

    def is_queried(self, state: str | None) -> None:
        """What the SMSC says to query_sm, whatever its receipts said; None: nothing."""
        self.state = state

    def is_taken_back(self, answer: bool | None) -> None:
        """Whether cancel_sm succeeds; None: no answer comes."""
        self.takes_back = answer

    def is_refused(self, command_status: int) -> None:
        self.command_status = command_status

    def is_never_answered(self) -> None:
        """submit_sm leaves and no response comes before the connection is lost; a receipt still may."""
        self.answers = False


class ScriptedTexts:
    """`sms.events.TextService`. `window` is the most messages at once over all; `down` SMSCs take nothing."""

    def __init__(self, clock: Clock, clocks: Clocks, smscs: tuple[str, ...] = ("main",), window: int = 50) -> None:
        self.sent: list[Sent] = []
        self.down: set[str] = set()
        self.cancelled: list[int] = []
        self.queried: list[Taken] = []
        self.taken_back: list[Taken] = []
        self.spared = 10
        self.asked = self.most_asked = 0
        self.refused_deliveries = 0
        self._clock = clock
        self._clocks = clocks
        self._names = smscs
        self._window = window
        self._taken = 0
        self._reserved: dict[PhoneNumber, list[tuple[str, int]]] = defaultdict(list)
        self._leaving: dict[int, TextRequest] = {}
        self._people: dict[PhoneNumber, TextPerson] = defaultdict(TextPerson)
        self._listener: TextListener | None = None
        self._next_id = 0

    # ---- the script

    def person(self, number: str) -> TextPerson:
        return self._people[PhoneNumber(number)]

    def sent_to(self, number: str) -> list[Sent]:
        return [each for each in self.sent if each.number.e164 == number]

    def writes(self, number: str, text: str) -> Deferred[None]:
        """A person answers; fires when that was saved (deliver_sm_resp)."""
        sender = PhoneNumber(number)
        reply = Reply(self._names[0], sender, number, "", text, self._clocks.saved_now())
        return saving(self._told.reply, reply)

    def receipted(
        self, message_id: str, receipt_status: str, number: str | None = None, reference: int | None = None
    ) -> Deferred[None]:
        """A receipt out of the script: doubled, late, or of a message of an earlier process."""
        phone = None if number is None else PhoneNumber(number)
        return saving(self._told.receipt, self._receipt(message_id, phone, receipt_status, reference))

    # ---- TextService

    def listen(self, listener: TextListener) -> None:
        self._listener = listener

    def capacity(self, now: Monotonic) -> tuple[int, Monotonic | None]:
        return (self._window - self._taken if self._up(frozenset()) else 0), None

    def reserve(self, number: PhoneNumber, segments: int, avoid: frozenset[str], now: Monotonic) -> bool:
        up = self._up(avoid)
        if not up or (self._taken and self._taken + segments > self._window):
            return False
        self._taken += segments
        self._reserved[number].append((up[0], segments))
        return True

    def release(self, number: PhoneNumber, segments: int) -> None:
        self._taken -= self._reserved[number].pop(0)[1]

    def segment(self, text: str, language: str = "nl") -> Segmented:
        return segment(text, language=language)

    def submit(self, request: TextRequest) -> None:
        made = self._reserved[request.number]
        smsc, taken = made.pop(0) if made else ((self._up(request.avoid) or ("",))[0], 0)
        self._leaving[request.reference] = request
        leaving = saving(self._told.leaving, request.reference, smsc)
        leaving.addCallbacks(
            self._leave,
            self._not_saved,
            callbackArgs=(request, smsc, taken),
            errbackArgs=(request, taken),
        )

    def cancel(self, reference: int) -> None:
        if reference in self._leaving:
            del self._leaving[reference]
        else:
            self.cancelled.append(reference)

    def spare(self, smsc: str) -> int:
        return 0 if smsc in self.down or self._taken else max(self.spared - self.asked, 0)

    def query(self, taken: Taken) -> Deferred[Receipt | None]:
        self.queried.append(taken)
        self.asked += 1
        self.most_asked = max(self.most_asked, self.asked)
        return deferLater(self._clock, RESPONSE_SECONDS, self._queried, taken)

    def _queried(self, taken: Taken) -> Receipt | None:
        self.asked -= 1
        state = self._people[taken.number].state
        return None if state is None else self._receipt(taken.message_id, taken.number, state, None, taken.smsc)

    def taking_back(self) -> frozenset[str]:
        return frozenset(self._names)

    def take_back(self, taken: Taken) -> Deferred[bool | None]:
        if taken.smsc in self.down:
            return succeed(None)
        self.taken_back.append(taken)
        answer = self._people[taken.number].takes_back
        return deferLater(self._clock, RESPONSE_SECONDS, lambda: answer)

    def smscs(self) -> list[SmscStatus]:
        return [
            SmscStatus(name, "down" if name in self.down else "bound", self._window, self._taken, None)
            for name in self._names
        ]

    # ---- what happens

    @property
    def _told(self) -> TextListener:
        assert self._listener is not None
        return self._listener

    def _up(self, avoid: frozenset[str]) -> tuple[str, ...]:
        return tuple(name for name in self._names if name not in self.down and name not in avoid)

    def _not_saved(self, failure: Failure, request: TextRequest, taken: int) -> None:
        self._leaving.pop(request.reference, None)
        self._end(taken, lambda: self._told.text_event(NotSubmitted(request.reference, failure.getErrorMessage())))

    def _leave(self, _: object, request: TextRequest, smsc: str, taken: int) -> None:
        cancelled = self._leaving.pop(request.reference, None) is None
        late = request.deadline is not None and self._clocks.saved_now() >= request.deadline
        if cancelled or late or smsc in ("", *self.down):
            reason = "cancelled" if cancelled else "its deadline is over" if late else "no bind is up"
            self._end(taken, lambda: self._told.text_event(NotSubmitted(request.reference, reason)))
            return
        now = self._clocks.saved_now()
        self.sent.append(
            Sent(request.number, request.text.text, request.reference, smsc, request.possible_duplicate, now)
        )
        self._clock.callLater(RESPONSE_SECONDS, self._answer, request, smsc, taken)

    def _answer(self, request: TextRequest, smsc: str, taken: int) -> None:
        person = self._people[request.number]
        if person.command_status != status.OK:
            verdict, words = status.verdict(person.command_status), status.words(person.command_status)
            refused = Refused(
                request.reference, smsc, person.command_status, verdict.failure, verdict.smsc_fault, words
            )
            self._end(taken, lambda: self._told.text_event(refused))
            return
        ids = []
        for part in range(len(request.text.segments)):
            self._next_id += 1
            ids.append(f"{self._next_id}")
            state = person.receipts[min(part, len(person.receipts) - 1)]
            if state is not None:
                reference = request.reference & 0xFFFF if person.message_references else None
                receipt = self._receipt(ids[-1], request.number, state, reference, smsc)
                self._clock.callLater(person.receipt_seconds, self._deliver, receipt)
        event = (
            Accepted(request.reference, smsc, tuple(ids)) if person.answers else Uncertain(request.reference, smsc, ())
        )
        self._end(taken, lambda: self._told.text_event(event))

    def _receipt(
        self, message_id: str, number: PhoneNumber | None, state: str, reference: int | None, smsc: str | None = None
    ) -> Receipt:
        final = state not in ("ENROUTE", "ACCEPTD")
        name = smsc or self._names[0]
        return Receipt(name, message_id, number, state, state == "DELIVRD", final, "000", reference)

    def _deliver(self, receipt: Receipt) -> None:
        saving(self._told.receipt, receipt).addErrback(self._again, receipt)

    def _again(self, failure: Failure, receipt: Receipt) -> None:
        """What was not saved is delivered again, as an SMSC does."""
        self.refused_deliveries += 1
        self._clock.callLater(RECEIPT_SECONDS, self._deliver, receipt)

    def _end(self, taken: int, tell: Callable[[], None]) -> None:
        self._taken -= taken
        tell()
        self._told.capacity_changed()
