"""What the charts of the operations page show: roll-ups by interval, and by channel."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from attrs import field, frozen

from messaging_adapters.viewer.charts import (
    BarChart,
    Layer,
    LineChart,
    line_chart,
    seconds,
    stacked_bars,
)
from messaging_adapters.viewer.times import Times
from messaging_core.models.delivery.health import Health
from messaging_core.models.delivery.rollups import Rollup, RollupOutcome, Rollups

STEPS: Final = {
    "1h": timedelta(minutes=5),
    "6h": timedelta(minutes=15),
    "24h": timedelta(minutes=30),
    "7d": timedelta(hours=3),
}
"""How long a bar is in each range of time."""

STEP_WORDS: Final = {"1h": "5 minutes", "6h": "15 minutes", "24h": "half hour", "7d": "3 hours"}
RANGE_WORDS: Final = {
    "1h": "last hour",
    "6h": "last 6 hours",
    "24h": "last 24 hours",
    "7d": "last 7 days",
}
_THREE_HOURS: Final = timedelta(hours=3)
FAILED: Final = (RollupOutcome.SENDING_FAILED, RollupOutcome.DELIVERY_FAILED)


@frozen(kw_only=True)
class Figures:
    """How many messages reached each outcome in a time.

    Attributes:
        failures: Of those that could not be sent, by failure code and channel.
    """

    numbers: Counter[RollupOutcome] = field(factory=Counter)
    failures: Counter[tuple[str, UUID]] = field(factory=Counter)

    @property
    def failed(self) -> int:
        """Return how many could not be sent or did not arrive."""
        return sum(self.numbers[outcome] for outcome in FAILED)

    @property
    def tried(self) -> int:
        """Return how many were sent or failed to be."""
        return self.numbers[RollupOutcome.SENT] + self.numbers[RollupOutcome.SENDING_FAILED]

    @property
    def failed_share(self) -> float:
        """Return the share of failures of what was tried."""
        return self.failed / self.tried if self.tried else 0.0


def figures_of(rollups: Iterable[Rollup]) -> Figures:
    """Add up roll-ups."""
    figures = Figures()
    for rollup in rollups:
        if rollup.outcome is None or rollup.outcome is RollupOutcome.OVERDUE:
            continue
        figures.numbers[rollup.outcome] += rollup.number
        if rollup.outcome is RollupOutcome.SENDING_FAILED and rollup.channel_id:
            figures.failures[rollup.detail or "", rollup.channel_id] += rollup.number
    return figures


def starts_of(rollups: Rollups) -> list[datetime]:
    """Return when each interval begins."""
    number = (rollups.until - rollups.since) // rollups.step
    return [rollups.since + index * rollups.step for index in range(number)]


def outcome_chart(rollups: Rollups, health: Health | None, times: Times, span: str) -> BarChart:
    """Return what happened to messages in each interval.

    Roll-ups know when an outcome was reached. What waits or is in doubt is known for now only, and
    stands in the last bar.
    """
    starts = starts_of(rollups)
    sent, delivered = (
        _series(rollups, starts, (outcome,))
        for outcome in (RollupOutcome.SENT, RollupOutcome.DELIVERED)
    )
    failed = _series(rollups, starts, FAILED)
    layers = [
        Layer(word="delivered", tone="good", numbers=delivered),
        Layer(word="sent, no receipt then", tone="move", numbers=_beyond(sent, delivered)),
        Layer(word="waiting now", tone="wait", numbers=_last(starts, health.due if health else 0)),
        Layer(
            word="in doubt now",
            tone="doubt",
            numbers=_last(starts, health.in_doubt if health else 0),
        ),
        Layer(word="failed", tone="bad", numbers=failed),
    ]
    return stacked_bars(
        layers,
        [_label(start, rollups.step, times) for start in starts],
        sentence=(
            f"What became of messages in each {STEP_WORDS[span]} of the {RANGE_WORDS[span]}:"
            f" {sum(sent):,} sent, {sum(delivered):,} delivered, {sum(failed):,} failed"
        ),
        first_column="From",
    )


def overdue_chart(rollups: Rollups, health: Health | None, span: str) -> LineChart:
    """Return how late the oldest message was in each interval, and is now."""
    longest = dict.fromkeys(starts_of(rollups), timedelta(0))
    for rollup in rollups.rollups:
        if rollup.outcome is RollupOutcome.OVERDUE and rollup.start in longest:
            longest[rollup.start] = max(longest[rollup.start], rollup.longest)
    values = [value.total_seconds() for value in longest.values()]
    limit = None
    if health:
        limit = health.overdue_limit.total_seconds()
        values = [*values[:-1], health.oldest_overdue.total_seconds()]
    most = max(values, default=0.0)
    allowed = "" if limit is None else f"; the limit is {seconds(limit)}"
    return line_chart(
        values,
        title="Oldest overdue",
        sentence=(
            f"How late the oldest message was: at most {seconds(most)} in the {RANGE_WORDS[span]},"
            f" {seconds(values[-1] if values else 0)} now{allowed}"
        ),
        limit=limit,
    )


def speed_chart(rollups: Rollups, span: str) -> LineChart:
    """Return how long 95 % of the messages of each interval took at most to be sent."""
    within = rollups.sent_within(0.95)
    values, latest = [], 0.0
    for start in starts_of(rollups):
        # Where nothing was sent, nothing is known: the line stays where it was.
        if (length := within.get(start)) is not None:
            latest = length.total_seconds()
        values.append(latest)
    return line_chart(
        values,
        title="Accepted to sent, p95",
        sentence=(
            f"Within which time 95 % of the messages were sent in the {RANGE_WORDS[span]}: at most"
            f" {seconds(max(values, default=0.0))}, {seconds(latest)} the last time"
        ),
    )


def by_channel(rollups: Rollups, channel_id: UUID) -> Rollups:
    """Return the roll-ups of one channel."""
    return Rollups(
        rollups=tuple(own for own in rollups.rollups if own.channel_id == channel_id),
        since=rollups.since,
        until=rollups.until,
        step=rollups.step,
        as_of=rollups.as_of,
    )


def sent_series(rollups: Rollups) -> tuple[int, ...]:
    """Return how many messages were sent in each interval."""
    return _series(rollups, starts_of(rollups), (RollupOutcome.SENT,))


def _series(
    rollups: Rollups, starts: list[datetime], outcomes: tuple[RollupOutcome, ...]
) -> tuple[int, ...]:
    numbers: Counter[datetime | None] = Counter()
    for rollup in rollups.rollups:
        if rollup.outcome in outcomes:
            numbers[rollup.start] += rollup.number
    return tuple(numbers[start] for start in starts)


def _beyond(sent: tuple[int, ...], delivered: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(number - got, 0) for number, got in zip(sent, delivered, strict=True))


def _last(starts: list[datetime], number: int) -> tuple[int, ...]:
    return (*(0 for _ in starts[1:]), number) if starts else ()


def _label(start: datetime, step: timedelta, times: Times) -> str:
    local = times.local(start)
    return f"{local:%a %H:%M}" if step >= _THREE_HOURS else f"{local:%H:%M}"


def lately(rollups: Rollups, since: datetime) -> Iterator[Rollup]:
    """Yield the roll-ups of intervals that end after an instant."""
    for rollup in rollups.rollups:
        if rollup.start is not None and rollup.start + rollups.step > since:
            yield rollup
