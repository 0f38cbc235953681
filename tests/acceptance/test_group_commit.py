"""Threads that call `send` at the same time share transactions, and none pays for another."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import InvalidMessageError, Message, Messenger, StorageError
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.testing import RecordingTransport, a_channel, a_request

CHANNEL = a_channel()
LONGEST = 10.0


class Gate(Storage):
    """Holds up the first commit until it is opened; counts and breaks commits."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.entered, self.leave = threading.Event(), threading.Event()
        self.commits = 0
        self.error: BaseException | None = None

    @contextmanager
    def begin(self, connection: Any = None, *, read_only: bool = False) -> Iterator[Transaction]:
        with self.storage.begin(connection, read_only=read_only) as tx:
            yield tx
            if read_only:
                return
            if not self.entered.is_set():
                self.entered.set()
                assert self.leave.wait(LONGEST)
            self.commits += 1
            if self.error is not None:
                raise self.error


@pytest.fixture
def gate() -> Gate:
    return Gate()


def messenger(storage: Storage) -> Messenger:
    return Messenger(storage=storage, channels={CHANNEL: RecordingTransport()})


def send_behind_a_commit(
    host: Messenger, gate: Gate, pool: ThreadPoolExecutor, receivers: list[str]
) -> tuple["Future[Message]", list["Future[Message]"]]:
    """Start one call that commits, and more that arrive meanwhile; then open the gate."""
    first = pool.submit(host.send, CHANNEL, a_request())
    assert gate.entered.wait(LONGEST)
    calls = [pool.submit(host.send, CHANNEL, a_request(to=receiver)) for receiver in receivers]
    deadline = monotonic() + LONGEST
    while len(host._group._waiting) < len(receivers):
        assert monotonic() < deadline
        sleep(0.001)
    gate.leave.set()
    return first, calls


def test_calls_that_arrive_during_a_commit_share_the_next_one(gate: Gate) -> None:
    host = messenger(gate)
    receivers = [f"+3161234567{number}" for number in range(8)]

    with ThreadPoolExecutor(9) as pool:
        first, calls = send_behind_a_commit(host, gate, pool, receivers)
        messages = [first.result(), *(call.result() for call in calls)]

    assert gate.commits == 2
    assert {host.get(message.id) for message in messages} == set(messages)
    assert [message.receiver.contacts[0].identifier_value for message in messages[1:]] == receivers


def test_a_bad_request_fails_alone(gate: Gate) -> None:
    host = messenger(gate)

    with ThreadPoolExecutor(3) as pool:
        _, (good, bad) = send_behind_a_commit(host, gate, pool, ["+31612345678", "nonsense"])

        assert host.get(good.result().id) == good.result()
        with pytest.raises(InvalidMessageError):
            bad.result()


def test_when_the_commit_fails_every_call_of_it_raises_and_nothing_is_written(gate: Gate) -> None:
    host = messenger(gate)

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(host.send, CHANNEL, a_request())
        assert gate.entered.wait(LONGEST)
        gate.error = StorageError("disk full")
        gate.leave.set()
        errors = [first.exception(), pool.submit(host.send, CHANNEL, a_request()).exception()]
    gate.error = None

    assert [type(error) for error in errors] == [StorageError, StorageError]
    assert host.find().results == []


def test_when_the_host_s_own_code_fails_for_one_the_others_are_accepted(gate: Gate) -> None:
    host = messenger(gate)
    accept = host._group._accept

    def failing(submissions: Any) -> Any:
        if any(submission.idempotency_key == "odd" for submission in submissions):
            raise ValueError("code of the host")
        return accept(submissions)

    host._group._accept = failing
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(host.send, CHANNEL, a_request())
        assert gate.entered.wait(LONGEST)
        good = pool.submit(host.send, CHANNEL, a_request(), idempotency_key="even")
        odd = pool.submit(host.send, CHANNEL, a_request(), idempotency_key="odd")
        sleep(0.05)
        gate.leave.set()

        assert host.get(good.result().id) == good.result()
        with pytest.raises(ValueError, match="code of the host"):
            odd.result()
    assert first.result()


def test_one_key_used_by_many_threads_at_once_is_one_message(gate: Gate) -> None:
    host = messenger(gate)

    with ThreadPoolExecutor(8) as pool:
        calls = [
            pool.submit(host.send, CHANNEL, a_request(), idempotency_key="order-1")
            for _ in range(8)
        ]
        gate.leave.set()

    assert len({call.result().id for call in calls}) == 1
    assert len(host.find().results) == 1


class Stopped(BaseException):
    """What a signal handler raises."""


def test_an_interrupted_leader_holds_up_no_other_call(gate: Gate) -> None:
    host = messenger(gate)
    gate.leave.set()
    gate.error = Stopped()

    with pytest.raises(Stopped):
        host.send(CHANNEL, a_request())
    gate.error = None
    with ThreadPoolExecutor(1) as pool:
        message = pool.submit(host.send, CHANNEL, a_request()).result(LONGEST)

    assert [message.id for message in host.find().results] == [message.id]


def test_a_call_interrupted_while_it_waits_sends_nothing(gate: Gate) -> None:
    host = messenger(gate)

    def stop(*_: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGALRM, stop)
    try:
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(host.send, CHANNEL, a_request())
            assert gate.entered.wait(LONGEST)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(Stopped):
                host.send(CHANNEL, a_request())
            gate.leave.set()
            message = first.result()
    finally:
        signal.signal(signal.SIGALRM, before)

    assert [message.id for message in host.find().results] == [message.id]


def test_a_signal_handler_that_sends_while_its_thread_leads_does_not_hang(tmp_path: Path) -> None:
    with SqliteStorage(tmp_path / "messages.db") as storage:
        host = messenger(storage)
        inner: list[Message] = []
        accept = host._group._accept

        def interrupted(submissions: Any) -> Any:
            host._group._accept = accept
            inner.append(host.send(CHANNEL, a_request()))  # as a handler would, in this thread
            return accept(submissions)

        host._group._accept = interrupted
        outer = host.send(CHANNEL, a_request())

        assert {message.id for message in host.find().results} == {outer.id, inner[0].id}
