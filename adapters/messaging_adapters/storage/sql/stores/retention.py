"""What is old: found by its age, and taken out of every table that it stands in."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from messaging_adapters.storage.sql.rows.bulk_insert import BulkInsert
from messaging_adapters.storage.sql.rows.columns import failure_columns, from_micros, to_micros
from messaging_adapters.storage.sql.rows.documents import (
    ADD_DOCUMENTS,
    DELETE_DOCUMENT,
    DOCUMENT,
    WITH_DOCUMENT,
    inline_part,
    is_inline,
)
from messaging_adapters.storage.sql.rows.skip_corrupt import skip_corrupt
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_adapters.storage.sql.stores.timeline import event_of, event_row
from messaging_core.decisions.status.redaction import (
    redacted,
    redacted_event,
    redacted_interaction,
    removed_file,
)
from messaging_core.lazy import frozen
from messaging_core.models.delivery.delivery import NewMessage
from messaging_core.models.delivery.interaction import Interaction
from messaging_core.models.delivery.receipt import ReceiptState
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.received_file import ReceivedFile
from messaging_core.ports.storage.retention import Retention
from messaging_core.wire import encode, load
from messaging_core.wire.stored.message import Stored, facets, store

_FINISHED: Final = "status NOT IN ('accepted', 'scheduled', 'processing')"  # the index's condition
_IDLE: Final = "NOT EXISTS (SELECT 1 FROM messaging_outbox o WHERE o.position = m.position)"
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
    "SELECT m.position, id, workspace, channel_id, platform, direction, status, created_at, NULL,"  # noqa: S608 - no input
    f" country_code, NULL, batch_id, navigator_id, redacted, {DOCUMENT}, state"
    f" FROM messaging_messages m {WITH_DOCUMENT}"
    f" WHERE id = ? AND workspace = ? AND {_FINISHED} AND {_IDLE}"
)
_DELETE_TAG = "DELETE FROM messaging_tags WHERE workspace = ? AND tag = ? AND position = ?"
_DELETE_PERSON = "DELETE FROM messaging_people WHERE workspace = ? AND address = ? AND position = ?"
_DELETE_REFERENCES = "DELETE FROM messaging_references WHERE position = ?"
_DELETE_MESSAGE = ("DELETE FROM messaging_messages WHERE position = ?", DELETE_DOCUMENT)
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
_REDACT_EVENT = "UPDATE messaging_events SET document = ? WHERE position = ?"
_INTERACTIONS = (
    "SELECT position, document FROM messaging_interactions WHERE message_id = ? AND workspace = ?"
)
_REDACT_INTERACTION = "UPDATE messaging_interactions SET document = ? WHERE position = ?"
_FILES = (
    "SELECT id, due_at, document FROM messaging_received_files"
    " WHERE message_id = ? AND workspace = ? AND state <> 'removed'"
)
_REMOVE_FILE = (
    "UPDATE messaging_received_files SET state = 'removed', document = ?, content = NULL"
    " WHERE id = ?"
)
_EXPIRED_RECEIPTS = (
    "SELECT position FROM messaging_receipts INDEXED BY messaging_receipts_age"
    " WHERE workspace = ? AND state = ? AND received_at < ? AND state <> 'kept' LIMIT ?"
)
_DELETE_RECEIPT = "DELETE FROM messaging_receipts WHERE position = ?"

Place = tuple[UUID, UUID]
"""Workspace and id of a message."""


@frozen
class _Row:
    """A message that may be taken out, and those of its columns that redaction leaves."""

    columns: tuple[Any, ...]
    workspace: UUID
    redacted: bool
    message: Message

    @property
    def position(self) -> int:
        """Its key."""
        position: int = self.columns[0]
        return position

    @property
    def platform(self) -> str:
        """What it was sent over."""
        platform: str = self.columns[4]
        return platform


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
            self._cursor.executemany(statement, [(row.position,) for row in rows])
        for statement in _DELETE_BY_ID:
            self._cursor.executemany(statement, map(_id_of, rows))
        for row in rows:
            self._remove_files(row)
        return len(rows)

    def _remove_files(self, row: _Row) -> None:
        """Mark the files of a message: a worker deletes them from the media store."""
        files = self._cursor.execute(_FILES, _id_of(row)).fetchall()
        removed = [(encode(_removed(row, *record)), record[0]) for record in files]
        self._cursor.executemany(_REMOVE_FILE, removed)

    def _rows(self, messages: Sequence[Place]) -> Iterator[_Row]:
        for workspace, message_id in dict.fromkeys(messages):
            row = self._cursor.execute(_FIND, (message_id.bytes, workspace.bytes)).fetchone()
            if row:
                *columns, was_redacted, document, state = row
                message = Stored(document, state).load()
                yield _Row(tuple(columns), workspace, bool(was_redacted), message)

    def _remember(self, table: str, name: str) -> None:
        """Keep the last position that is in use, so that it is not given out again."""
        self._cursor.execute(_REMEMBER.format(table=table), (name,))

    def _unlist(self, rows: Sequence[_Row]) -> None:
        """Take messages out of the tables that filters walk."""
        execute_many = self._cursor.executemany
        tags = [
            (row.workspace.bytes, tag, row.position) for row in rows for tag in row.message.tags
        ]
        execute_many(_DELETE_TAG, tags)
        found_by = [
            (
                row,
                facets(
                    NewMessage(workspace=row.workspace, platform=row.platform, message=row.message)
                ),
            )
            for row in rows
        ]
        execute_many(
            _DELETE_PERSON,
            [
                (row.workspace.bytes, address, row.position)
                for row, its in found_by
                for address in its.people
            ],
        )
        subjects = [row.position for row, its in found_by if its.subject]
        if subjects:
            self._dialect.delete_subjects(subjects)

    def redact(self, messages: Sequence[Place]) -> list[tuple[UUID, Message]]:
        rows = [row for row in self._rows(messages) if not row.redacted]
        self._unlist(rows)
        left = [(row.workspace, redacted(row.message)) for row in rows]
        self._rewrite(
            [(row.columns, message) for row, (_, message) in zip(rows, left, strict=True)]
        )
        for row in rows:
            self._redact_log(row)
            self._remove_files(row)
        return left

    def _rewrite(self, rows: Sequence[tuple[tuple[Any, ...], Message]]) -> None:
        """Replace rows by what is left of their messages.

        An UPDATE would leave each on its page, and most of the page empty: SQLite joins pages
        when it deletes.
        """
        for statement in _DELETE_MESSAGE:
            self._cursor.executemany(statement, [columns[:1] for columns, _ in rows])
        messages, documents = [], []
        for columns, message in rows:
            stored, failure = store(message), failure_columns(message.failure)
            document = inline_part(stored.document)
            messages.append((*columns, *failure, stored.state, document))
            if not is_inline(stored.document):
                documents.append((columns[0], stored.document))
        self._dialect.insert(_ADD_REDACTED, messages)
        self._dialect.insert(ADD_DOCUMENTS, documents)

    def _redact_log(self, row: _Row) -> None:
        """Take content and addresses out of what hangs on a message."""
        execute, of = self._cursor.execute, _id_of(row)
        for statement in _DELETE_BY_ID[:_NOT_REDACTED]:
            execute(statement, of)
        for record in execute(_EVENTS, of).fetchall():
            execute(_REDACT_EVENT, (_redacted_document(record), record[0]))
        for position, document in execute(_INTERACTIONS, of).fetchall():
            left = redacted_interaction(load(Interaction, document))
            execute(_REDACT_INTERACTION, (encode(left).decode(), position))

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
        old: list[tuple[int]] = []
        for tenant in self._workspaces(_NEXT_INBOX, workspace):
            for state, until in ages:
                range_ = (tenant, state, to_micros(until), limit - len(old))
                old += self._cursor.execute(_EXPIRED_RECEIPTS, range_)
        if old:
            self._remember("messaging_receipts", "last_receipt")
            self._cursor.executemany(_DELETE_RECEIPT, old)
        return len(old)


def _redacted_document(record: tuple[Any, ...]) -> str | None:
    """Return what redaction leaves in the document of an event; of a damaged one nothing."""
    for event in skip_corrupt([record], event_of, "event"):
        *_, document = event_row(redacted_event(event))
        return str(document) if document else None
    return None


def _id_of(row: _Row) -> tuple[bytes, bytes]:
    return (row.message.id.bytes, row.workspace.bytes)


def _removed(row: _Row, file_id: bytes, due_at: int, document: bytes) -> ReceivedFile:
    """Return what stays of a file; one whose document is damaged is removed, too."""
    for file in skip_corrupt([(file_id, document)], _file_of, "received file"):
        return removed_file(file)
    at = from_micros(due_at)
    unknown = ReceivedFile(
        id=UUID(bytes=file_id),
        workspace_id=row.workspace,
        message_id=row.message.id,
        number=0,
        source="",
        created_at=at,
        due_at=at,
    )
    return removed_file(unknown)


def _file_of(record: tuple[bytes, bytes]) -> ReceivedFile:
    return load(ReceivedFile, record[1])
