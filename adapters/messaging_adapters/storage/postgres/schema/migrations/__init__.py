"""All migrations of this version, in their order; each runs once and is never changed."""

from typing import Final

from messaging_adapters.storage.postgres.schema.migrations import m0001_tables

MIGRATIONS: Final[tuple[tuple[str, str], ...]] = (("0001_tables", m0001_tables.SCRIPT),)
"""Name and script of each."""
