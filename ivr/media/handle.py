"""A leg as the daemon holds it: method calls become messages, messages become events. No I/O; `pool` and `inprocess`
give it the way to its worker.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

from foundation.endpoints import Address
from foundation.sound import Sound
from ivr.media.messages import (
    Bridge,
    CloseLeg,
    Connect,
    FromWorker,
    LegClosed,
    LegFailed,
    LegOpened,
    Listen,
    MediaLegId,
    Play,
    PlayId,
    PlayTone,
    Record,
    Remote,
    SendDigit,
    StopPlaying,
    StopRecording,
    Tone,
    ToWorker,
    Unbridge,
)
from ivr.media.port import MediaEvent, MediaLeg

Tell = Callable[[ToWorker], None]


class LegHandle:
    """Implements `ivr.media.port.MediaLeg`. Events that come before `listen` wait for it."""

    def __init__(self, number: MediaLegId, generation: int, address: Address, tell: Tell, worker: object) -> None:
        self.number = number
        self.generation = generation
        self.worker = worker
        self._address = address
        self._tell = tell
        self._listener: Callable[[MediaEvent], None] | None = None
        self._on_lost: Callable[[], None] | None = None
        self._early: list[MediaEvent] = []
        self._plays = count(1)
        self._closed = False
        self._lost = False

    @property
    def address(self) -> Address:
        return self._address

    def listen(self, listener: Callable[[MediaEvent], None], lost: Callable[[], None]) -> None:
        self._listener, self._on_lost = listener, lost
        early, self._early = self._early, []
        for event in early:
            listener(event)
        if self._lost:
            lost()

    def connect(self, remote: Remote) -> None:
        self._say(Connect(self.number, self.generation, remote))

    def play(self, sound: Sound, *, report_at: int | None = None, stop_on_digits: str = "") -> PlayId:
        play = PlayId(next(self._plays))
        self._say(
            Play(self.number, self.generation, play, str(sound.stem), sound.milliseconds, report_at, stop_on_digits)
        )
        return play

    def play_tone(self, tone: Tone, milliseconds: int | None = None) -> PlayId:
        play = PlayId(next(self._plays))
        self._say(PlayTone(self.number, self.generation, play, tone, milliseconds))
        return play

    def stop_playing(self, play: PlayId) -> None:
        self._say(StopPlaying(self.number, self.generation, play))

    def bridge(self, other: MediaLeg) -> None:
        """Raises ValueError for a leg of another worker: it was not opened `near` this one."""
        if not isinstance(other, LegHandle) or other.worker is not self.worker:
            raise ValueError("legs of two media workers can't be bridged; open the second one near the first")
        self._say(Bridge(self.number, self.generation, other.number, other.generation))

    def unbridge(self) -> None:
        self._say(Unbridge(self.number, self.generation))

    def record(self, path: Path, maximum_milliseconds: int) -> None:
        self._say(Record(self.number, self.generation, str(path), maximum_milliseconds))

    def stop_recording(self) -> None:
        self._say(StopRecording(self.number, self.generation))

    def send_digit(self, digit: str, milliseconds: int = 100) -> None:
        self._say(SendDigit(self.number, self.generation, digit, milliseconds))

    def listen_for(self, *, talking: bool = False, beep: bool = False) -> None:
        self._say(Listen(self.number, self.generation, talking, beep))

    def close(self) -> None:
        self._say(CloseLeg(self.number, self.generation))
        self._closed = True

    # ---- from the worker

    def hear(self, message: FromWorker) -> None:
        """A message of this leg and generation."""
        if isinstance(message, (LegOpened, LegFailed)):
            return
        if self._listener is None:
            self._early.append(message)
        else:
            self._listener(message)
        if isinstance(message, LegClosed):
            self._closed = True

    def lose(self) -> None:
        """The worker died. Told once, and not to one who has closed the leg."""
        if self._lost or self._closed:
            return
        self._lost = self._closed = True
        if self._on_lost is not None:
            self._on_lost()

    def _say(self, message: ToWorker) -> None:
        if not self._closed:
            self._tell(message)


class Numbers:
    """Leg numbers of one worker, used again; each use is a new generation."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._generations: list[int] = []

    def take(self) -> tuple[MediaLegId, int]:
        number = self._free.pop() if self._free else len(self._generations)
        if number == len(self._generations):
            self._generations.append(0)
        self._generations[number] += 1
        return MediaLegId(number), self._generations[number]

    def give_back(self, number: MediaLegId) -> None:
        self._free.append(number)
