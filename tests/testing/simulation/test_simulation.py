"""Every promise holds over weeks of everything that goes wrong, and each seed can be repeated."""

import logging
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.messages.message import Status
from messaging_core.testing.simulation import (
    EVERYDAY,
    HEALTHY,
    POISON,
    PROMISES,
    SCENARIOS,
    Breach,
    BrokenPromiseError,
    Line,
    Story,
)
from messaging_core.testing.simulation import simulate as simulate_on
from messaging_core.testing.simulation.__main__ import main

simulate = partial(simulate_on, storage=MemoryStorage)

BLOCK = 8
"""Seeds in one test: 13 scenarios and 4 blocks are 416 seeds in every run of the tests."""

DIGEST = """
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core.testing.simulation import simulate
print(simulate(11, storage=MemoryStorage).digest)
"""


@pytest.mark.parametrize("block", range(4))
@pytest.mark.parametrize("name", SCENARIOS)
def test_all_promises_hold(name: str, block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        story = simulate(seed, SCENARIOS[name])

        assert len(story.asked) == SCENARIOS[name].messages


def test_the_same_seed_gives_the_same_story() -> None:
    assert simulate(3) == simulate(3)
    assert simulate(3).digest == simulate(3).digest


def test_another_seed_gives_another_story() -> None:
    assert simulate(3).digest != simulate(4).digest


def test_a_story_is_the_same_in_another_process() -> None:
    run = subprocess.run(  # noqa: S603 - our own interpreter and our own program
        [sys.executable, "-c", DIGEST],
        env={**os.environ, "PYTHONHASHSEED": "1234"},
        capture_output=True,
        check=True,
        text=True,
    )

    assert run.stdout.strip() == simulate(11).digest


@pytest.mark.parametrize("seed", range(3))
def test_sqlite_tells_the_same_story_as_memory(seed: int, sqlite: list[SqliteStorage]) -> None:
    def make() -> SqliteStorage:
        sqlite.append(SqliteStorage(":memory:"))
        return sqlite[-1]

    assert simulate(seed, storage=make).digest == simulate(seed, storage=MemoryStorage).digest


@pytest.fixture
def sqlite() -> Iterator[list[SqliteStorage]]:
    opened: list[SqliteStorage] = []
    yield opened
    for storage in opened:
        storage.close()


@pytest.fixture(scope="module")
def stories() -> list[Story]:
    return [
        simulate(seed, scenario) for seed in range(1000, 1005) for scenario in SCENARIOS.values()
    ]


def test_weeks_go_by(stories: list[Story]) -> None:
    assert all(story.ended_at - story.began_at > story.scenario.lasts / 4 for story in stories)
    assert sum(story.ended_at - story.began_at > story.scenario.lasts for story in stories) > 5


def test_everything_goes_wrong_now_and_then(stories: list[Story]) -> None:
    kinds = {event.kind for story in stories for event in story.events}
    outcomes = {event.outcome for story in stories for event in story.events}
    statuses = {message.status for story in stories for message in story.messages.values()}

    assert kinds >= {
        EventKind.ATTEMPTED,
        EventKind.LAPSED,
        EventKind.LATE,
        EventKind.HELD,
        EventKind.ENDED,
        EventKind.RESCHEDULED,
        EventKind.CANCELLED,
        EventKind.REPORTED,
    }
    assert outcomes >= {"accepted", "deferred", "rejected", "unknown", "delivered", "failed"}
    assert statuses >= {
        Status.SENT,
        Status.DELIVERED,
        Status.DELIVERY_FAILED,
        Status.SENDING_FAILED,
        Status.DELETED,
    }
    assert all(story.crashes for story in stories if story.scenario.name == "crashes")
    assert any(len(story.heard) > len(set(story.heard)) for story in stories)
    assert any(len(asked.answers) > 1 for story in stories for asked in story.asked)
    assert any(asked.is_uncertain for story in stories for asked in story.asked)


def test_calls_hang_and_strangers_report_too_soon(stories: list[Story]) -> None:
    hanging = [story for story in stories if story.scenario.name == "hanging"]
    consents = [consent for story in stories for consent in story.consents]

    assert sum(story.hung for story in hanging) > len(hanging)
    assert sum(len(story.premature) for story in hanging) > len(hanging)
    assert {consent.is_held_out for consent in consents} == {True, False}
    assert not threading.active_count() > 20, "threads that hang end with the run"


def test_some_messages_come_twice_and_each_was_counted(stories: list[Story]) -> None:
    repeated = [
        (story, message_id)
        for story in stories
        for message_id in story.messages
        if len({receipt.recipient for receipt in story.receptions_of(message_id)})
        < len(story.receptions_of(message_id))
    ]

    assert repeated
    assert all(story.doubts_of(message_id) for story, message_id in repeated)


def test_a_poisonous_message_and_a_dead_provider_fail_alone() -> None:
    dead = POISON.lines[-1].channel.name
    for seed in range(5):
        for asked, message in simulate(seed, evolve(POISON, cancelled=0, short=0)).asked_as():
            fails = asked.is_poisonous or asked.channel.name == dead
            assert (message.status is Status.SENDING_FAILED) >= fails


def test_without_trouble_everything_is_taken_once_and_nothing_is_in_doubt() -> None:
    calm = evolve(
        EVERYDAY,
        lines=tuple(evolve(line, provider=HEALTHY) for line in EVERYDAY.lines),
        crash=0,
        stall=0,
        storage_fault=0,
        refused=0,
        cancelled=0,
        short=0,
    )

    story = simulate(1, calm)

    receivers = sum(len(asked.addresses) for asked in story.asked)
    assert len(story.receptions) == receivers
    assert story.crashes == 0
    assert not any(story.doubts_of(message_id) for message_id in story.messages)


def test_a_host_adds_its_own_promise_and_is_told_which_seed_broke_it() -> None:
    def nothing_is_ever_sent(story: Story) -> Iterator[Breach]:
        for reception in story.receptions:
            yield Breach(what="it was sent", message_id=reception.message_id)

    with pytest.raises(BrokenPromiseError) as caught:
        simulate(5, promises=(*PROMISES, nothing_is_ever_sent))

    text = str(caught.value)
    assert "seed 5 of scenario 'everyday' broke nothing_is_ever_sent: it was sent" in text
    assert "admitted: accepted" in text or "admitted: scheduled" in text
    assert "taken for" in text
    assert "Scenario(" in text
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - what was pickled just now
    assert str(copy) == text


def test_an_error_of_the_host_tells_its_seed() -> None:
    def no_worker(*_: object) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError) as caught:
        simulate(5, worker=no_worker)  # type: ignore[arg-type]

    assert "seed 5 of scenario 'everyday'" in caught.value.__notes__[0]


def test_the_log_is_as_it_was_afterwards() -> None:
    log = logging.getLogger("messaging_core")
    before = log.level

    simulate(1)

    assert log.level == before


def test_one_line_is_enough_for_a_scenario() -> None:
    line: Line = EVERYDAY.lines[0]

    story = simulate(1, evolve(EVERYDAY, lines=(line,), workers=1, messages=3))

    assert {asked.channel for asked in story.asked} == {line.channel}


def test_the_command_says_how_many_seeds_ran(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--seeds", "4", "--first", "7", "--scenario", "everyday"])

    assert code == 0
    printed = capsys.readouterr().out
    assert "4 of 4 seeds" in printed
    assert "0 broken" in printed


def test_the_command_names_the_seeds_that_broke(capsys: pytest.CaptureFixture[str]) -> None:
    forgetful = "messaging_core.testing.simulation:PROMISES"

    code = main(["--seeds", "2", "--storage", forgetful])

    assert code == 1
    assert "seed 0 of scenario 'everyday'" in capsys.readouterr().out


def test_the_command_names_a_storage_that_cannot_be_imported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--storage", "nowhere:Storage"]) == 2
    assert "--storage: 'nowhere:Storage' cannot be imported" in capsys.readouterr().err
