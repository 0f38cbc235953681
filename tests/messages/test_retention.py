"""What a host may rely on when it takes out what is old, while the engine runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import (
    Channel,
    InvalidMessageError,
    Keep,
    MessageQuery,
    Messenger,
    Status,
    Worker,
)
from messaging_core.aio import AsyncMessenger
from messaging_core.errors import UnknownMessageError
from messaging_core.models import (
    EventKind,
    InteractionReceipt,
    InteractionType,
    Purged,
    ReceiptStatus,
    StatusReceipt,
)
from messaging_core.models.common.audit import AuditAction
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.testing import (
    MONDAY_MORNING,
    ManualClock,
    RecordingTransport,
    a_channel,
    a_receipt,
    a_request,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
CHANNEL = a_channel()


class Watched(Storage):
    """A storage that counts how much each writing transaction takes out."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.writes = 0

    @contextmanager
    def begin(self, connection: Any = None, *, read_only: bool = False) -> Iterator[Transaction]:
        self.writes += not read_only
        with self._storage.begin(connection, read_only=read_only) as tx:
            yield tx


class Host:
    """A messenger with a clock, whose messages are delivered at once."""

    def __init__(self, storage: Storage | None = None, *channels: Channel) -> None:
        self.storage = Watched(storage or MemoryStorage())
        self.clock = ManualClock()
        self.transport = RecordingTransport()
        self.messenger = Messenger(
            storage=self.storage,
            channels=dict.fromkeys((CHANNEL, *channels), self.transport),
            clock=self.clock,
        )

    def send(self, count: int = 1, channel: Channel = CHANNEL, **fields: Any) -> list[UUID]:
        sent = self.messenger.send_many(channel, [a_request(**fields) for _ in range(count)])
        Worker(self.messenger).drain()
        return [message.id for message in sent]

    def purge(self, keep: Keep = Keep.NOTHING, age: timedelta = DAY, **how: Any) -> Purged:
        return self.messenger.purge(before=self.clock.now() - age, keep=keep, **how)

    def ids(self) -> list[UUID]:
        return [message.id for message in self.messenger.find(MessageQuery(limit=1000)).results]


@pytest.fixture
def host() -> Host:
    return Host()


def test_old_messages_are_deleted_and_young_ones_stay(host):
    (old,) = host.send()
    host.clock.advance(2 * DAY)
    (young,) = host.send()

    purged = host.purge()

    assert purged == Purged(deleted=1)
    assert host.ids() == [young]
    with pytest.raises(UnknownMessageError):
        host.messenger.timeline(old)


def looked(host: Host, reason: str, workspace: UUID = DEFAULT_WORKSPACE) -> None:
    trail = host.messenger.audit
    action = AuditAction.CONTENT_OPENED
    trail.record(trail.entry(action, actor="Rina", reason=reason, workspace=workspace))


def test_the_audit_log_is_deleted_after_a_time_of_its_own(host):
    for number in range(5):
        looked(host, f"old {number}")
    host.clock.advance(400 * DAY)
    looked(host, "young")
    host.clock.advance(timedelta(seconds=1))

    assert host.purge(limit=2, chunk=1) == Purged(audit=2, more=True)
    assert host.purge() == Purged(audit=3)
    assert host.purge() == Purged()
    assert [entry.reason for entry in host.messenger.audit.find()] == ["young"]
    assert host.purge(audit=timedelta(0)) == Purged(audit=1)


def test_each_tenant_has_an_audit_log_of_its_own():
    tenants = UUID(int=1), UUID(int=2)
    host = Host(None, *(a_channel(f"c{own}", workspace=own) for own in tenants))
    for workspace in tenants:
        looked(host, "long ago", workspace)
    host.clock.advance(401 * DAY)

    assert host.purge(workspace=tenants[0]) == Purged(audit=1)
    assert host.messenger.audit.find(workspace=tenants[1]) != []
    assert host.purge() == Purged(audit=1)


@pytest.mark.parametrize("keep", Keep)
def test_damaged_messages_are_purged_like_others_and_end_no_purge(host, keep):
    host.send(5)
    damaged = host.messenger.find(MessageQuery(reverse=True)).results[0]
    with host.storage.begin() as tx:
        tx.messages.update(DEFAULT_WORKSPACE, evolve(damaged, reason=5))
    host.clock.advance(2 * DAY)

    purged = host.purge(keep, chunk=2)

    assert purged.deleted + purged.redacted == 5
    named = host.messenger.damaged_rows().messages
    assert named == ((damaged.id,) if keep is Keep.RECORD else ())
    assert host.purge(keep) == Purged()


def test_what_waits_is_never_purged_however_old(host):
    later = host.clock.now() + 20 * DAY
    waiting = host.messenger.send(CHANNEL, a_request(scheduled_for=later))
    host.clock.advance(19 * DAY)

    assert host.purge() == host.purge(Keep.RECORD) == Purged()

    host.clock.advance(DAY)
    Worker(host.messenger).drain()
    assert host.messenger.get(waiting.id).status is Status.SENT
    assert host.purge(Keep.RECORD) == Purged(redacted=1)


def test_a_redacted_message_tells_what_became_of_it_but_not_of_whom(host):
    (message_id,) = host.send(body="secret", to="+31612345678")
    host.clock.advance(2 * DAY)

    purged = host.purge(Keep.RECORD)

    message = host.messenger.get(message_id)
    kinds = [event.kind for event in host.messenger.timeline(message_id)]
    assert purged == Purged(redacted=1)
    assert (message.status, message.body) == (Status.SENT, None)
    assert message.receiver.contacts[0].identifier_value is None
    assert message.receiver.contacts[0].country_code == "NL"
    assert kinds == [EventKind.ADMITTED, EventKind.ATTEMPTED, EventKind.REDACTED]
    assert host.messenger.find(MessageQuery(receiver=("+31612345678",))).results == []
    assert host.ids() == [message_id]


def test_nothing_is_redacted_twice_and_what_is_redacted_can_be_deleted_later(host):
    (message_id,) = host.send()
    host.clock.advance(2 * DAY)
    host.purge(Keep.RECORD)

    assert host.purge(Keep.RECORD) == Purged()
    assert len(host.messenger.timeline(message_id)) == 3
    assert host.purge() == Purged(deleted=1)
    assert host.purge() == Purged()


def test_a_purge_takes_one_transaction_a_chunk_and_goes_on_where_it_was_broken_off(host):
    host.send(10)
    host.clock.advance(2 * DAY)
    before = host.storage.writes

    first = host.purge(chunk=3, limit=5)
    writes = host.storage.writes - before
    second = host.purge(chunk=3)

    assert first == Purged(deleted=5, more=True)
    assert writes == 5  # two for messages, three to see that there is nothing else
    assert second == Purged(deleted=5)


def test_only_the_tenant_that_was_named_loses_anything():
    tenant = UUID(int=5)
    channel = a_channel("theirs", workspace=tenant)
    host = Host(None, channel)
    host.send()
    host.send(channel=channel)
    host.clock.advance(2 * DAY)

    assert host.purge(workspace=tenant) == Purged(deleted=1)
    assert len(host.ids()) == 1


def test_receipts_go_by_their_own_age_unmatched_ones_after_three_days(host):
    (message_id,) = host.send()
    host.messenger.receive([a_receipt(message_id=message_id), a_receipt(reference="never")])
    host.clock.advance(2 * DAY)

    assert host.purge() == Purged(deleted=1, receipts=1)
    assert host.purge() == Purged()
    host.clock.advance(DAY + timedelta(seconds=1))
    assert host.purge() == Purged(receipts=1)


def test_unmatched_receipts_may_be_given_up_sooner(host):
    host.messenger.receive(a_receipt(reference="never"))
    host.clock.advance(timedelta(hours=2))

    assert host.purge(unmatched=timedelta(hours=1)) == Purged(receipts=1)


def test_a_key_of_a_deleted_message_does_not_send_it_a_second_time(host):
    host.messenger.send(CHANNEL, a_request(), idempotency_key="k")
    Worker(host.messenger).drain()
    host.clock.advance(2 * HOUR)
    host.purge(age=HOUR)

    with pytest.raises(InvalidMessageError) as raised:
        host.messenger.send(CHANNEL, a_request(), idempotency_key="k")

    assert [violation.code for violation in raised.value.violations] == ["idempotency.gone"]


def test_a_key_of_a_redacted_message_gives_what_is_left_of_it(host):
    sent = host.messenger.send(CHANNEL, a_request(), idempotency_key="k")
    Worker(host.messenger).drain()
    host.clock.advance(2 * HOUR)
    host.purge(Keep.RECORD, age=HOUR)

    again = host.messenger.send(CHANNEL, a_request(), idempotency_key="k")

    assert again == host.messenger.get(sent.id)
    assert again.body is None


def test_receipts_that_come_after_redaction_bring_no_address_back_and_change_no_status(host):
    mail = a_channel("mail", platform="email")
    host = Host(None, mail)
    (message_id,) = host.send(channel=mail, to=["ada@x.example", "bob@x.example"])
    host.clock.advance(2 * DAY)
    host.purge(Keep.RECORD)

    host.messenger.receive(
        [
            StatusReceipt(
                source="provider",
                at=MONDAY_MORNING,
                message_id=message_id,
                status=ReceiptStatus.FAILED,
                recipient="ada@x.example",
            ),
            InteractionReceipt(
                source="provider",
                at=MONDAY_MORNING,
                message_id=message_id,
                type=InteractionType.OPENED,
                recipient="ada@x.example",
            ),
        ]
    )

    (interaction,) = host.messenger.interactions(message_id)
    with host.storage.begin(read_only=True) as tx:
        assert tx.receipts.evidence(CHANNEL.workspace, [message_id]) == {}
    assert "ada" not in str([contact.identifier_value for contact in interaction.receiver.contacts])
    assert host.messenger.get(message_id).status is Status.SENT


def test_a_subscriber_goes_on_after_what_it_had_heard_of_is_gone(host):
    heard = []
    host.messenger.subscribe(lambda event: heard.append(event.message_id), name="host")
    host.send()
    host.clock.advance(2 * DAY)
    host.purge()
    (new,) = host.send()

    assert heard[-2:] == [new, new]


@pytest.mark.parametrize(
    ("wrong", "how"),
    [
        ("time zone", {"before": datetime(2026, 1, 1)}),  # noqa: DTZ001 - that is the fault
        ("a whole number from 1", {"before": MONDAY_MORNING, "chunk": 0}),
        ("everything", {"before": MONDAY_MORNING, "keep": "everything"}),
    ],
    ids=["naive", "chunk", "keep"],
)
def test_a_purge_that_makes_no_sense_is_refused(host, wrong, how):
    with pytest.raises(ValueError, match=wrong):
        host.messenger.purge(**how)


async def _purge(messenger: Messenger, before: datetime) -> Purged:
    return await AsyncMessenger(messenger).purge(before=before)


def test_an_event_loop_purges_too(host):
    import asyncio  # noqa: PLC0415 - only here

    host.send()

    assert asyncio.run(_purge(host.messenger, host.clock.now() + DAY)) == Purged(deleted=1)


def test_accepting_goes_on_during_a_purge(tmp_path: Path):
    with SqliteStorage(tmp_path / "m.db") as storage:
        host = Host(storage)
        host.send(1500)
        host.clock.advance(2 * DAY)
        purging = threading.Thread(target=host.purge, kwargs={"chunk": 25})

        purging.start()
        accepted, waits = [], []
        while purging.is_alive():
            began = monotonic()
            accepted.append(host.messenger.send(CHANNEL, a_request()).id)
            waits.append(monotonic() - began)
        purging.join()

        assert len(accepted) >= 10
        assert max(waits) < 2
        assert host.ids()[:1000] == accepted[::-1][:1000]
