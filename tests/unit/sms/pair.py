"""A session and an SMSC joined by a link that a test cuts, delays and doubles; no socket, no clock but a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from foundation.clock import Monotonic
from foundation.rate import Rate
from sms import commands, status
from sms.pdu import BindResponse, DeliverSm, MessageResponse, Plain, SmeAddress, SubmitSm
from sms.protocol import Pdu, decode, encode
from sms.session import Session
from sms.session_events import Outgoing, SessionEvent
from sms.settings import SmscSettings
from sms.wire import RESPONSE, Frame, Framer

Kind = TypeVar("Kind")
PERSON = SmeAddress(1, 1, b"31612345678")


def smsc_settings(**others: object) -> SmscSettings:
    values: dict[str, object] = {
        "name": "main",
        "host": "smsc.example",
        "port": 2775,
        "system_id": "gateway",
        "password": "secret",
        "segments_per_second": 100_000,
    }
    return SmscSettings.model_validate(values | others)


def text(octets: bytes = b"hallo", deadline: float | None = None) -> Outgoing:
    moment = None if deadline is None else Monotonic(deadline)
    return Outgoing(SubmitSm(SmeAddress(5, 0, b"Burgernet"), PERSON, octets), deadline=moment)


class Centre:
    """The SMSC's end: answers what it gets; `refuses` gives the status for each submit_sm, None for silence."""

    def __init__(self) -> None:
        self.got: list[Frame] = []
        self.bind_status = status.OK
        self.refuses: Callable[[int], int | None] = lambda number: status.OK
        self.answers_enquiries = True
        self.answers_operations = status.OK
        self.submitted = 0
        self._framer = Framer()

    def hear(self, data: bytes) -> bytes:
        return b"".join(self._answer(frame) for frame in self._framer.feed(data))

    def _answer(self, frame: Frame) -> bytes:
        self.got.append(frame)
        if frame.command_id == commands.SUBMIT_SM:
            self.submitted += 1
            command_status = self.refuses(self.submitted)
            if command_status is None:
                return b""
            message_id = b"id%d" % self.submitted if command_status == status.OK else b""
            return encode(MessageResponse(frame.command_id | RESPONSE, message_id), frame.sequence, command_status)
        if frame.command_id == commands.BIND_TRANSCEIVER:
            return encode(BindResponse(frame.command_id | RESPONSE, b"centre"), frame.sequence, self.bind_status)
        if frame.is_response or (frame.command_id == commands.ENQUIRE_LINK and not self.answers_enquiries):
            return b""
        operation = frame.command_id in (commands.QUERY_SM, commands.CANCEL_SM)
        command_status = self.answers_operations if operation else status.OK
        return encode(Plain(frame.command_id | RESPONSE), frame.sequence, command_status)

    def requests(self, command_id: int) -> list[Pdu]:
        return [decode(frame) for frame in self.got if frame.command_id == command_id]


class Pair:
    """`run` carries octets both ways until nothing moves; `wait` lets time pass, deadline by deadline."""

    def __init__(self, **settings: object) -> None:
        self.centre = Centre()
        made = smsc_settings(**settings)
        self.session = Session(made, Rate(made.segments_per_second))
        self.events: list[SessionEvent] = []
        self.now = 0.0
        self.to_centre = b""
        self.most_in_flight = 0

    def bound(self) -> Pair:
        self.session.opened(Monotonic(self.now))
        self.run()
        assert self.session.state == "bound"
        return self

    def run(self) -> None:
        while octets := self.session.outgoing():
            self.to_centre += octets
            self.most_in_flight = max(self.most_in_flight, self.session.in_flight)
            self.give(self.centre.hear(octets))
        self.events.extend(self.session.events())

    def give(self, octets: bytes) -> None:
        if octets:
            self.session.received(octets, Monotonic(self.now))

    def submit(self, *outgoings: Outgoing) -> None:
        for outgoing in outgoings:
            self.session.submit(outgoing, Monotonic(self.now))
        self.run()

    def deliver(self, pdu: DeliverSm, sequence: int = 900) -> None:
        self.give(encode(pdu, sequence))
        self.run()

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (deadline := self.session.next_deadline()) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self.session.handle_deadline(Monotonic(self.now))
            self.run()
        self.now = until

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.events if isinstance(event, kind)]
