"""SQLite, the embedded default."""

from messaging_adapters.storage.sqlite.storage import SqliteStorage

__all__ = ["SqliteStorage"]
