"""A message centre of the lab: SMPP 3.4 over TCP, its PDUs coded by smpplib. Threads and sockets.

What becomes of each message is asked of `decide`, by number; receipts and replies come later, on whatever receiving
bind is up then, and again on the next one where nobody acknowledged them.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from smpplib import consts, smpp
from smpplib.exceptions import UnknownCommandError
from twisted.logger import Logger

from lab.delays import Delays
from lab.texts import Part, encode, read_part

log = Logger()

_STATES = {
    "DELIVRD": consts.SMPP_MESSAGE_STATE_DELIVERED,
    "EXPIRED": consts.SMPP_MESSAGE_STATE_EXPIRED,
    "DELETED": consts.SMPP_MESSAGE_STATE_DELETED,
    "UNDELIV": consts.SMPP_MESSAGE_STATE_UNDELIVERABLE,
    "ACCEPTD": consts.SMPP_MESSAGE_STATE_ACCEPTED,
    "UNKNOWN": consts.SMPP_MESSAGE_STATE_UNKNOWN,
    "REJECTD": consts.SMPP_MESSAGE_STATE_REJECTED,
}
_RECEIPT = 0x04
"""esm_class of a delivery receipt (SMPP 3.4 §5.2.12), which smpplib does not name."""
_LONGEST_PDU = 65536
_BINDS = {"bind_transceiver": (True, True), "bind_transmitter": (True, False), "bind_receiver": (False, True)}
"""Whether each may submit, and whether it gets deliver_sm."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a message: refused with `command_status`, or accepted and after `receipt_seconds` a receipt that
    says `state` (None: never one). `reply` comes `reply_seconds` after a receipt that says DELIVRD."""

    command_status: int = consts.SMPP_ESME_ROK
    state: str | None = "DELIVRD"
    receipt_seconds: float = 0.3
    reply: str | None = None
    reply_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Submitted:
    """One submit_sm as it came, with what was answered. `moment` in monotonic seconds."""

    moment: float
    source: str
    number: str
    part: Part
    message_id: str
    command_status: int
    reference: int | None


@dataclass(slots=True)
class Faults:
    """Switches for tests, changed while it runs. `per_second` throttles (RTHROTTLED) what is above it in any second;
    `silent` takes messages and answers nothing."""

    bind_status: int = consts.SMPP_ESME_ROK
    per_second: int | None = None
    silent: bool = False
    _accepted: deque[float] = field(default_factory=deque)

    def throttles(self, now: float) -> bool:
        if self.per_second is None:
            return False
        while self._accepted and now - self._accepted[0] >= 1.0:
            self._accepted.popleft()
        if len(self._accepted) >= self.per_second:
            return True
        self._accepted.append(now)
        return False


class MessageCentre:
    """Listens at once; `submitted` holds everything that came. `told` hears of each message that is "accepted",
    "refused" or "replied" to, and the state of each receipt."""

    def __init__(
        self,
        decide: Callable[[str], Fate],
        delays: Delays,
        *,
        system_id: str,
        password: str,
        address: str = "127.0.0.1",
        port: int = 0,
        told: Callable[[str, Submitted], None] = lambda what, message: None,
    ) -> None:
        self.faults = Faults()
        self.submitted: list[Submitted] = []
        self.receipts_acknowledged = 0
        self._decide = decide
        self._delays = delays
        self._account = (system_id, password)
        self._told = told
        self._ids = itertools.count(1)
        self._lock = threading.RLock()
        self._sessions: list[_Session] = []
        self._waiting: deque[_Delivery] = deque()
        try:
            self._listener = socket.create_server((address, port), backlog=64)
        except OSError as error:
            raise OSError(f"SMSC port {port} cannot be had: {error.strerror}") from error
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, name="SMSC accept", daemon=True).start()

    def stop(self) -> None:
        # shutdown wakes the accepting thread; close alone would leave it in the kernel with the port
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()

    def drop_connections(self) -> None:
        """As a crash of the message centre looks from outside."""
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.close()

    @property
    def bound(self) -> int:
        with self._lock:
            return sum(session.bound is not None for session in self._sessions)

    def send_text(self, sender: str, receiver: str, text: str) -> None:
        """A message from a handset to one of the numbers behind the bind (deliver_sm)."""
        data_coding, octets = encode(text)
        self._deliver(_Delivery(sender, receiver, 0, data_coding, octets))

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = _Session(self, connection)
            with self._lock:
                self._sessions.append(session)
            threading.Thread(target=session.run, name="SMSC session", daemon=True).start()

    # for the sessions

    def bind_status(self, system_id: str, password: str) -> int:
        if self.faults.bind_status != consts.SMPP_ESME_ROK:
            return self.faults.bind_status
        right = (system_id, password) == self._account
        return int(consts.SMPP_ESME_ROK if right else consts.SMPP_ESME_RINVPASWD)

    def session_bound(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, deque()
        for delivery in waiting:
            self._deliver(delivery)

    def session_lost(self, session: _Session) -> None:
        with self._lock:
            self._sessions.remove(session)
        for delivery in session.unacknowledged():
            self._deliver(delivery)

    def take(self, pdu: Any) -> Submitted:
        """Decide on a submit_sm and plan what follows from it."""
        now = time.monotonic()
        number = pdu.destination_addr.decode("latin-1")
        fate = self._decide(number)
        throttled = self.faults.throttles(now)
        message = Submitted(
            moment=now,
            source=pdu.source_addr.decode("latin-1"),
            number=number,
            part=_part(pdu),
            message_id=f"{next(self._ids):08x}",
            command_status=consts.SMPP_ESME_RTHROTTLED if throttled else fate.command_status,
            reference=pdu.user_message_reference,
        )
        self.submitted.append(message)
        if message.command_status == consts.SMPP_ESME_ROK:
            self._told("accepted", message)
            if fate.state is not None and pdu.registered_delivery:
                self._delays.after(fate.receipt_seconds, lambda: self._receipt(message, fate))
        else:
            self._told("refused", message)
        return message

    def _receipt(self, message: Submitted, fate: Fate) -> None:
        assert fate.state is not None
        stamp = time.strftime("%y%m%d%H%M")
        delivered = fate.state == "DELIVRD"
        text = (
            f"id:{message.message_id} sub:001 dlvrd:{int(delivered):03} submit date:{stamp} done date:{stamp} "
            f"stat:{fate.state} err:{0 if delivered else 1:03} text:{message.part.text[:20]}"
        )
        delivery = _Delivery(
            message.number,
            message.source,
            _RECEIPT,
            0,
            text.encode("ascii", "replace"),
            message,
            fate.state,
        )
        self._told(fate.state, message)
        self._deliver(delivery)
        if delivered and fate.reply is not None and message.part.number == message.part.total:
            reply = fate.reply
            self._delays.after(fate.reply_seconds, lambda: self._reply(message, reply))

    def _reply(self, message: Submitted, reply: str) -> None:
        self.send_text(message.number, message.source, reply)
        self._told("replied", message)

    def _deliver(self, delivery: _Delivery) -> None:
        with self._lock:
            receiving = [session for session in self._sessions if session.receives]
            if not receiving:
                self._waiting.append(delivery)
                return
        receiving[0].deliver(delivery)


@dataclass(frozen=True, slots=True)
class _Delivery:
    source: str
    destination: str
    esm_class: int
    data_coding: int
    octets: bytes
    of: Submitted | None = None
    state: str | None = None


class _Session:
    """One connection of an ESME: reads PDUs on a thread, writes under a lock."""

    def __init__(self, centre: MessageCentre, connection: socket.socket) -> None:
        self._centre = centre
        self._connection = connection
        self._sequence = itertools.count(1)
        self._write = threading.Lock()
        self._sent: dict[int, _Delivery] = {}
        self.bound: str | None = None

    @property
    def receives(self) -> bool:
        return self.bound is not None and _BINDS[self.bound][1]

    # smpplib asks its "client" for sequence numbers

    sequence = 0

    def next_sequence(self) -> int:
        return next(self._sequence)

    def run(self) -> None:
        try:
            with self._connection.makefile("rb") as stream:
                while (octets := _read_pdu(stream)) is not None:
                    self._take(octets)
        except (OSError, ValueError) as error:
            log.info("a bind was lost: {error}", error=repr(error))
        except Exception:  # noqa: BLE001 - a shell boundary: smpplib raises anything at what it does not understand
            log.failure("a PDU was not understood")
        finally:
            self.bound = None
            self.close()
            self._centre.session_lost(self)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def unacknowledged(self) -> list[_Delivery]:
        return list(self._sent.values())

    def deliver(self, delivery: _Delivery) -> None:
        pdu = smpp.make_pdu(
            "deliver_sm",
            client=self,
            source_addr_ton=consts.SMPP_TON_INTL,
            source_addr_npi=consts.SMPP_NPI_ISDN,
            source_addr=delivery.source.lstrip("+"),
            destination_addr=delivery.destination.lstrip("+"),
            esm_class=delivery.esm_class,
            data_coding=delivery.data_coding,
            short_message=delivery.octets,
        )
        if delivery.of is not None:
            pdu.receipted_message_id = delivery.of.message_id
            pdu.message_state = _STATES[str(delivery.state)]
            pdu.user_message_reference = delivery.of.reference
        self._sent[pdu.sequence] = delivery
        self._send(pdu)

    def _take(self, octets: bytes) -> None:
        try:
            pdu = smpp.parse_pdu(octets, client=self, allow_unknown_opt_params=True)
        except UnknownCommandError:
            self._answer("generic_nack", int.from_bytes(octets[12:16], "big"), consts.SMPP_ESME_RINVCMDID)
            return
        match pdu.command:
            case "bind_transceiver" | "bind_transmitter" | "bind_receiver":
                self._bind(pdu)
            case "submit_sm" if self.bound is not None and _BINDS[self.bound][0]:
                message = self._centre.take(pdu)
                if not self._centre.faults.silent:
                    fields = {"message_id": message.message_id} if not message.command_status else {}
                    self._answer("submit_sm_resp", pdu.sequence, message.command_status, **fields)
            case "submit_sm":
                self._answer("submit_sm_resp", pdu.sequence, consts.SMPP_ESME_RINVBNDSTS)
            case "deliver_sm_resp":
                if self._sent.pop(pdu.sequence, None) is not None and pdu.status == consts.SMPP_ESME_ROK:
                    self._centre.receipts_acknowledged += 1
            case "enquire_link":
                self._answer("enquire_link_resp", pdu.sequence)
            case "unbind":
                self._answer("unbind_resp", pdu.sequence)
                self.close()
            case "enquire_link_resp" | "generic_nack":
                pass
            case _:
                self._answer("generic_nack", pdu.sequence, consts.SMPP_ESME_RINVCMDID)

    def _bind(self, pdu: Any) -> None:
        status = self._centre.bind_status(pdu.system_id.decode("latin-1"), pdu.password.decode("latin-1"))
        self._answer(f"{pdu.command}_resp", pdu.sequence, status, system_id="lab")
        if status == consts.SMPP_ESME_ROK:
            self.bound = pdu.command
            self._centre.session_bound()

    def _answer(self, command: str, sequence: int, status: int = consts.SMPP_ESME_ROK, **fields: Any) -> None:
        pdu = smpp.make_pdu(command, client=self, **fields)
        pdu.sequence, pdu.status = sequence, status
        self._send(pdu)

    def _send(self, pdu: Any) -> None:
        octets = pdu.generate()
        with self._write, contextlib.suppress(OSError):
            self._connection.sendall(octets)


def _read_pdu(stream: Any) -> bytes | None:
    """The next PDU, or None at the end. Raises ValueError at a length that no PDU has."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    length = int.from_bytes(head, "big")
    if not 16 <= length <= _LONGEST_PDU:
        raise ValueError(f"command_length {length}")
    body: bytes = stream.read(length - 4)
    return head + body if len(body) == length - 4 else None


def _part(pdu: Any) -> Part:
    octets = pdu.short_message or getattr(pdu, "message_payload", None) or b""
    part = read_part(pdu.esm_class or 0, pdu.data_coding or 0, octets)
    if pdu.sar_total_segments:
        return Part(part.text, pdu.sar_msg_ref_num or 0, pdu.sar_total_segments, pdu.sar_segment_seqnum or 1)
    return part
