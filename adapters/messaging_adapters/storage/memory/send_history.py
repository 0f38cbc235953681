"""When contacts were written to, in the memory of this process."""

from datetime import datetime
from uuid import UUID

from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.ports.storage.send_history import SendHistory

SendHistoryTable = dict[tuple[UUID, UUID, str], tuple[str, datetime]]
"""Platform and time, by workspace, message and contact."""


class MemorySendHistory(SendHistory):
    """Remember inside one transaction."""

    def __init__(self, table: SendHistoryTable, undo: Undoable) -> None:
        self._table = table
        self._undo = undo

    def record(  # noqa: PLR0913 - the port's
        self,
        workspace: UUID,
        contact_id: str,
        *,
        platform: str,
        message_id: UUID,
        at: datetime,
        forget_before: datetime,
    ) -> None:
        for key, (on, then) in list(self._table.items()):
            is_theirs = (key[0], key[2], on) == (workspace, contact_id, platform)
            if is_theirs and then < forget_before:
                self._undo.remove(self._table, key)
        self._undo.put(self._table, (workspace, message_id, contact_id), (platform, at))

    def since(
        self, workspace: UUID, contact_id: str, *, platform: str, since: datetime
    ) -> list[tuple[datetime, UUID]]:
        sent = [
            (at, message_id)
            for (where, message_id, whom), (on, at) in self._table.items()
            if (where, whom, on) == (workspace, contact_id, platform) and at >= since
        ]
        return sorted(sent, key=lambda entry: (entry[0], entry[1].bytes))

    def move(self, workspace: UUID, message_id: UUID, at: datetime) -> None:
        for key, (on, _) in list(self._table.items()):
            if key[:2] == (workspace, message_id):
                self._undo.put(self._table, key, (on, at))

    def remove(self, workspace: UUID, message_id: UUID) -> None:
        for key in [key for key in self._table if key[:2] == (workspace, message_id)]:
            self._undo.remove(self._table, key)
