"""How SQLite does what databases do each in their own way."""

from collections.abc import Collection, Iterable, Sequence
from sqlite3 import Cursor
from typing import Any, Final
from uuid import UUID

import orjson

from messaging_adapters.storage.sql.dialect import Dialect, Document, Subject
from messaging_adapters.storage.sql.rows.bulk_insert import BulkInsert, Row
from messaging_adapters.storage.sqlite.queries.listing import SqliteListing
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.messages.query import MessageQuery

# Of the workspace, no column: the position is the key of the whole file.
_ADD_DOCUMENTS: Final = BulkInsert("messaging_documents", "(?, ?)")
# Triggers of the table keep the full-text index.
_ADD_SUBJECTS: Final = BulkInsert("messaging_subjects", "(?, ?)")
_DELETE_SUBJECT: Final = "DELETE FROM messaging_subjects WHERE position = ?"
# Words of a deleted text stay in a segment of the full-text index until segments are merged; a
# negative number begins where an "optimize" would, and writes at most so many pages.
_MERGE_SUBJECTS: Final = (
    "INSERT INTO messaging_subjects_fts (messaging_subjects_fts, rank) VALUES ('merge', -200)"
)


class SqliteDialect(Dialect):
    """SQLite lets one transaction write at a time: it locks nothing."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor

    def insert(self, insertion: BulkInsert, rows: Sequence[Row]) -> None:
        insertion.run(self.cursor, rows)

    def execute_for_all(self, statement: str, rows: Sequence[Any]) -> None:
        if rows:
            self.cursor.execute(statement, (orjson.dumps(rows).decode(),))

    def listing(self, query: MessageQuery, scan_budget: int) -> SqliteListing:
        return SqliteListing(self.cursor, query, scan_budget)

    def add_documents(self, documents: Sequence[Document]) -> None:
        self.insert(_ADD_DOCUMENTS, [document[1:] for document in documents])

    def add_subjects(self, subjects: Sequence[Subject]) -> None:
        self.insert(_ADD_SUBJECTS, [subject[1:] for subject in subjects])

    def delete_subjects(self, keys: Sequence[tuple[bytes, int]]) -> None:
        self.cursor.executemany(_DELETE_SUBJECT, [(position,) for _, position in keys])
        self.cursor.execute(_MERGE_SUBJECTS)

    def lock_messages(self, workspace: UUID, message_ids: Iterable[UUID]) -> None:
        pass

    def lock_addresses(self, workspace: UUID, identifiers: Collection[Identifier]) -> None:
        pass

    def lock_contact(self, workspace: UUID, contact_id: str) -> None:
        pass

    def number_events(self) -> None:
        pass
