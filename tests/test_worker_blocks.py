"""A worker that runs as long as a block, or as long as a task of an event loop."""

import asyncio
import threading
from collections.abc import Callable
from time import monotonic, sleep

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import DeliveryReport, Messenger, Status, StorageError, Worker
from messaging_core.testing import RecordingTransport, a_channel

ORDERS = a_channel("orders")
PHONE = "+31612345678"
PATIENCE = 10.0


@pytest.fixture
def transport() -> RecordingTransport:
    return RecordingTransport()


@pytest.fixture
def messenger(transport: RecordingTransport) -> Messenger:
    return Messenger(storage=MemoryStorage(), channels={ORDERS: transport})


def until(condition: Callable[[], object]) -> None:
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, "it never came true"
        sleep(0.002)


class TestRunning:
    def test_messages_are_delivered_while_the_block_runs(
        self, messenger: Messenger, transport: RecordingTransport
    ) -> None:
        with Worker(messenger).running():
            message = messenger.send(ORDERS, to=PHONE, text="Hi")
            until(lambda: messenger.get(message.id).status == Status.SENT)

        later = messenger.send(ORDERS, to=PHONE, text="Hi")
        assert messenger.get(later.id).status == Status.ACCEPTED
        assert len(transport.sent) == 1
        assert not [thread for thread in threading.enumerate() if "worker" in thread.name]

    def test_an_error_of_the_block_stops_the_worker_and_goes_on(self, messenger: Messenger) -> None:
        before = threading.active_count()
        with pytest.raises(KeyError), Worker(messenger).running():
            raise KeyError

        assert threading.active_count() == before

    def test_an_error_of_the_worker_comes_at_the_end_of_the_block(
        self, messenger: Messenger
    ) -> None:
        worker = Worker(messenger)
        fault = StorageError("the disk is gone")

        def run(stop: threading.Event) -> DeliveryReport:
            stop.wait()
            raise fault

        worker.run = run  # type: ignore[method-assign]
        with pytest.raises(StorageError, match="disk"), worker.running():
            pass

    def test_the_same_worker_runs_again(self, messenger: Messenger) -> None:
        worker = Worker(messenger)
        for _ in range(2):
            with worker.running() as running:
                assert running is worker
                message = messenger.send(ORDERS, to=PHONE, text="Hi")
                until(lambda id_=message.id: messenger.get(id_).status == Status.SENT)


class TestArun:
    def test_messages_are_delivered_until_the_task_is_cancelled(self, messenger: Messenger) -> None:
        async def host() -> None:
            task = asyncio.create_task(Worker(messenger).arun())
            message = messenger.send(ORDERS, to=PHONE, text="Hi")
            while messenger.get(message.id).status != Status.SENT:  # noqa: ASYNC110 - of a thread
                await asyncio.sleep(0.002)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        before = threading.active_count()
        asyncio.run(asyncio.wait_for(host(), PATIENCE))
        assert threading.active_count() == before

    def test_the_cancellation_waits_for_what_is_being_handed_over(self) -> None:
        started, go = threading.Event(), threading.Event()

        def answer(_: object) -> None:
            started.set()
            assert go.wait(PATIENCE)

        transport = RecordingTransport(answer)
        messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: transport})
        message = messenger.send(ORDERS, to=PHONE, text="Hi")

        async def host() -> None:
            task = asyncio.create_task(Worker(messenger).arun())
            await asyncio.to_thread(started.wait, PATIENCE)
            task.cancel()
            await asyncio.sleep(0.01)
            assert not task.done()
            go.set()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(asyncio.wait_for(host(), PATIENCE))
        assert messenger.get(message.id).status == Status.SENT
