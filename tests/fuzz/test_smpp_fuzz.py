"""Whatever octets come, the codec raises nothing but Malformed and a bind nothing at all."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.clock import Monotonic
from foundation.rate import Rate
from sms import commands
from sms.incoming import read_incoming
from sms.pdu import Bind, BindResponse, DataSm, DeliverSm, MessageResponse, Outbind, Plain, SmeAddress, SubmitSm
from sms.pdu_operations import AlertNotification, CancelSm, QueryResponse, QuerySm, ReplaceSm
from sms.protocol import Pdu, decode, encode
from sms.receipt import read_receipt
from sms.session import Session
from sms.wire import RESPONSE, Frame, Framer, Malformed
from tests.fuzz.cases import CASES, counts, mutated
from tests.unit.sms.pair import Pair, smsc_settings, text

PHONE = SmeAddress(1, 1, b"31612345678")
RECEIPT = b"id:77 sub:001 dlvrd:001 submit date:2601011200 done date:2601011201 stat:DELIVRD err:000 text:hallo"
SEEDS: tuple[Pdu, ...] = (
    Bind(commands.BIND_TRANSCEIVER, b"gateway", b"secret"),
    BindResponse(commands.BIND_TRANSCEIVER | RESPONSE, b"centre", {commands.SC_INTERFACE_VERSION: b"\x34"}),
    Outbind(b"centre", b"secret"),
    SubmitSm(PHONE, PHONE, b"hallo", tlvs={commands.USER_MESSAGE_REFERENCE: b"\0\1"}),
    DeliverSm(PHONE, PHONE, RECEIPT, esm_class=4, tlvs={commands.MESSAGE_STATE: b"\2"}),
    DeliverSm(PHONE, PHONE, b"\x05\x00\x03\x07\x02\x01hallo", esm_class=0x40, data_coding=8),
    DataSm(PHONE, PHONE, tlvs={commands.MESSAGE_PAYLOAD: b"lang" * 100, commands.SAR_TOTAL: b"\2"}),
    MessageResponse(commands.SUBMIT_SM | RESPONSE, b"77", {commands.CONGESTION_STATE: b"\x63"}),
    QuerySm(b"77", PHONE),
    QueryResponse(b"77", b"", 2, 0),
    CancelSm(b"77", PHONE, PHONE),
    ReplaceSm(b"77", PHONE, b"anders"),
    AlertNotification(PHONE, PHONE, {0x0422: b"\0"}),
    Plain(commands.ENQUIRE_LINK),
)


def test_mutated_pdus_raise_only_malformed_and_those_that_are_read_round_trip() -> None:
    chance = random.Random(20261124)
    read = 0
    for case in range(CASES):
        seed = SEEDS[case % len(SEEDS)]
        counts["smpp"] += 1
        frame = Frame(seed.command_id, 0, 1, mutated(seed.encode(), chance))
        try:
            pdu = decode(frame)
            if isinstance(pdu, DeliverSm | DataSm):
                read_incoming(pdu, "gsm7")
                read_receipt(pdu)
        except Malformed:
            continue
        read += 1
        (again,) = Framer().feed(encode(pdu, 1))
        assert decode(again) == pdu
    assert 0 < read < CASES


def test_a_bind_survives_mutated_streams() -> None:
    chance = random.Random(1)
    stream = b"".join(encode(seed, number + 2) for number, seed in enumerate(SEEDS))
    for _ in range(CASES // 100):
        pair = Pair().bound()
        pair.centre.refuses = lambda number: None
        items = [text() for _ in range(3)]
        pair.submit(*items)
        rest = mutated(stream, chance)
        while rest:
            size = chance.randint(1, 400)
            pair.give(rest[:size])
            rest = rest[size:]
            pair.run()
        pair.session.lost("end", Monotonic(0.0))
        pair.run()
        assert pair.session.next_deadline() is None


@given(st.lists(st.binary(max_size=200), max_size=8))
@settings(max_examples=200, deadline=None)
def test_any_octets_at_all_leave_the_session_in_a_state_it_knows(pieces: list[bytes]) -> None:
    session = Session(smsc_settings(), Rate(None))
    session.opened(Monotonic(0.0))
    for piece in pieces:
        session.received(piece, Monotonic(0.0))
        session.events()
        session.outgoing()


@given(st.binary(max_size=300), st.integers(0, 255), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_every_delivery_gives_a_text(octets: bytes, esm_class: int, data_coding: int) -> None:
    pdu = DeliverSm(PHONE, PHONE, octets[:254], data_coding, esm_class)
    assert isinstance(read_incoming(pdu, "gsm7").text, str)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: type(seed).__name__)
def test_every_seed_is_valid(seed: Pdu) -> None:
    (frame,) = Framer().feed(encode(seed, 5, 0))
    assert decode(frame) == seed
