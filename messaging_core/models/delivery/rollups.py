"""Roll-ups: how many messages reached which outcome, in each five minutes and on each day."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.messages.status import Status

FIVE_MINUTES: Final = timedelta(minutes=5)
"""The finest interval of roll-ups."""

ONE_DAY: Final = timedelta(days=1)
"""The coarsest interval of roll-ups; days are those of UTC."""

STORED_STEPS: Final = (FIVE_MINUTES, timedelta(minutes=30), ONE_DAY)
"""The intervals that are stored: the chart of a week reads a sixth of that of five minutes."""

MAX_INTERVALS: Final = 2016
"""How many intervals one query may have: a week of five minutes."""

MAX_FINE_RANGE: Final = timedelta(days=31)
"""How long a query may reach with intervals shorter than a day."""

MAX_ROLLUPS: Final = 20_000
"""How many roll-ups one query returns at most."""

DURATIONS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 21_600, 86_400)
)
"""The upper bounds of the histogram of how long messages took to be sent."""

LONGER: Final = "longer"
"""The last class of that histogram."""

_CLASSES: Final = (*(f"{bound.total_seconds():g}" for bound in DURATIONS), LONGER)


class RollupOutcome(StrEnum):
    """What is counted; a message counts for an outcome once, when it first reaches it.

    Attributes:
        ADMITTED: A request became a message, whatever became of it.
        SETTLED: Its delivery is over: it was sent, failed, skipped, rejected or withdrawn.
        SENT: A provider has it; the detail is how long that took.
        DELIVERED: It arrived.
        SENDING_FAILED: It could not be sent; the detail is the failure code.
        DELIVERY_FAILED: It was sent and did not arrive; the detail is the failure code.
        SKIPPED: A send rule excluded it; the detail is the reason code.
        REJECTED: A send rule refused it; the detail is the failure code.
        DELETED: It was cancelled.
        RECEIVED: A person sent it.
        INTERACTED: A person did something with it; the detail is what. A conversion that did not
            succeed has its status behind a dot.
        PREFETCHED: A machine did something with it, such as a scanner that opens links.
        OVERDUE: Messages were waiting after they were due when a worker looked: the number is how
            often a worker looked, and `longest` the age of the oldest.
    """

    ADMITTED = "admitted"
    SETTLED = "settled"
    SENT = "sent"
    DELIVERED = "delivered"
    SENDING_FAILED = "sending_failed"
    DELIVERY_FAILED = "delivery_failed"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    DELETED = "deleted"
    RECEIVED = "received"
    INTERACTED = "interacted"
    PREFETCHED = "prefetched"
    OVERDUE = "overdue"


class RollupBy(StrEnum):
    """What roll-ups are grouped by, beside their interval."""

    OUTCOME = "outcome"
    DETAIL = "detail"
    CHANNEL = "channel"


@frozen(kw_only=True)
class Rollup:
    """The number of messages of one kind in one interval; what was not asked for is absent.

    Attributes:
        start: When the interval begins; absent where a query asks for no intervals.
        longest: The longest time that one of them took; see `RollupOutcome`.
    """

    number: int
    start: datetime | None = None
    outcome: RollupOutcome | None = None
    detail: str | None = None
    channel_id: UUID | None = None
    longest: timedelta = timedelta(0)


@frozen(kw_only=True)
class Rollups:
    """The answer to one query.

    Attributes:
        rollups: One for each kind in each interval that has any, in the order of time.
        since: The beginning of the first interval.
        until: The end of the last interval.
        step: How long an interval is.
        as_of: All events until then are counted.
        is_complete: False if there are more than the query returns; then the last ones are
            missing.
    """

    rollups: tuple[Rollup, ...]
    since: datetime
    until: datetime
    step: timedelta
    as_of: datetime
    is_complete: bool = True

    def numbers(self) -> Mapping[RollupOutcome, int]:
        """Return how many messages reached each outcome, in all intervals together."""
        totals: dict[RollupOutcome, int] = {}
        for rollup in self.rollups:
            if rollup.outcome is not None:
                totals[rollup.outcome] = totals.get(rollup.outcome, 0) + rollup.number
        return totals

    def sent_within(self, share: float = 0.95) -> Mapping[datetime, timedelta | None]:
        """Return the time within which a share of the messages of each interval was sent.

        It is the upper bound of a class of the histogram, `DURATIONS`; nothing if it lies beyond
        the last bound. Ask for the roll-ups by outcome and detail.
        """
        classes: dict[datetime, dict[str, int]] = {}
        for rollup in self.rollups:
            if rollup.outcome is RollupOutcome.SENT and rollup.start and rollup.detail:
                numbers = classes.setdefault(rollup.start, {})
                numbers[rollup.detail] = numbers.get(rollup.detail, 0) + rollup.number
        return {start: _quantile(numbers, share) for start, numbers in classes.items()}


def duration_class(duration: timedelta) -> str:
    """Return the class of the histogram to which a duration belongs: its bound in seconds."""
    return _CLASSES[bisect_left(DURATIONS, duration)]


def _quantile(numbers: Mapping[str, int], share: float) -> timedelta | None:
    target, reached = share * sum(numbers.values()), 0
    for bound in DURATIONS:
        reached += numbers.get(f"{bound.total_seconds():g}", 0)
        if reached >= target:
            return bound
    return None


def has_details(kind: EventKind, status: Status) -> bool:
    """Return False if roll-ups need no more of an event than its kind, its status and its time."""
    return kind is not EventKind.ATTEMPTED or status is not Status.SENT


class CountableEvent(NamedTuple):
    """What roll-ups need of an event; a tuple, since each event is read for them once or twice.

    Attributes beyond `at` are absent without `has_details`.

    Attributes:
        message_id: The bytes of a UUID, which takes longer to make and to compare.
        outcome: Of an interaction, its type.
        detail: See `Event.detail`.
        failure_code: The code of its failure.
        reasons: The codes of its reasons.
        tags: Of an admission, the tags of the message.
    """

    position: int
    workspace: UUID
    message_id: bytes
    kind: EventKind
    status: Status
    at: datetime
    outcome: str | None = None
    detail: str | None = None
    failure_code: int | None = None
    due_at: datetime | None = None
    reasons: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@frozen(kw_only=True)
class UncountedEvents:
    """One page of the event log, with what is needed to count it.

    Attributes:
        reached: The position of the last event that was looked at, readable or not.
        events: The events, in order.
        earlier: The events of the same messages before this page, in any order, by message.
        channels: The channel of each message, by the bytes of its id.
    """

    reached: int
    events: Sequence[CountableEvent]
    earlier: Mapping[bytes, Sequence[CountableEvent]] = field(factory=dict)
    channels: Mapping[bytes, UUID] = field(factory=dict)


class RollupKey(NamedTuple):
    """What is counted together.

    Attributes:
        step: One of `STORED_STEPS`.
        tag: One tag of the messages, or empty for all messages.
        detail: Empty where an outcome has none.
    """

    workspace: UUID
    step: timedelta
    tag: str
    start: datetime
    channel_id: UUID
    outcome: RollupOutcome
    detail: str


class RollupAmount(NamedTuple):
    """By how much a roll-up grows: the numbers are added, and of `longest` the larger one stays."""

    key: RollupKey
    number: int
    longest: timedelta = timedelta(0)


@frozen(kw_only=True)
class RollupQuery:
    """A query for stored roll-ups.

    Attributes:
        stored: Which to read, one of `STORED_STEPS`.
        step: How long an interval of the answer is; absent if the whole time is one.
        limit: How many at most.
    """

    workspace: UUID
    since: datetime
    until: datetime
    stored: timedelta = FIVE_MINUTES
    step: timedelta | None = FIVE_MINUTES
    tag: str = ""
    channel_id: tuple[UUID, ...] = ()
    by: frozenset[RollupBy] = frozenset({RollupBy.OUTCOME})
    limit: int = MAX_ROLLUPS


@frozen(kw_only=True)
class Tag:
    """A tag of which roll-ups are kept.

    Attributes:
        tag: In lower case.
        since: When the first message with it was admitted of which the roll-ups know.
        latest: When something last happened to a message with it.
    """

    tag: str
    since: datetime
    latest: datetime

    @property
    def day(self) -> date:
        """Return the day on which it counts as a new tag."""
        return self.since.astimezone(UTC).date()
