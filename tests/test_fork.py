"""A forked child finds every lock open, whichever thread of the parent held it."""

import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from messaging_adapters.transports.composition.circuit_breaker import CircuitBreaker
from messaging_adapters.transports.composition.round_robin import RoundRobin
from messaging_adapters.transports.composition.throttled import Throttled
from messaging_core.ports.clock import TimeOrderedIds
from messaging_core.testing import RecordingTransport
from messaging_core.testing.contracts.transport import CONTENTS, Leave, an_envelope

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def send_through(transport: Any) -> None:
    assert transport.send(an_envelope(*CONTENTS[0]), Leave())


def throttled() -> tuple[Any, Callable[[], object]]:
    transport = Throttled(RecordingTransport(), 10)
    return transport._limit._buckets[None]._lock, lambda: send_through(transport)


def circuit_breaker() -> tuple[Any, Callable[[], object]]:
    transport = CircuitBreaker(RecordingTransport())
    return transport._lock, lambda: send_through(transport)


def round_robin() -> tuple[Any, Callable[[], object]]:
    transport = RoundRobin(RecordingTransport(), RecordingTransport())
    return transport._lock, lambda: send_through(transport)


def ids() -> tuple[Any, Callable[[], object]]:
    ids = TimeOrderedIds()
    return ids._lock, lambda: ids.new(NOW)


@pytest.mark.parametrize("make", [throttled, circuit_breaker, round_robin, ids])
def test_a_child_works_while_a_thread_of_the_parent_holds_a_lock(
    make: Callable[[], tuple[Any, Callable[[], object]]],
) -> None:
    lock, work = make()
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            over.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    child = os.fork()
    if child == 0:
        work()
        os._exit(7)
    over.set()
    thread.join()

    assert status_of(child) == 7
    work()


def status_of(child: int) -> int | None:
    """Return the exit status of a child, or nothing for one that hangs."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
