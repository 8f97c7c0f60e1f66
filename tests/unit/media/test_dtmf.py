"""Each press once: RFC 4733 in order, and in the forms in which networks and phones really bring it."""

import random

import pytest

from foundation.clock import Monotonic
from ivr.media.dtmf import EVENTS, DigitReceiver, DigitSender, Press
from ivr.media.rtp import parse


def _packets(digits: str, milliseconds: int = 100, pause: int = 100, sequence: int = 65533) -> list[bytes]:
    packets, timestamp = [], 2**32 - 1000
    for digit in digits:
        sender = DigitSender(digit, milliseconds, 101, timestamp % 2**32, 7)
        while not sender.over:
            packets.append(sender.next_packet(sequence))
            sequence += 1
        timestamp += 8 * (milliseconds + pause)
    return packets


def _event(
    digit: int, duration: int, timestamp: int, sequence: int, *, end: bool = False, marker: bool = False
) -> bytes:
    second = 101 | (0x80 if marker else 0)
    head = bytes([0x80, second]) + sequence.to_bytes(2, "big") + timestamp.to_bytes(4, "big") + b"\0\0\0\7"
    return head + bytes([digit, (0x80 if end else 0) | 10]) + duration.to_bytes(2, "big")


def _heard(packets: list[bytes], spacing: float = 0.02) -> list[Press]:
    receiver, now, presses = DigitReceiver(), 0.0, []
    for data in packets:
        header = parse(data)
        assert header is not None
        presses += receiver.handle_deadline(Monotonic(now))
        presses += receiver.receive(header, data[header.start : header.end], Monotonic(now))
        now += spacing
    while (deadline := receiver.next_deadline()) is not None:
        presses += receiver.handle_deadline(deadline)
    return presses


def _digits(packets: list[bytes], spacing: float = 0.02) -> str:
    return "".join(press.digit for press in _heard(packets, spacing))


def test_every_key_in_order():
    assert _heard(_packets(EVENTS)) == [Press(digit, 100) for digit in EVENTS]


def test_the_same_key_several_times():
    assert _digits(_packets("1111")) == "1111"


def test_a_press_is_told_at_its_first_end_packet():
    receiver, told = DigitReceiver(), []
    for data in _packets("5"):
        header = parse(data)
        told.append(bool(receiver.receive(header, data[12:], Monotonic(0.0))))
    assert told == [False] * 4 + [True] + [False] * 2


@pytest.mark.parametrize("kept", range(7))
def test_any_one_packet_of_a_press_is_enough(kept):
    packets = _packets("55")
    assert _digits([packets[kept], packets[7 + kept]], spacing=0.3) == "55"


def test_every_loss_of_some_packets_leaves_the_press():
    packets = _packets("9")
    for mask in range(1, 128):
        assert _digits([data for bit, data in enumerate(packets) if mask >> bit & 1]) == "9"


def test_doubled_packets():
    assert _digits([data for data in _packets("1223") for _ in range(3)], spacing=0.005) == "1223"


def test_packets_out_of_order_within_a_press():
    for seed in range(200):
        packets = _packets("7")
        random.Random(seed).shuffle(packets)
        assert _digits(packets) == "7"


def test_late_packets_of_the_press_before():
    first, second = _packets("77")[:7], _packets("77")[7:]
    assert _digits(first[:5] + second[:3] + first[5:] + second[3:]) == "77"


def test_a_press_that_came_wholly_behind_the_next_still_counts():
    packets = _packets("12")
    assert sorted(_digits(packets[7:] + packets[:7])) == ["1", "2"]


def test_loss_doubling_and_disorder_together():
    for seed in range(300):
        draw = random.Random(seed)
        packets = _packets("1593")
        ugly = []
        for start in range(0, len(packets), 7):
            press = [data for data in packets[start : start + 7] if draw.random() > 0.4] or [packets[start + 6]]
            press += draw.choices(press, k=3)
            draw.shuffle(press)
            ugly += press
        assert _digits(ugly) == "1593", seed


def test_the_end_of_the_next_press_tells_the_one_before_whose_end_was_lost():
    packets = _packets("34")
    assert _digits(packets[:3] + packets[11:]) == "34"


def test_a_phone_that_counts_the_timestamp_on_with_every_packet():
    packets = [_event(5, 160 * n, 1000 + 160 * (n - 1), n, marker=n == 1) for n in range(1, 6)]
    packets += [_event(5, 800, 1000 + 160 * n, n, end=True) for n in range(5, 8)]
    assert _digits(packets) == "5"
    assert _digits(packets[:1] + packets[3:]) == "5"


def test_a_phone_whose_timestamp_stands_still():
    packets = []
    for press in range(3):
        start = 10 * press
        packets += [_event(5, 160 * n, 1000, start + n, marker=n == 1) for n in range(1, 4)]
        packets += [_event(5, 480, 1000, start + n, end=True) for n in range(4, 7)]
    assert _digits(packets) == "555"


def test_a_very_long_press_in_segments_is_one():
    packets = [_event(5, duration, 1000, n, marker=n == 0) for n, duration in enumerate(range(8000, 0xFFFF, 8000))]
    packets += [_event(5, 0xFFFF, 1000, 9)]
    packets += [_event(5, 800, 1000 + 0xFFFF, 10), _event(5, 1600, 1000 + 0xFFFF, 11, end=True)]
    assert _heard(packets) == [Press("5", (0xFFFF + 1600) // 8)]


def test_a_new_stream_begins_anew():
    packets = _packets("5")
    other = [data[:8] + b"\0\0\0\x08" + data[12:] for data in packets]
    assert _digits(packets + other) == "55"


@pytest.mark.parametrize(
    "payload", [b"", b"\x05", b"\x05\x8a\x00", bytes([16, 0x8A, 0, 160]), bytes([255, 0x8A, 0, 160])]
)
def test_what_is_no_key_is_passed_over(payload):
    data = _packets("5")[0][:12] + payload
    assert _digits([data]) == ""


def test_a_sent_press_lasts_as_long_as_asked():
    for milliseconds in (40, 100, 250):
        assert _heard(_packets("5", milliseconds)) == [Press("5", milliseconds)]
