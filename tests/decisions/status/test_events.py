"""What the log says about each thing that happens to a message."""

from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from messaging_core.decisions.delivery.settlement import IN_DOUBT
from messaging_core.decisions.status.events import (
    admitted,
    changed,
    doubts,
    doubts_of,
    doubts_of_lost,
    is_news,
    lapsed,
    resolved,
    settled,
)
from messaging_core.models.delivery.delivery import Claim, OutcomeKind, Resolution, Settlement
from messaging_core.models.delivery.doubts import Doubts
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.messages.message import Status
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import a_claim, a_delivery, a_message, a_settlement, an_incoming_message

WORKSPACE = UUID(int=1)


def a_settled(**fields: Any) -> Settlement:
    return a_settlement(a_claim(), **fields)


def a_lost(*, doubted: bool = True, doubted_before: bool = False) -> Claim:
    return evolve(a_claim(), lapsed=True, doubted=doubted, doubted_before=doubted_before)


def test_a_kept_message_is_admitted_with_the_time_at_which_it_goes() -> None:
    event = admitted(WORKSPACE, a_message(), a_delivery(NOW))

    assert (event.kind, event.at, event.due_at) == (EventKind.ADMITTED, NOW, NOW)


def test_a_message_of_a_person_is_received_and_not_sent() -> None:
    event = admitted(WORKSPACE, an_incoming_message(), None)

    assert (event.kind, event.due_at) == (EventKind.RECEIVED, None)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"attempt": 1}, EventKind.ATTEMPTED),
        ({"attempt": 1, "next_due_at": NOW}, EventKind.ATTEMPTED),
        ({"next_due_at": NOW}, EventKind.HELD),
        ({}, EventKind.ENDED),
    ],
)
def test_a_settlement_is_named_by_what_was_tried_and_what_comes_next(
    fields: dict[str, Any], kind: EventKind
) -> None:
    assert settled(a_settled(**fields)).kind is kind


def test_a_settlement_says_whether_there_is_a_doubt() -> None:
    assert settled(a_settled(details=IN_DOUBT)).in_doubt
    assert not settled(a_settled(details="other")).in_doubt


@pytest.mark.parametrize(
    ("fields", "news"),
    [
        ({"counts": True, "next_due_at": NOW}, True),
        ({"counts": False, "next_due_at": NOW}, False),
        ({"counts": False, "next_due_at": None}, True),
        ({"counts": True, "next_due_at": None}, True),
    ],
)
def test_a_message_put_back_as_it_was_is_no_news(fields: dict[str, Any], *, news: bool) -> None:
    assert is_news(a_settled(at=NOW, **fields)) is news


def test_a_lapse_names_the_attempt_of_the_worker_before() -> None:
    assert lapsed(a_claim(attempts=3)).attempt == 2


def test_only_a_message_that_was_moved_has_another_time() -> None:
    message = a_message(scheduled_for=NOW, status=Status.SCHEDULED)

    assert changed(WORKSPACE, message, EventKind.RESCHEDULED, NOW).due_at == NOW
    assert changed(WORKSPACE, message, EventKind.CANCELLED, NOW).due_at is None


def test_doubts_are_counted_as_they_open_and_end() -> None:
    settlements = [
        a_settled(outcome=OutcomeKind.UNKNOWN),
        a_settled(outcome=OutcomeKind.UNKNOWN, resolved=Resolution.RESENT),
        a_settled(outcome=OutcomeKind.ACCEPTED, resolved=Resolution.RESENT),
        a_settled(outcome=OutcomeKind.ACCEPTED),
    ]

    assert doubts(settlements) == {"doubt.opened": 2, "doubt.resent": 2}
    assert doubts([a_settled(outcome=OutcomeKind.REJECTED)]) == {}


@pytest.mark.parametrize(
    ("claims", "deduplicates", "counts"),
    [
        ([a_lost(), a_lost()], False, {"doubt.opened": 2}),
        ([a_lost(doubted=False, doubted_before=True)], False, {}),
        (
            [a_lost(doubted_before=True)] * 2,
            False,
            {"doubt.opened": 2, "doubt.resent": 2},
        ),
        (
            [a_lost(doubted_before=True)],
            True,
            {"doubt.opened": 1, "doubt.deduplicated": 1},
        ),
    ],
)
def test_a_lost_worker_opens_a_doubt_and_ends_the_one_before(
    claims: list[Claim], counts: dict[str, int], *, deduplicates: bool
) -> None:
    assert doubts_of_lost(claims, lambda _: deduplicates) == counts


def test_counters_of_other_things_are_no_doubts() -> None:
    counts = {"doubt.opened": 3, "doubt.answered": 1, "sent": 9}

    assert doubts_of(counts) == Doubts(opened=3, answered=1)
    assert resolved(Resolution.EXPIRED) == {"doubt.expired": 1}
