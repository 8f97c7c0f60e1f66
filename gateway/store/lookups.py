"""A delivery together with its action, for an event of one that memory does not hold. Blocking."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.domain.action import Action
from gateway.domain.delivery import Delivery
from gateway.store.actions import get_action
from gateway.store.deliveries import one_delivery


def delivery_and_action(connection: Connection, row: int) -> tuple[Delivery, Action] | None:
    delivery = one_delivery(connection, row)
    if delivery is None:
        return None
    record = get_action(connection, delivery.key.action)
    return None if record is None else (delivery, record.action)
