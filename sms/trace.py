"""PDUs in words, for an engineer who looks at a bind. Secrets and what people wrote do not show. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from foundation.clock import Monotonic
from foundation.rate import Rate
from sms import commands, status
from sms.pdu import SmeAddress
from sms.protocol import Pdu, decode
from sms.receipt import read_receipt
from sms.session import Session
from sms.settings import SmscSettings
from sms.wire import Frame, Framer, Malformed

Watch = Callable[[bool, Frame], None]
"""Gets each PDU; True for one that leaves."""

_HIDDEN = frozenset({"password"})
_TEXTS = frozenset({"short_message"})


class WatchedSession(Session):
    """A session whose PDUs are shown to somebody as they pass."""

    def __init__(self, settings: SmscSettings, rate: Rate, watch: Watch) -> None:
        super().__init__(settings, rate)
        self._watch = watch
        self._in, self._sent = Framer(), Framer()

    def received(self, data: bytes, now: Monotonic) -> None:
        self._show(False, self._in, data)
        super().received(data, now)

    def outgoing(self) -> bytes:
        octets = super().outgoing()
        self._show(True, self._sent, octets)
        return octets

    def _show(self, leaves: bool, framer: Framer, octets: bytes) -> None:
        try:
            for frame in framer.feed(octets):
                self._watch(leaves, frame)
        except Malformed:
            # The session itself says so, and ends.
            return


def described(frame: Frame) -> str:
    """One PDU on one line: its name, status and fields that say anything."""
    head = f"{_name(frame)} sequence {frame.sequence}"
    if frame.is_response:
        head += f" status 0x{frame.command_status:08x} ({status.words(frame.command_status)})"
    try:
        pdu = decode(frame)
    except Malformed as fault:
        return f"{head}: {fault}; body {frame.body.hex(' ')}"
    said = _fields(pdu)
    return f"{head}: {said}" if said else head


def _name(frame: Frame) -> str:
    return commands.name(frame.command_id)


def _fields(pdu: Pdu) -> str:
    shown = []
    for each in fields(pdu):
        if each.name == "command_id":
            continue
        value = getattr(pdu, each.name)
        if value not in (b"", 0, {}, None):
            shown.append(f"{each.name}={_value(pdu, each.name, value)}")
    return " ".join(shown)


def _value(pdu: Pdu, name: str, value: object) -> str:
    if name in _HIDDEN:
        return "***"
    if isinstance(value, SmeAddress):
        return f"{value.address.decode('latin-1')!r} (ton {value.ton}, npi {value.npi})"
    if isinstance(value, bytes):
        return f"{len(value)} octets" if name in _TEXTS and not _may_be_shown(pdu) else repr(value.decode("latin-1"))
    if isinstance(value, dict):
        hidden = () if _may_be_shown(pdu) else (commands.MESSAGE_PAYLOAD,)
        return "{" + ", ".join(_parameter(tag, octets, hidden) for tag, octets in value.items()) + "}"
    return str(value)


def _parameter(tag: int, octets: bytes, hidden: tuple[int, ...]) -> str:
    return f"0x{tag:04x}: {len(octets)} octets" if tag in hidden else f"0x{tag:04x}: {octets.hex()}"


def _may_be_shown(pdu: Pdu) -> bool:
    """Our own test message and receipts; never what a person wrote."""
    if pdu.command_id not in (commands.DELIVER_SM, commands.DATA_SM):
        return True
    try:
        return read_receipt(pdu) is not None  # type: ignore[arg-type]  # the two commands are these two classes
    except Malformed:
        return False
