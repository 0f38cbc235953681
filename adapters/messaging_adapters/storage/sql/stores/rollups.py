"""Roll-ups: one row for each sum, in the order in which charts read them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import orjson

from messaging_adapters.storage.sql.rows.columns import from_micros, to_micros
from messaging_adapters.storage.sql.rows.skip_corrupt import read_rows, skip_corrupt
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.delivery.rollups import (
    CountableEvent,
    Rollup,
    RollupAmount,
    RollupBy,
    RollupOutcome,
    RollupQuery,
    Tag,
    UncountedEvents,
    has_details,
)
from messaging_core.models.messages.status import Status
from messaging_core.ports.storage.rollups import RollupStore

_EVENT: Final = "position, workspace, message_id, kind, status, at, document"
_AFTER = f"SELECT {_EVENT} FROM messaging_events WHERE position > ? ORDER BY position LIMIT ?"  # noqa: S608
# Events that differ in time and position only are one group, however often a person opens a mail.
_EARLIER = (
    f"SELECT max(position), {_EVENT.removeprefix('position, ')} FROM messaging_events"  # noqa: S608
    " WHERE workspace = ? AND message_id IN ({}) AND position <= ?"
    " GROUP BY message_id, kind, status, document"
)
# SQLite takes an index of the workspace for the better one, and reads all messages of a tenant.
_CHANNELS = (
    "SELECT id, channel_id FROM messaging_messages"
    " INDEXED BY sqlite_autoindex_messaging_messages_1 WHERE workspace = ? AND id IN ({})"
)
_ADD = (
    "INSERT INTO messaging_rollups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " number = number + excluded.number, longest = max(longest, excluded.longest)"
)
_TAG = "SELECT tag, since, latest FROM messaging_rollup_tags WHERE workspace = ?"
_TAGS = f"{_TAG} AND tag IN (SELECT value FROM json_each(?))"  # noqa: S608 - no input
_LIST_TAGS = f"{_TAG} AND tag > ? ORDER BY tag LIMIT ?"
_COUNT_TAGS = "SELECT count(*) FROM messaging_rollup_tags WHERE workspace = ? AND day = ?"
_SAVE_TAG = (
    "INSERT INTO messaging_rollup_tags VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " since = min(since, excluded.since), latest = max(latest, excluded.latest)"
)
_KEY: Final = "workspace, step, tag, start, channel_id, outcome, detail"
_DELETE = (
    f"DELETE FROM messaging_rollups WHERE ({_KEY}) IN"  # noqa: S608 - no input
    f" (SELECT {_KEY} FROM messaging_rollups WHERE start < ? {{}} LIMIT ?)"
)
_DELETE_TAGS = (
    "DELETE FROM messaging_rollup_tags WHERE (workspace, tag) IN"
    " (SELECT workspace, tag FROM messaging_rollup_tags WHERE latest < ? {} LIMIT ?)"
)
_MICROSECOND: Final = timedelta(microseconds=1)
_KINDS: Final = {kind.value: kind for kind in EventKind}
_STATUSES: Final = {status.value: status for status in Status}
_ID_SIZE: Final = 16
_FIRST: Final = frozenset({EventKind.ADMITTED, EventKind.RECEIVED})


class SqlRollups(SqlStore, RollupStore):
    """Keep roll-ups through one cursor, inside one transaction."""

    def uncounted(
        self, position: int, *, limit: int, known: Collection[bytes] = frozenset()
    ) -> UncountedEvents:
        self._dialect.number_events()
        rows = self._cursor.execute(_AFTER, (position, limit)).fetchall()
        events = read_rows(rows, _event, "event")
        # Nothing comes before the admission of a message.
        admitted = {event.message_id for event in events if event.kind in _FIRST}
        earlier: dict[bytes, list[CountableEvent]] = {}
        channels: dict[bytes, UUID] = {}
        for workspace, ids in _messages_of(events).items():
            own, new = workspace.bytes, ids.difference(known)
            for event in read_rows(self._earlier(own, new - admitted, position), _event, "event"):
                earlier.setdefault(event.message_id, []).append(event)
            channels.update(read_rows(self._channels(own, new), _channel, "message"))
        return UncountedEvents(
            reached=rows[-1][0] if rows else position,
            events=events,
            earlier=earlier,
            channels=channels,
        )

    def _channels(self, workspace: bytes, ids: Collection[bytes]) -> list[tuple[bytes, bytes]]:
        if not ids:
            return []
        some = _padded(ids)
        return self._cursor.execute(_CHANNELS.format(_places(some)), (workspace, *some)).fetchall()

    def _earlier(
        self, workspace: bytes, ids: Collection[bytes], position: int
    ) -> list[tuple[Any, ...]]:
        if not ids:
            return []
        some = _padded(ids)
        statement = _EARLIER.format(_places(some))
        return self._cursor.execute(statement, (workspace, *some, position)).fetchall()

    def add(self, amounts: Sequence[RollupAmount]) -> None:
        self._cursor.executemany(_ADD, map(_row, amounts))

    def find(self, query: RollupQuery) -> list[Rollup]:
        rows = self._cursor.execute(*_selection(query))
        return list(skip_corrupt(rows, _rollup, "roll-up"))

    def tags(self, workspace: UUID, names: Collection[str]) -> Mapping[str, Tag]:
        rows = self._cursor.execute(_TAGS, (workspace.bytes, orjson.dumps(list(names)).decode()))
        return {tag.tag: tag for tag in skip_corrupt(rows, _tag, "tag")}

    def list_tags(self, workspace: UUID, *, after: str, limit: int) -> list[Tag]:
        rows = self._cursor.execute(_LIST_TAGS, (workspace.bytes, after, limit))
        return list(skip_corrupt(rows, _tag, "tag"))

    def count_tags(self, workspace: UUID, day: date) -> int:
        row = self._cursor.execute(_COUNT_TAGS, (workspace.bytes, day.toordinal())).fetchone()
        return int(row[0])

    def save_tags(self, workspace: UUID, tags: Sequence[Tag]) -> None:
        rows = [
            (
                workspace.bytes,
                tag.tag,
                tag.day.toordinal(),
                to_micros(tag.since),
                to_micros(tag.latest),
            )
            for tag in tags
        ]
        self._cursor.executemany(_SAVE_TAG, rows)

    def delete(self, *, before: datetime, limit: int, workspace: UUID | None = None) -> int:
        where = "AND workspace = ?" if workspace else ""
        values = (to_micros(before), *([workspace.bytes] if workspace else []), limit)
        self._cursor.execute(_DELETE_TAGS.format(where), values)
        return self._cursor.execute(_DELETE.format(where), values).rowcount


def _messages_of(events: Sequence[CountableEvent]) -> dict[UUID, set[bytes]]:
    """Return the messages of events, by their workspaces."""
    ids: dict[UUID, set[bytes]] = {}
    for event in events:
        ids.setdefault(event.workspace, set()).add(event.message_id)
    return ids


@lru_cache(maxsize=256)
def _id(value: bytes) -> UUID:
    """Return the id of a workspace or channel, of which there are few."""
    return UUID(bytes=value)


def _event(row: tuple[Any, ...]) -> CountableEvent:
    """Return what roll-ups need of an event; a full one takes many times as long to make."""
    position, workspace, message_id, name, shown, at, document = row
    kind, status = _KINDS[name], _STATUSES[shown]
    if len(message_id) != _ID_SIZE:
        raise ValueError
    known = (position, _id(workspace), message_id, kind, status, from_micros(at))
    if document is None or not has_details(kind, status):
        return CountableEvent(*known)
    return CountableEvent(*known, *_details(orjson.loads(document)))


def _channel(row: tuple[bytes, bytes]) -> tuple[bytes, UUID]:
    """Return the id of a message and that of its channel."""
    message_id, channel_id = row
    return message_id, _id(channel_id)


def _padded(ids: Collection[bytes]) -> list[bytes]:
    """Repeat the last id up to a power of two: a server remembers only so many statements."""
    padded = list(ids)
    size = 1 << (len(padded) - 1).bit_length()
    return padded + padded[-1:] * (size - len(padded))


def _places(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


def _details(document: dict[str, Any]) -> tuple[Any, ...]:
    """Return the rest of an event, in the order of `CountableEvent`."""
    read, failure, due_at = document.get, document.get("failure"), document.get("dueAt")
    return (
        read("outcome"),
        read("detail"),
        int(failure["code"]) if failure else None,
        datetime.fromisoformat(due_at) if due_at else None,
        tuple([reason["code"] for reason in read("reasons", ())]),
        tuple(map(str, read("tags", ()))),
    )


def _row(amount: RollupAmount) -> tuple[object, ...]:
    key = amount.key
    return (
        key.workspace.bytes,
        key.step // _MICROSECOND,
        key.tag,
        to_micros(key.start),
        key.channel_id.bytes,
        key.outcome,
        key.detail,
        amount.number,
        amount.longest // _MICROSECOND,
    )


def _selection(query: RollupQuery) -> tuple[str, Sequence[object]]:
    """Return the statement of a query; what it does not group by is NULL."""
    step = None if query.step is None else query.step // _MICROSECOND
    columns = [
        # The remainder of a negative number is negative in SQLite.
        f"start - ((start % {step}) + {step}) % {step}" if step else "NULL",
        *(column if by in query.by else "NULL" for by, column in _COLUMNS.items()),
    ]
    values = [query.workspace.bytes, query.stored // _MICROSECOND, query.tag]
    values += [to_micros(query.since), to_micros(query.until)]
    channels = ""
    if query.channel_id:
        channels = f" AND channel_id IN ({', '.join('?' * len(query.channel_id))})"
        values += [channel_id.bytes for channel_id in query.channel_id]
    sql = (
        f"SELECT {', '.join(columns)}, sum(number), max(longest) FROM messaging_rollups"  # noqa: S608
        f" WHERE workspace = ? AND step = ? AND tag = ? AND start >= ? AND start < ?{channels}"
        " GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT ?"
    )
    return sql, (*values, query.limit)


_COLUMNS: Final = {
    RollupBy.OUTCOME: "outcome",
    RollupBy.DETAIL: "detail",
    RollupBy.CHANNEL: "channel_id",
}


def _rollup(row: tuple[Any, ...]) -> Rollup:
    start, outcome, detail, channel_id, number, longest = row
    return Rollup(
        number=int(number),
        start=None if start is None else from_micros(start),
        outcome=None if outcome is None else RollupOutcome(outcome),
        detail=detail,
        channel_id=None if channel_id is None else UUID(bytes=channel_id),
        longest=timedelta(microseconds=longest),
    )


def _tag(row: tuple[Any, ...]) -> Tag:
    tag, since, latest = row
    return Tag(tag=str(tag), since=from_micros(since), latest=from_micros(latest))
