"""The host's own transaction: found in what the host holds, joined, and left as it is."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from types import ModuleType
from typing import Any, cast

from messaging_core.errors import ConfigurationError

LEGACY = -1
"""`sqlite3.LEGACY_TRANSACTION_CONTROL`, which is not there before Python 3.12."""

# Names differ, so that to end a savepoint twice never ends the one around it; and they are few, so
# that the statements stay in the host's cache.
_NAMES = cycle(f"messaging_{number}" for number in range(8))


@contextmanager
def joined(raw: sqlite3.Connection, *, read_only: bool = False) -> Iterator[sqlite3.Cursor]:
    """Work inside the host's transaction, all or nothing, and leave it open.

    Where the host has begun none, one is begun that the host then ends as usual. To read, none is
    needed that would outlast the block: it would stop all other writers until the host ends it.
    """
    if not raw.in_transaction:
        if commits_by_itself(raw):
            raise ConfigurationError("begin a transaction on this connection first")
        if not read_only:
            raw.execute("BEGIN IMMEDIATE")
    cursor = raw.cursor()
    cursor.row_factory = None
    savepoint = _Savepoint(cursor)
    try:
        try:
            savepoint.begin()
            yield cursor
            savepoint.release()
        finally:
            savepoint.end()
    finally:
        savepoint.end()  # a signal handler may have raised in the line above


class _Savepoint:
    """Undo what was done in the host's transaction, unless all of it was done."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor
        self._name = next(_NAMES)
        self._is_over = False

    def begin(self) -> None:
        self._cursor.execute(f"SAVEPOINT {self._name}")

    def release(self) -> None:
        self._cursor.execute(f"RELEASE {self._name}")
        self._is_over = True

    def end(self) -> None:
        """Roll back what was not released; the second time, nothing is left to do."""
        if self._is_over:
            return
        if self._cursor.connection.in_transaction:
            try:
                self._cursor.execute(f"ROLLBACK TO {self._name}")
                self._cursor.execute(f"RELEASE {self._name}")
            except self._cursor.connection.OperationalError as error:
                if "no such savepoint" not in str(error):  # released, or never begun
                    raise
        self._is_over = True


def commits_by_itself(connection: sqlite3.Connection) -> bool:
    """Return whether a connection makes a transaction of every statement."""
    return connection.isolation_level is None or _autocommit(connection) is True


def driver_connection(connection: Any, module: ModuleType) -> sqlite3.Connection:
    """Return the connection of the driver inside one of the host's.

    SQLAlchemy is never imported: its `Connection`, `Session` and pooled connections are known by
    what they can do. The transaction of a `Connection` is begun, so that its `commit` and
    `rollback` end what is written below it.

    Raises:
        ConfigurationError: It has none of this module, or cannot be used as it is.
    """
    if isinstance(connection, module.Connection):
        return cast("sqlite3.Connection", connection)
    if hasattr(type(connection), "run_sync"):
        raise ConfigurationError(
            f"connection= cannot be of asyncio ({type(connection).__name__}): its driver works in"
            " another thread; use an engine of SQLAlchemy that is not asynchronous"
        )
    if not hasattr(connection, "driver_connection"):  # nothing out of a pool yet
        connection = _pooled(connection, module)
    driver = getattr(connection, "driver_connection", connection)
    if not isinstance(driver, module.Connection):
        raise ConfigurationError(
            f"connection= takes a {module.__name__}.Connection, or a Connection or Session of"
            f" SQLAlchemy on one, not {_described(driver)}"
        )
    return cast("sqlite3.Connection", driver)


def _described(connection: Any) -> str:
    """Name a class, and where it is one of another SQLite library, what to do."""
    kind = type(connection)
    if not hasattr(kind, "in_transaction") or not hasattr(kind, "OperationalError"):
        return kind.__name__
    library = kind.__module__.removesuffix(".dbapi2")
    return (
        f"{library}.{kind.__name__}: two SQLite libraries in one process do not see each other's"
        " locks, and can damage the file. Make the connection with the storage's driver, or pass"
        f" driver={library} to the storage"
    )


def _pooled(connection: Any, module: ModuleType) -> Any:
    """Return what a `Session` or `Connection` of SQLAlchemy got from its pool, begun."""
    if callable(getattr(connection, "connection", None)):  # a Session begins as it gives it out
        connection = connection.connection()
    if not callable(getattr(connection, "in_nested_transaction", None)):
        return connection
    if not connection.in_transaction():
        # Without this the host's `commit` would do nothing, and the pool would roll back.
        connection.begin()
    pooled = connection.connection
    driver = pooled.driver_connection
    is_ours = isinstance(driver, module.Connection)
    if is_ours and connection.in_nested_transaction() and _begins_late(driver):
        raise ConfigurationError(
            "begin_nested() needs a transaction that really was begun, and sqlite3 begins none"
            " before the first write: releasing the savepoint could commit; let SQLAlchemy emit"
            " BEGIN (see the documentation of its SQLite dialect), or set autocommit=False"
        )
    return pooled


def _begins_late(driver: sqlite3.Connection) -> bool:
    return driver.isolation_level is not None and _autocommit(driver) == LEGACY


def _autocommit(connection: sqlite3.Connection) -> Any:
    return getattr(connection, "autocommit", LEGACY)
