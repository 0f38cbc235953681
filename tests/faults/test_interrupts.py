"""An exception out of a signal handler, at any line: the next call works, and nothing is halved."""

import linecache
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from itertools import count as count_up
from pathlib import Path
from types import FrameType
from typing import Any, Self

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger, SendMessage, Worker, text, to
from messaging_core.errors import StorageError
from messaging_core.models import Status
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing import RecordingTransport, a_new_message
from messaging_core.testing.contracts.storage.steps import add, ids, walk

SOON = timedelta(milliseconds=300)
MOST_LINES = 5_000
PLACES = ("messaging_adapters/storage", "contextlib.py")
WORKER = ("core/worker.py", "core/delivery/")


class Interrupt(BaseException):
    """What a signal handler raises."""


class Interrupter:
    """Raises at one line of those that a block runs through, and counts them."""

    def __init__(self, at: int, places: tuple[str, ...] = PLACES) -> None:
        self.at = at
        self.places = places
        self.lines = 0

    def __enter__(self) -> Self:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if not any(place in frame.f_code.co_filename for place in self.places):
            return None
        # Signals arrive at calls and loops: never at the end of a `with` block, nor at a `try`.
        source = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        if event == "line" and source not in ("with self._lock:", "try:"):
            self.lines += 1
            if self.lines == self.at:
                sys.settrace(None)
                raise Interrupt(f"{frame.f_code.co_qualname}:{frame.f_lineno}")
        return self._trace


def interrupted_at_each_line(act: Callable[[], object]) -> Iterator[BaseException]:
    """Run something again and again, and raise one line later each time, until it ends."""
    for at in range(1, MOST_LINES):
        try:
            with Interrupter(at):
                act()
        except Interrupt as interrupt:
            yield interrupt  # kept alive with its frames while the test goes on
        else:
            return
    pytest.fail("there are more lines than expected")


@pytest.fixture(params=["memory", "shared", "exclusive", "in memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "memory":
        yield MemoryStorage(busy_timeout=SOON)
        return
    path = ":memory:" if request.param == "in memory" else tmp_path / "shop.db"
    with SqliteStorage(
        path, exclusive=request.param == "exclusive", synchronous="NORMAL", busy_timeout=SOON
    ) as storage:
        yield storage


def in_another_thread(act: Callable[[], object]) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert errors == []


def test_the_next_call_works_whichever_line_of_a_transaction_is_interrupted(
    storage: Storage,
) -> None:
    count = 0
    for interrupt in interrupted_at_each_line(lambda: add(storage, a_new_message())):
        before = len(walk(storage, limit=1000))
        new = a_new_message()
        add(storage, new)
        assert len(walk(storage, limit=1000)) == before + 1, interrupt
        count += 1

    assert count > 20


def test_a_roll_back_that_is_interrupted_leaves_nothing(storage: Storage) -> None:
    message = a_new_message()
    add(storage, message)

    def roll_back() -> None:
        try:
            with storage.begin() as tx:
                tx.messages.add([a_new_message()])
                raise ZeroDivisionError  # noqa: TRY301 - rolls back
        except ZeroDivisionError:
            pass

    for interrupt in interrupted_at_each_line(roll_back):
        assert walk(storage) == ids([message]), interrupt


def test_reading_is_interrupted_and_the_next_call_works(storage: Storage) -> None:
    message = a_new_message()
    add(storage, message)

    for interrupt in interrupted_at_each_line(lambda: walk(storage)):
        assert walk(storage) == ids([message]), interrupt


def test_other_threads_go_on_as_soon_as_the_exception_is_dropped(storage: Storage) -> None:
    for _ in range(2):  # the first time, lines run that run only once
        at = 0
        while True:
            at += 7
            try:
                with Interrupter(at):
                    add(storage, a_new_message())
            except Interrupt:
                pass
            else:
                break
            in_another_thread(lambda: add(storage, a_new_message()))


def test_a_transaction_inside_another_of_the_same_thread_ends_the_outer_one(
    storage: Storage,
) -> None:
    inner = a_new_message()

    with pytest.raises(StorageError), storage.begin() as tx:  # noqa: PT012 - the block is tested
        tx.messages.add([a_new_message()])
        add(storage, inner)

    assert walk(storage) == ids([inner])


def test_a_thread_that_died_in_a_transaction_keeps_no_other_waiting(storage: Storage) -> None:
    blocks: list[Any] = []

    def begin() -> None:
        blocks.append(storage.begin())
        blocks[0].__enter__()

    in_another_thread(begin)
    new = a_new_message()
    add(storage, new)

    assert walk(storage) == ids([new])


@pytest.mark.parametrize("kind", ["memory", "exclusive"])
def test_a_worker_ends_whichever_line_of_it_is_interrupted(kind: str, tmp_path: Path) -> None:
    count = 0

    for at in count_up(1, step=5):
        with ExitStack() as opened:
            storage: Storage = MemoryStorage()
            if kind == "exclusive":
                file = tmp_path / f"{at}.db"
                storage = opened.enter_context(SqliteStorage(file, exclusive=True))
            if run_interrupted(storage, at) is None:
                break
        count += 1

    assert count > 50


def run_interrupted(storage: Storage, at: int) -> Interrupt | None:
    channel = Channel(name="orders", platform="sms", sender="Shop")
    request = SendMessage(receiver=to("+31612345678"), body=text("Hello"))
    messenger = Messenger(storage=storage, channels={channel: RecordingTransport()})
    messenger.send_many(channel, [request] * 2)
    try:
        with Interrupter(at, WORKER):
            Worker(messenger, threads=2).run_once()
    except Interrupt as interrupt:
        # What was claimed and not begun when the exception came waits for the end of its lease.
        interrupt.__traceback__ = None
        new = messenger.send(channel, request)
        in_another_thread(Worker(messenger).drain)
        assert messenger.get(new.id).status is Status.SENT
        return interrupt
    return None


class TestConnectionOfTheHost:
    @pytest.fixture
    def shared(self, tmp_path: Path) -> Iterator[SqliteStorage]:
        with SqliteStorage(
            tmp_path / "shop.db", synchronous="NORMAL", busy_timeout=SOON
        ) as storage:
            yield storage

    @contextmanager
    def host(self, storage: SqliteStorage) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(storage.path, timeout=0)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS orders (number INTEGER)")
            yield connection

    @pytest.mark.parametrize("fails", [False, True])
    def test_what_is_interrupted_leaves_all_or_nothing_in_the_hosts_transaction(
        self,
        shared: SqliteStorage,
        fails: bool,  # noqa: FBT001 - both ways
    ) -> None:
        with self.host(shared) as connection:

            def act() -> None:
                try:
                    with shared.begin(connection) as tx:
                        tx.messages.add([a_new_message()])
                        if fails:
                            raise ZeroDivisionError  # noqa: TRY301 - rolls back
                except ZeroDivisionError:
                    pass

            count = 0
            for interrupt in interrupted_at_each_line(act):
                # The host has dropped the exception, and with it what it kept of the block.
                interrupt.__traceback__ = None
                rows = [
                    connection.execute(f"SELECT count(*) FROM messaging_{table}").fetchone()[0]  # noqa: S608
                    for table in ("messages", "outbox")
                ]
                assert rows[0] == rows[1], interrupt
                assert rows[0] == 0 or (not fails and rows[0] == 1), interrupt
                connection.execute("INSERT INTO orders VALUES (1)")
                with shared.begin(connection) as tx:
                    tx.messages.add([a_new_message()])
                connection.rollback()
                count += 1

            connection.rollback()
            assert count > 20
        assert walk(shared) == []
