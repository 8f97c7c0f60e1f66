"""A statement compiled once and run many times straight on the driver: for the writer's hot path only. Blocking.

Measured: SQLAlchemy's own executemany spends as long on each row's parameters as SQLite does on the row itself; rows
given in the driver's form cost a quarter of that. PostgreSQL gets all rows in one statement, a column as one array
(`unnest`), at a third of the cost of a statement a row. Statements are written once, in Core, over what is `given`.
"""

from __future__ import annotations

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
    select,
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
        self._compiled: dict[str, tuple[str, Callable[[Row], tuple[Any, ...]] | None]] = {}

    def run(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Run for every row, of which no two are of the same row of the table; how many rows of it were changed."""
        text, shape = self._for(connection.dialect)
        if shape is not None:
            return _straight(connection, text, map(shape, rows))
        arrays = {name: [row[name] for row in rows] for name in self._types}
        return connection.exec_driver_sql(text, arrays).rowcount

    def _for(self, dialect: Dialect) -> tuple[str, Callable[[Row], tuple[Any, ...]] | None]:
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = self._compile(dialect)
        return found

    def _compile(self, dialect: Dialect) -> tuple[str, Callable[[Row], tuple[Any, ...]] | None]:
        if dialect.name == "postgresql":
            # Without a length: a cast to one would cut what is too long, where the column itself refuses it.
            kinds = {name: Text() if isinstance(kind, String) else kind for name, kind in self._types.items()}
            arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in kinds.items()]
            names = [column(name, kind) for name, kind in kinds.items()]
            rows = func.unnest(*arrays).table_valued(*names, name="given").render_derived()
            return str(self._build(dict(rows.c)).compile(dialect=dialect)), None
        alone = {name: bindparam(name, type_=kind) for name, kind in self._types.items()}
        compiled = self._build(alone).compile(dialect=dialect)
        order: Sequence[str] = getattr(compiled, "positiontup", None) or ()
        return str(compiled), _tuple_of(order)


def _straight(connection: Connection, text: str, rows: Iterable[tuple[Any, ...]]) -> int:
    """Past SQLAlchemy's own execution, which costs a small group more than SQLite does: 40 µs a statement. Errors are
    its own all the same."""
    driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    try:
        return driver.executemany(text, rows).rowcount
    except sqlite3.Error as error:
        raise DBAPIError.instance(text, None, error, sqlite3.Error, dialect=connection.dialect) from error


def inserting(table: Table, given: Given) -> Insert:
    """An insert of what is given under the columns' own names; SQLite's compiler knows its `on_conflict_do_update` too."""
    if any(not hasattr(value, "table") for value in given.values()):
        return insert(table).values(dict(given)).inline()
    return insert(table).from_select(list(given), select(*given.values()))


def _tuple_of(names: Sequence[str]) -> Callable[[Row], tuple[Any, ...]]:
    if len(names) == 1:
        (name,) = names
        return lambda row: (row[name],)
    return itemgetter(*names)
