"""smpplib's PDU classes as a second opinion: what one writes the other reads the same."""

import pytest
from smpplib import consts, smpp

from sms import commands, status
from sms.pdu import BindResponse, DeliverSm, MessageResponse, SmeAddress, SubmitSm
from sms.protocol import decode, encode
from sms.wire import RESPONSE, Framer

PHONE = SmeAddress(1, 1, b"31612345678")
NAME = SmeAddress(5, 0, b"Burgernet")


class _Client:
    sequence = 9

    def next_sequence(self) -> int:
        return 9


def _theirs(octets: bytes) -> object:
    return smpp.parse_pdu(octets, client=_Client(), allow_unknown_opt_params=True)


def test_our_submit_sm_is_read_by_smpplib() -> None:
    ours = SubmitSm(
        NAME,
        PHONE,
        b"hallo",
        8,
        0x40,
        1,
        b"000000010000000R",
        {commands.USER_MESSAGE_REFERENCE: b"\x12\x34"},
    )
    theirs = _theirs(encode(ours, 7))
    assert theirs.command == "submit_sm"
    assert theirs.sequence == 7
    assert theirs.source_addr == b"Burgernet"
    assert (theirs.source_addr_ton, theirs.dest_addr_ton, theirs.dest_addr_npi) == (5, 1, 1)
    assert theirs.destination_addr == b"31612345678"
    assert theirs.short_message == b"hallo"
    assert (theirs.data_coding, theirs.esm_class, theirs.registered_delivery) == (8, 0x40, 1)
    assert theirs.validity_period == b"000000010000000R"
    assert theirs.user_message_reference == 0x1234


def test_smpplibs_submit_sm_is_read_by_us_and_written_the_same() -> None:
    theirs = smpp.make_pdu(
        "submit_sm",
        client=_Client(),
        source_addr_ton=5,
        source_addr="Burgernet",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="31612345678",
        short_message=b"hallo",
        registered_delivery=True,
        user_message_reference=0x1234,
    )
    theirs.sequence = 7
    octets = theirs.generate()
    (frame,) = Framer().feed(octets)
    ours = decode(frame)
    assert isinstance(ours, SubmitSm)
    assert ours.short_message == b"hallo"
    assert ours.destination == PHONE
    assert encode(ours, 7) == octets


@pytest.mark.parametrize("kind", ["bind_transmitter", "bind_receiver", "bind_transceiver"])
def test_binds(kind: str) -> None:
    theirs = smpp.make_pdu(
        kind, client=_Client(), system_id="gateway", password="secret", interface_version=consts.SMPP_VERSION_34
    )
    theirs.sequence = 1
    octets = theirs.generate()
    (frame,) = Framer().feed(octets)
    assert encode(decode(frame), 1) == octets


def test_responses_and_receipts() -> None:
    accepted = _theirs(encode(MessageResponse(commands.SUBMIT_SM | RESPONSE, b"abc"), 3))
    assert (accepted.message_id, accepted.status, accepted.sequence) == (b"abc", 0, 3)
    bound = _theirs(encode(BindResponse(commands.BIND_TRANSCEIVER | RESPONSE, b"centre"), 4))
    assert bound.system_id == b"centre"
    receipt = DeliverSm(PHONE, NAME, b"id:7 stat:DELIVRD", esm_class=4, tlvs={commands.RECEIPTED_MESSAGE_ID: b"7\0"})
    theirs = _theirs(encode(receipt, 5))
    assert (theirs.short_message, theirs.receipted_message_id) == (b"id:7 stat:DELIVRD", b"7")


@pytest.mark.parametrize("command_status", sorted(consts.DESCRIPTIONS))
def test_every_status_of_smpplib_has_words_and_a_verdict(command_status: int) -> None:
    assert f"(0x{command_status:08x})" in status.words(command_status)
    assert status.verdict(command_status).failure in ("temporary", "permanent")


def test_verdicts() -> None:
    assert status.verdict(0x0B) == status.Verdict("permanent", False)
    assert status.verdict(0x0A) == status.Verdict("permanent", True)
    assert status.verdict(0x58) == status.Verdict("temporary", True)
    assert status.verdict(0x45F) == status.Verdict("temporary", False)
    assert status.words(0x45F) == "a status of the SMSC's own (0x0000045f)"
