"""What the events of messages add to roll-ups."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from attrs import field

from messaging_core.decisions.delivery.policy_outcomes import skip_reason
from messaging_core.decisions.status.events import PREFETCHED
from messaging_core.lazy import define, frozen
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.delivery.rollups import (
    STORED_STEPS,
    CountableEvent,
    RollupAmount,
    RollupKey,
    RollupOutcome,
    Tag,
    UncountedEvents,
    duration_class,
)
from messaging_core.models.messages.message import Status

MAX_NEW_TAGS: Final = 1000
"""How many tags of one workspace get roll-ups that are new on one day."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING: Final = timedelta(0)
_ALL_MESSAGES: Final = ""

# Evidence may skip a step: a message that arrived was also sent.
_REACHED: Final[Mapping[Status, tuple[RollupOutcome, ...]]] = {
    Status.SENT: (RollupOutcome.SETTLED, RollupOutcome.SENT),
    Status.DELIVERED: (RollupOutcome.SETTLED, RollupOutcome.SENT, RollupOutcome.DELIVERED),
    Status.DELIVERY_FAILED: (
        RollupOutcome.SETTLED,
        RollupOutcome.SENT,
        RollupOutcome.DELIVERY_FAILED,
    ),
    Status.SENDING_FAILED: (RollupOutcome.SETTLED, RollupOutcome.SENDING_FAILED),
    Status.SKIPPED: (RollupOutcome.SETTLED, RollupOutcome.SKIPPED),
    Status.REJECTED: (RollupOutcome.SETTLED, RollupOutcome.REJECTED),
    Status.DELETED: (RollupOutcome.SETTLED, RollupOutcome.DELETED),
}
_FAILED: Final = frozenset(
    {RollupOutcome.SENDING_FAILED, RollupOutcome.DELIVERY_FAILED, RollupOutcome.REJECTED}
)


@frozen(kw_only=True)
class Counted:
    """One message that reached one outcome, and its tags."""

    workspace: UUID
    channel_id: UUID
    at: datetime
    outcome: RollupOutcome
    detail: str = ""
    longest: timedelta = _NOTHING
    tags: tuple[str, ...] = ()


@define
class _History:
    """What is known of a message before its next event.

    Attributes:
        reached: The outcomes that it counts for already.
        planned_at: When it was to go: at its admission, or at the time it was moved to.
        is_incoming: Whether a person sent it; then its status says nothing.
    """

    reached: set[tuple[RollupOutcome, str]] = field(factory=set)
    planned_at: datetime | None = None
    is_incoming: bool = False
    tags: tuple[str, ...] = ()

    def add(self, event: CountableEvent) -> list[tuple[RollupOutcome, str, timedelta]]:
        """Take in an event; return the outcomes that the message reaches with it."""
        new = []
        for outcome, kind in self._outcomes(event):
            if (outcome, kind) not in self.reached:
                self.reached.add((outcome, kind))
                new.append((outcome, *self._detail(event, outcome, kind)))
        self._plan(event)
        return new

    def _outcomes(self, event: CountableEvent) -> Iterator[tuple[RollupOutcome, str]]:
        """Yield what the message has reached after an event, and what tells interactions apart."""
        if event.kind is EventKind.INTERACTED:
            yield _interaction(event)
        elif event.kind is EventKind.RECEIVED:
            self.is_incoming = True
            yield RollupOutcome.RECEIVED, ""
        elif not self.is_incoming:
            if event.kind is EventKind.ADMITTED:
                self.tags = event.tags
                yield RollupOutcome.ADMITTED, ""
            for outcome in _REACHED.get(event.status, ()):
                yield outcome, ""

    def _detail(
        self, event: CountableEvent, outcome: RollupOutcome, kind: str
    ) -> tuple[str, timedelta]:
        """Return the detail of an outcome, and how long it took if that is known."""
        if outcome is RollupOutcome.SENT and event.kind is EventKind.ATTEMPTED and self.planned_at:
            took = max(event.at - self.planned_at, _NOTHING)
            return duration_class(took), took
        if outcome is RollupOutcome.SKIPPED:
            return skip_reason(event.reasons), _NOTHING
        if outcome in _FAILED and event.failure_code is not None:
            return str(event.failure_code), _NOTHING
        return kind, _NOTHING

    def _plan(self, event: CountableEvent) -> None:
        """Learn when the message was to go; a wait that a rule orders is no delay."""
        if event.kind is EventKind.ADMITTED:
            self.planned_at = max(event.at, event.due_at or event.at)
        elif event.due_at and (
            event.kind is EventKind.RESCHEDULED or (event.kind is EventKind.HELD and event.reasons)
        ):
            self.planned_at = event.due_at


def _interaction(event: CountableEvent) -> tuple[RollupOutcome, str]:
    what = event.outcome or ""
    if event.detail == PREFETCHED:
        return RollupOutcome.PREFETCHED, what
    return RollupOutcome.INTERACTED, f"{what}.{event.detail}" if event.detail else what


def countable(event: Event) -> CountableEvent:
    """Return what roll-ups need of an event."""
    return CountableEvent(
        position=event.position,
        workspace=event.workspace,
        message_id=event.message_id,
        kind=event.kind,
        status=event.status,
        at=event.at,
        outcome=event.outcome,
        detail=event.detail,
        failure_code=event.failure.code if event.failure else None,
        due_at=event.due_at,
        reasons=tuple(reason.code for reason in event.reasons),
        tags=event.tags,
    )


def count_events(page: UncountedEvents) -> list[Counted]:
    """Return which messages reach which outcomes with the events of a page, in their order.

    A message that is gone does not count.
    """
    histories: dict[UUID, _History] = {}
    counted = []
    for event in page.events:
        channel_id = page.channels.get(event.message_id)
        if channel_id is None:
            continue
        if event.message_id not in histories:
            histories[event.message_id] = _history(page.earlier.get(event.message_id, ()))
        history = histories[event.message_id]
        new = history.add(event)
        counted += [
            Counted(
                workspace=event.workspace,
                channel_id=channel_id,
                at=event.at,
                outcome=outcome,
                detail=detail,
                longest=longest,
                tags=history.tags,
            )
            for outcome, detail, longest in new
        ]
    return counted


def _history(earlier: Iterable[CountableEvent]) -> _History:
    history = _History()
    for event in sorted(earlier, key=lambda event: event.position):
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
                since=min(known.since, item.at) if known else item.at,
                latest=max(known.latest, item.at) if known else item.at,
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
            numbers[key] = (number + 1, max(longest, item.longest))
    return [RollupAmount(key, *amount) for key, amount in numbers.items()]


def _keys(item: Counted, tags: Iterable[str]) -> Iterator[RollupKey]:
    for step in STORED_STEPS:
        start = interval_start(item.at, step)
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
                at=now,
                outcome=RollupOutcome.OVERDUE,
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
