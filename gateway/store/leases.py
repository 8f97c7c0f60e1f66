"""A node's lease, and which nodes are alive. Blocking.

The lease's epoch grows each time a node starts, over all nodes of the database: it fences the writes of one that was
taken for dead. On PostgreSQL a node lives while its writing connection does (an advisory lock under its name); a SQLite
file has one node, so that any other name is of the past.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, func, insert, select, text

from foundation.clock import Saved
from gateway.domain.identifiers import Epoch, NodeName
from gateway.store.recipients import Lease
from gateway.store.schema import microseconds, node_leases

# Advisory locks are named by two 32-bit numbers; the first tells ours from those of other users of the server.
_NODES, _TURNS = 0x6275_7267, 0x6275_7268
MIGRATING, _LEASING = 1, 2


def lock_name(node: str) -> tuple[int, str]:
    """What `pg_advisory_lock(…, hashtext(…))` is given for a node."""
    return _NODES, node


def shared(connection: Connection) -> bool:
    """Whether several nodes can work on this database at once."""
    return connection.dialect.name == "postgresql"


def alone(connection: Connection, turn: int) -> None:
    """Wait until no other node is in this turn; held until the transaction ends."""
    if shared(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:a, :b)"), {"a": _TURNS, "b": turn})


def take_lease(connection: Connection, node: NodeName, at: Saved) -> Lease:
    alone(connection, _LEASING)
    newest = connection.execute(select(func.max(node_leases.c.epoch))).scalar() or 0
    connection.execute(delete(node_leases).where(node_leases.c.node == node))
    connection.execute(insert(node_leases), {"node": node, "epoch": newest + 1, "taken_at": microseconds(at)})
    return Lease(node, Epoch(newest + 1))


def gone(connection: Connection, nodes: Iterable[NodeName]) -> list[NodeName]:
    """Those that do not live; until the transaction ends they can't come back."""
    if not shared(connection):
        return list(nodes)
    ask = text("SELECT pg_try_advisory_xact_lock(:a, hashtext(:b))")
    return [node for node in nodes if connection.execute(ask, dict(zip("ab", lock_name(node), strict=True))).scalar()]
