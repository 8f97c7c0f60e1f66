"""The dialogs of calls, saved before an INVITE leaves and when it is answered, so that a crash leaves nobody talking."""

from __future__ import annotations

import json
from dataclasses import asdict

from sqlalchemy import Connection, delete, insert, select
from twisted.internet.defer import Deferred

from gateway.domain.identifiers import NodeName
from gateway.store.schema import dialogs
from gateway.store.writer import Writer
from ivr.call import SavedDialog


class Journal:
    """The `ivr.call.DialogJournal` of a node. A dialog that is over is forgotten."""

    def __init__(self, writer: Writer, node: NodeName) -> None:
        self._writer = writer
        self._node = node

    def save(self, dialog: SavedDialog) -> Deferred[None]:
        return self._writer.run(lambda connection: save_dialog(connection, dialog, self._node), patient=True)


def save_dialog(connection: Connection, dialog: SavedDialog, node: NodeName) -> None:
    connection.execute(delete(dialogs).where(dialogs.c.leg == dialog.leg))
    if dialog.state != "over":
        row = {"leg": dialog.leg, "state": dialog.state, "node": node, "dialog": json.dumps(asdict(dialog))}
        connection.execute(insert(dialogs), row)


def orphans(connection: Connection, node: NodeName) -> list[SavedDialog]:
    """What an earlier process of this node, or a node that is gone, left on the wire."""
    rows = connection.execute(select(dialogs.c.dialog).where(dialogs.c.node == node)).scalars()
    held = [json.loads(text) for text in rows]
    return [SavedDialog(**{**each, "route_set": tuple(each["route_set"])}) for each in held]


def forget_orphans(connection: Connection, ended: list[SavedDialog]) -> None:
    for dialog in ended:
        connection.execute(delete(dialogs).where(dialogs.c.leg == dialog.leg))
