"""What memory holds of an action that runs. Pure values and counting; no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from foundation.clock import Saved
from gateway.domain.action import URGENT, Action, ActionState
from gateway.domain.delivery import Delivery, Situation
from gateway.domain.identifiers import ActionId
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome

MILESTONES = (50, 90, 95)

_URGENT, _USUAL = 0, 1


@dataclass(slots=True, eq=False)
class RunningAction:
    """`halted`: the word for what its end stopped, set before anything of the close is saved, so that from then on
    nothing of the alert leaves. `ended`: what rang and played was told to end. `settled`: the close is committed. `open`:
    deliveries that are not final yet, as committed."""

    action: Action
    open: int
    recipients: int
    halted: Outcome | None = None
    ended: bool = False
    settled: bool = False
    given_up: bool = False
    finishing: bool = False
    reached: int = 0
    milestones: set[int] = field(default_factory=set)
    prepared: dict[tuple[ChannelName, MessageKind], object] = field(default_factory=dict)

    @property
    def id(self) -> ActionId:
        return self.action.id

    def priority(self, message: MessageKind) -> int:
        """Lower comes first: urgent alerts before all else."""
        urgent = message is not MessageKind.CLOSING and self.action.draft.kind in URGENT
        return _URGENT if urgent else _USUAL

    def stopped(self, message: MessageKind, now: Saved) -> Outcome | None:
        """The word for why this message may not leave any more; None while it may."""
        if message is MessageKind.CLOSING:
            return Outcome.EXPIRED if self.given_up else None
        if self.halted is not None:
            return self.halted
        expires = self.action.draft.expires_at
        return Outcome.EXPIRED if expires is not None and now >= expires else None

    def situation(self, message: MessageKind, now: Saved, quiet: bool) -> Situation:
        return Situation(now, self.stopped(message, now), quiet)

    def count_reached(self, delivery: Delivery) -> list[int]:
        """One more was reached by the alert; the shares of all recipients, in %, that are passed by it."""
        if delivery.key.message is not MessageKind.ALERT:
            return []
        self.reached += 1
        passed = [
            percent
            for percent in MILESTONES
            if percent not in self.milestones and self.reached * 100 >= percent * self.recipients
        ]
        self.milestones.update(passed)
        return passed

    @property
    def ending(self) -> bool:
        """From the moment of its end until everybody is told."""
        return self.halted is not None and self.action.state is not ActionState.CLOSED

    @property
    def all_told(self) -> bool:
        return self.settled and self.open <= 0 and self.action.state is ActionState.CLOSING
