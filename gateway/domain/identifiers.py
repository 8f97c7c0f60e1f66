"""Names of things that are saved, each a type of its own so that none is taken for another. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from foundation.telephone_numbers import PhoneNumber
from gateway.domain.outcomes import ChannelName, MessageKind
from gateway.domain.values import quickly_made

ActionId = NewType("ActionId", str)
"""Short, unguessable, URL-safe; shown to operators."""

AttemptId = NewType("AttemptId", int)
"""Grows without gaps being promised; unique over all nodes of one database."""

DeskId = NewType("DeskId", str)
"""As in the configuration, `desk-7`."""

NodeName = NewType("NodeName", str)

Epoch = NewType("Epoch", int)
"""Grows each time a node takes a lease; a write that carries an older one than the row's is refused."""


@quickly_made
@dataclass(frozen=True, slots=True, order=True)
class DeliveryKey:
    """One recipient of one message of one action on one channel: what has exactly one outcome, always."""

    action: ActionId
    recipient: PhoneNumber
    channel: ChannelName
    message: MessageKind
