"""The lab's message centre, with smpplib's client on the other end."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import smpplib.client
import smpplib.exceptions
import smpplib.gsm
from smpplib import consts

from lab.delays import Delays
from lab.smsc import Fate, MessageCentre

ANNA = "31612340001"
PATIENCE = 5.0
FATES = {
    ANNA: Fate(receipt_seconds=0.02, reply="Gezien", reply_seconds=0.02),
    "31612340002": Fate(state="UNDELIV", receipt_seconds=0.02),
    "31612340003": Fate(command_status=consts.SMPP_ESME_RINVDSTADR),
    "31612340004": Fate(state=None),
}


@pytest.fixture
def centre() -> Iterator[MessageCentre]:
    delays = Delays()
    running = MessageCentre(FATES.__getitem__, delays, system_id="burgernet", password="laptop")
    yield running
    running.stop()
    delays.stop()


class Client:
    """smpplib's client with its listening thread; `received` are deliver_sm, `responses` submit_sm_resp."""

    def __init__(self, port: int, password: str = "laptop", bind: str = "transceiver") -> None:
        self.received: list[Any] = []
        self.responses: list[Any] = []
        self._came = threading.Condition()
        self._client = smpplib.client.Client("127.0.0.1", port, timeout=PATIENCE, allow_unknown_opt_params=True)
        self._client.logger.disabled = True
        self._client.set_message_received_handler(lambda pdu: self._take(self.received, pdu))
        self._client.set_message_sent_handler(lambda pdu: self._take(self.responses, pdu))
        self._client.set_error_pdu_handler(lambda pdu: None)  # the handler above gets it as well
        self._client.connect()
        getattr(self._client, f"bind_{bind}")(system_id="burgernet", password=password)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            self._client.listen()
        except (smpplib.exceptions.ConnectionError, OSError, AttributeError):
            return

    def _take(self, where: list[Any], pdu: Any) -> int:
        with self._came:
            where.append(pdu)
            self._came.notify_all()
        return 0

    def send(self, number: str, text: str = "Let op: rode fiets") -> None:
        parts, coding, esm_class = smpplib.gsm.make_parts(text)
        for part in parts:
            self._client.send_message(
                source_addr="Burgernet",
                source_addr_ton=consts.SMPP_TON_ALNUM,
                destination_addr=number,
                short_message=part,
                data_coding=coding,
                esm_class=esm_class,
                registered_delivery=True,
                user_message_reference=4711,
            )

    def wait(self, true: Callable[[], bool]) -> bool:
        with self._came:
            return self._came.wait_for(true, PATIENCE)

    def close(self) -> None:
        with contextlib.suppress(OSError, AttributeError):  # twice, or lost already
            self._client._socket.shutdown(socket.SHUT_RDWR)  # wakes the listening thread
        self._client.disconnect()


@pytest.fixture
def client(centre: MessageCentre) -> Iterator[Client]:
    bound = Client(centre.port)
    yield bound
    bound.close()


def test_a_text_gets_its_response_its_receipt_and_an_answer(centre: MessageCentre, client: Client) -> None:
    client.send(ANNA)
    assert client.wait(lambda: len(client.received) == 2)
    assert client.responses[0].message_id == b"00000001"
    receipt, reply = client.received
    assert receipt.receipted_message_id == b"00000001"
    assert receipt.user_message_reference == 4711
    assert b"stat:DELIVRD" in receipt.short_message
    assert receipt.esm_class == 4
    assert (reply.source_addr, reply.short_message, reply.esm_class) == (ANNA.encode(), b"Gezien", 0)
    assert centre.submitted[0].part.text == "Let op: rode fiets"


def test_a_long_text_gets_a_receipt_a_part_and_one_answer(centre: MessageCentre, client: Client) -> None:
    client.send(ANNA, "x" * 300)
    assert client.wait(lambda: len(client.received) == 3)
    assert [pdu.esm_class for pdu in client.received].count(4) == 2
    assert [message.part.number for message in centre.submitted] == [1, 2]


def test_what_cannot_be_delivered_is_said_by_receipt_or_at_once(client: Client) -> None:
    client.send("31612340002")
    assert client.wait(lambda: len(client.received) == 1)
    assert b"stat:UNDELIV" in client.received[0].short_message
    client.send("31612340003")
    assert client.wait(lambda: len(client.responses) == 2)
    assert client.responses[1].status == consts.SMPP_ESME_RINVDSTADR


def test_a_wrong_password_is_refused(centre: MessageCentre) -> None:
    with pytest.raises(smpplib.exceptions.PDUError):
        Client(centre.port, password="wrong")
    assert centre.bound == 0


def test_what_is_above_the_rate_is_throttled(centre: MessageCentre, client: Client) -> None:
    centre.faults.per_second = 3
    for _ in range(5):
        client.send("31612340004")
    assert client.wait(lambda: len(client.responses) == 5)
    assert [pdu.status for pdu in client.responses].count(consts.SMPP_ESME_RTHROTTLED) == 2


def test_a_silent_centre_takes_and_answers_nothing(centre: MessageCentre, client: Client) -> None:
    centre.faults.silent = True
    client.send(ANNA)
    assert client.wait(lambda: len(client.received) == 2)
    assert client.responses == []


def test_what_came_while_nobody_was_bound_is_delivered_at_the_next_bind(centre: MessageCentre, client: Client) -> None:
    client.close()
    assert wait_until_bound(centre, 0)
    centre.send_text(ANNA, "+3197012345678", "coëfficiënt")
    again = Client(centre.port)
    assert again.wait(lambda: len(again.received) == 1)
    assert again.received[0].short_message.decode("utf-16-be") == "coëfficiënt"
    again.close()


def test_a_transmitter_gets_no_deliver_sm_and_a_receiver_may_not_submit(centre: MessageCentre) -> None:
    sender, receiver = Client(centre.port, bind="transmitter"), Client(centre.port, bind="receiver")
    sender.send(ANNA)
    assert receiver.wait(lambda: len(receiver.received) == 2)
    assert sender.received == []
    receiver._client.state = consts.SMPP_CLIENT_STATE_BOUND_TRX  # smpplib's own check is not what is tested
    receiver.send(ANNA)
    assert receiver.wait(lambda: len(receiver.responses) == 1)
    assert receiver.responses[0].status == consts.SMPP_ESME_RINVBNDSTS
    sender.close()
    receiver.close()


@pytest.mark.parametrize("length", [0, 15, 2**31])
def test_a_length_that_no_pdu_has_ends_the_connection_only(centre: MessageCentre, length: int) -> None:
    with socket.create_connection(("127.0.0.1", centre.port), timeout=PATIENCE) as wire:
        wire.sendall(struct.pack(">LLLL", length, 0x15, 0, 1))
        assert wire.recv(100) == b""
    again = Client(centre.port)
    assert wait_until_bound(centre, 1)
    again.close()


def test_an_unknown_command_is_nacked(centre: MessageCentre) -> None:
    with socket.create_connection(("127.0.0.1", centre.port), timeout=PATIENCE) as wire:
        wire.sendall(struct.pack(">LLLL", 16, 0x0BAD, 0, 77))
        assert struct.unpack(">LLLL", wire.recv(16)) == (16, 0x80000000, consts.SMPP_ESME_RINVCMDID, 77)


def wait_until_bound(centre: MessageCentre, count: int) -> bool:
    waiting = threading.Event()
    return any(centre.bound == count or waiting.wait(0.02) for _ in range(250))
