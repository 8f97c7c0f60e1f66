"""Every PDU that an ESME meets: the octets as the specification lays them down, read back, and nothing shorter taken."""

from dataclasses import replace

import pytest
from smpplib import smpp

from sms import commands, status
from sms.pdu import Bind, BindResponse, DataSm, DeliverSm, MessageResponse, Outbind, Plain, SmeAddress, SubmitSm
from sms.pdu_operations import AlertNotification, CancelSm, QueryResponse, QuerySm, ReplaceSm
from sms.protocol import Pdu, decode, encode
from sms.trace import described
from sms.wire import RESPONSE, Frame, Framer, Malformed, Unencodable
from tests.unit.sms.test_smpplib_round_trip import _Client, _theirs

PHONE = SmeAddress(1, 1, b"31612345678")
NAME = SmeAddress(5, 0, b"Burgernet")
P = b"\1\00131612345678\0"
N = b"\5\0Burgernet\0"
REFERENCE = {commands.USER_MESSAGE_REFERENCE: b"\x12\x34"}
UNKNOWN_TLV = {0x1499: b"vendor"}

LAID_DOWN: list[tuple[Pdu, bytes]] = [
    (Bind(commands.BIND_RECEIVER, b"gw", b"secret"), b"gw\0secret\0\0\x34\0\0\0"),
    (Bind(commands.BIND_TRANSMITTER, b"gw", b"secret", b"VMA"), b"gw\0secret\0VMA\0\x34\0\0\0"),
    (Bind(commands.BIND_TRANSCEIVER, b"gw", b""), b"gw\0\0\0\x34\0\0\0"),
    (BindResponse(commands.BIND_TRANSCEIVER | RESPONSE, b"centre", {0x0210: b"\x34"}), b"centre\0\2\x10\0\1\x34"),
    (Outbind(b"centre", b"secret"), b"centre\0secret\0"),
    (
        SubmitSm(NAME, PHONE, b"hallo", 8, 0x40, 1, b"000000010000000R", REFERENCE),
        b"\0" + N + P + b"\x40\0\0\0" + b"000000010000000R\0\1\0\x08\0\5hallo\2\4\0\2\x12\x34",
    ),
    (DeliverSm(PHONE, NAME, b"hallo", esm_class=4), b"\0" + P + N + b"\4\0\0\0\0\0\0\0\0\5hallo"),
    (DataSm(PHONE, NAME, tlvs=UNKNOWN_TLV), b"\0" + P + N + b"\0\0\0\x14\x99\0\6vendor"),
    (MessageResponse(commands.SUBMIT_SM | RESPONSE, b"77", {0x0428: b"\x63"}), b"77\0\4\x28\0\1\x63"),
    (QuerySm(b"77", NAME), b"77\0" + N),
    (QueryResponse(b"77", b"260101120000000+", 2, 9), b"77\0" + b"260101120000000+\0\2\x09"),
    (CancelSm(b"77", NAME, PHONE), b"\0" + b"77\0" + N + P),
    (ReplaceSm(b"77", NAME, b"anders", registered_delivery=1), b"77\0" + N + b"\0\0\1\0\6anders"),
    (AlertNotification(PHONE, NAME, {0x0422: b"\0"}), P + N + b"\4\x22\0\1\0"),
    (Plain(commands.ENQUIRE_LINK), b""),
    (Plain(commands.ENQUIRE_LINK | RESPONSE), b""),
    (Plain(commands.UNBIND), b""),
    (Plain(commands.CANCEL_SM | RESPONSE), b""),
    (Plain(commands.GENERIC_NACK), b""),
]
WITH_BODY = [
    (pdu, body)
    for pdu, body in LAID_DOWN
    if body and not isinstance(pdu, BindResponse | MessageResponse | QueryResponse)
]


@pytest.mark.parametrize(("pdu", "body"), LAID_DOWN, ids=lambda value: type(value).__name__)
def test_octets(pdu: Pdu, body: bytes) -> None:
    octets = encode(pdu, 7, 0)
    assert octets == b"".join(
        (len(octets).to_bytes(4, "big"), pdu.command_id.to_bytes(4, "big"), b"\0\0\0\0", b"\0\0\0\7", body)
    )
    (frame,) = Framer().feed(octets)
    assert decode(frame) == pdu


@pytest.mark.parametrize(("pdu", "body"), WITH_BODY, ids=lambda value: type(value).__name__)
def test_one_that_ends_too_early_is_malformed_and_never_read_in_part(pdu: Pdu, body: bytes) -> None:
    whole_without_parameters = len(replace(pdu, tlvs={}).encode()) if hasattr(pdu, "tlvs") else len(body)
    for end in set(range(len(body))) - {whole_without_parameters}:
        with pytest.raises(Malformed):
            decode(Frame(pdu.command_id, 0, 7, body[:end]))


@pytest.mark.parametrize(
    "pdu",
    [
        Bind(commands.BIND_TRANSCEIVER, b"sixteen-letters-", b""),
        Bind(commands.BIND_TRANSCEIVER, b"gw", b"ninechars"),
        SubmitSm(NAME, SmeAddress(1, 1, b"1" * 21), b""),
        SubmitSm(NAME, PHONE, b"x" * 255),
        QuerySm(b"7" * 65),
        CancelSm(b"7" * 65),
        ReplaceSm(b"77", NAME, b"x" * 255),
    ],
)
def test_a_field_that_is_too_long_is_refused_and_never_cut(pdu: Pdu) -> None:
    with pytest.raises(Unencodable):
        encode(pdu, 1)


def test_what_is_not_known_is_said_and_what_is_unknown_inside_is_kept() -> None:
    with pytest.raises(Malformed) as caught:
        decode(Frame(0x0000_0999, 0, 7, b""))
    assert caught.value.command_status == status.INVALID_COMMAND
    deliver = DeliverSm(PHONE, NAME, b"hallo", tlvs=UNKNOWN_TLV)
    (frame,) = Framer().feed(encode(deliver, 1))
    assert decode(frame) == deliver


def test_smpplib_reads_our_query_and_we_its_answer() -> None:
    theirs = _theirs(encode(QuerySm(b"77", NAME), 7))
    assert (theirs.command, theirs.message_id, theirs.source_addr) == ("query_sm", b"77", b"Burgernet")
    answer = smpp.make_pdu("query_sm_resp", client=_Client(), message_id="77", message_state=2, error_code=9)
    answer.sequence = 7
    (frame,) = Framer().feed(answer.generate())
    assert decode(frame) == QueryResponse(b"77", b"", 2, 9)


def test_a_trace_shows_fields_and_neither_password_nor_what_people_wrote() -> None:
    def line(pdu: Pdu) -> str:
        (frame,) = Framer().feed(encode(pdu, 7))
        return described(frame)

    bind = line(Bind(commands.BIND_TRANSCEIVER, b"gw", b"secret"))
    assert "gw" in bind
    assert "secret" not in bind
    assert "hallo" not in line(DeliverSm(PHONE, NAME, b"hallo"))
    assert "stat:DELIVRD" in line(DeliverSm(PHONE, NAME, b"id:7 stat:DELIVRD", esm_class=4))
    assert "hallo" in line(SubmitSm(NAME, PHONE, b"hallo"))
    assert line(Plain(commands.ENQUIRE_LINK)).startswith("enquire_link sequence 7")
