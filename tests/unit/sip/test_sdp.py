"""Offer and answer: what is agreed, in which direction, and descriptions of every odd kind."""

from __future__ import annotations

import pytest

from foundation.endpoints import Address
from foundation.sound import Codec
from ivr.media.messages import Direction
from ivr.sip import sdp
from ivr.sip.sdp import Local, SdpFault, agreed, answer, offer, parse

OURS = Local(Address("192.0.2.1", 20000), session=7)
ALL: tuple[Codec, ...] = ("PCMA", "G722", "PCMU")


def _theirs(
    media: str = "m=audio 4000 RTP/AVP 0 8 96\r\na=rtpmap:96 telephone-event/8000\r\n", head: str = ""
) -> bytes:
    return f"v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{head}{media}".encode()


def test_our_offer_names_codecs_in_order_and_events() -> None:
    text = offer(OURS, ALL).decode()
    assert "m=audio 20000 RTP/AVP 8 9 0 101 13\r\n" in text
    assert "c=IN IP4 192.0.2.1\r\n" in text
    assert "a=rtpmap:9 G722/8000\r\n" in text
    assert "a=rtpmap:101 telephone-event/8000\r\n" in text
    assert "a=sendrecv\r\n" in text
    assert "IN IP6 2001:db8::1" in offer(Local(Address("2001:db8::1", 20000), 7), ALL).decode()


def test_an_answer_takes_their_first_codec_that_we_speak_and_their_event_number() -> None:
    ours, remote = answer(_theirs(), OURS, ("PCMA",))
    assert (remote.address, remote.codec, remote.payload_type) == (Address("198.51.100.7", 4000), "PCMA", 8)
    assert remote.telephone_event == 96
    assert "m=audio 20000 RTP/AVP 8 96\r\n" in ours.decode()
    assert agreed(ours, ALL).codec == "PCMA"


def test_both_ends_of_one_negotiation_agree() -> None:
    theirs = Local(Address("198.51.100.7", 4000), session=9)
    reply, at_them = answer(offer(OURS, ALL), theirs, ("PCMU", "G722"))
    at_us = agreed(reply, ALL)
    assert (at_us.codec, at_us.payload_type, at_us.address) == ("G722", 9, theirs.address)
    assert (at_them.codec, at_them.telephone_event, at_them.address) == ("G722", 101, OURS.address)


def test_no_events_where_they_have_none() -> None:
    ours, remote = answer(_theirs("m=audio 4000 RTP/AVP 8\r\n"), OURS, ALL)
    assert remote.telephone_event is None
    assert b"telephone-event" not in ours


def test_reports_come_on_the_port_of_the_sound_where_both_say_so() -> None:
    """RFC 5761 §5.1.1: offered always, answered where it was offered, agreed where it was answered."""
    assert b"a=rtcp-mux\r\n" in offer(OURS, ALL)
    theirs = "m=audio 4000 RTP/AVP 8\r\na=rtcp:4001\r\n"
    for said, both in (("a=rtcp-mux\r\n", True), ("", False)):
        ours, remote = answer(_theirs(theirs + said), OURS, ALL)
        assert (b"a=rtcp-mux" in ours, remote.rtcp_mux) == (both, both)
        assert agreed(_theirs(theirs + said), ALL).rtcp_mux is both


def test_reports_of_another_stream_say_nothing_of_the_sound() -> None:
    video = "m=video 5000 RTP/AVP 96\r\na=rtcp-mux\r\n"
    ours, remote = answer(_theirs(f"m=audio 4000 RTP/AVP 8\r\n{video}"), OURS, ALL)
    assert b"a=rtcp-mux" not in ours
    assert not remote.rtcp_mux


def test_a_codec_on_a_number_of_their_own() -> None:
    _, remote = answer(_theirs("m=audio 4000 RTP/AVP 110\r\na=rtpmap:110 pcma/8000/1\r\n"), OURS, ALL)
    assert (remote.codec, remote.payload_type) == ("PCMA", 110)


def test_a_static_number_that_is_mapped_to_something_else_is_something_else() -> None:
    with pytest.raises(SdpFault, match="no codec"):
        answer(_theirs("m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 opus/48000/2\r\n"), OURS, ALL)


@pytest.mark.parametrize(
    ("theirs", "ours", "seen"),
    [
        ("", "sendrecv", "sendrecv"),
        ("a=sendrecv", "sendrecv", "sendrecv"),
        ("a=sendonly", "sendrecv", "recvonly"),
        ("a=recvonly", "sendrecv", "sendonly"),
        ("a=inactive", "sendrecv", "inactive"),
        ("a=sendrecv", "sendonly", "sendonly"),
        ("a=sendonly", "sendonly", "inactive"),
    ],
)
def test_hold_is_seen_from_our_side(theirs: str, ours: Direction, seen: str) -> None:
    """RFC 3264 §6.1."""
    local = Local(OURS.address, 7, direction=ours)
    text, remote = answer(_theirs(f"m=audio 4000 RTP/AVP 8\r\n{theirs}\r\n"), local, ALL)
    assert remote.direction == seen
    assert f"a={seen}\r\n" in text.decode()
    assert agreed(_theirs(f"m=audio 4000 RTP/AVP 8\r\n{theirs}\r\n"), ALL, ours).direction == seen


def test_the_old_way_to_hold() -> None:
    """RFC 3264 §8.4: c=0.0.0.0."""
    _, remote = answer(_theirs("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 0.0.0.0\r\n"), OURS, ALL)
    assert remote.direction == "inactive"


def test_the_stream_s_own_address_and_direction_win() -> None:
    audio = parse(_theirs("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 203.0.113.9\r\na=recvonly\r\n", "a=sendonly\r\n"))
    assert audio.address.host == "203.0.113.9"
    assert audio.direction == "recvonly"


@pytest.mark.parametrize(
    ("lines", "milliseconds"),
    [
        ("", 20),
        ("a=ptime:30", 30),
        ("a=ptime:0", 20),
        ("a=ptime:25", 20),
        ("a=ptime:200", 60),
        ("a=ptime:x", 20),
        ("a=ptime:40\r\na=maxptime:20", 20),
    ],
)
def test_ptime(lines: str, milliseconds: int) -> None:
    audio = parse(_theirs(f"m=audio 4000 RTP/AVP 8\r\n{lines}\r\n"))
    assert audio.packet_milliseconds == milliseconds


def test_other_streams_are_refused_in_their_place() -> None:
    """RFC 3264 §6: as many m= lines in the answer as in the offer."""
    media = "m=video 5000 RTP/AVP 31\r\nm=audio 0 RTP/AVP 8\r\nm=audio 4000 RTP/AVP 8\r\nm=image 6000 udptl t38\r\n"
    text = answer(_theirs(media), OURS, ALL)[0].decode()
    assert [line for line in text.split("\r\n") if line.startswith("m=")] == [
        "m=video 0 RTP/AVP 31",
        "m=audio 0 RTP/AVP 8",
        "m=audio 20000 RTP/AVP 8",
        "m=image 0 udptl t38",
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"v=1\r\n",
        b"\xff\xfe" * 50,
        _theirs("m=audio 0 RTP/AVP 8\r\n"),
        _theirs("m=audio 4000 RTP/SAVP 8\r\n"),
        _theirs("m=audio 4000 RTP/AVP 18\r\n"),
        _theirs("m=audio 99999 RTP/AVP 8\r\n"),
        _theirs("m=audio four RTP/AVP 8\r\n"),
        _theirs("m=audio 4000 RTP/AVP 999 x 8x\r\n"),
        _theirs("m=audio 4000 RTP/AVP 8\r\n").replace(b"c=IN IP4 198.51.100.7", b"c=IN IP4 media.example.com"),
        _theirs("m=audio 4000 RTP/AVP 8\r\n").replace(b"c=IN IP4 198.51.100.7", b"c=IN IP4 224.0.0.1"),
        _theirs("m=audio 4000 RTP/AVP 8\r\n").replace(b"c=IN IP4 198.51.100.7\r\n", b""),
        _theirs("m=audio 4000 RTP/AVP 8\r\n" * 40),
        b"v=0\r\n" + b"a=x\r\n" * 10_000,
    ],
)
def test_what_gives_no_agreement_is_refused(data: bytes) -> None:
    with pytest.raises(SdpFault):
        sdp.answer(data, OURS, ALL)
