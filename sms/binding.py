"""The bind request that the settings ask for. No I/O."""

from __future__ import annotations

from sms import commands
from sms.pdu import Bind
from sms.settings import SmscSettings

_COMMANDS = {
    "transceiver": commands.BIND_TRANSCEIVER,
    "transmitter": commands.BIND_TRANSMITTER,
    "receiver": commands.BIND_RECEIVER,
}


def bind_request(settings: SmscSettings) -> Bind:
    return Bind(
        _COMMANDS[settings.bind],
        settings.system_id.encode("latin-1", "replace"),
        settings.password.get_secret_value().encode("latin-1", "replace"),
        settings.system_type.encode("latin-1", "replace"),
    )
