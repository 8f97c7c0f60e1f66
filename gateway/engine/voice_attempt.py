"""One voice attempt under way: saved, dialled, talked, ended. I/O only through `Telephone` and `Call`.

`Sent` is committed before the INVITE; what is cancelled before the wire never leaves. Whatever fails, the engine hears of
exactly one end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from foundation.clock import Clocks
from foundation.sound import Sound
from foundation.telephone_numbers import PhoneNumber
from gateway.call_views import call_view
from gateway.domain.attempt import Attempt, AttemptEvent, Ended, Heard, KeyPressed, NotSent, PeerFault, Sent, Wire
from gateway.domain.calls import CallView
from gateway.domain.identifiers import DeliveryKey
from gateway.domain.outcomes import Outcome
from gateway.engine.channel import ChannelListener, NothingMayLeave
from gateway.engine.voice_prompts import Prepared
from gateway.settings import VoiceSettings
from ivr.call import Call, CallEnded, EndCause, Ending, Refused, Telephone, ToTrunk
from ivr.flows.alert import AlertKeys, AlertManner, Meaning, Wish, alert
from ivr.flows.closing import ClosingManner, closing

log = Logger()

UNANSWERED: Mapping[EndCause, Outcome] = MappingProxyType(
    {
        EndCause.BUSY: Outcome.BUSY,
        EndCause.NO_ANSWER: Outcome.NO_ANSWER,
        EndCause.DECLINED: Outcome.DECLINED,
        EndCause.UNREACHABLE: Outcome.UNREACHABLE,
        EndCause.INVALID_NUMBER: Outcome.INVALID_NUMBER,
        EndCause.HUNG_UP: Outcome.NO_ANSWER,
        EndCause.MEDIA_LOST: Outcome.TRUNK_FAILURE,
    }
)
"""What an end before the answer means; a trunk's fault and our own cancelling are no outcomes."""


class Stage(StrEnum):
    """`COMMITTING`: `Sent` is being saved. `DIALLING`: it may leave at any moment. `CALLING`: it rings or talks.
    `CONNECTING`: from the operator key on. `WITHDRAWN`: cancelled while it was being saved."""

    COMMITTING = "committing"
    DIALLING = "dialling"
    CALLING = "calling"
    CONNECTING = "connecting"
    WITHDRAWN = "withdrawn"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class VoiceHooks:
    """What the channel asks of the house. `connect` goes on with the call of a person who wants the operator, until it is
    over; `opt_out` returns when it is saved."""

    opt_out: Callable[[PhoneNumber], Awaitable[None]]
    connect: Callable[[Call, DeliveryKey], Awaitable[None]]
    save_call: Callable[[CallView], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class VoiceSurroundings:
    """What every attempt of the channel shares; the settings as they were when it began."""

    telephone: Telephone
    listener: ChannelListener
    settings: VoiceSettings
    hooks: VoiceHooks
    clocks: Clocks


class VoiceAttempt:
    """Also the `AlertListener` of its conversation."""

    def __init__(self, attempt: Attempt, prepared: Prepared, trunk: str | None, around: VoiceSurroundings) -> None:
        self._attempt = attempt
        self._script = prepared.script(attempt.language)
        self._trunk = trunk
        self._around = around
        self._stage = Stage.COMMITTING
        self._wire = Wire(peer=trunk)
        self._dialling: Deferred[Call] | None = None
        self._call: Call | None = None
        self._wants_operator: Call | None = None

    def cancel(self) -> None:
        """End it as soon as its stage allows. A person who asked for an operator, or talks to one, is let be."""
        match self._stage:
            case Stage.COMMITTING:
                self._stage = Stage.WITHDRAWN
            case Stage.DIALLING:
                assert self._dialling is not None
                self._dialling.cancel()
            case Stage.CALLING:
                assert self._call is not None
                self._call.hang_up(EndCause.CANCELLED)
            case Stage.CONNECTING | Stage.WITHDRAWN | Stage.OVER:
                pass
            case _:
                assert_never(self._stage)

    async def run(self) -> None:
        """The whole attempt. One that goes on to an operator ends with that talk: until then the number is not free, and
        nothing else may call it. `KeyPressed` was told before, so that a crash calls nobody again."""
        try:
            ending = await self._end()
        except Exception:  # noqa: BLE001 - a shell boundary: the engine must hear of one end
            log.failure("an attempt failed by our own fault", attempt=self._attempt.id)
            ending = NotSent("our own fault") if self._call is None else self._outcome(Outcome.TRUNK_FAILURE)
            if self._call is not None:
                self._call.hang_up()
        try:
            if self._wants_operator is not None:
                await self._connect(self._wants_operator)
        finally:
            self._stage = Stage.OVER
            await self._tell(ending)

    async def _end(self) -> AttemptEvent:
        reason = await self._commit()
        if reason is not None:
            self._give_back()
            return NotSent(reason)
        self._stage = Stage.DIALLING
        try:
            call = await self._dial()
        except CancelledError:
            return NotSent("cancelled before the wire")
        except Refused as refused:
            return NotSent(str(refused))
        self._call, self._stage = call, Stage.CALLING
        self._wire = replace(self._wire, reference=call.record.call_id)
        self._keep(call)
        call.on_end(lambda _: self._keep(call))
        try:
            await call.answered()
        except CallEnded as ended:
            return self._unanswered(ended.ending)
        self._wire = replace(self._wire, answered_at=call.record.answered_at, sip_code=200)
        self._keep(call)
        return await self._talk(call)

    async def _commit(self) -> str | None:
        """Save that it is about to leave; why it may not, or None."""
        deadline = self._attempt.deadline
        if self._trunk is None:
            return "no channel was reserved for it"
        if deadline is not None and self._around.clocks.until(deadline) <= 0:
            return "the action has expired"
        try:
            await self._around.listener.attempt_event(self._attempt.id, Sent(self._wire))
        except NothingMayLeave as reason:
            return str(reason) or "the action is over"
        except Exception as reason:  # noqa: BLE001 - a shell boundary: what is not saved does not leave
            log.failure("an attempt could not be saved", attempt=self._attempt.id)
            return repr(reason)
        return "cancelled before the wire" if self._stage is Stage.WITHDRAWN else None

    def _dial(self) -> Deferred[Call]:
        assert self._trunk is not None
        route = ToTrunk(self._trunk, self._attempt.number, self._around.settings.ring_seconds)
        self._dialling = Deferred.fromCoroutine(self._around.telephone.dial(route, reserved=True))
        return self._dialling

    def _give_back(self) -> None:
        if self._trunk is not None:
            self._around.telephone.release_alert(self._trunk, self._attempt.number)

    # ---- the conversation

    async def _talk(self, call: Call) -> AttemptEvent:
        settings = self._around.settings
        if isinstance(self._script, Sound):
            manner = ClosingManner(settings.keys.repeat, settings.key_seconds)
            told = await closing(call, self._script, manner, self.heard)
            if told.machine and not told.enough:
                return self._machine(told.milliseconds)
            return self._answered(told.milliseconds, told.enough, told.repeats > 0, told.ending)
        keys = AlertKeys(settings.keys.repeat, settings.keys.seen, settings.keys.operator, settings.keys.stop)
        heard = await alert(call, self._script, AlertManner(settings.times, settings.key_seconds, keys=keys), self)
        if heard.wish is Wish.CONNECT:
            self._wants_operator = call
        if heard.machine and not heard.enough:
            return self._machine(heard.milliseconds)
        return self._answered(heard.milliseconds, heard.enough, bool(heard.pressed), heard.ending)

    def heard(self) -> None:
        assert self._call is not None
        self._tell_and_go_on(Heard(replace(self._wire, heard_milliseconds=self._call.heard_milliseconds)))

    def pressed(self, meaning: Meaning) -> None:
        if meaning is Meaning.OPERATOR:
            self._stage = Stage.CONNECTING
        self._tell_and_go_on(KeyPressed(meaning))

    async def stop(self) -> None:
        await self._around.hooks.opt_out(self._attempt.number)

    # ---- how it ended

    def _unanswered(self, ending: Ending) -> AttemptEvent:
        self._wire = replace(self._wire, sip_code=ending.sip_code, q850_cause=ending.q850_cause)
        if ending.cause is EndCause.TRUNK_FAULT:
            return PeerFault(self._wire, ending.retry_after)
        if ending.cause in (EndCause.CANCELLED, EndCause.SHUT_DOWN):
            return NotSent(f"{ending.cause} before the answer")
        return self._outcome(UNANSWERED[ending.cause])

    def _machine(self, milliseconds: int) -> AttemptEvent:
        self._wire = replace(self._wire, heard_milliseconds=milliseconds)
        return self._outcome(Outcome.VOICEMAIL)

    def _answered(self, milliseconds: int, enough: bool, key: bool, ending: Ending | None) -> AttemptEvent:
        self._wire = replace(self._wire, heard_milliseconds=milliseconds)
        if ending is not None:
            self._wire = replace(self._wire, q850_cause=ending.q850_cause)
        if key:
            return self._outcome(Outcome.HEARD_CONFIRMED)
        if enough:
            return self._outcome(Outcome.HEARD)
        if ending is None or ending.by != "them":
            return self._cut_by_us(milliseconds, ending)
        return self._outcome(Outcome.HEARD_PART)

    def _cut_by_us(self, milliseconds: int, ending: Ending | None) -> AttemptEvent:
        """It was answered and not heard, and the person did not hang up: held all the time, or ended by our own doing.
        Whoever heard a part of it when the action was closed was reached; when we failed them they are called again."""
        match None if ending is None else ending.cause:
            case None:
                return self._outcome(Outcome.HEARD_PART if milliseconds else Outcome.NO_ANSWER)
            case EndCause.CANCELLED if milliseconds:
                return self._outcome(Outcome.HEARD_PART)
            case EndCause.CANCELLED:
                return NotSent("cancelled before a word was heard")
            case EndCause.MEDIA_LOST:
                return self._outcome(Outcome.TRUNK_FAILURE)
            case EndCause.SHUT_DOWN:
                return NotSent("the gateway stopped")
            case _:
                return self._outcome(Outcome.HEARD_PART if milliseconds else Outcome.NO_ANSWER)

    def _outcome(self, outcome: Outcome) -> Ended:
        return Ended(outcome, self._wire)

    async def _connect(self, call: Call) -> None:
        try:
            await self._around.hooks.connect(call, self._attempt.key)
        finally:
            call.hang_up()

    # ---- what is told and kept

    async def _tell(self, event: AttemptEvent) -> None:
        try:
            await self._around.listener.attempt_event(self._attempt.id, event)
        except Exception:  # noqa: BLE001 - a shell boundary: the call goes on, the engine settles it by its lease
            log.failure("the end of an attempt was not saved", attempt=self._attempt.id)

    def _tell_and_go_on(self, event: AttemptEvent) -> None:
        telling = self._around.listener.attempt_event(self._attempt.id, event)
        telling.addErrback(lambda failure: log.failure("news of an attempt was not saved", failure))

    def _keep(self, call: Call) -> None:
        async def keep() -> None:
            await self._around.hooks.save_call(call_view(call.record, self._attempt.key.action))

        Deferred.fromCoroutine(keep()).addErrback(lambda failure: log.failure("call record was not saved", failure))
