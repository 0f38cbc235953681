"""Every promise holds while transactions stand still at any verb and others come between."""

import os
from collections.abc import Callable, Iterable
from functools import partial

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import ConcurrentMemoryStorage, MemoryStorage
from messaging_core.errors import ConfigurationError
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.simulation import (
    EVERYDAY,
    SCENARIOS,
    BrokenPromiseError,
    simulate,
)
from messaging_core.testing.simulation.__main__ import main

SEEDS = 100 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 1
"""For each scenario."""

INTERLEAVED = evolve(EVERYDAY, interleaved=True)


@pytest.mark.parametrize("name", SCENARIOS)
def test_all_promises_hold(name: str) -> None:
    for seed in range(SEEDS):
        scenario = evolve(SCENARIOS[name], interleaved=True)

        story = simulate(seed, scenario, storage=ConcurrentMemoryStorage)

        assert len(story.asked) == scenario.messages


def test_the_same_seed_gives_the_same_story() -> None:
    first, second = (simulate(3, INTERLEAVED, storage=ConcurrentMemoryStorage) for _ in range(2))

    assert first == second
    assert first.digest != simulate(3, storage=ConcurrentMemoryStorage).digest


def test_a_storage_without_locks_of_messages_breaks_a_promise() -> None:
    storage = partial(ConcurrentMemoryStorage, without=frozenset({"message"}))

    with pytest.raises(BrokenPromiseError):
        _simulate(range(10), storage)


def test_a_storage_that_waits_in_real_time_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="MemoryStorage has no `turns`"):
        simulate(1, INTERLEAVED, storage=MemoryStorage)


def test_the_command_interleaves(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--seeds", "2", "--scenario", "everyday", "--interleave"])

    assert code == 0
    assert "2 of 2 seeds" in capsys.readouterr().out


def _simulate(seeds: Iterable[int], storage: Callable[[], Storage]) -> None:
    for seed in seeds:
        simulate(seed, INTERLEAVED, storage=storage)
