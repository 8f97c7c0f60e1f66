"""Whatever comes to an RTP port: nothing raises, nothing grows, nobody else's sound is touched."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.media.messages import Bridge, Play, Record
from ivr.media.rtp import is_rtcp, packet, parse
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
def test_any_bytes_have_a_header_within_them_or_none(data):
    is_rtcp(data)
    header = parse(data)
    assert header is None or 12 <= header.start <= header.end <= len(data)


@settings(max_examples=150, deadline=None)
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
    line.run(1.3)
    assert line.payload(2)[: len(sound)] == sound
    written = sum(len(order.samples) for order in line.orders if hasattr(order, "samples"))
    assert written <= 2 * 8 * 2000


@settings(max_examples=100, deadline=None)
@given(st.lists(_event, max_size=60))
def test_a_flood_of_events_tells_no_more_presses_than_packets(events):
    line = Line()
    line.open(0, remote())
    for data in events:
        line.arrive(0, data)
    line.run(1)
    assert len(line.events) <= len(events) + 2
