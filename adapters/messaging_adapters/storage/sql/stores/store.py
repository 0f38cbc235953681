"""What every store has."""

from messaging_adapters.storage.sql.dialect import Dialect


class SqlStore:
    """Work through one cursor, inside one transaction.

    Args:
        dialect: Of the database.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._cursor = dialect.cursor
