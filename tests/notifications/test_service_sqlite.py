"""Notifications in a database: chunk by chunk, or all within the host's transaction."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger
from messaging_core.models import Identifier, Notification
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.testing.recording import RecordingTransport

SMS = Channel(name="sms", platform="sms", sender="Shop")
PEOPLE = 1_100  # more than one chunk
EVERYBODY = Notification(
    channels=("sms",), clusters=("all",), message_title="Hi", message_content="Hi {{user._id}}"
)


@pytest.fixture
def messenger(tmp_path: Path) -> Iterator[Messenger]:
    with SqliteStorage(tmp_path / "host.db") as storage:
        messenger = Messenger(storage=storage, channels={SMS: RecordingTransport()})
        list_id = messenger.contacts.create_list("all").id
        numbers = [
            Identifier(identifier_key="phonenumber", identifier_value=f"+316{10_000_000 + number}")
            for number in range(PEOPLE)
        ]
        names = (f"c{number}" for number in range(PEOPLE))
        with storage.begin() as tx:
            ids = tx.contacts.ensure(
                DEFAULT_WORKSPACE,
                numbers,
                now=messenger.clock.now(),
                new_id=lambda: next(names),
            )
            tx.lists.add_members(DEFAULT_WORKSPACE, list_id, ids)
        yield messenger


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK"])
def test_a_notification_is_part_of_the_host_s_transaction(
    messenger: Messenger, tmp_path: Path, ending: str
) -> None:
    host = sqlite3.connect(tmp_path / "host.db", isolation_level=None)
    host.execute("BEGIN IMMEDIATE")

    report = messenger.notify(EVERYBODY, connection=host)
    before = messenger.find().results
    host.execute(ending)
    host.close()

    assert (len(report.messages), len(before)) == (PEOPLE, 0)
    assert bool(messenger.find().results) is (ending == "COMMIT")


def test_each_contact_of_a_list_is_written_to_once(messenger: Messenger) -> None:
    report = messenger.notify(EVERYBODY, idempotency_key="k")
    again = messenger.notify(EVERYBODY, idempotency_key="k")

    assert list(again.messages) == list(report.messages)
    references = {messenger.get(message).reference for message in report.messages}
    assert references == {f"c{number}" for number in range(PEOPLE)}
