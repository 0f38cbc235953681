"""Memory keeps the contract of every storage."""

import threading
from datetime import timedelta

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core.errors import ConfigurationError, StorageBusyError
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing import StorageContract, a_new_message
from messaging_core.testing.contracts.storage.steps import add, walk


class TestMemoryStorage(StorageContract):
    def make_storage(self) -> Storage:
        return MemoryStorage()


def test_memory_cannot_join_a_database_transaction() -> None:
    with (
        pytest.raises(ConfigurationError, match="cannot join"),
        MemoryStorage().begin(object()),
    ):
        pass


def test_waiting_for_another_thread_ends_with_an_error() -> None:
    storage = MemoryStorage(busy_timeout=timedelta(milliseconds=20))
    began, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with storage.begin():
            began.set()
            go_on.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    began.wait(10)

    with pytest.raises(StorageBusyError):
        add(storage, a_new_message())

    go_on.set()
    holder.join()
    assert walk(storage) == []
