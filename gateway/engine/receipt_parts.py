"""What the receipts of a message's parts add up to: one part's receipt is not the whole message's. Pure; no I/O."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.domain.identifiers import AttemptId
from gateway.domain.outcomes import Outcome

_OUTCOMES = {
    "DELIVRD": Outcome.DELIVERED,
    "REJECTD": Outcome.REJECTED,
    "EXPIRED": Outcome.UNDELIVERABLE,
    "DELETED": Outcome.UNDELIVERABLE,
    "UNDELIV": Outcome.UNDELIVERABLE,
}


def outcome_of(status: str) -> Outcome | None:
    """None for a state that says nothing of the end (`UNKNOWN`, an SMSC's own words)."""
    return _OUTCOMES.get(status)


@dataclass(slots=True)
class _Parts:
    expected: int
    delivered: set[str] = field(default_factory=set)


class ReceiptParts:
    """Remembers the newest `most` messages of several parts; any other counts as of one part. What came before a
    restart is told again by the store (`gateway.store.receipts`)."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._messages: OrderedDict[AttemptId, _Parts] = OrderedDict()

    def expect(self, attempt: AttemptId, parts: int, delivered: Iterable[str] = ()) -> None:
        """So many receipts make the whole; those `delivered` came already. What is known of it stays."""
        if parts > 1 and attempt not in self._messages:
            self._messages[attempt] = _Parts(parts, set(delivered))
            while len(self._messages) > self._most:
                self._messages.popitem(last=False)

    def add(self, attempt: AttemptId, message_id: str, outcome: Outcome) -> Outcome | None:
        """The whole message's outcome, or None while parts of it are still without a receipt."""
        parts = self._messages.get(attempt)
        if parts is None:
            return outcome
        if outcome is Outcome.DELIVERED:
            parts.delivered.add(message_id)
            if len(parts.delivered) < parts.expected:
                return None
        del self._messages[attempt]
        return outcome
