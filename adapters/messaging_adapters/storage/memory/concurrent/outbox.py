"""What waits to be delivered: a claim passes over what other transactions decide about."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from messaging_adapters.storage.memory.concurrent.view import View
from messaging_adapters.storage.memory.outbox import MemoryOutbox
from messaging_core.models.delivery.delivery import Claim


class ConcurrentOutbox(MemoryOutbox):
    """Give out deliveries, inside one of several transactions."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._view = view

    def claim(
        self,
        *,
        now: datetime,
        lease: timedelta,
        limit: int,
        suspects: bool = True,
        places: Mapping[UUID, int] | None = None,
    ) -> list[Claim]:
        outbox, rows = self._view.outbox, self._view.rows
        busy = [key for key in outbox if not self._view.is_free("message", rows[key].id)]
        hidden = {position: outbox.pop(position) for position in busy}
        try:
            self._view.find_due()
            return super().claim(
                now=now, lease=lease, limit=limit, suspects=suspects, places=places
            )
        finally:
            outbox.update(hidden)
