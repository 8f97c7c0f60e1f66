"""A `TextListener` that records what it hears, with ways to wait for it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed

from sms.events import Receipt, Reply, TextEvent


class Listening:
    """`saves` is asked for each receipt and reply: False makes the save fail."""

    def __init__(self) -> None:
        self.left: list[tuple[int, str]] = []
        self.events: list[TextEvent] = []
        self.receipts: list[Receipt] = []
        self.replies: list[Reply] = []
        self.rooms = 0
        self.may_leave: Callable[[int], bool] = lambda reference: True
        self.saves: Callable[[object], bool] = lambda what: True
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def leaving(self, reference: int, smsc: str) -> Deferred[None]:
        if not self.may_leave(reference):
            return fail(ValueError("the action is over"))
        self.left.append((reference, smsc))
        return succeed(None)

    def text_event(self, event: TextEvent) -> None:
        self.events.append(event)
        self._look()

    def receipt(self, receipt: Receipt) -> Deferred[None]:
        return self._save(receipt, self.receipts)

    def reply(self, reply: Reply) -> Deferred[None]:
        return self._save(reply, self.replies)

    def capacity_changed(self) -> None:
        self.rooms += 1
        self._look()

    def until(self, condition: Callable[[], bool], seconds: float = 10.0) -> Deferred[None]:
        """Fires when the condition holds after something was heard."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append((condition, waiting))
        self._look()
        return waiting.addTimeout(seconds, reactor)

    def _save(self, what: object, where: list[object]) -> Deferred[None]:
        saved = self.saves(what)
        if saved:
            where.append(what)
        self._look()
        return succeed(None) if saved else fail(OSError("disk full"))

    def _look(self) -> None:
        for entry in list(self._waiting):
            if entry[0]():
                self._waiting.remove(entry)
                entry[1].callback(None)
