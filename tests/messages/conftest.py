"""Receivers of webhooks, and engines over each storage."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from webhook_receivers import Engine, Internet


@pytest.fixture
def internet() -> Iterator[Internet]:
    with ExitStack() as closing:
        yield Internet(closing)


@pytest.fixture(params=["memory", "sqlite"])
def engine(request: pytest.FixtureRequest, internet: Internet, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "memory":
        yield Engine(MemoryStorage(), internet)
    else:
        with SqliteStorage(tmp_path / "messages.db") as storage:
            yield Engine(storage, internet)
