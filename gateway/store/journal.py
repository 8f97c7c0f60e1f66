"""The dialogs of calls, saved before an INVITE leaves and when it is answered, so that a crash leaves nobody talking."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from gateway.domain.identifiers import NodeName
from gateway.store.dialogs import DialogWrite
from gateway.store.writer import Writer
from ivr.call import SavedDialog


class Journal:
    """The `ivr.call.DialogJournal` of a node."""

    def __init__(self, writer: Writer, node: NodeName) -> None:
        self._writer = writer
        self._node = node

    def save(self, dialog: SavedDialog) -> Deferred[None]:
        return self._writer.write(DialogWrite(dialog, self._node))
