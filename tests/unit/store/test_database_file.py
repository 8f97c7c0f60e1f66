"""Opening: the lock file, the first migration, what can't be opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gateway.store.database import open_database
from gateway.store.faults import DatabaseInUse, StoreFault
from gateway.store.schema import metadata


def test_the_migrations_make_exactly_the_schema(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}", "gw1")
    with database.reading.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_a_second_one_is_told_who_holds_the_file_and_may_have_it_after(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    first = open_database(url, "gw1")
    with pytest.raises(DatabaseInUse, match="node gw1"):
        open_database(url, "gw2")
    first.close()
    open_database(url, "gw2").close()


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "sqlite:///:memory:"])
def test_what_is_no_database_is_said_in_words(url: str) -> None:
    with pytest.raises(StoreFault):
        open_database(url, "gw1")


def test_a_file_that_is_no_database_is_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"this is no database at all, but it is long enough to look like one" * 50)
    with pytest.raises(StoreFault):
        open_database(f"sqlite:///{path}", "gw1")
    path.unlink()
    open_database(f"sqlite:///{path}", "gw1").close()


def test_a_directory_that_can_not_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreFault, match="can't be opened"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'a.db'}", "gw1")
