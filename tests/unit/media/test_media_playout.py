"""The jitter buffer between legs of different form, and what a bridge through it sounds like."""

import random
from itertools import pairwise

import numpy
import pytest

from ivr.media.codecs import Decoder, Encoder
from ivr.media.messages import Bridge, Connect, Digit, Unbridge
from ivr.media.playout import Playout
from ivr.media.rtp import packet
from tests.loopback.media_phone import level_at, tone
from tests.unit.media.media_line import Line, remote

STILL = b"\xd5" * 160


def pieces(count: int, size: int = 160) -> list[bytes]:
    return [bytes([1 + number]) * size for number in range(count)]


def test_it_waits_for_its_depth_and_then_runs_on():
    playout, out = Playout("PCMA", "PCMA"), []
    for number, piece in enumerate(pieces(6)):
        playout.push(1, 160 * number, piece)
        out.append(playout.pull(160))
    assert out == [STILL, *pieces(5)]


def test_packets_of_thirty_milliseconds_become_packets_of_twenty_and_back():
    for source, target in ((240, 160), (160, 240), (80, 480), (480, 80)):
        playout, out = Playout("PCMA", "PCMA"), b""
        sent = b"".join(pieces(20, source))
        clock, taken = 0, 0
        for number, piece in enumerate(pieces(20, source)):
            playout.push(1, source * number, piece)
            clock += source
            while taken + target <= clock:
                out += playout.pull(target)
                taken += target
        heard = out.lstrip(b"\xd5")
        assert len(heard) > 0.5 * len(sent)
        assert heard.rstrip(b"\xd5") in sent


def test_order_is_restored_and_doubles_count_once():
    playout, out, sent = Playout("PCMA", "PCMA"), [], pieces(8)
    for number in (0, 1, 3, 2, 2, 5, 4, 6, 7):
        playout.push(1, 160 * number, sent[number])
        if number != 2 or out[-1] != sent[1]:
            out.append(playout.pull(160))
    assert [piece for piece in out if piece != STILL] == sent[: len(out) - out.count(STILL)]
    assert len(out) - out.count(STILL) >= 5


def test_a_lost_packet_is_bridged_and_the_next_comes_at_its_time():
    playout = Playout("PCMA", "PCMA")
    for number in (0, 1, 3, 4):
        playout.push(1, 160 * number, pieces(5)[number])
    out = [playout.pull(160) for _ in range(5)]
    first = out.index(pieces(5)[3])
    assert out[first - 1] in (STILL, pieces(5)[1])
    assert out[first + 1] == pieces(5)[4]


def test_late_packets_make_it_deeper_and_a_good_line_shallower_again():
    playout, number = Playout("PCMA", "PCMA"), 0
    for _ in range(4):
        for _ in range(3):
            playout.push(1, 160 * number, bytes(160))
            number += 1
        for _ in range(4):
            playout.pull(160)
    assert playout.depth_milliseconds > 60
    deepest = playout.depth_milliseconds
    for _ in range(4000):
        playout.push(1, 160 * number, bytes(160))
        number += 1
        playout.pull(160)
    assert playout.depth_milliseconds < deepest


def test_a_pause_of_the_sender_is_no_late_packet():
    playout = Playout("PCMA", "PCMA")
    for talk in range(5):
        for number in range(5):
            playout.push(1, 160 * (100 * talk + number), bytes(160))
            playout.pull(160)
        for _ in range(95):
            playout.pull(160)
    assert playout.depth_milliseconds == 40


def test_what_piles_up_is_given_up():
    playout = Playout("PCMA", "PCMA")
    for number in range(60):
        playout.push(1, 160 * number, bytes([number + 1]) * 160)
    playout.pull(160)
    for number in range(60, 100):
        playout.push(1, 160 * number, bytes([number + 1]) * 160)
    assert playout.pull(160)[0] > 95


@pytest.mark.parametrize("change", ["another sender", "another time"])
def test_a_stream_that_begins_anew_is_followed(change):
    playout = Playout("PCMA", "PCMA")
    for number in range(4):
        playout.push(1, 160 * number, b"\x11" * 160)
        playout.pull(160)
    ssrc, base = (2, 4 * 160) if change == "another sender" else (1, 3_000_000_000)
    out = b""
    for number in range(4):
        playout.push(ssrc, (base + 160 * number) & 0xFFFFFFFF, b"\x22" * 160)
        out += playout.pull(160)
    assert out.count(b"\x22") >= 3 * 160


def test_the_wrap_of_the_timestamp_is_no_jump():
    playout, out = Playout("PCMA", "PCMA"), []
    for number, piece in enumerate(pieces(8)):
        playout.push(1, (2**32 - 480 + 160 * number) & 0xFFFFFFFF, piece)
        out.append(playout.pull(160))
    assert out[1:] == pieces(7)


def test_comfort_noise_is_heard_at_its_level_until_the_voice_returns():
    playout = Playout("PCMA", "PCMA")
    playout.push(1, 0, bytes(160))
    playout.push_noise(50)
    noise = Decoder("PCMA").decode(b"".join(playout.pull(160) for _ in range(50))[1600:]).astype(float)
    level = 20 * numpy.log10(numpy.sqrt((noise**2).mean()) / 32768)
    assert abs(level + 50) < 1.5
    playout.push(1, 16000, bytes(160))
    assert playout.pull(160) == STILL


def test_any_disorder_keeps_it_in_its_bounds():
    draw, playout = random.Random(5), Playout("PCMA", "G722")
    for _ in range(3000):
        if draw.random() < 0.6:
            playout.push(
                draw.choice((1, 1, 1, 2)), draw.getrandbits(draw.choice((13, 32))), bytes(draw.randrange(0, 500))
            )
        size = draw.choice((80, 160, 480))
        assert len(playout.pull(size)) == size


# ---- bridges


def _bridge(first: object, second: object) -> Line:
    line = Line()
    for leg, agreed in ((0, first), (1, second)):
        line.open(leg, agreed)  # type: ignore[arg-type]  # a Remote each
        header = {"sequence": 0, "timestamp": 0, "payload_type": agreed.payload_type}  # type: ignore[attr-defined]  # as above
        line.arrive(leg, packet(STILL, ssrc=77, **header))
    line.tell(Bridge(0, 1, 1, 1))
    return line


def _say(line: Line, leg: int, codec: str, payload_type: int, milliseconds: int, packet_milliseconds: int = 20) -> None:
    encoded = Encoder(codec).encode(tone(600, milliseconds))
    step = 8 * packet_milliseconds
    for number, start in enumerate(range(0, len(encoded), step)):
        line.speak(leg, encoded[start : start + step], number + 1, start + 8000, payload_type=payload_type)
        line.run(packet_milliseconds / 1000)


@pytest.mark.parametrize(("first", "second"), [("G722", "PCMA"), ("PCMA", "G722"), ("PCMU", "G722"), ("G722", "PCMU")])
def test_wideband_and_narrowband_legs_hear_each_other(first, second):
    line = _bridge(remote(first), remote(second))
    _say(line, 0, first, remote(first).payload_type, 1000)
    heard = Decoder(second).decode(line.payload(1))
    assert level_at(heard[3000:7000], 600) > 0.95
    assert {len(data) for _, data in line.sent[1]} == {172}


@pytest.mark.parametrize(("first", "second"), [(20, 30), (30, 20), (10, 60), (60, 20)])
def test_packet_times_are_converted(first, second):
    line = _bridge(remote(packet_milliseconds=first), remote(packet_milliseconds=second))
    line.sent[1].clear()
    _say(line, 0, "PCMA", 8, 1200, first)
    assert {len(data) for _, data in line.sent[1]} == {12 + 8 * second}
    heard = Decoder("PCMA").decode(line.payload(1))
    assert level_at(heard[3200:8000], 600) > 0.98
    headers = line.headers(1)
    steps = {(after.timestamp - before.timestamp) % 2**32 for before, after in pairwise(headers)}
    assert steps == {8 * second}


def test_wideband_stays_wideband_where_only_the_packet_time_differs():
    line = _bridge(remote("G722"), remote("G722", packet_milliseconds=40))
    said = bytes(random.Random(1).randbytes(8000))
    for number in range(50):
        line.speak(0, said[160 * number : 160 * number + 160], number + 1, 160 * number + 8000, payload_type=9)
        line.run(0.02)
    assert said[1600:4800] in line.payload(1)


def test_the_added_delay_is_the_depth_and_a_packet():
    line = _bridge(remote("G722"), remote("PCMA"))
    line.run(0.2)
    began = line.now
    _say(line, 0, "G722", 9, 600)
    at = next(
        moment
        for moment, data in line.sent[1]
        if moment >= began and abs(Decoder("PCMA").decode(data[12:]).astype(int)).max() > 2000
    )
    assert at - began <= 0.040 + 0.025


def test_high_sounds_of_a_wideband_phone_do_not_fold_into_a_narrow_one():
    from G722 import G722

    wide = G722(16000, 64000)
    moments = numpy.arange(16000) / 16000
    levels = {}
    for hertz in (1000, 6000):
        wave = (8000 * numpy.sin(2 * numpy.pi * hertz * moments)).astype(numpy.int16)
        heard = Decoder("G722").decode(bytes(wide.encode(wave)))[2000:].astype(float)
        levels[hertz] = 20 * numpy.log10(numpy.sqrt((heard**2).mean()) / 32768)
    assert levels[1000] > -18
    assert levels[6000] < levels[1000] - 40


def test_digits_cross_a_bridge_of_two_forms():
    line = _bridge(remote("G722"), remote("PCMA", telephone_event=96))
    line.press(0, "5")
    line.run(0.5)
    events = [
        data for header, (_, data) in zip(line.headers(1), line.sent[1], strict=True) if header.payload_type == 96
    ]
    assert {data[12] for data in events} == {5}
    assert len(line.of(Digit)) == 1
    numbers = [header.sequence for header in line.headers(1)]
    assert all((after - before) % 65536 == 1 for before, after in pairwise(numbers))


def test_digits_become_tones_for_a_phone_without_events():
    line = _bridge(remote(), remote(telephone_event=None))
    line.press(0, "8")
    line.run(0.3)
    heard = Decoder("PCMA").decode(line.payload(1))
    loud = heard[abs(heard.astype(int)) > 0]
    assert level_at(loud[:800], 852) + level_at(loud[:800], 1336) > 0.9


def test_a_change_of_codec_in_a_bridge_and_its_end():
    line = _bridge(remote(), remote())
    line.tell(Connect(1, 1, remote("G722")))
    line.sent[1].clear()
    _say(line, 0, "PCMA", 8, 400)
    assert level_at(Decoder("G722").decode(line.payload(1))[1000:3000], 600) > 0.9
    line.tell(Unbridge(0, 1))
    line.sent[1].clear()
    _say(line, 0, "PCMA", 8, 200)
    assert set(line.payload(1)) == {0xFF}


def test_comfort_noise_passes_where_both_know_it_and_is_made_where_not():
    line = _bridge(remote(comfort_noise=13), remote(comfort_noise=13))
    line.speak(0, b"\x28", 1, 160, payload_type=13)
    assert [header.payload_type for header in line.headers(1)][-1] == 13
    line = _bridge(remote(comfort_noise=13), remote())
    line.sent[1].clear()
    line.speak(0, b"\x28", 1, 160, payload_type=13)
    line.run(0.4)
    assert {header.payload_type for header in line.headers(1)} == {8}
    heard = Decoder("PCMA").decode(line.payload(1)).astype(float)
    assert abs(20 * numpy.log10(numpy.sqrt((heard**2).mean()) / 32768) + 40) < 2
