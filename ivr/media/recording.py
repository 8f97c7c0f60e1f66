"""What one leg says, as a row of samples on the sender's own time. No I/O: the pieces are written by the shell.

Gaps (loss, or a phone that is silent to save packets) become silence, so that the length is the real one.
"""

from __future__ import annotations

import struct

import numpy

from foundation.clock import Monotonic
from foundation.sound import Codec
from ivr.media.codecs import Decoder, Samples
from ivr.media.jitter import Ordered, Reorder
from ivr.media.rtp import CLOCK_RATE, Header, timestamp_step

_PIECE_SAMPLES = CLOCK_RATE
_SLACK_SECONDS = 0.5


def wav_header(samples: int) -> bytes:
    """RIFF header of a mono 16-bit WAV at 8 kHz with so many samples."""
    octets = 2 * samples
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + octets, b"WAVE", b"fmt ", 16, 1, 1, CLOCK_RATE, 2 * CLOCK_RATE, 2, 16, b"data", octets,
    )  # fmt: skip


class Recording:
    """`path` names the file; samples are handed out in pieces of a second by `take`."""

    def __init__(self, path: str, maximum_milliseconds: int, codec: Codec, now: Monotonic) -> None:
        self.path = path
        self.samples = 0
        self._maximum = maximum_milliseconds * CLOCK_RATE // 1000
        self._codec = codec
        self._decoder = Decoder(codec)
        self._order = Reorder()
        self._began = now
        self._ssrc: int | None = None
        self._expected: int | None = None
        self._pieces: list[Samples] = []
        self._held = 0

    @property
    def milliseconds(self) -> int:
        return self.samples * 1000 // CLOCK_RATE

    @property
    def full(self) -> bool:
        return self.samples >= self._maximum

    def receive(self, header: Header, payload: bytes, codec: Codec, now: Monotonic) -> None:
        if codec != self._codec or header.ssrc != self._ssrc:
            self._append_all(self._order.flush(), now)
            self._order = Reorder()
            self._expected = None
            self._ssrc = header.ssrc
        if codec != self._codec:
            self._codec, self._decoder = codec, Decoder(codec)
        self._append_all(self._order.push(header.sequence, header.timestamp, payload), now)

    def take(self, *, everything: bool, now: Monotonic) -> bytes:
        """What is ready to be written: whole seconds, or all of it at the end. Little-endian 16-bit samples."""
        if everything:
            self._append_all(self._order.flush(), now)
        if not self._pieces or (self._held < _PIECE_SAMPLES and not everything):
            return b""
        piece = numpy.concatenate(self._pieces).astype("<i2").tobytes()
        self._pieces.clear()
        self._held = 0
        return piece

    def _append_all(self, ready: list[Ordered], now: Monotonic) -> None:
        for entry in ready:
            gap = 0 if self._expected is None else timestamp_step(entry.timestamp, self._expected)
            # Never more silence than time has gone by: a wild timestamp must not fill the disk.
            room = int((now - self._began + _SLACK_SECONDS) * CLOCK_RATE) - self.samples
            if 0 < gap <= room:
                self._append(numpy.zeros(gap, dtype=numpy.int16))
            self._append(self._decoder.decode(entry.payload))
            self._expected = (entry.timestamp + len(entry.payload)) & 0xFFFFFFFF

    def _append(self, samples: Samples) -> None:
        samples = samples[: self._maximum - self.samples]
        if len(samples):
            self._pieces.append(samples)
            self._held += len(samples)
            self.samples += len(samples)
