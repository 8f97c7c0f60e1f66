"""The one writer: everything that changes the database goes through it, in order, in groups that share a commit.

While one group commits the next one gathers by itself, so that the price of an fsync is shared by as many as wait for
it; where few wait, a moment is given for more to come. A group that fails is tried again one by one, each in a savepoint,
so that one bad row harms no other. When the disk is full or the server gone, outcomes wait and are tried again, and
requests get `StoreUnavailable` at once. A server that goes while it commits is asked afterwards whether it did, so that
nothing is saved twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, text
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from gateway.domain.calls import CallView
from gateway.store.calls import apply_calls
from gateway.store.dialogs import DialogWrite, apply_dialogs
from gateway.store.faults import StoreUnavailable, unavailable
from gateway.store.writes import DeliveryWrite, apply_writes

Result = TypeVar("Result")
Work = Callable[[Connection], Result]
Write = DeliveryWrite | DialogWrite | CallView

_LARGEST_GROUP = 4_000
_RETRY_SECONDS = 1.0
# A group of few costs as much as one of many: at 100 calls a second, gathering brought the writer from 2.5 to 1.0 ms
# of CPU a call. What is saved comes later by no more than this.
_GATHER_SECONDS = 0.010
_MANY = 32


@dataclass(slots=True, eq=False)
class Job:
    """One piece of writing and who waits for it. `patient`: wait for better times where the store is unavailable.
    `doubt`: the transaction of the server that it was in when no answer to the COMMIT came."""

    deferred: Deferred[Any]
    write: Write | None
    work: Work[Any] | None
    patient: bool
    result: object = None
    error: Exception | None = None
    doubt: str | None = None


class Writer(Protocol):
    """What the engine sees of it. `trouble` says in words why nothing can be saved at the moment, else None."""

    @property
    def trouble(self) -> str | None: ...

    def write(self, write: Write) -> Deferred[None]:
        """Save one decision, dialog or call record; fires after the commit. Waits where the store is unavailable; fails with
        LeaseLost."""
        ...

    def run(self, work: Work[Result], *, patient: bool = False) -> Deferred[Result]:
        """Run work in the order of all writes and in their transaction. It may run twice, so it changes nothing but the
        database. What it raises comes back, and nothing of it stays."""
        ...


def commit(engine: Engine, jobs: Sequence[Job]) -> None:
    """Save a group, in order, and leave each job its result or its error. Raises StoreUnavailable: then it is to be
    given again; what a lost COMMIT did save is found out then."""
    try:
        with engine.begin() as connection:
            jobs = _settle_doubt(connection, jobs)
            _apply(connection, jobs)
            _doubt(connection, jobs)
        return
    except Exception as error:  # shell boundary: the cause is found one by one below
        trouble = unavailable(error)
        if trouble is not None:
            raise trouble from error
        if len(jobs) == 1:
            jobs[0].error = error
            return
    try:
        with engine.begin() as connection:
            for job in jobs:
                _apply_alone(connection, job)
            _doubt(connection, jobs)
    except Exception as error:  # shell boundary: the commit itself failed
        trouble = unavailable(error)
        if trouble is not None:
            raise trouble from error
        for job in jobs:
            job.error = error


def _doubt(connection: Connection, jobs: Sequence[Job]) -> None:
    """Remember the transaction's name before its COMMIT: PostgreSQL can say later what became of it. A COMMIT of SQLite
    that fails saved nothing."""
    if connection.dialect.name == "postgresql":
        name = connection.execute(text("SELECT pg_current_xact_id()::text")).scalar_one()
        for job in jobs:
            job.doubt = name


def _settle_doubt(connection: Connection, jobs: Sequence[Job]) -> Sequence[Job]:
    """Those that are not saved yet. A job that is has its result from then."""
    doubts = {job.doubt for job in jobs if job.doubt is not None}
    if not doubts:
        return jobs
    ask = text("SELECT pg_xact_status(CAST(CAST(:name AS text) AS xid8))")
    done = {name for name in doubts if connection.execute(ask, {"name": name}).scalar() == "committed"}
    return [job for job in jobs if job.doubt not in done]


def _apply(connection: Connection, jobs: Sequence[Job]) -> None:
    gathered: list[Write] = []
    for job in jobs:
        job.error = None
        if job.write is not None:
            gathered.append(job.write)
            continue
        _write(connection, gathered)
        gathered = []
        _work(connection, job)
    _write(connection, gathered)


def _write(connection: Connection, writes: Sequence[Write]) -> None:
    """Each kind at once: they are of different tables, so that only the order within a kind means anything."""
    decisions = [write for write in writes if type(write) is DeliveryWrite]
    if decisions:
        apply_writes(connection, decisions)
    dialogs = [write for write in writes if type(write) is DialogWrite]
    if dialogs:
        apply_dialogs(connection, dialogs)
    calls = [write for write in writes if type(write) is CallView]
    if calls:
        apply_calls(connection, calls)


def _work(connection: Connection, job: Job) -> None:
    """In a savepoint of its own: what the work raises is its caller's answer and undoes nothing else."""
    assert job.work is not None
    try:
        with connection.begin_nested():
            job.result = job.work(connection)
        job.error = None
    except Exception as error:  # shell boundary: handed to whoever asked
        if unavailable(error) is not None:
            raise
        job.error = error


def _apply_alone(connection: Connection, job: Job) -> None:
    if job.write is None:
        _work(connection, job)
        return
    try:
        with connection.begin_nested():
            _write(connection, [job.write])
        job.error = None
    except Exception as error:  # shell boundary: handed to whoever asked
        if unavailable(error) is not None:
            raise
        job.error = error


def fire(jobs: Sequence[Job]) -> None:
    """Tell each its result, in order; on the reactor thread."""
    for job in jobs:
        if job.error is not None:
            job.deferred.errback(job.error)
        else:
            job.deferred.callback(job.result)


class ThreadedWriter:
    """The writer of the daemon: one thread. `call_from_thread` is the reactor's `callFromThread`."""

    _log = Logger()

    def __init__(self, engine: Engine, call_from_thread: Callable[..., object]) -> None:
        self._engine = engine
        self._call_from_thread = call_from_thread
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._trouble: str | None = None

    @property
    def trouble(self) -> str | None:
        return self._trouble

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Save what was given so far, then end; blocks until then. Call it from a thread of the pool."""
        self._stopping.set()
        self._jobs.put(None)
        self._thread.join()

    def write(self, write: Write) -> Deferred[None]:
        deferred: Deferred[None] = Deferred()
        self._jobs.put(Job(deferred, write, None, patient=True))
        return deferred

    def run(self, work: Work[Result], *, patient: bool = False) -> Deferred[Result]:
        deferred: Deferred[Result] = Deferred()
        self._jobs.put(Job(deferred, None, work, patient=patient))
        return deferred

    def _loop(self) -> None:
        waiting: list[Job] = []
        ended = False
        while not ended or waiting:
            ended = self._gather(waiting) or ended
            if not waiting:
                continue
            try:
                commit(self._engine, waiting)
            except StoreUnavailable as trouble:
                waiting = self._wait_out(waiting, trouble)
                continue
            self._trouble = None
            self._call_from_thread(fire, waiting)
            waiting = []

    def _gather(self, waiting: list[Job]) -> bool:
        """Take what is there, waiting for the first; True when there will be no more."""
        if not waiting:
            first = self._jobs.get()
            if first is None:
                return True
            waiting.append(first)
            if self._jobs.qsize() < _MANY and not self._stopping.is_set():
                time.sleep(_GATHER_SECONDS)
        while len(waiting) < _LARGEST_GROUP and not self._jobs.empty():
            job = self._jobs.get()
            if job is None:
                return True
            waiting.append(job)
        return False

    def _wait_out(self, jobs: list[Job], trouble: StoreUnavailable) -> list[Job]:
        """Answer those who are asked to come back, keep the patient ones; give those up too when the daemon stops."""
        if self._trouble is None:
            self._log.error("store unavailable: {reason}", reason=str(trouble))
        self._trouble = str(trouble)
        patient = [] if self._stopping.is_set() else [job for job in jobs if job.patient]
        refused = [job for job in jobs if job not in patient]
        for job in refused:
            job.error = trouble
        self._call_from_thread(fire, refused)
        if patient:
            self._stopping.wait(_RETRY_SECONDS)
        return patient


class InlineWriter:
    """The same, without a thread: a group is what was given before the reactor's next turn, or in so many seconds. For
    tests and commands."""

    def __init__(self, engine: Engine, clock: IReactorTime, seconds: float = 0.0) -> None:
        self._engine = engine
        self._clock = clock
        self._seconds = seconds
        self._waiting: list[Job] = []
        self._planned = False
        self.trouble: str | None = None

    def write(self, write: Write) -> Deferred[None]:
        deferred: Deferred[None] = Deferred()
        self._add(Job(deferred, write, None, patient=True), self._seconds)
        return deferred

    def run(self, work: Work[Result], *, patient: bool = False) -> Deferred[Result]:
        deferred: Deferred[Result] = Deferred()
        self._add(Job(deferred, None, work, patient=patient), self._seconds)
        return deferred

    def _add(self, job: Job, seconds: float) -> None:
        self._waiting.append(job)
        self._plan(seconds)

    def _plan(self, seconds: float) -> None:
        if not self._planned:
            self._planned = True
            self._clock.callLater(seconds, self.flush)

    def flush(self) -> None:
        self._planned = False
        jobs, self._waiting = self._waiting, []
        try:
            commit(self._engine, jobs)
        except StoreUnavailable as trouble:
            self.trouble = str(trouble)
            self._waiting = [job for job in jobs if job.patient] + self._waiting
            refused = [job for job in jobs if not job.patient]
            for job in refused:
                job.error = trouble
            if self._waiting:
                self._plan(_RETRY_SECONDS)
            fire(refused)
            return
        self.trouble = None
        fire(jobs)
