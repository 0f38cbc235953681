"""Refuse messages while the disk has too little room."""

from collections.abc import Sequence

from messaging_adapters.storage.sql.dialect import Dialect
from messaging_adapters.storage.sql.stores.messages import SqlMessages
from messaging_adapters.storage.sqlite.connection.free_space import FreeSpace
from messaging_core.models.delivery.delivery import NewMessage


class SpaceCheckedMessages(SqlMessages):
    """Accept messages only where there is room for them."""

    def __init__(self, dialect: Dialect, scan_budget: int, space: FreeSpace) -> None:
        super().__init__(dialect, scan_budget)
        self._space = space

    def add(self, messages: Sequence[NewMessage]) -> None:
        self._space.require()
        super().add(messages)
