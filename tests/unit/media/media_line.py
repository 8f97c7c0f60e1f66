"""A core under test: one or more legs, a clock in the hand, and what came out."""

from __future__ import annotations

from itertools import count

import numpy

from foundation.clock import Monotonic
from foundation.endpoints import Address
from foundation.sound import Codec
from ivr.media.batch import Batch
from ivr.media.codecs import Octets
from ivr.media.core import MediaCore
from ivr.media.dtmf import DigitSender
from ivr.media.messages import Connect, FromWorker, MediaLegId, OpenLeg, PlayId, Remote, ToWorker
from ivr.media.orders import Latch, Order, SendTo
from ivr.media.rtp import Header, packet, parse

FAR = Address("198.51.100.7", 4000)
STRANGER = Address("203.0.113.66", 6666)


class Line:
    """Everything that a core sends is kept by leg, with the time at which it left."""

    def __init__(self, sounds: dict[str, bytes] | None = None) -> None:
        self.sounds = {} if sounds is None else sounds
        self.core = MediaCore(self._load)
        self.now = Monotonic(100.0)
        self.sent: dict[int, list[tuple[float, bytes]]] = {}
        self.events: list[FromWorker] = []
        self.orders: list[Order] = []
        self.reports: list[tuple[int, bytes]] = []
        self.batch = Batch()
        self._vouched_for: dict[int, Address | None] = {}
        self._plays = count(1)
        self._sequences = count(1)
        self._arrays: dict[str, Octets] = {}

    def _load(self, stem: str, codec: Codec, milliseconds: int) -> Octets:
        name = f"{stem}.{codec.lower()}"
        if name not in self.sounds:
            raise FileNotFoundError(name)
        return self._arrays.setdefault(name, numpy.frombuffer(self.sounds[name], dtype=numpy.uint8))

    def open(self, number: int, remote: Remote | None = None, generation: int = 1) -> MediaLegId:
        leg = MediaLegId(number)
        self.sent[leg] = []
        self.core.open(OpenLeg(leg, generation, 0xABCD0000 + number, 65530, 0xFFFFFF00), 16000 + 2 * number, self.now)
        if remote is not None:
            self.tell(Connect(leg, generation, remote))
        return leg

    def next_play(self) -> PlayId:
        return PlayId(next(self._plays))

    def tell(self, message: ToWorker) -> None:
        self.core.handle(message, self.now)
        self._drain()

    def arrive(self, leg: int, data: bytes, source: Address = FAR) -> None:
        """As a worker's shell has it: packets come in batches once the kernel vouches for their source."""
        if self._vouched_for.get(leg) == source:
            self.batch.put(leg, data, self.now)
            for place, target in zip(*self.core.receive_batch(self.batch), strict=True):
                self.sent[target].append((self.now, bytes(self.batch.rows[place][: len(data)])))
        else:
            self.core.receive(leg, data, source, self.now)
        self._drain()

    def speak(self, leg: int, payload: bytes, sequence: int, timestamp: int | None = None, **changes: int) -> None:
        """A sound packet from the far end; `payload_type`, `ssrc` may be changed."""
        numbers = {"payload_type": 8, "ssrc": 77} | changes
        self.arrive(
            leg,
            packet(payload, sequence=sequence, timestamp=160 * sequence if timestamp is None else timestamp, **numbers),
        )

    def press(self, leg: int, digit: str, payload_type: int = 101) -> None:
        timestamp = round(self.now * 8000)
        sender = DigitSender(digit, 100, payload_type, timestamp, 77)
        while not sender.over:
            self.arrive(leg, sender.next_packet(1000 + next(self._sequences)))

    def run(self, seconds: float) -> None:
        """Let the time go by, from deadline to deadline."""
        end = self.now + seconds
        while (deadline := self.core.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            for bank in self.core.packets(self.now):
                for leg, view in zip(bank.legs, bank.views, strict=False):
                    self.sent[leg].append((self.now, bytes(view)))
            self.core.handle_deadline(self.now)
            self._drain()
        self.now = Monotonic(end)

    def headers(self, leg: int) -> list[Header]:
        parsed = [parse(data) for _, data in self.sent[leg]]
        assert all(header is not None for header in parsed)
        return [header for header in parsed if header is not None]

    def payload(self, leg: int) -> bytes:
        """All sound that left, events left out."""
        return b"".join(
            data[12:] for _, data in self.sent[leg] if (header := parse(data)) is not None and header.payload_type < 96
        )

    def of(self, kind: type) -> list[FromWorker]:
        return [event for event in self.events if isinstance(event, kind)]

    def ordered(self, kind: type) -> list[Order]:
        return [order for order in self.orders if isinstance(order, kind)]

    def _drain(self) -> None:
        orders = self.core.orders()
        for order in orders:
            if isinstance(order, (Latch, SendTo)):
                self._vouched_for[order.leg] = order.address if isinstance(order, Latch) else None
        self.orders += orders
        for number, data in self.core.outgoing():
            self.sent[number].append((self.now, data))
        self.reports += self.core.reports()
        self.events += self.core.events()


def remote(codec: Codec = "PCMA", **changes: object) -> Remote:
    payload_type = {"PCMA": 8, "PCMU": 0, "G722": 9}[codec]
    return Remote(**({"address": FAR, "codec": codec, "payload_type": payload_type} | changes))  # type: ignore[arg-type]  # a test's changes
