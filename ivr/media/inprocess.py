"""The media of a test: the worker's core in this process, on a clock that the test drives, without sockets.

    media = InProcessMedia(clock, random.Random(1))
    leg = await media.open()                      # an `InProcessLeg`: a MediaLeg with the far end's view added
    ...                                           # the code under test connects and plays
    leg.press("1")                                # the person presses a key: RFC 4733 packets from the far end
    leg.speak(160 * b"\\x2a")                      # or says something: one RTP packet
    clock.pump([0.02] * 50)
    leg.plays                                     # every sound begun: [Heard(stem="…", milliseconds=…)]
    leg.sent                                      # every datagram: [Sent(at, data, destination)]
    leg.reports                                   # every RTCP datagram
    media.lose()                                  # the worker dies: every leg hears of it

Files that do not exist play as stillness of the stated length, so that a test needs no speech.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from foundation.clock import Monotonic
from foundation.endpoints import Address
from foundation.sound import Codec
from ivr.media.codecs import Octets, silence
from ivr.media.core import MediaCore
from ivr.media.dtmf import DigitSender
from ivr.media.files import RecordingFiles
from ivr.media.handle import LegHandle, Numbers
from ivr.media.messages import (
    Connect,
    FromWorker,
    LegClosed,
    MediaLegId,
    OpenLeg,
    Play,
    PlayTone,
    Remote,
    ToWorker,
)
from ivr.media.orders import FinishRecording, SendTo, WriteRecording
from ivr.media.port import MediaLeg, MediaLost
from ivr.media.rtp import packet

_TICK_MILLISECONDS = 10


@dataclass(frozen=True, slots=True)
class Sent:
    """One datagram that left: `at` on the test's clock, to where the leg sent then."""

    at: float
    data: bytes
    destination: Address


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound or tone that began on a leg; `stem` is the tone's name for a tone."""

    stem: str
    milliseconds: int | None


def file_or_stillness(stem: str, codec: Codec, milliseconds: int) -> Octets:
    """A `SoundLoader` for tests."""
    path = Path(f"{stem}.{codec.lower()}")
    data = path.read_bytes() if path.exists() else silence(codec, 8 * milliseconds)
    return numpy.frombuffer(data, dtype=numpy.uint8)


class InProcessLeg(LegHandle):
    """A leg with the far end in the test's hand. Injected packets come from the signalled address."""

    def __init__(self, number: MediaLegId, generation: int, address: Address, media: InProcessMedia) -> None:
        super().__init__(number, generation, address, media.tell, media)
        self.sent: list[Sent] = []
        self.plays: list[Heard] = []
        self.reports: list[bytes] = []
        self.remote: Remote | None = None
        self._media = media
        self._sequence = 0
        self._timestamp = 0

    def inject(self, data: bytes, source: Address | None = None) -> None:
        """A datagram from the far end, or from a stranger where `source` is given."""
        if source is None:
            assert self.remote is not None, "nothing was agreed with the far end yet"
            source = self.remote.address
        self._media.receive(self.number, data, source)

    def speak(self, payload: bytes) -> None:
        """One sound packet from the far end, in the agreed codec."""
        assert self.remote is not None, "nothing was agreed with the far end yet"
        self.inject(
            packet(
                payload,
                payload_type=self.remote.payload_type,
                sequence=self._sequence,
                timestamp=self._timestamp,
                ssrc=self.number,
            )
        )
        self._sequence += 1
        self._timestamp += len(payload)

    def press(self, digit: str, milliseconds: int = 100) -> None:
        """A key at the far end, pressed and let go, all of it now."""
        assert self.remote is not None, "nothing was agreed with the far end yet"
        assert self.remote.telephone_event is not None, "the far end has no telephone events"
        sender = DigitSender(digit, milliseconds, self.remote.telephone_event, self._timestamp, self.number)
        while not sender.over:
            self.inject(sender.next_packet(self._sequence))
            self._sequence += 1
        self._timestamp += 8 * (milliseconds + 60)


class InProcessMedia:
    """Implements `ivr.media.port.Media` on an `IReactorTime`, a `Clock` in tests."""

    def __init__(
        self, reactor: IReactorTime, random: random.Random, host: str = "192.0.2.1", first_port: int = 20000
    ) -> None:
        self.legs: list[InProcessLeg] = []
        self.alive = True
        self._reactor = reactor
        self._random = random
        self._host = host
        self._port = first_port
        self._core = MediaCore(file_or_stillness, _TICK_MILLISECONDS)
        self._numbers = Numbers()
        self._open: dict[int, InProcessLeg] = {}
        self._destinations: dict[int, Address] = {}
        self._recordings = RecordingFiles()
        self._timer: IDelayedCall | None = None
        self._working = False

    async def open(self, near: MediaLeg | None = None) -> InProcessLeg:
        if not self.alive:
            raise MediaLost("the test's media worker is gone")
        number, generation = self._numbers.take()
        draw = self._random.getrandbits
        leg = InProcessLeg(number, generation, Address(self._host, self._port), self)
        self.legs.append(leg)
        self._open[number] = leg
        message = OpenLeg(number, generation, ssrc=draw(32), first_sequence=draw(15), first_timestamp=draw(32))
        self._core.open(message, self._port, self._now())
        self._port += 2
        self._arm(soon=True)
        return leg

    def lose(self) -> None:
        """The worker dies: legs are lost, and none can be opened until `recover`."""
        self.alive = False
        lost, self._open = list(self._open.values()), {}
        self._core = MediaCore(file_or_stillness, _TICK_MILLISECONDS)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        for leg in lost:
            leg.lose()

    def recover(self) -> None:
        """A new worker has taken the place of the lost one."""
        self.alive = True

    def tell(self, message: ToWorker) -> None:
        leg = self._open.get(message.leg)
        if leg is None or leg.generation != message.generation:
            return
        if isinstance(message, Connect):
            leg.remote = message.remote
        elif isinstance(message, Play):
            leg.plays.append(Heard(message.stem, message.milliseconds))
        elif isinstance(message, PlayTone):
            leg.plays.append(Heard(message.tone, message.milliseconds))
        self._core.handle(message, self._now())
        self._obey()
        self._arm(soon=True)

    def receive(self, number: int, data: bytes, source: Address) -> None:
        self._core.receive(number, data, source, self._now())
        self._work()

    def _now(self) -> Monotonic:
        return Monotonic(self._reactor.seconds())

    def _on_timer(self) -> None:
        self._timer = None
        now = self._now()
        for bank in self._core.packets(now):
            for number, view in zip(bank.legs, bank.views, strict=False):
                self._record(number, bytes(view))
        self._core.handle_deadline(now)
        self._work()

    def _work(self) -> None:
        """Drain the core. Listeners answer events with further calls: those are drained by the outermost one."""
        if self._working:
            return
        self._working = True
        try:
            while self._drained():
                pass
        finally:
            self._working = False
        self._arm()

    def _obey(self) -> bool:
        orders = self._core.orders()
        for order in orders:
            if isinstance(order, SendTo):
                self._destinations[order.leg] = order.address
            elif isinstance(order, WriteRecording):
                self._recordings.write(order.path, order.samples)
            elif isinstance(order, FinishRecording):
                self._core.recording_finished(order.path, self._recordings.finish(order.path), self._now())
        for number, data in self._core.outgoing():
            self._record(number, data)
        for number, data in self._core.reports():
            if number in self._open:
                self._open[MediaLegId(number)].reports.append(data)
        return bool(orders)

    def _drained(self) -> bool:
        obeyed = self._obey()
        messages = self._core.events()
        for message in messages:
            self._deliver(message)
        return bool(obeyed or messages)

    def _deliver(self, message: FromWorker) -> None:
        leg = self._open.get(message.leg)
        if leg is None or leg.generation != message.generation:
            return
        if isinstance(message, LegClosed):
            del self._open[message.leg]
            self._numbers.give_back(message.leg)
        leg.hear(message)

    def _record(self, number: int, data: bytes) -> None:
        leg = self._open.get(number)
        if leg is not None:
            leg.sent.append(Sent(self._reactor.seconds(), data, self._destinations[number]))

    def _arm(self, *, soon: bool = False) -> None:
        """`soon`: events of what was just asked come in the next turn, as they do from a real worker."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        deadline = Monotonic(self._reactor.seconds()) if soon else self._core.next_deadline()
        if deadline is None:
            self._timer = None
        else:
            self._timer = self._reactor.callLater(max(deadline - self._reactor.seconds(), 0.0), self._on_timer)
