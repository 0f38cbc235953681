"""How much of each rate limit is used: one row for each limit."""

from uuid import UUID

from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.models.common.rate import RateLog
from messaging_core.ports.storage.rates import Rates
from messaging_core.wire.stored.rates import encode_rates, load_rates

_GET = "SELECT document FROM messaging_rates WHERE workspace = ? AND key = ?"
_PUT = (
    "INSERT INTO messaging_rates (workspace, key, document) VALUES (?, ?, ?)"
    " ON CONFLICT (workspace, key) DO UPDATE SET document = excluded.document"
)


class SqlRates(SqlStore, Rates):
    """Keep rate limits through one cursor, inside one transaction."""

    def lock(self, workspace: UUID, key: str) -> RateLog:
        # A transaction that writes excludes all others from its begin on.
        row = self._cursor.execute(_GET, (workspace.bytes, key)).fetchone()
        return load_rates(row[0]) if row else RateLog()

    def put(self, workspace: UUID, key: str, log: RateLog) -> None:
        self._cursor.execute(_PUT, (workspace.bytes, key, encode_rates(log)))
