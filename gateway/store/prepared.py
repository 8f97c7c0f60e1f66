"""A statement compiled once and run many times straight on the driver: for the writer's hot path only. Blocking.

Measured: SQLAlchemy's own executemany spends as long on each row's parameters as SQLite does on the row itself; rows
given in the driver's form cost a quarter of that. The statement is still written in Core, so that both databases get
their own SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.expression import ClauseElement

Row = dict[str, Any]


class Prepared:
    """Parameters are named as in the statement's binds; values are in the driver's own types already."""

    def __init__(self, statement: ClauseElement, columns: Sequence[str] | None = None) -> None:
        self._statement = statement
        self._columns = None if columns is None else list(columns)
        self._compiled: dict[str, tuple[str, Callable[[Row], Any] | None]] = {}

    def run(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Run for every row; how many rows of the table were changed."""
        text, shape = self._for(connection.dialect)
        given: list[Any] = list(rows) if shape is None else list(map(shape, rows))
        return connection.exec_driver_sql(text, given).rowcount

    def _for(self, dialect: Dialect) -> tuple[str, Callable[[Row], Any] | None]:
        found = self._compiled.get(dialect.name)
        if found is None:
            compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
            order = getattr(compiled, "positiontup", None)
            shape = itemgetter(*order) if order is not None else None
            found = self._compiled[dialect.name] = (str(compiled), shape)
        return found
