"""What a leg sends: sounds and tones by the clock, hold, reports, digits."""

from itertools import pairwise

import pytest

from ivr.media.codecs import Decoder, silence
from ivr.media.leg import TRANSITIONS, LineEvent
from ivr.media.leg import Line as LineState
from ivr.media.messages import (
    CloseLeg,
    Connect,
    LegClosed,
    LegFailed,
    Play,
    Played,
    PlayEnded,
    PlayTone,
    SendDigit,
    StopPlaying,
)
from ivr.media.rtp import parse
from ivr.media.tones import PATTERNS, rendered
from tests.unit.media.media_line import Line, remote

SOUND = bytes(range(1, 201)) * 40  # 8000 bytes: one second


def _line() -> Line:
    return Line({"one.pcma": SOUND, "one.pcmu": SOUND[::-1], "odd.pcma": b"\x11" * 1000, "empty.pcma": b""})


def _play(line: Line, leg: int, stem: str = "one", **options: object) -> int:
    play = line.next_play()
    line.tell(Play(leg, 1, play, stem, 1000, **options))  # type: ignore[arg-type]  # a test's options
    return play


def test_a_sound_is_sent_whole_in_packets_of_twenty_milliseconds():
    line = _line()
    leg = line.open(0, remote())
    play = _play(line, leg)
    line.run(1.2)
    assert line.payload(leg)[: len(SOUND)] == SOUND
    assert set(line.payload(leg)[len(SOUND) :]) == set(silence("PCMA", 1))
    assert line.of(PlayEnded) == [PlayEnded(leg, 1, play, 1000, complete=True)]
    moments = [moment for moment, _ in line.sent[leg]]
    assert all(later - earlier == pytest.approx(0.02) for earlier, later in pairwise(moments))


def test_sequence_and_timestamp_count_on_across_their_wrap_and_the_first_packet_is_marked():
    line = _line()
    leg = line.open(0, remote())
    _play(line, leg)
    line.run(1.2)
    headers = line.headers(leg)
    assert headers[0].sequence == 65530
    assert [header.marker for header in headers] == [True] + [False] * (len(headers) - 1)
    assert all((after.sequence - before.sequence) % 65536 == 1 for before, after in pairwise(headers))
    assert all((after.timestamp - before.timestamp) % 2**32 == 160 for before, after in pairwise(headers))
    assert {header.ssrc for header in headers} == {0xABCD0000}
    assert {header.payload_type for header in headers} == {8}


@pytest.mark.parametrize("milliseconds", [10, 20, 30, 40, 60])
def test_other_packet_times(milliseconds):
    line = _line()
    leg = line.open(0, remote(packet_milliseconds=milliseconds))
    _play(line, leg)
    line.run(1.2)
    assert line.payload(leg)[: len(SOUND)] == SOUND
    assert {len(data) for _, data in line.sent[leg]} == {12 + 8 * milliseconds}
    moments = [moment for moment, _ in line.sent[leg]]
    assert all(later - earlier == pytest.approx(milliseconds / 1000) for earlier, later in pairwise(moments))


def test_the_last_packet_is_filled_up_with_stillness_that_does_not_count_as_heard():
    line = _line()
    leg = line.open(0, remote())
    _play(line, leg, "odd")
    line.run(0.5)
    assert line.payload(leg)[:1120] == b"\x11" * 1000 + silence("PCMA", 120)
    assert [event.milliseconds for event in line.of(PlayEnded)] == [125]


def test_legs_are_spread_over_the_ticks_of_a_packet_time():
    line = _line()
    legs = [line.open(number, remote()) for number in range(8)]
    for leg in legs:
        _play(line, leg)
    line.run(1.2)
    firsts = sorted(round(line.sent[leg][0][0] - 100.0, 3) for leg in legs)
    assert firsts == [0.005, 0.005, 0.01, 0.01, 0.015, 0.015, 0.02, 0.02]
    assert all(line.payload(leg)[: len(SOUND)] == SOUND for leg in legs)


def test_rows_stay_right_when_legs_come_and_go_among_them():
    line = _line()
    for number in range(40):
        line.open(number, remote())
        _play(line, number, "one" if number % 3 else "odd")
        line.run(0.01)
    for number in range(0, 40, 4):
        line.tell(CloseLeg(number, 1))
        line.run(0.005)
    line.run(1.5)
    for number in range(40):
        if number % 4 and number % 3:
            assert line.payload(number)[: len(SOUND)] == SOUND
            headers = line.headers(number)
            assert {header.ssrc for header in headers} == {0xABCD0000 + number}
            assert all((after.sequence - before.sequence) % 65536 == 1 for before, after in pairwise(headers))


def test_the_report_comes_once_and_at_its_time():
    line = _line()
    leg = line.open(0, remote())
    play = _play(line, leg, report_at=800)
    line.run(0.7)
    assert line.of(Played) == []
    line.run(1.0)
    assert line.of(Played) == [Played(leg, 1, play, 800)]


def test_a_report_later_than_the_sound_comes_at_its_end():
    line = _line()
    leg = line.open(0, remote())
    play = _play(line, leg, report_at=5000)
    line.run(1.2)
    assert line.of(Played) == [Played(leg, 1, play, 1000)]


def test_nothing_is_played_to_a_line_that_is_not_yet_open():
    line = _line()
    leg = line.open(0)
    play = _play(line, leg, report_at=800)
    line.run(5)
    assert line.sent[leg] == []
    assert line.events[1:] == []
    line.tell(Connect(leg, 1, remote()))
    line.run(1.2)
    assert line.payload(leg)[: len(SOUND)] == SOUND
    assert line.of(Played) == [Played(leg, 1, play, 800)]


@pytest.mark.parametrize(
    "held",
    [
        remote(direction="recvonly"),
        remote(direction="inactive"),
        remote(address=type(remote().address)("0.0.0.0", 4000)),
    ],
)
def test_hold_stops_the_sound_and_resuming_goes_on_where_it_stopped(held):
    line = _line()
    leg = line.open(0, remote())
    play = _play(line, leg, report_at=800)
    line.run(0.501)
    before = len(line.sent[leg])
    line.tell(Connect(leg, 1, held))
    line.run(10)
    assert len(line.sent[leg]) == before
    assert line.of(Played) == []
    line.tell(Connect(leg, 1, remote()))
    line.run(1.0)
    assert line.payload(leg)[: len(SOUND)] == SOUND
    assert line.of(PlayEnded) == [PlayEnded(leg, 1, play, 1000, complete=True)]
    headers = line.headers(leg)
    assert headers[before].marker
    assert (headers[before].sequence - headers[before - 1].sequence) % 65536 == 1
    assert (headers[before].timestamp - headers[before - 1].timestamp) % 2**32 > 10 * 8000


def test_sendonly_is_an_open_line():
    line = _line()
    leg = line.open(0, remote(direction="sendonly"))
    _play(line, leg)
    line.run(1.2)
    assert line.payload(leg)[: len(SOUND)] == SOUND


def test_what_was_heard_of_a_call_that_ends_is_told_before_its_end():
    line = _line()
    leg = line.open(0, remote())
    play = _play(line, leg)
    line.run(0.501)
    line.tell(CloseLeg(leg, 1))
    assert line.events[-2] == PlayEnded(leg, 1, play, 500, complete=False)
    assert line.events[-1] == LegClosed(leg, 1, 25, 0, 0, 0.0)
    sent = len(line.sent[leg])
    line.run(1)
    assert len(line.sent[leg]) == sent
    assert line.core.next_deadline() is None


def test_a_second_sound_replaces_the_first():
    line = _line()
    leg = line.open(0, remote())
    first = _play(line, leg)
    line.run(0.301)
    second = _play(line, leg, "odd")
    line.run(1)
    assert line.of(PlayEnded) == [
        PlayEnded(leg, 1, first, 300, complete=False),
        PlayEnded(leg, 1, second, 125, complete=True),
    ]


def test_stopping_what_is_no_longer_played_stops_nothing():
    line = _line()
    leg = line.open(0, remote())
    first = _play(line, leg)
    second = _play(line, leg)
    line.tell(StopPlaying(leg, 1, first))
    line.run(0.1)
    assert [event.play for event in line.of(PlayEnded)] == [first]
    line.tell(StopPlaying(leg, 1, second))
    assert [event.play for event in line.of(PlayEnded)] == [first, second]


@pytest.mark.parametrize("stem", ["absent", "empty"])
def test_a_sound_that_cannot_be_read_ends_at_once(stem):
    line = _line()
    leg = line.open(0, remote())
    play = _play(line, leg, stem)
    line.run(0.1)
    complete = stem == "empty"
    assert line.of(PlayEnded) == [PlayEnded(leg, 1, play, 0, complete=complete)]
    assert len(line.of(LegFailed)) == (0 if complete else 1)


def test_another_codec_in_the_middle_of_a_sound():
    line = _line()
    leg = line.open(0, remote())
    _play(line, leg)
    line.run(0.501)
    line.tell(Connect(leg, 1, remote("PCMU")))
    line.run(0.6)
    assert line.payload(leg)[:8000] == SOUND[:4000] + SOUND[::-1][4000:]
    assert [header.payload_type for header in line.headers(leg)][24:26] == [8, 0]


def test_ringback_repeats_until_it_is_stopped():
    line = _line()
    leg = line.open(0, remote())
    play = line.next_play()
    line.tell(PlayTone(leg, 1, play, "ringback"))
    line.run(11)
    sound = Decoder("PCMA").decode(line.payload(leg))
    loud = [abs(sound[8000 * second : 8000 * second + 8000]).max() > 1000 for second in range(10)]
    assert loud == [True, False, False, False, False] * 2
    line.tell(StopPlaying(leg, 1, play))
    assert [event.milliseconds for event in line.of(PlayEnded)] == [11000]


def test_a_tone_for_a_time_and_one_that_ends_by_itself():
    line = _line()
    leg = line.open(0, remote())
    line.tell(PlayTone(leg, 1, line.next_play(), "test", 7000))
    line.run(7.1)
    line.tell(PlayTone(leg, 1, line.next_play(), "beep"))
    line.run(1)
    assert [(event.milliseconds, event.complete) for event in line.of(PlayEnded)] == [(7000, True), (400, True)]


@pytest.mark.parametrize("tone", PATTERNS)
def test_tones_have_their_level_in_every_codec(tone):
    for codec in ("PCMA", "PCMU", "G722"):
        sound = Decoder(codec).decode(rendered(tone, codec).tobytes())
        assert 2000 < abs(sound.astype(int)).max() < 14000


def test_a_digit_is_sent_as_events_with_three_ends_and_the_sound_goes_on():
    line = _line()
    leg = line.open(0, remote(telephone_event=96))
    _play(line, leg)
    line.run(0.101)
    line.tell(SendDigit(leg, 1, "5", 100))
    line.tell(SendDigit(leg, 1, "#", 100))
    line.run(2)
    events = [
        (header, data)
        for header, (_, data) in zip(line.headers(leg), line.sent[leg], strict=True)
        if header.payload_type == 96
    ]
    assert [data[12] for _, data in events] == [5] * 7 + [11] * 7
    assert [data[13] >> 7 for _, data in events] == [0, 0, 0, 0, 1, 1, 1] * 2
    assert [header.marker for header, _ in events] == ([True] + [False] * 6) * 2
    assert len({header.timestamp for header, _ in events}) == 2
    assert line.payload(leg)[: len(SOUND)] == SOUND
    numbers = [parse(data).sequence for _, data in line.sent[leg]]
    assert all((after - before) % 65536 == 1 for before, after in pairwise(numbers))


def test_no_event_packet_goes_to_a_phone_without_telephone_events():
    line = _line()
    leg = line.open(0, remote(telephone_event=None))
    line.tell(SendDigit(leg, 1, "5"))
    line.run(1)
    assert {header.payload_type for header in line.headers(leg)} == {8}


def test_a_long_stall_is_not_made_up_for_in_a_burst():
    line = _line()
    leg = line.open(0, remote())
    _play(line, leg)
    line.run(0.101)
    before = len(line.sent[leg])
    line.now += 3.0
    for bank in line.core.packets(line.now):
        line.sent[leg] += [(line.now, bytes(bank.views[0]))]
    line.run(0.1)
    assert len(line.sent[leg]) - before <= 11
    headers = line.headers(leg)
    assert (headers[-1].timestamp - headers[before - 1].timestamp) % 2**32 >= 2.7 * 8000


def test_a_word_about_an_earlier_use_of_the_number_changes_nothing():
    line = _line()
    leg = line.open(0, remote(), generation=2)
    line.tell(CloseLeg(leg, 1))
    line.tell(Play(leg, 1, line.next_play(), "one", 1000))
    assert line.of(LegClosed) == []
    line.tell(CloseLeg(leg, 2))
    assert len(line.of(LegClosed)) == 1


def test_every_state_but_closed_takes_every_event():
    states = set(LineState) - {LineState.CLOSED}
    assert set(TRANSITIONS) == {(state, event) for state in states for event in LineEvent}


def test_a_line_that_has_nothing_to_say_is_kept_by_comfort_noise_where_it_is_understood():
    line = Line({"word.pcma": b"\x11" * 1600})
    leg = line.open(0, remote(comfort_noise=13))
    line.run(2)
    assert [(header.payload_type, header.end - header.start) for header in line.headers(leg)] == [(13, 1)] * 5
    line.sent[leg].clear()
    line.tell(Play(leg, 1, line.next_play(), "word", 200))
    line.run(1)
    headers = line.headers(leg)
    assert [header.payload_type for header in headers[:10]] == [8] * 10
    assert headers[0].marker
    assert {header.payload_type for header in headers[10:]} == {13}
    assert 2 <= len(headers[10:]) <= 4
    line.tell(Connect(leg, 1, remote(comfort_noise=13, direction="inactive")))
    line.sent[leg].clear()
    line.run(2)
    assert line.sent[leg] == []
