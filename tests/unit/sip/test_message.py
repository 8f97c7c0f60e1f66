"""Messages: RFC 4475's torture, limits, folding and compact forms, and the reply that each fault deserves."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.sip.message import MOST_FIELDS, MessageFault, Request, Response, parse
from ivr.sip.values import CSeq, NameAddress, ValueFault, Via, reason, split, uri

VECTORS = Path(__file__).parents[2] / "vectors" / "sip"
VALID = sorted(VECTORS.glob("valid/*.sip"))
INVALID = sorted(VECTORS.glob("invalid/*.sip"))

PLAIN = (
    b"OPTIONS sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKa\r\nFrom: <sip:b@c>;tag=1\r\n"
    b"To: <sip:a@example.com>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


def test_all_of_the_thirteen_are_there() -> None:
    assert len(VALID) == 13


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_the_valid_messages_of_rfc_4475_are_read_and_written_again(path: Path) -> None:
    message = parse(path.read_bytes())
    again = parse(bytes(message))
    assert again.essentials == message.essentials
    assert again.body == message.body
    assert again.fields == message.fields


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_the_invalid_messages_get_the_reply_in_their_name(path: Path) -> None:
    """`name.400.sip` deserves a 400; 0 is silence: it is a response, or nobody can be told."""
    with pytest.raises(MessageFault) as caught:
        parse(path.read_bytes())
    assert (caught.value.reply or 0) == int(path.stem.split(".")[-1])
    assert (caught.value.request is None) == (caught.value.reply is None)


def test_the_tortuous_invite_is_understood() -> None:
    message = parse((VECTORS / "valid/wsinv.sip").read_bytes())
    assert isinstance(message, Request)
    essentials = message.essentials
    assert essentials.recipient.tag == "1918181833n"
    assert essentials.sender.display == 'J Rosenberg \\"'
    assert essentials.cseq == CSeq(9, "INVITE")
    assert [Via.parse(via).host for via in message.values("Via")] == [
        "192.0.2.2",
        "spindle.example.com",
        "192.168.255.111",
    ]
    assert essentials.via.branch == "390skdjuw"
    contact = NameAddress.parse(message.values("Contact")[0])
    assert contact.parameters["q"] == "0.33"
    assert contact.parameters["secondparam"] == ""
    assert message.first("Subject") == ""


def test_escapes_are_no_method_and_no_name() -> None:
    """esc02: % is no escape there."""
    message = parse((VECTORS / "valid/esc02.sip").read_bytes())
    assert isinstance(message, Request)
    assert message.method == "RE%47IST%45R"
    assert len(message.values("Contact")) == 2


def test_what_follows_a_datagram_s_body_is_dropped() -> None:
    """dblreq; RFC 3261 §18.3."""
    message = parse((VECTORS / "valid/dblreq.sip").read_bytes())
    assert isinstance(message, Request)
    assert message.body == b""
    assert message.essentials.cseq.method == "REGISTER"


def test_a_response_without_a_phrase_is_a_response() -> None:
    message = parse((VECTORS / "valid/noreason.sip").read_bytes())
    assert isinstance(message, Response)
    assert (message.status, message.phrase) == (100, "")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\x00" * 100,
        b"hello\r\n\r\n",
        PLAIN[:-4],
        PLAIN + b"x" * 70_000,
        PLAIN.replace(b"Call-ID: x", b"Call-ID: " + b"x" * 20_000),
        b"SIP/2.0 99 Low\r\n\r\n",
    ],
)
def test_what_is_no_message_gets_silence(data: bytes) -> None:
    with pytest.raises(MessageFault) as caught:
        parse(data)
    assert caught.value.reply is None


def test_the_number_of_header_lines_is_limited() -> None:
    fields = b"X: y\r\n" * MOST_FIELDS
    with pytest.raises(MessageFault, match="more than 256"):
        parse(PLAIN.replace(b"Content-Length", fields + b"Content-Length"))


def test_an_ack_that_is_wrong_gets_no_reply() -> None:
    with pytest.raises(MessageFault) as caught:
        parse(PLAIN.replace(b"OPTIONS", b"ACK").replace(b"Content-Length: 0", b"Content-Length: x"))
    assert caught.value.reply is None


def test_on_a_stream_the_length_must_be_there() -> None:
    without = PLAIN.replace(b"Content-Length: 0\r\n", b"")
    assert parse(without).body == b""
    with pytest.raises(MessageFault, match="no Content-Length"):
        parse(without, stream=True)


def test_compact_names_are_the_long_ones() -> None:
    short = PLAIN.replace(b"Via", b"v").replace(b"From", b"f").replace(b"To:", b"t:").replace(b"Call-ID", b"i")
    assert parse(short).essentials == parse(PLAIN).essentials


def test_bytes_that_are_no_utf_8_come_back_unchanged() -> None:
    odd = PLAIN.replace(b"<sip:b@c>", b'"\xff\xfe" <sip:b@c>')
    assert b"\xff\xfe" in bytes(parse(odd))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a, b", ["a", "b"]),
        ('"x, y" <sip:a,b@c>, d', ['"x, y" <sip:a,b@c>', "d"]),
        ('"\\", " a,, b', ['"\\", " a', "b"]),
        ("", []),
    ],
)
def test_lists_are_split_outside_quotes_and_brackets(text: str, parts: list[str]) -> None:
    assert split(text, ",") == parts


@pytest.mark.parametrize("text", ['"open <sip:a@b>', "<sip:a@b", "name", "<sip:a b@c>", "<sip:a@b> junk"])
def test_a_bad_address_is_refused(text: str) -> None:
    with pytest.raises(ValueFault):
        NameAddress.parse(text)


def test_an_address_comes_back_as_it_was() -> None:
    text = '"A \\"B\\" C" <sip:a@b;lr>;tag=x;lr'
    assert str(NameAddress.parse(text)) == text
    assert NameAddress.parse("sip:a@b;tag=x") == NameAddress("sip:a@b", "", {"tag": "x"})


def test_a_via_with_an_ipv6_address() -> None:
    via = Via.parse("SIP/2.0/UDP [2001:db8::9:1]:5061;branch=z9hG4bKas3;received=::1")
    assert (via.host, via.port, via.sent_by) == ("2001:db8::9:1", 5061, "[2001:db8::9:1]:5061")
    with pytest.raises(ValueFault):
        Via.parse("SIP/2.0/UDP host:99999;branch=1")


def test_reasons_are_read_and_junk_is_none() -> None:
    found = reason('q.850 ;cause=17 ;text="User busy"')
    assert found is not None
    assert (found.protocol, found.cause, found.text) == ("Q.850", 17, "User busy")
    assert reason("Q.850") is None
    assert reason("Q.850;cause=many") is None
    assert reason("") is None


def test_a_uri_that_sipmessage_trips_over_is_none() -> None:
    assert uri("sip:a@b;self=1") is None
    assert uri("urn:service:sos") is None
    assert uri("tel:+31612345678") is not None
