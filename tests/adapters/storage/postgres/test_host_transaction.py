"""Messages are part of the host's own transaction: psycopg's, and SQLAlchemy's on it."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy
from attrs import evolve
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_core import Channel, MessageQuery, Messenger, SendMessage, Worker, text, to
from messaging_core.errors import ConfigurationError, StorageError
from messaging_core.models.common.channel import MessageType
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.delivery.delivery import NewMessage
from messaging_core.models.delivery.event import Event
from messaging_core.models.people.suppression import SuppressionScope
from messaging_core.testing import RecordingTransport, a_message, a_new_message
from messaging_core.testing.contracts.storage.steps import AT, LEASE, add, claim, get, ids, walk
from postgres_server import Schemas

SOON = timedelta(seconds=2)
ORDERS = Channel(name="orders", platform="sms", sender="Shop")
ADA, BOB = "+31612345678", "+31612345679"


@pytest.fixture(scope="module")
def dsn(postgres_schemas: Schemas) -> Iterator[str]:
    dsn = postgres_schemas.new()
    yield dsn
    postgres_schemas.drop(dsn)


@pytest.fixture
def storage(dsn: str) -> Iterator[PostgresStorage]:
    with PostgresStorage(dsn) as storage:
        yield storage


@pytest.fixture
def engine(dsn: str) -> Iterator[sqlalchemy.Engine]:
    engine = sqlalchemy.create_engine(url(), connect_args=conninfo_to_dict(dsn))
    yield engine
    engine.dispose()


def send_ways(messenger: Messenger, key: str, **options: Any) -> set[UUID]:
    """Send in each way there is, to receivers of the key's own; return the ids."""
    requests = [
        SendMessage(receiver=to(f"+3161234{len(key)}{number:03d}"), body=text("hi"), tags=("tag",))
        for number in range(40, 45)
    ]
    own = [messenger.send("orders", requests[0], idempotency_key=key, **options)]
    many = messenger.send_many("orders", requests[1:3], **options)
    batch = messenger.send_batch("orders", requests[3:], idempotency_key=f"{key}s", **options)
    return {message.id for message in (*own, *many, *batch.messages)}


def suppress(messenger: Messenger, address: str, connection: Any = None) -> None:
    messenger.suppressions.suppress(
        Identifier(identifier_key="phonenumber", identifier_value=address),
        SuppressionScope.TRANSACTIONAL,
        connection=connection,
    )


def receivers(transport: RecordingTransport) -> Counter[str]:
    """Return how many messages each address was sent."""
    return Counter(envelope.to for envelope in transport.sent)


def url() -> str:
    return "postgresql+psycopg://"


def send(storage: PostgresStorage, connection: Any, new: NewMessage) -> None:
    with storage.begin(connection) as tx:
        tx.messages.add([new])


class TestPsycopg:
    def test_a_message_is_there_before_the_commit_and_for_others_after_it(
        self, storage: PostgresStorage, dsn: str
    ) -> None:
        new = a_new_message()
        with psycopg.connect(dsn) as connection:
            send(storage, connection, new)
            before = get(storage, new)
            with storage.begin(connection) as tx:
                own = tx.messages.get(new.workspace, new.message.id)

        assert (before, own, get(storage, new)) == (None, new.message, new.message)

    def test_a_messenger_reads_what_the_host_has_not_committed(
        self, storage: PostgresStorage, dsn: str
    ) -> None:
        messenger = Messenger(storage=storage, channels={ORDERS: RecordingTransport()})
        with psycopg.connect(dsn) as connection:
            message = messenger.send(
                "orders", to="+31612345678", text="hi", tags=["own"], connection=connection
            )

            own = messenger.get(message.id, connection=connection)
            page = messenger.find(MessageQuery(tag="own"), connection=connection)
            others = messenger.find(MessageQuery(tag="own"))
            connection.rollback()

        assert own == message
        assert (page.results, others.results) == ([message], [])

    def test_a_message_that_the_host_reads_stays_free_for_workers(
        self, storage: PostgresStorage, dsn: str
    ) -> None:
        messenger = Messenger(storage=storage, channels={ORDERS: RecordingTransport()})
        message = messenger.send("orders", to="+31612345678", text="hi")
        with psycopg.connect(dsn) as connection:
            messenger.get(message.id, connection=connection)

            assert messenger.cancel(message.id)

    def test_a_connection_keeps_its_settings(self, storage: PostgresStorage, dsn: str) -> None:
        new = a_new_message(a_message(body="NUL \0 and \1"))
        with psycopg.connect(dsn, row_factory=dict_row) as connection:
            send(storage, connection, new)
            row = connection.execute("SELECT 7 AS seven, 'x' AS text").fetchone()
            status = connection.info.transaction_status
            connection.rollback()

        assert row == {"seven": 7, "text": "x"}
        assert status == psycopg.pq.TransactionStatus.INTRANS
        assert get(storage, new) is None

    def test_without_a_transaction_nothing_is_sent(
        self, storage: PostgresStorage, dsn: str
    ) -> None:
        with (
            psycopg.connect(dsn, autocommit=True) as connection,
            pytest.raises(ConfigurationError, match="begin a transaction"),
        ):
            send(storage, connection, a_new_message())

    def test_a_transaction_that_has_failed_is_told(
        self, storage: PostgresStorage, dsn: str
    ) -> None:
        with psycopg.connect(dsn) as connection:
            with pytest.raises(psycopg.errors.DivisionByZero):
                connection.execute("SELECT 1 / 0")
            with pytest.raises(StorageError, match="roll it back first"):
                send(storage, connection, a_new_message())
            connection.rollback()

    def test_a_block_that_raises_takes_only_its_own_back(
        self, storage: PostgresStorage, dsn: str
    ) -> None:
        first, second = a_new_message(), a_new_message()
        with psycopg.connect(dsn) as connection:
            send(storage, connection, first)
            with pytest.raises(KeyError), storage.begin(connection) as tx:  # noqa: PT012 - a block
                tx.messages.add([second])
                raise KeyError

        assert (get(storage, first), get(storage, second)) == (first.message, None)

    def test_a_host_that_holds_its_transaction_delays_no_other(
        self, storage: PostgresStorage, dsn: str
    ) -> None:
        mine, other = a_new_message(key="mine"), a_new_message(key="other")
        with psycopg.connect(dsn) as connection:
            with storage.begin(connection) as tx:
                tx.messages.by_keys(mine.workspace, ["mine"], since=AT - LEASE)
                tx.messages.add([mine])
            add(storage, other)
            claimed = claim(storage)
            connection.rollback()

        assert other.message.id in ids(claimed)

    @pytest.mark.parametrize(
        "level", [psycopg.IsolationLevel.READ_COMMITTED, psycopg.IsolationLevel.SERIALIZABLE]
    )
    def test_a_host_that_sent_and_holds_its_transaction_delays_no_send_and_no_subscription(
        self, postgres_schemas: Schemas, level: psycopg.IsolationLevel
    ) -> None:
        dsn, events = postgres_schemas.take(), list[Event]()
        # Who waits for the host gets an error, however long the host would have held on.
        with PostgresStorage(dsn, busy_timeout=SOON) as storage, psycopg.connect(dsn) as connection:
            messenger = Messenger(storage=storage, channels={ORDERS: RecordingTransport()})
            messenger.subscribe(events.append, name="all", from_start=True)
            connection.isolation_level = level
            held = send_ways(messenger, "held", connection=connection)

            sent = send_ways(messenger, "other")
            Worker(messenger).drain()
            told = {event.message_id for event in events}
            connection.commit()
            Worker(messenger).drain()

            assert told == sent
            assert {event.message_id for event in events} == sent | held
            positions = [event.position for event in events]
            assert positions == list(range(1, len(positions) + 1))
        postgres_schemas.give_back(dsn)

    @pytest.mark.parametrize("kind", [MessageType.TRANSACTIONAL, MessageType.PROMOTIONAL])
    def test_a_host_that_sent_delays_no_delivery_to_the_same_receiver_either(
        self, postgres_schemas: Schemas, kind: MessageType
    ) -> None:
        dsn, transport = postgres_schemas.take(), RecordingTransport()
        channel = evolve(ORDERS, message_type=kind)  # marketing depends on what contacts want, too
        with PostgresStorage(dsn, busy_timeout=SOON) as storage, psycopg.connect(dsn) as connection:
            messenger = Messenger(storage=storage, channels={channel: transport})
            suppress(messenger, "+31612345670")  # without any suppression, no address is looked up
            messenger.send("orders", to=ADA, text="first")
            messenger.send("orders", to=ADA, text="host's", connection=connection)
            for _ in range(8):
                messenger.send("orders", to=BOB, text="hi")

            Worker(messenger).drain()
            before = receivers(transport)
            connection.commit()
            Worker(messenger).drain()

        assert before == {ADA: 1, BOB: 8}
        assert receivers(transport) == {ADA: 2, BOB: 8}
        postgres_schemas.give_back(dsn)

    def test_another_kind_of_connection_is_refused_with_what_fits(
        self, storage: PostgresStorage
    ) -> None:
        with pytest.raises(ConfigurationError, match=r"takes a psycopg\.Connection"):
            send(storage, object(), a_new_message())


class TestSqlAlchemy:
    def test_a_connection_commits_and_rolls_back_what_was_sent(
        self, storage: PostgresStorage, engine: sqlalchemy.Engine
    ) -> None:
        stored, lost = a_new_message(), a_new_message()
        with engine.connect() as connection:
            send(storage, connection, lost)
            connection.rollback()
            send(storage, connection, stored)
            connection.commit()

        assert (get(storage, stored), get(storage, lost)) == (stored.message, None)

    def test_a_session_commits_and_rolls_back_what_was_sent(
        self, storage: PostgresStorage, engine: sqlalchemy.Engine
    ) -> None:
        stored, lost, nested = (a_new_message() for _ in range(3))
        with Session(engine) as session:
            send(storage, session, lost)
            session.rollback()
            send(storage, session, stored)
            savepoint = session.begin_nested()
            send(storage, session, nested)
            savepoint.rollback()
            session.commit()

        assert [get(storage, new) for new in (stored, lost, nested)] == [stored.message, None, None]

    def test_an_async_session_takes_part_inside_run_sync(
        self, storage: PostgresStorage, dsn: str
    ) -> None:
        stored, lost = a_new_message(a_message(tags=("a", "b"))), a_new_message()

        async def work() -> None:
            engine = create_async_engine(url(), connect_args=conninfo_to_dict(dsn))
            async with AsyncSession(engine) as session:
                await session.run_sync(lambda inner: send(storage, inner, lost))
                await session.rollback()
                await session.run_sync(lambda inner: send(storage, inner, stored))
                await session.commit()
            async with engine.connect() as connection:
                with pytest.raises(ConfigurationError, match="run_sync"):
                    send(storage, connection, a_new_message())
                await connection.run_sync(lambda inner: send(storage, inner, lost))
                await connection.rollback()
            await engine.dispose()

        asyncio.run(work())

        assert (get(storage, stored), get(storage, lost)) == (stored.message, None)
        assert stored.message.id in walk(storage, tag="b")


class TestDjango:
    def test_its_connection_is_used_inside_atomic(self, storage: PostgresStorage, dsn: str) -> None:
        new = a_new_message()
        with psycopg.connect(dsn) as raw:
            wrapper = Wrapper(raw)
            with pytest.raises(ConfigurationError, match="atomic"):
                send(storage, wrapper, new)
            wrapper.in_atomic_block = True
            send(storage, wrapper, new)

        assert get(storage, new) == new.message


class Wrapper:
    """What a connection of Django has of it: a driver's connection, and whether it is atomic."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.in_atomic_block = False

    def ensure_connection(self) -> None:
        """Connect if it is not connected."""
