"""What is old: found by its age, and taken out of every table that it stands in."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from messaging_adapters.storage.sql.rows.bulk_insert import BulkInsert
from messaging_adapters.storage.sql.rows.columns import failure_columns, to_micros
from messaging_adapters.storage.sql.rows.documents import (
    DELETE_DOCUMENT,
    DOCUMENT,
    WITH_DOCUMENT,
    inline_part,
    is_inline,
)
from messaging_adapters.storage.sql.stores.redacted_rows import (
    message_of,
    redacted_document,
    redacted_interaction_document,
    removed_row,
)
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.decisions.delivery.settlement import DAMAGED
from messaging_core.decisions.status.redaction import redacted
from messaging_core.lazy import frozen
from messaging_core.models.delivery.delivery import NewMessage
from messaging_core.models.delivery.receipt import ReceiptState
from messaging_core.models.messages.message import Message
from messaging_core.ports.storage.retention import Retention
from messaging_core.wire.stored.message import Stored, facets, store

_FINISHED: Final = "status NOT IN ('accepted', 'scheduled', 'processing')"  # the index's condition
_IDLE: Final = (
    "NOT EXISTS (SELECT 1 FROM messaging_outbox o"
    " WHERE o.workspace = m.workspace AND o.position = m.position)"
)
_NEXT_WORKSPACE = (
    f"SELECT min(workspace) FROM messaging_messages WHERE workspace > ? AND {_FINISHED}"  # noqa: S608
)
_NEXT_INBOX = (
    "SELECT min(workspace) FROM messaging_receipts WHERE workspace > ? AND state <> 'kept'"
)
_EXPIRED = (
    "SELECT id FROM messaging_messages m INDEXED BY messaging_messages_age"  # noqa: S608 - no input
    f" WHERE workspace = ? AND redacted = ? AND created_at < ? AND {_FINISHED} AND {_IDLE} LIMIT ?"
)
_FIND = (
    "SELECT m.position, id, m.workspace, channel_id, platform, direction, status, created_at, NULL,"  # noqa: S608 - no input
    f" country_code, NULL, batch_id, navigator_id, redacted, {DOCUMENT}, CAST(m.state AS BLOB)"
    f" FROM messaging_messages m {WITH_DOCUMENT}"
    f" WHERE id = ? AND m.workspace = ? AND {_FINISHED} AND {_IDLE}"
)
_DELETE_TAG = "DELETE FROM messaging_tags WHERE workspace = ? AND tag = ? AND position = ?"
_DELETE_PERSON = "DELETE FROM messaging_people WHERE workspace = ? AND address = ? AND position = ?"
# Of a damaged message nothing says under which tags and addresses it is listed. The search goes
# through those of its workspace, once for all that are damaged.
_POSITIONS = "workspace = ? AND position IN (SELECT value FROM json_each(?))"
_DELETE_OF_DAMAGED = (
    f"DELETE FROM messaging_tags WHERE {_POSITIONS}",  # noqa: S608 - no input
    f"DELETE FROM messaging_people WHERE {_POSITIONS}",  # noqa: S608 - no input
)
# Marked as redacted, so that no purge finds it again, and as damaged, so that `damaged` does.
_EMPTY = (
    "UPDATE messaging_messages SET redacted = 1, own_address = NULL, reference = NULL,"
    " failure_code = ?, failure_source_code = ?, failure_source_name = ?, state = '{}',"
    " inline_document = ? WHERE workspace = ? AND position = ?"
)
_DELETE_REFERENCES = (
    "DELETE FROM messaging_references INDEXED BY messaging_references_position"
    " WHERE workspace = ? AND position = ?"
)
_DELETE_MESSAGE = (
    "DELETE FROM messaging_messages WHERE workspace = ? AND position = ?",
    DELETE_DOCUMENT,
)
_DELETE_BY_ID = (
    "DELETE FROM messaging_evidence WHERE message_id = ? AND workspace = ?",
    "DELETE FROM messaging_short_links WHERE message_id = ? AND workspace = ?",
    "DELETE FROM messaging_message_webhooks WHERE message_id = ? AND workspace = ?",
    "DELETE FROM messaging_damaged_events WHERE message_id = ? AND workspace = ?",
    "DELETE FROM messaging_interactions WHERE message_id = ? AND workspace = ?",
    "DELETE FROM messaging_events WHERE message_id = ? AND workspace = ?",
)
_NOT_REDACTED: Final = 4  # of these, redaction leaves nothing either
_REMEMBER = (
    "UPDATE messaging_facts SET value ="
    " max(value, coalesce((SELECT max(position) FROM {table}), 0)) WHERE name = ?"
)
_ADD_REDACTED = BulkInsert("messaging_messages", f"({', '.join('?' * 18)}, 1)")
_EVENTS = (
    "SELECT position, workspace, message_id, kind, status, at, document FROM messaging_events"
    " WHERE message_id = ? AND workspace = ? AND document IS NOT NULL"
)
_REDACT_EVENT = "UPDATE messaging_events SET document = ? WHERE position = ? AND workspace = ?"
_INTERACTIONS = (
    "SELECT position, document FROM messaging_interactions WHERE message_id = ? AND workspace = ?"
)
_REDACT_INTERACTION = (
    "UPDATE messaging_interactions SET document = ? WHERE position = ? AND workspace = ?"
)
_DELETE_INTERACTION = "DELETE FROM messaging_interactions WHERE position = ? AND workspace = ?"
_FILES = (
    "SELECT id, due_at, document FROM messaging_received_files"
    " WHERE message_id = ? AND workspace = ? AND state <> 'removed'"
)
_REMOVE_FILE = (
    "UPDATE messaging_received_files SET state = 'removed', document = ?, content = NULL"
    " WHERE id = ? AND workspace = ?"
)
_EXPIRED_RECEIPTS = (
    "SELECT position, workspace FROM messaging_receipts INDEXED BY messaging_receipts_age"
    " WHERE workspace = ? AND state = ? AND received_at < ? AND state <> 'kept' LIMIT ?"
)
_DELETE_RECEIPT = "DELETE FROM messaging_receipts WHERE position = ? AND workspace = ?"

Place = tuple[UUID, UUID]
"""Workspace and id of a message."""

Key = tuple[bytes, int]
"""Workspace and position of a message."""


@frozen
class _Row:
    """A message that may be taken out, and those of its columns that redaction leaves.

    Attributes:
        message: Absent if its stored form is damaged.
    """

    columns: tuple[Any, ...]
    workspace: UUID
    redacted: bool
    message: Message | None

    @property
    def position(self) -> int:
        """Its key."""
        position: int = self.columns[0]
        return position

    @property
    def message_id(self) -> UUID:
        """The id of the message."""
        return UUID(bytes=self.columns[1])

    @property
    def key(self) -> Key:
        """Its workspace and its position."""
        return self.workspace.bytes, self.position

    def new(self, message: Message) -> NewMessage:
        """Return the message as it was when its facets were taken."""
        return NewMessage(workspace=self.workspace, platform=self.columns[4], message=message)


class SqlRetention(SqlStore, Retention):
    """Take out what is old through one cursor, inside one transaction."""

    def find_expired(
        self,
        *,
        before: datetime,
        limit: int,
        workspace: UUID | None = None,
        with_redacted: bool = False,
    ) -> list[Place]:
        places: list[Place] = []
        for tenant in self._workspaces(_NEXT_WORKSPACE, workspace):
            for is_redacted in (0, 1) if with_redacted else (0,):
                range_ = (tenant, is_redacted, to_micros(before), limit - len(places))
                rows = self._cursor.execute(_EXPIRED, range_).fetchall()
                places += [(UUID(bytes=tenant), UUID(bytes=message_id)) for (message_id,) in rows]
                if len(places) == limit:
                    return places
        return places

    def _workspaces(self, following: str, only: UUID | None) -> Iterator[bytes]:
        """Go from one workspace to the next through an index, a seek for each."""
        if only is not None:
            yield only.bytes
            return
        last = b""
        while True:
            (last,) = self._cursor.execute(following, (last,)).fetchone()
            if last is None:
                return
            yield last

    def delete(self, messages: Sequence[Place]) -> int:
        rows = list(self._rows(messages))
        if rows:
            self._remember("messaging_messages", "last_message")
            self._remember("messaging_events", "last_event")
        self._unlist(rows)
        for statement in (_DELETE_REFERENCES, *_DELETE_MESSAGE):
            self._cursor.executemany(statement, [row.key for row in rows])
        for statement in _DELETE_BY_ID:
            self._cursor.executemany(statement, map(_id_of, rows))
        for row in rows:
            self._remove_files(row)
        return len(rows)

    def _remove_files(self, row: _Row) -> None:
        """Mark the files of a message: a worker deletes them from the media store."""
        files = self._cursor.execute(_FILES, _id_of(row)).fetchall()
        removed = [removed_row(row.workspace, row.message_id, record) for record in files]
        self._cursor.executemany(
            _REMOVE_FILE, [(*columns, row.workspace.bytes) for columns in removed]
        )

    def _rows(self, messages: Sequence[Place]) -> Iterator[_Row]:
        for workspace, message_id in dict.fromkeys(messages):
            row = self._cursor.execute(_FIND, (message_id.bytes, workspace.bytes)).fetchone()
            if row:
                *columns, was_redacted, document, state = row
                message = message_of(message_id, Stored(document, state))
                yield _Row(tuple(columns), workspace, bool(was_redacted), message)

    def _remember(self, table: str, name: str) -> None:
        """Keep the last position that is in use, so that it is not given out again."""
        self._cursor.execute(_REMEMBER.format(table=table), (name,))

    def _unlist(self, rows: Sequence[_Row]) -> None:
        """Take messages out of the tables that filters walk."""
        tags, people = [], []
        subjects: list[Key] = []
        for row, message in _readable(rows):
            workspace, its = row.workspace.bytes, facets(row.new(message))
            tags += [(workspace, tag, row.position) for tag in message.tags]
            people += [(workspace, address, row.position) for address in its.people]
            if its.subject:
                subjects.append(row.key)
        self._cursor.executemany(_DELETE_TAG, tags)
        self._cursor.executemany(_DELETE_PERSON, people)
        subjects += self._unlist_damaged([row for row in rows if row.message is None])
        if subjects:
            self._dialect.delete_subjects(subjects)

    def _unlist_damaged(self, rows: Sequence[_Row]) -> list[Key]:
        """Take damaged messages out, and return those that may have a subject."""
        positions: dict[bytes, list[int]] = {}
        for row in rows:
            positions.setdefault(row.workspace.bytes, []).append(row.position)
        for workspace, places in positions.items():
            for statement in _DELETE_OF_DAMAGED:
                self._cursor.execute(statement, (workspace, orjson.dumps(places).decode()))
        return [row.key for row in rows]

    def redact(self, messages: Sequence[Place]) -> list[tuple[UUID, Message]]:
        rows = [row for row in self._rows(messages) if not row.redacted]
        self._unlist(rows)
        left = [(row, redacted(message)) for row, message in _readable(rows)]
        self._rewrite(left)
        for row in rows:
            if row.message is None:
                self._empty(row)
            self._redact_log(row)
            self._remove_files(row)
        return [(row.workspace, message) for row, message in left]

    def _empty(self, row: _Row) -> None:
        """Leave of a damaged message only that it was there."""
        self._cursor.execute(_EMPTY, (*failure_columns(DAMAGED), b"{}", *row.key))
        self._cursor.execute(DELETE_DOCUMENT, row.key)

    def _rewrite(self, rows: Sequence[tuple[_Row, Message]]) -> None:
        """Replace rows by what is left of their messages.

        An UPDATE would leave each on its page, and most of the page empty: SQLite joins pages
        when it deletes.
        """
        for statement in _DELETE_MESSAGE:
            self._cursor.executemany(statement, [row.key for row, _ in rows])
        messages, documents = [], []
        for row, message in rows:
            stored, failure = store(message), failure_columns(message.failure)
            document = inline_part(stored.document)
            messages.append((*row.columns, *failure, stored.state, document))
            if not is_inline(stored.document):
                documents.append((*row.key, stored.document))
        self._dialect.insert(_ADD_REDACTED, messages)
        self._dialect.add_documents(documents)

    def _redact_log(self, row: _Row) -> None:
        """Take content and addresses out of what hangs on a message."""
        execute, of = self._cursor.execute, _id_of(row)
        for statement in _DELETE_BY_ID[:_NOT_REDACTED]:
            execute(statement, of)
        for record in execute(_EVENTS, of).fetchall():
            execute(_REDACT_EVENT, (redacted_document(record), *record[:2]))
        for record in execute(_INTERACTIONS, of).fetchall():
            left = redacted_interaction_document(record)
            if left is None:
                execute(_DELETE_INTERACTION, (record[0], of[1]))
            else:
                execute(_REDACT_INTERACTION, (left, record[0], of[1]))

    def delete_receipts(
        self,
        *,
        before: datetime,
        unmatched_before: datetime,
        limit: int,
        workspace: UUID | None = None,
    ) -> int:
        ages = (
            (ReceiptState.APPLIED, before),
            (ReceiptState.UNMATCHED, unmatched_before),
            (ReceiptState.UNREADABLE, unmatched_before),
            (ReceiptState.FAILED, unmatched_before),
        )
        old: list[tuple[int, bytes]] = []
        for tenant in self._workspaces(_NEXT_INBOX, workspace):
            for state, until in ages:
                range_ = (tenant, state, to_micros(until), limit - len(old))
                old += self._cursor.execute(_EXPIRED_RECEIPTS, range_)
        if old:
            self._remember("messaging_receipts", "last_receipt")
            self._cursor.executemany(_DELETE_RECEIPT, old)
        return len(old)


def _id_of(row: _Row) -> tuple[bytes, bytes]:
    return (row.message_id.bytes, row.workspace.bytes)


def _readable(rows: Sequence[_Row]) -> list[tuple[_Row, Message]]:
    return [(row, row.message) for row in rows if row.message is not None]
