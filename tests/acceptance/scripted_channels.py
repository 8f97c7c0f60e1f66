"""Channels at the engine's joint, with scripted people at the other end: no wire, a fake clock, everything recorded.

A person's script is what happens at each try, in order; the last one repeats. `Line.left` is what a wire trace would
show: each attempt that really left, and when.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from foundation.clock import Monotonic
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.attempt import (
    Accepted,
    Attempt,
    AttemptEvent,
    Ended,
    Heard,
    KeyPressed,
    NotSent,
    PeerFault,
    Receipted,
    Sent,
    Uncertain,
    Wire,
)
from gateway.domain.identifiers import AttemptId
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.engine.channel import Capacity, ChannelListener, Message

Step = tuple[float, AttemptEvent]
"""Seconds after it left, and what the channel tells then."""

TRUNK = Wire(peer="kpn", reference="call@burgernet")
SMSC = Wire(peer="main", reference="id", segments=1)


def hears() -> list[Step]:
    return [(8.0, Heard(TRUNK)), (12.0, Ended(Outcome.HEARD, TRUNK))]


def confirms() -> list[Step]:
    return [(8.0, Heard(TRUNK)), (9.0, KeyPressed("seen")), (10.0, Ended(Outcome.HEARD_CONFIRMED, TRUNK))]


def says(outcome: Outcome, seconds: float = 3.0) -> list[Step]:
    return [(seconds, Ended(outcome, TRUNK))]


def trunk_fault(peer: str = "kpn") -> list[Step]:
    return [(0.1, PeerFault(Wire(peer=peer, sip_code=503)))]


def accepted_and(receipt: Outcome | None, seconds: float = 2.0) -> list[Step]:
    steps: list[Step] = [(0.1, Accepted(SMSC))]
    if receipt is not None:
        steps.append((seconds, Receipted(receipt, Wire(peer="main", receipt_status="DELIVRD"))))
    return steps


def connection_lost() -> list[Step]:
    return [(0.1, Uncertain(SMSC))]


@dataclass
class Left:
    """One attempt that left."""

    at: float
    number: str
    message: MessageKind
    attempt: Attempt


@dataclass
class ScriptedChannel:
    """A `gateway.engine.channel.Channel`. `scripts`: by number, a list of steps a try; `usual` for everybody else.
    `recalls`: by number, what the peer says to taking back what it accepted; where empty it is not asked."""

    name: ChannelName
    clock: Clock
    usual: Callable[[], list[Step]]
    scripts: dict[str, Sequence[list[Step]]] = field(default_factory=dict)
    places: int = 1000
    peers: frozenset[str] = frozenset({"kpn"})
    refused: frozenset[str] = frozenset()
    listener: ChannelListener | None = None
    on_left: Callable[[Left], None] = lambda left: None
    cancel_ends_with: Outcome = Outcome.NO_ANSWER
    left: list[Left] = field(default_factory=list)
    cancelled: list[AttemptId] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    in_use: int = 0
    most_in_use: int = 0
    recalls: dict[str, bool | None] = field(default_factory=dict)
    recalled: list[str] = field(default_factory=list)
    prepared: list[Message] = field(default_factory=list)
    prepare_fails: int = 0
    _running: dict[AttemptId, list[object]] = field(default_factory=dict)
    _tries: dict[tuple[str, MessageKind], int] = field(default_factory=dict)

    def capacity(self, now: Monotonic) -> Capacity:
        return Capacity(self.places - self.in_use, None, self.peers)

    def reserve(self, number: PhoneNumber, avoid: frozenset[str], now: Monotonic) -> bool:
        if self.in_use >= self.places or self.peers <= avoid or number.e164 in self.refused:
            return False
        self.in_use += 1
        self.most_in_use = max(self.most_in_use, self.in_use)
        return True

    def release(self, number: PhoneNumber) -> None:
        self.in_use -= 1

    async def prepare(self, message: Message) -> Message:
        if self.prepare_fails:
            self.prepare_fails -= 1
            raise RuntimeError("no voice could say it")
        self.prepared.append(message)
        return message

    def send(self, attempt: Attempt, prepared: Message) -> None:
        assert prepared.kind is attempt.key.message
        peer = min(self.peers - attempt.avoid, default="kpn")
        self._running[attempt.id] = []
        leaving = self._tell(attempt.id, Sent(Wire(peer=peer)))
        leaving.addCallbacks(self._leave, self._stay, callbackArgs=(attempt,), errbackArgs=(attempt,))

    def _leave(self, _: object, attempt: Attempt) -> None:
        left = Left(self.clock.seconds(), attempt.number.e164, attempt.key.message, attempt)
        self.left.append(left)
        self.on_left(left)
        key = (attempt.number.e164, attempt.key.message)
        script = self.scripts.get(attempt.number.e164)
        tried = self._tries.get(key, 0)
        self._tries[key] = tried + 1
        steps = self.usual() if script is None else script[min(tried, len(script) - 1)]
        for seconds, event in steps:
            self._running[attempt.id].append(self.clock.callLater(seconds, self._step, attempt.id, event))

    def _stay(self, failure: Failure, attempt: Attempt) -> None:
        self._end(attempt.id, NotSent(failure.getErrorMessage()))

    def _step(self, attempt: AttemptId, event: AttemptEvent) -> None:
        if isinstance(event, (Accepted, Uncertain, PeerFault, Ended)):
            self._end(attempt, event)
        else:
            self._tell(attempt, event)

    def _end(self, attempt: AttemptId, event: AttemptEvent) -> None:
        self.in_use -= 1
        if not isinstance(event, (Accepted, Uncertain)):
            self._running.pop(attempt, None)
        self._tell(attempt, event)
        assert self.listener is not None
        self.listener.capacity_changed(self.name)

    def _tell(self, attempt: AttemptId, event: AttemptEvent) -> Deferred[None]:
        assert self.listener is not None
        told = self.listener.attempt_event(attempt, event)
        if not isinstance(event, Sent):
            told.addErrback(lambda failure: self.failures.append(failure.value))
        return told

    def cancel(self, attempt: AttemptId) -> None:
        self.cancelled.append(attempt)
        calls = self._running.get(attempt)
        if not calls:
            return
        for call in calls:
            if call.active():
                call.cancel()
        self._end(attempt, Ended(self.cancel_ends_with, TRUNK))

    def recalling(self) -> frozenset[str]:
        return self.peers if self.recalls else frozenset()

    async def recall(self, number: PhoneNumber, peer: str, reference: str) -> bool | None:
        self.recalled.append(number.e164)
        return self.recalls.get(number.e164, False)

    def numbers(self, message: MessageKind = MessageKind.ALERT) -> list[str]:
        """Whom it left for, in order."""
        return [left.number for left in self.left if left.message is message]

    def die(self) -> None:
        """The process is gone: nothing more comes from here."""
        for calls in self._running.values():
            for call in calls:
                if call.active():
                    call.cancel()
        self._running.clear()
