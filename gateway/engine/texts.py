"""The SMS channel: an attempt becomes a message of the text service, and its news goes back to the engine.

I/O only through `sms.events.TextService` and the hooks. Receipts are matched here: by the message id of this process's
own messages, else by what the store knows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from foundation.clock import Monotonic, Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.attempt import Accepted, Attempt, AttemptEvent, Ended, NotSent, PeerFault, Receipted, Sent, Wire
from gateway.domain.attempt import Uncertain as AttemptUncertain
from gateway.domain.identifiers import AttemptId
from gateway.domain.outcomes import ChannelName, Outcome
from gateway.engine.channel import Capacity, ChannelListener, Message
from gateway.engine.own_texts import OwnTexts
from gateway.engine.receipt_matching import ReceiptLookup, ReceiptMatching
from gateway.engine.receipt_parts import ReceiptParts, outcome_of
from gateway.engine.stop_words import wants_stop
from prompts import texts
from sms import events
from sms.events import Receipt, Reply, Segmented, Taken, TextEvent, TextRequest, TextService


@dataclass(frozen=True, slots=True)
class TextHooks:
    """`opt_out` ends SMS for a number at once; the language to confirm it in, None where it had ended before, however long
    ago. `save_reply` keeps what a person (None: a name or short code) wrote, with when. `answer_due`: the language in which
    who wrote is told that the action is over, None where it is not or they were told. All return after the commit, so that
    a crash leaves nobody with two answers."""

    opt_out: Callable[[PhoneNumber], Awaitable[str | None]]
    save_reply: Callable[[PhoneNumber | None, str, Saved], Awaitable[object]]
    answer_due: Callable[[PhoneNumber], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class PreparedText:
    """A message cut into segments, by language."""

    texts: Mapping[str, Segmented]

    def text(self, language: str) -> Segmented:
        """In this language, else in Dutch, else in whatever there is."""
        found = self.texts.get(language) or self.texts.get("nl")
        return found if found is not None else next(iter(self.texts.values()))


@dataclass(slots=True)
class _Running:
    """An attempt without its last event yet. `wire` is what is known of it."""

    attempt: Attempt
    segments: int
    wire: Wire = field(default_factory=Wire)


class TextChannel:
    """`gateway.engine.channel.Channel` over the SMSCs. Call `listen` once before anything is sent."""

    name = ChannelName.SMS
    _log = Logger()

    def __init__(self, service: TextService, receipts: ReceiptLookup, hooks: TextHooks, reactor: IReactorTime) -> None:
        self._service = service
        self._hooks = hooks
        self._listener: ChannelListener | None = None
        self._segments = 1
        self._reserved: dict[PhoneNumber, list[int]] = {}
        self._running: dict[AttemptId, _Running] = {}
        self._parts = ReceiptParts()
        self._receipts = ReceiptMatching(receipts, reactor, self._parts)
        self._left: dict[tuple[str, PhoneNumber | None], int] = {}
        self._own = OwnTexts(service, reactor)
        service.listen(self)

    def listen(self, listener: ChannelListener) -> None:
        self._listener = listener

    def stop(self) -> None:
        """No timer is left; receipts that waited for their response are not answered and come again."""
        self._receipts.stop()
        self._own.stop()

    # ---- Channel

    def capacity(self, now: Monotonic) -> Capacity:
        free, again_at = self._service.capacity(now)
        peers = frozenset(smsc.name for smsc in self._service.smscs() if smsc.state in ("bound", "throttled"))
        attempts = max(free // self._segments, 1) if free > 0 else 0
        return Capacity(attempts, again_at, peers)

    def reserve(self, number: PhoneNumber, avoid: frozenset[str], now: Monotonic) -> bool:
        """A place for a message as long as the one that was prepared last; the service counts what is really sent."""
        if not self._service.reserve(number, self._segments, avoid, now):
            return False
        self._reserved.setdefault(number, []).append(self._segments)
        return True

    def release(self, number: PhoneNumber) -> None:
        segments = self._take(number)
        if segments is not None:
            self._service.release(number, segments)

    async def prepare(self, message: Message) -> PreparedText:
        cut = {language: self._service.segment(text, language) for language, text in message.texts.items()}
        self._segments = max(len(text.segments) for text in cut.values())
        return PreparedText(cut)

    def send(self, attempt: Attempt, prepared: PreparedText) -> None:
        text = prepared.text(attempt.language)
        self._take(attempt.number)
        self._running[attempt.id] = _Running(attempt, len(text.segments))
        self._service.submit(
            TextRequest(
                reference=attempt.id,
                number=attempt.number,
                text=text,
                deadline=attempt.deadline,
                avoid=attempt.avoid,
                possible_duplicate=attempt.possible_duplicate,
            )
        )

    def cancel(self, attempt: AttemptId) -> None:
        if attempt in self._running:
            self._service.cancel(attempt)

    def recalling(self) -> frozenset[str]:
        return self._service.taking_back()

    async def recall(self, number: PhoneNumber, peer: str, reference: str) -> bool | None:
        """Every part: one that stays would be a message cut short."""
        parts = [self._service.take_back(Taken(peer, name, number)) for name in reference.split(" ")]
        answers = [await part for part in parts]
        if False in answers:
            return False
        return None if None in answers else True

    @property
    def in_progress(self) -> int:
        return len(self._running)

    def _take(self, number: PhoneNumber) -> int | None:
        made = self._reserved.get(number)
        if not made:
            return None
        segments = made.pop()
        if not made:
            del self._reserved[number]
        return segments

    # ---- sms.events.TextListener

    def leaving(self, reference: int, smsc: str) -> Deferred[None]:
        """Saves `Sent`; fails with what the engine says where nothing may leave any more."""
        running = self._running.get(AttemptId(reference))
        if running is None:
            return succeed(None)
        if running.wire.peer is not None:
            self._count_left(running, running.wire.peer, -1)
        running.wire = Wire(peer=smsc, segments=running.segments)
        self._count_left(running, smsc, 1)
        return self._engine.attempt_event(running.attempt.id, Sent(running.wire))

    def text_event(self, event: TextEvent) -> None:
        attempt = AttemptId(event.reference)
        running = self._running.pop(attempt, None)
        if running is None:
            self._own.ended(event)
            return
        if running.wire.peer is not None:
            self._count_left(running, running.wire.peer, -1)
        if isinstance(event, (events.Accepted, events.Uncertain)):
            self._receipts.remember(attempt, event.smsc, event.message_ids)
            whole = isinstance(event, events.Accepted) or not event.message_ids
            self._parts.expect(attempt, len(event.message_ids) if whole else running.segments)
        saved = self._engine.attempt_event(attempt, _attempt_event(event, running.wire))
        saved.addErrback(lambda failure: self._log.failure("the end of an attempt was not saved", failure))
        if isinstance(event, (events.Accepted, events.Uncertain)):
            smsc, message_ids = event.smsc, event.message_ids
            saved.addCallback(lambda _: self._receipts.release(attempt, smsc, message_ids))

    def receipt(self, receipt: Receipt) -> Deferred[None]:
        outcome = outcome_of(receipt.status)
        if not receipt.final or outcome is None:
            return succeed(None)
        known = self._receipts.known(receipt)
        if known is None:
            return Deferred.fromCoroutine(self._look_up(receipt, outcome))
        return self._receipted(known, receipt, outcome)

    async def _look_up(self, receipt: Receipt, outcome: Outcome) -> None:
        attempt = await self._receipts.attempt_of(receipt, may_be_early=self._may_be_early(receipt))
        if attempt is None:
            self._log.warn("receipt of an unknown message {smsc}", smsc=receipt.smsc, status=receipt.status)
            return
        await self._receipted(attempt, receipt, outcome)

    def _receipted(self, attempt: AttemptId, receipt: Receipt, outcome: Outcome) -> Deferred[None]:
        """No coroutine: this is what each of many thousand receipts takes."""
        whole = self._parts.add(attempt, receipt.message_id, outcome)
        if whole is None:
            return self._receipts.keep_part(attempt, receipt.message_id)
        wire = Wire(
            peer=receipt.smsc,
            reference=receipt.message_id or None,
            receipt_status=receipt.status,
            error=receipt.error or None,
        )
        return self._engine.attempt_event(attempt, Receipted(whole, wire))

    async def reply(self, reply: Reply) -> None:
        """Saved whatever it says; STOP ends SMS for the number before the SMSC hears that its message has come."""
        await self._hooks.save_reply(reply.sender, reply.text, reply.received_at)
        if reply.sender is None:
            return
        if wants_stop(reply.text):
            language = await self._hooks.opt_out(reply.sender)
            self._log.info("opted out by SMS {number}", number=reply.sender.masked)
            if language is not None:
                self._own.send(reply.sender, texts.written_stop(language), language)
        elif (language := await self._hooks.answer_due(reply.sender)) is not None:
            self._own.send(reply.sender, texts.written_after_close(language), language)

    def capacity_changed(self) -> None:
        self._own.room()
        if self._listener is not None:
            self._listener.capacity_changed(self.name)

    def _may_be_early(self, receipt: Receipt) -> bool:
        """Whether a response that is still to come may bring this receipt's id."""
        return (receipt.smsc, receipt.number) in self._left

    def _count_left(self, running: _Running, peer: str, change: int) -> None:
        """Of each SMSC by number, and in all (None): asked at every receipt, so never by a look through all that run."""
        left = self._left
        for key in ((peer, running.attempt.number), (peer, None)):
            count = left.get(key, 0) + change
            if count:
                left[key] = count
            else:
                del left[key]

    @property
    def _engine(self) -> ChannelListener:
        assert self._listener is not None, "listen comes before send"
        return self._listener


def _attempt_event(event: TextEvent, wire: Wire) -> AttemptEvent:
    """A service's event as the engine's. The SMSC's own fault sends it to another SMSC; a temporary refusal is
    `undeliverable`, which is tried again, a permanent one `rejected`, which is not."""
    match event:
        case events.Accepted(smsc=smsc):
            accepted = Wire(peer=smsc, reference=_names(event), command_status=0, segments=wire.segments)
            return Accepted(accepted, event.message_ids if event.as_written else ())
        case events.Uncertain(smsc=smsc):
            doubtful = Wire(peer=smsc, reference=_names(event) or None, segments=wire.segments)
            return AttemptUncertain(doubtful, event.message_ids if event.as_written else ())
        case events.NotSubmitted(reason=reason):
            return NotSent(reason)
        case events.Refused():
            refused = Wire(
                peer=event.smsc, command_status=event.command_status, error=event.words, segments=wire.segments
            )
            if event.smsc_fault:
                return PeerFault(refused)
            return Ended(Outcome.REJECTED if event.failure == "permanent" else Outcome.UNDELIVERABLE, refused)


def _names(event: events.Accepted | events.Uncertain) -> str:
    """The SMSC's own names of the parts, by which it can be asked about them."""
    return " ".join(event.as_written or event.message_ids)
