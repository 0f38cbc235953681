"""How many messages there are, without listing them."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from messaging_core.lazy import frozen
from messaging_core.models.common.instants import in_utc
from messaging_core.models.messages.status import Status

MOST_COUNTED = 10_000
"""How many messages are counted exactly; beyond it a count says "at least"."""


class CountBy(StrEnum):
    """What messages are grouped by when they are counted."""

    STATUS = "status"
    CHANNEL = "channel"
    DAY = "day"


@frozen(kw_only=True)
class Count:
    """The number of messages of one kind; what they are not grouped by is absent.

    Attributes:
        day: When they were accepted, in UTC.
    """

    number: int
    status: Status | None = None
    channel_id: UUID | None = None
    day: date | None = None


@frozen(kw_only=True)
class Counts:
    """The numbers of messages that a query matches.

    Attributes:
        counts: One for each kind that there is, the largest first.
        is_exact: Whether every message was counted. Otherwise the newest were (the oldest, if the
            query is reversed), and there are more.
    """

    counts: tuple[Count, ...]
    is_exact: bool

    @property
    def total(self) -> int:
        """Return how many messages were counted."""
        return sum(count.number for count in self.counts)

    def __str__(self) -> str:
        """Return the total, with a plus sign if there are more."""
        return f"{self.total:,}" + ("" if self.is_exact else "+")


Kind = tuple[str, UUID, datetime]
"""What messages are grouped by: status, channel, and when each was accepted."""


def count_kinds(kinds: Mapping[Kind, int], by: Collection[CountBy], *, is_exact: bool) -> Counts:
    """Return the numbers of messages of each kind, grouped as asked."""
    numbers = Counter[tuple[Status | None, UUID | None, date | None]]()
    for (status, channel_id, at), number in kinds.items():
        group = (
            Status(status) if CountBy.STATUS in by else None,
            channel_id if CountBy.CHANNEL in by else None,
            in_utc(at).date() if CountBy.DAY in by else None,
        )
        numbers[group] += number
    counts = [
        Count(number=number, status=status, channel_id=channel_id, day=day)
        for (status, channel_id, day), number in numbers.most_common()
    ]
    return Counts(counts=tuple(counts), is_exact=is_exact)
