"""A telephone of bare UDP for the media tests: it notes every packet with its time, talks, and presses keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy
from twisted.internet import task
from twisted.internet.protocol import DatagramProtocol

from foundation.endpoints import Address
from foundation.sound import Codec
from ivr.media.codecs import Decoder, Encoder, Samples
from ivr.media.dtmf import DigitReceiver, DigitSender
from ivr.media.rtp import packet, parse

PAYLOAD_TYPES: dict[Codec, int] = {"PCMA": 8, "PCMU": 0, "G722": 9}


def tone(hertz: float, milliseconds: int) -> Samples:
    """A sine at about -10 dBm0."""
    moments = numpy.arange(8 * milliseconds) / 8000
    return (7000 * numpy.sin(2 * numpy.pi * hertz * moments)).astype(numpy.int16)


def level_at(samples: Samples, hertz: float) -> float:
    """The share of the power that lies within 30 Hz of a frequency, 0 to 1; 0 for stillness."""
    spectrum = abs(numpy.fft.rfft(samples * numpy.hanning(len(samples)))) ** 2
    frequencies = numpy.fft.rfftfreq(len(samples), 1 / 8000)
    total = float(spectrum[frequencies > 50].sum())
    near = float(spectrum[abs(frequencies - hertz) < 30].sum())
    return near / total if total > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Arrived:
    at: float
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    marker: bool
    payload: bytes
    source: Address


class Phone(DatagramProtocol):
    def __init__(self, reactor: Any) -> None:
        self.packets: list[Arrived] = []
        self._reactor = reactor
        self._port = reactor.listenUDP(0, self, interface="127.0.0.1")
        self._sequence = 1
        self._timestamp = 1000
        self._ssrc = self._port.getHost().port
        self._talking: task.LoopingCall | None = None
        self.address = Address("127.0.0.1", self._port.getHost().port)

    def close(self) -> None:
        if self._talking is not None and self._talking.running:
            self._talking.stop()
        self._port.stopListening()

    def datagramReceived(self, data: bytes, source: tuple[str, int]) -> None:
        header = parse(data)
        assert header is not None
        self.packets.append(
            Arrived(
                self._reactor.seconds(),
                header.payload_type,
                header.sequence,
                header.timestamp,
                header.ssrc,
                header.marker,
                data[header.start : header.end],
                Address(*source),
            )
        )

    def heard(self, codec: Codec) -> Samples:
        """All sound that came, in the order of arrival."""
        payload = b"".join(arrived.payload for arrived in self.packets if arrived.payload_type == PAYLOAD_TYPES[codec])
        return Decoder(codec).decode(payload)

    def digits(self, telephone_event: int) -> list[str]:
        receiver = DigitReceiver()
        pressed = []
        for arrived in self.packets:
            if arrived.payload_type == telephone_event:
                header = parse(
                    packet(
                        arrived.payload,
                        payload_type=arrived.payload_type,
                        sequence=arrived.sequence,
                        timestamp=arrived.timestamp,
                        ssrc=arrived.ssrc,
                        marker=arrived.marker,
                    )
                )
                assert header is not None
                pressed += receiver.receive(header, arrived.payload, arrived.at)
        return [press.digit for press in pressed]

    def speak_to(self, address: Address, codec: Codec, samples: Samples) -> None:
        """All packets of the samples at once."""
        encoded = Encoder(codec).encode(samples)
        for start in range(0, len(encoded), 160):
            self._say(address, PAYLOAD_TYPES[codec], encoded[start : start + 160])

    def talk(self, address: Address, codec: Codec, samples: Samples) -> None:
        """A packet each 20 ms, until the samples are all said."""
        encoded = Encoder(codec).encode(samples)
        pieces = iter([encoded[start : start + 160] for start in range(0, len(encoded), 160)])

        def say() -> None:
            piece = next(pieces, None)
            if piece is None:
                loop.stop()
            else:
                self._say(address, PAYLOAD_TYPES[codec], piece)

        loop = self._talking = task.LoopingCall(say)
        loop.clock = self._reactor
        loop.start(0.02)

    def press(self, address: Address, digit: str, telephone_event: int) -> None:
        sender = DigitSender(digit, 100, telephone_event, self._timestamp, self._ssrc)
        while not sender.over:
            self._send(address, sender.next_packet(self._sequence))
            self._sequence += 1
        self._timestamp += 1280

    def _say(self, address: Address, payload_type: int, payload: bytes) -> None:
        data = packet(
            payload, payload_type=payload_type, sequence=self._sequence, timestamp=self._timestamp, ssrc=self._ssrc
        )
        self._sequence += 1
        self._timestamp += len(payload)
        self._send(address, data)

    def _send(self, address: Address, data: bytes) -> None:
        self.transport.write(data, (address.host, address.port))
