"""How PostgreSQL does what databases do each in their own way."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from messaging_adapters.storage.postgres.arrays import columns_of
from messaging_adapters.storage.postgres.cursor import PostgresCursor
from messaging_adapters.storage.postgres.event_numbers import EventNumbers
from messaging_adapters.storage.postgres.locks import Locks, lock_name
from messaging_adapters.storage.postgres.queries.listing import PostgresListing
from messaging_adapters.storage.sql.dialect import Dialect, Document, Subject
from messaging_adapters.storage.sql.rows.bulk_insert import BulkInsert, Row
from messaging_adapters.storage.sql.rows.columns import storable
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.people.suppression import SuppressionScope
from messaging_core.rules.content.subject_words import folded_words
from messaging_core.wire.stored.suppression_key import place_of

_ADD_DOCUMENTS: Final = BulkInsert(
    "messaging_documents (workspace, position, document)", "(?, ?, ?)"
)
_ADD_SUBJECTS: Final = (
    "INSERT INTO messaging_subjects (workspace, position, words)"
    " SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::text[])"
)
_ADD_WORDS: Final = (
    "INSERT INTO messaging_subject_words (workspace, word, position)"
    " SELECT * FROM unnest($1::bytea[], $2::text[], $3::bigint[]) ON CONFLICT DO NOTHING"
)
_DELETE_SUBJECTS: Final = (
    "WITH gone AS (DELETE FROM messaging_subjects s"
    " USING unnest($1::bytea[], $2::bigint[]) AS k(workspace, position)"
    " WHERE s.workspace = k.workspace AND s.position = k.position RETURNING s.*)"
    " DELETE FROM messaging_subject_words w USING gone WHERE w.workspace = gone.workspace"
    " AND w.word = ANY(string_to_array(gone.words, ' ')) AND w.position = gone.position"
)


class PostgresDialect(Dialect):
    """PostgreSQL lets many transactions write at once: what one decides on, it locks.

    Args:
        cursor: Of the transaction.
        read_only: It decides on nothing.

    Attributes:
        native: Executes a statement that is written for PostgreSQL.
        locks: Of the transaction.
        numbers: Of events.
    """

    def __init__(self, cursor: PostgresCursor, *, read_only: bool) -> None:
        self.cursor = cursor
        self.native = cursor.native
        self.read_only = read_only
        self.locks = Locks(cursor, read_only=read_only)
        self.numbers = EventNumbers(cursor)

    def insert(self, insertion: BulkInsert, rows: Sequence[Row]) -> None:
        if rows:
            self.cursor.insert_rows(insertion.into, rows, ignores=insertion.ignores)

    def execute_for_all(self, statement: str, rows: Sequence[Any]) -> None:
        if not rows:
            return
        ordered = sorted(rows, key=_position)
        if isinstance(ordered[0], int):
            self.cursor.execute(statement, (ordered,))
        else:
            self.cursor.execute(statement, list(map(list, zip(*ordered, strict=True))))

    def listing(self, query: MessageQuery, scan_budget: int) -> PostgresListing:
        return PostgresListing(self.cursor, query, scan_budget)

    def add_documents(self, documents: Sequence[Document]) -> None:
        self.insert(_ADD_DOCUMENTS, documents)

    def add_subjects(self, subjects: Sequence[Subject]) -> None:
        words = [
            (workspace, position, folded_words(text)) for workspace, position, text in subjects
        ]
        rows = [
            (workspace, position, f" {' '.join(folded)} ") for workspace, position, folded in words
        ]
        columns = columns_of(rows, "bytea", "bigint", "text")
        self.cursor.later("messaging_subjects", _ADD_SUBJECTS, columns)
        listed = [
            (workspace, word, position)
            for workspace, position, folded in words
            for word in dict.fromkeys(folded)
        ]
        if listed:
            columns = columns_of(listed, "bytea", "text", "bigint")
            self.cursor.later("messaging_subject_words", _ADD_WORDS, columns)

    def delete_subjects(self, keys: Sequence[tuple[bytes, int]]) -> None:
        self.native(_DELETE_SUBJECTS, columns_of(keys, "bytea", "bigint"))

    def lock_messages(self, workspace: UUID, message_ids: Iterable[UUID]) -> None:
        self.locks.messages(workspace.bytes, [message_id.bytes for message_id in message_ids])

    def lock_addresses(self, workspace: UUID, identifiers: Collection[Identifier]) -> None:
        names = {name_of(identifier) for identifier in identifiers}
        self.locks.addresses(workspace.bytes, names - {""})

    def lock_contact(self, workspace: UUID, contact_id: str) -> None:
        self.locks.addresses(workspace.bytes, [lock_name("contact", contact_id)])

    def number_events(self) -> None:
        self.numbers.give()


def _position(row: Any) -> Any:
    return row if isinstance(row, int) else row[0]


def name_of(identifier: Identifier) -> str:
    """Return what an address is locked by, or nothing where no column can hold it."""
    key, address, *_ = storable(place_of(identifier, SuppressionScope.MARKETING, None))
    return lock_name(key, address) if key and address else ""
