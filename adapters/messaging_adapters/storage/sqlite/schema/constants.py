"""Names of tables and migrations that are needed without making them."""

from typing import Final

LOG: Final = "_sqlite_migrations"
"""The table in which sqlite-utils notes which migrations were applied."""

MIGRATION_SET: Final = "messaging"

MIGRATION_NAMES: Final = (
    "0001_messages",
    "0002_fairness",
    "0003_log",
    "0004_crashes",
    "0005_idempotency_window",
    "0006_directory",
    "0007_sendings",
    "0008_retention",
    "0009_content",
    "0010_identities",
    "0011_bulkheads",
    "0012_documents",
    "0013_receipt_failures",
    "0014_webhooks",
    "0015_access_keys",
    "0016_rollups",
    "0017_received_files",
    "0018_request_webhooks",
    "0019_audit",
    "0021_workers",
    "0022_expired_records",
)
"""All migrations of this version, in their order."""
