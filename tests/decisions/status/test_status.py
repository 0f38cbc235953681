"""The status that all evidence together gives a message, in whatever order it came."""

from datetime import timedelta
from itertools import permutations
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.decisions.status.evidence import (
    DOUBT_EVIDENCE,
    HANDED_OVER,
    NO_EVIDENCE,
    evidence_from_late_answer,
    evidence_from_receipt,
    late_acceptance,
    may_have_it,
    merge,
    proven_recipients,
)
from messaging_core.decisions.status.resolution import platform_of, resolve_status
from messaging_core.models.common.failure import Failure
from messaging_core.models.delivery.delivery import OutcomeKind
from messaging_core.models.delivery.evidence import Evidence, HandOver, Reported
from messaging_core.models.delivery.receipt import ReceiptStatus, StatusReceipt
from messaging_core.models.messages.message import Message, Part, Status
from messaging_core.rules.policy.lifecycle import TRANSITIONS
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import a_channel, a_claim, a_failure, a_message, a_settlement

A, B = "a@x.example", "b@x.example"
SENT, DELIVERED, FAILED = ReceiptStatus.SENT, ReceiptStatus.DELIVERED, ReceiptStatus.FAILED
BUSY = a_failure(15001, description="busy")


def said(
    status: ReceiptStatus | None,
    reference: str = "",
    *,
    recipient: str = "",
    minute: int = 0,
    failure: Failure | None = None,
) -> Evidence:
    receipt = StatusReceipt(
        source="provider",
        at=NOW + timedelta(minutes=minute),
        status=status,
        reference=reference or None,
        failure=failure,
    )
    return evidence_from_receipt(receipt, recipient=recipient)


def all_of(*pieces: Evidence) -> Evidence:
    evidence = NO_EVIDENCE
    for piece in pieces:
        evidence = merge(evidence, piece)
    return evidence


def an_sms(*references: str, **fields: Any) -> Message:
    parts = tuple(Part(platform_reference=reference) for reference in references)
    return a_message(**{"status": Status.SENT, "parts": parts, **fields})


def a_mail(*to: str, **fields: Any) -> Message:
    return a_message(to=to or (A,), **{"status": Status.SENT, **fields})


def status_after(message: Message, *pieces: Evidence) -> Status:
    platform = "email" if "@" in (message.receiver.contacts[0].identifier_value or "") else "sms"
    return resolve_status(message, all_of(*pieces), platform)[0]


pieces = st.lists(
    st.one_of(
        st.builds(
            said,
            st.sampled_from([SENT, DELIVERED, FAILED, None]),
            st.sampled_from(["p-1", "p-2", "other", ""]),
            recipient=st.sampled_from(["", A, B]),
            minute=st.integers(0, 3),
            failure=st.sampled_from([None, BUSY, a_failure(15005)]),
        ),
        st.just(DOUBT_EVIDENCE),
        st.sampled_from([("p-1",), ("q-1", "q-2"), ()]).map(late_acceptance),
    ),
    max_size=6,
)
messages = st.sampled_from(
    [
        an_sms("p-1"),
        an_sms("p-1", "p-2"),
        an_sms(),
        an_sms("p-1", status=Status.SENDING_FAILED),
        an_sms(status=Status.PROCESSING),
        a_mail(A),
        a_mail(A, B),
        a_mail(A, B, status=Status.SENDING_FAILED),
    ]
)


@given(pieces, st.randoms(use_true_random=False))
def test_evidence_is_the_same_in_whatever_order_and_number_it_comes(
    given_pieces: list[Evidence], random: Any
) -> None:
    again = given_pieces + given_pieces[:2]
    random.shuffle(again)

    assert all_of(*again) == all_of(*given_pieces)


@given(pieces, pieces, pieces)
def test_joining_is_associative(
    first: list[Evidence], second: list[Evidence], third: list[Evidence]
) -> None:
    a, b, c = all_of(*first), all_of(*second), all_of(*third)

    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(messages, pieces)
def test_evidence_never_moves_a_message_against_the_lifecycle(
    message: Message, given_pieces: list[Evidence]
) -> None:
    platform = "email" if "@" in (message.receiver.contacts[0].identifier_value or "") else "sms"
    evidence, current = NO_EVIDENCE, message
    for piece in given_pieces:
        evidence = merge(evidence, piece)
        status, failure = resolve_status(current, evidence, platform)
        reachable = _reachable(current.status)
        assert status in reachable, f"{current.status} to {status}"
        current = evolve(current, status=status, failure=failure)

    # Step by step, and all at once, it comes to the same.
    assert current.status == resolve_status(message, evidence, platform)[0]


def _reachable(status: Status) -> set[Status]:
    """Where one step of the table leads, or two through `sent`."""
    steps = {status, *TRANSITIONS[status]}
    if Status.SENT in steps:
        steps |= set(TRANSITIONS[Status.SENT])
    return steps


def test_a_message_of_one_part_follows_its_receipts() -> None:
    message = an_sms("p-1")

    assert status_after(message) is Status.SENT
    assert status_after(message, said(SENT, "p-1")) is Status.SENT
    assert status_after(message, said(DELIVERED, "p-1")) is Status.DELIVERED
    assert status_after(message, said(FAILED, "p-1")) is Status.DELIVERY_FAILED
    assert status_after(message, said(None, "p-1")) is Status.SENT


def test_several_parts_are_delivered_when_all_are_and_fail_when_one_does() -> None:
    message = an_sms("p-1", "p-2")
    first, second = said(DELIVERED, "p-1"), said(DELIVERED, "p-2")

    assert status_after(message, first) is Status.SENT
    assert status_after(message, first, second) is Status.DELIVERED
    assert status_after(message, first, said(FAILED, "p-2")) is Status.DELIVERY_FAILED
    assert status_after(message, first, said(FAILED, "p-2"), second) is Status.DELIVERED


def test_a_report_on_the_whole_message_speaks_for_all_parts() -> None:
    assert status_after(an_sms("p-1", "p-2"), said(DELIVERED)) is Status.DELIVERED
    assert status_after(an_sms("p-1", "p-2"), said(FAILED)) is Status.DELIVERY_FAILED


def test_on_sms_a_delivery_is_the_last_word() -> None:
    for order in permutations([said(DELIVERED, "p-1"), said(FAILED, "p-1", minute=9)]):
        assert status_after(an_sms("p-1"), *order) is Status.DELIVERED


def test_on_email_the_provider_s_times_tell_a_bounce_from_a_late_delivery() -> None:
    bounced = [said(DELIVERED, minute=1), said(FAILED, minute=2)]
    recovered = [said(FAILED, minute=1), said(DELIVERED, minute=2)]

    for order in permutations(bounced):
        assert status_after(a_mail(A), *order) is Status.DELIVERY_FAILED
    for order in permutations(recovered):
        assert status_after(a_mail(A), *order) is Status.DELIVERED


def test_an_email_that_reached_one_receiver_is_delivered() -> None:
    first, other = said(DELIVERED, recipient=A), said(FAILED, recipient=B)

    assert status_after(a_mail(A, B), said(FAILED, recipient=B)) is Status.SENT
    assert status_after(a_mail(A, B), first, other) is Status.DELIVERED
    assert status_after(a_mail(A, B), said(FAILED, recipient=A), other) is Status.DELIVERY_FAILED
    assert status_after(a_mail(A, B), said(FAILED)) is Status.DELIVERY_FAILED


def test_what_is_reported_of_a_stranger_says_nothing() -> None:
    assert status_after(a_mail(A, B), said(FAILED, recipient="c@x.example")) is Status.SENT


def test_the_failure_is_that_of_the_latest_report() -> None:
    early = said(FAILED, "p-1", minute=1, failure=BUSY)
    late = said(FAILED, "p-1", minute=2, failure=a_failure(15005, description="gone"))

    for order in permutations([early, late]):
        status, failure = resolve_status(an_sms("p-1"), all_of(*order), "sms")
        assert status is Status.DELIVERY_FAILED
        assert failure is not None
        assert failure.code == 15005


def test_a_delivered_message_has_no_failure() -> None:
    message = an_sms("p-1", status=Status.DELIVERY_FAILED, failure=BUSY)

    assert resolve_status(message, said(DELIVERED, "p-1"), "sms") == (Status.DELIVERED, None)


def test_a_message_that_was_refused_outright_stays_so_unless_there_was_doubt() -> None:
    refused = an_sms(status=Status.SENDING_FAILED, failure=BUSY)

    assert resolve_status(refused, said(DELIVERED), "sms") == (Status.SENDING_FAILED, BUSY)
    assert status_after(refused, DOUBT_EVIDENCE, said(DELIVERED)) is Status.DELIVERED
    assert status_after(refused, DOUBT_EVIDENCE, said(FAILED)) is Status.DELIVERY_FAILED
    assert status_after(refused, DOUBT_EVIDENCE) is Status.SENDING_FAILED
    assert status_after(refused, late_acceptance(("p-1",))) is Status.SENT


def test_a_message_that_never_went_is_not_moved() -> None:
    for status in (
        Status.ACCEPTED,
        Status.SCHEDULED,
        Status.DELETED,
        Status.SKIPPED,
        Status.REJECTED,
    ):
        assert status_after(an_sms(status=status), said(DELIVERED)) is status


def test_one_whole_arrival_is_enough_where_it_was_handed_over_twice() -> None:
    message, late = an_sms("p-1", "p-2"), late_acceptance(("q-1", "q-2"))
    arrived = [said(DELIVERED, "q-1"), said(DELIVERED, "q-2")]

    assert status_after(message, late, arrived[0]) is Status.SENT
    assert status_after(message, late, *arrived) is Status.DELIVERED
    assert status_after(message, late, said(FAILED, "p-1"), *arrived) is Status.DELIVERED


def test_proof_names_its_receivers() -> None:
    assert proven_recipients(said(SENT, recipient=A), [A, B]) == {A}
    assert proven_recipients(said(SENT), [A, B]) == {A, B}
    assert proven_recipients(late_acceptance(()), [A, B]) == {A, B}
    assert proven_recipients(DOUBT_EVIDENCE, [A, B]) == frozenset()


def test_one_part_that_arrived_says_nothing_of_parts_that_no_answer_has_named() -> None:
    long = an_sms(body="." * 180)

    assert status_after(long, said(DELIVERED, "p-2")) is Status.SENT
    late = late_acceptance(("p-1", "p-2"))
    assert status_after(long, said(DELIVERED, "p-2"), late) is Status.SENT
    assert status_after(long, said(FAILED, "p-2")) is Status.DELIVERY_FAILED
    assert status_after(long, said(DELIVERED)) is Status.DELIVERED
    assert status_after(an_sms(body="." * 160), said(DELIVERED, "p-1")) is Status.DELIVERED


def test_a_bounce_at_the_time_of_the_delivery_is_none() -> None:
    delivered, failed = said(DELIVERED, recipient=A), said(FAILED, recipient=A)

    assert status_after(a_mail(A), delivered, failed) is Status.DELIVERED
    assert (
        status_after(a_mail(A), delivered, said(FAILED, recipient=A, minute=1))
        is Status.DELIVERY_FAILED
    )


def test_of_two_failures_the_later_counts_and_of_one_time_the_one_that_says_why() -> None:
    early, late = a_failure(15005), a_failure(15001)

    def failure(*pieces: Evidence) -> Failure | None:
        return resolve_status(an_sms("p-1", "p-2"), all_of(*pieces), "sms")[1]

    assert failure(said(FAILED, "p-1", failure=early), said(FAILED, "p-1", minute=1)) is None
    assert failure(said(FAILED, "p-1", failure=early), said(FAILED, "p-1")) == early
    assert (
        failure(said(FAILED, "p-1", failure=early), said(FAILED, "p-1", minute=1, failure=late))
        == late
    )
    assert failure(said(FAILED, "p-1", failure=late), said(DELIVERED, "p-2")) == late


def test_evidence_of_a_hand_over_is_kept_from_either_side() -> None:
    assert merge(HANDED_OVER, NO_EVIDENCE).handed_over
    assert merge(NO_EVIDENCE, HANDED_OVER).handed_over
    assert not merge(NO_EVIDENCE, NO_EVIDENCE).handed_over


def test_a_failure_before_the_proof_is_kept_only_by_a_message_that_was_sent() -> None:
    report = said(SENT, "p-1")

    sent = resolve_status(an_sms("p-1", failure=BUSY), report, "sms")
    doubted = resolve_status(
        an_sms(status=Status.SENDING_FAILED, failure=BUSY), all_of(report, DOUBT_EVIDENCE), "sms"
    )

    assert sent == (Status.SENT, BUSY)
    assert doubted == (Status.SENT, None)


def test_an_answer_without_name_speaks_of_all_parts_only_if_there_is_one() -> None:
    short, long = an_sms("p-1", body=a_message("x").body), a_message("x" * 161).body
    unnamed = said(DELIVERED, "other")

    assert status_after(short, unnamed) is Status.DELIVERED
    assert status_after(an_sms("p-1", body=long), unnamed) is Status.SENT
    assert status_after(an_sms("p-1", body=long), said(DELIVERED)) is Status.DELIVERED
    cyrillic = an_sms("p-1", body=a_message("ж" * 71).body)
    assert status_after(cyrillic, unnamed) is Status.SENT
    assert status_after(an_sms("p-1", body=a_message("ж" * 70).body), unnamed) is Status.DELIVERED


def test_a_provider_has_or_may_have_a_message_by_a_proof_or_a_doubt() -> None:
    assert may_have_it(DOUBT_EVIDENCE)
    assert may_have_it(said(SENT, "p-1"))
    assert not may_have_it(NO_EVIDENCE)


def test_the_platform_is_that_of_the_channel_else_of_the_identifiers() -> None:
    assert platform_of(a_mail(A), a_channel("x", "line")) == "line"
    assert platform_of(a_mail(A), None) == "email"
    assert platform_of(an_sms("p-1"), None) == "sms"


def test_a_late_answer_proves_whom_it_served() -> None:
    claim = a_claim()
    parts = (Part(platform_reference="p-1"),)

    whole = a_settlement(claim, outcome=OutcomeKind.ACCEPTED, parts=parts)
    some = a_settlement(claim, outcome=OutcomeKind.UNKNOWN, accepted=(B, A, B))
    unserved = a_settlement(claim, outcome=OutcomeKind.UNKNOWN)

    assert evidence_from_late_answer(whole) == Evidence(late=(HandOver(references=("p-1",)),))
    assert evidence_from_late_answer(some) == Evidence(
        doubted=True, reported=(Reported(recipient=A), Reported(recipient=B))
    )
    assert evidence_from_late_answer(unserved) == NO_EVIDENCE


def test_a_text_that_smart_encoding_makes_one_part_is_delivered_by_any_report() -> None:
    curly = an_sms(body="\u2018" + "x" * 158 + "\u2019")  # three parts as it is, one in GSM-7
    report = said(DELIVERED, "p-1")

    assert resolve_status(curly, report, "sms", smart_encoding=True)[0] is Status.DELIVERED
    assert resolve_status(curly, report, "sms")[0] is Status.SENT


def test_a_text_that_smart_encoding_leaves_in_several_parts_waits_for_the_others() -> None:
    for body in ("…" * 54, "x" * 161, "\u2018" + "я" * 70 + "\u2019"):
        message = an_sms(body=body)

        status, _ = resolve_status(message, said(DELIVERED, "p-1"), "sms", smart_encoding=True)

        assert status is Status.SENT, body
