"""The jitter buffer of a bridge whose legs differ in codec or packet time: packets in as they come, an even stream out.
No I/O, no clock: the far leg's packets pull it along.

A gap is bridged with the last piece once, then with stillness or the sender's comfort noise (RFC 3389 §4). The depth
grows when packets come too late, and shrinks while none does.
"""

from __future__ import annotations

from functools import cache

import numpy

from foundation.sound import BYTES_A_MILLISECOND, Codec
from ivr.media.codecs import Encoder, Transcoder, silence
from ivr.media.rtp import timestamp_step

DEPTH_MILLISECONDS = 40
"""What waits at the beginning, before the first piece goes on."""

_STEP = 20 * BYTES_A_MILLISECOND
_DEEPEST = 160 * BYTES_A_MILLISECOND
_SLACK = 60 * BYTES_A_MILLISECOND
_JUMP = 3000 * BYTES_A_MILLISECOND
_PULLS_UNTIL_SHALLOWER = 1000
_MOST_WAITING = 64
_FULL_SCALE_LEVEL = -127


@cache
def noise(codec: Codec, level: int) -> bytes:
    """A second of noise of `level` dBov (0 to -127), the same each time."""
    if codec == "G722" or level <= _FULL_SCALE_LEVEL:
        return silence(codec, 1000 * BYTES_A_MILLISECOND)
    wave = numpy.random.default_rng(3389).normal(0, 32768 * 10 ** (level / 20), 1000 * BYTES_A_MILLISECOND)
    return Encoder(codec).encode(wave.clip(-32000, 32000).astype(numpy.int16))


class Playout:
    """One direction. Octets are RTP ticks in every codec here, so that places in the stream are timestamps."""

    def __init__(self, source: Codec, target: Codec) -> None:
        self._source: Codec = source
        self._transcoder = None if source == target else Transcoder(source, target)
        self._depth = DEPTH_MILLISECONDS * BYTES_A_MILLISECOND
        self._shallowest = self._depth
        self._ssrc: int | None = None
        self._waiting: dict[int, bytes] = {}
        self._newest_end = 0
        self._cursor: int | None = None
        self._dry_at: int | None = None
        self._good_pulls = 0
        self._last = b""
        self._noise: bytes | None = None
        self._noise_at = 0

    @property
    def depth_milliseconds(self) -> int:
        return self._depth // BYTES_A_MILLISECOND

    def push(self, ssrc: int, timestamp: int, payload: bytes) -> None:
        """A packet of sound, in any order."""
        if not payload:
            return
        position = self._newest_end + timestamp_step(timestamp, self._newest_end & 0xFFFFFFFF)
        if ssrc != self._ssrc or abs(position - self._newest_end) > _JUMP:
            self._waiting.clear()
            self._cursor = self._dry_at = None
            self._ssrc, position = ssrc, timestamp
            self._newest_end = position
        self._noise = None
        self._hold_at_least(len(payload) + _STEP)
        if self._dry_at is not None:
            # The stream went on where it had run dry: not a pause, a late packet.
            if position <= self._dry_at + _STEP:
                self._depth = min(self._depth + _STEP, max(_DEEPEST, self._shallowest))
            self._dry_at = None
        if self._cursor is None or position + len(payload) > self._cursor:
            self._waiting[position] = payload
            self._newest_end = max(self._newest_end, position + len(payload))
        if len(self._waiting) > _MOST_WAITING:
            del self._waiting[min(self._waiting)]

    def push_noise(self, level: int) -> None:
        """The sender is still from now on and wants noise of `level` dBov heard instead."""
        self._noise = noise(self._source, -abs(level))

    def pull(self, octets: int) -> bytes:
        """The next piece, in the target's codec."""
        self._hold_at_least(octets + _STEP)
        piece = self._next(octets)
        return piece if self._transcoder is None else self._transcoder.convert(piece)

    def _hold_at_least(self, octets: int) -> None:
        """A packet of either side, and some time for the next one to come."""
        if octets > self._shallowest:
            self._shallowest = octets
            self._depth = max(self._depth, octets)

    def _next(self, octets: int) -> bytes:
        if self._cursor is None:
            if not self._waiting or self._newest_end - min(self._waiting) < self._depth:
                return self._stillness(octets)
            self._cursor = max(min(self._waiting), self._newest_end - self._depth)
        elif self._newest_end - self._cursor > self._depth + _SLACK + octets:
            self._cursor = self._newest_end - self._depth
        self._good_pulls += 1
        if self._good_pulls >= _PULLS_UNTIL_SHALLOWER:
            self._good_pulls, self._depth = 0, max(self._depth - _STEP, self._shallowest)
        return self._collected(self._cursor, octets)

    def _collected(self, cursor: int, octets: int) -> bytes:
        out = bytearray()
        while len(out) < octets:
            wanted, following = octets - len(out), None
            for start in sorted(self._waiting):
                payload = self._waiting[start]
                if start + len(payload) <= cursor:
                    del self._waiting[start]
                    continue
                following = start
                break
            if following is None:
                self._dry_at, self._good_pulls = cursor, 0
                self._cursor = None
                out += self._concealment(wanted)
                return bytes(out)
            if following > cursor:
                piece = self._concealment(min(following - cursor, wanted))
            else:
                payload = self._waiting[following]
                piece = payload[cursor - following : cursor - following + wanted]
                self._last = payload
            out += piece
            cursor += len(piece)
        self._cursor = cursor
        return bytes(out)

    def _concealment(self, octets: int) -> bytes:
        piece, self._last = self._last[:octets], b""
        return piece + self._stillness(octets - len(piece))

    def _stillness(self, octets: int) -> bytes:
        if self._noise is None:
            return silence(self._source, octets)
        at, self._noise_at = self._noise_at, (self._noise_at + octets) % (len(self._noise) // 2)
        return self._noise[at : at + octets]
