"""The tables as they should be, and how those of a database differ."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import Any

import attrs
from sqlite_utils import Database

from messaging_adapters.storage.sqlite.errors import REMEDY
from messaging_adapters.storage.sqlite.host_transaction import LEGACY
from messaging_adapters.storage.sqlite.schema.migrations import migrations
from messaging_core.errors import ConfigurationError, SchemaError

_LOG = migrations.migrations_table
_TABLES = (
    "SELECT l.name FROM pragma_table_list l JOIN sqlite_master m ON m.name = l.name"
    " WHERE l.schema = 'main' AND l.type IN ('table', 'virtual') AND m.type = 'table'"
    " AND (l.name LIKE 'messaging\\_%' ESCAPE '\\' OR l.name = ?) ORDER BY m.rowid"
)
_COLUMNS = 'SELECT name, lower(type), "notnull", dflt_value, pk FROM pragma_table_info(?)'
_ATTACHED = "SELECT tbl_name, type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger')"
_APPLIED = f"SELECT name FROM {_LOG} WHERE migration_set = ? ORDER BY id"  # noqa: S608 - no input
_USE_THE_NEWER = "use that version of the library, or one that is newer still"

Columns = dict[str, tuple[object, ...]]
"""How each column is defined."""


@attrs.frozen(kw_only=True)
class SchemaSnapshot:
    """What one database has: columns by table, and the text of each index and trigger."""

    columns: dict[str, Columns]
    attached: dict[tuple[str, str, str], str]
    migrations: list[str]


def snapshot_of(connection: sqlite3.Connection) -> SchemaSnapshot:
    """Read the layout of a database; nothing is written."""
    with plain(connection):
        tables = [name for (name,) in connection.execute(_TABLES, (_LOG,)).fetchall()]
        return SchemaSnapshot(
            columns={
                table: {row[0]: row[1:] for row in connection.execute(_COLUMNS, (table,))}
                for table in tables
            },
            attached={
                (table, kind, name): _normal(sql or "")
                for table, kind, name, sql in connection.execute(_ATTACHED)
                if table in tables
            },
            migrations=_applied(connection) if _LOG in tables else [],
        )


def _applied(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute(_APPLIED, (migrations.name,))]


def _normal(sql: str) -> str:
    """Return a definition without what may differ and mean the same."""
    return re.sub(r"\s+", " ", re.sub(r"[\[\]\"`]", "", sql)).casefold().strip()


@contextmanager
def plain(connection: sqlite3.Connection) -> Iterator[None]:
    """Let a connection give tuples, and end transactions only when told to."""
    row_factory, autocommit = connection.row_factory, getattr(connection, "autocommit", None)
    connection.row_factory = None
    if autocommit is False:
        # sqlite-utils takes no other connections; the open transaction is not touched by this.
        connection.autocommit = LEGACY  # type: ignore[attr-defined, unused-ignore]
    try:
        yield
    finally:
        connection.row_factory = row_factory
        if autocommit is False:
            connection.autocommit = autocommit  # type: ignore[attr-defined, unused-ignore]


def check(connection: sqlite3.Connection) -> None:
    """Raise `SchemaError` with every difference from the tables of this version."""
    wanted, found = _wanted(), snapshot_of(connection)
    problems = [
        *_missing_tables(wanted, found),
        *_other_columns(wanted, found),
        *_other_attached(wanted, found),
        *_missing_migrations(wanted, found),
    ]
    if unknown := [*_newer_migrations(wanted, found)]:
        raise SchemaError([*problems, *unknown], _USE_THE_NEWER)
    if problems:
        raise SchemaError(problems, REMEDY)


def apply(connection: sqlite3.Connection) -> None:
    """Bring the tables up to date, inside the transaction that is open.

    Raises:
        SchemaError: A newer version of this library has changed them.
        ConfigurationError: The connection commits by itself, in the way of Python 3.12.
    """
    if getattr(connection, "autocommit", None) is True:
        raise ConfigurationError("tables are not made through a connection with autocommit=True")
    with plain(connection):
        if unknown := [*_newer_migrations(_wanted(), snapshot_of(connection))]:
            raise SchemaError(unknown, _USE_THE_NEWER)
        migrations.apply(_database(connection))


def _database(connection: sqlite3.Connection) -> Database:
    """Return what migrations take, without changing settings of the connection."""
    return Database(connection, recursive_triggers=False, execute_plugins=False)


def _missing_migrations(wanted: SchemaSnapshot, found: SchemaSnapshot) -> Iterator[str]:
    for name in wanted.migrations:
        if name not in found.migrations:
            yield f"migration {name} is not applied"


def _newer_migrations(wanted: SchemaSnapshot, found: SchemaSnapshot) -> Iterator[str]:
    for name in found.migrations:
        if name not in wanted.migrations:
            yield f"migration {name} is of a newer version of this library"


def _missing_tables(wanted: SchemaSnapshot, found: SchemaSnapshot) -> Iterator[str]:
    for table in wanted.columns:
        if table not in found.columns:
            yield f"table {table} is missing"


def _other_columns(wanted: SchemaSnapshot, found: SchemaSnapshot) -> Iterator[str]:
    for table, columns in wanted.columns.items():
        there = found.columns.get(table)
        if there is None:
            continue  # said already
        for name in [*columns, *(name for name in there if name not in columns)]:
            if name not in there:
                yield f"column {table}.{name} is missing"
            elif name not in columns:
                yield f"column {table}.{name} is unknown"
            elif there[name] != columns[name]:
                yield f"column {table}.{name} is defined differently"


def _other_attached(wanted: SchemaSnapshot, found: SchemaSnapshot) -> Iterator[str]:
    for (table, kind, name), sql in wanted.attached.items():
        if table not in found.columns:
            continue  # said already
        there = found.attached.get((table, kind, name))
        if there is None:
            yield f"{kind} {name} of {table} is missing"
        elif there != sql:
            yield f"{kind} {name} of {table} is defined differently"


@contextmanager
def _made() -> Iterator[sqlite3.Connection]:
    """Lend a database in memory that has the tables, and nothing else."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrations.apply(_database(connection))
        yield connection


@cache
def _wanted() -> SchemaSnapshot:
    with _made() as connection:
        return snapshot_of(connection)


@cache
def statements() -> tuple[str, ...]:
    """Return what makes the tables in a database that has none of them, one statement each."""
    with _made() as connection:
        tables = snapshot_of(connection).columns
        made = connection.execute("SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return (
            *(
                _unless_there(sql) if table == _LOG else sql
                for table, sql in made.fetchall()
                if table in tables
            ),
            *(_insertion(table, row) for table in tables for row in _rows(connection, table)),
        )


def _unless_there(sql: str) -> str:
    """Return a definition that does nothing where a host uses sqlite-utils for its own tables."""
    return re.sub(r"^CREATE (TABLE|INDEX|UNIQUE INDEX) ", r"CREATE \1 IF NOT EXISTS ", sql)


def _rows(connection: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - one of our tables
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _insertion(table: str, row: dict[str, Any]) -> str:
    literals = {name: _literal(value) for name, value in row.items()}
    if table == _LOG:
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
