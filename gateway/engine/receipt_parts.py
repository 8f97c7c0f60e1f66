"""What the receipts of a message's parts add up to: one part's receipt is not the whole message's. Pure; no I/O."""

from __future__ import annotations

from collections import OrderedDict
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
    expected: frozenset[str]
    delivered: set[str] = field(default_factory=set)


class ReceiptParts:
    """Remembers the newest `most` messages of several parts of this process; any other counts as of one part."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._messages: OrderedDict[AttemptId, _Parts] = OrderedDict()

    def expect(self, attempt: AttemptId, message_ids: tuple[str, ...]) -> None:
        self._messages[attempt] = _Parts(frozenset(message_ids))
        while len(self._messages) > self._most:
            self._messages.popitem(last=False)

    def add(self, attempt: AttemptId, message_id: str, outcome: Outcome) -> Outcome | None:
        """The whole message's outcome, or None while parts of it are still without a receipt."""
        parts = self._messages.get(attempt)
        if parts is None:
            return outcome
        if outcome is Outcome.DELIVERED:
            parts.delivered.add(message_id)
            if not parts.expected <= parts.delivered:
                return None
        self._messages.pop(attempt, None)
        return outcome
