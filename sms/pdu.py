"""The PDUs of SMPP 3.4 that carry messages, and those that open and close a bind. Pure values; no I/O.

Each has `encode()` to its body and `decode(body)` from one. Addresses and texts are octets here, as they travel; the
messages that ask about others (query, cancel, replace, alert) are in `sms.pdu_operations`, `sms.protocol` maps command
ids to classes. Field limits, NUL included, are those of §5.2.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

from sms import commands, status
from sms.wire import Malformed, Reader, Tlvs, Unencodable, c_string, no_tlvs, octet, tlvs

_TIME_OCTETS = (0, 16)
_SHORT_MESSAGE_MOST = 254
_THREE = struct.Struct(">BBB")
AnyMessage = TypeVar("AnyMessage", bound="_Message")


@dataclass(frozen=True, slots=True)
class SmeAddress:
    """Type of number, numbering plan (§5.2.5, §5.2.6), and the digits or letters."""

    ton: int = commands.TON_UNKNOWN
    npi: int = commands.NPI_UNKNOWN
    address: bytes = b""

    def encode(self, name: str, most: int = 21) -> bytes:
        return bytes((octet(f"{name}_ton", self.ton), octet(f"{name}_npi", self.npi))) + c_string(
            name, self.address, most
        )


NOBODY = SmeAddress()


def read_address(reader: Reader, name: str, most: int = 21) -> SmeAddress:
    ton, npi = reader.octets(2)
    return SmeAddress(ton, npi, reader.c_string(name, most))


def read_time(reader: Reader, name: str) -> bytes:
    """§7.1.1: empty or 16 characters."""
    value = reader.c_string(name, 17)
    if len(value) not in _TIME_OCTETS:
        raise Malformed(f"{name} is empty or 16 characters, not {len(value)}", status.INVALID_PARAMETER_LENGTH)
    return value


def write_time(name: str, value: bytes) -> bytes:
    if len(value) not in _TIME_OCTETS:
        raise Unencodable(f"{name} is empty or 16 characters, not {len(value)}")
    return value + b"\0"


@dataclass(frozen=True, slots=True)
class Bind:
    """bind_transmitter, bind_receiver, bind_transceiver (§4.1): `command_id` says which."""

    command_id: int
    system_id: bytes
    password: bytes
    system_type: bytes = b""
    interface_version: int = commands.VERSION
    addresses: SmeAddress = NOBODY

    def encode(self) -> bytes:
        return b"".join(
            (
                c_string("system_id", self.system_id, 16),
                c_string("password", self.password, 9),
                c_string("system_type", self.system_type, 13),
                bytes((octet("interface_version", self.interface_version),)),
                self.addresses.encode("address_range", 41),
            )
        )

    @classmethod
    def decode(cls, command_id: int, body: bytes) -> Bind:
        reader = Reader(body)
        bind = cls(
            command_id,
            reader.c_string("system_id", 16),
            reader.c_string("password", 9),
            reader.c_string("system_type", 13),
            reader.octet("interface_version"),
            read_address(reader, "address_range", 41),
        )
        reader.nothing_more()
        return bind


@dataclass(frozen=True, slots=True)
class BindResponse:
    """§4.1.2: the SMSC's own system_id; an SMSC that refuses may leave the body out."""

    command_id: int
    system_id: bytes = b""
    tlvs: Tlvs = field(default_factory=no_tlvs)

    def encode(self) -> bytes:
        return c_string("system_id", self.system_id, 16) + tlvs(self.tlvs)

    @classmethod
    def decode(cls, command_id: int, body: bytes) -> BindResponse:
        if not body:
            return cls(command_id)
        reader = Reader(body)
        return cls(command_id, reader.c_string("system_id", 16), reader.tlvs())


@dataclass(frozen=True, slots=True)
class Outbind:
    """§4.1.7: the SMSC asks to be bound to."""

    command_id: ClassVar[int] = commands.OUTBIND
    system_id: bytes
    password: bytes

    def encode(self) -> bytes:
        return c_string("system_id", self.system_id, 16) + c_string("password", self.password, 9)

    @classmethod
    def decode(cls, body: bytes) -> Outbind:
        reader = Reader(body)
        outbind = cls(reader.c_string("system_id", 16), reader.c_string("password", 9))
        reader.nothing_more()
        return outbind


@dataclass(frozen=True, slots=True)
class _Message:
    """submit_sm and deliver_sm have the same layout (§4.4.1, §4.6.1). `short_message` is at most 254 octets; longer texts
    travel as message_payload."""

    source: SmeAddress = NOBODY
    destination: SmeAddress = NOBODY
    short_message: bytes = b""
    data_coding: int = commands.CODING_DEFAULT
    esm_class: int = 0
    registered_delivery: int = 0
    validity_period: bytes = b""
    tlvs: Tlvs = field(default_factory=no_tlvs)
    service_type: bytes = b""
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: bytes = b""
    replace_if_present_flag: int = 0
    sm_default_msg_id: int = 0

    def encode(self) -> bytes:
        text = self.short_message
        if len(text) > _SHORT_MESSAGE_MOST:
            raise Unencodable(f"short_message takes {len(text)} octets and {_SHORT_MESSAGE_MOST} are the most")
        try:
            before = _THREE.pack(self.esm_class, self.protocol_id, self.priority_flag)
            after = bytes(
                (
                    self.registered_delivery,
                    self.replace_if_present_flag,
                    self.data_coding,
                    self.sm_default_msg_id,
                    len(text),
                )
            )
        except (struct.error, ValueError) as error:
            raise Unencodable("a field of one octet is 0 to 255") from error
        return b"".join(
            (
                c_string("service_type", self.service_type, 6),
                self.source.encode("source_addr"),
                self.destination.encode("destination_addr"),
                before,
                write_time("schedule_delivery_time", self.schedule_delivery_time),
                write_time("validity_period", self.validity_period),
                after,
                text,
                tlvs(self.tlvs),
            )
        )

    @classmethod
    def decode(cls: type[AnyMessage], body: bytes) -> AnyMessage:
        reader = Reader(body)
        service_type = reader.c_string("service_type", 6)
        source = read_address(reader, "source_addr")
        destination = read_address(reader, "destination_addr")
        esm_class, protocol_id, priority_flag = reader.octets(3)
        schedule = read_time(reader, "schedule_delivery_time")
        validity = read_time(reader, "validity_period")
        registered, replace, data_coding, default_id, length = reader.octets(5)
        if length > _SHORT_MESSAGE_MOST:
            raise Malformed(f"sm_length {length} is above 254", status.INVALID_MESSAGE_LENGTH)
        text = reader.octets(length)
        return cls(
            source,
            destination,
            text,
            data_coding,
            esm_class,
            registered,
            validity,
            reader.tlvs(),
            service_type,
            protocol_id,
            priority_flag,
            schedule,
            replace,
            default_id,
        )

    @property
    def text(self) -> bytes:
        """The message's octets, wherever they travel (§5.3.2.32: not in both)."""
        return self.tlvs.get(commands.MESSAGE_PAYLOAD, b"") if not self.short_message else self.short_message


@dataclass(frozen=True, slots=True)
class SubmitSm(_Message):
    command_id: ClassVar[int] = commands.SUBMIT_SM


@dataclass(frozen=True, slots=True)
class DeliverSm(_Message):
    command_id: ClassVar[int] = commands.DELIVER_SM


@dataclass(frozen=True, slots=True)
class MessageResponse:
    """submit_sm_resp, deliver_sm_resp, data_sm_resp (§4.4.2, §4.6.2, §4.7.2): empty where the request was refused."""

    command_id: int
    message_id: bytes = b""
    tlvs: Tlvs = field(default_factory=no_tlvs)

    def encode(self) -> bytes:
        return c_string("message_id", self.message_id, 65) + tlvs(self.tlvs)

    @classmethod
    def decode(cls, command_id: int, body: bytes) -> MessageResponse:
        if not body:
            return cls(command_id)
        # Once a message: the NUL of a response without optional parameters is its last octet.
        if len(body) <= 65 and body.find(0) == len(body) - 1:
            return cls(command_id, body[:-1])
        reader = Reader(body)
        return cls(command_id, reader.c_string("message_id", 65), reader.tlvs())


@dataclass(frozen=True, slots=True)
class DataSm:
    """§4.7.1: the text is in message_payload."""

    command_id: ClassVar[int] = commands.DATA_SM
    source: SmeAddress = NOBODY
    destination: SmeAddress = NOBODY
    data_coding: int = commands.CODING_DEFAULT
    esm_class: int = 0
    registered_delivery: int = 0
    tlvs: Tlvs = field(default_factory=no_tlvs)
    service_type: bytes = b""

    def encode(self) -> bytes:
        flags = ("esm_class", self.esm_class), ("registered_delivery", self.registered_delivery)
        return b"".join(
            (
                c_string("service_type", self.service_type, 6),
                self.source.encode("source_addr", 65),
                self.destination.encode("destination_addr", 65),
                bytes(octet(name, value) for name, value in (*flags, ("data_coding", self.data_coding))),
                tlvs(self.tlvs),
            )
        )

    @classmethod
    def decode(cls, body: bytes) -> DataSm:
        reader = Reader(body)
        service_type = reader.c_string("service_type", 6)
        source = read_address(reader, "source_addr", 65)
        destination = read_address(reader, "destination_addr", 65)
        esm_class, registered, data_coding = reader.octets(3)
        return cls(source, destination, data_coding, esm_class, registered, reader.tlvs(), service_type)

    @property
    def text(self) -> bytes:
        return self.tlvs.get(commands.MESSAGE_PAYLOAD, b"")


@dataclass(frozen=True, slots=True)
class Plain:
    """A PDU that is only its header: unbind, enquire_link, their responses, generic_nack, refused requests' responses."""

    command_id: int

    def encode(self) -> bytes:
        return b""

    @classmethod
    def decode(cls, command_id: int, body: bytes) -> Plain:
        Reader(body).nothing_more()
        return cls(command_id)
