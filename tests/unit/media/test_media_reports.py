"""RTCP, the quality of a call, and lines on which nothing comes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.endpoints import Address
from ivr.media.messages import CloseLeg, Connect, LegClosed, Listen, NoMedia, Play
from ivr.media.orders import CountUnheard, ListenToDigits, ReportTo
from ivr.media.quality import mean_opinion_score
from ivr.media.rtcp import Block, Report, SenderInfo, encode, middle, ntp_of, parse
from ivr.media.rtp import packet
from tests.unit.media.media_line import FAR, Line, remote

VOICE = bytes(range(160))

_blocks = st.builds(
    Block,
    ssrc=st.integers(0, 2**32 - 1),
    lost_share=st.integers(0, 255).map(lambda part: part / 256),
    lost=st.integers(-(2**23), 2**23 - 1),
    highest=st.integers(0, 2**32 - 1),
    jitter=st.integers(0, 2**32 - 1),
    last_report=st.integers(0, 2**32 - 1),
    delay=st.integers(0, 2**32 - 1),
)
_reports = st.builds(
    Report,
    ssrc=st.integers(0, 2**32 - 1),
    sender=st.none() | st.builds(SenderInfo, st.integers(0, 2**64 - 1), *[st.integers(0, 2**32 - 1)] * 3),
    blocks=st.lists(_blocks, max_size=31).map(tuple),
    goodbye=st.booleans(),
)


@given(_reports, st.text(max_size=300))
def test_reports_round_trip(report, name):
    data = encode(report, name)
    assert len(data) % 4 == 0
    assert parse(data) == report


@given(st.binary(max_size=200) | _reports.map(lambda report: encode(report, "x")[:-4]))
def test_anything_else_is_nothing(data):
    parsed = parse(data)
    assert parsed is None or isinstance(parsed, Report)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes([0x80, 200, 0, 1]) + bytes(4),
        bytes([0x82, 201, 0, 1]) + bytes(4),
        bytes([0x80, 202, 0, 1]) + bytes(4),
        bytes([0x40, 201, 0, 1]) + bytes(4),
        bytes([0x80, 201, 0, 9]) + bytes(4),
        bytes([0x80, 201, 0, 0]),
        bytes([0x80, 201, 0, 1]) + bytes(4) + b"\x80",
    ],
)
def test_what_contradicts_itself_is_nothing(data):
    assert parse(data) is None


def speaking(seconds: float, *, lose: int = 0, first: int = 0, line: Line | None = None) -> Line:
    """A call of which we hear all packets but each `lose`-th (a report of 0 s begins it)."""
    if line is None:
        line = Line()
        line.open(0, remote(telephone_event=None))
    for number in range(first, first + round(50 * seconds)):
        if not lose or number % lose:
            line.speak(0, VOICE, number)
        line.run(0.02)
    return line


def test_each_leg_reports_what_it_sent_and_heard():
    line = speaking(21, lose=10)
    reports = [parse(data) for _, data in line.reports]
    assert 3 <= len(reports) <= 5
    assert line.ordered(ReportTo) == [ReportTo(0, Address(FAR.host, FAR.port + 1))]
    last = reports[-1]
    assert last is not None
    assert last.sender is not None
    assert 0 < last.sender.packets <= 1050
    (block,) = last.blocks
    assert block.ssrc == 77
    assert abs(block.lost_share - 0.1) < 0.02
    assert abs(block.lost - block.highest / 10) <= 3


def test_reports_go_where_the_agreement_says():
    line = Line()
    line.open(0, remote(rtcp_port=7777))
    line.speak(0, VOICE, 1)
    assert line.ordered(ReportTo) == [ReportTo(0, Address(FAR.host, 7777))]


def test_reports_of_who_sends_no_sound_are_heard_too():
    """One-way sound: their reports alone say that ours arrives."""
    line = Line()
    line.open(0, remote())
    assert line.ordered(ReportTo) == [ReportTo(0, Address(FAR.host, FAR.port + 1))]
    line.core.receive_report(0, encode(Report(77, None, (Block(0xABCD0000, 0, 3, 9, 9),)), "x"), line.now)
    line.tell(CloseLeg(0, 1))
    (closed,) = line.of(LegClosed)
    assert closed.packets_received == 0  # type: ignore[attr-defined]  # a LegClosed
    assert closed.remote_lost == 3  # type: ignore[attr-defined]  # a LegClosed


def test_reports_follow_the_sound_to_where_it_comes_from():
    line = Line()
    line.open(0, remote())
    mapped = Address(FAR.host, 9000)
    for number in range(2):
        line.arrive(0, packet(VOICE, sequence=number, timestamp=160 * number, payload_type=8, ssrc=77), mapped)
    assert [order.address for order in line.ordered(ReportTo)] == [  # type: ignore[attr-defined]  # each a ReportTo
        Address(FAR.host, FAR.port + 1),
        Address(FAR.host, 9001),
    ]


def test_where_only_digits_were_listened_to_nothing_is_said_of_the_rest():
    line = Line()
    line.open(0, remote())
    line.speak(0, VOICE, 1)
    line.run(7)
    (report,) = [parse(data) for _, data in line.reports]
    assert report is not None
    assert report.sender is not None
    assert report.blocks == ()


def test_nothing_is_said_of_a_stream_that_is_no_longer_listened_to():
    line = Line()
    line.open(0, remote())
    line.speak(0, VOICE, 0)
    line.tell(Listen(0, 1, talking=True, beep=False))
    for number in range(1, 50):
        line.speak(0, VOICE, number)
        line.run(0.02)
    line.tell(Listen(0, 1, talking=False, beep=False))
    line.run(6)
    (report,) = [parse(data) for _, data in line.reports]
    assert report is not None
    assert report.blocks == ()


def test_the_other_side_tells_of_loss_jitter_and_the_way_there_and_back():
    line = speaking(7)
    ours = parse(line.reports[-1][1])
    assert ours is not None
    assert ours.sender is not None
    # The far end had it for 1 s; the way there and back took the rest.
    sent_at = ours.sender.ntp / 2**32
    line.run(sent_at + 1.25 - line.now)
    theirs = Block(ours.ssrc, 0.05, 17, 350, 80, middle(ours.sender.ntp), round(1.0 * 65536))
    line.core.receive_report(0, encode(Report(77, None, (Block(5, 0, 9, 9, 9), theirs)), "x"), line.now)
    line.tell(CloseLeg(0, 1))
    (closed,) = line.of(LegClosed)
    assert closed.remote_lost == 17  # type: ignore[attr-defined]  # a LegClosed
    assert closed.remote_jitter == 10.0  # type: ignore[attr-defined]  # a LegClosed
    assert abs(closed.round_trip_milliseconds - 250) < 1  # type: ignore[attr-defined]  # a LegClosed
    assert 2.5 < closed.mean_opinion_score < 4.2  # type: ignore[attr-defined]  # a LegClosed
    goodbye = parse(line.reports[-1][1])
    assert goodbye is not None
    assert goodbye.goodbye


def test_our_report_lets_the_other_side_measure_too():
    line = speaking(1)
    arrived = line.now
    line.core.receive_report(0, encode(Report(77, SenderInfo(ntp_of(5.5), 0, 1, 1), ()), "x"), arrived)
    line = speaking(8, first=50, line=line)
    report = parse(line.reports[-1][1])
    assert report is not None
    (block,) = report.blocks
    assert block.last_report == middle(ntp_of(5.5))
    assert 0 < block.delay / 65536 <= line.now - arrived


def test_a_call_of_which_nothing_is_known_has_no_score():
    line = Line()
    leg = line.open(0, remote())
    line.tell(CloseLeg(leg, 1))
    (closed,) = line.of(LegClosed)
    assert closed == LegClosed(leg, 1, 0, 0, 0, 0.0)


def test_scores_fall_with_loss_jitter_and_delay():
    best = mean_opinion_score(0, 0, None)
    assert 4.3 < best < 4.5
    for worse in ((0.01, 0, 0), (0, 60, 0), (0, 0, 500)):
        assert mean_opinion_score(*worse) < best - 0.05
    assert mean_opinion_score(0.03, 0, 0) > mean_opinion_score(0.1, 0, 0)
    assert mean_opinion_score(1, 1000, 10000) == 1.0


def test_a_line_on_which_nothing_comes_is_told_once_a_silence():
    line = Line({"long.pcma": bytes(800000)})
    leg = line.open(0, remote())
    line.tell(Play(leg, 1, line.next_play(), "long", 100000))
    line.run(30)
    assert len(line.of(NoMedia)) == 1
    assert line.of(NoMedia)[0].milliseconds >= 10000  # type: ignore[attr-defined]  # a NoMedia
    line.speak(leg, VOICE, 1)
    line.run(9)
    line.core.unheard(leg, 450)
    line.run(9)
    assert len(line.of(NoMedia)) == 1
    line.run(20)
    assert len(line.of(NoMedia)) == 2
    assert CountUnheard(leg) in line.orders


def test_nobody_misses_what_a_held_line_does_not_bring():
    line = Line()
    leg = line.open(0, remote(direction="sendonly"))
    line.run(40)
    assert line.of(NoMedia) == []
    line.tell(Connect(leg, 1, remote()))
    line.run(40)
    assert len(line.of(NoMedia)) == 1


@given(st.binary(max_size=120))
def test_garbage_on_the_port_of_reports_harms_nothing(data):
    line = speaking(0.1)
    line.core.receive_report(0, data, line.now)
    line.core.receive_report(9, struct.pack("!BBHI", 0x80, 201, 1, 0), line.now)
    line.tell(CloseLeg(0, 1))
    assert len(line.of(LegClosed)) == 1


def test_reports_come_and_go_with_the_sound_where_both_sides_agreed():
    """RFC 5761: one port, told apart by the packet type; the kernel's filter lets both through."""
    line = Line()
    leg = line.open(0, remote(rtcp_mux=True))
    line.speak(leg, VOICE, 1)
    assert line.ordered(ReportTo) == [ReportTo(leg, None)]
    assert line.ordered(ListenToDigits) == [ListenToDigits(leg, 101, reports=True)]
    line.arrive(leg, encode(Report(77, None, (Block(0xABCD0000, 0, 3, 9, 9),)), "x"))
    line.tell(CloseLeg(leg, 1))
    (closed,) = line.of(LegClosed)
    assert (closed.remote_lost, closed.packets_received) == (3, 1)  # type: ignore[attr-defined]  # a LegClosed


@pytest.mark.parametrize("agreed", [False, True])
def test_reports_on_the_sound_port_need_an_agreement_and_a_known_source(agreed):
    line = Line()
    leg = line.open(0, remote(rtcp_mux=agreed))
    report = encode(Report(77, None, (Block(0xABCD0000, 0, 3, 9, 9),)), "x")
    line.arrive(leg, report)
    if not agreed:
        line.speak(leg, VOICE, 1)
        line.arrive(leg, report)
    line.tell(CloseLeg(leg, 1))
    (closed,) = line.of(LegClosed)
    assert closed.remote_lost is None  # type: ignore[attr-defined]  # a LegClosed


def test_a_new_agreement_moves_the_reports():
    line = Line()
    leg = line.open(0, remote())
    line.speak(leg, VOICE, 1)
    line.tell(Connect(leg, 1, remote(rtcp_mux=True)))
    assert line.ordered(ReportTo) == [ReportTo(leg, Address(FAR.host, FAR.port + 1)), ReportTo(leg, None)]
    assert line.ordered(ListenToDigits)[-1] == ListenToDigits(leg, 101, reports=True)
