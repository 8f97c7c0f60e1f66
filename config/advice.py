"""What is allowed in a configuration and yet may be meant otherwise: told by `burgernet check-config`, refused by nobody.
No I/O.
"""

from __future__ import annotations

from collections.abc import Iterator

from config.document import Configuration
from foundation.telephone_numbers import read


def advice(configuration: Configuration) -> list[str]:
    """Each as `field: words`, of a configuration that was found right."""
    return [*_desks(configuration), *_numbers(configuration), *_ports(configuration)]


def _desks(configuration: Configuration) -> Iterator[str]:
    desks = {operator.id for operator in configuration.operators}
    for at, operator in enumerate(configuration.operators):
        if operator.deputy is not None and operator.deputy not in desks:
            yield f"operator[{at}].deputy: {operator.deputy!r} is no desk of this file; nobody deputises until it is added"
    room = configuration.callback.default_room
    if room not in {operator.room for operator in configuration.operators}:
        yield f"callback.default_room: no desk of this file is in {room!r}; callers there can only leave a tip"


def _numbers(configuration: Configuration) -> Iterator[str]:
    answered = {read(number) for number in configuration.callback.numbers}
    for at, trunk in enumerate(configuration.trunks):
        if read(trunk.caller_id) not in answered:
            shown = f"trunk[{at}].caller_id: {trunk.caller_id} is not among callback.numbers"
            yield f"{shown}; who calls back the number they saw is not answered"


def _ports(configuration: Configuration) -> Iterator[str]:
    low, high = (int(port) for port in configuration.rtp.ports.split("-"))
    calls, channels = (high - low + 1) // 2, sum(trunk.channels for trunk in configuration.trunks)
    if calls < channels:
        yield f"rtp.ports: is enough for {calls} calls, and the trunks have {channels} channels; widen the range"
