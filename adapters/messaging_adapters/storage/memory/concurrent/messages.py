"""Messages, where other transactions may use the keys that are old."""

from datetime import datetime

from messaging_adapters.storage.memory.concurrent.view import View
from messaging_adapters.storage.memory.storage import MemoryMessages


class ConcurrentMessages(MemoryMessages):
    """Keep messages inside one of several transactions."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._view = view

    def delete_expired_keys(self, *, until: datetime, limit: int) -> None:
        self._view.find_old_keys()
        super().delete_expired_keys(until=until, limit=limit)
