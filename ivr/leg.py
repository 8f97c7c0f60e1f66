"""One leg of a call, as conversations use it: the real `Call`, over a media leg and what SIP tells. No socket, no SIP.

`ivr.telephone` makes legs, carries out what they ask (`Signalling`) and tells them what the far side did. A leg that is
hung up is over for its conversation at once; the signalling ends when the far side has answered.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from foundation.clock import Clocks
from foundation.sound import Sound
from ivr.call import (
    ALL_KEYS,
    Call,
    CallEnded,
    CallRecord,
    EndCause,
    Ending,
    LegId,
    Overheard,
    Overhearing,
    Passed,
    Recording,
)
from ivr.keys import Keys
from ivr.leg_state import TRANSITIONS, LegEvent, LegState
from ivr.media.messages import Beep, Digit, LegClosed, MediaFlowing, Played, PlayEnded, Recorded, Remote, Talking, Tone
from ivr.media.port import MediaEvent, MediaLeg
from ivr.saying import Saying
from ivr.waiting import Waiter, Waiters

log = Logger()

MEDIA_SECONDS = 0.4
"""How long after the answer we wait for sound from the other side before we speak all the same."""

MOST_HOLD_SECONDS = 60.0
"""A conversation with somebody who holds us for longer is ended: nobody listens, and the channel is wanted."""

_RECORDING_SECONDS = 2.0
"""How long a call that is over waits for its recording to be written."""


class Signalling(Protocol):
    """What a leg asks of SIP. Each returns at once."""

    def answer(self, leg: LegId) -> None:
        """200 with our side of the sound; `Leg.confirmed` follows."""
        ...

    def end(self, leg: LegId, cause: EndCause) -> None:
        """CANCEL, BYE or a rejection, whichever is right in the state that the dialog is in."""
        ...


class Leg:
    """A `Call`. Made by the telephone, which also feeds it (`answered_with`, `confirmed`, `connect`, `digit`, `ended`)."""

    def __init__(
        self, record: CallRecord, media: MediaLeg, signalling: Signalling, clocks: Clocks, timer: IReactorTime
    ) -> None:
        self.media = media
        self._record = record
        self._signalling = signalling
        self._clocks = clocks
        self._timer = timer
        self._state = LegState.CALLING if record.direction == "out" else LegState.OFFERED
        self._ending = Ending(EndCause.HUNG_UP, "us")
        self._waiters = Waiters()
        self._up: list[Waiter[None]] = []
        self._flowing = False
        self._up_at: float | None = None
        self._held = False
        self._hold_timer: IDelayedCall | None = None
        self._keys = Keys()
        self._flows: list[Waiter[None]] = []
        self._playing: Saying | None = None
        self._cut_by: str | None = None
        self._heard = 0
        self._overhearing: Overhearing | None = None
        self._recording: Waiter[int] | None = None
        self._bridged: Leg | None = None
        self._at_end: list[Callable[[Ending], None]] = []
        media.listen(self._media_event, self._media_lost)

    # ---- what conversations use

    @property
    def record(self) -> CallRecord:
        return self._record

    @property
    def state(self) -> LegState:
        return self._state

    @property
    def heard_milliseconds(self) -> int:
        return self._heard

    async def answered(self) -> None:
        self._raise_if_over()
        if self._state is not LegState.UP:
            await self._when_up()

    async def answer(self) -> None:
        self._raise_if_over()
        if self._state is LegState.OFFERED:
            self._move(LegEvent.ANSWER)
            self._signalling.answer(self._record.leg)
        if self._state is not LegState.UP:
            self._raise_if_over()
            await self._when_up()

    async def media_ready(self) -> None:
        await self.answered()
        assert self._up_at is not None
        left = self._up_at + MEDIA_SECONDS - self._clocks.now()
        if self._flowing or left <= 0:
            return
        waiter = self._waiters.new(type(None))
        waiter.expire(self._timer, left, None)
        self._flows.append(waiter)
        await waiter.came

    async def say(
        self,
        sound: Sound,
        *,
        barge_in: frozenset[str] = frozenset(),
        heard_share: float | None = None,
        on_heard: Callable[[int], None] | None = None,
    ) -> str | None:
        self._heard = 0
        self._raise_if_over()
        key = self._keys.take(barge_in)
        if key is not None:
            return key
        report_at = None if heard_share is None else max(round(sound.milliseconds * heard_share), 1)
        play = self.media.play(sound, report_at=report_at, stop_on_digits="".join(sorted(barge_in)))
        waiter: Waiter[str | None] = self._waiters.new(abandoned=self._stop_saying)
        self._playing = Saying(play, sound, waiter, self._clocks.now())
        self._playing.barge_in, self._playing.on_heard = barge_in, on_heard
        self._playing.hold(self._held, self._clocks.now())
        return await waiter.came

    async def key(self, seconds: float, allowed: frozenset[str] = ALL_KEYS) -> str | None:
        self._raise_if_over()
        pressed = self._keys.next(allowed)
        if pressed is not None:
            return pressed
        waiter: Waiter[str | None] = self._waiters.new(abandoned=self._keys.want_no_more)
        waiter.expire(self._timer, seconds, None)
        self._keys.want(allowed, waiter)
        try:
            return await waiter.came
        finally:
            self._keys.want_no_more()

    async def pause(self, seconds: float) -> None:
        self._raise_if_over()
        waiter = self._waiters.new(type(None))
        waiter.expire(self._timer, seconds, None)
        await waiter.came

    def overhear(self, listener: Overhearing | None) -> None:
        self._overhearing = listener
        if self._state is not LegState.OVER:
            self.media.listen_for(talking=listener is not None, beep=listener is not None)

    def interrupt(self) -> None:
        if self._playing is not None:
            self.media.stop_playing(self._playing.play)
        else:
            self._keys.interrupt()

    def tone(self, tone: Tone) -> Callable[[], None]:
        self._raise_if_over()
        play = self.media.play_tone(tone)
        return lambda: self.media.stop_playing(play)

    async def record_message(self, path: Path, *, maximum_seconds: float, end_keys: frozenset[str]) -> Recording:
        self._raise_if_over()
        self._keys.clear()
        self._recording = Waiter(lambda _: None, None)
        self.media.record(path, round(maximum_seconds * 1000))
        try:
            with suppress(CallEnded):
                await self.key(maximum_seconds, end_keys)
            self.media.stop_recording()
            self._recording.expire(self._timer, _RECORDING_SECONDS, 0)
            milliseconds = await self._recording.came
        finally:
            self._recording = None
            if self._state is LegState.OVER:
                self.media.close()
            else:
                self.media.stop_recording()
        return Recording(path, milliseconds)

    def bridge(self, other: Call) -> None:
        self._raise_if_over()
        if not isinstance(other, Leg):
            raise TypeError(f"{type(other).__name__} is not a leg of this telephone")
        other._raise_if_over()
        self._bridged, other._bridged = other, self
        self.media.bridge(other.media)

    def unbridge(self) -> None:
        if self._bridged is None:
            return
        self._bridged._bridged = None
        self._bridged = None
        self.media.unbridge()

    def on_end(self, callback: Callable[[Ending], None]) -> None:
        if self._state is LegState.OVER:
            callback(self._ending)
        else:
            self._at_end.append(callback)

    def hang_up(self, cause: EndCause = EndCause.HUNG_UP) -> None:
        if self._state is LegState.OVER:
            return
        self._signalling.end(self._record.leg, cause)
        self.ended(Ending(cause, "us"))

    # ---- what the telephone tells

    def answered_with(self, remote: Remote) -> None:
        """The far side answered our call."""
        self.connect(remote)
        self._be_up(LegEvent.ANSWERED)

    def confirmed(self) -> None:
        """The ACK to our 200 came."""
        self._be_up(LegEvent.CONFIRMED)

    def connect(self, remote: Remote) -> None:
        """Sound goes there from now on; also after a hold or a codec change."""
        if self._state is LegState.OVER:
            return
        self._held = remote.direction in ("recvonly", "inactive")
        self._watch_hold()
        if self._playing is not None:
            self._playing.hold(self._held, self._clocks.now())
        self.media.connect(remote)

    def digit(self, digit: str) -> None:
        """A key that came by INFO: the media worker has not seen it, so barge-in and the bridge are served here."""
        if self._state is not LegState.UP:
            return
        if self._bridged is not None:
            self._bridged.media.send_digit(digit)
        playing = self._playing
        if playing is not None and digit in playing.barge_in:
            self._heard = playing.estimate(self._clocks.now())
            self.media.stop_playing(playing.play)
            self._playing = None
            playing.waiter.give(digit)
        else:
            self._keys.pressed(digit)

    def ended(self, ending: Ending) -> None:
        """The call is over: everything that waits on it raises CallEnded, the sound stops."""
        if not self._move(LegEvent.ENDED):
            return
        self._ending = ending
        self._held = False
        self._watch_hold()
        self._record = replace(self._record, ended_at=self._clocks.saved_now(), ending=ending)
        if self._playing is not None:
            self._heard = max(self._heard, self._playing.estimate(self._clocks.now()))
            self._playing = None
        self.unbridge()
        if self._recording is None:
            self.media.close()
        else:
            self.media.stop_recording()
        log.info("call ended {cause}", leg=self._record.leg, cause=ending.cause, by=ending.by, sip=ending.sip_code)
        self._waiters.fail(lambda: CallEnded(ending))
        callbacks, self._at_end = self._at_end, []
        for callback in callbacks:
            callback(ending)

    # ---- inside

    def _move(self, event: LegEvent) -> bool:
        following = TRANSITIONS.get((self._state, event))
        if following is None:
            return False
        self._state = following
        return True

    def _be_up(self, event: LegEvent) -> None:
        if not self._move(event):
            return
        self._up_at = self._clocks.now()
        self._record = replace(self._record, answered_at=self._clocks.saved_now())
        waiting, self._up = self._up, []
        for waiter in waiting:
            waiter.give(None)

    def _watch_hold(self) -> None:
        if self._hold_timer is not None and not self._held:
            self._hold_timer.cancel()
            self._hold_timer = None
        elif self._hold_timer is None and self._held:
            self._hold_timer = self._timer.callLater(MOST_HOLD_SECONDS, self._held_too_long)

    def _held_too_long(self) -> None:
        """A talk between two people may be held for as long as they like."""
        self._hold_timer = None
        if self._bridged is None:
            self.hang_up()

    def _when_up(self) -> Deferred[None]:
        waiter = self._waiters.new(type(None))
        self._up.append(waiter)
        return waiter.came

    def _raise_if_over(self) -> None:
        if self._state is LegState.OVER:
            raise CallEnded(self._ending)

    def _media_lost(self) -> None:
        if self._state is LegState.OVER:
            return
        self._signalling.end(self._record.leg, EndCause.MEDIA_LOST)
        self.ended(Ending(EndCause.MEDIA_LOST, "nobody"))

    def _media_event(self, event: MediaEvent) -> None:
        match event:
            case MediaFlowing():
                self._flowing = True
                waiting, self._flows = self._flows, []
                for waiter in waiting:
                    waiter.give(None)
            case Digit():
                self._digit_heard(event.digit)
            case Played():
                self._report(event)
            case PlayEnded():
                self._said(event)
            case Talking():
                self._overheard(Overheard.VOICE_BEGAN if event.began else Overheard.VOICE_OVER, event.milliseconds)
            case Beep():
                self._overheard(Overheard.BEEP, event.milliseconds)
            case Recorded():
                if self._recording is not None:
                    self._recording.give(event.milliseconds)
            case LegClosed():
                passed = Passed(event.packets_sent, event.packets_received, event.remote_lost)
                self._record = replace(self._record, passed=passed)
                log.debug("media closed", leg=self._record.leg, lost=event.packets_lost, jitter=event.jitter)

    def _overheard(self, what: Overheard, milliseconds: int) -> None:
        if self._overhearing is not None:
            self._overhearing(what, milliseconds)

    def _digit_heard(self, digit: str) -> None:
        """Media tells of a key when it is let go; where it cut a sound short that was told before, at its beginning."""
        if self._cut_by == digit:
            self._cut_by = None
        else:
            self._keys.pressed(digit)

    def _report(self, event: Played) -> None:
        playing = self._playing
        if playing is None or playing.play != event.play:
            return
        self._heard = max(self._heard, event.milliseconds)
        if playing.on_heard is not None:
            on_heard, playing.on_heard = playing.on_heard, None
            on_heard(event.milliseconds)

    def _said(self, event: PlayEnded) -> None:
        playing = self._playing
        if playing is None or playing.play != event.play:
            return
        self._playing = None
        self._heard = max(self._heard, event.milliseconds)
        digit = event.digit
        if digit is not None and not self._keys.unsay(digit):
            self._cut_by = digit
        playing.waiter.give(digit)

    def _stop_saying(self) -> None:
        playing, self._playing = self._playing, None
        if playing is not None:
            self.media.stop_playing(playing.play)
