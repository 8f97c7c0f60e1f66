"""Sound to and from a scripted person, on a fake clock: what a media leg does, without a packet."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

from twisted.internet.task import Clock

from foundation.endpoints import Address
from foundation.sound import Sound
from ivr.media.messages import (
    Beep,
    Digit,
    LegClosed,
    MediaFlowing,
    MediaLegId,
    Played,
    PlayEnded,
    PlayId,
    Recorded,
    Remote,
    Talking,
    Tone,
)
from ivr.media.port import MediaEvent, MediaLeg
from tests.acceptance.scripted_people import Line, ScriptedLibrary

_LEG = MediaLegId(0)
_PACKETS = 500


class ScriptedMediaLeg(MediaLeg):
    """Sound to one person: plays take their time, keys come back, nothing is heard."""

    def __init__(self, clock: Clock, line: Line, library: ScriptedLibrary) -> None:
        self.line = line
        self.closed = False
        self._clock = clock
        self._library = library
        self._numbers = count(1)
        self._play: tuple[PlayId, int, str] | None = None
        self._calls: list[Callable[[], None]] = []
        self._held_since: float | None = None
        self._sent_before = 0.0
        self._resumed_at = 0.0
        self._report_at: int | None = None
        self._recording: tuple[Path, float, int] | None = None
        self._bridged: ScriptedMediaLeg | None = None
        self._listened_to = False
        self._received = 0

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", 20000)

    def listen(self, listener: Callable[[MediaEvent], None], lost: Callable[[], None]) -> None:
        self._tell = listener
        self.lose = lost

    def connect(self, remote: Remote) -> None:
        held = remote.direction in ("recvonly", "inactive")
        if held and self._held_since is None:
            self._pause()
            self._held_since = self._clock.seconds()
        elif not held and self._held_since is not None:
            self._held_since = None
            self._go_on()

    def flows(self) -> None:
        self._received = _PACKETS
        self._tell(MediaFlowing(_LEG, 0))

    def play(self, sound: Sound, *, report_at: int | None = None, stop_on_digits: str = "") -> PlayId:
        self._stop(digit=None)
        play = PlayId(next(self._numbers))
        self._play = (play, sound.milliseconds, stop_on_digits)
        self._sent_before, self._report_at = 0.0, report_at
        self.line.saying(self._library.words(sound), sound.milliseconds)
        if self._held_since is None:
            self._go_on()
        return play

    def play_tone(self, tone: Tone, milliseconds: int | None = None) -> PlayId:
        self._stop(digit=None)
        self.line.saying(f"({tone})", 0)
        return PlayId(next(self._numbers))

    def stop_playing(self, play: PlayId) -> None:
        if self._play is not None and self._play[0] == play:
            self._stop(digit=None)

    def bridge(self, other: MediaLeg) -> None:
        assert isinstance(other, ScriptedMediaLeg)
        self._bridged, other._bridged = other, self
        self.line.connected(other.line.who.name)
        other.line.connected(self.line.who.name)

    def unbridge(self) -> None:
        if self._bridged is not None:
            self._bridged._bridged = None
            self._bridged = None

    def record(self, path: Path, maximum_milliseconds: int) -> None:
        self._recording = (path, self._clock.seconds(), maximum_milliseconds)

    def stop_recording(self) -> None:
        if self._recording is None:
            return
        path, since, most = self._recording
        self._recording = None
        path.write_bytes(b"RIFF")
        self._tell(Recorded(_LEG, 0, str(path), min(round((self._clock.seconds() - since) * 1000), most)))

    def send_digit(self, digit: str, milliseconds: int = 100) -> None:
        self.line.keys_heard.append(digit)
        self.line.changed()

    def listen_for(self, *, talking: bool = False, beep: bool = False) -> None:
        self._listened_to = talking and beep

    def talked(self, began: bool, milliseconds: int) -> None:
        """The person's voice began, or is over after so many milliseconds."""
        if self._listened_to and not self.closed:
            self._tell(Talking(_LEG, 0, began, milliseconds))

    def beeped(self) -> None:
        if self._listened_to and not self.closed:
            self._tell(Beep(_LEG, 0, 1000, 400))

    def close(self) -> None:
        self._forget_calls()
        self.unbridge()
        if not self.closed:
            self.closed = True
            lost = _PACKETS if self.line.script.reports_nothing_arrives else None
            self._tell(LegClosed(_LEG, 0, _PACKETS, self._received, 0, 0.0, lost))

    def pressed(self, key: str) -> None:
        """The person pressed a key: it cuts a sound that it may cut, goes through a bridge, and is told."""
        if self.closed:
            return
        cuts = self._play if self._play is not None and key in self._play[2] else None
        if self._bridged is not None:
            self._bridged.send_digit(key)
        self._tell(Digit(_LEG, 0, key, 100))
        if cuts is not None and self._play is cuts:
            self._stop(digit=key)

    # ---- time

    def _sent(self) -> float:
        running = 0.0 if self._held_since is not None else self._clock.seconds() - self._resumed_at
        return self._sent_before + running * 1000

    def _pause(self) -> None:
        if self._play is not None:
            self._sent_before = self._sent()
        self._forget_calls()

    def _go_on(self) -> None:
        if self._play is None:
            return
        self._resumed_at = self._clock.seconds()
        play, total, _ = self._play
        if self._report_at is not None:
            self._later((self._report_at - self._sent_before) / 1000, lambda: self._report(play))
        self._later((total - self._sent_before) / 1000, lambda: self._end(complete=True, digit=None))

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        call = self._clock.callLater(max(seconds, 0.0), what)
        self._calls.append(lambda: call.cancel() if call.active() else None)

    def _report(self, play: PlayId) -> None:
        assert self._report_at is not None
        milliseconds, self._report_at = self._report_at, None
        self._tell(Played(_LEG, 0, play, milliseconds))

    def _stop(self, digit: str | None) -> None:
        if self._play is not None:
            self._end(complete=False, digit=digit)

    def _end(self, *, complete: bool, digit: str | None) -> None:
        assert self._play is not None
        play, total, _ = self._play
        sent = total if complete else min(round(self._sent()), total)
        self._play = None
        self._forget_calls()
        self._tell(PlayEnded(_LEG, 0, play, sent, complete, digit))

    def _forget_calls(self) -> None:
        for cancel in self._calls:
            cancel()
        self._calls.clear()
