"""What is given to a prepared statement is what is saved, row by row, in one statement."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import BigInteger, Boolean, Column, Connection, Integer, MetaData, String, Table, create_engine, select
from sqlalchemy import update as update_of
from sqlalchemy.exc import DBAPIError

from gateway.store.prepared import Prepared, inserting, types_of

_METADATA = MetaData()
_THINGS = Table(
    "things",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("wide", BigInteger),
    Column("words", String(8), nullable=False),
    Column("yes", Boolean),
)
_INSERT = Prepared(types_of(_THINGS.c), lambda given: inserting(_THINGS, given))
_UPDATE = Prepared(
    {"of_row": _THINGS.c.id.type, "new_words": _THINGS.c.words.type},
    lambda given: update_of(_THINGS).where(_THINGS.c.id == given["of_row"]).values({"words": given["new_words"]}),
)


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    _METADATA.create_all(engine)
    with engine.connect() as open_one:
        yield open_one
    engine.dispose()


def _row(number: int, words: str, wide: int | None = None, yes: bool | None = None) -> dict[str, object]:
    return {"id": number, "wide": wide, "words": words, "yes": yes}


def test_every_kind_of_value_comes_back(connection: Connection) -> None:
    rows = [
        _row(1, "één 'n\"", 2**62, True),
        _row(2, "[1, null]", None, False),
        _row(3, "", -1, None),
        _row(4, "emoji 🚲\n\t\\", 0, None),
        _row(5, "0612", 1_800_000_000_000_000, True),
    ]
    assert _INSERT.run(connection, rows) == 5
    assert [dict(found._mapping) for found in connection.execute(select(_THINGS).order_by(_THINGS.c.id))] == rows


def test_how_many_rows_were_changed(connection: Connection) -> None:
    _INSERT.run(connection, [_row(number, "before") for number in range(1_000)])
    changes = [{"of_row": number, "new_words": f"after {number}"} for number in range(500, 1_500)]
    assert _UPDATE.run(connection, changes) == 500
    words = {row.id: row.words for row in connection.execute(select(_THINGS))}
    assert words[499] == "before"
    assert words[500] == "after 500"


def test_a_bad_row_is_an_error_of_the_database(connection: Connection) -> None:
    _INSERT.run(connection, [_row(1, "there")])
    with pytest.raises(DBAPIError, match="UNIQUE"):
        _INSERT.run(connection, [_row(2, "new"), _row(1, "again")])


def test_what_is_no_text_is_refused_and_not_kept_unreadable(connection: Connection) -> None:
    with pytest.raises(UnicodeEncodeError):
        _INSERT.run(connection, [_row(1, "half \udce9")])
