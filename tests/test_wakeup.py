"""An idle worker of the same process delivers at once, however rarely it looks at the storage."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.memory.outbox import MemoryOutbox
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import DeliveryReport, Messenger, Status, Worker
from messaging_core.delivery.bulkheads import Bulkheads
from messaging_core.delivery.loop import REST
from messaging_core.models import Notification
from messaging_core.models.delivery.delivery import Claim
from messaging_core.models.delivery.outcome import Rejected
from messaging_core.notifications.audience import MappedAudience
from messaging_core.testing import (
    MONDAY_MORNING as NOW,
)
from messaging_core.testing import (
    ManualClock,
    RecordingTransport,
    a_channel,
    a_failure,
    a_request,
)
from messaging_core.wakeup import WakeUp, relay_stop

PATIENCE = 10.0
NEVER = 3600.0
ORDERS = a_channel("orders")


def until(condition: Callable[[], object]) -> None:
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, "it never came true"
        sleep(0.002)


class Idle:
    """Count how often a worker began to wait with nothing to do."""

    def __init__(self, worker: Worker) -> None:
        self.count = 0
        idle = self

        class Watched(Bulkheads):
            def wait(self, max_count: int, timeout: float = NEVER) -> None:
                idle.count += not self.in_flight
                super().wait(max_count, timeout)

        worker.poll = NEVER
        worker.bulkheads = Watched


@contextmanager
def idle_worker(messenger: Messenger) -> Iterator[Idle]:
    """Run a worker that looks at the storage once an hour, from the time it has nothing to do."""
    worker, stop = Worker(messenger), threading.Event()
    idle = Idle(worker)
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    until(lambda: idle.count)
    try:
        yield idle
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


WAYS: dict[str, Callable[[Messenger], object]] = {
    "send": lambda messenger: messenger.send("orders", a_request()),
    "send_many": lambda messenger: messenger.send_many("orders", [a_request()]),
    "send_batch": lambda messenger: messenger.send_batch("orders", [a_request()]),
    "notify": lambda messenger: messenger.notify(
        Notification(
            channels=("sms",), recipients=("ada",), message_title="Hi", message_content="Hello"
        )
    ),
}


@pytest.mark.parametrize("accept", WAYS.values(), ids=WAYS)
def test_what_is_accepted_wakes_an_idle_worker(accept: Callable[[Messenger], object]) -> None:
    transport = RecordingTransport()
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={ORDERS: transport},
        audience=MappedAudience(lambda *_: [{"_id": "ada", "phoneNumber": "+31612345678"}]),
    )

    with idle_worker(messenger):
        accept(messenger)
        until(lambda: transport.sent)


def test_what_is_moved_to_now_wakes_an_idle_worker() -> None:
    clock, transport = ManualClock(), RecordingTransport()
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: transport}, clock=clock)
    message = messenger.send("orders", a_request(scheduled_for=NOW + timedelta(days=1)))

    with idle_worker(messenger):
        messenger.reschedule(message.id, clock.now())
        until(lambda: transport.sent)


def test_what_is_replayed_wakes_an_idle_worker() -> None:
    transport = RecordingTransport([Rejected(failure=a_failure())])
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: transport})
    message = messenger.send("orders", a_request())
    Worker(messenger).drain()

    with idle_worker(messenger):
        messenger.replay(message.id)
        until(lambda: len(transport.attempts) == 2)


def test_every_worker_of_the_messenger_is_woken() -> None:
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: RecordingTransport()})

    with idle_worker(messenger) as first, idle_worker(messenger) as second:
        before = first.count, second.count
        messenger.send("orders", a_request())
        until(lambda: first.count > before[0] and second.count > before[1])


def test_workers_that_find_nothing_do_not_look_at_every_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    claims: list[int] = []
    claim = MemoryOutbox.claim

    def counted(self: MemoryOutbox, **options: Any) -> list[Claim]:
        claims.append(1)
        return claim(self, **options)

    monkeypatch.setattr(MemoryOutbox, "claim", counted)
    transport = RecordingTransport()
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: transport})
    workers, messages = 6, 100

    with ExitStack() as idle:
        for _ in range(workers):
            idle.enter_context(idle_worker(messenger))
        claims.clear()
        began = monotonic()
        for number in range(messages):
            messenger.send("orders", a_request())
            until(lambda number=number: len(transport.sent) > number)
        looks = (monotonic() - began) / REST + 3

    # Who gets a message looks again when it is gone; the last look is that of the stop.
    assert len(claims) <= 2 * messages + workers * looks


def test_a_worker_is_woken_beside_a_slow_message() -> None:
    leave, slow, fast = threading.Event(), a_channel("slow"), RecordingTransport()
    hanging = RecordingTransport(lambda _: leave.wait(PATIENCE) and None)
    messenger = Messenger(storage=MemoryStorage(), channels={slow: hanging, ORDERS: fast})

    with idle_worker(messenger):
        messenger.send("slow", a_request())
        until(lambda: hanging.attempts)
        messenger.send("orders", a_request())
        until(lambda: fast.sent)
        leave.set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_worker_is_woken_in_the_child_of_a_fork(tmp_path: Path) -> None:
    transport = RecordingTransport()
    storage = SqliteStorage(tmp_path / "a.db")
    messenger = Messenger(storage=storage, channels={ORDERS: transport})

    with storage, idle_worker(messenger):
        pid = os.fork()
        if pid == 0:
            try:
                with idle_worker(messenger):
                    message = messenger.send("orders", a_request())
                    until(lambda: messenger.get(message.id).status is Status.SENT)
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        assert not transport.sent  # the worker of the parent was not woken, and looks rarely
        message = messenger.send("orders", a_request())
        until(lambda: messenger.get(message.id).status is Status.SENT)


def test_an_idle_worker_stops_at_once() -> None:
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: RecordingTransport()})
    worker, stop, reports = Worker(messenger), threading.Event(), list[DeliveryReport]()
    idle = Idle(worker)
    thread = threading.Thread(target=lambda: reports.append(worker.run(stop)))
    thread.start()
    until(lambda: idle.count)

    stop.set()
    thread.join(PATIENCE)

    assert reports == [DeliveryReport()]


def test_what_was_woken_before_it_waits_does_not_wait() -> None:
    bulkheads = Bulkheads({}, lambda _: True, threads=1, batch=1, horizon=1, hung={})
    for _ in range(3):
        bulkheads.wake()

    bulkheads.wait(1, NEVER)

    began = monotonic()
    bulkheads.wait(1, 0.05)  # three wake-ups before a wait are one
    assert monotonic() - began >= 0.04


def test_a_listener_that_was_removed_is_not_called() -> None:
    calls: list[int] = []
    first, second = lambda: calls.append(1), lambda: calls.append(2)
    wake_up = WakeUp()
    wake_up.add(first)
    wake_up.add(second)
    wake_up.remove(first)

    wake_up()

    assert calls == [2]


def test_a_stop_event_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise RuntimeError(f"secret {timeout}")

    with relay_stop(Faulty(), lambda: None):
        pass

    assert "the stop event failed: RuntimeError at" in caplog.text
    assert "secret" not in caplog.text
