"""Roll-ups: one row for each sum, in the order in which charts read them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from messaging_adapters.storage.sql.rows.columns import from_micros, to_micros
from messaging_adapters.storage.sql.rows.skip_corrupt import skip_corrupt
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


class SqlRollups(SqlStore, RollupStore):
    """Keep roll-ups through one cursor, inside one transaction."""

    def uncounted(self, position: int, *, limit: int) -> UncountedEvents:
        self._dialect.number_events()
        rows = self._cursor.execute(_AFTER, (position, limit)).fetchall()
        earlier: dict[UUID, list[CountableEvent]] = {}
        channels: dict[UUID, UUID] = {}
        for workspace, ids in _messages_of(rows).items():
            places = ", ".join("?" * len(ids))
            old = self._cursor.execute(_EARLIER.format(places), (workspace, *ids, position))
            for event in skip_corrupt(old, _countable, "event"):
                earlier.setdefault(event.message_id, []).append(event)
            in_channels = self._cursor.execute(_CHANNELS.format(places), (workspace, *ids))
            channels.update(skip_corrupt(in_channels, _ids, "message"))
        return UncountedEvents(
            reached=rows[-1][0] if rows else position,
            events=list(skip_corrupt(rows, _countable, "event")),
            earlier=earlier,
            channels=channels,
        )

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


def _messages_of(rows: Sequence[tuple[Any, ...]]) -> dict[bytes, list[bytes]]:
    """Return the messages of events, by their workspaces; damaged ones have none."""
    ids: dict[bytes, dict[bytes, None]] = {}
    for _, workspace, message_id, *_ in rows:
        if isinstance(workspace, bytes) and isinstance(message_id, bytes):
            ids.setdefault(workspace, {})[message_id] = None
    return {workspace: list(some) for workspace, some in ids.items()}


def _countable(row: tuple[Any, ...]) -> CountableEvent:
    """Return what roll-ups need of an event; a full one takes many times as long to make."""
    position, workspace, message_id, kind, status, at, document = row
    known = (
        position,
        UUID(bytes=workspace),
        UUID(bytes=message_id),
        EventKind(kind),
        Status(status),
        from_micros(at),
    )
    return CountableEvent(*known, **(_details(orjson.loads(document)) if document else {}))


def _details(document: dict[str, Any]) -> dict[str, Any]:
    details: dict[str, Any] = {
        name: document[name] for name in ("outcome", "detail") if name in document
    }
    if "failure" in document:
        details["failure_code"] = int(document["failure"]["code"])
    if "dueAt" in document:
        details["due_at"] = datetime.fromisoformat(document["dueAt"])
    if "reasons" in document:
        details["reasons"] = tuple(reason["code"] for reason in document["reasons"])
    if "tags" in document:
        details["tags"] = tuple(map(str, document["tags"]))
    return details


def _ids(row: tuple[bytes, bytes]) -> tuple[UUID, UUID]:
    message_id, channel_id = row
    return UUID(bytes=message_id), UUID(bytes=channel_id)


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
