"""A short soak test of both storages; for a long one, see `faults.soak`."""

import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from faults.processes import Child, until
from faults.soak import LASTING, Options, Soak, soak
from faults.soak_figures import Bounds, Sample, Usage, growth, slower
from faults.soak_notes import Notes
from faults.soak_promises import left
from faults.soak_repeats import Faults, disordered_events, repeated_sends, wrong_webhooks
from faults.soak_storage import STORAGES
from faults.soak_worker import SUBSCRIBER
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger
from messaging_core.models.delivery.receipt import KeptReceipt, ReceiptStatus, StatusReceipt

MINUTES = float(os.environ.get("MESSAGING_SOAK", "0"))
SHORT = Options(seconds=10, rate=15, retention=3, lease=3, sampled=0.5, restarted=5)
# In seconds a process still warms up, the first purges have just begun, and others use the machine.
# Few messages are accepted in a third then, so the processor time of one tells nothing.
WIDE = Bounds(
    memory=10_000_000,
    size=4,
    threads=8,
    processor=inf,
    latency=10,
    moment=0.5,
    percentiles=(50,),
)
BOUNDS = Bounds()
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("storage", STORAGES)
def test_a_storage_under_everything_at_once_loses_nothing_and_does_not_grow(
    storage: str, figure: Callable[[str], None]
) -> None:
    options = Options(seconds=MINUTES * 60) if MINUTES else SHORT
    lines: list[str] = []

    result = soak(storage, options, BOUNDS if MINUTES else WIDE, lines.append)

    figure(f"soak test on {storage}: {'; '.join(result.table[:4])}")
    assert result.problems == [], "\n".join([*lines, *result.table])


def a_storage_of_the_test() -> MemoryStorage:
    storage = MemoryStorage()
    with storage.begin() as tx:
        tx.timeline.subscribe(SUBSCRIBER, from_start=True)
    return storage


def an_early_receipt() -> StatusReceipt:
    status = ReceiptStatus.DELIVERED
    return StatusReceipt(source="erratic", at=NOW, status=status, reference="early")


def test_the_reminder_of_a_receipt_that_came_early_is_not_left_over() -> None:
    storage = a_storage_of_the_test()
    Messenger(storage=storage, channels={}).receive([an_early_receipt()])
    with storage.begin(read_only=True) as tx:
        assert tx.receipts.pending(limit=1)

    assert list(left(storage)) == []


def test_a_receipt_that_was_not_applied_is_told() -> None:
    storage = a_storage_of_the_test()
    Messenger(storage=storage, channels={}).receive([an_early_receipt()])
    entry = KeptReceipt(
        position=0, workspace=UUID(int=0), key="late", received_at=NOW, receipt=an_early_receipt()
    )
    with storage.begin() as tx:
        tx.receipts.keep([entry])

    assert list(left(storage)) == ["a receipt was not applied"]


STEADY = Usage(memory=60_000_000, descriptors=12, threads=9, processor=0.0)


def samples(**growing: float) -> list[Sample]:
    """Return those of an hour in which a process grows by so much with each."""
    return [
        Sample(
            at=10.0 * number,
            processes={
                name: evolve(
                    STEADY,
                    processor=number * (0.5 + growing.get("processor", 0) * number),
                    memory=STEADY.memory + int(growing.get("memory", 0) * number),
                    descriptors=STEADY.descriptors + int(growing.get("descriptors", 0) * number),
                    threads=STEADY.threads + int(growing.get("threads", 0) * number),
                )
                for name in LASTING
            },
            size=20_000_000 + int(growing.get("size", 0) * number),
            accepted=300 * number,
        )
        for number in range(360)
    ]


def test_what_stays_flat_is_no_growth() -> None:
    assert growth(samples(), BOUNDS) == []


@pytest.mark.parametrize(
    ("what", "amount"),
    [
        ("memory", 40_000),  # 130 bytes a message
        ("descriptors", 0.02),
        ("threads", 0.02),
        ("processor", 0.01),
        ("size", 50_000),  # 170 bytes a message
    ],
)
def test_what_grows_is_told(what: str, amount: float) -> None:
    assert growth(samples(**{what: amount}), BOUNDS)


def test_a_leak_in_the_warm_up_only_is_no_growth() -> None:
    early, late = samples(memory=400_000)[:120], samples()[120:]

    assert growth([*early, *late], BOUNDS) == []


def test_calls_that_get_slower_are_told() -> None:
    steady = [(float(at), 0.1) for at in range(300)]
    slowing = [(at, 0.1 + at / 300) for at, _ in steady]

    assert slower("accept", steady, BOUNDS) == []
    assert slower("accept", slowing, BOUNDS)


def test_times_below_a_moment_count_as_equal() -> None:
    assert slower("accept", [(float(at), 0.001 * at / 10) for at in range(300)], BOUNDS) == []


def test_a_test_that_measured_nothing_is_told() -> None:
    assert slower("deliver", [], BOUNDS) == ["deliver: nothing was measured"]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_process_that_ended_by_itself_is_told_when_it_is_killed_and_when_it_is_stopped(
    seed: int, tmp_path: Path
) -> None:
    test = Soak({}, tmp_path, SHORT, lambda: 0, print, Random(seed))  # noqa: S311 - picks moments
    test.children["another_host"] = crashed = Child("soak_host", {})
    until(lambda: crashed.exit_code is not None, "it still runs")

    with pytest.raises(AssertionError, match="ended"):
        test.restart()


QUIET = Faults(doubts=Counter())


def noted(**fields: Any) -> Notes:
    """Return the notes of one message, which was sent, and heard and told of once."""
    events = {
        1: ("admitted", "a", "accepted"),
        2: ("status", "a", "sent"),
        3: ("status", "a", "delivered"),
        4: ("interacted", "a", "delivered"),
    }
    notes = Notes(
        accepted={"a": (0.0, 0.1, True)},
        sends=[("a", 0.2)],
        heard=list(events),
        events=events,
        webhooks=[("w", "a", "delivered")],
    )
    return evolve(notes, **fields)


def test_what_happens_once_and_in_order_is_no_problem() -> None:
    for check in (repeated_sends, disordered_events, wrong_webhooks):
        assert list(check(noted(), QUIET)) == []


def test_a_message_that_is_sent_twice_without_a_doubt_is_told() -> None:
    notes = noted(sends=[("a", 0.2), ("a", 0.3)])

    assert list(repeated_sends(notes, QUIET))
    assert not list(repeated_sends(notes, Faults(doubts=Counter("a"))))


def test_doubts_that_no_kill_explains_are_told() -> None:
    assert list(repeated_sends(noted(), Faults(doubts=Counter(a=30))))
    assert not list(repeated_sends(noted(), Faults(doubts=Counter(a=30), worker_kills=5)))


def test_events_that_are_first_heard_out_of_order_are_told() -> None:
    assert list(disordered_events(noted(heard=[1, 3, 2, 4]), QUIET))


def test_events_that_two_threads_hear_at_once_are_told() -> None:
    heard = [position for position in range(1, 30) for _ in range(2)]

    assert list(disordered_events(noted(heard=heard), QUIET))
    assert not list(disordered_events(noted(heard=[*range(1, 30), *range(20, 60)]), QUIET))


@pytest.mark.parametrize(
    "webhooks",
    [
        [],
        [("w", "a", "delivered"), ("v", "a", "delivered")],
        [("w", "b", "delivered")],
        [("w", "a", "sent")],
        [("w", "a", "delivered")] * 30,
    ],
)
def test_a_webhook_that_is_missing_wrong_or_repeated_is_told(
    webhooks: list[tuple[str, str, str]],
) -> None:
    assert list(wrong_webhooks(noted(webhooks=webhooks), QUIET))
