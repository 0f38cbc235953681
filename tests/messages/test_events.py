"""Events reach the host at least once, in order, whatever its handlers do."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Messenger, StorageError, Worker
from messaging_core.errors import ArgumentError
from messaging_core.messages.events import EventSubscriptions
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing import ManualClock, RecordingTransport, a_channel, a_request, an_event

ORDERS = a_channel("orders")
PATIENCE = 10.0


class Engine:
    """A messenger and its worker over a storage that may have had others before."""

    def __init__(self, storage: Storage, clock: ManualClock | None = None) -> None:
        self.storage = storage
        self.clock = clock or ManualClock()
        self.messenger = Messenger(
            storage=storage, channels={ORDERS: RecordingTransport()}, clock=self.clock
        )
        self.worker = Worker(self.messenger, threads=1)

    def send(self) -> None:
        self.messenger.send(ORDERS, a_request())

    def restarted(self) -> "Engine":
        return Engine(self.storage, self.clock)


@pytest.fixture(params=["memory", "sqlite"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "memory":
        yield Engine(MemoryStorage())
    else:
        with SqliteStorage(":memory:") as storage:
            yield Engine(storage)


class Listener:
    """Remembers what it was told, and refuses what it is told to refuse."""

    def __init__(self, refuse: Callable[[Event], bool] = lambda _: False) -> None:
        self.heard: list[Event] = []
        self.refuse = refuse

    def __call__(self, event: Event) -> None:
        if self.refuse(event):
            raise KeyError(event.position)
        self.heard.append(event)

    @property
    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.heard]


SECRET = "+31612345678"
SENT = [EventKind.ADMITTED, EventKind.ATTEMPTED]


def test_a_handler_hears_of_everything_in_order(engine: Engine) -> None:
    listener = Listener()
    engine.messenger.subscribe(listener)

    for _ in range(3):
        engine.send()
    engine.worker.drain()

    positions = [event.position for event in listener.heard]
    assert positions == sorted(set(positions))
    assert sorted(listener.kinds) == sorted(SENT * 3)


def test_nothing_is_told_twice_while_all_goes_well(engine: Engine) -> None:
    listener = Listener()
    engine.messenger.subscribe(listener)
    engine.send()

    for _ in range(3):
        engine.worker.drain()

    assert listener.kinds == SENT


def test_a_handler_may_choose_what_it_hears_of(engine: Engine) -> None:
    listener = Listener()
    engine.messenger.subscribe(listener, kinds=[EventKind.ATTEMPTED])
    engine.send()

    engine.worker.drain()

    assert listener.kinds == [EventKind.ATTEMPTED]


def test_a_new_subscriber_hears_of_what_comes_or_of_everything(engine: Engine) -> None:
    engine.send()
    engine.worker.drain()
    later, everything = Listener(), Listener()

    engine.messenger.subscribe(later, name="later")
    engine.messenger.subscribe(everything, name="everything", from_start=True)
    engine.send()
    engine.worker.drain()

    assert later.kinds == SENT
    assert everything.kinds == SENT * 2


def test_a_restart_loses_nothing_and_repeats_nothing(engine: Engine) -> None:
    before, after = Listener(), Listener()
    engine.messenger.subscribe(before)
    engine.send()
    engine.worker.drain()
    engine.send()

    again = engine.restarted()
    again.messenger.subscribe(after)
    again.worker.drain()

    assert before.kinds == SENT
    assert after.kinds == SENT


def test_an_event_whose_handler_raises_comes_again_later_and_in_order(engine: Engine) -> None:
    refusals = iter([True, True])
    listener = Listener(lambda _: next(refusals, False))
    engine.messenger.subscribe(listener)
    engine.send()

    report = engine.worker.drain()
    at_once = list(listener.heard)
    for _ in range(2):
        engine.clock.advance(minutes=10)
        engine.worker.drain()

    assert report.sent == 1
    assert at_once == []
    assert listener.kinds == SENT


def test_an_event_that_is_always_refused_does_not_hold_up_the_others_for_ever(
    engine: Engine,
) -> None:
    listener = Listener(lambda event: event.kind is EventKind.ADMITTED)
    engine.messenger.subscribe(listener)
    engine.send()

    for _ in range(10):
        engine.worker.drain()
        engine.clock.advance(hours=1)

    assert listener.kinds == [EventKind.ATTEMPTED]


def test_one_subscriber_s_trouble_is_no_other_s(engine: Engine) -> None:
    bad, good = Listener(lambda _: True), Listener()
    engine.messenger.subscribe(bad, name="bad")
    engine.messenger.subscribe(good, name="good")
    engine.send()

    engine.worker.drain()

    assert good.kinds == SENT


def test_what_was_handled_but_not_recorded_comes_again(engine: Engine) -> None:
    listener = Listener()
    engine.messenger.subscribe(listener, name="host")
    engine.send()
    with engine.storage.begin() as tx:
        cursor = tx.timeline.lease_cursor(
            "host", now=engine.clock.now(), lease=timedelta(minutes=1)
        )
        assert cursor is not None  # a process that died here had handled it, perhaps

    engine.worker.drain()
    while_it_was_leased = list(listener.heard)
    engine.clock.advance(minutes=1)
    engine.worker.drain()

    assert while_it_was_leased == []
    assert listener.kinds == SENT
    with engine.storage.begin() as tx:
        assert not tx.timeline.advance_cursor(evolve(cursor, position=0))


def test_a_subscriber_that_is_slow_for_its_lease_renews_it_after_each_event(
    engine: Engine,
) -> None:
    events = EventSubscriptions(engine.storage, engine.clock)
    events.lease = timedelta(milliseconds=50)
    events.add(lambda _: sleep(0.02), name="slow")
    engine.send()
    Worker(engine.messenger).run_once()

    handled = events.deliver("slow")

    with engine.storage.begin(read_only=True) as tx:
        cursor = tx.timeline.cursor("slow")
    assert cursor is not None
    assert handled > 1
    assert cursor.fence > handled  # the last lease found nothing new


def test_two_handlers_of_one_name_are_refused(engine: Engine) -> None:
    engine.messenger.subscribe(Listener(), name="host")

    with pytest.raises(ArgumentError, match="subscribed already"):
        engine.messenger.subscribe(Listener(), name="host")


def test_what_is_rolled_back_is_never_told(engine: Engine) -> None:
    listener = Listener()
    engine.messenger.subscribe(listener)

    with pytest.raises(KeyError):
        append_and_fail(engine.storage)
    engine.worker.drain()

    assert listener.heard == []


def append_and_fail(storage: Storage) -> None:
    with storage.begin() as tx:
        tx.timeline.append([an_event()])
        raise KeyError


def test_a_worker_that_runs_tells_while_it_delivers(tmp_path: Path) -> None:
    listener = Listener()
    stop = threading.Event()
    with SqliteStorage(tmp_path / "m.db") as storage:
        engine = Engine(storage)
        engine.messenger.subscribe(listener)
        thread = threading.Thread(target=engine.worker.run, args=(stop,))
        thread.start()
        try:
            engine.send()
            wait_until(lambda: listener.kinds == SENT)
        finally:
            stop.set()
            thread.join(PATIENCE)

    assert not thread.is_alive()


def test_a_storage_that_fails_for_a_while_stops_no_housekeeping() -> None:
    storage, stop = Moody(), threading.Event()
    engine, listener = Engine(storage), Listener()
    engine.messenger.subscribe(listener)
    thread = threading.Thread(target=engine.worker.run, args=(stop,))
    thread.start()
    try:
        engine.send()
        storage.fails = True
        sleep(0.7)
        storage.fails = False
        # Whatever was leased when it failed comes back in time.
        wait_until(lambda: engine.clock.advance(seconds=5) and {*SENT} <= {*listener.kinds})
    finally:
        storage.fails = False
        stop.set()
        thread.join(PATIENCE)


class Other(BaseException):
    """What test runners and libraries raise, and is no Exception."""


NO_EXCEPTIONS = [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, Other]


@pytest.mark.parametrize("kind", NO_EXCEPTIONS)
def test_what_is_no_exception_is_a_refusal_and_harms_no_other(
    engine: Engine, kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    refusals = iter([True])
    heard, others = Listener(), Listener()

    def moody(event: Event) -> None:
        if next(refusals, False):
            raise kind(SECRET)
        heard(event)

    engine.messenger.subscribe(moody, name="moody")
    engine.messenger.subscribe(others, name="others")
    engine.send()

    engine.worker.drain()
    at_once = list(heard.heard)
    engine.clock.advance(seconds=2)
    engine.worker.drain()

    assert (at_once, heard.kinds, others.kinds) == ([], SENT, SENT)
    (record,) = [record for record in caplog.records if "refused" in record.message]
    assert f"{kind.__name__} at {__file__}:" in record.message
    assert SECRET not in caplog.text


@pytest.mark.parametrize("kind", NO_EXCEPTIONS)
def test_a_worker_that_runs_survives_what_is_no_exception(
    kind: type[BaseException], tmp_path: Path
) -> None:
    refusals = iter([True])
    heard, others = Listener(), Listener()

    def moody(event: Event) -> None:
        if next(refusals, False):
            raise kind
        heard(event)

    with SqliteStorage(tmp_path / "m.db") as storage:
        engine = Engine(storage)
        engine.messenger.subscribe(moody, name="moody")
        engine.messenger.subscribe(others, name="others")
        with running(engine.worker):
            engine.send()
            wait_until(lambda: others.kinds == SENT)
            wait_until(lambda: engine.clock.advance(seconds=1) and heard.kinds == SENT)


def test_a_hanging_subscriber_holds_up_neither_the_others_nor_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    others, hangs = Listener(), threading.Event()
    engine = Engine(MemoryStorage())
    engine.messenger.subscribe(lambda _: hangs.wait(PATIENCE), name="hangs")
    engine.messenger.subscribe(others, name="others")
    worker = Worker(
        engine.messenger, timeout=timedelta(seconds=1), lease=timedelta(seconds=2), threads=1
    )
    try:
        with running(worker):
            engine.send()
            wait_until(lambda: others.kinds == SENT)
            wait_until(lambda: "subscriber hangs has not returned from event 1" in caplog.text)
            engine.send()
            wait_until(lambda: others.kinds == SENT * 2)
            began = monotonic()
        took = monotonic() - began
    finally:
        hangs.set()

    assert took < 4
    assert caplog.text.count("from event 1") == 1


def test_a_drain_waits_for_slow_subscribers_side_by_side_and_no_longer_than_the_timeout() -> None:
    engine, hangs, others = Engine(MemoryStorage()), threading.Event(), Listener()
    engine.messenger.subscribe(lambda _: hangs.wait(PATIENCE), name="hangs")
    engine.messenger.subscribe(lambda _: sleep(0.3), name="slow")
    engine.messenger.subscribe(others, name="others")
    worker = Worker(
        engine.messenger, timeout=timedelta(seconds=1), lease=timedelta(seconds=2), threads=1
    )
    engine.send()
    try:
        began = monotonic()
        worker.drain()
        took = monotonic() - began
        began = monotonic()
        worker.drain()
        took_again = monotonic() - began
    finally:
        hangs.set()

    assert 1 <= took < 3
    assert took_again < 1
    assert others.kinds == SENT


def test_a_handler_is_never_called_by_two_threads_of_a_process_at_once() -> None:
    engine, calls, hangs = Engine(MemoryStorage()), [], threading.Event()

    def hang(event: Event) -> None:
        calls.append(event.position)
        hangs.wait(PATIENCE)

    engine.messenger.subscribe(hang)
    worker = Worker(
        engine.messenger, timeout=timedelta(seconds=0.2), lease=timedelta(seconds=1), threads=1
    )
    engine.send()
    try:
        worker.drain()
        engine.clock.advance(hours=1)  # the lease of the hanging one is over
        worker.drain()
        assert calls == [1]
    finally:
        hangs.set()

    engine.clock.advance(hours=1)
    wait_until(lambda: worker.drain() is not None and 2 in calls)
    assert sorted(calls) == [1, 2]


def test_what_a_slow_subscriber_has_handled_is_recorded_when_the_worker_ends() -> None:
    engine, heard = Engine(MemoryStorage()), Listener()
    for _ in range(4):
        engine.send()

    def slow(event: Event) -> None:
        sleep(0.2)
        heard(event)

    engine.messenger.subscribe(slow, from_start=True)
    worker = Worker(
        engine.messenger, timeout=timedelta(seconds=0.5), lease=timedelta(seconds=1), threads=1
    )
    with running(worker):
        wait_until(lambda: len(heard.heard) > 0)
    sleep(0.3)
    while len(heard.heard) < 8:
        worker.drain()

    positions = [event.position for event in heard.heard]
    assert positions == sorted(set(positions))


@pytest.mark.parametrize("step", [timedelta(minutes=11), timedelta(hours=1), timedelta(days=400)])
def test_a_clock_that_is_set_back_prolongs_no_pause_beyond_the_longest(
    engine: Engine, step: timedelta
) -> None:
    refusals = iter([True])
    listener = Listener(lambda _: next(refusals, False))
    engine.messenger.subscribe(listener)
    engine.send()
    engine.worker.drain()

    engine.clock.advance(-step)
    engine.worker.drain()

    assert listener.kinds == SENT


def test_a_small_step_back_prolongs_a_pause_by_that_step(engine: Engine) -> None:
    refusals = iter([True])
    listener = Listener(lambda _: next(refusals, False))
    engine.messenger.subscribe(listener)
    engine.send()
    engine.worker.drain()

    engine.clock.advance(minutes=-5)
    engine.worker.drain()
    too_early = list(listener.heard)
    engine.clock.advance(minutes=5, seconds=2)
    engine.worker.drain()

    assert too_early == []
    assert listener.kinds == SENT


async def asynchronous(_: Event) -> None:
    raise AssertionError


class Asynchronous:
    async def __call__(self, _: Event) -> None:
        raise AssertionError


@pytest.mark.parametrize("handler", [asynchronous, partial(asynchronous), Asynchronous()])
def test_an_async_function_is_refused_as_a_handler(engine: Engine, handler: Any) -> None:
    with pytest.raises(TypeError, match="cannot be async def"):
        engine.messenger.subscribe(handler)


def test_what_cannot_be_called_is_refused_as_a_handler(engine: Engine) -> None:
    with pytest.raises(TypeError, match="handler must be a function, not text"):
        engine.messenger.subscribe("audit")  # type: ignore[arg-type] # on purpose


def run_later(handler: Callable[[Event], Any], event: Event) -> Any:
    return handler(event)


def test_a_handler_that_returns_a_coroutine_has_not_handled_the_event(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.messenger.subscribe(partial(run_later, asynchronous))
    engine.send()

    engine.worker.drain()

    assert "subscriber host refused event 1: TypeError" in caplog.text


@contextmanager
def running(worker: Worker) -> Iterator[None]:
    """Run a worker on a thread, and end it."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


class Moody(MemoryStorage):
    """A storage that fails while it is told to."""

    fails = False

    def begin(self, connection: Any = None, *, read_only: bool = False) -> Any:
        if self.fails:
            raise StorageError("the disk is gone")
        return super().begin(connection, read_only=read_only)


def wait_until(is_true: Callable[[], bool]) -> None:
    deadline = monotonic() + PATIENCE
    while not is_true():
        assert monotonic() < deadline, "it never came true"
        sleep(0.01)
