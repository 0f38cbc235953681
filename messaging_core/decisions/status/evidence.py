"""Evidence: what receipts and late answers say about a message; `resolution` comes next.

Evidence is only ever added. `merge` is commutative, associative and idempotent. So receipts may
arrive late, twice, or in any order, and the evidence is the same in the end.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from messaging_core.models.common.failure import Failure
from messaging_core.models.delivery.delivery import OutcomeKind, Settlement
from messaging_core.models.delivery.evidence import Evidence, HandOver, Reported
from messaging_core.models.delivery.receipt import ReceiptStatus, StatusReceipt

NO_EVIDENCE: Final = Evidence()

DOUBT_EVIDENCE: Final = Evidence(doubted=True)
"""The provider may or may not have accepted an attempt, for example after a time-out."""

HANDED_OVER: Final = Evidence(handed_over=True)
"""An attempt passed the point of no return, and it was not accepted."""


def evidence_from_receipt(receipt: StatusReceipt, *, recipient: str) -> Evidence:
    """Return what one status receipt says.

    Args:
        receipt: The receipt. One without a status says nothing.
        recipient: The address it is about, spelled as in the message; empty for all receivers.
    """
    status = receipt.status
    if status is None:
        return NO_EVIDENCE
    is_failure = status is ReceiptStatus.FAILED
    report = Reported(
        recipient=recipient,
        reference=receipt.reference or "",
        delivered_at=receipt.at if status is ReceiptStatus.DELIVERED else None,
        failed_at=receipt.at if is_failure else None,
        failure=receipt.failure if is_failure else None,
    )
    return Evidence(reported=(report,))


def evidence_from_late_answer(settlement: Settlement) -> Evidence:
    """Return what an answer proves that arrived after its lease was lost.

    Only an acceptance proves anything. A refusal does not: the worker that took over the message
    may have sent it.
    """
    if settlement.outcome is OutcomeKind.ACCEPTED:
        return late_acceptance(settlement.references)
    accepted = tuple(Reported(recipient=address) for address in sorted(set(settlement.accepted)))
    return Evidence(doubted=True, reported=accepted) if accepted else NO_EVIDENCE


def late_acceptance(references: tuple[str, ...]) -> Evidence:
    """Return the evidence that an attempt was accepted after its lease was lost.

    Args:
        references: The provider's reference for each part.
    """
    return Evidence(late=(HandOver(references=references),))


def merge(first: Evidence, second: Evidence) -> Evidence:
    """Combine two pieces of evidence; commutative, associative and idempotent."""
    reports: dict[tuple[str, str], Reported] = {}
    for report in (*first.reported, *second.reported):
        key = (report.recipient, report.reference)
        reports[key] = _merge_reports(reports[key], report) if key in reports else report
    late = {hand_over.references: hand_over for hand_over in (*first.late, *second.late)}
    # Sorted, so that equal evidence is equal as a value, in whatever order it arrived.
    return Evidence(
        doubted=first.doubted or second.doubted,
        handed_over=first.handed_over or second.handed_over,
        late=tuple(late[references] for references in sorted(late)),
        reported=tuple(reports[key] for key in sorted(reports)),
    )


def _merge_reports(first: Reported, second: Reported) -> Reported:
    """Keep the earliest delivery and the latest failure."""
    latest = max(first, second, key=_failure_order)
    deliveries = [at for at in (first.delivered_at, second.delivered_at) if at]
    return Reported(
        recipient=first.recipient,
        reference=first.reference,
        delivered_at=min(deliveries, default=None),
        failed_at=latest.failed_at,
        failure=latest.failure,
    )


def _failure_order(report: Reported) -> tuple[object, ...]:
    """Return a sort key: by the time of the failure, then by its content.

    Two receipts may carry the same time. Without the content as a tie-breaker, the result would
    depend on the order in which they arrived.
    """
    failure, at = report.failure, report.failed_at
    source = failure.source if failure else None
    return (
        at is not None,
        at or datetime.min,  # noqa: DTZ901 - only compared with itself
        failure is not None,
        failure.code if failure else 0,
        failure.description if failure else "",
        (source.name, source.code) if source else ("", ""),
    )


def latest_failure(reports: Iterable[Reported]) -> Failure | None:
    """Return the failure that was reported last."""
    failed = [report for report in reports if report.failed_at]
    return max(failed, key=_failure_order).failure if failed else None


def proves_hand_over(evidence: Evidence) -> bool:
    """Return True if a provider certainly accepted the message for some receiver."""
    return bool(evidence.late or evidence.reported)


def may_have_it(evidence: Evidence) -> bool:
    """Return True if a provider accepted the message, or may have accepted it."""
    return evidence.doubted or proves_hand_over(evidence)


def proven_recipients(evidence: Evidence, addresses: Iterable[str]) -> frozenset[str]:
    """Return the addresses for which a provider certainly accepted the message."""
    recipients = frozenset(addresses)
    if evidence.late or any(not report.recipient for report in evidence.reported):
        return recipients
    return recipients & {report.recipient for report in evidence.reported}
