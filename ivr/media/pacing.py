"""Packets that leave by the clock: rows of ready packets, brought up to date all at once. No I/O.

The clock ticks each 5 ms and legs are spread over the ticks of their packet time, so that no gateway gets a thousand
packets in one burst. A bank holds the legs of one packet time and one phase as rows of a matrix: one numpy operation a
field instead of Python a packet (measured: 0.2 µs a packet beside 1.8 µs for `send` itself).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ivr.media.codecs import Octets

TICK_MILLISECONDS = 5
_FIRST_CAPACITY = 16
_NEVER = numpy.iinfo(numpy.int64).max


class Track:
    """Encoded bytes that rows read from; one object a sound, so that rows with the same one are copied together."""

    __slots__ = ("_windows", "octets")

    def __init__(self, octets: Octets) -> None:
        self.octets = octets
        self._windows: dict[int, NDArray[numpy.uint8]] = {}

    def windows(self, size: int) -> NDArray[numpy.uint8]:
        """A view: row `n` holds the `size` bytes from byte `n` on."""
        view = self._windows.get(size)
        if view is None:
            view = self._windows[size] = sliding_window_view(self.octets, size)
        return view


Feed = Callable[[int], bytes]
"""Gives the next so many bytes of a sound that is made as it goes."""


class Bank:
    """Legs of one packet time and phase. Rows are dense: a removed one is filled from the end."""

    def __init__(self, packet_milliseconds: int) -> None:
        self.size = packet_milliseconds * 8
        self.legs: list[int] = []
        self.ticks = 0
        self.version = 0
        """Changes with `legs`, so that a shell may keep what it looked up for them and for where their packets lie."""
        self.address = 0
        """Of the first packet in memory; the others follow each `step` bytes."""
        self.step = 0
        self._row_of: dict[int, int] = {}
        self._tracks: list[Track | None] = []
        self._rows_of: dict[Track, set[int]] = {}
        self._index_of: dict[Track, NDArray[numpy.intp]] = {}
        self._feeds: dict[int, Feed] = {}
        self._marked = False
        self._packets: NDArray[Any]
        self._position: NDArray[numpy.int64]
        self._limit: NDArray[numpy.int64]
        self._allocate(_FIRST_CAPACITY)

    def __len__(self) -> int:
        return len(self.legs)

    def __contains__(self, leg: int) -> bool:
        return leg in self._row_of

    def add(self, leg: int, *, payload_type: int, sequence: int, timestamp: int, ssrc: int) -> None:
        """A new row; its first packet carries the marker (RFC 3551 §4.1). Give it a track or silence next."""
        row = len(self.legs)
        if row == len(self.views):
            self._allocate(2 * row)
        self.legs.append(leg)
        self._row_of[leg] = row
        self._tracks.append(None)
        self._second[row] = payload_type | 0x80
        self._sequence[row] = sequence & 0xFFFF
        self._timestamp[row] = timestamp & 0xFFFFFFFF
        self._ssrc[row] = ssrc
        self._position[row] = 0
        self._limit[row] = _NEVER
        self._marked = True
        self.version += 1

    def set_track(self, leg: int, track: Track, position: int, limit: int) -> None:
        """Read from `track` at `position`; told of in `advance` once `limit` is reached. The caller sees to it that
        whole packets can be read up to the limit."""
        row = self._row_of[leg]
        self._feeds.pop(leg, None)
        self._leave_track(row)
        self._tracks[row] = track
        self._rows_of.setdefault(track, set()).add(row)
        self._index_of.pop(track, None)
        self._position[row] = position
        self._limit[row] = limit

    def set_silence(self, leg: int, octet: bytes) -> None:
        row = self._row_of[leg]
        self._feeds.pop(leg, None)
        self._leave_track(row)
        self._payload[row] = octet[0]
        self._limit[row] = _NEVER

    def set_feed(self, leg: int, feed: Feed) -> None:
        """Ask for each packet's bytes when it is due."""
        row = self._row_of[leg]
        self._leave_track(row)
        self._limit[row] = _NEVER
        self._feeds[leg] = feed

    def position(self, leg: int) -> int:
        """Bytes of the track that were sent."""
        return int(self._position[self._row_of[leg]])

    def set_payload_type(self, leg: int, payload_type: int) -> None:
        row = self._row_of[leg]
        self._second[row] = self._second[row] & 0x80 | payload_type

    def remove(self, leg: int) -> tuple[int, int]:
        """The row is given up; what its next sequence number and timestamp would have been."""
        self.version += 1
        self._feeds.pop(leg, None)
        row = self._row_of.pop(leg)
        after = int(self._sequence[row]), int(self._timestamp[row])
        self._leave_track(row)
        last = len(self.legs) - 1
        if row != last:
            moved_track = self._tracks[last]
            self._leave_track(last)
            self._packets[row] = self._packets[last]
            self._position[row], self._limit[row] = self._position[last], self._limit[last]
            self.legs[row] = self.legs[last]
            self._row_of[self.legs[row]] = row
            self._tracks[row] = moved_track
            if moved_track is not None:
                self._rows_of.setdefault(moved_track, set()).add(row)
                self._index_of.pop(moved_track, None)
        self.legs.pop()
        self._tracks.pop()
        return after

    def fill(self) -> None:
        """Copy the next piece of every track and feed into its rows."""
        for track, rows in self._rows_of.items():
            if len(rows) == 1:
                (row,) = rows
                position = self._position[row]
                self._payload[row] = track.octets[position : position + self.size]
                continue
            index = self._index_of.get(track)
            if index is None:
                index = self._index_of[track] = numpy.fromiter(rows, dtype=numpy.intp, count=len(rows))
            self._payload[index] = track.windows(self.size)[self._position[index]]
        for leg, feed in self._feeds.items():
            self._payload[self._row_of[leg]] = numpy.frombuffer(feed(self.size), dtype=numpy.uint8)

    def advance(self) -> list[int]:
        """After the packets were sent: on to the next ones; the legs that reached their limit."""
        count = len(self.legs)
        self.ticks += 1
        self._sequence[:count] += 1
        self._timestamp[:count] += self.size
        self._position[:count] += self.size
        if self._marked:
            self._second[:count] &= 0x7F
            self._marked = False
        reached = numpy.flatnonzero(self._position[:count] >= self._limit[:count])
        return [self.legs[row] for row in reached] if len(reached) else []

    def skip(self, packets: int) -> None:
        """The clock stood still for so many packets: their time is gone, the sound is not."""
        self._timestamp[: len(self.legs)] += packets * self.size

    def _leave_track(self, row: int) -> None:
        track = self._tracks[row]
        if track is None:
            return
        self._tracks[row] = None
        rows = self._rows_of[track]
        rows.discard(row)
        self._index_of.pop(track, None)
        if not rows:
            del self._rows_of[track]

    def _allocate(self, capacity: int) -> None:
        layout = numpy.dtype(
            [
                ("flags", "u1"),
                ("second", "u1"),
                ("sequence", ">u2"),
                ("timestamp", ">u4"),
                ("ssrc", ">u4"),
                ("payload", "u1", (self.size,)),
            ]
        )
        packets = numpy.zeros(capacity, dtype=layout)
        packets["flags"] = 0x80
        position = numpy.zeros(capacity, dtype=numpy.int64)
        limit = numpy.full(capacity, _NEVER, dtype=numpy.int64)
        count = len(self.legs)
        if count:
            packets[:count] = self._packets[:count]
            position[:count], limit[:count] = self._position[:count], self._limit[:count]
        self._packets, self._position, self._limit = packets, position, limit
        self._second, self._sequence = packets["second"], packets["sequence"]
        self._timestamp, self._ssrc, self._payload = packets["timestamp"], packets["ssrc"], packets["payload"]
        whole = packets.view(numpy.uint8).data
        step = self.step = layout.itemsize
        self.address = packets.ctypes.data
        self.views: Sequence[memoryview] = [whole[at : at + step] for at in range(0, capacity * step, step)]


class Pacer:
    """All banks, and the tick that says which of them are due."""

    def __init__(self, tick_milliseconds: int = TICK_MILLISECONDS) -> None:
        self._tick_milliseconds = tick_milliseconds
        self._banks: dict[int, list[Bank]] = {}
        self._tick = 0

    def __len__(self) -> int:
        return sum(len(bank) for banks in self._banks.values() for bank in banks)

    def choose(self, packet_milliseconds: int) -> Bank:
        """The emptiest phase of this packet time."""
        banks = self._banks.get(packet_milliseconds)
        if banks is None:
            phases = max(packet_milliseconds // self._tick_milliseconds, 1)
            banks = self._banks[packet_milliseconds] = [Bank(packet_milliseconds) for _ in range(phases)]
        return min(banks, key=len)

    def due(self) -> Iterator[Bank]:
        """The banks whose turn it is at the next tick; each with at least one leg."""
        self._tick += 1
        for banks in self._banks.values():
            bank = banks[self._tick % len(banks)]
            if bank.legs:
                yield bank

    def skip(self, ticks: int) -> None:
        """Ticks that are not made up for after a long stall."""
        for banks in self._banks.values():
            packets = max(ticks // len(banks), 1)
            for bank in banks:
                bank.skip(packets)
