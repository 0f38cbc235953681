"""Databases that are full of something, and empty ones to move it to."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from postgres_server import Schemas
from transfer_databases import Make


@pytest.fixture
def sqlite() -> Iterator[Make]:
    """Return what makes empty databases in memory."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(SqliteStorage(":memory:"))


@pytest.fixture
def postgres(postgres_schemas: Schemas) -> Iterator[Make]:
    """Return what gives empty databases of a server."""
    with ExitStack() as opened:

        def make() -> PostgresStorage:
            dsn = postgres_schemas.take()
            opened.callback(postgres_schemas.give_back, dsn)
            return opened.enter_context(PostgresStorage(dsn))

        yield make


@pytest.fixture(params=["sqlite", "postgres"])
def make(request: pytest.FixtureRequest) -> Make:
    """Return what makes empty databases of each kind."""
    made: Any = request.getfixturevalue(request.param)
    return made  # type: ignore[no-any-return] # one of the two above
