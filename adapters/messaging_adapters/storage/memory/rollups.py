"""Roll-ups in the memory of this process."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Protocol
from uuid import UUID

from attrs import field

from messaging_adapters.storage.memory.log import LogTables
from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.decisions.status.rollups import countable
from messaging_core.lazy import frozen
from messaging_core.models.delivery.event import Event
from messaging_core.models.delivery.rollups import (
    CountableEvent,
    Rollup,
    RollupAmount,
    RollupBy,
    RollupKey,
    RollupQuery,
    Tag,
    UncountedEvents,
)
from messaging_core.ports.storage.rollups import RollupStore
from messaging_core.wire import load
from messaging_core.wire.stored.search import Row

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@frozen
class RollupTables:
    """The data; a tag has the day on which it was new."""

    sums: dict[RollupKey, tuple[int, timedelta]] = field(factory=dict)
    tags: dict[tuple[UUID, str], tuple[Tag, date]] = field(factory=dict)


class Tables(Undoable, Protocol):
    """What roll-ups are made of, and kept in."""

    rows: dict[int, Row]
    positions: dict[UUID, int]
    log: LogTables
    rollups: RollupTables


class MemoryRollups(RollupStore):
    """Keep roll-ups inside one transaction."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._sums = tables.rollups.sums
        self._tags = tables.rollups.tags

    def uncounted(
        self, position: int, *, limit: int, known: Collection[bytes] = frozenset()
    ) -> UncountedEvents:
        log = self._tables.log
        following = range(position + 1, log.last.get("event", 0) + 1)
        new = list(islice((key for key in following if key in log.events), limit))
        events = [self._event(key) for key in new]
        ids = [UUID(bytes=own) for own in {event.message_id for event in events}.difference(known)]
        positions = self._tables.positions
        return UncountedEvents(
            reached=new[-1] if new else position,
            events=events,
            earlier={
                message_id.bytes: list(self._earlier(message_id, position))
                for message_id in ids
                if log.event_positions[message_id][0] <= position
            },
            channels={
                message_id.bytes: self._tables.rows[positions[message_id]].channel_id
                for message_id in ids
                if message_id in positions
            },
        )

    def _earlier(self, message_id: UUID, until: int) -> Iterator[CountableEvent]:
        """Yield the events of a message; of those that differ in time only, the last."""
        alike: dict[tuple[object, ...], CountableEvent] = {}
        for key in self._tables.log.event_positions[message_id]:
            if key <= until:
                event = self._event(key)
                alike[event._replace(position=0, at=_EPOCH)] = event
        yield from alike.values()

    def _event(self, position: int) -> CountableEvent:
        return countable(load(Event, self._tables.log.events[position]))

    def add(self, amounts: Sequence[RollupAmount]) -> None:
        for key, number, longest in amounts:
            before, longest_before = self._sums.get(key, (0, longest))
            self._tables.put(self._sums, key, (before + number, max(longest, longest_before)))

    def find(self, query: RollupQuery) -> list[Rollup]:
        groups: dict[tuple[str, ...], Rollup] = {}
        for rollup in self._matching(query):
            order = tuple(
                str(value or "")
                for value in (rollup.start, rollup.outcome, rollup.detail, rollup.channel_id)
            )
            before = groups.get(order)
            groups[order] = _joined(before, rollup) if before else rollup
        return [rollup for _, rollup in sorted(groups.items())][: query.limit]

    def _matching(self, query: RollupQuery) -> Iterator[Rollup]:
        place = (query.workspace, query.stored, query.tag)
        for key, (number, longest) in self._sums.items():
            if (
                (key.workspace, key.step, key.tag) == place
                and query.since <= key.start < query.until
                and key.channel_id in (query.channel_id or {key.channel_id})
            ):
                yield Rollup(
                    number=number,
                    start=key.start - (key.start - _EPOCH) % query.step if query.step else None,
                    outcome=key.outcome if RollupBy.OUTCOME in query.by else None,
                    detail=key.detail if RollupBy.DETAIL in query.by else None,
                    channel_id=key.channel_id if RollupBy.CHANNEL in query.by else None,
                    longest=longest,
                )

    def tags(self, workspace: UUID, names: Collection[str]) -> Mapping[str, Tag]:
        return {
            name: self._tags[workspace, name][0]
            for name in names
            if (workspace, name) in self._tags
        }

    def list_tags(self, workspace: UUID, *, after: str, limit: int) -> list[Tag]:
        names = sorted(name for owner, name in self._tags if owner == workspace and name > after)
        return [self._tags[workspace, name][0] for name in names[:limit]]

    def count_tags(self, workspace: UUID, day: date) -> int:
        return sum(
            owner == workspace and new_on == day for (owner, _), (_, new_on) in self._tags.items()
        )

    def save_tags(self, workspace: UUID, tags: Sequence[Tag]) -> None:
        for tag in tags:
            before, day = self._tags.get((workspace, tag.tag), (tag, tag.day))
            merged = Tag(
                tag=tag.tag,
                since=min(before.since, tag.since),
                latest=max(before.latest, tag.latest),
            )
            self._tables.put(self._tags, (workspace, tag.tag), (merged, day))

    def delete(self, *, before: datetime, limit: int, workspace: UUID | None = None) -> int:
        tags = [
            key
            for key, (tag, _) in self._tags.items()
            if tag.latest < before and workspace in {None, key[0]}
        ]
        for place in tags[:limit]:
            self._tables.remove(self._tags, place)
        keys = [
            key for key in self._sums if key.start < before and workspace in {None, key.workspace}
        ]
        for key in keys[:limit]:
            self._tables.remove(self._sums, key)
        return len(keys[:limit])


def _joined(first: Rollup, other: Rollup) -> Rollup:
    return Rollup(
        number=first.number + other.number,
        start=first.start,
        outcome=first.outcome,
        detail=first.detail,
        channel_id=first.channel_id,
        longest=max(first.longest, other.longest),
    )
