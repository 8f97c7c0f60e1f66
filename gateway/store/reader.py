"""Reading what is committed, on connections of its own, beside the writer and never on the reactor thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine
from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from gateway.store.faults import unavailable

Result = TypeVar("Result")


def _read(engine: Engine, query: Callable[[Connection], Result]) -> Result:
    try:
        with engine.connect() as connection:
            return query(connection)
    except Exception as error:
        trouble = unavailable(error)
        if trouble is not None:
            raise trouble from error
        raise


class Reader(Protocol):
    def read(self, query: Callable[[Connection], Result]) -> Deferred[Result]:
        """Run a query; fails with StoreUnavailable where the database does not answer."""
        ...


class ThreadedReader:
    """The reader of the daemon: a small pool of threads."""

    def __init__(self, engine: Engine, reactor: IReactorFromThreads, threads: int = 4) -> None:
        self._engine = engine
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=1, maxthreads=threads, name="store-reader")

    def start(self) -> None:
        self._pool.start()

    def stop(self) -> None:
        """Wait for the queries that run; blocks, so call it when the reactor stops."""
        self._pool.stop()

    def read(self, query: Callable[[Connection], Result]) -> Deferred[Result]:
        return deferToThreadPool(self._reactor, self._pool, _read, self._engine, query)


class InlineReader:
    """The same on the calling thread, at once. For tests and commands."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self, query: Callable[[Connection], Result]) -> Deferred[Result]:
        return execute(_read, self._engine, query)
