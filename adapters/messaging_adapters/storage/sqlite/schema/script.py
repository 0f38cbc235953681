"""Writes `current.sql` from the migrations: run it as a module when you add one."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from messaging_adapters.storage.sqlite.schema import check, migrations
from messaging_adapters.storage.sqlite.schema.constants import LOG


def script() -> str:
    """Return what makes the tables, as the migrations leave them in an empty database."""
    return "".join(f"{statement};\n" for statement in _statements())


def _statements() -> Iterator[str]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrations.apply(connection)
        tables = check.snapshot_of(connection).columns
        made = connection.execute("SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        for table, sql in made.fetchall():
            if table in tables:
                yield (_unless_there(sql) if table == LOG else sql).strip()
        for table in tables:
            yield from (_insertion(table, row) for row in _rows(connection, table))


def _unless_there(sql: str) -> str:
    """Return a definition that does nothing where a host uses sqlite-utils for its own tables."""
    return re.sub(r"^CREATE (TABLE|INDEX|UNIQUE INDEX) ", r"CREATE \1 IF NOT EXISTS ", sql)


def _rows(connection: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - one of our tables
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _insertion(table: str, row: dict[str, Any]) -> str:
    literals = {name: _literal(value) for name, value in row.items()}
    if table == LOG:
        # The host's own migrations may have rows there, and the time is that of the host.
        del literals["id"]
        literals["applied_at"] = "CURRENT_TIMESTAMP"
    names, values = ", ".join(literals), ", ".join(literals.values())
    return f"INSERT INTO {table} ({names}) VALUES ({values})"  # noqa: S608 - our own tables


def _literal(value: object) -> str:
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, str):
        escaped = value.replace("'", "''")
        return f"'{escaped}'"
    return "NULL" if value is None else str(value)


if __name__ == "__main__":
    Path(__file__).with_name(check.CURRENT).write_text(script(), encoding="utf-8")
