"""SQLite keeps the contract of durable storages, and its own promises about files and locks."""

import sqlite3
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from messaging_adapters.storage.sqlite import SqliteStorage

from messaging_core.ports.storage import Storage
from messaging_core.testing import DurableStorageContract


class TestSqliteStorage(DurableStorageContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> Iterator[None]:
        self.folder = tmp_path
        self.numbers = count()
        self.opened: list[SqliteStorage | sqlite3.Connection] = []
        yield
        for one in self.opened:
            one.close()

    def make_storage(self) -> Storage:
        return self.open(self.folder / f"{next(self.numbers)}.db")

    def make_frugal_storage(self) -> Storage:
        return self.open(self.folder / f"{next(self.numbers)}.db", scan_budget=0)

    def open_again(self, storage: Storage) -> Storage:
        return self.open(path_of(storage))

    def reopen(self, storage: Storage) -> Storage:
        assert isinstance(storage, SqliteStorage)
        storage.close()
        return self.open_again(storage)

    def make_connection(self, storage: Storage) -> sqlite3.Connection:
        connection = sqlite3.connect(path_of(storage))
        self.opened.append(connection)
        return connection

    def open(self, path: Path, scan_budget: int = 1000) -> SqliteStorage:
        storage = SqliteStorage(path, scan_budget=scan_budget)
        self.opened.append(storage)
        return storage


def path_of(storage: Storage) -> Path:
    assert isinstance(storage, SqliteStorage)
    return Path(storage.path)
