"""Rows that go several to a statement are the same as those that go one by one."""

import sqlite3
from collections.abc import Iterator

import pytest

from messaging_adapters.storage.sqlite.inserting import SEVERAL, Insertion


@pytest.fixture
def cursor() -> Iterator[sqlite3.Cursor]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (tenant TEXT, name TEXT, age INTEGER, PRIMARY KEY (name))")
    yield connection.cursor()
    connection.close()


@pytest.mark.parametrize("count", [0, 1, SEVERAL - 1, SEVERAL, SEVERAL + 1, 3 * SEVERAL + 2])
@pytest.mark.parametrize("place", [None, 1])
def test_every_row_is_inserted_once(cursor: sqlite3.Cursor, count: int, place: int | None) -> None:
    rows = [("a", f"{count - number:03}", number) for number in range(count)]

    Insertion("INSERT INTO t", "(?, ?, ?)", place=place).run(cursor, rows)

    assert sorted(cursor.execute("SELECT * FROM t")) == sorted(rows)


def test_of_several_rows_with_one_key_the_last_one_stays(cursor: sqlite3.Cursor) -> None:
    rows = [("a", f"{number % 3}", number) for number in range(3 * SEVERAL)]

    Insertion("INSERT OR REPLACE INTO t", "(?, ?, ?)", place=1).run(cursor, rows)

    assert sorted(cursor.execute("SELECT * FROM t")) == sorted(rows[-3:])


def test_a_value_may_be_the_same_in_every_row(cursor: sqlite3.Cursor) -> None:
    rows = [("a", f"{number}") for number in range(SEVERAL + 1)]

    Insertion("INSERT INTO t", "(?, ?, 7)").run(cursor, rows)

    assert set(cursor.execute("SELECT tenant, age FROM t")) == {("a", 7)}


def test_rows_are_inserted_as_neighbours(cursor: sqlite3.Cursor) -> None:
    rows = [("a", f"{number % 2}-{number:02}", number) for number in range(SEVERAL)]

    Insertion("INSERT INTO t", "(?, ?, ?)", place=1).run(cursor, rows)

    inserted = [name for (name,) in cursor.execute("SELECT name FROM t ORDER BY rowid")]
    assert inserted == sorted(inserted)
