"""What is broken, by fixed rules in their order."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.viewer.pages.operations_figures import Figures
from messaging_adapters.viewer.pages.operations_findings import (
    Blocked,
    Facts,
    Parked,
    findings_of,
)
from messaging_core.models import Backlog, DiskSpace, Health, Lane, SubscriberLag, WorkerState
from messaging_core.models.delivery.rollups import RollupOutcome

NOW = datetime(2026, 11, 28, 14, 31, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CHANNEL = UUID(int=1)


def written(at: datetime) -> str:
    return f"{at:%H:%M}"


def a_worker(age: timedelta) -> WorkerState:
    at = NOW - age
    return WorkerState(
        id=UUID(int=1), host="mail-1", process=7, version="1", started_at=at, seen_at=at
    )


def due(age: timedelta, number: int = 46) -> tuple[Backlog, ...]:
    backlog = Backlog(
        workspace=CHANNEL,
        channel_id=CHANNEL,
        lane=Lane.TRANSACTIONAL,
        number=number,
        oldest_due_at=NOW - age,
    )
    return (backlog,)


def figures(sent: int = 0, failed: int = 0, delivered: int = 0) -> Figures:
    return Figures(
        numbers=Counter(
            {
                RollupOutcome.SENT: sent,
                RollupOutcome.SENDING_FAILED: failed,
                RollupOutcome.DELIVERED: delivered,
            }
        )
    )


def health(**fields: Any) -> Health:
    return Health(at=NOW, **{"workers": (a_worker(timedelta(seconds=2)),), **fields})


SILENT = {"health": health(workers=(a_worker(5 * MINUTE),), backlog=due(4 * MINUTE))}
SCARCE = {"health": health(disk=DiskSpace(free=200 * 2**20, floor=64 * 2**20))}
FULL = {"health": health(disk=DiskSpace(free=60 * 2**20, floor=64 * 2**20))}
CIRCUIT = {
    "health": health(),
    "blocked": (
        Blocked(
            channel="orders-sms",
            since=NOW - 4 * MINUTE,
            retry_at=NOW + MINUTE,
            waiting=46,
            oldest=timedelta(minutes=4, seconds=48),
        ),
    ),
}
LATE = {"health": health(backlog=due(3 * MINUTE)), "worst_channel": "codes"}
FAILING = {
    "health": health(),
    "recent": figures(sent=60, failed=40),
    "usual": figures(sent=1000, failed=100),
}
UNPROCESSED = {"health": health(receipts_since=NOW - 5 * MINUTE)}
UNREPORTED = {
    "health": health(),
    "recent": figures(sent=50),
    "usual": figures(sent=1000, delivered=900),
}
PARKED = {"health": health(), "parked": Parked(number=1, since=NOW - 3 * MINUTE)}
BEHIND = {"health": health(subscribers=(SubscriberLag(name="crm", since=NOW - 2 * MINUTE),))}


@pytest.mark.parametrize(
    ("facts", "rule", "sentence", "parts"),
    [
        (SILENT, "workers_silent", "every worker is silent", ["14:26", "46 messages wait"]),
        (SCARCE, "disk", "the disk is nearly full.", ["200 MB are free", "below 64 MB"]),
        (FULL, "disk", "the disk is full.", ["60 MB are free", "Nothing is accepted now"]),
        (
            CIRCUIT,
            "circuit_open",
            "orders-sms sends nothing.",
            ["open since 14:27", "46 messages wait, the oldest for 4 min", "at 14:32"],
        ),
        (LATE, "overdue", "messages on codes are late.", ["due at 14:28", "limit is 60 s"]),
        (FAILING, "failures", "more messages fail than usual.", ["40 of 100", "40.0%", "9.1%"]),
        (UNPROCESSED, "receipts", "receipts are not processed.", ["came at 14:26"]),
        (UNREPORTED, "receipts", "no receipts arrive.", ["50 messages were sent", "90%"]),
        (PARKED, "doubts", "1 message is in doubt and waits for a person.", ["since 14:28"]),
        (BEHIND, "subscriber", "the subscriber crm is behind.", ["event of 14:29"]),
    ],
)
def test_each_rule_says_since_when_how_many_and_what_is_next(
    facts: dict[str, Any], rule: str, sentence: str, parts: list[str]
) -> None:
    (finding,) = findings_of(Facts(**facts), written)

    assert finding.rule == rule
    assert finding.sentence.startswith(sentence)
    assert all(part in finding.detail for part in parts), finding.detail
    assert finding.place.word
    assert finding.place.segments[0] in {"messages", "operations"}


@pytest.mark.parametrize(
    "facts",
    [
        {"health": health()},
        {"health": health(workers=())},
        {"health": health(backlog=due(MINUTE))},
        {"health": health(disk=DiskSpace(free=2**40, floor=2**26))},
        {"health": health(receipts_since=NOW - MINUTE)},
        {"health": health(subscribers=(SubscriberLag(name="crm", since=NOW - MINUTE),))},
        {**FAILING, "recent": figures(sent=12, failed=9)},
        {**FAILING, "recent": figures(sent=73, failed=27)},
        {**FAILING, "usual": Figures()},
        {**UNREPORTED, "recent": figures(sent=19)},
        {**UNREPORTED, "recent": figures(sent=50, delivered=1)},
        {**UNREPORTED, "usual": figures(sent=1000, delivered=400)},
    ],
)
def test_what_is_usual_is_well(facts: dict[str, Any]) -> None:
    assert findings_of(Facts(**facts), written) == ()


def test_all_rules_are_told_in_their_order() -> None:
    facts = Facts(
        health=health(
            workers=(a_worker(5 * MINUTE),),
            disk=DiskSpace(free=0, floor=1),
            receipts_since=NOW - 5 * MINUTE,
            subscribers=(SubscriberLag(name="crm", since=NOW - 2 * MINUTE),),
        ),
        blocked=CIRCUIT["blocked"],  # type: ignore[arg-type]
        recent=figures(sent=60, failed=40),
        usual=figures(sent=1000, failed=100),
        parked=Parked(number=3, since=NOW),
    )

    rules = [finding.rule for finding in findings_of(facts, written)]

    assert rules == [
        "workers_silent",
        "disk",
        "circuit_open",
        "failures",
        "receipts",
        "doubts",
        "subscriber",
    ]


def test_lateness_is_not_told_twice() -> None:
    facts = Facts(
        health=health(backlog=due(5 * MINUTE)),
        blocked=CIRCUIT["blocked"],  # type: ignore[arg-type]
        worst_channel="orders-sms",
    )

    assert [finding.rule for finding in findings_of(facts, written)] == ["circuit_open"]
    other = evolve(facts, worst_channel="codes")
    assert [finding.rule for finding in findings_of(other, written)] == ["circuit_open", "overdue"]


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_any_figures_can_be_judged(sent: int, failed: int, usual: int, lost: int) -> None:
    facts = Facts(
        health=health(), recent=figures(sent, failed), usual=figures(usual, lost, usual // 2)
    )

    for finding in findings_of(facts, written):
        assert finding.rule in {"failures", "receipts"}
