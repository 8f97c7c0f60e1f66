"""Codec and session alone: messages a second through submit_sm, its response, the receipt and its answer, in one process
with an SMSC double that costs little, beside the same PDUs through smpplib's classes. No socket.

    python -m benchmarks.sms.bench_codec [--messages 30000] [--least 30000]
"""

from __future__ import annotations

import argparse
import struct
import time

from smpplib import command, smpp

from foundation.clock import Monotonic
from foundation.rate import Rate
from sms import commands, status
from sms.pdu import BindResponse, DeliverSm, SmeAddress, SubmitSm
from sms.protocol import encode
from sms.receipt import read_receipt
from sms.session import Session
from sms.session_events import Answered, Delivered, Outgoing
from sms.settings import SmscSettings
from sms.wire import RESPONSE

TEXT = b"Burgernet: wilt u uitkijken naar een jongen van 8, rode jas, blauwe fiets? Ziet u hem, bel gratis 0800-0011."
RECEIPT = b"id:%d sub:001 dlvrd:001 submit date:2601011200 done date:2601011201 stat:DELIVRD err:000 text:"
PERSON = SmeAddress(1, 1, b"31612345678")
_HEADER = struct.Struct(">IIII")


def _answers(octets: bytes, receipts: list[bytes]) -> bytes:
    """Each submit_sm gets its response and its receipt; headers are read, bodies are not."""
    position, answers = 0, []
    while position < len(octets):
        length, command_id, _, sequence = _HEADER.unpack_from(octets, position)
        if command_id == commands.SUBMIT_SM:
            name = b"%d\0" % sequence
            answers.append(_HEADER.pack(16 + len(name), command_id | RESPONSE, 0, sequence) + name)
            answers.append(receipts[sequence])
        position += length
    return b"".join(answers)


def ours(messages: int) -> float:
    """Seconds of CPU for so many messages."""
    settings = SmscSettings.model_validate(
        {
            "name": "a",
            "host": "a",
            "port": 1,
            "system_id": "a",
            "password": "a",
            "window": 100,
            "segments_per_second": 1e6,
        }
    )
    session = Session(settings, Rate(1e6))
    receipts = [
        encode(DeliverSm(PERSON, PERSON, RECEIPT % each, esm_class=4), each + 1) for each in range(messages + 2)
    ]
    begin = time.process_time()
    now = Monotonic(0.0)
    session.opened(now)
    session.outgoing()
    session.received(encode(BindResponse(commands.BIND_TRANSCEIVER | RESPONSE, b"a"), 1), now)
    given = answered = receipted = 0
    while receipted < messages:
        now = Monotonic(now + 0.001)
        while given < messages and given - answered < 200:
            tlvs = {commands.USER_MESSAGE_REFERENCE: (given & 0xFFFF).to_bytes(2, "big")}
            address = SmeAddress(1, 1, b"316%08d" % given)
            session.submit(Outgoing(SubmitSm(PERSON, address, TEXT, registered_delivery=1, tlvs=tlvs)), now)
            given += 1
        octets = session.outgoing()
        if octets:
            session.received(_answers(octets, receipts), now)
        else:
            session.handle_deadline(now)
        for event in session.events():
            if type(event) is Answered:
                answered += 1
            elif type(event) is Delivered:
                fields = read_receipt(event.pdu)
                assert fields is not None
                assert fields.delivered
                receipted += 1
                session.answer(event.sequence, status.OK, now)
    return time.process_time() - begin


def smpplibs(messages: int) -> float:
    """The same PDUs made and read by smpplib's classes, without a session around them."""
    receipt = encode(DeliverSm(PERSON, PERSON, RECEIPT % 7, esm_class=4), 1)
    response = _HEADER.pack(18, commands.SUBMIT_SM | RESPONSE, 0, 1) + b"7\0"
    begin = time.process_time()
    for number in range(messages):
        submit = smpp.make_pdu(
            "submit_sm",
            client=_Client(),
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr="31612345678",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=f"316{number:08d}",
            short_message=TEXT,
            registered_delivery=True,
            user_message_reference=number & 0xFFFF,
        )
        submit.sequence = number + 1
        submit.generate()
        smpp.parse_pdu(response, client=_Client(), allow_unknown_opt_params=True)
        smpp.parse_pdu(receipt, client=_Client(), allow_unknown_opt_params=True)
        answer = command.DeliverSMResp("deliver_sm_resp", client=_Client(), sequence=1)
        answer.sequence = 1
        answer.generate()
    return time.process_time() - begin


class _Client:
    sequence = 1

    def next_sequence(self) -> int:
        return 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=30_000)
    parser.add_argument("--least", type=float, default=30_000, help="messages a second to pass")
    options = parser.parse_args()
    own = options.messages / min(ours(options.messages) for _ in range(3))
    few = max(options.messages // 10, 1)
    theirs = few / smpplibs(few)
    print(f"codec and session: {own:,.0f} messages a second with receipts ({1e6 / own:.1f} µs CPU each)")
    print(f"smpplib's PDU classes alone: {theirs:,.0f} a second; ratio {own / theirs:.1f}")
    if own < options.least:
        raise SystemExit(f"under {options.least:,.0f} a second")


if __name__ == "__main__":
    main()
