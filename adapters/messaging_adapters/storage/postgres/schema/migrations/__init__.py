"""All migrations of this version, in their order; each runs once and is never changed.

They have the names and numbers of those of SQLite, of which the first fourteen are one here.
"""

from typing import Final

from messaging_adapters.storage.postgres.schema.migrations import (
    m0014_tables,
    m0015_access_keys,
    m0016_rollups,
    m0017_received_files,
    m0018_request_webhooks,
    m0019_audit,
    m0020_workspace_keys,
    m0021_workers,
    m0022_expired_records,
)

MIGRATIONS: Final[tuple[tuple[str, str], ...]] = (
    ("0014_tables", m0014_tables.SCRIPT),
    ("0015_access_keys", m0015_access_keys.SCRIPT),
    ("0016_rollups", m0016_rollups.SCRIPT),
    ("0017_received_files", m0017_received_files.SCRIPT),
    ("0018_request_webhooks", m0018_request_webhooks.SCRIPT),
    ("0019_audit", m0019_audit.SCRIPT),
    ("0020_workspace_keys", m0020_workspace_keys.SCRIPT),
    ("0021_workers", m0021_workers.SCRIPT),
    ("0022_expired_records", m0022_expired_records.SCRIPT),
)
"""Name and script of each."""
