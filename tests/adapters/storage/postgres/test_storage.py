"""PostgreSQL keeps the contract of durable storages, and its own promises about servers."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import psycopg
import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.postgres import PostgresStorage
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing import DurableStorageContract
from messaging_core.testing.contracts.storage_machine import StorageMachine
from postgres_server import Schemas

pytestmark = pytest.mark.usefixtures("statements_name_a_workspace")
NIGHTLY = hypothesis.settings().max_examples > 1_000  # see the profiles in tests/conftest.py


class Database:
    """Opens storages in schemas of the test's own, and closes them after it."""

    @pytest.fixture(autouse=True)
    def _schemas(self, postgres_schemas: Schemas) -> Iterator[None]:
        self.schemas = postgres_schemas
        self.opened: list[PostgresStorage | psycopg.Connection[Any]] = []
        self.dsns: dict[Storage, str] = {}
        yield
        for storage in self.opened:
            storage.close()
        for dsn in set(self.dsns.values()):
            postgres_schemas.give_back(dsn)

    def open(self, dsn: str | None = None, **options: Any) -> PostgresStorage:
        dsn = dsn or self.schemas.take()
        storage = PostgresStorage(dsn, **options)
        self.dsns[storage] = dsn
        self.opened.append(storage)
        return storage

    def connect(self, storage: Storage, **options: Any) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self.dsns[storage], **options)
        self.opened.append(connection)
        return connection


class TestPostgresStorage(Database, DurableStorageContract):
    def make_storage(self) -> Storage:
        return self.open()

    def make_frugal_storage(self) -> Storage:
        return self.open(scan_budget=0)

    def open_again(self, storage: Storage) -> Storage:
        return self.open(self.dsns[storage])

    def reopen(self, storage: Storage) -> Storage:
        assert isinstance(storage, PostgresStorage)
        storage.close()
        return self.open_again(storage)

    def make_connection(self, storage: Storage) -> psycopg.Connection[Any]:
        return self.connect(storage)


class PostgresMachine(StorageMachine):
    schemas: Schemas

    def make_model(self) -> Storage:
        return MemoryStorage()

    def make_storage(self) -> Storage:
        self.dsn = self.schemas.take()
        return PostgresStorage(self.dsn, scan_budget=2)

    def teardown(self) -> None:
        assert isinstance(self.storage, PostgresStorage)
        self.storage.close()
        self.schemas.give_back(self.dsn)


class TestPostgresAgreesWithMemory(PostgresMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = hypothesis.settings(
        max_examples=1_000 if NIGHTLY else 10, stateful_step_count=50 if NIGHTLY else 25
    )

    @pytest.fixture(autouse=True)
    def _schemas(self, postgres_schemas: Schemas) -> None:
        PostgresMachine.schemas = postgres_schemas
