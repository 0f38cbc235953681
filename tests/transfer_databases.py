"""Rows for every table of a database, and what is in them after a move."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.storage.transfer.session import opened
from messaging_adapters.storage.transfer.tables import FACTS, TABLES, Table
from messaging_core.ports.storage.transaction import Storage

ROWS = 7
AnyStorage = SqliteStorage | PostgresStorage
Make = Callable[[], AnyStorage]


def columns_of_sqlite() -> dict[str, dict[str, str]]:
    """Return the types of the columns, by table."""
    with SqliteStorage(":memory:") as storage, opened(storage) as session:
        cursor = session._cursor
        names = cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: {row[1]: row[2] for row in cursor.execute(f"PRAGMA table_info({name})")}
            for (name,) in names
        }


SQLITE = columns_of_sqlite()


def value_of(table: Table, column: str, number: int) -> Any:
    """Return a value of the column's type that is another for each row of the table."""
    if column == "workspace" and table.name in {"messaging_subjects", "messaging_documents"}:
        return value_of(TABLES[0], "workspace", number)
    if (table.name, column) == ("messaging_subjects", "subject"):
        return f"winter offer {number}"
    kind = SQLITE[table.name][column]
    place = 1 + table.columns.index(column)
    if kind == "INTEGER":
        return 1000 * place + number
    if kind == "BLOB":
        return bytes([0, 255, place, number]) * 4
    return f"ü\0\1{place}-{number}"


def rows_of(table: Table) -> list[tuple[Any, ...]]:
    """Return rows whose values are all different, and where a column is null."""
    rows = [
        tuple(value_of(table, column, number) for column in table.columns) for number in range(ROWS)
    ]
    if table.name == "messaging_messages":  # the columns of no key that may be null
        rows[1] = tuple(
            None if column in {"own_address", "batch_id", "failure_code"} else value
            for column, value in zip(table.columns, rows[1], strict=True)
        )
    return rows


def fill(storage: Storage) -> None:
    """Write rows into every table."""
    for table in TABLES:
        with opened(storage) as session:
            session.insert(table, rows_of(table))


def contents(storage: Storage) -> dict[str, Any]:
    """Return what is in every table, and the facts."""
    with opened(storage) as session:
        tables = {table.name: session.rows_after(table, None) for table in TABLES}
        return {**{name: Counter(rows) for name, rows in tables.items()}, FACTS: session.facts()}
