"""After a start: first end what an earlier process left on the wire, then take its work over, then begin to give work.

Who was being called is called once more, who had heard it is done, a text whose fate is not known waits for its
receipt. The order is the promise: no new INVITE before the orphans are gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import Connection, func, select
from twisted.logger import Logger

from gateway.domain.action import ActionState, ClosingOutcome
from gateway.domain.delivery import Delivery, DeliveryState
from gateway.domain.identifiers import NodeName
from gateway.domain.outcomes import MessageKind, Outcome
from gateway.engine.actions import Actions, Parts
from gateway.engine.running import RunningAction
from gateway.store.actions import ActionRecord, actions_in, milestones_of
from gateway.store.closing import hold_for_quiet
from gateway.store.deliveries import count_open, take_over, tried_before
from gateway.store.journal import forget_orphans, orphans
from gateway.store.leases import take_lease
from gateway.store.reader import Reader
from gateway.store.recipients import Lease
from gateway.store.schema import deliveries
from ivr.call import SavedDialog

_UNDER_WAY = (DeliveryState.STARTING, DeliveryState.SENT, DeliveryState.HEARD)

EndOrphans = Callable[[list[SavedDialog]], Awaitable[None]]
"""CANCEL or BYE for each; returns when that is done or given up (`ivr.call.Telephone.end_orphans`)."""


@dataclass(frozen=True, slots=True)
class _Found:
    record: ActionRecord
    open: int
    reached: int
    milestones: frozenset[int]
    tried: list[Delivery]


class Recovery:
    _log = Logger()

    def __init__(self, parts: Parts, reader: Reader, actions: Actions, node: NodeName) -> None:
        self._parts = parts
        self._reader = reader
        self._actions = actions
        self._node = node
        self._left: list[SavedDialog] = []

    async def look(self) -> None:
        """See what is left on the wire, before the telephone takes calls of its own."""
        self._left = await self._reader.read(lambda connection: orphans(connection, self._node))

    async def recover(self, end_orphans: EndOrphans) -> None:
        left = self._left
        if left:
            self._log.info("ending orphaned calls {count}", count=len(left))
            await end_orphans(left)
            await self._parts.writer.run(lambda connection: forget_orphans(connection, left), patient=True)
        lease, found = await self._parts.writer.run(self._take_over, patient=True)
        self._parts.runner.lease = lease
        self._parts.scheduler.epoch = lease.epoch
        for each in found:
            await self._resume(each)
        self._parts.scheduler.open()

    def _take_over(self, connection: Connection) -> tuple[Lease, list[_Found]]:
        lease = take_lease(connection, self._node, self._parts.clocks.saved_now())
        records = actions_in(connection, [ActionState.ACTIVE, ActionState.CLOSING])
        names = [record.action.id for record in records]
        for quiet in (True, False):
            if quiet is self._parts.runner.quiet:
                hold_for_quiet(connection, names, quiet=quiet)
        passed = milestones_of(connection, names)
        found = []
        for record in records:
            take_over(connection, record.action.id, lease)
            found.append(
                _Found(
                    record,
                    count_open(connection, record.action.id),
                    _count_reached(connection, record, [word.value for word in self._parts.runner.rules.reached]),
                    frozenset(passed[record.action.id]),
                    tried_before(
                        connection,
                        record.action.id,
                        lease.epoch,
                        [*_UNDER_WAY, DeliveryState.WAITING, DeliveryState.UNCERTAIN],
                    ),
                )
            )
        return lease, found

    async def _resume(self, found: _Found) -> None:
        record = found.record
        running = RunningAction(
            record.action, found.open, record.recipients, reached=found.reached, milestones=set(found.milestones)
        )
        if record.action.state is ActionState.CLOSING:
            expired = record.action.closing_outcome is ClosingOutcome.EXPIRED
            running.halted = Outcome.EXPIRED if expired else Outcome.STOPPED
            running.settled = True
        self._actions.enter(running)
        saving = []
        for delivery in found.tried:
            if delivery.state in _UNDER_WAY:
                saving.append(self._parts.runner.interrupted(delivery, running))
            elif delivery.state is DeliveryState.UNCERTAIN:
                self._parts.runner.hold(delivery, running)
            else:
                self._parts.scheduler.waits(delivery, running)
        for saved in saving:
            await saved
        self._log.info("action taken over", action=running.id, interrupted=len(saving), open=running.open)
        self._actions.finish_if_told(running)


def _count_reached(connection: Connection, record: ActionRecord, words: list[str]) -> int:
    counted = select(func.count()).where(
        deliveries.c.action == record.action.id,
        deliveries.c.message == MessageKind.ALERT.value,
        deliveries.c.state.in_([DeliveryState.DONE.value, DeliveryState.HEARD.value]),
        deliveries.c.outcome.in_(words),
    )
    return connection.execute(counted).scalar_one()
