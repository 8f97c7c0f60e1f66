"""Delivery receipts in every shape that SMSCs send them, and message ids in one form. No I/O.

SMPP 3.4 §5.3.2.12, §5.3.2.35 and Appendix B: by optional parameters, as text, or both; esm_class says that it is one, or
only the text does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from sms import commands
from sms.pdu import DataSm, DeliverSm
from sms.wire import Malformed, integer

IdForm = Literal["as_is", "decimal", "hex"]

STATES: Final[Mapping[int, str]] = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}
_SPELLINGS = {
    "DELIVERED": "DELIVRD",
    "ACCEPTED": "ACCEPTD",
    "REJECTED": "REJECTD",
    "UNDELIVERABLE": "UNDELIV",
    "UNDELIVERED": "UNDELIV",
    "FAILED": "UNDELIV",
    "EN_ROUTE": "ENROUTE",
    "BUFFERED": "ENROUTE",
    "BUFFRED": "ENROUTE",
}
_PASSING = frozenset({"ENROUTE", "ACCEPTD", "SCHEDULED"})
_FIELD = re.compile(rb"(?:^|\s)(id|stat|err)\s*:\s*([^\s]+)", re.IGNORECASE)
_WHOLE_TEXT = re.compile(rb"^\s*id:\s*\S+\s.*\bstat:\s*[A-Z_]{4,}", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class ReceiptFields:
    """What a receipt says; `address` are the digits of whom the message was for."""

    message_id: str
    status: str
    error: str
    address: bytes
    user_message_reference: int | None

    @property
    def delivered(self) -> bool:
        return self.status == "DELIVRD"

    @property
    def final(self) -> bool:
        return self.status not in _PASSING


def read_receipt(pdu: DeliverSm | DataSm) -> ReceiptFields | None:
    """The receipt that this is, or None for a message from a person. Raises Malformed for a receipt of neither form."""
    message_type = pdu.esm_class & commands.MESSAGE_TYPE
    text = pdu.text
    by_type = message_type in (commands.RECEIPT_TYPE, commands.INTERMEDIATE_TYPE)
    named = pdu.tlvs.get(commands.RECEIPTED_MESSAGE_ID)
    if not by_type and named is None and not (message_type == 0 and _WHOLE_TEXT.match(text)):
        return None
    found = {key.lower(): value for key, value in reversed(_FIELD.findall(text))}
    message_id = named.rstrip(b"\0") if named is not None else found.get(b"id", b"")
    state = integer(pdu.tlvs, commands.MESSAGE_STATE, 1)
    status = STATES.get(state, "UNKNOWN") if state is not None else _status(found.get(b"stat", b""))
    if status is None:
        raise Malformed("a receipt without a state", 0)
    return ReceiptFields(
        message_id.decode("latin-1"),
        status,
        _error(pdu, found.get(b"err", b"")),
        pdu.source.address,
        integer(pdu.tlvs, commands.USER_MESSAGE_REFERENCE, 2),
    )


def _status(word: bytes) -> str | None:
    if not word:
        return None
    text = word.decode("latin-1").upper()
    return _SPELLINGS.get(text, text[:16])


def _error(pdu: DeliverSm | DataSm, by_text: bytes) -> str:
    """§5.3.2.31: network type and code; the text's err where there is no parameter."""
    network = pdu.tlvs.get(commands.NETWORK_ERROR_CODE, b"")
    if len(network) == 3:
        return f"{network[0]}:{int.from_bytes(network[1:], 'big')}"
    return by_text.decode("latin-1")[:16]


def response_id(message_id: bytes, form: IdForm) -> str:
    """The id of a submit_sm_resp in the form in which it is compared.

    `decimal`: this SMSC writes decimal ids in its receipts and hexadecimal ones in its responses; `hex` the other way
    round. What is no such number stays as it is.
    """
    text = message_id.decode("latin-1")
    return _number(text, {"decimal": 16, "hex": 10}.get(form))


def receipt_id(message_id: str, form: IdForm) -> str:
    """The id of a receipt in the form in which it is compared; see `response_id`."""
    return _number(message_id, {"decimal": 10, "hex": 16}.get(form))


def _number(text: str, base: int | None) -> str:
    if base is None or not text.isascii() or not text.isalnum():
        return text
    try:
        return str(int(text, base))
    except ValueError:
        return text
