"""Lines that are listened to for a voice, a machine's beep, or keys as tones: frames in, what was heard out. No I/O.

Lines advance together, one frame each 20 ms as arrays (`ivr.media.analysis`), some hundreds at a time so that the packet
clock need not wait for all; Python looks only at what happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy
from numpy.typing import NDArray

from foundation.clock import Monotonic
from foundation.sound import Codec
from ivr.media.analysis import FRAME, FRAME_MILLISECONDS, KEYS, Features, features
from ivr.media.batch import PAYLOAD_AT, Numbers
from ivr.media.codecs import Octets, Transcoder, silence
from ivr.media.messages import Beep, MediaLegId, Talking

Wanted = Literal["talking", "beep", "digits"]

TALK_FRAMES = 10
"""A voice is one after 200 ms of it, pauses of syllables taken off."""
STILL_FRAMES = 40
"""It is over when 800 ms were still."""

_TALK_LEVEL, _ABOVE_NOISE, _NOISE_RISE = -38.0, 9.0, 0.05
_BEEP_PURITY, _BEEP_LEVEL, _BEEP_HERTZ, _BEEP_DRIFT = 0.03, -35.0, (380.0, 2300.0), 0.015
_RINGING_HERTZ = (415.0, 435.0)  # call progress in most of Europe (ITU-T E.180), not a machine
_BEEP_FRAMES = (7, 150)
_KEY_FRAMES = 2
_KEY_GAP = 2
_SILENT_SENDER_SECONDS = 0.07
_FRAME_SECONDS = FRAME_MILLISECONDS / 1000
_MOST_ROUNDS = 5
_FIRST_CAPACITY = 64
_LINES_AT_ONCE = 512  # 1 ms of work
_NO_LINE = -1
_WHOLE_FRAME = PAYLOAD_AT + FRAME
_STILL_FRAME = silence("PCMA", FRAME)


@dataclass(frozen=True, slots=True)
class VoiceBegan:
    leg: int
    milliseconds: int


@dataclass(frozen=True, slots=True)
class VoiceEnded:
    leg: int
    milliseconds: int


@dataclass(frozen=True, slots=True)
class BeepHeard:
    leg: int
    hertz: int
    milliseconds: int


@dataclass(frozen=True, slots=True)
class KeyHeard:
    leg: int
    digit: str
    milliseconds: int


Heard = VoiceBegan | VoiceEnded | BeepHeard | KeyHeard


def told(heard: VoiceBegan | VoiceEnded | BeepHeard, generation: int) -> Talking | Beep:
    """The same as the daemon is told of it."""
    leg = MediaLegId(heard.leg)
    if isinstance(heard, BeepHeard):
        return Beep(leg, generation, heard.hertz, heard.milliseconds)
    return Talking(leg, generation, isinstance(heard, VoiceBegan), heard.milliseconds)


_STATE = numpy.dtype(
    [
        ("noise", "f4"),
        ("talk_score", "i4"),
        ("talking", "?"),
        ("talk_frames", "i4"),
        ("still_frames", "i4"),
        ("tone_hertz", "f4"),
        ("tone_frames", "i4"),
        ("key", "i4"),
        ("key_frames", "i4"),
        ("key_gap", "i4"),
        ("last_at", "f8"),
        ("wants_talking", "?"),
        ("wants_beep", "?"),
        ("wants_digits", "?"),
        ("plain", "?"),
    ]
)
_FRESH = numpy.array((-60.0, 0, False, 0, 0, 0.0, 0, -1, 0, 0, 0.0, False, False, False, False), dtype=_STATE)


@dataclass(slots=True)
class _Line:
    leg: int
    row: int
    codec: Codec
    to_alaw: Transcoder | None
    wanted: frozenset[Wanted]
    pending: bytes = b""


class Hearing:
    """Everybody who is listened to."""

    def __init__(self) -> None:
        self._lines: dict[int, _Line] = {}
        self._by_row: dict[int, _Line] = {}
        self._row_of_leg = numpy.full(_FIRST_CAPACITY, _NO_LINE, dtype=numpy.intp)
        self._free = list(range(_FIRST_CAPACITY))
        self._state = numpy.full(_FIRST_CAPACITY, _FRESH)
        self._frames = numpy.zeros((_MOST_ROUNDS, _FIRST_CAPACITY, FRAME), dtype=numpy.uint8)
        self._waiting = numpy.zeros(_FIRST_CAPACITY, dtype=numpy.intp)
        """Frames of each row that were not looked at yet; the oldest lie in `_frames[0]`."""
        self._at = 0
        self._next: Monotonic | None = None

    def __len__(self) -> int:
        return len(self._lines)

    def __contains__(self, leg: int) -> bool:
        return leg in self._lines

    def listen(self, leg: int, codec: Codec, wanted: frozenset[Wanted], now: Monotonic) -> None:
        """What to listen for from now on; nothing ends it."""
        line = self._lines.get(leg)
        if not wanted:
            self._forget(line)
            return
        if line is None:
            line = self._new_line(leg, codec, now)
        if line.codec != codec:
            line.codec, line.to_alaw, line.pending = codec, _to_alaw(codec), b""
        line.wanted = wanted
        self._state["plain"][line.row] = codec == "PCMA"
        for name in ("talking", "beep", "digits"):
            self._state[f"wants_{name}"][line.row] = name in wanted
        if self._next is None:
            self._next = Monotonic(now + _FRAME_SECONDS)

    def lines(self, legs: Numbers) -> Numbers:
        """Where the sound of these legs goes; -1 for one that is not listened to."""
        return self._row_of_leg.take(legs, mode="clip")

    def take(self, leg: int, payload: bytes) -> None:
        """Sound of a leg that is listened to."""
        line = self._lines[leg]
        if line.to_alaw is not None:
            payload = line.to_alaw.convert(payload)
        if line.pending or len(payload) != FRAME:
            payload = line.pending + payload
            whole = len(payload) - len(payload) % FRAME
            line.pending = payload[whole:]
            self._state["plain"][line.row] = line.codec == "PCMA" and not line.pending
            for start in range(0, whole, FRAME):
                self._add(line.row, payload[start : start + FRAME])
        else:
            self._add(line.row, payload)

    def take_all(self, rows: Numbers, datagrams: Octets, slots: Numbers, lengths: NDArray[numpy.int32]) -> None:
        """Sound of many lines, a datagram with a bare header each."""
        plain = (lengths == _WHOLE_FRAME) & self._state["plain"][rows] & (self._waiting[rows] < _MOST_ROUNDS)
        if not plain.all():
            for at in numpy.flatnonzero(~plain):
                line = self._by_row[int(rows[at])]
                self.take(line.leg, datagrams[slots[at], PAYLOAD_AT : lengths[at]].tobytes())
            rows, slots = rows[plain], slots[plain]
        self._frames[self._waiting[rows], rows] = datagrams[slots, PAYLOAD_AT:_WHOLE_FRAME]
        self._waiting[rows] += 1

    def next_deadline(self) -> Monotonic | None:
        return self._next

    def handle_deadline(self, now: Monotonic) -> list[Heard]:
        """What was heard since the last time, on the lines whose turn it is; those of the others follow at once."""
        if self._next is None or now < self._next:
            return []
        rows = numpy.arange(self._at, min(self._at + _LINES_AT_ONCE, len(self._state)))
        self._at += len(rows)
        if self._at >= len(self._state):
            self._at = 0
            self._next = Monotonic(max(self._next + _FRAME_SECONDS, now)) if self._lines else None
        waiting = self._waiting[rows]
        self._state["last_at"][rows[waiting > 0]] = now
        self._fall_silent(rows, now)
        waiting = self._waiting[rows]
        heard: list[Heard] = []
        for turn in range(int(waiting.max())):
            some = rows[waiting > turn]
            state = self._state[some]
            found = features(self._frames[turn][some])
            heard += self._voices(some, state, found)
            heard += self._beeps(some, state, found)
            heard += self._keys(some, state, found)
            self._state[some] = state
        self._waiting[rows] = 0
        return heard

    def _add(self, row: int, frame: bytes) -> None:
        waiting = self._waiting[row]
        if waiting < _MOST_ROUNDS:
            self._frames[waiting, row] = numpy.frombuffer(frame, dtype=numpy.uint8)
            self._waiting[row] = waiting + 1

    def _fall_silent(self, rows: Numbers, now: Monotonic) -> None:
        """A phone that sends nothing while it is still, or has just lost a packet: stillness takes its place."""
        state = self._state[rows]
        under_way = state["talking"] | (state["tone_frames"] > 0) | (state["key_frames"] > 0)
        late = under_way & (now - state["last_at"] > _SILENT_SENDER_SECONDS) & (self._waiting[rows] == 0)
        for row in rows[late]:
            self._add(int(row), _STILL_FRAME)

    def _voices(self, rows: NDArray[numpy.intp], state: NDArray[numpy.void], found: Features) -> list[Heard]:
        level = found.level
        state["noise"] = numpy.minimum(level, state["noise"] + _NOISE_RISE)
        voiced = (level > _TALK_LEVEL) & (level > state["noise"] + _ABOVE_NOISE)
        voiced &= (found.impurity > _BEEP_PURITY) & (found.key < 0)
        state["talk_score"] = numpy.clip(state["talk_score"] + numpy.where(voiced, 1, -1), 0, 2 * TALK_FRAMES)
        state["still_frames"] = numpy.where(voiced, 0, state["still_frames"] + 1)
        state["talk_frames"] += 1
        began = ~state["talking"] & (state["talk_score"] >= TALK_FRAMES)
        state["talk_frames"][began] = TALK_FRAMES
        ended = state["talking"] & (state["still_frames"] >= STILL_FRAMES)
        state["talking"] = (state["talking"] | began) & ~ended
        state["talk_score"][ended] = 0
        heard: list[Heard] = []
        for at in numpy.flatnonzero((began | ended) & state["wants_talking"]):
            leg = self._by_row[int(rows[at])].leg
            if began[at]:
                heard.append(VoiceBegan(leg, TALK_FRAMES * FRAME_MILLISECONDS))
            else:
                frames = int(state["talk_frames"][at] - state["still_frames"][at])
                heard.append(VoiceEnded(leg, frames * FRAME_MILLISECONDS))
        return heard

    def _beeps(self, rows: NDArray[numpy.intp], state: NDArray[numpy.void], found: Features) -> list[Heard]:
        hertz, frames = found.hertz, state["tone_frames"].copy()
        low, high = _BEEP_HERTZ
        tone = (found.impurity < _BEEP_PURITY) & (found.level > _BEEP_LEVEL) & (hertz > low) & (hertz < high)
        tone &= (hertz < _RINGING_HERTZ[0]) | (hertz > _RINGING_HERTZ[1])
        same = tone & (frames > 0) & (abs(hertz - state["tone_hertz"]) < _BEEP_DRIFT * hertz)
        shortest, longest = _BEEP_FRAMES
        over = (frames >= shortest) & (frames <= longest) & ~same & state["wants_beep"]
        heard: list[Heard] = [
            BeepHeard(
                self._by_row[int(rows[at])].leg,
                round(float(state["tone_hertz"][at])),
                int(frames[at]) * FRAME_MILLISECONDS,
            )
            for at in numpy.flatnonzero(over)
        ]
        state["tone_frames"] = numpy.where(same, frames + 1, numpy.where(tone, 1, 0))
        state["tone_hertz"] = numpy.where(same, state["tone_hertz"], hertz)
        return heard

    def _keys(self, rows: NDArray[numpy.intp], state: NDArray[numpy.void], found: Features) -> list[Heard]:
        known = state["key"].copy()
        same = (found.key == known) & (known >= 0)
        state["key_frames"] += numpy.where(same, 1 + state["key_gap"], 0)
        state["key_gap"] = numpy.where(same, 0, state["key_gap"] + 1)
        over = (state["key_gap"] >= _KEY_GAP) | (known < 0)
        pressed = over & (known >= 0) & (state["key_frames"] >= _KEY_FRAMES) & state["wants_digits"]
        heard: list[Heard] = [
            KeyHeard(
                self._by_row[int(rows[at])].leg, KEYS[known[at]], int(state["key_frames"][at]) * FRAME_MILLISECONDS
            )
            for at in numpy.flatnonzero(pressed)
        ]
        state["key"] = numpy.where(over, found.key, known)
        state["key_frames"] = numpy.where(over, numpy.where(found.key >= 0, 1, 0), state["key_frames"])
        state["key_gap"] = numpy.where(over, 0, state["key_gap"])
        return heard

    def _new_line(self, leg: int, codec: Codec, now: Monotonic) -> _Line:
        if not self._free:
            count = len(self._state)
            self._state = numpy.concatenate([self._state, numpy.full(count, _FRESH)])
            self._frames = numpy.concatenate([self._frames, numpy.zeros_like(self._frames)], axis=1)
            self._waiting = numpy.concatenate([self._waiting, numpy.zeros_like(self._waiting)])
            self._free = list(range(2 * count - 1, count - 1, -1))
        while leg >= len(self._row_of_leg) - 1:  # the last stays free: what `lines` takes for all beyond
            self._row_of_leg = numpy.concatenate([self._row_of_leg, numpy.full_like(self._row_of_leg, _NO_LINE)])
        row = self._row_of_leg[leg] = self._free.pop()
        self._state[row] = _FRESH
        self._state["last_at"][row] = now
        line = self._lines[leg] = self._by_row[row] = _Line(leg, row, codec, _to_alaw(codec), frozenset())
        return line

    def _forget(self, line: _Line | None) -> None:
        if line is None:
            return
        self._state[line.row] = _FRESH
        self._waiting[line.row] = 0
        self._row_of_leg[line.leg] = _NO_LINE
        del self._lines[line.leg], self._by_row[line.row]
        self._free.append(line.row)


def _to_alaw(codec: Codec) -> Transcoder | None:
    return None if codec == "PCMA" else Transcoder(codec, "PCMA")
