"""The tables as they should be, and how those of a database differ."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from messaging_adapters.storage.postgres.errors import REMEDY
from messaging_adapters.storage.postgres.schema.migrations import MIGRATIONS
from messaging_core.errors import SchemaError

CURRENT: Final = "current.txt"
"""Every column and index, one a line, as `layout_of` reads them after all migrations."""

_LOG: Final = (
    "CREATE TABLE IF NOT EXISTS messaging_migrations (\n"
    '    name       text COLLATE "C" PRIMARY KEY,\n'
    "    applied_at timestamptz NOT NULL DEFAULT now()\n"
    ")"
)
_HAS_LOG: Final = "SELECT to_regclass('messaging_migrations') IS NOT NULL"
_APPLIED: Final = "SELECT name FROM messaging_migrations ORDER BY name"
_COLUMNS: Final = (
    "SELECT 'column ' || c.relname || '.' || a.attname,"
    " format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END"
    " || coalesce(' collate ' || k.collname, '')"
    " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    " LEFT JOIN pg_collation k ON k.oid = a.attcollation"
    " WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped"
    " AND pg_table_is_visible(c.oid) AND c.relname LIKE 'messaging\\_%'"
)
_INVALID: Final = " (invalid)"  # what a cancelled CREATE INDEX CONCURRENTLY leaves
_INDEXES: Final = (
    "SELECT 'index ' || i.indexname,"  # noqa: S608 - no input
    " regexp_replace(i.indexdef, ' ON (ONLY )?[^ ]+\\.', ' ON ')"
    f" || CASE WHEN x.indisvalid THEN '' ELSE '{_INVALID}' END"
    " FROM pg_indexes i JOIN pg_class c ON c.relname = i.tablename"
    " JOIN pg_namespace s ON s.oid = c.relnamespace AND s.nspname = i.schemaname"
    " JOIN pg_class n ON n.relname = i.indexname AND n.relnamespace = s.oid"
    " JOIN pg_index x ON x.indexrelid = n.oid"
    " WHERE pg_table_is_visible(c.oid) AND c.relname LIKE 'messaging\\_%'"
)
_USE_THE_NEWER: Final = "use that version of the library, or one that is newer still"

Layout = dict[str, str]
"""What each column and each index is."""


def layout_of(connection: psycopg.Connection[Any]) -> Layout:
    """Read the layout of the tables that are visible; nothing is written."""
    cursor = connection.cursor(row_factory=tuple_row)
    rows = cursor.execute(_COLUMNS).fetchall() + cursor.execute(_INDEXES).fetchall()
    return dict(sorted(rows))


@cache
def expected() -> Layout:
    """Return the layout of this version."""
    lines = Path(__file__).with_name(CURRENT).read_text(encoding="utf-8").splitlines()
    return {name: kind for name, _, kind in (line.partition(": ") for line in lines)}


@cache
def statements() -> tuple[str, ...]:
    """Return what makes the tables in a database that has none of them, one statement each."""
    return tuple(_statements())


def _statements() -> Iterator[str]:
    yield _LOG
    for name, script in MIGRATIONS:
        yield from split(script)
        yield f"INSERT INTO messaging_migrations (name) VALUES ('{name}')"  # noqa: S608 - ours


def split(script: str) -> Iterator[str]:
    """Cut a script into statements."""
    for statement in script.split(";\n"):
        if statement.strip():
            yield statement.strip()


def check(connection: psycopg.Connection[Any]) -> None:
    """Raise `SchemaError` with every difference from the tables of this version."""
    applied = _applied(connection)
    problems = [*_missing(applied), *_differences(layout_of(connection))]
    if newer := [*_newer(applied)]:
        raise SchemaError([*problems, *newer], _USE_THE_NEWER)
    if problems:
        raise SchemaError(problems, REMEDY)


def _differences(actual: Layout) -> Iterator[str]:
    for name, kind in expected().items():
        if name not in actual:
            yield f"{name} is missing"
        elif actual[name] == kind + _INVALID:
            yield f"{name} is invalid: REINDEX it"
        elif actual[name] != kind:
            yield f"{name} is defined differently"


def _applied(connection: psycopg.Connection[Any]) -> list[str]:
    cursor = connection.cursor(row_factory=tuple_row)
    (has_log,) = cursor.execute(_HAS_LOG).fetchone() or (False,)
    return [name for (name,) in cursor.execute(_APPLIED)] if has_log else []


def _missing(applied: list[str]) -> Iterator[str]:
    for name, _ in MIGRATIONS:
        if name not in applied:
            yield f"migration {name} is not applied"


def _newer(applied: list[str]) -> Iterator[str]:
    known = {name for name, _ in MIGRATIONS}
    for name in applied:
        if name not in known:
            yield f"migration {name} is of a newer version of this library"


def require(connection: psycopg.Connection[Any], *, migrates: bool) -> bool:
    """Return whether migrations must be applied.

    Raises:
        SchemaError: A newer version of this library has changed the tables; or they are not up to
            date, and it `migrates` nothing.
    """
    applied = _applied(connection)
    if newer := [*_newer(applied)]:
        raise SchemaError(newer, _USE_THE_NEWER)
    missing = [*_missing(applied)]
    if missing and not migrates:
        raise SchemaError(missing, REMEDY)
    return bool(missing)


def apply(connection: psycopg.Connection[Any]) -> None:
    """Bring the tables up to date, inside the transaction that is open.

    Of two processes that do it at once, the second waits, and finds it done.
    """
    cursor = connection.cursor()
    cursor.execute(_LOG)
    cursor.execute("LOCK TABLE messaging_migrations IN EXCLUSIVE MODE")
    if not require(connection, migrates=True):
        return
    applied = _applied(connection)
    for name, script in MIGRATIONS:
        if name not in applied:
            for statement in split(script):
                cursor.execute(statement)
            cursor.execute("INSERT INTO messaging_migrations (name) VALUES (%s)", (name,))
