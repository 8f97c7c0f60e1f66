"""One callback under way: carries out what the machine decides, and tells it what happens on the legs.

I/O only through `Telephone` and `Call`. Events are taken one after the other: an effect that ends a leg may bring the
next event while the last one's effects are still being carried out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, assert_never

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from gateway.call_views import call_view
from gateway.callbacks.directory import About, CallbackSounds, Directory
from gateway.callbacks.machine import (
    Callback,
    CallerGone,
    Connect,
    DeskAccepted,
    DeskAnswered,
    DeskGone,
    Effect,
    Event,
    Greet,
    Greeted,
    HangUpCaller,
    InvalidEvent,
    LetGo,
    OwnerChanged,
    Phase,
    RecordTip,
    Ringback,
    RingDesk,
    RingId,
    Stage,
    Step,
    TipOver,
    Whisper,
    WhisperOver,
    begin,
    decide,
)
from gateway.domain.action import Desk
from gateway.domain.identifiers import DeskId
from ivr.call import ALL_KEYS, Call, CallEnded, Telephone, ToDesk
from ivr.flows.tip import TipManner, tip
from ivr.flows.whisper import whisper
from ivr.media.messages import Tone
from prompts.speech import SpeechFailed

log = Logger()

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class CallbackManner:
    """`grace_seconds`: how long after its end an action still answers for its callers. `tips`: where recordings lie."""

    default_room: str
    tips: Path
    accept_key: str = "1"
    ring_seconds: float = 20.0
    accept_seconds: float = 5.0
    grace_seconds: float = 3600.0
    tip: TipManner = field(default_factory=TipManner)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every callback of a line shares."""

    telephone: Telephone
    directory: Directory
    sounds: CallbackSounds
    manner: CallbackManner


class RunningCallback:
    """The shell of one `Callback`. `handed_to`: who was last said to own the action now."""

    def __init__(self, caller: Call, about: About, around: Surroundings) -> None:
        self.about = about
        self.handed_to: DeskId | None = None
        self._caller = caller
        self._around = around
        self._state = Callback(Phase.OVER, ())
        self._events: deque[Event] = deque()
        self._working = False
        self._desks: dict[DeskId, Desk] = {}
        self._legs: dict[RingId, Call] = {}
        self._dialling: dict[RingId, Deferred[None]] = {}
        self._hearing: Deferred[None] | None = None
        self._silence: Callable[[], None] | None = None
        self._tip: Deferred[None] | None = None
        self._over: Deferred[None] = Deferred()

    @property
    def phase(self) -> Phase:
        return self._state.phase

    async def run(self, desks: Mapping[DeskId, Desk], stages: tuple[Stage, ...], *, greeting: bool) -> None:
        """Ring, connect or record; returns when the caller is off the line and a tip is saved."""
        self._desks.update(desks)
        never = frozenset() if self.about.desk is None else frozenset({self.about.desk})
        self._work(begin(stages, never, greeting=greeting))
        self._caller.on_end(lambda _: self._tell(CallerGone()))
        await self._over
        if self._tip is not None:
            await self._tip

    def hand_over(self, desks: Mapping[DeskId, Desk], stages: tuple[Stage, ...]) -> None:
        """The action has another owner: ring that one now, unless somebody talks to the caller already."""
        self._desks.update(desks)
        self._tell(OwnerChanged(stages))

    # ---- events in, effects out

    def _tell(self, event: Event) -> None:
        self._events.append(event)
        self._work()

    def _work(self, step: Step | None = None) -> None:
        """Take the first step, then whatever events wait; one at a time, also when an effect brings the next."""
        if self._working:
            return
        self._working = True
        try:
            while step is not None or self._events:
                self._state, effects = step or decide(self._state, self._events.popleft())
                step = None
                for effect in effects:
                    self._carry_out(effect)
        except InvalidEvent:
            log.failure("callback is confused, everybody is let go", leg=self._caller.record.leg)
            self._let_everybody_go()
        finally:
            self._working = False
        if self._state.phase is Phase.OVER and not self._over.called:
            self._hush()
            self._over.callback(None)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Greet():
                self._hearing = self._start(self._greet())
            case Ringback():
                self._silence = self._tone("ringback")
            case RingDesk(ring, desk):
                self._dialling[ring] = self._start(self._ring(ring, self._desks[desk]))
            case Whisper(ring):
                self._start(self._whisper(ring, self._legs[ring]))
            case LetGo(ring):
                self._let_go(ring)
            case Connect(ring):
                self._hush()
                self._connect(self._legs[ring])
            case RecordTip():
                self._hush()
                self._tip = self._start(self._record_tip())
            case HangUpCaller():
                self._caller.hang_up()
            case _:
                assert_never(effect)

    def _start(self, work: Coroutine[Deferred[Any], Any, None]) -> Deferred[None]:
        """Let a conversation run by itself. The end of its call is told elsewhere; being cancelled is no news."""
        running = Deferred.fromCoroutine(work)
        running.addErrback(_log_unless_over)
        return running

    # ---- what the caller hears

    async def _greet(self) -> None:
        sound = await _made(self._around.sounds.greeting(self.about), "greeting")
        try:
            await self._caller.media_ready()
            if sound is not None:
                await self._caller.say(sound, barge_in=ALL_KEYS)
        except CallEnded:
            return
        self._tell(Greeted())

    def _tone(self, tone: Tone) -> Callable[[], None] | None:
        try:
            return self._caller.tone(tone)
        except CallEnded:
            return None

    def _hush(self) -> None:
        """End the greeting or the ringback, whichever is heard."""
        if self._silence is not None:
            self._silence()
            self._silence = None
        if self._hearing is not None:
            self._hearing.cancel()
            self._hearing = None

    async def _record_tip(self) -> None:
        try:
            await self._save_tip(self._around.manner.tips / f"{self._caller.record.leg}.wav")
        finally:
            self._tell(TipOver())

    async def _save_tip(self, path: Path) -> None:
        sounds = await _made(self._around.sounds.tip(), "request for a tip but a beep")
        recording = await tip(self._caller, sounds, path, self._around.manner.tip)
        if recording is None:
            _forget(path)
            return
        about = self.about
        await self._around.directory.save_tip(recording.path, recording.milliseconds, about.shown, about.action)

    # ---- desks

    async def _ring(self, ring: RingId, desk: Desk) -> None:
        manner = self._around.manner
        uri = desk.uri or f"sip:{desk.id}@gateway"
        to = ToDesk(desk.id, uri, manner.ring_seconds, caller=self.about.shown, near=self._caller)
        try:
            call = await self._around.telephone.dial(to)
        except Exception as reason:  # noqa: BLE001 - a shell boundary: cancelled, refused or failed, the next desk is rung
            log.info("desk {desk} was not rung: {reason}", desk=desk.id, reason=repr(reason))
            self._tell(DeskGone(ring))
            return
        self._legs[ring] = call
        self._keep(call, desk.id)
        call.on_end(lambda _: self._desk_gone(ring, call, desk.id))
        await call.answered()
        self._keep(call, desk.id)
        self._tell(DeskAnswered(ring))

    def _desk_gone(self, ring: RingId, call: Call, desk: DeskId) -> None:
        self._keep(call, desk)
        self._tell(DeskGone(ring))

    async def _whisper(self, ring: RingId, call: Call) -> None:
        manner = self._around.manner
        sound = await _made(self._around.sounds.whisper(self.about), "whisper but a tone")
        taken = await whisper(call, sound, manner.accept_key, key_seconds=manner.accept_seconds)
        self._tell(DeskAccepted(ring) if taken else WhisperOver(ring))

    def _let_go(self, ring: RingId) -> None:
        if ring in self._legs:
            self._legs[ring].hang_up()
        else:
            self._dialling[ring].cancel()

    def _connect(self, desk: Call) -> None:
        try:
            self._caller.bridge(desk)
        except CallEnded:
            return
        log.info("callback connected", leg=self._caller.record.leg, desk_leg=desk.record.leg)

    def _let_everybody_go(self) -> None:
        self._state = replace(self._state, phase=Phase.OVER)
        self._events.clear()
        for ring in self._dialling:
            self._let_go(ring)
        self._caller.hang_up()

    def _keep(self, call: Call, desk: DeskId) -> None:
        """Save the desk's leg as it stands now."""
        saving = self._around.directory.save_call(call_view(call.record, self.about.action, desk))
        keep = Deferred.fromCoroutine(saving)
        keep.addErrback(lambda failure: log.failure("call record was not saved", failure))


async def _made(making: Awaitable[Made], what: str) -> Made | None:
    """None where it can't be made, for want of a voice or of what it should say: the callback goes on without."""
    try:
        return await making
    except CancelledError:
        raise
    except SpeechFailed as failed:
        log.error("no {what}: {reason}", what=what, reason=str(failed))
    except Exception:  # noqa: BLE001 - a shell boundary: whatever fails, the caller is put through
        log.failure("no {what}", what=what)
    return None


def _log_unless_over(failure: Failure) -> None:
    """The end of a call and being cancelled are told elsewhere; anything else is our own fault."""
    if not isinstance(failure.value, CallEnded | CancelledError):
        log.failure("callback conversation failed", failure)


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)
