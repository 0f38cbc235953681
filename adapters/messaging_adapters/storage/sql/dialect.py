"""What SQL databases do each in their own way, for the stores that they share."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol
from uuid import UUID

from messaging_adapters.storage.sql.cursor import SqlCursor
from messaging_adapters.storage.sql.queries.listing import Listing
from messaging_adapters.storage.sql.rows.bulk_insert import BulkInsert, Row
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.messages.query import MessageQuery

Subject = tuple[bytes, int, str]
"""The workspace and the position of a message, and its subject."""

Document = tuple[bytes, int, bytes]
"""The workspace and the position of a message, and its document."""


class Dialect(Protocol):
    """How one database does what statements alone do not say, in one transaction.

    A database that lets one transaction write at a time has nothing to lock, and its events have
    their positions when they are written.

    Attributes:
        cursor: Of the transaction. It executes the statements of the stores.
    """

    cursor: SqlCursor

    def insert(self, insertion: BulkInsert, rows: Sequence[Row]) -> None:
        """Insert rows with as few statements as is best, in order."""

    def execute_for_all(self, statement: str, rows: Sequence[Any]) -> None:
        """Execute one statement that reads many rows from `json_each(?)`; none do nothing."""

    def listing(self, query: MessageQuery, scan_budget: int) -> Listing:
        """Return what finds one page of a query."""

    def add_documents(self, documents: Sequence[Document]) -> None:
        """Store documents that are too long for the rows of their messages."""

    def add_subjects(self, subjects: Sequence[Subject]) -> None:
        """Let messages be found by the words of their subjects."""

    def delete_subjects(self, keys: Sequence[tuple[bytes, int]]) -> None:
        """Let messages be found by no word any more, and leave no word of theirs.

        Each is named by its workspace and its position.
        """

    def lock_messages(self, workspace: UUID, message_ids: Iterable[UUID]) -> None:
        """Let no other transaction decide about messages, before this one reads them."""

    def lock_addresses(self, workspace: UUID, identifiers: Collection[Identifier]) -> None:
        """Let no other transaction decide what addresses get, before this one does."""

    def lock_contact(self, workspace: UUID, contact_id: str) -> None:
        """Let no other transaction count what a contact gets, before this one does."""

    def number_events(self) -> None:
        """Give committed events their positions, where writing them does not."""
