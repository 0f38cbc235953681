"""Storages in memory, for tests and simulations."""

from messaging_adapters.storage.memory.concurrent import ConcurrentMemoryStorage
from messaging_adapters.storage.memory.storage import MemoryStorage

__all__ = ["ConcurrentMemoryStorage", "MemoryStorage"]
