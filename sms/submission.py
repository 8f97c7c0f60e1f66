"""One message on its way to one SMSC: its segments as PDUs, and the one event that they add up to. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from foundation.clock import Monotonic
from sms import commands, status
from sms.addresses import phone_address, source_address
from sms.events import Accepted, NotSubmitted, Refused, Segmented, TextEvent, TextRequest, Uncertain
from sms.pdu import SubmitSm
from sms.receipt import response_id
from sms.segments import fits_long_reference, segment
from sms.session_events import Outgoing
from sms.settings import SmscSettings

_CODINGS = {"gsm7": commands.CODING_DEFAULT, "latin1": commands.CODING_DEFAULT, "ucs2": commands.CODING_UCS2}


def outgoings(request: TextRequest, settings: SmscSettings, deadline: Monotonic | None) -> list[Outgoing]:
    """The submit_sm of a message, one a segment; only one where the SMSC cuts by itself. Raises `segments.TooLong`."""
    text = request.text
    if text.alphabet != settings.alphabet or text.tables != settings.national_tables:
        text = segment(text.text, settings.alphabet, settings.national_tables, text.language)
    reference = request.reference & 0xFFFF
    common = _Common(settings, request, _CODINGS[text.encoding], {_UMR: reference.to_bytes(2, "big")})
    if len(text.segments) == 1 and text.shift is not None:
        return [Outgoing(common.with_header(text.shift.elements, text.segments[0]), 1, deadline)]
    if len(text.segments) == 1:
        return [Outgoing(common.pdu(text.segments[0]), 1, deadline)]
    if settings.long_messages == "payload":
        payload = {commands.MESSAGE_PAYLOAD: b"".join(text.segments)}
        return [Outgoing(common.pdu(b"", payload), len(text.segments), deadline)]
    return [Outgoing(pdu, 1, deadline) for pdu in _parts(text, settings, common, reference)]


_UMR = commands.USER_MESSAGE_REFERENCE


@dataclass(frozen=True, slots=True)
class _Common:
    """What all segments share."""

    settings: SmscSettings
    request: TextRequest
    data_coding: int
    tlvs: dict[int, bytes]

    def pdu(self, octets: bytes, tlvs: dict[int, bytes] | None = None, esm_class: int = 0) -> SubmitSm:
        return SubmitSm(
            source_address(self.settings),
            phone_address(self.request.number),
            octets,
            self.data_coding,
            esm_class,
            commands.RECEIPT_WANTED,
            tlvs=self.tlvs if tlvs is None else self.tlvs | tlvs,
        )

    def with_header(self, elements: bytes, octets: bytes) -> SubmitSm:
        """The segment behind a user data header (3GPP TS 23.040 §9.2.3.24)."""
        return self.pdu(bytes((len(elements),)) + elements + octets, esm_class=commands.UDH_INDICATOR)


def _parts(text: Segmented, settings: SmscSettings, common: _Common, reference: int) -> list[SubmitSm]:
    total = len(text.segments)
    pdus = []
    long_reference = fits_long_reference(text)
    tables = b"" if text.shift is None else text.shift.elements
    for sequence, octets in enumerate(text.segments, 1):
        if settings.long_messages == "sar":
            parameters = {
                commands.SAR_REFERENCE: reference.to_bytes(2, "big"),
                commands.SAR_TOTAL: bytes((total,)),
                commands.SAR_SEQUENCE: bytes((sequence,)),
            }
            pdus.append(common.pdu(octets, parameters))
            continue
        if long_reference:
            part = bytes((0x08, 4, reference >> 8, reference & 0xFF, total, sequence))
        else:
            part = bytes((0x00, 3, reference & 0xFF, total, sequence))
        pdus.append(common.with_header(part + tables, octets))
    return pdus


@dataclass(slots=True, eq=False)
class Submission:
    """`waiting`: segments that were not on the wire yet. `ids` by segment, as the SMSC wrote them."""

    request: TextRequest
    settings: SmscSettings
    segments: list[Outgoing] = field(default_factory=list)
    waiting: int = 0
    cancelled: bool = False
    ids: dict[int, bytes] = field(default_factory=dict)
    refusal: int | None = None
    unanswered: bool = False
    not_left: str | None = None
    settled: int = 0

    def accepted(self, outgoing: Outgoing, message_id: bytes) -> None:
        self.ids[self.segments.index(outgoing)] = message_id
        self.settled += 1

    def refused(self, command_status: int) -> None:
        """The first refusal is the message's."""
        if self.refusal is None:
            self.refusal = command_status
        self.settled += 1

    def never_answered(self) -> None:
        self.unanswered = True
        self.settled += 1

    def never_left(self, reason: str) -> None:
        if self.not_left is None:
            self.not_left = reason
        self.settled += 1

    @property
    def complete(self) -> bool:
        return self.settled == len(self.segments)

    @property
    def message_ids(self) -> tuple[str, ...]:
        form = self.settings.message_id
        return tuple(response_id(self.ids[index], form) for index in sorted(self.ids))

    @property
    def as_written(self) -> tuple[str, ...]:
        """The same as the SMSC wrote them; empty where they are no other."""
        if self.settings.message_id == "as_is":
            return ()
        return tuple(self.ids[index].decode("latin-1") for index in sorted(self.ids))

    def outcome(self) -> TextEvent:
        """What its segments add up to. Some that left beside some that did not is nothing anybody can be sure of."""
        reference, smsc = self.request.reference, self.settings.name
        if self.refusal is not None:
            verdict = status.verdict(self.refusal)
            words = status.words(self.refusal)
            return Refused(reference, smsc, self.refusal, verdict.failure, verdict.smsc_fault, words)
        if self.unanswered or (self.not_left is not None and self.ids):
            return Uncertain(reference, smsc, self.message_ids, self.as_written)
        if self.not_left is not None:
            return NotSubmitted(reference, self.not_left)
        return Accepted(reference, smsc, self.message_ids, self.as_written)
