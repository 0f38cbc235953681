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


def a_crew(work: Callable[[Claim], bool]) -> WorkerPool:
    done: SimpleQueue[WorkerPool] = SimpleQueue()
    crew = WorkerPool(1, work, done=done, lost=set())
    DONE[crew] = done
    return crew


def wait_until_done(crew: WorkerPool) -> None:
    deadline = monotonic() + PATIENCE
    while crew.busy:
        assert monotonic() < deadline
        with suppress(Empty):
            DONE[crew].get(timeout=0.01).gathered()


def test_a_thread_that_came_back_before_it_was_abandoned_is_kept_and_counted_once() -> None:
    first, second = claims(2)
    workers: list[threading.Thread] = []
    began = threading.Event()

    def work(one: Claim) -> bool:
        workers.append(threading.current_thread())
        if one is second:
            began.set()
        return one is second

    with closing(a_crew(work)) as crew:
        crew.hand(first)
        crew.start()
        crew.hand(second)
        crew.start()
        assert began.wait(PATIENCE)
        busy = crew.busy
        crew.abandon(workers[0])
        wait_until_done(crew)

        assert (busy, crew.busy) == (2, 0)
        assert workers[0] is workers[1]
        assert crew.capacity == 1


def test_a_thread_that_was_abandoned_is_replaced_and_rejoins_only_where_there_is_a_place() -> None:
    first, second = claims(2)
    leave, began = threading.Event(), threading.Event()
    workers: list[threading.Thread] = []

    def work(one: Claim) -> bool:
        workers.append(threading.current_thread())
        if one is first:
            began.set()
            leave.wait(PATIENCE)
        return one is second

    with closing(a_crew(work)) as crew:
        crew.hand(first)
        crew.start()
        assert began.wait(PATIENCE)
        crew.abandon(workers[0])
        crew.hand(second)
        crew.start()
        wait_until_done(crew)
        leave.set()
        workers[0].join(PATIENCE)

        assert workers[0] is not workers[1]
        assert not workers[0].is_alive()
        assert workers[1].is_alive()
