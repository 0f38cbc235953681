"""Every message counts once, whether a thread comes back first or is given up first."""

import threading
from collections.abc import Callable
from contextlib import closing, suppress
from queue import Empty, SimpleQueue
from time import monotonic

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core.delivery.thread_pool import WorkerPool
from messaging_core.models.delivery.delivery import Claim
from messaging_core.testing import a_new_message
from messaging_core.testing.contracts.storage.steps import add, claim

PATIENCE = 10.0


def claims(count: int) -> list[Claim]:
    storage = MemoryStorage()
    add(storage, *(a_new_message() for _ in range(count)))
    return claim(storage)


DONE: dict[WorkerPool, "SimpleQueue[WorkerPool]"] = {}


def a_pool(work: Callable[[Claim], bool]) -> WorkerPool:
    done: SimpleQueue[WorkerPool] = SimpleQueue()
    pool = WorkerPool(1, work, done=done, hung=set())
    DONE[pool] = done
    return pool


def wait_until_done(pool: WorkerPool) -> None:
    deadline = monotonic() + PATIENCE
    while pool.in_flight:
        assert monotonic() < deadline
        with suppress(Empty):
            DONE[pool].get(timeout=0.01).count_finished()


def test_a_thread_that_came_back_before_it_was_abandoned_is_kept_and_counted_once() -> None:
    first, second = claims(2)
    workers: list[threading.Thread] = []
    began = threading.Event()

    def work(claim: Claim) -> bool:
        workers.append(threading.current_thread())
        if claim is second:
            began.set()
        return claim is second

    with closing(a_pool(work)) as pool:
        pool.submit(first)
        pool.start()
        pool.submit(second)
        pool.start()
        assert began.wait(PATIENCE)
        in_flight = pool.in_flight
        pool.replace_hung(workers[0])
        wait_until_done(pool)

        assert (in_flight, pool.in_flight) == (2, 0)
        assert workers[0] is workers[1]
        assert pool.capacity == 1


def test_a_thread_that_was_abandoned_is_replaced_and_rejoins_only_where_there_is_a_place() -> None:
    first, second = claims(2)
    leave, began = threading.Event(), threading.Event()
    workers: list[threading.Thread] = []

    def work(claim: Claim) -> bool:
        workers.append(threading.current_thread())
        if claim is first:
            began.set()
            leave.wait(PATIENCE)
        return claim is second

    with closing(a_pool(work)) as pool:
        pool.submit(first)
        pool.start()
        assert began.wait(PATIENCE)
        pool.replace_hung(workers[0])
        pool.submit(second)
        pool.start()
        wait_until_done(pool)
        leave.set()
        workers[0].join(PATIENCE)

        assert workers[0] is not workers[1]
        assert not workers[0].is_alive()
        assert workers[1].is_alive()
