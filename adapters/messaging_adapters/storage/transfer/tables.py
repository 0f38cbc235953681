"""The tables of an export, with the columns that SQLite and PostgreSQL have in common."""

from typing import Final

from messaging_core.lazy import frozen

_MANY: Final = 5000


@frozen
class Table:
    """One table.

    Attributes:
        name: As it is called in both databases and in the file.
        key: The columns that tell its rows apart; an export has them in this order.
        others: The other columns.
        at_once: How many rows are moved with one transaction.
    """

    name: str
    key: tuple[str, ...]
    others: tuple[str, ...] = ()
    at_once: int = _MANY

    @property
    def columns(self) -> tuple[str, ...]:
        """Return all columns, as the file has them."""
        return self.key + self.others


def _table(name: str, key: str, others: str = "", at_once: int = _MANY) -> Table:
    return Table(f"messaging_{name}", tuple(key.split()), tuple(others.split()), at_once)


TABLES: Final = (
    _table(
        "messages",
        "position",
        "id workspace channel_id platform direction status created_at own_address country_code"
        " reference batch_id navigator_id failure_code failure_source_code failure_source_name"
        " state inline_document redacted",
    ),
    _table("documents", "position", "workspace document", 500),
    _table("tags", "workspace tag position"),
    _table("people", "workspace address position"),
    _table("channels", "workspace channel_id platform own_address"),
    _table("subjects", "position", "workspace subject"),
    _table("references", "workspace reference position"),
    _table("idempotency_keys", "workspace key", "request_hash message_id created_at fields"),
    _table("contacts", "workspace id", "document"),
    _table("contact_identifiers", "workspace key value", "contact_id"),
    _table("contact_lists", "workspace id", "name document"),
    _table("list_members", "workspace list_id contact_id"),
    _table("suppressions", "workspace key address scope sender cause", "document"),
    _table("opt_ins", "workspace key address sender", "at"),
    _table("sendings", "workspace contact_id platform at message_id"),
    _table("templates", "position", "workspace id name document"),
    _table("short_links", "position", "code workspace message_id document"),
    _table(
        "receipts",
        "position",
        "workspace source key kind state received_at reference document failures due_at",
    ),
    _table("evidence", "workspace message_id", "document"),
    _table("interactions", "position", "workspace message_id document"),
    _table("events", "position", "workspace message_id kind status at document"),
    _table("damaged_events", "position", "workspace message_id kind status at document"),
    _table("subscriptions", "name", "position failures fence not_before"),
    _table("counters", "name", "value"),
    _table("webhook_subscriptions", "position", "id workspace signing_key document"),
    _table("message_webhooks", "workspace message_id", "url"),
    _table("access_keys", "id", "workspace digest used_at document"),
    _table("rates", "workspace key", "document"),
    _table("rollups", "workspace step tag start channel_id outcome detail", "number longest"),
    _table("rollup_tags", "workspace tag", "day since latest"),
    _table("received_files", "id", "workspace message_id state due_at fence document content", 10),
    _table("audit", "workspace id", "message_id document"),
    _table("expiring_records", "kind key", "expires_at value"),
    # Last, as ACTED_UPON says.
    _table(
        "webhook_queue",
        "id",
        "receiver_id workspace message_id position state due_at host fence document",
    ),
    _table(
        "outbox",
        "position",
        "workspace channel_id lane due_at expires_at fence leased_until handed_over attempts"
        " crashes controls progress",
    ),
)
"""All tables, in the order in which they are exported and imported."""

ACTED_UPON: Final = 2
"""How many of them, the last, tell a worker what to send: they are imported in one transaction.

A worker that is started too early finds nothing to send, and nothing is sent twice when the import
is then made again.
"""

FACTS: Final = "messaging_facts"
"""The table of single numbers, which an export keeps among what it says about itself."""

LEFT_OUT: Final = {
    "messaging_workers": "describes processes that have ended",
    "messaging_addresses": "PostgreSQL: rows to lock, made when they are needed",
    "messaging_new_events": "PostgreSQL: empty, as all events are numbered before an export",
    "messaging_subject_words": "PostgreSQL: made of the subjects",
    "messaging_subjects_fts": "SQLite: made of the subjects",
    "messaging_migrations": "PostgreSQL: the tables are made by the library",
    "_sqlite_migrations": "SQLite: the tables are made by the library",
}
"""What no export has, and why."""
