"""The PDUs of SMPP 3.4 about messages that were submitted before: query, cancel, replace, alert. Pure values; no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from sms import commands, status
from sms.pdu import NOBODY, SmeAddress, read_address, read_time, write_time
from sms.wire import Malformed, Reader, Tlvs, Unencodable, c_string, no_tlvs, octet, tlvs

_SHORT_MESSAGE_MOST = 254


@dataclass(frozen=True, slots=True)
class QuerySm:
    """§4.8.1: the state of the message with this id and source."""

    command_id: ClassVar[int] = commands.QUERY_SM
    message_id: bytes
    source: SmeAddress = NOBODY

    def encode(self) -> bytes:
        return c_string("message_id", self.message_id, 65) + self.source.encode("source_addr")

    @classmethod
    def decode(cls, body: bytes) -> QuerySm:
        reader = Reader(body)
        query = cls(reader.c_string("message_id", 65), read_address(reader, "source_addr"))
        reader.nothing_more()
        return query


@dataclass(frozen=True, slots=True)
class QueryResponse:
    """§4.8.2; `message_state` of §5.2.28."""

    command_id: ClassVar[int] = commands.QUERY_SM | 0x8000_0000
    message_id: bytes = b""
    final_date: bytes = b""
    message_state: int = 0
    error_code: int = 0

    def encode(self) -> bytes:
        states = bytes((octet("message_state", self.message_state), octet("error_code", self.error_code)))
        return c_string("message_id", self.message_id, 65) + write_time("final_date", self.final_date) + states

    @classmethod
    def decode(cls, body: bytes) -> QueryResponse:
        if not body:
            return cls()
        reader = Reader(body)
        answer = cls(
            reader.c_string("message_id", 65),
            read_time(reader, "final_date"),
            reader.octet("message_state"),
            reader.octet("error_code"),
        )
        reader.nothing_more()
        return answer


@dataclass(frozen=True, slots=True)
class CancelSm:
    """§4.9.1: with a message id, that message; without one, all from source to destination."""

    command_id: ClassVar[int] = commands.CANCEL_SM
    message_id: bytes = b""
    source: SmeAddress = NOBODY
    destination: SmeAddress = NOBODY
    service_type: bytes = b""

    def encode(self) -> bytes:
        return b"".join(
            (
                c_string("service_type", self.service_type, 6),
                c_string("message_id", self.message_id, 65),
                self.source.encode("source_addr"),
                self.destination.encode("destination_addr"),
            )
        )

    @classmethod
    def decode(cls, body: bytes) -> CancelSm:
        reader = Reader(body)
        service_type = reader.c_string("service_type", 6)
        message_id = reader.c_string("message_id", 65)
        source = read_address(reader, "source_addr")
        cancel = cls(message_id, source, read_address(reader, "destination_addr"), service_type)
        reader.nothing_more()
        return cancel


@dataclass(frozen=True, slots=True)
class ReplaceSm:
    """§4.10.1: another text for a message that was not delivered yet."""

    command_id: ClassVar[int] = commands.REPLACE_SM
    message_id: bytes
    source: SmeAddress = NOBODY
    short_message: bytes = b""
    schedule_delivery_time: bytes = b""
    validity_period: bytes = b""
    registered_delivery: int = 0
    sm_default_msg_id: int = 0

    def encode(self) -> bytes:
        text = self.short_message
        if len(text) > _SHORT_MESSAGE_MOST:
            raise Unencodable(f"short_message takes {len(text)} octets and {_SHORT_MESSAGE_MOST} are the most")
        registered = octet("registered_delivery", self.registered_delivery)
        default_id = octet("sm_default_msg_id", self.sm_default_msg_id)
        return b"".join(
            (
                c_string("message_id", self.message_id, 65),
                self.source.encode("source_addr"),
                write_time("schedule_delivery_time", self.schedule_delivery_time),
                write_time("validity_period", self.validity_period),
                bytes((registered, default_id, len(text))),
                text,
            )
        )

    @classmethod
    def decode(cls, body: bytes) -> ReplaceSm:
        reader = Reader(body)
        message_id = reader.c_string("message_id", 65)
        source = read_address(reader, "source_addr")
        schedule = read_time(reader, "schedule_delivery_time")
        validity = read_time(reader, "validity_period")
        registered, default_id, length = reader.octets(3)
        if length > _SHORT_MESSAGE_MOST:
            raise Malformed(f"sm_length {length} is above 254", status.INVALID_MESSAGE_LENGTH)
        text = reader.octets(length)
        reader.nothing_more()
        return cls(message_id, source, text, schedule, validity, registered, default_id)


@dataclass(frozen=True, slots=True)
class AlertNotification:
    """§4.12.1: a telephone that was away is there again; has no response."""

    command_id: ClassVar[int] = commands.ALERT_NOTIFICATION
    source: SmeAddress
    esme: SmeAddress
    tlvs: Tlvs = field(default_factory=no_tlvs)

    def encode(self) -> bytes:
        return self.source.encode("source_addr", 65) + self.esme.encode("esme_addr", 65) + tlvs(self.tlvs)

    @classmethod
    def decode(cls, body: bytes) -> AlertNotification:
        reader = Reader(body)
        source = read_address(reader, "source_addr", 65)
        return cls(source, read_address(reader, "esme_addr", 65), reader.tlvs())
