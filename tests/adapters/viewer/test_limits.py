"""How often a visitor may ask, whatever process answers."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.viewer.limits import LocalLimit, SharedLimit, TooManyRequestsError
from messaging_adapters.viewer.reads import Readers
from messaging_adapters.viewer.route_table import FORMS
from messaging_core import Messenger
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing import RecordingTransport
from viewer_site import CHANNELS

HOUR = 3600.0


def limit_on(storage: Storage, **options: Any) -> SharedLimit:
    """Return the limit of one process."""
    messenger = Messenger(storage=storage, channels=dict.fromkeys(CHANNELS, RecordingTransport()))
    usual = {"name": "viewer.test", "number": 4, "seconds": HOUR}
    return SharedLimit(messenger, Readers(seconds=60), **(usual | options))


def taken(limit: SharedLimit, visitor: str = "ada") -> bool:
    try:
        asyncio.run(limit.take(visitor))
    except TooManyRequestsError:
        return False
    return True


def test_a_bucket_fills_up_again_with_time() -> None:
    time = [0.0]
    limit = LocalLimit(2, 1.0, now=lambda: time[0])

    assert [limit.take(name) for name in ("ada", "ada", "bob", "ada")] == [True] * 3 + [False]
    time[0] = 0.6
    assert [limit.take("ada"), limit.take("ada")] == [True, False]


def test_processes_share_a_limit(tmp_path: Path) -> None:
    with SqliteStorage(tmp_path / "m.db") as first, SqliteStorage(tmp_path / "m.db") as second:
        limits = [limit_on(storage) for storage in (first, second)]

        answers = [taken(limit) for _ in range(4) for limit in limits]
        others = [taken(limit, "bob") for limit in limits]

    with pytest.raises(TooManyRequestsError) as caught:
        asyncio.run(limits[0].take("ada"))
    assert 1 <= caught.value.seconds <= 1.5 * HOUR
    assert sum(answers) == 4
    assert answers[:2] == others == [True, True]


class Watched(MemoryStorage):
    """A storage that counts transactions."""

    begun = 0

    def begin(self, connection: Any = None, *, read_only: bool = False) -> Any:
        self.begun += 1
        return super().begin(connection, read_only=read_only)


def test_who_asks_rarely_costs_the_storage_nothing() -> None:
    storage = Watched()
    limit = limit_on(storage, own=3)

    assert [taken(limit) for _ in range(3)] == [True] * 3
    assert storage.begun == 0
    assert [taken(limit) for _ in range(5)] == [True] * 4 + [False]
    assert storage.begun > 0


def test_no_name_is_stored() -> None:
    limit = limit_on(MemoryStorage())

    assert taken(limit, "ada@shop.example")

    (key,) = limit._rates
    assert re.fullmatch("viewer.test.[0-9a-f]{4}", key)


def test_looking_for_addresses_and_showing_them_is_limited() -> None:
    limited = {form.path for form in FORMS if form.is_look_up}

    assert limited == {
        "/messages/search",
        "/contacts/search",
        "/messages/{message_id}/address",
        "/contacts/{contact_id}/address",
    }


@pytest.mark.parametrize("number", [1, 3])
def test_a_limit_is_never_exceeded(number: int) -> None:
    storage = MemoryStorage()
    limits = [limit_on(storage, number=number) for _ in range(2)]

    assert sum(taken(limit) for _ in range(number + 1) for limit in limits) == number
