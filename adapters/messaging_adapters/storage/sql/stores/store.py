"""What every store has."""

from messaging_adapters.storage.sql.dialect import Dialect
from messaging_adapters.storage.sql.rows.documents import DELETE_DOCUMENT, is_inline


class SqlStore:
    """Work through one cursor, inside one transaction.

    Args:
        dialect: Of the database.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._cursor = dialect.cursor

    def _replace_document(self, key: tuple[bytes, int], document: bytes) -> None:
        """Store what the row does not hold of a message's new document, and drop what was stored.

        Args:
            key: The workspace and the position of the message.
            document: The new one.
        """
        self._cursor.execute(DELETE_DOCUMENT, key)
        if not is_inline(document):
            self._dialect.add_documents([(*key, document)])
