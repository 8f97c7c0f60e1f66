"""After the end of an action: asks the peers to take back what they accepted and may not have delivered yet.

Each of these deliveries is open until its peer answered; then it is stopped, or it stays as it was and its person is told
of the end. I/O only through the channels and the store's reader.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from foundation.clock import Monotonic
from gateway.domain.decisions import Recalled
from gateway.domain.identifiers import ActionId, AttemptId
from gateway.engine.actions import Parts
from gateway.engine.running import RunningAction
from gateway.store.reader import Reader
from gateway.store.recalling import Recallable, recallable

_PAGE = 1_000
_MOST_ASKED = 100
_PATIENCE_SECONDS = 30.0
"""A peer that can't be asked for so long is given up, so that the closing message is not held up for it."""
_AGAIN_SECONDS = 2.0


@dataclass(slots=True, eq=False)
class _Work:
    """Of one action. `again`: there may be more of it in the database than was read."""

    running: RunningAction
    until: Monotonic
    queue: deque[Recallable] = field(default_factory=deque)
    asked: dict[AttemptId, Deferred[None]] = field(default_factory=dict)
    reading: bool = False
    again: bool = False
    retry: Deferred[None] | None = None


class Recalls:
    _log = Logger()

    def __init__(self, parts: Parts, reader: Reader) -> None:
        self._parts = parts
        self._reader = reader
        self._works: dict[ActionId, _Work] = {}

    def stop(self) -> None:
        works, self._works = list(self._works.values()), {}
        for work in works:
            work.queue.clear()
            for waiting in [*work.asked.values(), work.retry]:
                if waiting is not None:
                    waiting.cancel()

    def begin(self, running: RunningAction) -> None:
        """Ask about everything of this action that is to be taken back and was not asked about yet."""
        work = self._works.get(running.id)
        if work is None:
            until = Monotonic(self._parts.clocks.now() + _PATIENCE_SECONDS)
            work = self._works[running.id] = _Work(running, until)
        self._read(work)

    def _read(self, work: _Work) -> None:
        if work.reading:
            work.again = True
            return
        work.reading, work.again = True, False
        epoch = self._parts.scheduler.epoch
        found = self._reader.read(lambda connection: recallable(connection, work.running.id, epoch, _PAGE))
        found.addCallbacks(self._found, self._not_read, (work,), {}, (work,))
        found.addErrback(lambda failure: self._log.failure("what was read to recall was not taken", failure))

    def _found(self, rows: list[Recallable], work: _Work) -> None:
        work.reading = False
        known = work.asked.keys() | {row.attempt for row in work.queue}
        work.queue.extend(row for row in rows if row.attempt not in known)
        work.again = work.again or len(rows) == _PAGE
        self._pump(work)

    def _not_read(self, failure: Failure, work: _Work) -> None:
        self._log.error("what is to be recalled was not read {reason}", reason=failure.getErrorMessage())
        work.reading = False
        work.retry = deferLater(self._parts.reactor, _AGAIN_SECONDS, self._read, work)
        work.retry.addErrback(self._failed)

    def _pump(self, work: _Work) -> None:
        while work.queue and len(work.asked) < _MOST_ASKED:
            row = work.queue.popleft()
            asked = work.asked[row.attempt] = Deferred.fromCoroutine(self._ask(work, row))
            asked.addErrback(self._failed)
            asked.addBoth(self._asked, work, row)
        if work.queue or work.asked or work.reading or self._works.get(work.running.id) is not work:
            return
        if work.again:
            self._read(work)
        else:
            del self._works[work.running.id]

    async def _ask(self, work: _Work, row: Recallable) -> None:
        channel = self._parts.channels.get(row.channel)
        answer = None
        while channel is not None and row.reference is not None:
            answer = await channel.recall(row.number, row.peer, row.reference)
            if answer is not None or self._parts.clocks.now() >= work.until:
                break
            await deferLater(self._parts.reactor, _AGAIN_SECONDS)
        await self._parts.runner.recalled(row.attempt, Recalled(withdrawn=answer is True))

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._log.failure("the answer to a recall was not saved", failure)

    def _asked(self, _: object, work: _Work, row: Recallable) -> None:
        work.asked.pop(row.attempt, None)
        if self._works.get(work.running.id) is work:
            self._pump(work)
