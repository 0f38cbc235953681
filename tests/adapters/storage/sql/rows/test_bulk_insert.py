"""Rows that go several to a statement are the same as those that go one by one."""

import sqlite3
from collections.abc import Iterator

import pytest

from messaging_adapters.storage.sql.rows.bulk_insert import SEVERAL, BulkInsert


@pytest.fixture
def cursor() -> Iterator[sqlite3.Cursor]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (tenant TEXT, name TEXT, age INTEGER, PRIMARY KEY (name))")
    yield connection.cursor()
    connection.close()


@pytest.mark.parametrize("count", [0, 1, SEVERAL - 1, SEVERAL, SEVERAL + 1, 3 * SEVERAL + 2])
def test_every_row_is_inserted_once(cursor: sqlite3.Cursor, count: int) -> None:
    rows = [("a", f"{count - number:03}", number) for number in range(count)]

    BulkInsert("t", "(?, ?, ?)").run(cursor, rows)

    assert sorted(cursor.execute("SELECT * FROM t")) == sorted(rows)


def test_of_several_rows_with_one_key_the_first_one_stays(cursor: sqlite3.Cursor) -> None:
    rows = [("a", f"{number % 3}", number) for number in range(3 * SEVERAL)]

    BulkInsert("t", "(?, ?, ?)", otherwise="IGNORE").run(cursor, rows)

    assert sorted(cursor.execute("SELECT * FROM t")) == sorted(rows[:3])


def test_a_row_whose_key_is_there_is_refused(cursor: sqlite3.Cursor) -> None:
    rows = [("a", f"{number % SEVERAL}", number) for number in range(SEVERAL + 1)]

    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: t\.name"):
        BulkInsert("t", "(?, ?, ?)").run(cursor, rows)


def test_a_value_may_be_the_same_in_every_row(cursor: sqlite3.Cursor) -> None:
    rows = [("a", f"{number}") for number in range(SEVERAL + 1)]

    BulkInsert("t", "(?, ?, 7)").run(cursor, rows)

    assert set(cursor.execute("SELECT tenant, age FROM t")) == {("a", 7)}
