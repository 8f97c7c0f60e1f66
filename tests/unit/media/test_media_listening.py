"""What a leg accepts: whose packets, which digits; bridges and recordings."""

from itertools import pairwise

import pytest

from foundation.endpoints import Address
from ivr.media.codecs import Transcoder
from ivr.media.messages import (
    Bridge,
    CloseLeg,
    Connect,
    Digit,
    LegClosed,
    MediaFlowing,
    Play,
    PlayEnded,
    PlayTone,
    Record,
    Recorded,
    StopRecording,
    Unbridge,
)
from ivr.media.orders import FinishRecording, Latch, ListenToAll, ListenToDigits, SendTo, WriteRecording
from ivr.media.rtp import packet
from tests.unit.media.media_line import FAR, STRANGER, Line, remote

VOICE = bytes(range(160))


def test_the_first_valid_packet_fixes_the_port_and_is_told_once():
    line = Line()
    leg = line.open(0, remote())
    natted = Address(FAR.host, 5555)
    for sequence in range(3):
        line.arrive(leg, packet(VOICE, payload_type=8, sequence=sequence, timestamp=0, ssrc=1), natted)
    assert line.of(MediaFlowing) == [MediaFlowing(leg, 1)]
    assert line.ordered(Latch) == [Latch(leg, natted)]


@pytest.mark.parametrize(
    ("data", "source"),
    [
        (packet(VOICE, payload_type=8, sequence=1, timestamp=0, ssrc=1), STRANGER),
        (packet(VOICE, payload_type=34, sequence=1, timestamp=0, ssrc=1), FAR),
        (bytes([0x80, 200]) + bytes(30), FAR),
        (b"", FAR),
        (b"\x80\x08", FAR),
        (bytes([0x40, 8]) + bytes(30), FAR),
        (bytes([0x8F, 8]) + bytes(20), FAR),
        (bytes([0xA0, 8]) + bytes(10) + b"\x00" * 5, FAR),
        (bytes([0x90, 8]) + bytes(12) + b"\xff\xff" + bytes(4), FAR),
    ],
    ids=[
        "stranger",
        "unknown type",
        "RTCP",
        "empty",
        "short",
        "version 1",
        "no room for CSRCs",
        "no padding",
        "extension",
    ],
)
def test_nothing_else_fixes_it(data, source):
    line = Line()
    leg = line.open(0, remote())
    line.arrive(leg, data, source)
    assert line.of(MediaFlowing) == []
    assert line.ordered(Latch) == []


def test_a_further_source_of_the_trunk_may_send():
    line = Line()
    leg = line.open(0, remote(sources=("192.0.2.9",)))
    gateway = Address("192.0.2.9", 7000)
    line.arrive(leg, packet(VOICE, payload_type=8, sequence=1, timestamp=0, ssrc=1), gateway)
    assert line.ordered(Latch) == [Latch(leg, gateway)]


def test_a_latched_line_cannot_be_bled_away_even_from_the_same_host():
    line = Line()
    leg = line.open(0, remote())
    line.speak(leg, VOICE, 1)
    for source in (STRANGER, Address(FAR.host, FAR.port + 2)):
        for sequence in range(2, 50):
            line.arrive(leg, packet(VOICE, payload_type=8, sequence=sequence, timestamp=0, ssrc=1), source)
    assert line.ordered(Latch) == [Latch(leg, FAR)]
    line.tell(CloseLeg(leg, 1))
    assert line.of(LegClosed)[0].packets_received == 1


def test_only_a_new_agreement_moves_the_line():
    line = Line()
    leg = line.open(0, remote())
    line.speak(leg, VOICE, 1)
    line.tell(Connect(leg, 1, remote(direction="recvonly")))
    assert line.ordered(SendTo) == [SendTo(leg, FAR)]
    moved = Address("198.51.100.8", 4100)
    line.tell(Connect(leg, 1, remote(address=moved)))
    assert line.ordered(SendTo) == [SendTo(leg, FAR), SendTo(leg, moved)]
    line.speak(leg, VOICE, 2)
    assert line.ordered(Latch) == [Latch(leg, FAR)]
    line.arrive(leg, packet(VOICE, payload_type=8, sequence=3, timestamp=0, ssrc=1), moved)
    assert line.ordered(Latch) == [Latch(leg, FAR), Latch(leg, moved)]
    assert len(line.of(MediaFlowing)) == 1


def test_nothing_is_taken_before_there_is_an_agreement():
    line = Line()
    leg = line.open(0)
    line.speak(leg, VOICE, 1)
    assert line.events[1:] == []


def test_the_kernel_is_asked_for_digits_only_until_sound_is_wanted():
    line = Line()
    leg = line.open(0, remote(telephone_event=97))
    other = line.open(1, remote())
    assert line.ordered(ListenToDigits) == []
    line.speak(leg, VOICE, 1)
    assert line.ordered(ListenToDigits) == [ListenToDigits(leg, 97)]
    line.tell(Record(leg, 1, "a.wav", 1000))
    assert line.ordered(ListenToAll) == [ListenToAll(leg)]
    line.tell(StopRecording(leg, 1))
    line.tell(Bridge(leg, 1, other, 1))
    line.tell(Unbridge(leg, 1))
    assert [type(order) for order in line.orders if isinstance(order, (ListenToAll, ListenToDigits))] == [
        ListenToDigits, ListenToAll, ListenToDigits, ListenToAll, ListenToDigits,
    ]  # fmt: skip


def test_a_digit_stops_the_sound_that_it_may_stop():
    line = Line({"one.pcma": b"\x22" * 8000})
    leg = line.open(0, remote())
    play = line.next_play()
    line.tell(Play(leg, 1, play, "one", 1000, stop_on_digits="12"))
    line.run(0.201)
    line.press(leg, "3")
    assert line.of(PlayEnded) == []
    line.run(0.1)
    line.press(leg, "2")
    assert line.events[-2:] == [
        Digit(leg, 1, "2", 100),
        PlayEnded(leg, 1, play, 300, complete=False, digit="2"),
    ]


def test_a_key_whose_end_is_lost_counts_after_a_moment():
    line = Line()
    leg = line.open(0, remote())
    line.arrive(leg, packet(bytes([7, 10, 0, 160]), payload_type=101, sequence=1, timestamp=50, ssrc=1, marker=True))
    assert line.of(Digit) == []
    line.run(0.2)
    assert line.of(Digit) == [Digit(leg, 1, "7", 20)]


def test_a_key_under_way_counts_when_the_call_ends():
    line = Line()
    leg = line.open(0, remote())
    line.arrive(leg, packet(bytes([7, 10, 0, 160]), payload_type=101, sequence=1, timestamp=50, ssrc=1, marker=True))
    line.tell(CloseLeg(leg, 1))
    assert line.of(Digit) == [Digit(leg, 1, "7", 20)]


# ---- bridges

DESK = Address("192.0.2.50", 8000)


def _bridged(first_codec: str = "PCMA", second_codec: str = "PCMA", **changes: object) -> Line:
    line = Line({"one.pcma": b"\x22" * 8000})
    line.open(0, remote(first_codec))
    line.open(1, remote(second_codec, address=DESK, **changes))
    line.tell(Bridge(0, 1, 1, 1))
    return line


def _desk_says(line: Line, payload: bytes, sequence: int, payload_type: int = 8) -> None:
    data = packet(payload, payload_type=payload_type, sequence=sequence, timestamp=160 * sequence, ssrc=99)
    line.arrive(1, data, DESK)


def test_a_bridge_passes_sound_both_ways_under_its_own_numbers():
    line = _bridged()
    for sequence in range(65000, 65020):
        line.speak(0, VOICE, sequence)
        _desk_says(line, VOICE[::-1], sequence)
        line.run(0.02)
    assert line.payload(1) == VOICE * 20
    assert line.payload(0) == VOICE[::-1] * 20
    for leg in (0, 1):
        headers = line.headers(leg)
        assert {header.ssrc for header in headers} == {0xABCD0000 + leg}
        assert all((after.sequence - before.sequence) % 65536 == 1 for before, after in pairwise(headers))
        assert all((after.timestamp - before.timestamp) % 2**32 == 160 for before, after in pairwise(headers))


def test_loss_and_order_are_passed_on_as_they_came():
    line = _bridged()
    for sequence in (10, 11, 13, 12, 15):
        line.speak(0, VOICE, sequence)
    numbers = [header.sequence for header in line.headers(1)]
    assert [(number - numbers[0]) % 65536 for number in numbers] == [0, 1, 3, 2, 5]


def test_a_new_stream_joins_on_without_a_jump():
    line = _bridged()
    for sequence in range(5):
        line.speak(0, VOICE, sequence)
        line.run(0.02)
    for sequence in range(30000, 30005):
        line.speak(0, VOICE, sequence, ssrc=1234)
        line.run(0.02)
    headers = line.headers(1)
    assert all((after.sequence - before.sequence) % 65536 == 1 for before, after in pairwise(headers))
    assert all(0 < (after.timestamp - before.timestamp) % 2**32 <= 320 for before, after in pairwise(headers))
    assert headers[5].marker


@pytest.mark.parametrize(("first", "second"), [("PCMA", "PCMU"), ("PCMU", "PCMA")])
def test_legs_of_two_laws_are_transcoded(first, second):
    line = _bridged(first, second)
    for sequence in range(3):
        line.speak(0, VOICE, sequence, payload_type=remote(first).payload_type)
    assert line.payload(1) == Transcoder(first, second).convert(VOICE) * 3
    assert {header.payload_type for header in line.headers(1)} == {remote(second).payload_type}


def test_transcoding_puts_packets_in_order_and_fills_up_what_is_lost():
    line = _bridged("G722", "PCMA")
    line.run(0.1)
    line.sent[1].clear()
    for sequence in (1, 2, 4, 3, 3, 6, 7, 8, 9, 10):
        line.speak(0, VOICE, sequence, payload_type=9)
        line.run(0.02)
    numbers = [header.sequence for header in line.headers(1)]
    assert [(number - numbers[0]) % 65536 for number in numbers] == list(range(10))


def test_digits_pass_the_bridge_at_the_other_payload_type_and_are_told():
    line = _bridged(telephone_event=110)
    line.speak(0, VOICE, 1)
    line.press(0, "8")
    events = [
        data for header, (_, data) in zip(line.headers(1), line.sent[1], strict=True) if header.payload_type == 110
    ]
    assert len(events) == 7
    assert {data[12] for data in events} == {8}
    assert line.of(Digit) == [Digit(0, 1, "8", 100)]


def test_digits_are_told_where_the_other_side_takes_none():
    line = _bridged(telephone_event=None)
    line.press(0, "8")
    assert line.sent[1] == []
    assert len(line.of(Digit)) == 1


def test_a_held_side_hears_nothing_and_may_still_speak():
    line = _bridged()
    line.tell(Connect(1, 1, remote(address=DESK, direction="recvonly")))
    line.speak(0, VOICE, 1)
    assert line.sent[1] == []
    _desk_says(line, VOICE, 1)
    assert line.payload(0) == VOICE
    line.tell(Connect(1, 1, remote(address=DESK)))
    line.speak(0, VOICE, 2)
    assert line.payload(1) == VOICE


def test_the_other_side_of_an_inactive_one_is_kept_alive_with_stillness():
    line = _bridged()
    line.tell(Connect(1, 1, remote(address=DESK, direction="inactive")))
    line.run(0.1)
    assert len(line.sent[0]) == 5
    assert line.sent[1] == []


def test_a_tone_on_one_side_goes_before_the_other_voice_and_then_the_voice_goes_on():
    line = _bridged()
    line.speak(0, VOICE, 1)
    line.tell(PlayTone(1, 1, line.next_play(), "beep"))
    for sequence in range(2, 40):
        line.speak(0, VOICE, sequence)
        line.run(0.02)
    headers = line.headers(1)
    assert all((after.sequence - before.sequence) % 65536 == 1 for before, after in pairwise(headers))
    assert all(-(2**31) < (after.timestamp - before.timestamp) % 2**32 < 2**31 for before, after in pairwise(headers))
    assert line.sent[1][-1][1][12:] == VOICE
    assert line.sent[1][5][1][12:] != VOICE


@pytest.mark.parametrize("end", [Unbridge(0, 1), Unbridge(1, 1), CloseLeg(0, 1)])
def test_a_bridge_that_is_over_passes_nothing(end):
    line = _bridged()
    line.speak(0, VOICE, 1)
    assert line.payload(1) == VOICE
    line.tell(end)
    line.speak(0, VOICE, 2)
    line.run(0.1)
    assert VOICE not in line.payload(1)[160:]
    assert len(line.sent[1]) == 6


def test_a_second_bridge_ends_the_first():
    line = _bridged()
    line.open(2, remote(address=Address("192.0.2.60", 9000)))
    line.tell(Bridge(2, 1, 1, 1))
    line.speak(0, VOICE, 1)
    assert line.sent[1] == []
    line.run(0.1)
    assert len(line.sent[0]) == 5


def test_bridging_with_itself_or_with_nobody_does_nothing():
    line = Line()
    leg = line.open(0, remote())
    line.tell(Bridge(leg, 1, leg, 1))
    line.tell(Bridge(leg, 1, 7, 1))
    line.speak(leg, VOICE, 1)
    line.run(0.1)
    assert VOICE not in line.payload(leg)


# ---- recordings


def _recorded(line: Line) -> bytes:
    return b"".join(order.samples for order in line.ordered(WriteRecording))


def test_a_recording_is_told_when_its_file_has_its_name():
    line = Line()
    leg = line.open(0, remote())
    line.tell(Record(leg, 1, "tip.wav", 60_000))
    for sequence in range(150):
        line.speak(leg, VOICE, sequence)
        line.run(0.02)
    line.tell(CloseLeg(leg, 1))
    assert len(_recorded(line)) == 2 * 160 * 150
    assert line.ordered(FinishRecording) == [FinishRecording("tip.wav")]
    assert line.of(LegClosed) == []
    line.core.recording_finished("tip.wav", None, line.now)
    line.run(0)
    assert line.core.events()[:1] == [Recorded(leg, 1, "tip.wav", 3000)]


def test_lost_packets_and_pauses_are_stillness_of_the_right_length():
    line = Line()
    leg = line.open(0, remote())
    line.tell(Record(leg, 1, "tip.wav", 60_000))
    for sequence in range(100):
        if sequence not in (10, 11) and not 40 <= sequence < 60:
            line.speak(leg, VOICE, sequence)
        line.run(0.02)
    line.tell(StopRecording(leg, 1))
    assert len(_recorded(line)) == 2 * 160 * 100


def test_a_wild_timestamp_does_not_fill_the_disk():
    line = Line()
    leg = line.open(0, remote())
    line.tell(Record(leg, 1, "tip.wav", 600_000))
    line.speak(leg, VOICE, 1)
    line.speak(leg, VOICE, 2, timestamp=2**31 - 5)
    line.speak(leg, VOICE, 3, timestamp=100)
    line.tell(StopRecording(leg, 1))
    assert len(_recorded(line)) == 2 * 160 * 3


def test_a_recording_ends_by_itself_at_its_limit():
    line = Line()
    leg = line.open(0, remote())
    line.tell(Record(leg, 1, "tip.wav", 1000))
    for sequence in range(100):
        line.speak(leg, VOICE, sequence)
        line.run(0.02)
    assert len(_recorded(line)) == 2 * 8000
    assert len(line.ordered(FinishRecording)) == 1


def test_a_recording_of_stillness_ends_by_the_clock():
    line = Line()
    leg = line.open(0, remote())
    line.tell(Record(leg, 1, "tip.wav", 1000))
    line.run(1.1)
    assert line.ordered(FinishRecording) == [FinishRecording("tip.wav")]


def test_a_recording_that_could_not_be_kept_is_told_as_empty():
    line = Line()
    leg = line.open(0, remote())
    line.tell(Record(leg, 1, "tip.wav", 1000))
    line.run(1.1)
    line.core.recording_finished("tip.wav", "disk full", line.now)
    line.run(0)
    assert [event for event in line.core.events() if isinstance(event, Recorded)] == [Recorded(leg, 1, "tip.wav", 0)]


# ---- figures


def test_loss_and_jitter_of_a_call_are_counted():
    line = _bridged()
    for sequence in range(100):
        if sequence % 10 != 5:
            line.speak(0, VOICE, sequence)
        line.run(0.02 if sequence % 2 else 0.024)
    line.tell(CloseLeg(0, 1))
    closed = line.of(LegClosed)[0]
    assert (closed.packets_received, closed.packets_lost) == (90, 10)
    assert 1 < closed.jitter < 6


# ---- agreements that nobody should make


@pytest.mark.parametrize(
    "bad",
    [
        remote(address=Address("gateway.example", 4000)),
        remote(address=Address("224.0.0.1", 4000)),
        remote(address=Address("198.51.100.7", 70000)),
        remote(payload_type=300),
    ],
    ids=["name", "multicast", "port", "payload type"],
)
def test_an_impossible_agreement_sends_nothing_anywhere(bad):
    line = Line()
    leg = line.open(0, bad)
    line.run(1)
    assert line.sent[leg] == []
    line.tell(Connect(leg, 1, remote()))
    line.run(0.1)
    assert len(line.sent[leg]) == 5


@pytest.mark.parametrize("milliseconds", [0, 7, -20, 5000])
def test_an_odd_packet_time_becomes_twenty(milliseconds):
    line = Line()
    leg = line.open(0, remote(packet_milliseconds=milliseconds))
    line.run(1)
    assert {len(data) for _, data in line.sent[leg]} == {172}


def test_an_address_is_the_same_in_every_spelling():
    line = Line()
    leg = line.open(0, remote(address=Address("2001:DB8:0::1", 4000)))
    line.arrive(leg, packet(VOICE, payload_type=8, sequence=3, timestamp=0, ssrc=1), Address("2001:db8::1", 4000))
    assert len(line.ordered(Latch)) == 1


def test_hold_in_the_old_way_and_back_does_not_move_the_line():
    line = Line()
    leg = line.open(0, remote())
    line.speak(leg, VOICE, 1)
    line.tell(Connect(leg, 1, remote(address=Address("0.0.0.0", 4000))))
    line.tell(Connect(leg, 1, remote()))
    assert line.ordered(SendTo) == [SendTo(leg, FAR)]
    assert len(line.ordered(Latch)) == 1
