"""Packets that pass many at a time: alike in everything to those that are looked at one by one."""

import random
from itertools import pairwise

import numpy
import pytest

from ivr.media.batch import SLOTS, Batch
from ivr.media.hearing import Hearing, VoiceBegan
from ivr.media.messages import Bridge, CloseLeg, Connect, Digit, LegClosed, Listen, Record, Talking, Unbridge
from ivr.media.orders import ListenToAll, ListenToDigits
from ivr.media.rtp import packet, parse
from tests.unit.media.media_line import FAR, Line, remote
from tests.unit.media.test_media_hearing import alaw, voice

VOICE = bytes(range(160))


class OneByOne(Line):
    """The same line, each packet looked at alone."""

    def arrive(self, leg, data, source=FAR):
        self.core.receive(leg, data, source, self.now)
        self._drain()


def bridged(line: Line) -> Line:
    line.open(0, remote())
    line.open(1, remote("PCMU"))
    line.open(2, remote())
    line.open(3, remote(payload_type=100))
    line.tell(Bridge(0, 1, 1, 1))
    line.tell(Bridge(2, 1, 3, 1))
    return line


def conversation(line: Line, seed: int) -> tuple[list[list[bytes]], list[object]]:
    """Loss, late and doubled packets, markers, keys, jumps of source and clock, wraps of every counter."""
    draw = random.Random(seed)
    bridged(line)
    sequence, timestamp, ssrc = 65000, 0xFFFFFF00, 77
    for _ in range(1200):
        what = draw.random()
        if what < 0.01:
            ssrc += 1
        elif what < 0.02:
            timestamp += 900_000
        elif what < 0.03:
            sequence += 2000
        sequence, timestamp = (sequence + draw.choice((1, 1, 1, 1, 2))) & 0xFFFF, (timestamp + 160) & 0xFFFFFFFF
        for leg in (0, 2, 3):
            late = draw.choice((0, 0, 0, 0, 0, 1, 3)) if what > 0.9 else 0
            data = packet(
                VOICE,
                payload_type=100 if leg == 3 else 8,
                sequence=sequence - late,
                timestamp=timestamp - 160 * late,
                ssrc=ssrc,
                marker=draw.random() < 0.02,
            )
            line.arrive(leg, data[: draw.choice((172, 172, 172, 172, 12, 5))] if what > 0.97 else data)
        if what < 0.005:
            line.press(2, "5")
        line.run(0.02 + draw.random() * 0.002)
    for leg in range(4):
        line.tell(CloseLeg(leg, 1))
    return [[data for _, data in line.sent[leg]] for leg in range(4)], line.of(LegClosed) + line.of(Digit)


@pytest.mark.parametrize("seed", range(3))
def test_what_flows_is_as_what_is_looked_at_one_by_one(seed):
    assert conversation(Line(), seed) == conversation(OneByOne(), seed)


def test_a_batch_holds_packets_of_many_bridges_and_of_strangers_to_them():
    line = bridged(Line())
    line.open(4, remote())
    batch, places = Batch(), numpy.arange(5)
    for leg in (0, 2, 3, 4):
        for number in range(2):
            line.speak(leg, VOICE, number, payload_type=100 if leg == 3 else 8)
    for leg in range(5):
        line.sent[leg].clear()
    for place, leg in enumerate((3, 0, 4, 2, 900)):
        data = packet(VOICE, payload_type=100 if leg == 3 else 8, sequence=2, timestamp=320, ssrc=77)
        batch.rows[place][: len(data)] = data
    legs = numpy.array((3, 0, 4, 2, 900))
    batch.hold(legs, places, numpy.full(5, 172, dtype=numpy.int32), numpy.full(5, line.now))
    sent, targets = line.core.receive_batch(batch)
    assert list(zip(legs[sent].tolist(), targets.tolist(), strict=True)) == [(3, 2), (2, 3)]
    for place, target, payload_type in zip(sent, targets, (8, 100), strict=True):
        header = parse(batch.rows[batch.slots[place]][:172])
        assert header is not None
        assert (header.payload_type, header.ssrc) == (payload_type, 0xABCD0000 + int(target))


def test_noughts_are_no_packet_of_a_leg_without_flow():
    line = Line()
    line.open(0, remote())
    leg = line.open(1, remote())
    line.speak(leg, VOICE, 1)
    line.arrive(leg, bytes(172))
    assert line.sent[0] == []
    line.tell(CloseLeg(leg, 1))
    assert line.of(LegClosed)[0].packets_received == 1


def test_the_stream_of_a_leg_goes_on_after_what_flowed():
    """One sequence and one clock, whoever speaks: the bridge, then the silence of the leg itself."""
    line = bridged(Line())
    for number in range(100):
        line.speak(0, VOICE, number)
        line.speak(3, VOICE, number, payload_type=100)
        line.run(0.02)
    line.tell(Unbridge(2, 1))
    line.run(0.1)
    headers = line.headers(2)
    steps = {(after.sequence - before.sequence) & 0xFFFF for before, after in pairwise(headers)}
    assert steps == {1}
    assert all((b.timestamp - a.timestamp) & 0xFFFFFFFF < 1000 for a, b in pairwise(headers))


def test_reports_know_what_has_flowed():
    line = bridged(Line())
    for number in range(400):
        line.speak(2, VOICE, number)
        line.speak(3, VOICE, number, payload_type=100)
        line.run(0.02)
    reports = [data for leg, data in line.reports if leg == 3]
    assert len(reports) >= 1
    packets = int.from_bytes(reports[-1][20:24], "big")
    assert packets > 150


def test_recording_begins_in_the_middle_of_a_flow():
    line = bridged(Line())
    for number in range(20):
        if number == 10:
            line.tell(Record(2, 1, "a.wav", 10000))
        line.speak(2, VOICE, number)
        line.speak(3, VOICE, number, payload_type=100)
    line.tell(CloseLeg(2, 1))
    assert [event.packets_lost for event in line.of(LegClosed)] == []
    line.core.recording_finished("a.wav", None, line.now)
    line._drain()
    assert [(event.packets_received, event.packets_lost) for event in line.of(LegClosed)] == [(20, 0)]


def test_jitter_is_that_of_the_line_not_of_our_looks():
    """Packets fetched 10 ms late and more, stamped evenly by the kernel."""
    line = Line()
    leg = line.open(0, remote(telephone_event=None))
    draw = random.Random(1)
    for number in range(200):
        line.now = 100 + 0.02 * number
        stamp = line.now
        line.speak(leg, VOICE, 0) if number == 0 else None
        data = packet(VOICE, payload_type=8, sequence=number, timestamp=160 * number, ssrc=77)
        line.batch.put(leg, data, stamp)
        line.now = stamp + draw.random() * 0.019
        line.core.receive_batch(line.batch)
    line.tell(CloseLeg(leg, 1))
    assert line.of(LegClosed)[0].jitter < 0.1


def test_a_thousand_lines_are_heard_a_part_at_a_time():
    hearing, now = Hearing(), 0.0
    for leg in range(1000):
        hearing.listen(leg, "PCMA", frozenset(("talking",)), now)
    frames = alaw(voice(400))
    octets = numpy.zeros((SLOTS, 1600), dtype=numpy.uint8)
    slots, heard, turns = numpy.arange(500), [], 0
    for start in range(0, len(frames) // 160 * 160, 160):
        octets[:500, 12:172] = numpy.frombuffer(frames[start : start + 160], dtype=numpy.uint8)
        for legs in (numpy.arange(500), numpy.arange(500, 1000)):
            hearing.take_all(hearing.lines(legs), octets, slots, numpy.full(500, 172, dtype=numpy.int32))
        now += 0.02
        while (due := hearing.next_deadline()) is not None and due <= now:
            heard += hearing.handle_deadline(now)
            turns += 1
    assert sorted(event.leg for event in heard if isinstance(event, VoiceBegan)) == list(range(1000))
    assert turns == 2 * 20


def test_odd_packets_among_whole_frames_are_heard_in_their_order():
    line = Line()
    leg = line.open(0, remote())
    line.tell(Listen(leg, 1, talking=True, beep=False))
    sound, at, number = alaw(voice(2000)), 0, 0
    while at < len(sound):
        size = (160, 160, 240, 80)[number % 4]
        line.speak(leg, sound[at : at + size], number, at)
        at, number = at + size, number + 1
        line.run(size / 8000)
    assert [event.began for event in line.of(Talking)] == [True]


def test_keys_of_a_new_payload_type_pass_the_filter():
    line = Line()
    leg = line.open(0, remote(telephone_event=101))
    line.speak(leg, VOICE, 1)
    line.tell(Connect(leg, 1, remote(telephone_event=96)))
    assert line.ordered(ListenToDigits) == [ListenToDigits(leg, 101), ListenToDigits(leg, 96)]
    assert line.ordered(ListenToAll) == [ListenToAll(leg)]
