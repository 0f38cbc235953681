"""What hosts with an event loop may rely on: shared commits, own errors, harmless cancellation."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from datetime import timedelta
from inspect import getmembers, iscoroutinefunction, isfunction
from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import (
    IdempotencyConflictError,
    InvalidMessageError,
    Message,
    MessageQuery,
    Messenger,
    Rejection,
    Status,
    StorageError,
    UnknownChannelError,
    UnknownMessageError,
    Verdict,
)
from messaging_core.aio import MOST_TOGETHER, AsyncMessenger
from messaging_core.aio_parts import (
    AsyncContactDirectory,
    AsyncSuppressionList,
    AsyncTemplateStore,
    AsyncWebhookSubscriptions,
)
from messaging_core.contacts.directory import ContactDirectory
from messaging_core.contacts.suppressions import SuppressionList
from messaging_core.errors import UnknownTemplateError
from messaging_core.messages.webhooks import WebhookSubscriptions
from messaging_core.models.delivery.doubts import Doubts
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.delivery.interaction import Conversion, Interaction
from messaging_core.models.delivery.receipt import Reception
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.templates.store import TemplateStore
from messaging_core.testing import (
    MONDAY_MORNING as NOW,
)
from messaging_core.testing import ManualClock, RecordingTransport, a_channel, a_receipt, a_request
from messaging_core.threaded import in_thread

ORDERS = a_channel("orders")
PATIENCE = 10.0


class WatchedStorage(Storage):
    """Counts its transactions, holds them up, and fails when it is told to."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.begun = 0
        self.fails = False
        self.is_open = threading.Event()
        self.is_open.set()
        self.is_entered = threading.Event()

    def begin(
        self, connection: Any = None, *, read_only: bool = False
    ) -> AbstractContextManager[Transaction]:
        self.begun += 1
        self.is_entered.set()
        assert self.is_open.wait(PATIENCE)
        if self.fails:
            raise StorageError("down")
        return self.storage.begin(connection, read_only=read_only)


class Poison(Mapping[str, Any]):
    """A request that raises an error when it is read."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("poison")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("poison")

    def __len__(self) -> int:
        raise RuntimeError("poison")


class Engine:
    """An asynchronous messenger and everything around it."""

    def __init__(self) -> None:
        self.storage = WatchedStorage()
        self.clock = ManualClock()
        self.synchronous = Messenger(
            storage=self.storage, channels={ORDERS: RecordingTransport()}, clock=self.clock
        )
        self.messenger = AsyncMessenger(self.synchronous)

    def stored(self) -> list[str | None]:
        with self.storage.storage.begin(read_only=True) as tx:
            page = tx.messages.find(MessageQuery(limit=1000, reverse=True))
        return [message.reference for message in page.results]

    async def being_written(self) -> None:
        """Return as soon as a transaction stands before the closed door."""
        assert await asyncio.to_thread(self.storage.is_entered.wait, PATIENCE)


@pytest.fixture
def engine() -> Engine:
    return Engine()


def numbered(number: int) -> Any:
    return a_request(reference=str(number))


def test_a_message_is_accepted(engine: Engine) -> None:
    message = asyncio.run(engine.messenger.send("orders", a_request("hi")))

    assert engine.synchronous.get(message.id) == message


def test_a_lone_caller_does_not_wait(engine: Engine) -> None:
    asyncio.run(engine.messenger.send("orders", a_request()))

    assert engine.storage.begun == 1


def test_callers_at_the_same_time_share_a_transaction_in_their_order(engine: Engine) -> None:
    async def host() -> list[Message]:
        return await asyncio.gather(
            *(engine.messenger.send("orders", numbered(number)) for number in range(100))
        )

    messages = asyncio.run(host())

    assert [message.reference for message in messages] == [str(number) for number in range(100)]
    assert engine.stored() == [str(number) for number in range(100)]
    assert engine.storage.begun <= 2


def test_callers_that_come_meanwhile_share_the_next_transaction(engine: Engine) -> None:
    async def host() -> None:
        engine.storage.is_open.clear()
        first = asyncio.create_task(engine.messenger.send("orders", numbered(0)))
        await engine.being_written()
        others = [
            asyncio.create_task(engine.messenger.send("orders", numbered(number)))
            for number in range(1, 50)
        ]
        await asyncio.sleep(0.01)
        engine.storage.is_open.set()
        await asyncio.gather(first, *others)

    asyncio.run(host())

    assert engine.storage.begun == 2
    assert len(engine.stored()) == 50


def test_a_transaction_holds_no_more_than_its_most(engine: Engine) -> None:
    async def host() -> None:
        requests = [numbered(number) for number in range(MOST_TOGETHER + 1)]
        await asyncio.gather(*(engine.messenger.send("orders", request) for request in requests))

    asyncio.run(host())

    assert engine.storage.begun == 2


def test_every_caller_gets_its_own_error(engine: Engine) -> None:
    async def host() -> list[Message | BaseException]:
        send = engine.messenger.send
        return await asyncio.gather(
            send("orders", numbered(0)),
            send("orders", a_request(tags=("!",))),
            send("unknown", numbered(1)),
            send("orders", numbered(2), idempotency_key="k"),
            send("orders", numbered(3), idempotency_key="k"),
            send("orders", numbered(4)),
            return_exceptions=True,
        )

    answers = asyncio.run(host())

    assert [type(answer) for answer in answers] == [
        Message,
        InvalidMessageError,
        UnknownChannelError,
        Message,
        IdempotencyConflictError,
        Message,
    ]
    assert engine.stored() == ["0", "2", "4"]


@pytest.mark.parametrize("poison", [Poison(), object(), 7])
def test_a_request_that_breaks_the_reader_harms_only_its_caller(
    engine: Engine, poison: Any
) -> None:
    async def host() -> list[Message | BaseException]:
        requests = [numbered(0), poison, numbered(1)]
        return await asyncio.gather(
            *(engine.messenger.send("orders", request) for request in requests),
            return_exceptions=True,
        )

    first, broken, last = asyncio.run(host())

    assert isinstance(broken, Exception)
    assert isinstance(first, Message)
    assert isinstance(last, Message)
    assert engine.stored() == ["0", "1"]


def test_a_storage_that_fails_is_an_error_for_all_callers_and_not_the_end(engine: Engine) -> None:
    async def host() -> list[Message | BaseException]:
        engine.storage.fails = True
        answers: list[Message | BaseException] = await asyncio.gather(
            *(engine.messenger.send("orders", numbered(number)) for number in range(3)),
            return_exceptions=True,
        )
        engine.storage.fails = False
        return [*answers, await engine.messenger.send("orders", numbered(3))]

    answers = asyncio.run(host())

    assert [type(answer) for answer in answers] == [StorageError] * 3 + [Message]
    assert engine.stored() == ["3"]


def test_a_caller_cancelled_during_the_commit_harms_no_other(engine: Engine) -> None:
    async def host() -> list[Message | BaseException]:
        engine.storage.is_open.clear()
        tasks = [
            asyncio.create_task(engine.messenger.send("orders", numbered(number)))
            for number in range(3)
        ]
        await engine.being_written()
        tasks[1].cancel()
        await asyncio.sleep(0.01)
        engine.storage.is_open.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, given_up, last = asyncio.run(host())

    assert isinstance(given_up, asyncio.CancelledError)
    assert isinstance(first, Message)
    assert isinstance(last, Message)
    assert engine.stored() == ["0", "1", "2"]


def test_a_caller_that_gives_up_in_time_sends_nothing(engine: Engine) -> None:
    async def host() -> list[Message | BaseException]:
        engine.storage.is_open.clear()
        first = asyncio.create_task(engine.messenger.send("orders", numbered(0)))
        await engine.being_written()
        waiting = [
            asyncio.create_task(engine.messenger.send("orders", numbered(number)))
            for number in (1, 2)
        ]
        await asyncio.sleep(0.01)
        waiting[0].cancel()
        await asyncio.sleep(0.01)
        engine.storage.is_open.set()
        return await asyncio.gather(first, *waiting, return_exceptions=True)

    answers = asyncio.run(host())

    assert [type(answer) for answer in answers] == [Message, asyncio.CancelledError, Message]
    assert engine.stored() == ["0", "2"]


def test_when_all_callers_give_up_nothing_is_written(engine: Engine) -> None:
    async def host() -> None:
        engine.storage.is_open.clear()
        first = asyncio.create_task(engine.messenger.send("orders", numbered(0)))
        await engine.being_written()
        second = asyncio.create_task(engine.messenger.send("orders", numbered(1)))
        await asyncio.sleep(0.01)
        second.cancel()
        engine.storage.is_open.set()
        await first
        await asyncio.sleep(0.05)

    asyncio.run(host())

    assert engine.storage.begun == 1
    assert engine.stored() == ["0"]


def test_the_loop_goes_on_while_the_storage_is_slow(engine: Engine) -> None:
    async def host() -> int:
        engine.storage.is_open.clear()
        task = asyncio.create_task(engine.messenger.send("orders", a_request()))
        ticks = 0
        while ticks < 20:
            await asyncio.sleep(0.001)
            ticks += 1
        assert not task.done()
        engine.storage.is_open.set()
        await task
        return ticks

    assert asyncio.run(host()) == 20


def test_one_object_serves_one_loop_after_another(engine: Engine) -> None:
    for number in range(3):
        asyncio.run(engine.messenger.send("orders", numbered(number)))

    assert engine.stored() == ["0", "1", "2"]


def test_a_loop_that_was_torn_down_leaves_nothing_behind_for_the_next(engine: Engine) -> None:
    async def torn_down() -> None:
        engine.storage.is_open.clear()
        tasks = [
            asyncio.create_task(engine.messenger.send("orders", numbered(number)))
            for number in range(2)
        ]
        await engine.being_written()
        late = asyncio.create_task(engine.messenger.send("orders", numbered(7)))
        await asyncio.sleep(0.01)
        threading.Timer(0.05, engine.storage.is_open.set).start()
        assert not any(task.done() for task in (*tasks, late))

    asyncio.run(torn_down())
    message = asyncio.run(asyncio.wait_for(engine.messenger.send("orders", numbered(9)), PATIENCE))

    assert message.reference == "9"
    assert "7" not in engine.stored()


def test_a_loop_that_was_closed_in_the_middle_holds_up_no_other(engine: Engine) -> None:
    tasks = []

    async def begin() -> None:
        engine.storage.is_open.clear()
        for number in range(3):
            tasks.append(asyncio.ensure_future(engine.messenger.send("orders", numbered(number))))
            await asyncio.sleep(0)

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # tasks that were never finished
    loop.run_until_complete(begin())
    loop.close()
    tasks.clear()
    engine.storage.is_open.set()
    message = asyncio.run(asyncio.wait_for(engine.messenger.send("orders", numbered(9)), PATIENCE))

    assert message.reference == "9"


def test_loops_that_take_turns_in_a_thread_are_all_served(engine: Engine) -> None:
    async def begin(number: int) -> "asyncio.Task[Message]":
        task = asyncio.ensure_future(engine.messenger.send("orders", numbered(number)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return task

    async def end(task: "asyncio.Task[Message]") -> Message:
        return await asyncio.wait_for(task, PATIENCE)

    loops = [asyncio.new_event_loop() for _ in range(3)]
    tasks = [loop.run_until_complete(begin(number)) for number, loop in enumerate(loops)]
    messages = [loop.run_until_complete(end(task)) for loop, task in zip(loops, tasks, strict=True)]
    for loop in loops:
        loop.close()

    assert [message.reference for message in messages] == ["0", "1", "2"]


def test_loops_of_several_threads_are_served_at_once(engine: Engine) -> None:
    async def host(number: int) -> list[Message]:
        send = engine.messenger.send
        return await asyncio.wait_for(
            asyncio.gather(*(send("orders", numbered(number)) for _ in range(20))), PATIENCE
        )

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: asyncio.run(host(number)), range(4)))

    assert [len(messages) for messages in answers] == [20] * 4
    assert sorted(engine.stored()) == sorted([str(number) for number in range(4)] * 20)


class Raising(Mapping[str, Any]):
    """A request whose reading raises what it is told to."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __getitem__(self, key: str) -> Any:
        raise self.kind

    def __iter__(self) -> Iterator[str]:
        raise self.kind

    def __len__(self) -> int:
        raise self.kind


@pytest.mark.parametrize(
    "kind",
    [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, StopIteration, KeyError],
)
def test_what_code_of_the_host_raises_ends_no_loop_and_harms_only_its_caller(
    engine: Engine, kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    async def host() -> list[Any]:
        requests: list[Any] = [numbered(0), Raising(kind), numbered(1)]
        sends = [engine.messenger.send("orders", request) for request in requests]
        plan = engine.messenger.plan("orders", Raising(kind))
        return await asyncio.wait_for(
            asyncio.gather(*sends, plan, return_exceptions=True), PATIENCE
        )

    first, broken, last, plan = asyncio.run(host())

    assert isinstance(first, Message)
    assert isinstance(last, Message)
    assert engine.stored() == ["0", "1"]
    for error in (broken, plan):
        assert isinstance(error, Exception)
        if not issubclass(kind, KeyError | StopIteration):
            assert f"raised {kind.__name__} at {__file__}:" in str(error)
            assert f"raised {kind.__name__} at {__file__}:" in caplog.text


def test_everything_else_is_what_the_messenger_does(engine: Engine) -> None:
    async def host() -> None:
        messenger = engine.messenger
        first, second = await messenger.send_many("orders", [a_request(), a_request(tags=("!",))])
        assert isinstance(first, Message)
        assert isinstance(second, Rejection)
        assert (await messenger.plan("orders", a_request())).verdict is Verdict.ACCEPTED
        assert await messenger.get(first.id) == first
        assert list((await messenger.find()).results) == [first]
        moved = await messenger.reschedule(first.id, NOW + timedelta(hours=1))
        assert moved.status is Status.SCHEDULED
        assert await messenger.cancel(first.id)
        with pytest.raises(UnknownMessageError):
            await messenger.get(NOWHERE)

    asyncio.run(host())


NOWHERE = ORDERS.id


def test_every_method_of_the_messenger_can_be_awaited() -> None:
    never_awaited = {"channel", "route", "from_config", "max_webhook_size", "webhook_sender"}
    never_awaited |= {"media_fetcher", "quiet_until"}
    never_awaited |= {"audit", "page_records"}  # of the viewer, which has threads of its own
    public = {name for name in dir(Messenger) if not name.startswith("_")}

    missing = public - never_awaited - set(dir(AsyncMessenger))

    assert missing == set()


def test_what_happened_can_be_awaited(engine: Engine) -> None:
    heard: list[Event] = []

    async def work() -> tuple[list[Event], list[Interaction], Doubts, Reception]:
        await engine.messenger.subscribe(heard.append, kinds=[EventKind.ADMITTED])
        message = await engine.messenger.send("orders", a_request())
        conversion = Conversion(type="otp", status="converted")
        await engine.messenger.report_conversion(message.id, conversion)
        reception = await engine.messenger.receive(a_receipt(reference="p-9"))
        return (
            await engine.messenger.timeline(message.id),
            await engine.messenger.interactions(message.id),
            await engine.messenger.doubts(),
            reception,
        )

    told, interactions, doubts, reception = asyncio.run(work())

    assert [event.kind for event in told] == [EventKind.ADMITTED, EventKind.INTERACTED]
    assert len(interactions) == 1
    assert doubts == Doubts()
    assert reception == Reception(unmatched=1)


def test_a_notification_can_be_awaited(engine: Engine) -> None:
    notification = {
        "channels": ["sms"],
        "recipients": ["unknown"],
        "messageTitle": "Hi",
        "messageContent": "Ho",
    }

    report = asyncio.run(engine.messenger.notify(notification))

    assert [user.recipient for user in report.unresolved] == ["unknown"]


def test_closing_closes_the_storage() -> None:
    storage = SqliteStorage(":memory:")
    messenger = AsyncMessenger(Messenger(storage=storage, channels={}))

    asyncio.run(messenger.close())

    with pytest.raises(StorageError):
        messenger.messenger.find()


class TestParts:
    """Contacts, suppressions, templates and webhooks have coroutines too."""

    @pytest.mark.parametrize(
        ("blocking", "awaited"),
        [
            (ContactDirectory, AsyncContactDirectory),
            (SuppressionList, AsyncSuppressionList),
            (TemplateStore, AsyncTemplateStore),
            (WebhookSubscriptions, AsyncWebhookSubscriptions),
        ],
    )
    def test_there_is_a_coroutine_for_each_call_of_a_part(
        self, blocking: type, awaited: type
    ) -> None:
        calls = {name for name, _ in getmembers(blocking, isfunction) if not name.startswith("_")}

        assert {name for name in calls if not hasattr(awaited, name)} <= {"engines"}
        for name in calls:
            assert iscoroutinefunction(getattr(awaited, name)) or name == "members"
            assert getattr(awaited, name).__doc__

    def test_contacts_suppressions_and_templates_are_reached_without_blocking(self) -> None:
        messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: RecordingTransport()})
        client = AsyncMessenger(messenger)
        loop_thread = threading.get_ident()
        threads = set[int]()

        async def calls() -> list[Any]:
            contact = await client.contacts.update_or_create("phonenumber", "+31612345678")
            group = await client.contacts.create_list("vip")
            await client.contacts.add_to_list(group.id, [contact.id])
            members = [member.id async for member in client.contacts.members(group.id)]
            threads.add(await in_thread(threading.get_ident))
            suppressed = await client.suppressions.find()
            with pytest.raises(UnknownTemplateError):
                await client.templates.get("none")
            return [members == [contact.id], suppressed.results, await client.webhooks.find()]

        assert asyncio.run(calls()) == [True, [], []]
        assert loop_thread not in threads

    def test_a_connection_of_the_host_makes_the_message_part_of_its_transaction(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "messages.db"
        with SqliteStorage(path, journal_mode="DELETE") as storage:
            messenger = Messenger(storage=storage, channels={ORDERS: RecordingTransport()})
            host = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

            async def send() -> Message:
                client = AsyncMessenger(messenger)
                return await client.send(ORDERS, to="+31612345678", text="Hi", connection=host)

            with closing(host):
                host.execute("BEGIN IMMEDIATE")
                message = asyncio.run(send())
                host.execute("ROLLBACK")
            with pytest.raises(UnknownMessageError):
                messenger.get(message.id)
