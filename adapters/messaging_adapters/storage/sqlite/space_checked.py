"""Refuse messages while the disk has too little room."""

from collections.abc import Sequence
from sqlite3 import Cursor

from messaging_adapters.storage.sql.stores.messages import SqlMessages
from messaging_adapters.storage.sqlite.connection.free_space import FreeSpace
from messaging_core.models.delivery.delivery import NewMessage


class SpaceCheckedMessages(SqlMessages):
    """Accept messages only where there is room for them."""

    def __init__(self, cursor: Cursor, scan_budget: int, space: FreeSpace) -> None:
        super().__init__(cursor, scan_budget)
        self._space = space

    def add(self, messages: Sequence[NewMessage]) -> None:
        self._space.require()
        super().add(messages)
