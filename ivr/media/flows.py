"""Legs of which packet comes after packet, all alike: checked, counted, heard and rewritten for the bridge many at a time.
No I/O.

A leg is in the flow while its packets need no closer look: of the type and source that was agreed, in order, without
marker, not recorded, not transcoded. What differs is taken out of the flow and goes the long way of `MediaCore.receive`.
Measured, the arithmetic of a packet: 0.2 µs at 100 of them, beside 3.5 in Python; some 20 µs a batch.
"""

from __future__ import annotations

from typing import Any

import numpy
from numpy.typing import NDArray

from ivr.media.batch import PAYLOAD_AT, SLOTS, Batch, Numbers, as_on_the_wire
from ivr.media.hearing import Hearing
from ivr.media.leg import Leg, hears
from ivr.media.rtp import CLOCK_RATE, NEW_STREAM_STEP

_NO_TARGET = -1
_NO_SOURCE = -1  # of a leg that is not in the flow
_FLOW = numpy.dtype(
    [
        ("first", "u2"),
        ("sequence", "u2"),
        ("ssrc", "i8"),
        ("timestamp", "u4"),
        ("sequence_offset", "u2"),
        ("target_first", "u2"),
        ("timestamp_offset", "u4"),
        ("target_ssrc", "u4"),
        ("target", "i4"),
        ("received", "u4"),
        ("expected", "u4"),
        ("transit", "f8"),
        ("jitter", "f8"),
    ],
    align=True,
)
_EMPTY = numpy.zeros(64, dtype=_FLOW)
_EMPTY["ssrc"] = _NO_SOURCE
_WORDS = _FLOW.itemsize // 8


class Flows:
    """One row a leg, by its number. Counts in a row are those since the leg entered or was saved."""

    def __init__(self, hearing: Hearing) -> None:
        self._hearing = hearing
        self._rows: NDArray[Any] = _EMPTY.copy()
        self._words = self._rows.view(numpy.uint64).reshape(-1, _WORDS)
        """The same memory: rows are copied as words ten times as fast as field by field."""
        self._legs: dict[int, Leg] = {}

    def __contains__(self, leg: Leg) -> bool:
        return leg.number in self._legs

    def enter(self, leg: Leg) -> None:
        """From its next packet on, if these need no closer look."""
        remote, reception, relay = leg.remote, leg.reception, leg.relay
        if remote is None or leg.number in self._legs or leg.latched is None or not leg.listens_fully:
            return
        if leg.recording is not None or not hears(remote) or reception.ssrc < 0:
            return
        row = numpy.zeros((), dtype=_FLOW)
        row["target"] = _NO_TARGET
        if relay is not None:
            if not relay.fast or relay.source_ssrc != reception.ssrc:
                return
            row["target"] = relay.target.number
            row["target_first"] = as_on_the_wire(0x8000 | relay.payload_type, 2)
            row["target_ssrc"] = as_on_the_wire(relay.target.ssrc, 4)
            row["sequence_offset"], row["timestamp_offset"] = relay.sequence_offset, relay.timestamp_offset
        row["first"] = as_on_the_wire(0x8000 | remote.payload_type, 2)
        row["ssrc"] = as_on_the_wire(reception.ssrc, 4)
        row["sequence"], row["timestamp"] = reception.highest_sequence, reception.last_timestamp
        row["transit"], row["jitter"] = reception.transit, reception.jitter_ticks
        while leg.number >= len(self._rows) - 1:  # the last stays empty: what `take` finds for all beyond
            self._rows = numpy.concatenate([self._rows, _EMPTY])
            self._words = self._rows.view(numpy.uint64).reshape(-1, _WORDS)
        self._rows[leg.number] = row
        self._legs[leg.number] = leg

    def leave(self, leg: Leg) -> None:
        """Its next packet is looked at alone; nothing happens for one that is not in the flow."""
        if leg.number in self._legs:
            self.save(leg)
            self._rows["ssrc"][leg.number] = _NO_SOURCE
            del self._legs[leg.number]

    def save(self, leg: Leg) -> None:
        """Bring the leg, and the one that it is bridged with, up to date with what has passed."""
        if leg.number not in self._legs:
            return
        row = self._rows[leg.number]
        received, relay = int(row["received"]), leg.relay
        if not received:
            return
        timestamp = int(row["timestamp"])
        leg.reception.advance(received, int(row["expected"]), timestamp, float(row["transit"]), float(row["jitter"]))
        row["received"] = row["expected"] = 0
        if relay is not None:
            target = relay.target
            relay.last_sequence = leg.reception.highest_sequence
            target.sequence = (relay.last_sequence + relay.sequence_offset + 1) & 0xFFFF
            target.last_timestamp = (timestamp + relay.timestamp_offset) & 0xFFFFFFFF
            target.packets_sent += received

    def take(self, batch: Batch) -> tuple[Numbers, Numbers, Numbers]:
        """Pass on what flows. Places in the batch of what now lies ready to be sent, the legs to send it to, and places
        of what needs a closer look."""
        legs, slots, lengths, arrived = batch.legs, batch.slots, batch.lengths, batch.arrived
        words = self._words.take(legs, axis=0, mode="clip")
        flow = words.view(_FLOW)[:, 0]
        sequence = batch.sequence[slots].astype(numpy.uint16)
        step = sequence - flow["sequence"]
        flows = (batch.first[slots] == flow["first"]) & (batch.ssrc[slots] == flow["ssrc"])
        flows &= (step < NEW_STREAM_STEP) & (lengths > PAYLOAD_AT)
        places, others = _EVERY[: len(legs)], _NONE
        if not flows.all():
            (places,), (others,) = flows.nonzero(), (~flows).nonzero()
            words, legs, slots, arrived = words[places], legs[places], slots[places], arrived[places]
            sequence, step, flow = sequence[places], step[places], words.view(_FLOW)[:, 0]
        if not len(places):
            return _NONE, _NONE, others
        timestamp = batch.timestamp[slots].astype(numpy.uint32)
        self._count(flow, sequence, step, timestamp, arrived)
        self._words[legs] = words
        if len(self._hearing):
            self._hear(batch, legs, slots, lengths[places])
        targets = flow["target"]
        if int(targets.min()) == _NO_TARGET:
            (bridged,) = (targets != _NO_TARGET).nonzero()
            places, targets, slots, flow = places[bridged], targets[bridged], slots[bridged], flow[bridged]
            sequence, timestamp = sequence[bridged], timestamp[bridged]
        batch.first[slots], batch.ssrc[slots] = flow["target_first"], flow["target_ssrc"]
        batch.sequence[slots] = sequence + flow["sequence_offset"]
        batch.timestamp[slots] = timestamp + flow["timestamp_offset"]
        return places, targets, others

    @staticmethod
    def _count(
        flow: NDArray[Any],
        sequence: NDArray[numpy.uint16],
        step: NDArray[numpy.uint16],
        timestamp: NDArray[numpy.uint32],
        arrived: NDArray[numpy.float64],
    ) -> None:
        """As `Reception.count` does (RFC 3550 §A.3, §A.8)."""
        flow["received"] += 1
        flow["expected"] += step
        transit = arrived * CLOCK_RATE - timestamp
        difference = numpy.abs(transit - flow["transit"])
        jitter = flow["jitter"]
        difference -= jitter
        if difference.max() > CLOCK_RATE:  # a jump of the sender's clock, or its wrap, is no jitter
            difference[difference > CLOCK_RATE] = 0.0
        jitter += difference * 0.0625
        flow["transit"], flow["sequence"], flow["timestamp"] = transit, sequence, timestamp

    def _hear(self, batch: Batch, legs: Numbers, slots: Numbers, lengths: NDArray[numpy.int32]) -> None:
        lines = self._hearing.lines(legs)
        (heard,) = (lines >= 0).nonzero()
        if len(heard):
            self._hearing.take_all(lines[heard], batch.octets, slots[heard], lengths[heard])


_NONE: Numbers = numpy.zeros(0, dtype=numpy.intp)
_EVERY: Numbers = numpy.arange(SLOTS)
