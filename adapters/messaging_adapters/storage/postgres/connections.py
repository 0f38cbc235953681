"""The connections of a storage: pooled, and replaced when the server was lost."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolTimeout

from messaging_adapters.storage.postgres.errors import is_lost, translate
from messaging_core.errors import (
    CommitUnknownError,
    StorageBusyError,
    StorageError,
    StorageUnavailableError,
)

_CLOSED: Final = "the storage is closed: make a new one"
_LOST_AT_COMMIT: Final = (
    "the connection to PostgreSQL was lost during the commit: all of it was written, or nothing."
    " A request with an idempotency key can be repeated"
)
_HANDED_BACK: Final = (
    "a statement of this transaction failed, so it was rolled back: repeat all of it"
)


class Connections:
    """Give each transaction a connection of its own.

    Args:
        dsn: Where the server is.
        most: How many connections are open at once.
        busy_timeout: How long to wait for a connection, and for a row that another has locked.
        prepare: Whether statements are prepared that are used often.
    """

    def __init__(self, dsn: str, most: int, busy_timeout: timedelta, *, prepare: bool) -> None:
        self.dsn = dsn
        self._most = most
        self._seconds = busy_timeout.total_seconds()
        self._options = {"autocommit": True, "prepare_threshold": 5 if prepare else None}
        self._pool: ConnectionPool[psycopg.Connection[Any]] | None = None
        self._is_closed = False

    def connect(self) -> psycopg.Connection[Any]:
        """Open a connection beside the pool."""
        connection = psycopg.connect(self.dsn, **self._options)  # type: ignore[arg-type]
        self._configure(connection)
        return connection

    def _configure(self, connection: psycopg.Connection[Any]) -> None:
        # What a host or a role has set as its default must not change what locks are worth here.
        connection.execute(
            "SELECT set_config('default_transaction_isolation', 'read committed', false),"
            " set_config('lock_timeout', %s, false)",
            (str(max(1, int(self._seconds * 1000))),),
        )

    def _opened(self) -> ConnectionPool[psycopg.Connection[Any]]:
        if self._is_closed:
            raise StorageError(_CLOSED)
        if self._pool is None:
            self._pool = ConnectionPool(
                self.dsn,
                min_size=0,
                max_size=self._most,
                kwargs=self._options,
                configure=self._configure,
                timeout=self._seconds,
                reconnect_timeout=self._seconds,
                name="messaging",
                open=True,
            )
        return self._pool

    @contextmanager
    def transaction(self, *, read_only: bool) -> Iterator[psycopg.Connection[Any]]:
        """Lend a connection inside a transaction, which ends with the block."""
        pool = self._opened()
        connection = self._begun(pool)
        try:
            yield connection
            self._commit(connection, read_only=read_only)
        except psycopg.Error as error:
            if error.sqlstate == "25006":  # a server that was the primary
                connection.close()
            raise translate(error) from error
        finally:
            _roll_back(connection)
            pool.putconn(connection)

    def _begun(self, pool: ConnectionPool[psycopg.Connection[Any]]) -> psycopg.Connection[Any]:
        """Return a connection that answers: after a lost server, the pooled ones do not."""
        for _ in range(self._most + 1):
            connection = self._taken(pool)
            try:
                connection.execute("BEGIN")
            except psycopg.Error as error:
                lost = error
                connection.close()
                pool.putconn(connection)
                if not is_lost(error):
                    raise translate(error) from error
            else:
                return connection
        raise translate(lost) from lost

    def _taken(self, pool: ConnectionPool[psycopg.Connection[Any]]) -> psycopg.Connection[Any]:
        try:
            return pool.getconn()
        except PoolTimeout as error:
            if pool.get_stats().get("pool_size", 0) >= self._most:
                raise StorageBusyError(
                    f"all {self._most} connections were in use for {self._seconds:g} s: keep"
                    " transactions short, or raise max_connections"
                ) from error
            raise StorageUnavailableError(
                f"PostgreSQL gave no connection within {self._seconds:g} s: look whether the server"
                " runs, and whether the DSN is right"
            ) from error

    @staticmethod
    def _commit(connection: psycopg.Connection[Any], *, read_only: bool) -> None:
        if connection.info.transaction_status == TransactionStatus.INERROR:
            raise StorageError(_HANDED_BACK)  # COMMIT would answer ROLLBACK, and raise nothing
        try:
            connection.execute("COMMIT")
        except psycopg.Error as error:
            if is_lost(error) and not read_only:
                raise CommitUnknownError(_LOST_AT_COMMIT) from error
            raise

    def forget(self) -> None:
        """Leave the connections to the parent process, after a fork."""
        self._pool = None

    def close(self) -> None:
        """Close them all."""
        self._is_closed = True
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()


def _roll_back(connection: psycopg.Connection[Any]) -> None:
    """End a transaction that was not committed; close a connection that cannot even do that."""
    if connection.closed or connection.info.transaction_status == TransactionStatus.IDLE:
        return
    try:
        connection.execute("ROLLBACK")
    except psycopg.Error:
        with suppress(psycopg.Error):
            connection.close()
