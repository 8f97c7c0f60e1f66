"""After a start: first end what an earlier process left on the wire, then take its work over, then begin to give work.

Who was being called is called once more, who had heard it is done, a text whose fate is not known waits for its
receipt. The order is the promise: no new INVITE before the orphans are gone. Where several nodes share a database each
looks now and then for the actions of one that is gone, and takes them over in the same order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import Connection, func, select
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from foundation.telephone_numbers import PhoneNumber
from gateway.domain.action import ActionState, ClosingOutcome
from gateway.domain.delivery import Delivery, DeliveryState
from gateway.domain.identifiers import NodeName
from gateway.domain.outcomes import ChannelName, MessageKind, Outcome
from gateway.engine.actions import Actions, Parts
from gateway.engine.running import RunningAction
from gateway.store.actions import ActionRecord, actions_in, milestones_of, nodes_at_work
from gateway.store.closing import hold_for_quiet
from gateway.store.deliveries import count_open, left_under_way, take_over, tried_before
from gateway.store.dialogs import forget_orphans, orphans
from gateway.store.faults import StoreFault
from gateway.store.leases import gone, shared, take_lease
from gateway.store.reader import Reader
from gateway.store.schema import deliveries
from ivr.call import SavedDialog

_LOOK_SECONDS = 15.0
_SIGHTINGS = 3
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
    left: set[tuple[PhoneNumber, ChannelName]]


@dataclass(frozen=True, slots=True)
class _Vacant:
    """Nodes that are gone and left actions behind; `shared`: there may be more later."""

    nodes: list[NodeName]
    shared: bool


class Recovery:
    _log = Logger()

    def __init__(self, parts: Parts, reader: Reader, actions: Actions, node: NodeName) -> None:
        self._parts = parts
        self._reader = reader
        self._actions = actions
        self._node = node
        self._left: list[SavedDialog] = []
        self._end_orphans: EndOrphans | None = None
        self._look_timer: IDelayedCall | None = None
        self._sightings: dict[NodeName, int] = {}

    def stop(self) -> None:
        self._end_orphans = None
        if self._look_timer is not None and self._look_timer.active():
            self._look_timer.cancel()

    async def look(self) -> None:
        """See what is left on the wire, before the telephone takes calls of its own."""
        self._left = await self._reader.read(lambda connection: orphans(connection, self._node))

    async def recover(self, end_orphans: EndOrphans) -> None:
        self._end_orphans = end_orphans
        await self._end(self._left)
        now = self._parts.clocks.saved_now()
        lease = await self._parts.writer.run(lambda connection: take_lease(connection, self._node, now), patient=True)
        self._parts.runner.lease = lease
        self._parts.scheduler.epoch = lease.epoch
        vacant = await self._parts.writer.run(self._vacant, patient=True)
        own = (self._node, NodeName(""))
        await self._adopt([node for node in vacant.nodes if node in own or not vacant.shared])
        if vacant.shared:
            self._look_later()
        self._parts.scheduler.open()

    async def _end(self, left: list[SavedDialog]) -> None:
        if left and self._end_orphans is not None:
            self._log.info("ending orphaned calls {count}", count=len(left))
            await self._end_orphans(left)
            await self._parts.writer.run(lambda connection: forget_orphans(connection, left), patient=True)

    async def _adopt(self, nodes: list[NodeName]) -> None:
        """Take over what this node itself or one that is gone had begun. Its own calls were ended at the start: those in
        the database since then are up."""
        if not nodes:
            return
        others = [node for node in nodes if node != self._node]
        await self._end(await self._parts.writer.run(lambda connection: _left_by(connection, others), patient=True))
        for each in await self._parts.writer.run(lambda connection: self._take_over(connection, nodes), patient=True):
            await self._resume(each)

    def _look_later(self) -> None:
        if self._end_orphans is not None:
            self._look_timer = self._parts.reactor.callLater(_LOOK_SECONDS, self._look_again)

    def _look_again(self) -> None:
        looked = Deferred.fromCoroutine(self._look())
        looked.addErrback(lambda failure: self._log.failure("actions of another node not taken over", failure))
        looked.addCallback(lambda _: self._look_later())

    async def _look(self) -> None:
        """Show that this node lives, and see who does not. A server that was away has forgotten who lives: only who was
        gone several times in a row is taken for dead."""
        try:
            if self._actions.running:
                await self._parts.writer.run(lambda _: None)
            vacant = await self._reader.read(self._vacant)
        except StoreFault as trouble:
            self._sightings = {}
            self._log.warn("other nodes not looked at {reason}", reason=str(trouble))
            return
        self._sightings = {node: self._sightings.get(node, 0) + 1 for node in vacant.nodes}
        await self._adopt([node for node, times in self._sightings.items() if times >= _SIGHTINGS])

    def _vacant(self, connection: Connection) -> _Vacant:
        held = {record.action.id for record in actions_in(connection, [ActionState.ACTIVE, ActionState.CLOSING])}
        if held <= self._actions.running.keys():
            return _Vacant([], shared(connection))
        return _Vacant(gone(connection, nodes_at_work(connection)), shared(connection))

    def _take_over(self, connection: Connection, nodes: list[NodeName]) -> list[_Found]:
        lease = self._parts.runner.lease
        assert lease is not None, "the lease comes first"
        still = frozenset(gone(connection, nodes))
        records = [
            record
            for record in actions_in(connection, [ActionState.ACTIVE, ActionState.CLOSING])
            if record.node in still and record.action.id not in self._actions.running
        ]
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
                    left_under_way(connection, record.action.id),
                )
            )
        return found

    async def _resume(self, found: _Found) -> None:
        record = found.record
        running = RunningAction(
            record.action, found.open, record.recipients, reached=found.reached, milestones=set(found.milestones)
        )
        if record.action.state is ActionState.CLOSING:
            expired = record.action.closing_outcome is ClosingOutcome.EXPIRED
            running.halted = Outcome.EXPIRED if expired else Outcome.STOPPED
            running.settled = True
        self._parts.opted_out.update(found.left)
        self._actions.enter(running)
        saving = []
        for delivery in found.tried:
            if delivery.state in _UNDER_WAY:
                saving.append(self._parts.runner.interrupted(delivery, running))
            elif delivery.state is DeliveryState.UNCERTAIN:
                self._parts.runner.hold(delivery, running)
            else:
                self._parts.runner.waits(delivery, running)
        for saved in saving:
            await saved
        if running.halted is not None:
            self._actions.recall(running)
        self._log.info("action taken over", action=running.id, interrupted=len(saving), open=running.open)
        self._actions.finish_if_told(running)


def _count_reached(connection: Connection, record: ActionRecord, words: list[str]) -> int:
    counted = select(func.count()).where(
        deliveries.c.action == record.action.id,
        deliveries.c.message == MessageKind.ALERT.value,
        deliveries.c.state.in_([DeliveryState.DONE.value, DeliveryState.HEARD.value, DeliveryState.RECALLING.value]),
        deliveries.c.outcome.in_(words),
    )
    return connection.execute(counted).scalar_one()


def _left_by(connection: Connection, nodes: list[NodeName]) -> list[SavedDialog]:
    return [dialog for node in nodes for dialog in orphans(connection, node)]
