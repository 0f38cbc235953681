"""Virtual time passes in order, one task at a time, and ends when no task has anything to do."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from messaging_core.testing.simulation.scheduler import Scheduler, Task

START = datetime(2026, 3, 16, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def a_scheduler(seed: int = 0, most_steps: int = 100) -> Scheduler:
    return Scheduler(START, random.Random(seed), most_steps)  # noqa: S311 - repeatable


def test_tasks_take_turns_in_the_order_of_virtual_time() -> None:
    scheduler, heard = a_scheduler(), []

    def work(task: Task, *, every: int) -> None:
        for _ in range(3):
            scheduler.pause(task, every * MINUTE)
            heard.append((task.name, scheduler.now - START))

    scheduler.add("slow", lambda task: work(task, every=5))
    scheduler.add("quick", lambda task: work(task, every=2))
    scheduler.run()

    assert heard == [
        ("quick", 2 * MINUTE),
        ("quick", 4 * MINUTE),
        ("slow", 5 * MINUTE),
        ("quick", 6 * MINUTE),
        ("slow", 10 * MINUTE),
        ("slow", 15 * MINUTE),
    ]


def test_a_sleeping_task_continues_when_woken_and_ends_when_no_other_is_left() -> None:
    scheduler, heard = a_scheduler(), []

    def sleeper(task: Task) -> None:
        while not scheduler.is_over:
            scheduler.sleep(task, None)
            heard.append((scheduler.now - START, scheduler.is_over))

    sleeping = scheduler.add("sleeper", sleeper)

    def waker(task: Task) -> None:
        scheduler.pause(task, MINUTE)
        scheduler.wake(sleeping, scheduler.now + MINUTE)

    scheduler.add("waker", waker)
    scheduler.run()

    assert heard == [(2 * MINUTE, False), (2 * MINUTE, True)]


def test_one_is_woken_sooner_but_never_later_than_planned() -> None:
    scheduler, heard = a_scheduler(), []

    def sleeper(task: Task) -> None:
        scheduler.sleep(task, START + 10 * MINUTE)
        heard.append(scheduler.now - START)
        scheduler.sleep(task, START + 20 * MINUTE)
        heard.append(scheduler.now - START)

    sleeping = scheduler.add("sleeper", sleeper)

    def waker(task: Task) -> None:
        scheduler.pause(task, MINUTE)
        scheduler.wake(sleeping, START + 5 * MINUTE)
        scheduler.pause(task, 10 * MINUTE)
        scheduler.wake(sleeping, START + 30 * MINUTE)

    scheduler.add("waker", waker)
    scheduler.run()

    assert heard == [5 * MINUTE, 20 * MINUTE]


def test_at_one_instant_the_seed_decides_who_goes_first() -> None:
    orders = set()
    for seed in range(20):
        scheduler, heard = a_scheduler(seed), []
        for name in "abc":
            scheduler.add(name, lambda task, heard=heard: heard.append(task.name))
        scheduler.run()
        orders.add("".join(heard))

    assert len(orders) > 1
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)


def test_an_error_ends_the_run_and_reaches_its_caller() -> None:
    scheduler, ended = a_scheduler(), []

    def fails(task: Task) -> None:
        scheduler.pause(task, MINUTE)
        raise LookupError("mine")

    def waits(task: Task) -> None:
        try:
            scheduler.pause(task, timedelta(days=1))
        finally:
            ended.append(task.name)

    scheduler.add("fails", fails)
    scheduler.add("waits", waits)

    with pytest.raises(LookupError, match="mine"):
        scheduler.run()
    assert ended == ["waits"]


def test_a_run_without_an_end_is_an_error() -> None:
    scheduler = a_scheduler(most_steps=50)

    def work(task: Task) -> None:
        while True:
            scheduler.pause(task, MINUTE)

    scheduler.add("endless", work)

    with pytest.raises(RuntimeError, match="no end after 50 steps"):
        scheduler.run()
