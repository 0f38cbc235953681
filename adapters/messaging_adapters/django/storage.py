"""The storage on Django's own connection, inside Django's own transactions."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db import Error as DjangoError

from messaging_adapters.storage.sqlite.connection.free_space import FreeSpace
from messaging_adapters.storage.sqlite.connection.locking import STEPS
from messaging_adapters.storage.sqlite.errors import translated
from messaging_adapters.storage.sqlite.host_transaction import joined
from messaging_adapters.storage.sqlite.storage import SqliteStorage, SqliteTransaction
from messaging_core.arguments import a_text, checked, whole
from messaging_core.errors import ConfigurationError, StorageError
from messaging_core.ports import time_limit
from messaging_core.ports.storage.transaction import Storage, Transaction

VENDORS: Final = ("sqlite", "postgresql")
_NO_FLOOR: Final = FreeSpace(Path(), 0)


class DjangoStorage(Storage):
    """Keep messages in a database of `DATABASES`, through Django's connection of each thread.

    Inside `transaction.atomic()` everything is part of that transaction: it is committed and
    rolled back with it, and so it is in a `TestCase`. Outside, each call commits by itself.
    `manage.py migrate` makes the tables.

    Args:
        using: The alias of the database: SQLite, or PostgreSQL with psycopg 3.
        scan_budget: As for `SqliteStorage`.
    """

    @checked(using=a_text, scan_budget=whole(0))
    def __init__(self, using: str = DEFAULT_DB_ALIAS, *, scan_budget: int = 1000) -> None:
        self.using = using
        self._scan_budget = scan_budget

    @property
    def connection(self) -> Any:
        """Django's connection of this thread, which opens itself on first use."""
        return connections[self.using]

    def begin(
        self, connection: Any = None, *, read_only: bool = False
    ) -> AbstractContextManager[Transaction]:
        django = self.connection if connection is None else connection
        vendor = getattr(django, "vendor", type(django).__name__)
        if vendor == "sqlite":
            return self._sqlite(django, read_only=read_only)
        if vendor == "postgresql":
            return self._postgres(django, read_only=read_only)
        raise ConfigurationError(
            f"DjangoStorage works on connections of Django to {' and '.join(VENDORS)}, not {vendor}"
        )

    @contextmanager
    def _sqlite(self, django: Any, *, read_only: bool) -> Iterator[Transaction]:
        raw = _opened(django)
        scope = joined(raw) if _is_begun(django) else _committed(raw, read_only=read_only)
        with translated(sqlite3.Error), scope as cursor:
            tx = SqliteTransaction(cursor, self._scan_budget, _NO_FLOOR)
            tx.timeline.read_only = read_only
            yield tx

    @contextmanager
    def _postgres(self, django: Any, *, read_only: bool) -> Iterator[Transaction]:
        # Here, because SQLite needs no psycopg.
        from messaging_adapters.storage.postgres import cursor, errors, host_transaction, storage

        raw = _opened(django)
        scope = _in_transaction if _is_begun(django) else partial(_atomic, read_only=read_only)
        with (
            scope(django),
            errors.translated(),
            host_transaction.joined(host_transaction.driver_connection(raw)),
        ):
            own = cursor.PostgresCursor(raw, locks=not read_only)
            with storage.transaction_through(own, self._scan_budget, read_only=read_only) as tx:
                yield tx


def make_tables(django: Any) -> None:
    """Make the tables, or bring them up to date, in the transaction of a migration.

    Raises:
        ConfigurationError: The database is of another kind.
        SchemaError: A newer version of this library has changed them.
    """
    raw = _opened(django)
    if django.vendor == "sqlite":
        SqliteStorage.migrate(raw)
    elif django.vendor == "postgresql":
        from messaging_adapters.storage.postgres import PostgresStorage

        PostgresStorage.migrate(raw)
    else:
        raise ConfigurationError(f"the tables are made in {' and '.join(VENDORS)} only")


def check_tables(django: Any) -> None:
    """Raise `SchemaError` with every difference from the tables of this version."""
    raw = _opened(django)
    if django.vendor == "sqlite":
        from messaging_adapters.storage.sqlite.schema import check as sqlite_schema

        sqlite_schema.check(raw)
    else:
        from messaging_adapters.storage.postgres.schema import check as postgres_schema

        postgres_schema.check(raw)


def _opened(django: Any) -> Any:
    """Return the driver's connection inside one of Django's."""
    django.validate_thread_sharing()
    django.validate_no_broken_transaction()
    django.ensure_connection()
    return django.connection


def _is_begun(django: Any) -> bool:
    """Return whether the host ends the transaction: with `atomic`, or without autocommit."""
    return bool(django.in_atomic_block or not django.get_autocommit())


@contextmanager
def _committed(raw: sqlite3.Connection, *, read_only: bool) -> Iterator[sqlite3.Cursor]:
    """Begin a transaction and end it; one that writes locks the file before it reads.

    `atomic()` of Django would read first: that fails where another connection wrote meanwhile.
    """
    cursor = raw.cursor()
    cursor.row_factory = None
    is_limited = time_limit.time_to_read(read_only=read_only) < inf
    try:
        if is_limited:
            raw.set_progress_handler(time_limit.is_over, STEPS)
        cursor.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")
        yield cursor
        cursor.execute("COMMIT")
    finally:
        if is_limited:
            raw.set_progress_handler(None, 0)
        if raw.in_transaction:
            cursor.execute("ROLLBACK")


@contextmanager
def _in_transaction(_django: Any) -> Iterator[None]:
    yield


@contextmanager
def _atomic(django: Any, *, read_only: bool) -> Iterator[None]:
    seconds = time_limit.time_to_read(read_only=read_only)
    try:
        with transaction.atomic(using=django.alias):
            if seconds < inf:
                from messaging_adapters.storage.postgres.connections import statement_timeout

                django.connection.execute(statement_timeout(seconds))
            yield
    except DjangoError as error:
        raise StorageError(f"the database failed: {error}") from error
