"""A message is part of the transaction that a host has in SQLAlchemy, however it is begun."""

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, StaticPool, create_engine, event, text
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger, SendMessage, to
from messaging_core import text as text_body
from messaging_core.errors import ConfigurationError, SchemaError, StorageBusyError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.delivery.delivery import NewMessage
from messaging_core.testing import RecordingTransport, a_new_message
from messaging_core.testing.contracts.storage.steps import AT, claim, get, ids, walk

ORDERS = Channel(name="orders", platform="sms", sender="Shop")
REQUEST = SendMessage(receiver=to("+31612345678"), body=text_body("hi"))
NUMBER = Identifier(identifier_key="phonenumber", identifier_value="+31612345678")


def legacy(path: Path) -> Engine:
    """Leave it as it is: sqlite3 begins before the first write, and never before a SELECT."""
    return create_engine(f"sqlite:///{path}")


def emitting(path: Path) -> Engine:
    """Let SQLAlchemy emit BEGIN, as its documentation shows."""
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def leave_it_to_sqlalchemy(driver: Any, _: object) -> None:
        driver.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def modern(path: Path) -> Engine:
    """Use PEP 249's way, which Python has from 3.12 on."""
    return create_engine(f"sqlite:///{path}", connect_args={"autocommit": False})


MODES = [legacy, emitting] + [modern] * (sys.version_info >= (3, 12))
BEGUN = MODES[1:]
"""The modes in which a savepoint is inside a transaction."""

Begin = Callable[[Engine], AbstractContextManager[Any]]
HOSTS: dict[str, Begin] = {"core": Engine.connect, "orm": Session}


class Shop:
    """A storage, and an engine of the host's on the same file."""

    def __init__(self, path: Path, make_engine: Callable[[Path], Engine]) -> None:
        self.storage = SqliteStorage(path, busy_timeout=timedelta(seconds=0.1))
        self.engine = make_engine(path)
        with self.engine.begin() as connection:
            connection.execute(text("CREATE TABLE orders (number INTEGER PRIMARY KEY)"))

    def add(self, host: Any, new: NewMessage) -> None:
        with self.storage.begin(host) as tx:
            tx.messages.add([new])
            tx.contacts.ensure(DEFAULT_WORKSPACE, [NUMBER], now=AT, new_id=lambda: "c1")

    def add_in_vain(self, host: Any, new: NewMessage, block: AbstractContextManager[Any]) -> None:
        """Add a message inside a block that raises."""
        with pytest.raises(KeyError), block:  # noqa: PT012 - the block is what is tested
            self.add(host, new)
            raise KeyError

    def traces(self, new: NewMessage) -> list[bool]:
        """Return whether there are the message, its key and its contact."""
        with self.storage.begin(read_only=True) as tx:
            return [
                tx.messages.get(DEFAULT_WORKSPACE, new.message.id) is not None,
                bool(tx.messages.by_keys(DEFAULT_WORKSPACE, ["k"], since=AT - timedelta(days=1))),
                tx.contacts.get(DEFAULT_WORKSPACE, "c1") is not None,
            ]

    def orders(self) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM orders")).scalar_one())


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Callable[[Callable[[Path], Engine]], Shop]]:
    with ExitStack() as stack:

        def open_(make_engine: Callable[[Path], Engine]) -> Shop:
            shop = Shop(tmp_path / "shop.db", make_engine)
            stack.callback(shop.storage.close)
            stack.callback(shop.engine.dispose)
            return shop

        yield open_


OpenShop = Callable[[Callable[[Path], Engine]], Shop]
order = text("INSERT INTO orders VALUES (1)")
look = text("SELECT count(*) FROM orders")


@pytest.mark.parametrize("make_engine", MODES)
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("before", ["nothing", "a read", "a write"])
def test_what_the_host_commits_a_worker_gets_at_once(
    open_shop: OpenShop, make_engine: Any, host: str, before: str
) -> None:
    shop, new = open_shop(make_engine), a_new_message(key="k")

    with HOSTS[host](shop.engine) as own:
        if before != "nothing":
            own.execute(look if before == "a read" else order)
        shop.add(own, new)
        unseen = shop.traces(new)
        own.commit()
        seen = shop.traces(new)

    assert unseen == [False] * 3
    assert seen == [True] * 3
    assert ids(claim(shop.storage)) == ids([new])
    assert shop.orders() == (before == "a write")


@pytest.mark.parametrize("make_engine", MODES)
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("before", ["nothing", "a read", "a write"])
@pytest.mark.parametrize("explicitly", [True, False])
def test_what_the_host_rolls_back_never_was(
    open_shop: OpenShop,
    make_engine: Any,
    host: str,
    before: str,
    explicitly: bool,  # noqa: FBT001 - both ways
) -> None:
    shop, new = open_shop(make_engine), a_new_message(key="k")

    with HOSTS[host](shop.engine) as own:
        if before != "nothing":
            own.execute(look if before == "a read" else order)
        shop.add(own, new)
        own.execute(text("INSERT INTO orders VALUES (2)"))
        if explicitly:
            own.rollback()

    assert shop.traces(new) == [False] * 3
    assert claim(shop.storage) == []
    assert shop.orders() == 0


@pytest.mark.parametrize("make_engine", MODES)
@pytest.mark.parametrize("host", HOSTS)
def test_the_engine_neither_commits_nor_rolls_back(
    open_shop: OpenShop, make_engine: Any, host: str
) -> None:
    shop, first, lost = open_shop(make_engine), a_new_message(key="k"), a_new_message()

    with HOSTS[host](shop.engine) as own:
        own.execute(order)
        shop.add(own, first)
        shop.add_in_vain(own, lost, shop.storage.begin(own))
        assert own.in_transaction()
        own.commit()

    assert walk(shop.storage) == ids([first])
    assert shop.orders() == 1


@pytest.mark.parametrize("make_engine", BEGUN)
@pytest.mark.parametrize("host", HOSTS)
def test_a_savepoint_takes_back_its_own_messages_only(
    open_shop: OpenShop, make_engine: Any, host: str
) -> None:
    shop = open_shop(make_engine)
    first, second, third = (a_new_message() for _ in range(3))

    with HOSTS[host](shop.engine) as own:
        with own.begin_nested():
            shop.add(own, first)
        shop.add_in_vain(own, second, own.begin_nested())
        shop.add(own, third)
        own.commit()

    assert walk(shop.storage) == ids([third, first])


@pytest.mark.parametrize("make_engine", BEGUN)
@pytest.mark.parametrize("host", HOSTS)
def test_a_released_savepoint_is_rolled_back_with_its_transaction(
    open_shop: OpenShop, make_engine: Any, host: str
) -> None:
    shop, new = open_shop(make_engine), a_new_message(key="k")

    with HOSTS[host](shop.engine) as own:
        with own.begin_nested():
            shop.add(own, new)
        own.rollback()

    assert shop.traces(new) == [False] * 3


@pytest.mark.parametrize("host", HOSTS)
def test_a_savepoint_that_might_commit_when_it_is_released_is_refused(
    open_shop: OpenShop, host: str
) -> None:
    shop, new = open_shop(legacy), a_new_message()

    with (
        HOSTS[host](shop.engine) as own,
        own.begin_nested(),
        pytest.raises(ConfigurationError, match="begin_nested"),
    ):
        shop.add(own, new)

    assert get(shop.storage, new) is None


def test_a_transaction_block_of_the_host_is_joined(open_shop: OpenShop) -> None:
    shop, first, lost = open_shop(legacy), a_new_message(), a_new_message()

    with shop.engine.begin() as connection:
        shop.add(connection, first)
    with Session(shop.engine) as session:
        shop.add_in_vain(session, lost, session.begin())

    assert walk(shop.storage) == ids([first])


def test_a_scoped_session_and_a_pooled_connection_will_do(open_shop: OpenShop) -> None:
    shop, first, second = open_shop(legacy), a_new_message(), a_new_message()

    registry = scoped_session(sessionmaker(shop.engine))
    shop.add(registry, first)
    registry.commit()
    registry.remove()
    pooled = shop.engine.raw_connection()
    shop.add(pooled, second)
    pooled.commit()
    pooled.close()

    assert walk(shop.storage) == ids([second, first])


def test_a_messenger_takes_a_session(open_shop: OpenShop) -> None:
    shop = open_shop(legacy)
    messenger = Messenger(storage=shop.storage, channels={ORDERS: RecordingTransport()})

    with Session(shop.engine) as session:
        lost = messenger.send("orders", REQUEST, connection=session, idempotency_key="k")
        session.rollback()
        second = messenger.send("orders", REQUEST, connection=session, idempotency_key="k")
        session.commit()

    assert lost.id != second.id
    assert walk(shop.storage) == [second.id]


def test_a_connection_that_commits_by_itself_is_refused(open_shop: OpenShop) -> None:
    shop = open_shop(legacy)
    engine = shop.engine.execution_options(isolation_level="AUTOCOMMIT")

    with engine.connect() as connection, pytest.raises(ConfigurationError, match="begin a trans"):
        shop.add(connection, a_new_message())

    assert walk(shop.storage) == []


class AsyncSession:
    """What the sessions of asyncio are known by; the real ones need greenlet."""

    async def run_sync(self, _: object) -> None: ...


def test_what_is_of_asyncio_is_refused(open_shop: OpenShop) -> None:
    shop = open_shop(legacy)

    with pytest.raises(ConfigurationError, match="asyncio"):
        shop.add(AsyncSession(), a_new_message())


def test_another_database_is_refused_with_how_to_make_the_tables(open_shop: OpenShop) -> None:
    shop = open_shop(legacy)
    elsewhere = create_engine("sqlite://", poolclass=StaticPool)

    with (
        elsewhere.connect() as connection,
        pytest.raises(SchemaError, match=r"no such table.*\n.*migrate") as raised,
    ):
        shop.add(connection, a_new_message())
    elsewhere.dispose()

    assert isinstance(raised.value.__cause__, sqlite3.OperationalError)


@pytest.mark.parametrize("make_engine", MODES)
def test_who_waits_for_the_host_is_told_in_time(open_shop: OpenShop, make_engine: Any) -> None:
    shop, new = open_shop(make_engine), a_new_message()

    with shop.engine.connect() as connection:
        shop.add(connection, new)
        with pytest.raises(StorageBusyError):
            claim(shop.storage)
        connection.commit()

    assert ids(claim(shop.storage)) == ids([new])
