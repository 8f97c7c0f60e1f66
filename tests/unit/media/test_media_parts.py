"""Codecs, order, framing, port slices: the small parts of media."""

import random
import struct

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.endpoints import Address
from ivr.media.codecs import Decoder, Encoder, Transcoder, silence
from ivr.media.files import PromptFiles, RecordingFiles
from ivr.media.framing import FramingError, Reader, encode
from ivr.media.jitter import Reorder
from ivr.media.messages import (
    Bridge,
    Connect,
    Digit,
    LegClosed,
    MediaLegId,
    OpenLeg,
    Play,
    PlayEnded,
    PlayId,
    Record,
    Remote,
)
from ivr.media.pool import slices
from ivr.media.rtp import Reception, packet, parse, sequence_step, timestamp_step

# ITU-T G.711 (tables 1a and 2a), as decision and decoder values on the 16-bit scale: byte, sample.
ALAW = [(0xD5, 8), (0x55, -8), (0xD4, 24), (0x80, 5504), (0xAA, 32256), (0x2A, -32256), (0xC5, 264), (0xF5, 528)]
MULAW = [(0xFF, 0), (0x7F, 0), (0xFE, 8), (0x80, 32124), (0x00, -32124), (0xEF, 132), (0xAF, 4092)]


@pytest.mark.parametrize(("codec", "table"), [("PCMA", ALAW), ("PCMU", MULAW)])
def test_g711_bytes_mean_what_the_itu_says(codec, table):
    for octet, sample in table:
        assert Decoder(codec).decode(bytes([octet]))[0] == sample


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
def test_g711_round_trips(codec):
    samples = Decoder(codec).decode(bytes(range(256)))
    again = Decoder(codec).decode(Encoder(codec).encode(samples))
    assert (samples == again).all()


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
def test_g711_is_within_half_a_step_of_every_sample(codec):
    samples = numpy.arange(-32768, 32768).astype(numpy.int16)
    decoded = Decoder(codec).decode(Encoder(codec).encode(samples)).astype(int)
    inside = abs(samples.astype(int)) < 32000
    error = abs(decoded - samples.astype(int))[inside]
    assert (error <= numpy.maximum((abs(samples.astype(int))[inside] + 132) / 16 / 2 * 1.1, 16)).all()


@pytest.mark.parametrize("codec", ["PCMA", "PCMU", "G722"])
def test_silence_is_silent(codec):
    assert abs(Decoder(codec).decode(silence(codec, 1600)).astype(int)).max() <= 8


def test_g722_carries_a_tone():
    wave = (8000 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(8000) / 8000)).astype(numpy.int16)
    encoded = Transcoder("PCMA", "G722").convert(Encoder("PCMA").encode(wave))
    assert len(encoded) == 8000
    heard = Transcoder("G722", "PCMU").convert(encoded)
    spectrum = abs(numpy.fft.rfft(Decoder("PCMU").decode(heard)[800:]))
    assert abs(spectrum.argmax() * 8000 / 7200 - 440) < 2


def test_an_empty_payload_is_no_sound():
    for source in ("PCMA", "G722"):
        assert Transcoder(source, "G722").convert(b"") == b""


# ---- order


def test_packets_in_order_wait_for_nothing():
    order = Reorder()
    for sequence in (65534, 65535, 0, 1):
        assert [entry.sequence for entry in order.push(sequence, 0, b"")] == [sequence]


@given(st.integers(0, 65535), st.integers(0, 10_000))
def test_slight_disorder_comes_out_in_order(first, seed):
    draw = random.Random(seed)
    numbers = [(first + n) % 65536 for n in range(50)]
    mixed = numbers[:1] + sorted(
        numbers[1:], key=lambda number: (number - first) % 65536 + draw.choice((0, 0, 1.5, 2.5))
    )
    order, out = Reorder(depth=4), []
    for number in mixed:
        out += [entry.sequence for entry in order.push(number, 0, b"")]
    out += [entry.sequence for entry in order.flush()]
    assert out == numbers


def test_what_is_later_than_the_depth_is_given_up():
    order, out = Reorder(depth=3), []
    for number in (1, 2, 4, 5, 6, 7, 3, 8):
        out.append([entry.sequence for entry in order.push(number, 0, b"")])
    assert out == [[1], [2], [], [], [], [4, 5, 6, 7], [], [8]]


def test_a_sender_that_begins_anew_is_followed():
    order = Reorder()
    order.push(100, 0, b"")
    assert [entry.sequence for entry in order.push(40000, 0, b"")] == [40000]
    assert [entry.sequence for entry in order.push(40001, 0, b"")] == [40001]


# ---- header arithmetic


def test_steps_across_the_wrap():
    assert sequence_step(1, 65535) == 2
    assert sequence_step(65535, 1) == -2
    assert timestamp_step(100, 2**32 - 60) == 160


def test_a_header_with_csrcs_extension_and_padding():
    plain = packet(b"sound", payload_type=8, sequence=5, timestamp=9, ssrc=3, marker=True)
    data = (
        bytes([0x80 | 0x20 | 0x10 | 2])
        + plain[1:12]
        + bytes(8)
        + struct.pack("!HH", 1, 1)
        + bytes(4)
        + b"sound"
        + b"\0\0\3"
    )
    header = parse(data)
    assert header is not None
    assert data[header.start : header.end] == b"sound"
    assert (header.marker, header.payload_type, header.sequence, header.timestamp, header.ssrc) == (True, 8, 5, 9, 3)


def test_packets_that_come_twice_or_late_are_no_negative_loss():
    reception = Reception()
    for sequence in (1, 2, 2, 2, 4, 3):
        reception.count(sequence, 160 * sequence, 1, sequence * 0.02)
    assert reception.lost == 0
    assert reception.received == 6


# ---- framing

MESSAGES = [
    OpenLeg(MediaLegId(1), 2, 2**32 - 1, 65535, 0),
    Connect(MediaLegId(1), 2, Remote(Address("2001:db8::1", 9), "G722", 9, None, 30, "recvonly", ("192.0.2.1",))),
    Play(MediaLegId(1), 2, PlayId(3), "/x/é", 1000, None, "12"),
    Bridge(MediaLegId(1), 2, MediaLegId(3), 4),
    Record(MediaLegId(1), 2, "/tmp/x.wav", 5),
    Digit(MediaLegId(1), 2, "#", 100),
    PlayEnded(MediaLegId(1), 2, PlayId(3), 500, complete=False, digit="1"),
    LegClosed(MediaLegId(1), 2, 3, 4, 5, 0.25),
]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_messages_survive_any_cutting_of_the_stream(size):
    stream = b"".join(map(encode, MESSAGES))
    reader = Reader()
    out = [message for at in range(0, len(stream), size) for message in reader.feed(stream[at : at + size])]
    assert out == MESSAGES


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\0\0\0\2xx", encode(MESSAGES[0])[:4] + b"\0" * 60])
def test_a_stream_of_something_else_is_refused(data):
    with pytest.raises(FramingError):
        list(Reader().feed(data))


# ---- ports and files


def test_ports_are_split_evenly_on_even_borders():
    assert slices("20000-29999", 1) == [(20000, 29999)]
    assert slices("20000-29999", 2) == [(20000, 24999), (25000, 29999)]
    assert slices("20001-20010", 2) == [(20002, 20005), (20006, 20009)]


def test_a_range_without_room_says_so():
    with pytest.raises(ValueError, match="widen the range"):
        slices("20000-20002", 2)


def test_a_prompt_is_mapped_once(tmp_path):
    (tmp_path / "one.pcma").write_bytes(b"\x11" * 100)
    load = PromptFiles()
    first = load(str(tmp_path / "one"), "PCMA", 10)
    assert first is load(str(tmp_path / "one"), "PCMA", 10)
    assert not first.flags.writeable
    with pytest.raises(FileNotFoundError):
        load(str(tmp_path / "two"), "PCMA", 10)


def test_an_unfinished_recording_never_has_the_final_name(tmp_path):
    files, path = RecordingFiles(), tmp_path / "tip.wav"
    files.write(str(path), b"\1\0" * 80)
    assert [found.name for found in tmp_path.iterdir()] == ["tip.wav.part"]
    assert files.finish(str(path)) is None
    assert [found.name for found in tmp_path.iterdir()] == ["tip.wav"]
    assert path.stat().st_size == 44 + 160


def test_a_recording_without_a_folder_fails_in_words(tmp_path):
    files, path = RecordingFiles(), tmp_path / "absent" / "tip.wav"
    files.write(str(path), b"\1\0")
    fault = files.finish(str(path))
    assert fault is not None
    assert "not kept" in fault
