"""The storage in PostgreSQL."""

from messaging_core.errors import MissingDependencyError

try:
    from messaging_adapters.storage.postgres.storage import PostgresStorage
except ModuleNotFoundError as error:  # pragma: no cover - tests run with all extras
    if error.name not in {"psycopg", "psycopg_pool"}:
        raise
    raise MissingDependencyError(str(error.name), "postgres") from error

__all__ = ["PostgresStorage"]
