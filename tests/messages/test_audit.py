"""Who did what, and what pages keep between two requests."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger, Worker
from messaging_core.errors import StateError, StorageError
from messaging_core.models import AuditAction, AuditEntry, RecordKind, Rejected, Status
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.testing import (
    ManualClock,
    RecordingTransport,
    a_channel,
    a_failure,
    a_request,
)


def make_messenger(transport: RecordingTransport | None = None) -> Messenger:
    return Messenger(
        storage=MemoryStorage(),
        channels={a_channel(): transport or RecordingTransport()},
        clock=ManualClock(),
    )


def entry(messenger: Messenger, action: AuditAction, **fields: object) -> AuditEntry:
    return messenger.audit.entry(action, actor="Rina", **fields)  # type: ignore[arg-type]


def test_what_was_looked_at_is_listed_from_the_end() -> None:
    messenger = make_messenger()
    first = entry(messenger, AuditAction.CONTENT_OPENED)
    second = entry(messenger, AuditAction.LOOKED_UP, reason="a call")

    messenger.audit.record(first)
    messenger.audit.record(second)

    assert messenger.audit.find() == [second, first]
    assert messenger.audit.find(before=second.id) == [first]


def test_a_change_and_its_entry_are_one_transaction() -> None:
    messenger = make_messenger()
    message = messenger.send("orders", a_request())
    cancelled = entry(messenger, AuditAction.CANCELLED, message_id=message.id, reason="a mistake")

    assert messenger.cancel(message.id, audit=cancelled)
    assert not messenger.cancel(
        message.id, audit=entry(messenger, AuditAction.CANCELLED, message_id=message.id)
    )

    assert messenger.audit.find(message_id=message.id) == [cancelled]


def test_what_is_not_possible_is_not_recorded() -> None:
    messenger = make_messenger()
    message = messenger.send("orders", a_request())
    Worker(messenger).drain()

    for act, action in (
        (messenger.replay, AuditAction.REPLAYED),
        (
            lambda id_, audit: messenger.reschedule(
                id_, messenger.clock.now() + timedelta(hours=1), audit=audit
            ),
            AuditAction.RESCHEDULED,
        ),
    ):
        with pytest.raises(StateError):
            act(message.id, audit=entry(messenger, action, message_id=message.id))

    assert messenger.audit.find() == []


def test_a_replay_and_a_move_are_recorded() -> None:
    messenger = make_messenger(RecordingTransport([Rejected(failure=a_failure())]))
    failed = messenger.send("orders", a_request())
    Worker(messenger).drain()
    waiting = messenger.send("orders", a_request())
    later = messenger.clock.now() + timedelta(hours=1)
    replayed = entry(messenger, AuditAction.REPLAYED, message_id=failed.id)
    moved = entry(messenger, AuditAction.RESCHEDULED, message_id=waiting.id)

    messenger.replay(failed.id, audit=replayed)
    messenger.reschedule(waiting.id, later, audit=moved)

    assert messenger.audit.find() == [moved, replayed]


def test_what_cannot_be_recorded_does_not_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    messenger = make_messenger()
    message = messenger.send("orders", a_request())

    def fail(*_: object) -> None:
        raise StorageError("no room")

    monkeypatch.setattr("messaging_core.document_stores.audit.DocumentAuditLog.append", fail)
    with pytest.raises(StorageError):
        messenger.cancel(
            message.id, audit=entry(messenger, AuditAction.CANCELLED, message_id=message.id)
        )

    assert messenger.get(message.id).status is Status.ACCEPTED


def test_a_record_is_there_until_its_time_is_over() -> None:
    messenger = make_messenger()
    records, clock = messenger.page_records, messenger.clock
    assert isinstance(clock, ManualClock)

    records.put(RecordKind.LOOK_UP, "k3v9", "+31612345678", lifetime=timedelta(days=1))

    assert records.get(RecordKind.LOOK_UP, "k3v9") == "+31612345678"
    assert records.get(RecordKind.SESSION, "k3v9") is None
    clock.advance(days=1)
    assert records.get(RecordKind.LOOK_UP, "k3v9") is None


def test_every_process_signs_forms_with_the_same_secret() -> None:
    storage = MemoryStorage()
    processes = [Messenger(storage=storage, channels={}) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(lambda messenger: messenger.page_records.secret(), processes))

    assert len(secrets) == 1
    assert len(secrets.pop()) == 32


def test_large_texts_of_a_workspace_make_no_room_at_the_cost_of_others() -> None:
    records = make_messenger().page_records
    hour = timedelta(hours=1)
    own, other = DEFAULT_WORKSPACE, UUID(int=7)
    records.put(RecordKind.TEMPLATE_VALUES, "a", "{}", lifetime=hour, workspace=other)
    records.put(RecordKind.LOOK_UP, "a", "+31612345678", lifetime=hour, workspace=own)

    for number in range(101):
        records.put(RecordKind.TEMPLATE_VALUES, f"{number:03}", "{}", lifetime=hour, workspace=own)

    left = [
        records.get(RecordKind.TEMPLATE_VALUES, f"{number:03}", workspace=own)
        for number in range(101)
    ]
    assert left == [None, *["{}"] * 100]
    assert records.get(RecordKind.TEMPLATE_VALUES, "a", workspace=other) == "{}"
    assert records.get(RecordKind.LOOK_UP, "a", workspace=own) == "+31612345678"
