"""A node's lease: its epoch grows each time the node starts, over all nodes of the database. Blocking."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select

from foundation.clock import Saved
from gateway.domain.identifiers import Epoch, NodeName
from gateway.store.recipients import Lease
from gateway.store.schema import microseconds, node_leases


def take_lease(connection: Connection, node: NodeName, at: Saved) -> Lease:
    newest = connection.execute(select(func.max(node_leases.c.epoch))).scalar() or 0
    connection.execute(delete(node_leases).where(node_leases.c.node == node))
    connection.execute(insert(node_leases), {"node": node, "epoch": newest + 1, "taken_at": microseconds(at)})
    return Lease(node, Epoch(newest + 1))
