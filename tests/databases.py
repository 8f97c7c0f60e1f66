"""The database of a test: a SQLite file in its directory, or, where `BURGERNET_TEST_SERVER` names a PostgreSQL server, a
database of its own there, made from a template that is migrated once.

So the same stories run on both; `tests/interop/test_postgresql.py` starts the server and runs them again.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from gateway.store.database import Database, open_database

SERVER = "BURGERNET_TEST_SERVER"
_TEMPLATE = "migrated"
_opened: list[tuple[str, Database]] = []


def database_url(path: Path) -> str:
    """The same path is the same database."""
    server = os.environ.get(SERVER)
    if server is None:
        return f"sqlite:///{path / 'town.db'}"
    name = f"t{hashlib.sha256(str(path).encode()).hexdigest()[:24]}"
    _made(server, name)
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def open_for(path: Path, node: str = "gw1") -> Database:
    url = database_url(path)
    if not url.startswith("sqlite"):
        # Tests leave databases open: their connections, and the lock of a node, must not pile up on the server.
        for other, earlier in _opened:
            if other != url:
                earlier.close()
        _opened[:] = [each for each in _opened if each[0] == url]
    database = open_database(url, node, durable=False)
    _opened.append((url, database))
    return database


@cache
def _made(server: str, name: str) -> None:
    if name != _TEMPLATE:
        _made(server, _TEMPLATE)
    template = "template0" if name == _TEMPLATE else _TEMPLATE
    administration = create_engine(server, isolation_level="AUTOCOMMIT")
    with administration.connect() as connection:
        there = connection.execute(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}).scalar()
        if not there:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'"))
    administration.dispose()
    if name == _TEMPLATE and not there:
        url = make_url(server).set(database=name).render_as_string(hide_password=False)
        open_database(url, "gw1").close()
