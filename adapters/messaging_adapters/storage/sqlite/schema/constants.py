"""Numbers and names of the tables that are needed without making them."""

from typing import Final

# A position is the rowid of a message: milliseconds of acceptance times 2^15, counted on within a
# millisecond. It grows with every commit, whatever the clocks of several processes say, so pages,
# tags, receivers and subjects are all walked by one integer, and every index ends in it for free.
POSITION_BITS: Final = 15

PENDING: Final = ("accepted", "scheduled", "processing")
"""The statuses of messages that have a row in the outbox."""

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
)
"""All migrations of this version, in their order."""
