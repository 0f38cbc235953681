"""What the events of messages add to roll-ups."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from attrs import field

from messaging_core.decisions.delivery.policy_outcomes import skip_reason
from messaging_core.decisions.status.events import PREFETCHED
from messaging_core.lazy import define
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.delivery.rollups import (
    FIVE_MINUTES,
    STORED_STEPS,
    CountableEvent,
    RollupAmount,
    RollupKey,
    RollupOutcome,
    Tag,
    UncountedEvents,
    duration_class,
    has_details,
)
from messaging_core.models.messages.message import Status

MAX_NEW_TAGS: Final = 1000
"""How many tags of one workspace get roll-ups that are new on one day."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING: Final = timedelta(0)
_ALL_MESSAGES: Final = ""

Reached = tuple[RollupOutcome, str]
"""An outcome, and what tells interactions apart."""


def _reached(*outcomes: RollupOutcome) -> tuple[Reached, ...]:
    return tuple((outcome, "") for outcome in outcomes)


_ADMITTED: Final = _reached(RollupOutcome.ADMITTED)
_RECEIVED: Final = _reached(RollupOutcome.RECEIVED)
# Evidence may skip a step: a message that arrived was also sent.
_BY_STATUS: Final[Mapping[Status, tuple[Reached, ...]]] = {
    Status.SENT: _reached(RollupOutcome.SETTLED, RollupOutcome.SENT),
    Status.DELIVERED: _reached(RollupOutcome.SETTLED, RollupOutcome.SENT, RollupOutcome.DELIVERED),
    Status.DELIVERY_FAILED: _reached(
        RollupOutcome.SETTLED, RollupOutcome.SENT, RollupOutcome.DELIVERY_FAILED
    ),
    Status.SENDING_FAILED: _reached(RollupOutcome.SETTLED, RollupOutcome.SENDING_FAILED),
    Status.SKIPPED: _reached(RollupOutcome.SETTLED, RollupOutcome.SKIPPED),
    Status.REJECTED: _reached(RollupOutcome.SETTLED, RollupOutcome.REJECTED),
    Status.DELETED: _reached(RollupOutcome.SETTLED, RollupOutcome.DELETED),
}
_WITH_DETAIL: Final = frozenset(
    {
        RollupOutcome.SENT,
        RollupOutcome.SKIPPED,
        RollupOutcome.SENDING_FAILED,
        RollupOutcome.DELIVERY_FAILED,
        RollupOutcome.REJECTED,
    }
)
_FAILED: Final = frozenset(
    {RollupOutcome.SENDING_FAILED, RollupOutcome.DELIVERY_FAILED, RollupOutcome.REJECTED}
)


@define
class Counted:
    """Messages that reached one outcome within five minutes, and have the same tags.

    Attributes:
        start: When the five minutes begin.
        since: When the first of them reached it.
        latest: When the last of them reached it.
    """

    workspace: UUID
    channel_id: UUID
    tags: tuple[str, ...]
    start: datetime
    outcome: RollupOutcome
    detail: str
    since: datetime
    latest: datetime
    number: int = 1
    longest: timedelta = _NOTHING

    def add(self, at: datetime, longest: timedelta) -> None:
        """Count one message more."""
        self.number += 1
        if at < self.since:
            self.since = at
        elif at > self.latest:
            self.latest = at
        self.longest = max(self.longest, longest)


@define
class History:
    """What is known of a message before its next event.

    Attributes:
        channel_id: Its channel.
        reached: The outcomes that it counts for already.
        planned_at: When it was to go: at its admission, or at the time it was moved to.
        is_incoming: Whether a person sent it; then its status says nothing.
    """

    channel_id: UUID
    reached: set[Reached] = field(factory=set)
    planned_at: datetime | None = None
    is_incoming: bool = False
    tags: tuple[str, ...] = ()

    def add(self, event: CountableEvent) -> list[Reached]:
        """Take in an event; return what the message reaches with it."""
        outcomes: tuple[Reached, ...] = _BY_STATUS.get(event.status, ())
        if event.kind is EventKind.ADMITTED:
            self.tags, outcomes = event.tags, (*_ADMITTED, *outcomes)
            self.planned_at = max(event.at, event.due_at or event.at)
        elif event.kind is EventKind.INTERACTED:
            outcomes = (_interaction(event),)
        elif event.kind is EventKind.RECEIVED:
            self.is_incoming, outcomes = True, _RECEIVED
        elif self.is_incoming:
            return []
        elif event.due_at:
            self._move(event)
        new = [outcome for outcome in outcomes if outcome not in self.reached]
        self.reached.update(new)
        return new

    def _move(self, event: CountableEvent) -> None:
        """Learn when the message is to go now; a wait that a rule orders is no delay."""
        is_ordered = event.kind is EventKind.HELD and event.reasons
        if event.kind is EventKind.RESCHEDULED or is_ordered:
            self.planned_at = event.due_at

    def detail(self, event: CountableEvent, outcome: RollupOutcome) -> tuple[str, timedelta]:
        """Return the detail of an outcome, and how long it took if that is known."""
        if outcome is RollupOutcome.SENT and event.kind is EventKind.ATTEMPTED and self.planned_at:
            took = max(event.at - self.planned_at, _NOTHING)
            return duration_class(took), took
        if outcome is RollupOutcome.SKIPPED:
            return skip_reason(event.reasons), _NOTHING
        if outcome in _FAILED and event.failure_code is not None:
            return str(event.failure_code), _NOTHING
        return "", _NOTHING


def _interaction(event: CountableEvent) -> Reached:
    what = event.outcome or ""
    if event.detail == PREFETCHED:
        return RollupOutcome.PREFETCHED, what
    return RollupOutcome.INTERACTED, f"{what}.{event.detail}" if event.detail else what


def countable(event: Event) -> CountableEvent:
    """Return what roll-ups need of an event."""
    known = CountableEvent(
        position=event.position,
        workspace=event.workspace,
        message_id=event.message_id.bytes,
        kind=event.kind,
        status=event.status,
        at=event.at,
    )
    if not has_details(event.kind, event.status):
        return known
    return known._replace(
        outcome=event.outcome,
        detail=event.detail,
        failure_code=event.failure.code if event.failure else None,
        due_at=event.due_at,
        reasons=tuple(reason.code for reason in event.reasons),
        tags=event.tags,
    )


def count_events(page: UncountedEvents, known: dict[bytes, History] | None = None) -> list[Counted]:
    """Return how many messages reach which outcomes with the events of a page.

    A message that is gone does not count.

    Args:
        page: The events, and what is needed to count them.
        known: The histories of messages that the page leaves out; it gets those of the others.
    """
    # An event takes a few microseconds: every delivered message has several, on the same cores.
    histories = {} if known is None else known
    sums: dict[tuple[object, ...], Counted] = {}
    start = next_start = _EPOCH
    for event in page.events:
        history = histories.get(event.message_id) or _history(page, event.message_id, histories)
        if history is None:
            continue
        at = event.at
        if not start <= at < next_start:
            start = interval_start(at, FIVE_MINUTES)
            next_start = start + FIVE_MINUTES
        for outcome, kind in history.add(event):
            detail, longest = (
                history.detail(event, outcome) if outcome in _WITH_DETAIL else (kind, _NOTHING)
            )
            key = (event.workspace, history.channel_id, history.tags, start, outcome, detail)
            counted = sums.get(key)
            if counted is not None:
                counted.add(at, longest)
            else:
                sums[key] = Counted(*key, at, at, 1, longest)
    return list(sums.values())


def _history(
    page: UncountedEvents, message_id: bytes, histories: dict[bytes, History]
) -> History | None:
    """Add what is known of a message before a page; nothing if it is gone."""
    channel_id = page.channels.get(message_id)
    if channel_id is None:
        return None
    histories[message_id] = history = History(channel_id)
    for event in sorted(page.earlier.get(message_id, ())):
        history.add(event)
    return history


def used_tags(counted: Iterable[Counted]) -> dict[UUID, list[Tag]]:
    """Return the tags of messages by workspace, each with its earliest and latest time."""
    tags: dict[UUID, dict[str, Tag]] = {}
    for item in counted:
        its = tags.setdefault(item.workspace, {})
        for name in item.tags:
            known = its.get(name)
            its[name] = Tag(
                tag=name,
                since=min(known.since, item.since) if known else item.since,
                latest=max(known.latest, item.latest) if known else item.latest,
            )
    return {workspace: list(its.values()) for workspace, its in tags.items()}


def amounts_of(
    counted: Iterable[Counted], tags: Mapping[UUID, Collection[str]]
) -> list[RollupAmount]:
    """Return by how much roll-ups grow; of the tags only those of each workspace that are kept."""
    numbers: dict[RollupKey, tuple[int, timedelta]] = {}
    for item in counted:
        its = [tag for tag in item.tags if tag in tags.get(item.workspace, ())]
        for key in _keys(item, (_ALL_MESSAGES, *its)):
            number, longest = numbers.get(key, (0, _NOTHING))
            numbers[key] = (number + item.number, max(longest, item.longest))
    return [RollupAmount(key, *amount) for key, amount in numbers.items()]


def _keys(item: Counted, tags: Iterable[str]) -> Iterator[RollupKey]:
    for step in STORED_STEPS:
        start = interval_start(item.start, step)
        for tag in tags:
            yield RollupKey(
                item.workspace, step, tag, start, item.channel_id, item.outcome, item.detail
            )


def overdue_amounts(
    first_due: Mapping[tuple[UUID, UUID], datetime], now: datetime
) -> list[RollupAmount]:
    """Return the samples of queues whose first message should have gone already."""
    return amounts_of(
        [
            Counted(
                workspace=workspace,
                channel_id=channel_id,
                start=interval_start(now, FIVE_MINUTES),
                since=now,
                latest=now,
                tags=(),
                outcome=RollupOutcome.OVERDUE,
                detail="",
                longest=now - due_at,
            )
            for (workspace, channel_id), due_at in first_due.items()
            if due_at < now
        ],
        {},
    )


def interval_start(at: datetime, step: timedelta) -> datetime:
    """Return when the interval begins that an instant is in, counted from 1970-01-01 UTC."""
    return at - (at - _EPOCH) % step
