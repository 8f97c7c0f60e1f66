"""A statement compiled once and run many times straight on the driver: for the writer's hot path only. Blocking.

All rows go in one statement: to SQLite as one JSON text (`json_each`), to PostgreSQL a column as one array (`unnest`).
Measured: with a row a call, SQLite's driver takes the interpreter's lock for each one, so that the reactor and the writer
wait for each other (128 µs a delivery, 104 so); SQLAlchemy's own executemany costs four times the rows themselves.
Statements are written once, in Core, over what is `given`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Dialect,
    String,
    Table,
    Text,
    bindparam,
    column,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.types import TypeEngine

Row = dict[str, Any]
Given = Mapping[str, ColumnElement[Any]]
"""What a statement is given for each row, by name."""


def types_of(columns: Iterable[Column[Any]], prefix: str = "") -> dict[str, TypeEngine[Any]]:
    return {f"{prefix}{each.name}": each.type for each in columns}


class Prepared:
    """`types` names what each row holds, `build` makes the statement of it. Values are in the driver's own types."""

    def __init__(self, types: Mapping[str, TypeEngine[Any]], build: Callable[[Given], ClauseElement]) -> None:
        self._types = types
        self._build = build
        self._values = _values_of(list(types))
        self._compiled: dict[str, str] = {}

    def run(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Run for every row, of which no two are of the same row of the table; how many rows of it were changed."""
        dialect = connection.dialect
        text = self._compiled.get(dialect.name)
        if text is None:
            text = self._compiled[dialect.name] = str(self._build(self._given(dialect)).compile(dialect=dialect))
        if dialect.name == "postgresql":
            arrays = {name: [row[name] for row in rows] for name in self._types}
            return connection.exec_driver_sql(text, arrays).rowcount
        return _straight(connection, text, json.dumps(list(map(self._values, rows)), ensure_ascii=False))

    def _given(self, dialect: Dialect) -> Given:
        if dialect.name == "postgresql":
            # Without a length: a cast to one would cut what is too long, where the column itself refuses it.
            kinds = {name: Text() if isinstance(kind, String) else kind for name, kind in self._types.items()}
            arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in kinds.items()]
            names = [column(name, kind) for name, kind in kinds.items()]
            return dict(func.unnest(*arrays).table_valued(*names, name="given").render_derived().c)
        each = func.json_each(bindparam("rows", type_=Text())).table_valued("value", name="each")
        fields = [
            func.json_extract(each.c.value, literal_column(f"'$[{place}]'"), type_=kind).label(name)
            for place, (name, kind) in enumerate(self._types.items())
        ]
        return dict(select(*fields).subquery("given").c)


def _straight(connection: Connection, text: str, rows: str) -> int:
    """Past SQLAlchemy's own execution, which costs a small group more than SQLite does: 40 µs a statement. Errors are
    its own all the same."""
    driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    try:
        return driver.execute(text, (rows,)).rowcount
    except sqlite3.Error as error:
        raise DBAPIError.instance(text, None, error, sqlite3.Error, dialect=connection.dialect) from error


def inserting(table: Table, given: Given) -> Insert:
    """An insert of what is given under the columns' own names; SQLite's compiler knows its `on_conflict_do_update` too."""
    # SQLite would take ON CONFLICT for a join's condition without a WHERE before it.
    return insert(table).from_select(list(given), select(*given.values()).where(true()))


def _values_of(names: Sequence[str]) -> Callable[[Row], tuple[Any, ...]]:
    if len(names) == 1:
        (name,) = names
        return lambda row: (row[name],)
    return itemgetter(*names)
