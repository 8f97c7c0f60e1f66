"""Octets of SMPP 3.4: headers and frames, C-octet strings, optional parameters. No I/O.

Lengths are held to on both ways: a field that is too long is never cut. What a peer sent wrongly raises `Malformed` with
the status for the answer; what we were asked to send and can't raises `Unencodable`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sms import status

HEADER = struct.Struct(">IIII")
HEADER_OCTETS = 16
MOST_OCTETS = 70_000
"""A message_payload holds up to 65,535 octets (§5.3.2.32); anything longer than a PDU around it is no PDU."""

RESPONSE = 0x8000_0000
_TLV = struct.Struct(">HH")

Tlvs = Mapping[int, bytes]
NO_TLVS: Tlvs = {}


def no_tlvs() -> Tlvs:
    return NO_TLVS


class Malformed(ValueError):
    """The peer's PDU is not SMPP 3.4; `command_status` is what to answer. `fatal`: where the next PDU begins is unknown."""

    def __init__(self, words: str, command_status: int, *, fatal: bool = False) -> None:
        super().__init__(words)
        self.command_status = command_status
        self.fatal = fatal


class Unencodable(ValueError):
    """A field that does not fit on the wire; the message names it and its limit."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One PDU with its header taken apart (§3.2)."""

    command_id: int
    command_status: int
    sequence: int
    body: bytes

    @property
    def is_response(self) -> bool:
        return self.command_id >= RESPONSE


class Framer:
    """A stream cut into PDUs, whatever the pieces it came in; holds at most one unfinished PDU."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def unfinished(self) -> int:
        """Octets of a PDU that is not complete yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Raises Malformed (fatal) at a command_length that can't be; frames before it are given first."""
        buffer = self._buffer
        buffer += data
        position = 0
        try:
            while len(buffer) - position >= HEADER_OCTETS:
                length, command_id, command_status, sequence = HEADER.unpack_from(buffer, position)
                if not HEADER_OCTETS <= length <= MOST_OCTETS:
                    raise Malformed(f"command_length {length} can't be", status.INVALID_COMMAND_LENGTH, fatal=True)
                if len(buffer) - position < length:
                    return
                body = bytes(buffer[position + HEADER_OCTETS : position + length])
                position += length
                yield Frame(command_id, command_status, sequence, body)
        finally:
            del buffer[:position]


def frame(command_id: int, command_status: int, sequence: int, body: bytes = b"") -> bytes:
    return HEADER.pack(HEADER_OCTETS + len(body), command_id, command_status, sequence) + body


def c_string(name: str, value: bytes, most: int) -> bytes:
    """A C-octet string with its NUL; `most` octets with it (§3.1)."""
    if len(value) >= most:
        raise Unencodable(f"{name} takes {len(value)} octets and {most - 1} are the most")
    if 0 in value:
        raise Unencodable(f"{name} may not hold a NUL")
    return value + b"\0"


def octet(name: str, value: int) -> int:
    if not 0 <= value <= 255:
        raise Unencodable(f"{name} is one octet, not {value}")
    return value


def tlvs(values: Tlvs) -> bytes:
    if not values:
        return b""
    for tag, value in values.items():
        if len(value) > 0xFFFF:
            raise Unencodable(f"optional parameter 0x{tag:04x} takes {len(value)} octets and 65535 are the most")
    return b"".join(_TLV.pack(tag, len(value)) + value for tag, value in values.items())


class Reader:
    """A body read from its begin; every method raises Malformed where the octets end too soon or a field is too long."""

    __slots__ = ("_body", "_position")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._position = 0

    def c_string(self, name: str, most: int) -> bytes:
        end = self._body.find(b"\0", self._position, self._position + most)
        if end < 0:
            raise Malformed(f"{name} has no NUL within {most} octets", status.INVALID_PARAMETER_LENGTH)
        value = self._body[self._position : end]
        self._position = end + 1
        return value

    def octet(self, name: str) -> int:
        if self._position >= len(self._body):
            raise Malformed(f"the PDU ends before {name}", status.INVALID_COMMAND_LENGTH)
        value = self._body[self._position]
        self._position += 1
        return value

    def octets(self, count: int) -> bytes:
        """So many octets, fixed fields that are read at once."""
        end = self._position + count
        if end > len(self._body):
            raise Malformed("the PDU ends within its fixed fields", status.INVALID_COMMAND_LENGTH)
        value = self._body[self._position : end]
        self._position = end
        return value

    @property
    def left(self) -> int:
        return len(self._body) - self._position

    def tlvs(self) -> Tlvs:
        """Everything that is left, unknown tags included (§3.3: they are passed over by whoever doesn't know them).
        Of a doubled tag the first one counts."""
        body, position = self._body, self._position
        size = len(body)
        if position == size:
            return NO_TLVS
        found: dict[int, bytes] = {}
        while position < size:
            if size - position < 4:
                raise Malformed("octets after the last optional parameter", status.INVALID_OPTIONAL_PART)
            tag, length = _TLV.unpack_from(body, position)
            position += 4
            if position + length > size:
                raise Malformed(f"optional parameter 0x{tag:04x} ends behind the PDU", status.INVALID_OPTIONAL_PART)
            found.setdefault(tag, body[position : position + length])
            position += length
        self._position = position
        return found

    def nothing_more(self) -> None:
        """For PDUs without optional parameters in 3.4: later versions add some, so they are read and passed over."""
        self.tlvs()


def integer(values: Tlvs, tag: int, size: int) -> int | None:
    """An optional parameter as a number of `size` octets, None where it is not there."""
    value = values.get(tag)
    if value is None:
        return None
    if len(value) != size:
        raise Malformed(
            f"optional parameter 0x{tag:04x} takes {size} octets, not {len(value)}", status.INVALID_PARAMETER_LENGTH
        )
    return int.from_bytes(value, "big")
