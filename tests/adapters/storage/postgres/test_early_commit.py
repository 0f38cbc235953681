"""Claims and marks that are committed by the statement that makes them."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from threading import Thread
from time import monotonic, sleep
from types import NoneType
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.postgres.cursor import PostgresCursor
from messaging_core import Channel, Messenger, Status, Worker
from messaging_core.delivery.followers import HandoffMark
from messaging_core.delivery.group_commit import GroupCommit
from messaging_core.delivery.recorder import DeliveryRecorder, PendingHandoff
from messaging_core.errors import StorageBusyError, StorageError, Withdrawn
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.delivery.delivery import Claim
from messaging_core.models.people.suppression import SuppressionScope
from messaging_core.testing import (
    MONDAY_MORNING,
    ManualClock,
    RecordingTransport,
    a_settlement,
    a_suppression,
)
from postgres_server import Schemas

ORDERS = Channel(name="orders", platform="sms", sender="Shop")
ADA, BOB = "+31612345678", "+31612345679"
HOUR = timedelta(hours=1)


@pytest.fixture
def dsn(postgres_schemas: Schemas) -> Iterator[str]:
    dsn = postgres_schemas.take()
    yield dsn
    postgres_schemas.give_back(dsn)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def transport() -> RecordingTransport:
    return RecordingTransport()


@pytest.fixture
def messenger(dsn: str, clock: ManualClock, transport: RecordingTransport) -> Iterator[Messenger]:
    with PostgresStorage(dsn) as storage:
        yield Messenger(storage=storage, channels={ORDERS: transport}, clock=clock)


@pytest.fixture
def last(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the statements that were committed with their answers, as they come."""
    statements: list[str] = []
    call = PostgresCursor.last

    def noted(self: PostgresCursor, sql: str, values: Sequence[object] = ()) -> list[object]:
        statements.append(sql)
        return call(self, sql, values)

    monkeypatch.setattr(PostgresCursor, "last", noted)
    return statements


def handoff_of(claim: Claim, address: str, **known: object) -> PendingHandoff:
    return PendingHandoff(
        lease=claim.lease,
        message=claim.message,
        channel=ORDERS,
        addresses=(address,),
        delivery=claim.delivery,
        **known,  # type: ignore[arg-type]
    )


def suppress(messenger: Messenger, address: str, connection: object = None) -> None:
    with messenger.context.storage.begin(connection) as tx:
        suppression = a_suppression(address, scope=SuppressionScope.TRANSACTIONAL)
        tx.suppressions.add(ORDERS.workspace, [suppression])


def test_what_is_claimed_and_marked_in_one_round_trip_is_durable(
    messenger: Messenger, last: list[str]
) -> None:
    message = messenger.send("orders", to=ADA, text="hi")
    commits = GroupCommit(messenger.context)

    (claim,) = commits.claim(lease=HOUR, limit=5)
    commits.mark(handoff_of(claim, ADA, references=("id-1",)))

    assert len(last) == 2
    with messenger.context.storage.begin(read_only=True) as tx:
        delivery = tx.outbox.delivery(ORDERS.workspace, message.id)
        ids = tx.messages.by_references(ORDERS.workspace, ["id-1"])
    assert delivery is not None
    assert (delivery.attempts, delivery.handed_over) == (1, True)
    assert ids["id-1"][0][0] == message.id


def test_a_suppressed_receiver_is_not_marked_and_others_of_the_group_are(
    messenger: Messenger,
) -> None:
    messenger.send("orders", to=ADA, text="hi")
    messenger.send("orders", to=BOB, text="hi")
    commits = GroupCommit(messenger.context)
    first, second = commits.claim(lease=HOUR, limit=5)
    suppress(messenger, ADA)

    with pytest.raises(Withdrawn) as refused:
        commits.mark(handoff_of(first, ADA))
    commits.mark(handoff_of(second, BOB))

    assert refused.value.reason == "held"


def refusing_mark(messenger: Messenger) -> tuple[Thread, list[str]]:
    """Return a thread that marks a message to Ada, and where it says why it was refused."""
    messenger.send("orders", to=ADA, text="hi")
    commits = GroupCommit(messenger.context)
    (claim,) = commits.claim(lease=HOUR, limit=5)
    refusals: list[str] = []

    def mark() -> None:
        try:
            commits.mark(handoff_of(claim, ADA))
        except Withdrawn as refused:
            refusals.append(refused.reason)

    return Thread(target=mark), refusals


def test_a_mark_waits_for_who_suppresses_its_receiver(messenger: Messenger) -> None:
    suppress(messenger, BOB)
    thread, refusals = refusing_mark(messenger)

    with messenger.context.storage.begin() as tx:
        tx.suppressions.add(
            ORDERS.workspace, [a_suppression(ADA, scope=SuppressionScope.TRANSACTIONAL)]
        )
        thread.start()
        thread.join(0.3)
        waited = thread.is_alive()
    thread.join(10)

    assert (waited, refusals) == (True, ["held"])


def test_a_mark_that_waits_for_its_message_sees_the_first_suppression(
    messenger: Messenger, dsn: str
) -> None:
    thread, refusals = refusing_mark(messenger)

    with psycopg.connect(dsn) as other, psycopg.connect(dsn, autocommit=True) as watcher:
        other.execute("SELECT 1 FROM messaging_outbox FOR UPDATE")
        thread.start()
        until_one_waits(watcher)
        suppress(messenger, ADA)
    thread.join(10)

    assert refusals == ["held"]


def until_one_waits(watcher: psycopg.Connection[Any]) -> None:
    """Return when a transaction waits for a lock."""
    deadline = monotonic() + 10
    while watcher.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is None:
        assert monotonic() < deadline
        sleep(0.01)


def test_an_address_that_no_suppression_can_name_stops_no_mark(messenger: Messenger) -> None:
    messenger.send("orders", to=ADA, text="hi")
    (claim,) = GroupCommit(messenger.context).claim(lease=HOUR, limit=5)
    unstorable = Identifier(identifier_key="x", identifier_value="\ud800")

    with messenger.context.storage.begin() as tx:
        assert tx.early_outbox is not None
        marked = tx.early_outbox.hand_over_last(
            [claim.lease], now=MONDAY_MORNING, unless={(ORDERS.workspace, unstorable)}
        )

    assert marked == [True]


def test_marks_do_not_fail_with_one_whose_receiver_a_host_suppresses_for_long(
    dsn: str, transport: RecordingTransport, clock: ManualClock
) -> None:
    with PostgresStorage(dsn, busy_timeout=timedelta(seconds=0.3)) as storage:
        messenger = Messenger(storage=storage, channels={ORDERS: transport}, clock=clock)
        suppress(messenger, "+31612345670")  # without any, no address is held
        for address in (ADA, BOB, BOB):
            messenger.send("orders", to=address, text="hi")
        commits = GroupCommit(messenger.context)
        claims = commits.claim(lease=HOUR, limit=5)
        marks = [HandoffMark(handoff_of(claim, claim.message.addresses[0])) for claim in claims]
        with psycopg.connect(dsn) as host:
            suppress(messenger, ADA, host)
            commits._marks = list(marks)
            commits._commit([], None)
            host.rollback()

    assert [type(mark.error) for mark in marks] == [StorageBusyError, NoneType, NoneType]


def test_a_receiver_that_is_suppressed_before_the_claim_gets_nothing(
    messenger: Messenger, transport: RecordingTransport
) -> None:
    message = messenger.send("orders", to=ADA, text="hi")
    suppress(messenger, ADA)

    Worker(messenger).drain()

    assert (transport.sent, messenger.get(message.id).status) == ([], Status.SKIPPED)


def test_a_lease_that_ended_unsettled_is_claimed_with_what_it_says(
    messenger: Messenger, clock: ManualClock, last: list[str]
) -> None:
    messenger.send("orders", to=ADA, text="hi")
    commits = GroupCommit(messenger.context)
    (claim,) = commits.claim(lease=HOUR, limit=5)
    commits.mark(handoff_of(claim, ADA))
    clock.set(MONDAY_MORNING + 2 * HOUR)
    messenger.send("orders", to=BOB, text="hi")

    claims = GroupCommit(messenger.context).claim(lease=HOUR, limit=5)

    assert sorted((claim.lapsed, claim.doubted) for claim in claims) == [
        (False, False),
        (True, True),
    ]
    assert len(last) == 3  # the last of them leased nothing


def test_what_came_later_does_not_overtake_a_lease_that_ended_unsettled(dsn: str) -> None:
    # The server reads the table from its beginning, where the later messages are.
    options = f"{conninfo_to_dict(dsn)['options']} -c enable_indexscan=off -c enable_bitmapscan=off"
    with PostgresStorage(make_conninfo(dsn, options=options)) as storage:
        clock = ManualClock()
        messenger = Messenger(storage=storage, channels={ORDERS: RecordingTransport()}, clock=clock)
        oldest = messenger.send("orders", to=ADA, text="hi")
        commits = GroupCommit(messenger.context)
        commits.claim(lease=HOUR, limit=1)
        clock.set(MONDAY_MORNING + 2 * HOUR)
        for _ in range(3):
            messenger.send("orders", to=BOB, text="hi")
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "UPDATE messaging_outbox SET attempts = attempts WHERE leased_until IS NOT NULL"
            )

        (claim,) = GroupCommit(messenger.context).claim(lease=HOUR, limit=1)

    assert (claim.message.id, claim.lapsed) == (oldest.id, True)


def test_claims_that_cannot_be_examined_are_released(
    messenger: Messenger, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = messenger.send("orders", to=ADA, text="hi")
    suppress(messenger, BOB)
    commits = GroupCommit(messenger.context)

    def fails(*_: object, **__: object) -> list[Claim]:
        raise StorageError("down")

    with monkeypatch.context() as patch:
        patch.setattr("messaging_core.delivery.group_commit.look_at", fails)
        with pytest.raises(StorageError):
            commits.claim(lease=HOUR, limit=5)

    (claim,) = commits.claim(lease=HOUR, limit=5)  # it writes the release before
    assert (claim.message.id, claim.delivery.attempts) == (message.id, 1)


def test_a_message_that_cannot_be_read_stops_no_other(
    messenger: Messenger, dsn: str, transport: RecordingTransport, clock: ManualClock
) -> None:
    damaged = messenger.send("orders", to=ADA, text="hi")
    messenger.send("orders", to=BOB, text="hi")
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "UPDATE messaging_messages SET inline_document = '{' WHERE id = %b", (damaged.id.bytes,)
        )

    Worker(messenger).drain()
    sent = len(transport.sent)
    clock.set(MONDAY_MORNING + HOUR)
    Worker(messenger).drain()

    assert (sent, len(transport.sent)) == (1, 1)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM messaging_outbox").fetchone() == (0,)


@pytest.mark.parametrize("error", [RuntimeError("defect"), KeyboardInterrupt()], ids=repr)
def test_what_was_settled_is_not_settled_again_where_marks_that_are_left_fail(
    messenger: Messenger, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    messenger.send("orders", to=ADA, text="hi")
    messenger.send("orders", to=BOB, text="hi")
    commits = GroupCommit(messenger.context)
    first, second = commits.claim(lease=HOUR, limit=5)
    suppress(messenger, ADA)
    commits.record(a_settlement(second), is_counted=False)

    def fails(*_: object) -> list[None]:
        raise error

    monkeypatch.setattr(DeliveryRecorder, "hand_over", fails)
    with pytest.raises(type(error)):
        commits.mark(handoff_of(first, ADA))

    assert (commits.queued, messenger.get(second.message.id).status) == (0, Status.SENT)


def test_nothing_follows_the_last_step(messenger: Messenger, dsn: str) -> None:
    with messenger.context.storage.begin() as tx:
        assert tx.early_outbox is not None
        tx.early_outbox.claim_last(now=MONDAY_MORNING, lease=HOUR, limit=1)
        with pytest.raises(StorageError, match="the transaction is over"):
            tx.outbox.next_due()

    with (
        psycopg.connect(dsn) as host,
        host.transaction(),
        messenger.context.storage.begin(host) as tx,
    ):
        assert tx.early_outbox is None
