"""SQLite, the embedded default."""

from messaging_adapters.storage.sqlite.connection.opening import wal_is_safe
from messaging_adapters.storage.sqlite.storage import SqliteStorage

__all__ = ["SqliteStorage", "wal_is_safe"]
