"""A storage in memory whose transactions are open at the same time, as those of a database are."""

from messaging_adapters.storage.memory.concurrent.storage import ConcurrentMemoryStorage

__all__ = ["ConcurrentMemoryStorage"]
