"""Which attempt a receipt means: by the ids of this process's own messages, else by what the store knows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from foundation.telephone_numbers import PhoneNumber
from gateway.domain.identifiers import AttemptId
from gateway.engine.receipt_parts import ReceiptParts
from gateway.store.receipts import FoundText
from sms.events import Receipt

_MOST_REMEMBERED = 200_000
_EARLY_SECONDS = 20.0

_Key = tuple[str, str]


class ReceiptLookup(Protocol):
    """`gateway.store.receipts.Receipts` is one."""

    def find(
        self, smsc: str, message_id: str, number: PhoneNumber | None, user_message_reference: int | None
    ) -> Deferred[FoundText | None]:
        """The attempt that a receipt means, by its message id, else by user_message_reference and number, else by number
        and time; None where nothing fits or more than one does."""
        ...

    def keep_part(self, attempt: AttemptId, message_id: str) -> Deferred[None]:
        """A part of this message was delivered, others are waited for; fires after the commit."""
        ...


class Stopping(Exception):
    """The receipt was not saved: the SMSC keeps it and sends it again."""


@dataclass(slots=True)
class _Early:
    """Receipts with one id that came before the response with it."""

    timer: IDelayedCall
    waiting: list[Deferred[AttemptId | None]] = field(default_factory=list)


class ReceiptMatching:
    """A receipt may overtake the response that its id comes with: then it waits for that, and its deliver_sm too.
    `parts` learns from the store of how many parts a message of an earlier process was."""

    def __init__(self, lookup: ReceiptLookup, reactor: IReactorTime, parts: ReceiptParts) -> None:
        self._lookup = lookup
        self._parts = parts
        self._reactor = reactor
        self._ids: OrderedDict[_Key, AttemptId] = OrderedDict()
        self._early: dict[_Key, _Early] = {}

    def remember(self, attempt: AttemptId, smsc: str, message_ids: Iterable[str]) -> None:
        """These ids are this attempt's, from now on and in this process."""
        for message_id in message_ids:
            self._ids[smsc, message_id] = attempt
        while len(self._ids) > _MOST_REMEMBERED:
            self._ids.popitem(last=False)

    def release(self, attempt: AttemptId, smsc: str, message_ids: Iterable[str]) -> None:
        """What waited for these ids goes on; called after the commit that saves them."""
        for message_id in message_ids:
            self._settle((smsc, message_id), attempt)

    async def attempt_of(self, receipt: Receipt, *, may_be_early: bool) -> AttemptId | None:
        key = (receipt.smsc, receipt.message_id)
        known = self._ids.get(key)
        if known is None and may_be_early:
            known = await self._wait(key)
        if known is not None:
            return known
        found = await self._lookup.find(
            receipt.smsc, receipt.message_id, receipt.number, receipt.user_message_reference
        )
        if found is None:
            return None
        self._parts.expect(found.attempt, found.parts, found.delivered)
        return found.attempt

    def known(self, receipt: Receipt) -> AttemptId | None:
        """By the ids of this process alone."""
        return self._ids.get((receipt.smsc, receipt.message_id))

    def keep_part(self, attempt: AttemptId, message_id: str) -> Deferred[None]:
        return self._lookup.keep_part(attempt, message_id)

    def stop(self) -> None:
        for early in self._early.values():
            early.timer.cancel()
            for waiting in early.waiting:
                waiting.errback(Stopping("the gateway stops"))
        self._early.clear()

    def _wait(self, key: _Key) -> Deferred[AttemptId | None]:
        early = self._early.get(key)
        if early is None:
            timer = self._reactor.callLater(_EARLY_SECONDS, self._settle, key, None)
            early = self._early[key] = _Early(timer)
        waiting: Deferred[AttemptId | None] = Deferred()
        early.waiting.append(waiting)
        return waiting

    def _settle(self, key: _Key, attempt: AttemptId | None) -> None:
        early = self._early.pop(key, None)
        if early is not None:
            if early.timer.active():
                early.timer.cancel()
            for waiting in early.waiting:
                waiting.callback(attempt)
