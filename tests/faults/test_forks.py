"""A forked child never uses what belongs to its parent: connections, locks, sockets, threads."""

import asyncio
import multiprocessing
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest

from messaging_adapters.mail.pool import IdleSessions
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger, SendMessage, Worker, text, to
from messaging_core.aio import AsyncMessenger
from messaging_core.errors import StorageError
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing import RecordingTransport, a_new_message
from messaging_core.testing.contracts.storage.steps import add, walk

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

ORDERS = Channel(name="orders", platform="sms", sender="Shop")
REQUEST = SendMessage(receiver=to("+31612345678"), body=text("Hello"))
PATIENCE = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


def in_a_child(act: Callable[[], object]) -> str:
    """Return what a forked child says: "ok", or its error."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(int(PATIENCE))  # a child that waits for ever is killed
        try:
            act()
            answer = "ok"
        except BaseException as error:  # noqa: BLE001 - the parent shows it
            answer = f"{type(error).__name__}: {error}"
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        answer = answers.read()
    os.waitpid(pid, 0)
    return answer


def messenger_of(storage: Storage) -> Messenger:
    return Messenger(storage=storage, channels={ORDERS: RecordingTransport()})


def is_sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok")


class TestSqlite:
    def test_children_and_parent_share_the_file(self, path: Path) -> None:
        with SqliteStorage(path) as storage:
            messenger = messenger_of(storage)
            messenger.send("orders", REQUEST)

            answers = [in_a_child(lambda: messenger.send("orders", REQUEST)) for _ in range(3)]
            messenger.send("orders", REQUEST)

            assert answers == ["ok"] * 3
            assert len(walk(storage)) == 5
        assert is_sound(path)

    def test_a_child_is_forked_while_other_threads_write(self, path: Path) -> None:
        with SqliteStorage(path) as storage:
            stop = threading.Event()

            def write() -> None:
                while not stop.is_set():
                    add(storage, a_new_message())

            threads = [threading.Thread(target=write) for _ in range(2)]
            for thread in threads:
                thread.start()
            answers = [in_a_child(lambda: add(storage, a_new_message())) for _ in range(10)]
            stop.set()
            for thread in threads:
                thread.join()

            assert answers == ["ok"] * 10
        assert is_sound(path)

    def test_a_child_of_a_fork_inside_a_transaction_is_told(self, path: Path) -> None:
        with SqliteStorage(path, busy_timeout=timedelta(milliseconds=200)) as storage:
            entered, end = threading.Event(), threading.Event()

            def hold() -> None:
                with storage.begin() as tx:
                    tx.messages.add([a_new_message()])
                    entered.set()
                    end.wait(PATIENCE)

            thread = threading.Thread(target=hold)
            thread.start()
            entered.wait(PATIENCE)
            answer = in_a_child(lambda: add(storage, a_new_message()))
            another = in_a_child(lambda: SqliteStorage(path))
            end.set()
            thread.join()

            assert answer.startswith("ConfigurationError: this process was forked while")
            assert another == answer
            assert in_a_child(lambda: add(storage, a_new_message())) == "ok"
            assert len(walk(storage)) == 2

    def test_the_block_that_forked_is_the_parents(self, path: Path) -> None:
        with SqliteStorage(path) as storage:
            child = 0
            try:
                with storage.begin() as tx:
                    tx.messages.add([a_new_message()])
                    child = os.fork()
            except StorageError:
                os._exit(7)  # only the child's block cannot be ended
            if child == 0:
                os._exit(1)

            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
            assert len(walk(storage)) == 1
        assert is_sound(path)

    def test_with_exclusive_a_child_is_refused_and_harms_nothing(self, path: Path) -> None:
        with SqliteStorage(path, exclusive=True) as storage:
            add(storage, a_new_message())

            answers = [in_a_child(lambda: add(storage, a_new_message())) for _ in range(2)]
            answers.append(in_a_child(lambda: SqliteStorage(path, exclusive=True)))
            add(storage, a_new_message())

            assert all("fork" in answer and "exclusive=True" in answer for answer in answers)
            assert all(answer.startswith("ConfigurationError") for answer in answers)
            assert len(walk(storage)) == 2
        assert is_sound(path)

    @pytest.mark.parametrize("exclusive", ["False", "True"])
    def test_a_child_that_ends_as_usual_closes_nothing(self, path: Path, exclusive: str) -> None:
        run = subprocess.run(  # noqa: S603 - our own interpreter and program
            [sys.executable, "-W", "ignore", "-c", CHILD_ENDS, path, exclusive],
            check=False,
            timeout=PATIENCE,
            capture_output=True,
            text=True,
        )

        assert (run.returncode, run.stderr) == (0, "")
        with SqliteStorage(path) as storage:
            assert len(walk(storage)) == 2
        assert is_sound(path)

    def test_a_child_may_close_what_it_inherited(self, path: Path) -> None:
        with SqliteStorage(path) as storage:
            assert in_a_child(storage.close) == "ok"
            add(storage, a_new_message())

    def test_a_fork_that_tells_python_nothing_is_noticed(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with SqliteStorage(path) as storage:
            before = storage._connection
            monkeypatch.setattr(storage._own, "_process", -1)

            add(storage, a_new_message())

            assert storage._connection is not before

    def test_multiprocessing_forks_too(self, path: Path) -> None:
        context = multiprocessing.get_context("fork")
        with SqliteStorage(path) as storage:
            process = context.Process(target=add, args=(storage, a_new_message()))
            process.start()
            process.join(PATIENCE)

            assert process.exitcode == 0
            assert len(walk(storage)) == 1


CHILD_ENDS = """
import os, sys
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.testing import a_new_message
from messaging_core.testing.contracts.storage.steps import add

exclusive = sys.argv[2] == "True"
# A mode that is named is not warned of.
mode = None if exclusive else "TRUNCATE"
storage = SqliteStorage(sys.argv[1], exclusive=exclusive, journal_mode=mode)
add(storage, a_new_message())
pid = os.fork()
if pid == 0:
    sys.exit(0)
os.waitpid(pid, 0)
add(storage, a_new_message())
os._exit(0)
"""


def test_memory_gives_each_process_its_own_copy() -> None:
    storage = MemoryStorage(busy_timeout=timedelta(milliseconds=200))
    entered, end = threading.Event(), threading.Event()

    def hold() -> None:
        with storage.begin() as tx:
            tx.messages.add([a_new_message()])
            entered.set()
            end.wait(PATIENCE)

    def count() -> None:
        add(storage, a_new_message())
        assert len(walk(storage)) == 1  # the half transaction of the parent is not there

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(PATIENCE)
    answer = in_a_child(count)
    end.set()
    thread.join()

    assert answer == "ok"
    assert len(walk(storage)) == 1


def test_an_async_messenger_works_in_the_child_of_a_fork_amid_a_send(path: Path) -> None:
    with SqliteStorage(path) as storage:
        messenger = AsyncMessenger(messenger_of(storage))

        async def send() -> None:
            await asyncio.wait_for(messenger.send("orders", REQUEST), PATIENCE)

        async def fork_amid() -> str:
            sending = asyncio.ensure_future(send())
            await asyncio.sleep(0)  # it waits for its writer now
            answer = in_a_child(lambda: asyncio.run(send()))
            await sending
            return answer

        assert asyncio.run(fork_amid()) == "ok"
        assert len(walk(storage)) == 2


def test_a_worker_works_in_the_child_of_a_fork_amid_a_delivery(path: Path) -> None:
    with SqliteStorage(path) as storage:
        messenger, stop = messenger_of(storage), threading.Event()
        worker = Worker(messenger)
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        messenger.send("orders", REQUEST)

        answer = in_a_child(worker.drain)
        stop.set()
        thread.join(PATIENCE)

        assert answer == "ok"
        assert not thread.is_alive()


class FakeSession:
    """A connection that tells how it was ended."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    def abort(self) -> None:
        self.ends.append("abort")

    def close(self) -> None:
        self.ends.append("close")


def test_a_child_speaks_on_no_connection_of_its_parent() -> None:
    pool, session = IdleSessions(2, timedelta(minutes=1)), FakeSession()
    pool.give(session)  # type: ignore[arg-type, unused-ignore]

    def take() -> None:
        assert pool.take() is None
        assert session.ends == ["abort"]

    with pool._lock:
        answer = in_a_child(take)

    assert answer == "ok"
    assert pool.take() is session
    assert session.ends == []


APP = """
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger, MessagingError, SendMessage, text, to
from messaging_core.testing import RecordingTransport

orders = Channel(name="orders", platform="sms", sender="Shop")
storage = SqliteStorage({path!r}, exclusive={exclusive})
messenger = Messenger(storage=storage, channels={{orders: RecordingTransport()}})
request = SendMessage(receiver=to("+31612345678"), body=text("Hello"))
messenger.send("orders", request)

def app(environ, start_response):
    try:
        messenger.send("orders", request)
        answer, status = "sent", "200 OK"
    except MessagingError as error:
        answer, status = str(error), "500 Error"
    start_response(status, [("Content-Type", "text/plain")])
    return [answer.encode()]
"""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    pytest.importorskip("gunicorn")
    started: list[subprocess.Popen[bytes]] = []

    def start(app: str) -> str:
        (tmp_path / "shop_app.py").write_text(app)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        command = ["gunicorn", "--preload", "--workers=2", f"--bind={address}", "shop_app:app"]
        log = (tmp_path / "log").open("wb")
        started.append(
            subprocess.Popen(  # noqa: S603 - our own interpreter and program
                [sys.executable, "-m", *command], cwd=tmp_path, stdout=log, stderr=log
            )
        )
        log.close()
        return f"http://{address}/"

    yield start
    for process in started:
        process.terminate()
        process.wait(PATIENCE)


def ask(url: str) -> str:
    deadline = monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - our own
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()
        except OSError:
            assert monotonic() < deadline, "gunicorn does not answer"
            sleep(0.05)


def test_workers_of_gunicorn_share_what_was_preloaded(
    path: Path, serve: Callable[[str], str]
) -> None:
    url = serve(APP.format(path=str(path), exclusive=False))

    answers = [ask(url) for _ in range(10)]

    assert answers == ["sent"] * 10
    with SqliteStorage(path) as storage:
        assert len(walk(storage)) == 11


def test_workers_of_gunicorn_are_told_when_it_was_preloaded_exclusively(
    path: Path, serve: Callable[[str], str]
) -> None:
    url = serve(APP.format(path=str(path), exclusive=True))

    answers = {ask(url) for _ in range(4)}

    (answer,) = answers
    assert "fork" in answer
    assert "post_fork" in answer


WITHOUT_FORK = """
import os, sys
for name in ("fork", "forkpty", "register_at_fork"):
    delattr(os, name)
sys.modules["fcntl"] = None

import messaging_adapters.mail.pool
import messaging_adapters.storage.memory.storage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Worker
from messaging_core.aio import AsyncMessenger
from messaging_core.testing import a_new_message
from messaging_core.testing.contracts.storage.steps import add, walk

with SqliteStorage(sys.argv[1], journal_mode="TRUNCATE") as storage:
    add(storage, a_new_message())
    print(len(walk(storage)))
"""


def test_everything_works_where_there_is_no_fork(path: Path) -> None:
    run = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", WITHOUT_FORK, path],
        check=False,
        timeout=PATIENCE,
        capture_output=True,
        text=True,
    )

    assert (run.stdout, run.stderr) == ("1\n", "")
