"""Opening the database: connections, the lock that says which node is alive, migrations. Blocking; never on the reactor
thread once the daemon runs.

A SQLite file is one daemon's. On PostgreSQL a node's writing connection holds an advisory lock under the node's name: a
second daemon with that name is refused, and the others see that it lives (`gateway.store.leases`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from gateway.store.faults import DatabaseInUse, StoreFault, unavailable
from gateway.store.leases import MIGRATING, alone, lock_name

_BUSY_MILLISECONDS = 5_000
# A daemon that was killed just now keeps its lock until its server process notices.
_LOCK_TIMEOUT = "5s"
# A node whose machine is gone is seen within half a minute; PostgreSQL's own default is two hours.
_KEEPALIVES = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
_CONNECT_SECONDS = 5


class Database:
    """An open database: `writing` for the one writer, `reading` for everybody else. `close` gives the file free."""

    def __init__(self, writing: Engine, reading: Engine, lock: TextIO | None) -> None:
        self.writing = writing
        self.reading = reading
        self._lock = lock

    def close(self) -> None:
        self.writing.dispose()
        self.reading.dispose()
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def open_database(url: str, node: str, *, durable: bool = True) -> Database:
    """Open, lock and migrate.

    Raises DatabaseInUse where another daemon holds the file or the node's name, and StoreFault where it can't be opened.
    `durable` False skips SQLite's fsync at each commit: for tests, which stop processes and never pull the plug.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreFault("the database is not a URL; write sqlite:///FILE or postgresql+psycopg://…") from error
    if parsed.get_backend_name() != "sqlite":
        return _open_server(url, node)
    if not parsed.database or parsed.database == ":memory:":
        raise StoreFault("the database needs a file, as in sqlite:///var/burgernet.db")
    path = Path(parsed.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock(path, node)
    except OSError as error:
        raise StoreFault(f"{path} can't be opened: {error.strerror}") from error
    try:
        return _open_file(path, lock, durable)
    except BaseException:
        lock.close()
        raise


def _open_file(path: Path, lock: TextIO, durable: bool) -> Database:
    url = f"sqlite:///{path}"
    writing = create_engine(url, poolclass=QueuePool, pool_size=1, max_overflow=0)
    reading = create_engine(url, poolclass=QueuePool, pool_size=4, max_overflow=0)
    _listen(writing, "BEGIN IMMEDIATE", durable)
    _listen(reading, "BEGIN", durable)
    _migrate(writing)
    return Database(writing, reading, lock)


def _open_server(url: str, node: str) -> Database:
    words = {"connect_timeout": _CONNECT_SECONDS, "options": _KEEPALIVES}
    writing = create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True, connect_args=words)
    reading = create_engine(url, pool_size=4, max_overflow=0, pool_pre_ping=True, connect_args=words)
    event.listen(writing, "connect", _name_lock(node))
    try:
        _migrate(writing)
    except BaseException:
        writing.dispose()
        raise
    return Database(writing, reading, None)


def _name_lock(node: str) -> Callable[[Any, object], None]:
    """Every new writing connection takes the node's lock, so that it is held again after the server was away."""

    def connected(connection: Any, record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
        try:
            cursor.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", lock_name(node))
        except connection.OperationalError as error:
            raise DatabaseInUse(
                f"node {node} runs already on this database; stop that daemon, or give this one another [gateway] node"
            ) from error
        cursor.execute("RESET lock_timeout")
        cursor.close()
        connection.commit()

    return connected


def _lock(path: Path, node: str) -> TextIO:
    """Take the lock file beside the database. It goes free with the process, however that ends."""
    name = path.with_name(path.name + ".lock")
    lock = name.open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "another process"
        lock.close()
        raise DatabaseInUse(
            f"{path} is in use by {holder}; one daemon at a time on a SQLite file: stop that one, or use PostgreSQL"
        ) from None
    lock.truncate(0)
    lock.write(f"node {node}, process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n")
    lock.flush()
    return lock


def _listen(engine: Engine, begin: str, durable: bool) -> None:
    """Take transactions into our own hands: the driver's implicit BEGIN comes too late for savepoints."""

    def connected(connection: Any, record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
        cursor.execute("PRAGMA cache_size=-65536")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.close()

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", "gateway.store:migrations")
    try:
        with engine.begin() as connection:
            alone(connection, MIGRATING)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except StoreFault:
        raise
    except Exception as error:  # shell boundary: any driver's error becomes one in words
        raise unavailable(error) or StoreFault(f"the database can't be brought up to date: {error}") from error
