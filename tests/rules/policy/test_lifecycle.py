"""The law of the lifecycle."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.errors import StateError
from messaging_core.models import Direction, Status
from messaging_core.rules.policy.lifecycle import (
    FINAL,
    INITIAL,
    TRANSITIONS,
    WAITING,
    Cause,
    begun,
    can_be_reported,
    can_cancel,
    can_reschedule,
    cause_of_report,
    is_final,
    is_under_way,
    is_waiting,
    may_begin,
    may_move,
    never_went,
    transition,
)
from messaging_core.testing import MONDAY_MORNING, a_failure, a_message

LATER = MONDAY_MORNING + timedelta(hours=1)
LATE = frozenset({Cause.BOUNCED_LATE, Cause.PROVED_LATE})

# The table of the design, in its own words.
DESIGN = """
accepted:        processing scheduled sent sending_failed skipped deleted
scheduled:       processing accepted sent sending_failed skipped deleted
processing:      sent sending_failed scheduled skipped deleted
sent:            delivered delivery_failed
delivered:       delivery_failed
sending_failed:  sent delivered delivery_failed
delivery_failed: delivered
rejected:
skipped:
deleted:
"""


def moves() -> Iterator[tuple[Status, Status, frozenset[Cause]]]:
    for current, row in TRANSITIONS.items():
        for to, causes in row.items():
            yield current, to, causes


def causes_between(current: Status, to: Status) -> set[Cause]:
    return {cause for cause in Cause if may_move(current, to, cause)}


def test_the_table_is_that_of_the_design() -> None:
    rows = (line.partition(":") for line in DESIGN.strip().splitlines())
    design = {(current, to) for current, _, row in rows for to in row.split()}

    assert {(str(current), str(to)) for current, to, _ in moves()} == design


def test_the_table_is_total() -> None:
    assert set(TRANSITIONS) == set(Status)
    for current, to, cause in product(Status, Status, Cause):
        assert may_move(current, to, cause) is (cause in TRANSITIONS[current].get(to, ()))


def test_every_move_has_a_cause_and_every_cause_a_move() -> None:
    assert all(causes for _, _, causes in moves())
    assert frozenset().union(*(causes for _, _, causes in moves())) == set(Cause)


def test_to_stay_is_no_move() -> None:
    assert all(current is not to for current, to, _ in moves())


def test_every_status_is_reached() -> None:
    reached = set(INITIAL[Direction.OUTGOING])
    for _ in Status:
        reached |= {to for current, to, _ in moves() if current in reached}

    assert reached == set(Status)


def test_final_is_what_only_late_evidence_moves() -> None:
    moved_by = {status: frozenset().union(*TRANSITIONS[status].values()) for status in Status}

    assert {status for status, causes in moved_by.items() if causes <= LATE} == FINAL
    assert {status for status in Status if is_final(status)} == FINAL


def test_what_waits_is_not_final_and_can_be_cancelled() -> None:
    assert {status for status in Status if is_waiting(status)} == WAITING
    assert not WAITING & FINAL
    assert all(can_cancel(status) for status in WAITING)


def test_a_message_begins_as_its_direction_says() -> None:
    begun = {(s, d) for s, d in product(Status, Direction) if may_begin(s, d)}

    assert begun == {
        (Status.ACCEPTED, Direction.OUTGOING),
        (Status.SCHEDULED, Direction.OUTGOING),
        (Status.SKIPPED, Direction.OUTGOING),
        (Status.REJECTED, Direction.OUTGOING),
        (Status.DELIVERED, Direction.INCOMING),
    }


@pytest.mark.parametrize(
    ("current", "to", "causes"),
    [
        ("accepted", "sending_failed", {Cause.EXPIRED}),
        ("scheduled", "sending_failed", {Cause.EXPIRED}),
        ("processing", "sending_failed", {Cause.EXPIRED, Cause.FAILED}),
        ("processing", "scheduled", {Cause.HELD}),
        ("processing", "deleted", {Cause.CANCELLED}),
        ("delivered", "delivery_failed", {Cause.BOUNCED_LATE}),
        ("sending_failed", "delivered", {Cause.PROVED_LATE}),
        ("delivery_failed", "delivered", {Cause.PROVED_LATE}),
        ("sent", "processing", set()),
        ("delivered", "sent", set()),
        ("deleted", "processing", set()),
    ],
)
def test_a_move_needs_its_cause(current: str, to: str, causes: set[Cause]) -> None:
    assert causes_between(Status(current), Status(to)) == causes


def test_only_what_is_not_handed_over_can_be_cancelled() -> None:
    assert {status for status in Status if can_cancel(status)} == {
        Status.ACCEPTED,
        Status.SCHEDULED,
        Status.PROCESSING,
    }


def test_only_a_message_that_waits_can_be_rescheduled() -> None:
    assert {status for status in Status if can_reschedule(status)} == WAITING


@given(st.lists(st.tuples(st.sampled_from(Status), st.sampled_from(Cause))))
def test_no_history_leads_out_of_what_is_over_for_good(
    history: list[tuple[Status, Cause]],
) -> None:
    status, over = Status.ACCEPTED, {Status.REJECTED, Status.SKIPPED, Status.DELETED}
    for to, cause in history:
        before = status
        status = to if may_move(status, to, cause) else status
        assert before not in over or status is before
        assert not (is_final(before) and is_waiting(status))


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        TRANSITIONS[Status.DELETED] = {}  # type: ignore[index]


@given(st.sampled_from(Status), st.sampled_from(Status), st.sampled_from(Cause))
def test_a_message_moves_as_the_table_says_or_not_at_all(
    current: Status, to: Status, cause: Cause
) -> None:
    message = a_message(status=current, reason="old", details="old", failure=a_failure())

    if current is to or may_move(current, to, cause):
        moved = transition(message, to, LATER, cause=cause, reason="new")
        assert (moved.status, moved.last_status_at, moved.updated_at) == (to, LATER, LATER)
        assert (moved.reason, moved.details, moved.failure) == ("new", None, None)
    else:
        with pytest.raises(StateError, match="lifecycle"):
            transition(message, to, LATER, cause=cause)


@given(st.sampled_from(Status), st.sampled_from(Direction))
def test_a_message_begins_as_the_table_says_or_not_at_all(
    status: Status, direction: Direction
) -> None:
    message = a_message(direction=direction)

    if may_begin(status, direction):
        assert begun(message, status).status is status
    else:
        with pytest.raises(StateError, match="begin"):
            begun(message, status)


@given(st.sampled_from(Status), st.sampled_from(Status))
def test_evidence_has_a_cause_for_exactly_what_it_may_move(current: Status, to: Status) -> None:
    proofs = {Cause.REPORTED, Cause.BOUNCED_LATE, Cause.PROVED_LATE}
    cause = cause_of_report(current, to)

    assert (cause is None) is not bool(causes_between(current, to) & proofs)
    assert cause is None or may_move(current, to, cause)


def test_what_never_went_is_over_and_stays_so() -> None:
    never = {status for status in Status if never_went(status)}

    assert never == {Status.REJECTED, Status.SKIPPED, Status.DELETED}
    assert not any(TRANSITIONS[status] for status in never)


def test_what_is_under_way_is_still_to_be_sent() -> None:
    assert {status for status in Status if is_under_way(status)} == {
        Status.ACCEPTED,
        Status.SCHEDULED,
        Status.PROCESSING,
    }


def test_receipts_can_be_about_what_a_provider_has_or_may_have() -> None:
    certain = {status for status in Status if can_be_reported(status, doubted=False)}
    doubted = {status for status in Status if can_be_reported(status, doubted=True)}

    assert certain == {
        Status.PROCESSING,
        Status.SENT,
        Status.DELIVERED,
        Status.DELIVERY_FAILED,
    }
    assert doubted == certain | {Status.SENDING_FAILED}
