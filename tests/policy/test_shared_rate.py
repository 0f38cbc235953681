"""A rate limit that processes share: never more than the limit, and hardly less."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from uuid import UUID

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.errors import ArgumentError, StorageError
from messaging_core.policy.shared_rate import SharedRate
from messaging_core.testing import ManualClock

PEER = Path(__file__).parents[1] / "peers" / "rate_taker.py"
SECONDS = 60 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 2
PROCESSES = 4
LIMIT = 200
WORKSPACE = UUID(int=1)
SECOND = timedelta(seconds=1)


def shared(storage: MemoryStorage, clock: ManualClock, limit: int = 3) -> SharedRate:
    return SharedRate(storage, key="http", limit=limit, workspace=WORKSPACE, clock=clock)


def take(rate: SharedRate, count: int = 1) -> bool:
    taken = rate.take()
    if taken is None:
        rate.refill(count)
        taken = rate.take()
    assert taken is not None
    return taken


def test_processes_that_hammer_one_file_never_exceed_the_limit_and_use_it(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    SqliteStorage(file, journal_mode="TRUNCATE").close()
    command = [sys.executable, str(PEER), str(file), str(LIMIT), str(SECONDS + 1)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(PROCESSES)]  # type: ignore[call-overload] # noqa: S603 - our own
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("begin\n")
        process.stdin.flush()
    lists = [json.loads(process.communicate(timeout=SECONDS + 60)[0]) for process in processes]
    used = sorted(instant for instants in lists for instant in instants)

    gaps = [later - first for first, later in zip(used, used[LIMIT:], strict=False)]
    assert min(gaps) > 1 - 1e-6  # the rounding of a float
    within = [instant for instant in used if instant < used[0] + SECONDS]
    assert len(within) >= 0.9 * LIMIT * SECONDS


def test_units_are_free_one_window_after_their_use() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    rate = shared(storage, clock)

    assert [take(rate) for _ in range(4)] == [True, True, True, False]
    assert rate.wait() == SECOND
    clock.advance(SECOND - timedelta(microseconds=1))
    assert not take(rate)
    clock.advance(timedelta(microseconds=1))
    assert [take(rate) for _ in range(4)] == [True, True, True, False]


def test_others_get_what_one_process_leaves() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    first, second = (shared(storage, clock) for _ in range(2))

    assert [take(first), take(second), take(first)] == [True] * 3
    assert not take(second)
    # The share of the first counts as used at its end, until the first reports.
    assert second.wait() == SECOND
    clock.advance(SECOND / 10)
    assert not take(first)
    assert second.take() is None
    assert not take(second)
    assert second.wait() == SECOND * 0.9


def test_a_share_is_used_without_the_storage_and_ends() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    rate = shared(storage, clock, limit=100)

    rate.refill(4)
    assert [rate.take() for _ in range(3)] == [True] * 3
    clock.advance(SECOND / 2 + timedelta(microseconds=1))
    assert rate.take() is None
    rate.refill(1)  # and a spare of twice what was used
    assert [rate.take() for _ in range(8)] == [*[True] * 7, None]


def test_several_units_are_taken_together_or_not_at_all() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    parts, another = (shared(storage, clock, limit=5) for _ in range(2))

    def take_parts(count: int) -> bool | None:
        if parts.take(count) is None:
            parts.refill(count, least=count)
            return parts.take(count)
        return True

    assert take_parts(3)
    clock.advance(SECOND / 2)
    assert not take_parts(3)
    assert parts.wait() == SECOND / 2
    assert take(another)
    clock.advance(SECOND / 2)
    assert take_parts(4)
    clock.advance(SECOND * 2)
    assert take_parts(9)  # as many as the limit
    assert not take(another)


def test_a_process_that_dies_gives_its_share_back() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    shared(storage, clock).refill(3)
    rate = shared(storage, clock)

    assert not take(rate)
    assert rate.wait() == SECOND * 1.5
    clock.advance(SECOND * 1.5)
    assert take(rate)


def test_a_clock_that_steps_back_ends_a_share() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    rate = shared(storage, clock, limit=100)
    rate.refill(50)

    clock.advance(-timedelta(hours=1))

    assert rate.take() is None
    assert take(rate, 100)
    assert [rate.take() for _ in range(99)].count(True) == 99


def test_a_storage_that_fails_takes_nothing_and_loses_no_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage, clock = MemoryStorage(), ManualClock()
    rate = shared(storage, clock)
    assert take(rate)
    with monkeypatch.context() as patched:
        patched.setattr(storage, "_commit", _fail)
        with pytest.raises(StorageError):
            rate.refill(2)

    assert rate.take() is None
    assert [take(rate, 2) for _ in range(3)] == [True, True, False]


def _fail(_: object) -> None:
    raise StorageError("down")


def test_a_forked_child_takes_shares_of_its_own() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    rate = shared(storage, clock)
    rate.refill(2)

    rate.after_fork_in_child()

    assert rate.take() is None
    assert [take(rate, 3), take(rate)] == [True, False]


def test_limits_of_workspaces_and_keys_are_apart() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    rates = [
        SharedRate(storage, key=key, limit=1, workspace=workspace, clock=clock)
        for key in ("http", "http.reads")
        for workspace in (WORKSPACE, UUID(int=2))
    ]

    assert [take(rate) for rate in rates] == [True] * 4
    assert [take(rate) for rate in rates] == [False] * 4


@pytest.mark.parametrize(("limit", "window"), [(0, SECOND), (1, timedelta(0))])
def test_a_limit_at_which_nothing_could_go_is_refused(limit: int, window: timedelta) -> None:
    with pytest.raises(ArgumentError):
        SharedRate(MemoryStorage(), key="x", limit=limit, workspace=WORKSPACE, window=window)


def lasting(storage: MemoryStorage, clock: ManualClock, **spans: timedelta) -> SharedRate:
    return SharedRate(
        storage, key="calls", limit=2, workspace=WORKSPACE, clock=clock, grace=SECOND, **spans
    )


def test_a_use_that_lasts_counts_until_one_window_after_its_end() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    first, second = lasting(storage, clock), lasting(storage, clock)
    assert first.acquire(2)

    for _ in range(8):
        clock.advance(SECOND / 2)
        first.report()  # as its thread does
        assert second.acquire() is None
    first.end(2)
    first.report()
    clock.advance(SECOND - timedelta(microseconds=1))
    assert second.acquire() is None
    clock.advance(timedelta(microseconds=1))
    assert second.acquire()
    second.end()


def test_a_process_that_dies_during_a_call_gives_it_back() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    dead, rate = lasting(storage, clock), lasting(storage, clock)
    assert dead.acquire(2)
    clock.advance(SECOND * 2.5 - timedelta(microseconds=1))  # lease, grace and window

    assert rate.acquire() is None
    clock.advance(timedelta(microseconds=1))
    assert rate.acquire()
    dead.end(2)
    rate.end()


def test_units_are_given_out_shortly_before_they_are_free() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    first, second = (lasting(storage, clock, lead=SECOND / 10) for _ in range(2))
    begun_at = clock.now()
    assert first.acquire(2) == begun_at
    first.end(2)
    first.report()
    clock.advance(SECOND * 0.8)
    assert second.acquire() is None
    assert second.wait() == SECOND / 10
    clock.advance(SECOND / 10)

    assert second.acquire(2) == begun_at + SECOND
    assert first.acquire() is None
    second.end(2)


def test_a_process_without_more_calls_reports_by_itself() -> None:
    storage = MemoryStorage()
    first, second = (
        SharedRate(
            storage,
            key="calls",
            limit=10,
            workspace=WORKSPACE,
            window=SECOND / 20,
            grace=timedelta(days=1),
        )
        for _ in range(2)
    )
    first.refill(10)
    assert first.acquire()
    first.end()

    deadline = monotonic() + 30
    while second.acquire(10) is None:
        assert monotonic() < deadline
        sleep(0.005)
    second.end(10)
