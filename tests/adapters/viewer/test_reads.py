"""Reads that take too long are interrupted, so that they keep no one else waiting."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.viewer.reads import TOO_LONG, Readers, Reads
from messaging_core import Messenger
from messaging_core.errors import StorageBusyError
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.testing import ManualClock, RecordingTransport
from viewer_site import CHANNELS, Site, words

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


class Endless(SqliteStorage):
    """A storage whose reads take for ever, while it is slow."""

    is_slow = False

    @contextmanager
    def begin(self, connection: Any = None, *, read_only: bool = False) -> Iterator[Transaction]:
        with super().begin(connection, read_only=read_only) as tx:
            if self.is_slow and read_only:
                self._connection.execute(ENDLESS).fetchone()
            yield tx


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    transport, clock = RecordingTransport(), ManualClock()
    with Endless(tmp_path / "messages.db") as storage:
        channels = dict.fromkeys(CHANNELS, transport)
        messenger = Messenger(storage=storage, channels=channels, clock=clock)
        yield Site(messenger=messenger, transport=transport, clock=clock)


def slow(site: Site) -> Endless:
    storage = site.messenger.storage
    assert isinstance(storage, Endless)
    storage.is_slow = True
    return storage


def test_a_page_that_takes_too_long_says_so_and_stops(site: Site) -> None:
    """The time-out of the storage is five seconds: who waited for an abandoned read would fail."""
    message = site.send("words")
    storage = slow(site)

    site.seconds = 1
    answer = site.get(f"/messages/{message.id}")

    site.send("another")  # waits for no read
    storage.is_slow = False
    assert answer.status_code == 503
    assert "The storage does not answer. This page tries again by itself" in words(answer)
    ample = Site(messenger=site.messenger, transport=site.transport, clock=site.clock)
    assert ample.get(f"/messages/{message.id}").status_code == 200


def test_a_read_that_took_too_long_leaves_its_thread(site: Site) -> None:
    storage, readers = slow(site), Readers(seconds=0.05)

    async def read_often() -> list[Any]:
        reads = (readers.read(site.messenger.find) for _ in range(5))  # more than threads
        return await asyncio.gather(*reads)

    assert asyncio.run(read_often()) == [TOO_LONG] * 5
    storage.is_slow = False
    ample = Readers(seconds=60)
    ample._threads = readers._threads
    assert asyncio.run(ample.read(site.messenger.find)) is not TOO_LONG


def test_what_changes_something_is_not_interrupted(site: Site) -> None:
    done: list[float] = []

    def act() -> None:
        end = monotonic() + 0.2
        while monotonic() < end:
            site.messenger.find()
        done.append(end)

    readers = Readers(seconds=0.05)
    with pytest.raises(StorageBusyError, match="look what is there"):
        asyncio.run(Reads(site.messenger, readers).act(act))

    readers._threads.shutdown()
    assert done


@pytest.mark.parametrize("error", [StorageBusyError("soon"), ValueError()])
def test_an_error_in_time_is_that_error(error: Exception) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        asyncio.run(Readers().read(fail))
