"""Roll-ups in PostgreSQL."""

from messaging_adapters.storage.postgres.cursor import PostgresCursor
from messaging_adapters.storage.postgres.stores.timeline import PostgresTimeline
from messaging_adapters.storage.sql.stores.rollups import SqlRollups
from messaging_core.models.delivery.rollups import UncountedEvents


class PostgresRollups(SqlRollups):
    """Keep roll-ups through one cursor, inside one transaction."""

    def __init__(self, cursor: PostgresCursor, timeline: PostgresTimeline) -> None:
        super().__init__(cursor)  # type: ignore[arg-type] # in its manner
        self._timeline = timeline

    def uncounted(self, position: int, *, limit: int) -> UncountedEvents:
        self._timeline.number_new()
        return super().uncounted(position, limit=limit)
