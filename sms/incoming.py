"""Messages from people: octets to text, and the parts of a long one put together. No I/O.

An SMSC may wait for the response to one part before it sends the next, and a response may only go when the text is
saved. So parts wait for each other for a short while; what is not whole by then is handed on part by part, marked
`(1/2)`: saved and readable, and never lost.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from foundation.clock import Monotonic
from foundation.deadlines import Deadlines
from sms import commands, gsm7, national
from sms.pdu import DataSm, DeliverSm
from sms.wire import Malformed, integer

PARTS_WAIT_SECONDS = 3.0
_MOST_WAITING = 1_000
_MOST_REMEMBERED = 10_000
_CONTROL = bytes({*range(0x20), 0x7F} - {0x09, 0x0A, 0x0D})

Ticket = TypeVar("Ticket")


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Which part of which message (3GPP TS 23.040 §9.2.3.24.1; SMPP 3.4 §5.3.2.22 to .24)."""

    reference: int
    total: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Incoming:
    """One deliver_sm from a person, decoded."""

    text: str
    concatenation: Concatenation | None = None


def read_incoming(pdu: DeliverSm | DataSm, alphabet: Literal["gsm7", "latin1"]) -> Incoming:
    """Whatever the octets are a text comes out: what can't be decoded is replaced, never refused."""
    octets = pdu.text
    concatenation = _by_parameters(pdu)
    shift = None
    if pdu.esm_class & commands.UDH_INDICATOR and octets and 1 + octets[0] <= len(octets):
        header, octets = octets[1 : 1 + octets[0]], octets[1 + octets[0] :]
        concatenation = _by_header(header) or concatenation
        shift = _shift(header)
    return Incoming(decode_text(octets, pdu.data_coding, alphabet, shift), concatenation)


def decode_text(
    octets: bytes, data_coding: int, alphabet: Literal["gsm7", "latin1"], shift: national.Shift | None = None
) -> str:
    """§5.2.19, and the groups of 3GPP TS 23.038 §4 above 15. Code 0 is the SMSC's default alphabet, or what the header
    names in its place."""
    if data_coding >= 16:
        ucs2 = data_coding & 0xC0 == 0 and data_coding & 0x0C == 0x08
        eight_bits = data_coding & 0x0C == 0x04
        data_coding = commands.CODING_UCS2 if ucs2 else commands.CODING_LATIN1 if eight_bits else 0
    if data_coding == commands.CODING_UCS2:
        return octets.decode("utf-16-be", "replace")
    if data_coding == commands.CODING_DEFAULT and alphabet == "gsm7":
        return gsm7.decode(octets) if shift is None else national.decode(octets, shift)
    if data_coding == commands.CODING_ASCII:
        # node-smpp among others calls the GSM alphabet IA5; no text in IA5 holds control characters or DEL.
        if alphabet == "gsm7" and octets.translate(None, _CONTROL) != octets:
            return gsm7.decode(octets)
        return octets.decode("ascii", "replace")
    return octets.decode("latin-1")


def _by_parameters(pdu: DeliverSm | DataSm) -> Concatenation | None:
    try:
        reference = integer(pdu.tlvs, commands.SAR_REFERENCE, 2)
        total = integer(pdu.tlvs, commands.SAR_TOTAL, 1)
        sequence = integer(pdu.tlvs, commands.SAR_SEQUENCE, 1)
    except Malformed:
        return None
    if reference is None or total is None or sequence is None:
        return None
    return _checked(reference, total, sequence)


def _elements(header: bytes) -> Iterator[tuple[int, bytes]]:
    """The information elements of a user data header (3GPP TS 23.040 §9.2.3.24)."""
    position = 0
    while position + 2 <= len(header):
        element, length = header[position], header[position + 1]
        yield element, header[position + 2 : position + 2 + length]
        position += 2 + length


def _by_header(header: bytes) -> Concatenation | None:
    for element, value in _elements(header):
        if element == 0x00 and len(value) == 3:
            return _checked(value[0], value[1], value[2])
        if element == 0x08 and len(value) == 4:
            return _checked(int.from_bytes(value[:2], "big"), value[2], value[3])
    return None


def _shift(header: bytes) -> national.Shift | None:
    found = {element: value[0] for element, value in _elements(header) if len(value) == 1}
    shift = national.Shift(found.get(national.LOCKING_SHIFT), found.get(national.SINGLE_SHIFT))
    return None if shift == national.Shift() else shift


def _checked(reference: int, total: int, sequence: int) -> Concatenation | None:
    """A message of one part, or a part that is not in it, counts as a message alone."""
    return Concatenation(reference, total, sequence) if total > 1 and 1 <= sequence <= total else None


@dataclass(frozen=True, slots=True)
class Whole(Generic[Ticket]):
    """A text to save; when it is, every ticket gets its response."""

    key: Hashable
    text: str
    tickets: tuple[Ticket, ...]


@dataclass(slots=True)
class _Waiting(Generic[Ticket]):
    total: int
    texts: dict[int, str] = field(default_factory=dict)
    tickets: list[Ticket] = field(default_factory=list)


class Reassembly(Generic[Ticket]):
    """`key` names sender and destination; a ticket is whatever the caller needs to answer one deliver_sm."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, _Waiting[Ticket]] = {}
        self._apart: OrderedDict[Hashable, None] = OrderedDict()
        self._deadlines: Deadlines[Hashable] = Deadlines()

    def add(self, key: Hashable, incoming: Incoming, ticket: Ticket, now: Monotonic) -> list[Whole[Ticket]]:
        """What is ready to be saved: the text itself, all parts joined, or nothing yet."""
        part = incoming.concatenation
        if part is None:
            return [Whole(key, incoming.text, (ticket,))]
        message = (key, part.reference, part.total)
        if message in self._apart or (message not in self._waiting and len(self._waiting) >= _MOST_WAITING):
            return [Whole(key, _marked(incoming.text, part.sequence, part.total), (ticket,))]
        waiting = self._waiting.get(message)
        if waiting is None:
            waiting = self._waiting[message] = _Waiting(part.total)
            self._deadlines.set(message, Monotonic(now + PARTS_WAIT_SECONDS))
        waiting.texts[part.sequence] = incoming.text
        waiting.tickets.append(ticket)
        if len(waiting.texts) < part.total:
            return []
        del self._waiting[message]
        self._deadlines.cancel(message)
        text = "".join(waiting.texts[sequence] for sequence in sorted(waiting.texts))
        return [Whole(key, text, tuple(waiting.tickets))]

    def next_deadline(self) -> Monotonic | None:
        return self._deadlines.next()

    def handle_deadline(self, now: Monotonic) -> list[Whole[Ticket]]:
        """The messages that waited long enough, as one text with each part marked."""
        ready: list[Whole[Ticket]] = []
        for message in self._deadlines.due(now):
            waiting = self._waiting.pop(message)
            self._apart[message] = None
            if len(self._apart) > _MOST_REMEMBERED:
                self._apart.popitem(last=False)
            assert isinstance(message, tuple)
            parts = (_marked(waiting.texts[each], each, waiting.total) for each in sorted(waiting.texts))
            ready.append(Whole(message[0], "\n".join(parts), tuple(waiting.tickets)))
        return ready


def _marked(text: str, sequence: int, total: int) -> str:
    return f"({sequence}/{total}) {text}"
