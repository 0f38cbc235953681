"""A storage that is moved at any time answers like one that never moves."""

from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
import pytest
from hypothesis.stateful import precondition, rule

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.storage.transfer import export_storage, import_storage
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.contracts.storage_machine import StorageMachine
from postgres_server import Schemas

NIGHTLY = hypothesis.settings().max_examples > 1_000  # see the profiles in tests/conftest.py
MOST_MOVES = 10 if NIGHTLY else 2


class MovingMachine(StorageMachine):
    """Move the storage from SQLite to PostgreSQL, and back."""

    schemas: Schemas

    def make_model(self) -> Storage:
        return MemoryStorage()

    def make_storage(self) -> Storage:
        self.folder = TemporaryDirectory()
        self.dsns: list[str] = []
        self.moves = 0
        return SqliteStorage(":memory:", scan_budget=2)

    @precondition(lambda self: self.moves < MOST_MOVES and self.messages)
    @rule()
    def move(self) -> None:
        self.moves += 1
        file = Path(self.folder.name) / f"{self.moves}.export"
        export_storage(self.storage, file, now=self.now)
        other = self.empty()
        import_storage(other, file, now=self.now)
        self.storage.close()  # type: ignore[attr-defined] # both can be closed
        self.storage = other

    def empty(self) -> Storage:
        if self.moves % 2 == 0:
            return SqliteStorage(":memory:", scan_budget=2)
        self.dsns.append(self.schemas.take())
        return PostgresStorage(self.dsns[-1], scan_budget=2)

    def teardown(self) -> None:
        self.storage.close()  # type: ignore[attr-defined] # both can be closed
        self.folder.cleanup()
        for dsn in self.dsns:
            self.schemas.give_back(dsn)


class TestAMovedStorageAgreesWithMemory(MovingMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = hypothesis.settings(
        max_examples=500 if NIGHTLY else 6, stateful_step_count=50 if NIGHTLY else 25
    )

    @pytest.fixture(autouse=True)
    def _schemas(self, postgres_schemas: Schemas) -> None:
        MovingMachine.schemas = postgres_schemas
