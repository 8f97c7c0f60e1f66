"""Receipts in the shapes that the field sends, ids in one form, texts decoded and their parts joined."""

import pytest

from foundation.clock import Monotonic
from foundation.telephone_numbers import PhoneNumber
from sms import commands, gsm7
from sms.addresses import read_number, source_address
from sms.incoming import PARTS_WAIT_SECONDS, Incoming, Reassembly, Whole, decode_text, read_incoming
from sms.pdu import DataSm, DeliverSm, SmeAddress
from sms.receipt import read_receipt, receipt_id, response_id
from sms.times import relative_time
from sms.wire import Malformed, Unencodable, c_string
from tests.unit.sms.pair import PERSON, smsc_settings

APPENDIX_B = b"id:%s sub:001 dlvrd:001 submit date:0801281759 done date:0801281800 stat:%s err:%s text:Hallo"


def _receipt(text: bytes = b"", esm_class: int = 4, **tlvs: bytes) -> DeliverSm:
    numbers = {
        "id": commands.RECEIPTED_MESSAGE_ID,
        "state": commands.MESSAGE_STATE,
        "reference": commands.USER_MESSAGE_REFERENCE,
        "network": commands.NETWORK_ERROR_CODE,
    }
    return DeliverSm(PERSON, PERSON, text, esm_class=esm_class, tlvs={numbers[key]: tlvs[key] for key in tlvs})


@pytest.mark.parametrize(
    ("pdu", "message_id", "status", "error"),
    [
        (_receipt(APPENDIX_B % (b"0123456789", b"DELIVRD", b"000")), "0123456789", "DELIVRD", "000"),
        (_receipt(APPENDIX_B % (b"a1b2", b"UNDELIV", b"027")), "a1b2", "UNDELIV", "027"),
        (_receipt(b"ID:77 Stat:delivered Err:0"), "77", "DELIVRD", "0"),
        (_receipt(b"stat:REJECTED id:77"), "77", "REJECTD", ""),
        (_receipt(id=b"77\0", state=b"\x02"), "77", "DELIVRD", ""),
        (_receipt(id=b"77", state=b"\x05", network=b"\x03\x00\x1b"), "77", "UNDELIV", "3:27"),
        (_receipt(APPENDIX_B % (b"1", b"ENROUTE", b"000"), id=b"77\0", state=b"\x03"), "77", "EXPIRED", "000"),
        (_receipt(APPENDIX_B % (b"77", b"DELIVRD", b"000"), esm_class=0), "77", "DELIVRD", "000"),
        (_receipt(id=b"77", state=b"\x02", esm_class=0), "77", "DELIVRD", ""),
        (_receipt(b"id:77 stat:ENROUTE err:000", esm_class=0x20), "77", "ENROUTE", "000"),
        (_receipt(state=b"\x63", id=b"77"), "77", "UNKNOWN", ""),
        (_receipt(b"id:77 stat:BUFFRED"), "77", "ENROUTE", ""),
    ],
)
def test_shapes(pdu: DeliverSm, message_id: str, status: str, error: str) -> None:
    receipt = read_receipt(pdu)
    assert receipt is not None
    assert (receipt.message_id, receipt.status, receipt.error) == (message_id, status, error)
    assert receipt.delivered == (status == "DELIVRD")
    assert receipt.final == (status != "ENROUTE")


def test_a_receipt_by_data_sm_with_the_reference() -> None:
    values = {
        commands.RECEIPTED_MESSAGE_ID: b"9",
        commands.MESSAGE_STATE: b"\2",
        commands.USER_MESSAGE_REFERENCE: b"\x12\x34",
    }
    receipt = read_receipt(DataSm(PERSON, PERSON, esm_class=4, tlvs=values))
    assert receipt is not None
    assert receipt.user_message_reference == 0x1234


@pytest.mark.parametrize("text", [b"Ik zag hem", b"id: kaart gevonden", b"stat: goed", b""])
def test_a_persons_text_is_no_receipt(text: bytes) -> None:
    assert read_receipt(_receipt(text, esm_class=0)) is None


def test_a_receipt_that_says_nothing_is_malformed() -> None:
    with pytest.raises(Malformed):
        read_receipt(_receipt(b"hallo"))


@pytest.mark.parametrize(
    ("form", "response", "receipt"),
    [
        ("as_is", b"00A1", "00A1"),
        ("decimal", b"00a1", "161"),
        ("decimal", b"A1", "0000000161"),
        ("hex", b"161", "A1"),
        ("hex", b"0161", "000000a1"),
        ("decimal", b"no-number", "no-number"),
    ],
)
def test_ids_of_responses_and_receipts_meet(form: str, response: bytes, receipt: str) -> None:
    assert response_id(response, form) == receipt_id(receipt, form)  # type: ignore[arg-type]  # the three forms


@pytest.mark.parametrize(
    ("octets", "coding", "alphabet", "text"),
    [
        (b"\x00\x1b\x65 caf\x05", 0, "gsm7", "@€ café"),
        ("café".encode("latin-1"), 0, "latin1", "café"),
        ("café".encode("latin-1"), 3, "gsm7", "café"),
        ("Zoë 😀".encode("utf-16-be"), 8, "gsm7", "Zoë 😀"),
        (b"plain", 1, "gsm7", "plain"),
        (b"{nu} \x7f", 1, "gsm7", gsm7.decode(b"{nu} \x7f")),
        (b"\x00", 0xF1, "gsm7", "@"),
        ("ë".encode("utf-16-be"), 0x18, "gsm7", "ë"),
        (b"\xd8", 8, "gsm7", "\ufffd"),
        (b"\xff", 0, "gsm7", "\ufffd"),
    ],
)
def test_texts(octets: bytes, coding: int, alphabet: str, text: str) -> None:
    assert decode_text(octets, coding, alphabet) == text  # type: ignore[arg-type]  # the two alphabets


def _part(sequence: int, total: int = 2, octets: bytes = b"deel ") -> Incoming:
    header = bytes((6, 8, 4, 1, 2, total, sequence))
    return read_incoming(DeliverSm(PERSON, PERSON, header + octets, esm_class=0x40), "gsm7")


def test_parts_join_in_their_order_whatever_order_they_come_in() -> None:
    parts: Reassembly[int] = Reassembly()
    assert parts.add("key", _part(2, octets=b"twee"), 2, Monotonic(0.0)) == []
    assert parts.add("key", _part(2, octets=b"twee"), 3, Monotonic(0.0)) == []
    assert parts.add("other", _part(1), 9, Monotonic(0.0)) == []
    assert parts.add("key", _part(1, octets=b"een en "), 1, Monotonic(1.0)) == [Whole("key", "een en twee", (2, 3, 1))]


def test_parts_that_stay_alone_are_handed_on_marked_and_so_are_their_latecomers() -> None:
    parts: Reassembly[int] = Reassembly()
    parts.add("key", _part(1, 3, b"een"), 1, Monotonic(0.0))
    parts.add("key", _part(3, 3, b"drie"), 3, Monotonic(0.0))
    assert parts.next_deadline() == PARTS_WAIT_SECONDS
    assert parts.handle_deadline(Monotonic(PARTS_WAIT_SECONDS)) == [Whole("key", "(1/3) een\n(3/3) drie", (1, 3))]
    late = parts.add("key", _part(2, 3, b"twee"), 2, Monotonic(9.0))
    assert late == [Whole("key", "(2/3) twee", (2,))]


def test_parts_by_parameters_and_headers_that_make_no_sense() -> None:
    values = {commands.SAR_REFERENCE: b"\0\1", commands.SAR_TOTAL: b"\2", commands.SAR_SEQUENCE: b"\1"}
    by_parameters = read_incoming(DeliverSm(PERSON, PERSON, b"een", tlvs=values), "gsm7")
    assert by_parameters.concatenation is not None
    assert by_parameters.concatenation.total == 2
    cut_short = read_incoming(DeliverSm(PERSON, PERSON, b"\x20een", esm_class=0x40), "gsm7")
    assert cut_short.concatenation is None
    outside = read_incoming(DeliverSm(PERSON, PERSON, b"\x05\x00\x03\x01\x02\x09een", esm_class=0x40), "gsm7")
    assert (outside.text, outside.concatenation) == ("een", None)


def test_numbers_and_senders() -> None:
    assert read_number(SmeAddress(1, 1, b"31612345678")) == PhoneNumber("+31612345678")
    assert read_number(SmeAddress(2, 1, b"0612345678")) == PhoneNumber("+31612345678")
    assert read_number(SmeAddress(5, 0, b"Bank")) is None
    assert read_number(SmeAddress(0, 0, b"")) is None
    assert source_address(smsc_settings()) == SmeAddress(5, 0, b"Burgernet")
    assert source_address(smsc_settings(reply_number="+31 97 1234567")) == SmeAddress(1, 1, b"31971234567")
    assert source_address(smsc_settings(reply_number="4040")) == SmeAddress(3, 0, b"4040")


def test_relative_times() -> None:
    assert relative_time(0.2) == b"000000000001000R"
    assert relative_time(3_661) == b"000000010101000R"
    assert relative_time(400 * 86_400) == b"010105000000000R"
    assert len(relative_time(1e12)) == 16


def test_fields_are_never_cut() -> None:
    with pytest.raises(Unencodable, match="system_id takes 16 octets and 15 are the most"):
        c_string("system_id", b"x" * 16, 16)
    with pytest.raises(Unencodable):
        c_string("system_id", b"a\0b", 16)
