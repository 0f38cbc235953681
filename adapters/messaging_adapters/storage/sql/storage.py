"""What storages in SQL databases share: their own transactions, those of hosts, and the tables."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

from messaging_core.ports.storage.transaction import Storage, Transaction


class SqlStorage(Storage):
    """Keep messages in an SQL database.

    A storage says how it begins a transaction of its own and takes part in one of the host's, and
    what its tables are.
    """

    @staticmethod
    @abstractmethod
    def schema_statements() -> tuple[str, ...]:
        """Return what makes all tables in a database without them, one statement each.

        They are for the host's own migrations. In Alembic each goes to `op.execute`.
        """

    @classmethod
    def schema_sql(cls) -> str:
        """Return the same as one script, for the database's own shell or a file."""
        return "".join(f"{statement};\n" for statement in cls.schema_statements())

    def check_schema(self, connection: Any = None) -> None:
        """Raise `SchemaError` with every difference from the tables this version works with.

        Missing tables, columns and indexes, those that are defined differently, and migrations
        that are not applied or unknown.

        Args:
            connection: The host's own; else one of this storage.
        """
        if connection is None:
            self._check_own()
        else:
            self._check_hosts(connection)

    def begin(
        self, connection: Any = None, *, read_only: bool = False
    ) -> AbstractContextManager[Transaction]:
        if connection is None:
            return self._begin_own(read_only=read_only)
        return self._begin_hosts(connection, read_only=read_only)

    @abstractmethod
    def _begin_own(self, *, read_only: bool) -> AbstractContextManager[Transaction]:
        """Begin a transaction on a connection of this storage, and end it with the block."""

    @abstractmethod
    def _begin_hosts(
        self, connection: Any, *, read_only: bool
    ) -> AbstractContextManager[Transaction]:
        """Take part in the transaction of a host's connection."""

    @abstractmethod
    def _check_own(self) -> None:
        """Check the tables through a connection of this storage."""

    @abstractmethod
    def _check_hosts(self, connection: Any) -> None:
        """Check the tables through a host's connection."""

    @abstractmethod
    def close(self) -> None:
        """Give back every connection; the object cannot be used any more. Twice is no fault."""

    def __enter__(self) -> Self:
        """Close the storage when the block ends."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the storage."""
        self.close()
