"""Reads on which people wait: interrupted by the server, in the middle of a statement."""

from time import monotonic
from typing import Any

import pytest

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_core.errors import ReadTimeoutError
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.ports.time_limit import reads_until
from messaging_core.testing import a_new_message
from messaging_core.testing.contracts.storage.steps import add, get
from postgres_server import Schemas

SOON = 0.05  # seconds


def cursor_of(tx: Transaction) -> Any:
    return tx.audit._cursor  # type: ignore[attr-defined] # no call of the port takes for ever


def read_on(tx: Transaction) -> None:
    """Read short things for ever."""
    while True:
        tx.timeline.last_position()


def test_statements_are_interrupted_and_the_storage_is_as_before(postgres_schemas: Schemas) -> None:
    new = a_new_message()
    dsn = postgres_schemas.new()
    with PostgresStorage(dsn, max_connections=1) as storage:
        with (
            pytest.raises(ReadTimeoutError, match="ask for less"),
            reads_until(monotonic() + SOON),
            storage.begin(read_only=True) as tx,
        ):
            cursor_of(tx).native("SELECT pg_sleep(3600)")
        with (
            pytest.raises(ReadTimeoutError),
            reads_until(monotonic() + SOON),
            storage.begin(read_only=True) as tx,
        ):
            read_on(tx)

        add(storage, new)
        with storage.begin(read_only=True) as tx:
            setting = cursor_of(tx).native("SHOW statement_timeout").fetchone()
        assert get(storage, new) == new.message
        assert setting == ("0",)
    postgres_schemas.drop(dsn)
