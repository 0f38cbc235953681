"""A storage in memory, for tests and simulations."""

from messaging_adapters.storage.memory.storage import MemoryStorage

__all__ = ["MemoryStorage"]
