"""Whatever comes to an RTP port: nothing raises, nothing grows, nobody else's sound is touched."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.media import rtcp, sdes
from ivr.media.messages import Bridge, CloseLeg, Listen, Play, Record, SrtpKeys
from ivr.media.rtp import is_rtcp, packet, parse
from ivr.media.srtp import Protection
from tests.fuzz.cases import SHAPED_TIMES, counts
from tests.unit.media.media_line import FAR, STRANGER, Line, remote

_like_rtp = st.builds(
    lambda flags, second, rest: bytes([flags, second]) + rest,
    st.sampled_from([0x80, 0x81, 0x8F, 0x90, 0xA0, 0xB3]) | st.integers(0, 255),
    st.sampled_from([8, 136, 0, 9, 101, 229, 13, 200]) | st.integers(0, 255),
    st.binary(min_size=0, max_size=60),
)
_event = st.builds(
    lambda sequence, timestamp, ssrc, event, flags, duration, marker: packet(
        bytes([event, flags]) + duration.to_bytes(2, "big"),
        payload_type=101,
        sequence=sequence,
        timestamp=timestamp,
        ssrc=ssrc,
        marker=marker,
    ),
    st.integers(0, 65535),
    st.sampled_from([0, 160, 2**32 - 1]) | st.integers(0, 2**32 - 1),
    st.integers(1, 2),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 65535),
    st.booleans(),
)
_sound = st.builds(
    lambda sequence, timestamp, ssrc, payload: packet(
        payload, payload_type=8, sequence=sequence, timestamp=timestamp, ssrc=ssrc
    ),
    st.integers(0, 65535),
    st.integers(0, 2**32 - 1),
    st.integers(1, 2),
    st.binary(max_size=400),
)
_datagrams = st.lists(
    st.tuples(st.binary(max_size=80) | _like_rtp | _event | _sound, st.sampled_from([FAR, FAR, STRANGER])), max_size=40
)


@given(st.binary(max_size=200))
@settings(max_examples=100 * SHAPED_TIMES)
def test_any_bytes_have_a_header_within_them_or_none(data):
    is_rtcp(data)
    header = parse(data)
    assert header is None or 12 <= header.start <= header.end <= len(data)


@settings(max_examples=150 * SHAPED_TIMES, deadline=None)
@given(_datagrams, st.sampled_from(["PCMA", "PCMU", "G722"]))
def test_garbage_at_a_bridge_with_a_recording_raises_nothing_and_spares_the_neighbour(datagrams, codec):
    sound = bytes(range(1, 161)) * 50
    line = Line({"one.pcma": sound})
    line.open(0, remote())
    line.open(1, remote(codec))
    line.open(2, remote())
    line.tell(Bridge(0, 1, 1, 1))
    line.tell(Record(0, 1, "tip.wav", 2000))
    line.tell(Play(2, 1, line.next_play(), "one", 1000))
    for data, source in datagrams:
        line.arrive(0, data, source)
        line.run(0.01)
    counts["rtp at a line, shaped"] += len(datagrams)
    line.run(1.3)
    assert line.payload(2)[: len(sound)] == sound
    written = sum(len(order.samples) for order in line.orders if hasattr(order, "samples"))
    assert written <= 2 * 8 * 2000


@settings(max_examples=100 * SHAPED_TIMES, deadline=None)
@given(st.lists(_event, max_size=60))
def test_a_flood_of_events_tells_no_more_presses_than_packets(events):
    line = Line()
    line.open(0, remote())
    for data in events:
        line.arrive(0, data)
    counts["rtp at a line, shaped"] += len(events)
    line.run(1)
    assert len(line.events) <= len(events) + 2


@settings(max_examples=100 * SHAPED_TIMES, deadline=None)
@given(_datagrams, st.sampled_from(["PCMA", "PCMU", "G722"]), st.sampled_from([10, 20, 30, 60]), st.integers(0, 50))
def test_garbage_at_legs_that_are_listened_to_and_converted_raises_nothing(datagrams, codec, milliseconds, close_at):
    sound = bytes(range(1, 161)) * 50
    line = Line({"one.pcma": sound})
    line.open(0, remote(telephone_event=None, comfort_noise=13))
    line.open(1, remote(codec, packet_milliseconds=milliseconds, telephone_event=None))
    line.open(2, remote())
    line.tell(Listen(0, 1, talking=True, beep=True))
    line.tell(Bridge(0, 1, 1, 1))
    line.tell(Play(2, 1, line.next_play(), "one", 1000))
    for number, (data, source) in enumerate(datagrams):
        line.arrive(0, data, source)
        line.core.receive_report(0, data, line.now)
        line.run(0.01)
        if number == close_at:
            line.tell(CloseLeg(0, 1))
    counts["rtp at a line, shaped"] += len(datagrams)
    line.run(1.3)
    assert line.payload(2)[: len(sound)] == sound
    assert {len(data) for _, data in line.sent[1]} <= {12 + 8 * milliseconds}


@given(st.binary(max_size=300))
@settings(max_examples=100 * SHAPED_TIMES)
def test_any_report_is_read_or_refused(data):
    for prefix in (b"", b"\x81\xc8\x00\x0c", b"\x9f\xc9\x00\xf8"):
        rtcp.parse(prefix + data)


@given(st.text(max_size=120) | st.from_regex(r"[0-9]{1,3} AES_CM_128_HMAC_SHA1_80 inline:[A-Za-z0-9+/=|:;^]{0,60}"))
@settings(max_examples=100 * SHAPED_TIMES)
def test_any_crypto_line_is_read_or_passed_over(value):
    crypto = sdes.parse(value)
    assert crypto is None or sdes.parse(str(crypto)) == crypto


_protection = Protection(SrtpKeys("AES_CM_128_HMAC_SHA1_80", bytes(30), bytes(range(30))))


@given(st.binary(max_size=2048) | _like_rtp)
@settings(max_examples=100 * SHAPED_TIMES)
def test_nothing_without_the_key_is_taken(data):
    assert _protection.unprotect(data) is None
    assert _protection.unprotect_report(data) is None
