"""Counts of what one run of a worker settled."""

from collections.abc import Iterable, Sequence

from messaging_core.lazy import frozen
from messaging_core.models.delivery.delivery import Settlement
from messaging_core.models.messages.message import Status


@frozen(kw_only=True)
class DeliveryReport:
    """Count the settled messages of one worker run.

    Attributes:
        sent: Messages that a provider accepted.
        failed: Messages that ended without being sent; they are not tried again.
        waiting: Messages that will be tried again.
        stale: Settlements that were ignored, because another worker had taken over the lease.
    """

    sent: int = 0
    failed: int = 0
    waiting: int = 0
    stale: int = 0

    @property
    def total(self) -> int:
        """Return the number of settlements."""
        return self.sent + self.failed + self.waiting + self.stale

    def __add__(self, other: "DeliveryReport") -> "DeliveryReport":
        """Add two reports, count by count."""
        return DeliveryReport(
            sent=self.sent + other.sent,
            failed=self.failed + other.failed,
            waiting=self.waiting + other.waiting,
            stale=self.stale + other.stale,
        )


def report_of(settlements: Sequence[Settlement], is_valid: Iterable[bool]) -> DeliveryReport:
    """Count settlements, each with whether its lease was still valid."""
    sent = failed = waiting = 0
    for settlement, valid in zip(settlements, is_valid, strict=True):
        if not valid:
            continue
        if settlement.next_due_at is not None:
            waiting += 1
        elif settlement.status is Status.SENT:
            sent += 1
        else:
            failed += 1
    stale = len(settlements) - sent - failed - waiting
    return DeliveryReport(sent=sent, failed=failed, waiting=waiting, stale=stale)
