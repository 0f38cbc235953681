"""Events reach the host at least once, in order, whatever its handlers do."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Messenger, StorageError, Worker
from messaging_core.models.event import Event, EventKind
from messaging_core.ports.storage import Storage
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
        cursor = tx.timeline.take("host", now=engine.clock.now(), lease=timedelta(minutes=1))
        assert cursor is not None  # a process that died here had handled it, perhaps

    engine.worker.drain()
    while_it_was_leased = list(listener.heard)
    engine.clock.advance(minutes=1)
    engine.worker.drain()

    assert while_it_was_leased == []
    assert listener.kinds == SENT
    with engine.storage.begin() as tx:
        assert not tx.timeline.move(evolve(cursor, position=0))


def test_two_handlers_of_one_name_are_refused(engine: Engine) -> None:
    engine.messenger.subscribe(Listener(), name="host")

    with pytest.raises(ValueError, match="'host' is subscribed already"):
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


def test_a_storage_that_fails_for_a_while_stops_no_errands() -> None:
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
        wait_until(lambda: listener.kinds == SENT)
    finally:
        storage.fails = False
        stop.set()
        thread.join(PATIENCE)


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
