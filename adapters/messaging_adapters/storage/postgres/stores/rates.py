"""How much of each rate limit is used, in PostgreSQL."""

from typing import Final
from uuid import UUID

from messaging_adapters.storage.postgres.dialect import PostgresDialect
from messaging_adapters.storage.sql.stores.rates import SqlRates
from messaging_core.models.common.rate import RateLog
from messaging_core.wire.stored.rates import load_rates

_RESERVE: Final = (
    "INSERT INTO messaging_rates (workspace, key, document) VALUES ($1, $2, '')"
    " ON CONFLICT DO NOTHING"
)
_LOCK: Final = "SELECT document FROM messaging_rates WHERE workspace = $1 AND key = $2 FOR UPDATE"


class PostgresRates(SqlRates):
    """Keep rate limits through one cursor, inside one transaction."""

    def __init__(self, dialect: PostgresDialect) -> None:
        super().__init__(dialect)
        self._native = dialect.native

    def lock(self, workspace: UUID, key: str) -> RateLog:
        self._native(_RESERVE, (workspace.bytes, key))
        (document,) = self._native(_LOCK, (workspace.bytes, key)).fetchone()
        return load_rates(document) if document else RateLog()
