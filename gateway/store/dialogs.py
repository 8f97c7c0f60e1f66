"""Dialogs of calls as rows, a whole group of changes at once. Blocking; runs in the writer's transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import Insert

from gateway.domain.identifiers import NodeName
from gateway.store.prepared import Given, Prepared, inserting, types_of
from gateway.store.schema import dialogs
from ivr.call import SavedDialog


@dataclass(frozen=True, slots=True)
class DialogWrite:
    """How a dialog of this node stands now. One that is over is forgotten."""

    dialog: SavedDialog
    node: NodeName


def _save(given: Given) -> Insert:
    new = inserting(dialogs, given)
    kept = {name: new.excluded[name] for name in ("state", "node", "dialog")}
    return new.on_conflict_do_update(index_elements=["leg"], set_=kept)


_SAVE = Prepared(types_of(dialogs.c), _save)
_FORGET = Prepared(
    {"of_leg": dialogs.c.leg.type},
    lambda given: delete(dialogs).where(dialogs.c.leg.in_(select(given["of_leg"]))),
)


def apply_dialogs(connection: Connection, writes: Sequence[DialogWrite]) -> None:
    """Save them; of several on one leg the last one counts."""
    last = {write.dialog.leg: write for write in writes}
    over = [{"of_leg": leg} for leg, write in last.items() if write.dialog.state == "over"]
    kept = [
        {"leg": leg, "state": write.dialog.state, "node": write.node, "dialog": json.dumps(asdict(write.dialog))}
        for leg, write in last.items()
        if write.dialog.state != "over"
    ]
    if over:
        _FORGET.run(connection, over)
    if kept:
        _SAVE.run(connection, kept)


def orphans(connection: Connection, node: NodeName) -> list[SavedDialog]:
    """What an earlier process of this node, or a node that is gone, left on the wire."""
    rows = connection.execute(select(dialogs.c.dialog).where(dialogs.c.node == node)).scalars()
    held = [json.loads(text) for text in rows]
    return [SavedDialog(**{**each, "route_set": tuple(each["route_set"])}) for each in held]


def forget_orphans(connection: Connection, ended: Sequence[SavedDialog]) -> None:
    if ended:
        _FORGET.run(connection, [{"of_leg": dialog.leg} for dialog in ended])
