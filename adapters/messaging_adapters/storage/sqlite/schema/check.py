"""The tables as they should be, and how those of a database differ."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

import attrs

from messaging_adapters.storage.sqlite.errors import REMEDY
from messaging_adapters.storage.sqlite.host_transaction import LEGACY
from messaging_adapters.storage.sqlite.schema.constants import LOG, MIGRATION_NAMES, MIGRATION_SET
from messaging_core.errors import ConfigurationError, SchemaError

_TABLES = (
    "SELECT l.name FROM pragma_table_list l JOIN sqlite_master m ON m.name = l.name"
    " WHERE l.schema = 'main' AND l.type IN ('table', 'virtual') AND m.type = 'table'"
    " AND (l.name LIKE 'messaging\\_%' ESCAPE '\\' OR l.name = ?) ORDER BY m.rowid"
)
_COLUMNS = 'SELECT name, lower(type), "notnull", dflt_value, pk FROM pragma_table_info(?)'
_ATTACHED = "SELECT tbl_name, type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger')"
_APPLIED = f"SELECT name FROM {LOG} WHERE migration_set = ? ORDER BY id"  # noqa: S608 - no input
_HAS_LOG = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
_USE_THE_NEWER = "use that version of the library, or one that is newer still"

_MIGRATIONS: Final = "messaging_adapters.storage.sqlite.schema.migrations"
"""Imported only where a database lacks one: with it comes sqlite-utils."""

CURRENT: Final = "current.sql"
"""The script that makes all tables, which `script` writes from the migrations."""

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
        tables = [name for (name,) in connection.execute(_TABLES, (LOG,)).fetchall()]
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
            migrations=_applied(connection),
        )


def _applied(connection: sqlite3.Connection) -> list[str]:
    if not connection.execute(_HAS_LOG, (LOG,)).fetchone():
        return []
    return [name for (name,) in connection.execute(_APPLIED, (MIGRATION_SET,))]


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
    expected, actual = _expected(), snapshot_of(connection)
    problems = [
        *_missing_tables(expected, actual),
        *_other_columns(expected, actual),
        *_other_attached(expected, actual),
        *_missing_migrations(actual.migrations),
    ]
    if unknown := [*_newer_migrations(actual.migrations)]:
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
        applied = _applied(connection)
        if unknown := [*_newer_migrations(applied)]:
            raise SchemaError(unknown, _USE_THE_NEWER)
        if [*_missing_migrations(applied)]:
            import_module(_MIGRATIONS).apply(connection)


def _missing_migrations(applied: list[str]) -> Iterator[str]:
    for name in MIGRATION_NAMES:
        if name not in applied:
            yield f"migration {name} is not applied"


def _newer_migrations(applied: list[str]) -> Iterator[str]:
    for name in applied:
        if name not in MIGRATION_NAMES:
            yield f"migration {name} is of a newer version of this library"


def _missing_tables(expected: SchemaSnapshot, actual: SchemaSnapshot) -> Iterator[str]:
    for table in expected.columns:
        if table not in actual.columns:
            yield f"table {table} is missing"


def _other_columns(expected: SchemaSnapshot, actual: SchemaSnapshot) -> Iterator[str]:
    for table, columns in expected.columns.items():
        there = actual.columns.get(table)
        if there is None:
            continue  # said already
        for name in [*columns, *(name for name in there if name not in columns)]:
            if name not in there:
                yield f"column {table}.{name} is missing"
            elif name not in columns:
                yield f"column {table}.{name} is unknown"
            elif there[name] != columns[name]:
                yield f"column {table}.{name} is defined differently"


def _other_attached(expected: SchemaSnapshot, actual: SchemaSnapshot) -> Iterator[str]:
    for (table, kind, name), sql in expected.attached.items():
        if table not in actual.columns:
            continue  # said already
        there = actual.attached.get((table, kind, name))
        if there is None:
            yield f"{kind} {name} of {table} is missing"
        elif there != sql:
            yield f"{kind} {name} of {table} is defined differently"


@cache
def statements() -> tuple[str, ...]:
    """Return what makes the tables in a database that has none of them, one statement each."""
    return tuple(_split(Path(__file__).with_name(CURRENT).read_text(encoding="utf-8")))


def _split(script: str) -> Iterator[str]:
    """Cut a script into statements: a semicolon inside a trigger or a text ends none."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement.strip().removesuffix(";")
            statement = ""


@cache
def _expected() -> SchemaSnapshot:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for statement in statements():
            connection.execute(statement)
        return snapshot_of(connection)
