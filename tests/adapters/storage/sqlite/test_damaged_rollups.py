"""Events and roll-ups that cannot be read stop no others."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger, SendMessage, Worker, text, to
from messaging_core.models import RollupOutcome
from messaging_core.testing import RecordingTransport
from messaging_core.testing.clock import MONDAY_MORNING, ManualClock

SMS = Channel(name="sms", platform="sms", sender="Shop")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
def messenger(path: Path) -> Iterator[Messenger]:
    with SqliteStorage(path) as storage:
        yield Messenger(storage=storage, channels={SMS: RecordingTransport()}, clock=ManualClock())


def send(messenger: Messenger) -> None:
    messenger.send("sms", SendMessage(receiver=to("+31612345678"), body=text("Hi")))


def damage(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    "damaged",
    ["kind = 'nonsense'", "at = 'noon'", "document = '{'", "message_id = 'no bytes'"],
)
def test_an_event_that_cannot_be_read_is_passed_over(
    messenger: Messenger, path: Path, damaged: str
) -> None:
    send(messenger)
    damage(path, f"UPDATE messaging_events SET {damaged}")  # noqa: S608 - a constant
    messenger.rollup_counter.run()
    send(messenger)

    Worker(messenger).drain()

    numbers = messenger.rollups(since=MONDAY_MORNING).numbers()
    assert numbers[RollupOutcome.ADMITTED] == 1
    assert messenger.rollups(since=MONDAY_MORNING).as_of == MONDAY_MORNING


def test_a_roll_up_that_cannot_be_read_is_left_out(messenger: Messenger, path: Path) -> None:
    send(messenger)
    Worker(messenger).drain()

    damage(path, "UPDATE messaging_rollups SET outcome = 'nonsense' WHERE outcome = 'sent'")

    outcomes = set(messenger.rollups(since=MONDAY_MORNING).numbers())
    assert outcomes == {RollupOutcome.ADMITTED, RollupOutcome.SETTLED}
