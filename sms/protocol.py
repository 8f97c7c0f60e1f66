"""All PDUs that an ESME meets, as one: octets to values and back. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sms import commands, status
from sms.pdu import Bind, BindResponse, DataSm, DeliverSm, MessageResponse, Outbind, Plain, SubmitSm
from sms.pdu_operations import AlertNotification, CancelSm, QueryResponse, QuerySm, ReplaceSm
from sms.wire import RESPONSE, Frame, Malformed, frame

Pdu = (
    Bind
    | BindResponse
    | Outbind
    | SubmitSm
    | DeliverSm
    | DataSm
    | MessageResponse
    | QuerySm
    | QueryResponse
    | CancelSm
    | ReplaceSm
    | AlertNotification
    | Plain
)

_WITH_ID: Mapping[int, Callable[[int, bytes], Pdu]] = {
    **dict.fromkeys((commands.BIND_RECEIVER, commands.BIND_TRANSMITTER, commands.BIND_TRANSCEIVER), Bind.decode),
    **dict.fromkeys(
        (
            commands.BIND_RECEIVER | RESPONSE,
            commands.BIND_TRANSMITTER | RESPONSE,
            commands.BIND_TRANSCEIVER | RESPONSE,
        ),
        BindResponse.decode,
    ),
    **dict.fromkeys(
        (commands.SUBMIT_SM | RESPONSE, commands.DELIVER_SM | RESPONSE, commands.DATA_SM | RESPONSE),
        MessageResponse.decode,
    ),
    **dict.fromkeys(
        (
            commands.GENERIC_NACK,
            commands.UNBIND,
            commands.UNBIND | RESPONSE,
            commands.ENQUIRE_LINK,
            commands.ENQUIRE_LINK | RESPONSE,
            commands.CANCEL_SM | RESPONSE,
            commands.REPLACE_SM | RESPONSE,
        ),
        Plain.decode,
    ),
}
_BY_ITSELF: Mapping[int, Callable[[bytes], Pdu]] = {
    kind.command_id: kind.decode
    for kind in (
        Outbind,
        SubmitSm,
        DeliverSm,
        DataSm,
        QuerySm,
        QueryResponse,
        CancelSm,
        ReplaceSm,
        AlertNotification,
    )
}


def decode(received: Frame) -> Pdu:
    """Raises Malformed with the status to answer; an unknown command is one too."""
    alone = _BY_ITSELF.get(received.command_id)
    if alone is not None:
        return alone(received.body)
    known = _WITH_ID.get(received.command_id)
    if known is None:
        raise Malformed(f"{commands.name(received.command_id)} is not known", status.INVALID_COMMAND)
    return known(received.command_id, received.body)


def encode(pdu: Pdu, sequence: int, command_status: int = status.OK) -> bytes:
    """A whole PDU. Raises Unencodable for a field that does not fit."""
    return frame(pdu.command_id, command_status, sequence, pdu.encode())
