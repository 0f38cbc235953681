"""A database of an older version is migrated, and everything in it goes on as before.

`older_database/schema_0009.sqlite.gz` was written by commit 033f390, whose last migration was 0009.
`schema_0009.json` holds the ids, events and page token that the same run returned.
"""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, MessageQuery, Messenger, SendMessage, Worker, text, to
from messaging_core.models.delivery.event import Event
from messaging_core.models.delivery.outcome import Accepted
from messaging_core.models.delivery.receipt import ReceiptStatus, StatusReceipt
from messaging_core.models.messages.message import Status
from messaging_core.testing import ManualClock, RecordingTransport

OLDER = Path(__file__).parent / "older_database"
FACTS: dict[str, Any] = json.loads((OLDER / "schema_0009.json").read_text("utf-8"))
IDS = {name: UUID(message_id) for name, message_id in FACTS["messages"].items()}
STOPPED_AT = datetime(2026, 11, 1, 12, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    path.write_bytes(gzip.decompress((OLDER / "schema_0009.sqlite.gz").read_bytes()))
    return path


@pytest.fixture
def storage(path: Path) -> Iterator[SqliteStorage]:
    with SqliteStorage(path) as storage:
        yield storage


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(STOPPED_AT)


@pytest.fixture
def acme() -> RecordingTransport:
    """Answer the first message with the reference that an early receipt named."""
    return RecordingTransport([Accepted(references=("early-1",))], name="acme")


@pytest.fixture
def messenger(storage: SqliteStorage, clock: ManualClock, acme: RecordingTransport) -> Messenger:
    channels = {
        Channel(name="orders", platform="sms", sender="Shop"): acme,
        Channel(name="mail", platform="email", sender="shop@shop.example"): RecordingTransport(
            name="post"
        ),
    }
    return Messenger(storage=storage, channels=channels, clock=clock)


def status(messenger: Messenger, name: str) -> Status:
    return messenger.get(IDS[name]).status


def test_it_has_the_tables_of_this_version(path: Path, storage: SqliteStorage) -> None:
    storage.check_schema()
    storage.close()

    with SqliteStorage(path, migrate=False) as again:
        again.check_schema()


def test_its_messages_are_found(messenger: Messenger) -> None:
    statuses = {name: status(messenger, name).value for name in IDS}
    by_tag = messenger.find(MessageQuery(tag="PARCELS")).results
    by_subject = messenger.find(MessageQuery(email_subject="zurich")).results
    by_address = messenger.find(MessageQuery(receiver="Ada@Example.org")).results
    in_batch = messenger.find(MessageQuery(batch_id=UUID(FACTS["batch"]))).results

    assert statuses == {
        "delivered": "delivered",
        "sent": "sent",
        "waiting": "accepted",
        "scheduled": "scheduled",
    }
    assert [message.id for message in by_tag] == [IDS["delivered"]]
    assert [message.id for message in by_subject] == [IDS["sent"]]
    assert [message.id for message in by_address] == [IDS["sent"]]
    assert sorted(message.status for message in in_batch) == [Status.ACCEPTED, Status.REJECTED]


def test_its_page_tokens_go_on_with_the_next_page(messenger: Messenger) -> None:
    everything = messenger.find(MessageQuery(tag="paged", limit=100)).results

    page = messenger.find(
        MessageQuery(tag="paged", limit=10, page_token=FACTS["next_page_token"])
    ).results

    shown = [UUID(message_id) for message_id in FACTS["first_page"]]
    assert shown + [message.id for message in page] == [message.id for message in everything]
    assert len(page) == 5


def test_its_idempotency_keys_answer_with_the_first_message(messenger: Messenger) -> None:
    again = messenger.send(
        "orders",
        SendMessage(
            receiver=to("+31612345678"),
            body=text("Your parcel is here 📦"),
            tags=["Parcels"],
            reference="order-1",
        ),
        idempotency_key="order-1",
    )
    batch = messenger.send_batch(
        "orders",
        [
            SendMessage(receiver=to("+31612345681"), body=text("batch")),
            SendMessage(receiver=to("nonsense"), body=text("bad")),
        ],
        idempotency_key="batch-1",
    )

    assert again.id == IDS["delivered"]
    assert str(batch.id) == FACTS["batch"]


def test_its_waiting_and_scheduled_messages_are_delivered(
    messenger: Messenger, clock: ManualClock, acme: RecordingTransport
) -> None:
    Worker(messenger).drain()
    first = [envelope.message_id for envelope in acme.sent]
    clock.advance(timedelta(days=1))
    Worker(messenger).drain()

    assert IDS["waiting"] in first
    assert IDS["scheduled"] not in first
    assert acme.sent[-1].message_id == IDS["scheduled"]
    assert len(acme.sent) == 18


def test_its_messages_take_new_receipts(messenger: Messenger) -> None:
    messenger.receive(
        [
            StatusReceipt(
                source="post", reference="rec-1", status=ReceiptStatus.DELIVERED, at=STOPPED_AT
            )
        ]
    )

    assert status(messenger, "sent") is Status.DELIVERED


def test_its_unmatched_receipts_are_applied_when_their_message_appears(
    messenger: Messenger,
) -> None:
    Worker(messenger).drain()

    assert status(messenger, "waiting") is Status.DELIVERED


def test_its_events_keep_their_names_and_its_subscribers_their_place(
    messenger: Messenger,
) -> None:
    names = {
        name: [event.kind.value for event in messenger.timeline(message_id)]
        for name, message_id in IDS.items()
    }
    events: list[Event] = []
    messenger.subscribe(events.append, name="crm", from_start=True)

    Worker(messenger).drain()

    assert names == FACTS["events"]
    assert events[0].position == FACTS["delivered_to_subscriber"] + 1
