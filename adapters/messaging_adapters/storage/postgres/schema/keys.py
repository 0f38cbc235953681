"""The keys of those tables in which a row may take the place of another."""

from collections.abc import Mapping
from typing import Final

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "messaging_contacts": ("workspace", "id"),
    "messaging_evidence": ("workspace", "message_id"),
    "messaging_idempotency_keys": ("workspace", "key"),
    "messaging_opt_ins": ("workspace", "key", "address", "sender"),
    "messaging_sendings": ("workspace", "contact_id", "platform", "at", "message_id"),
}
"""The primary key of each."""


def columns_of(table: str) -> tuple[str, ...]:
    """Return the columns of a table that statements fill without naming them."""
    return KEYS[table] if table == "messaging_sendings" else ()
