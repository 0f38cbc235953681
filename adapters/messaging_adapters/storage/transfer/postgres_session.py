"""Whole tables in PostgreSQL, some of which have other rows than those of SQLite."""

# ruff: noqa: S608 - names of our own tables and columns; no input

from collections.abc import Mapping, Sequence
from typing import Final

from messaging_adapters.storage.postgres.event_numbers import EventNumbers
from messaging_adapters.storage.postgres.schema.keys import TABLES as KEYS
from messaging_adapters.storage.sql.rows.bulk_insert import Row
from messaging_adapters.storage.transfer.session import Facts, Session
from messaging_adapters.storage.transfer.tables import TABLES, Table

_FROZEN: Final = ", ".join([*(table.name for table in TABLES), "messaging_new_events"])
# Of a channel and of a counter there may be several rows, of which all or one say what it is.
_SOURCES: Final[Mapping[str, str]] = {
    "messaging_channels": (
        "(SELECT DISTINCT workspace, channel_id, platform, own_address"
        " FROM messaging_channels) AS t"
    ),
    "messaging_counters": (
        "(SELECT name, sum(value)::bigint AS value FROM messaging_counters GROUP BY name) AS t"
    ),
    "messaging_subjects": (
        "(SELECT workspace, position, btrim(words) AS subject FROM messaging_subjects) AS t"
    ),
}
_FOUND_BY_POSITION: Final = {"messaging_messages", "messaging_outbox", "messaging_events"}
_NUMBERED: Final = ("receipts", "interactions", "templates", "short_links", "webhook_subscriptions")
"""The tables whose positions the server gives."""

_LAST_RECEIPT: Final = "messaging_receipts"
_DRAWN: Final = (
    "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, 'position')::regclass), 0)"
)


class PostgresSession(Session):
    """Read and write whole tables of PostgreSQL."""

    def freeze(self) -> None:
        # Readers may go on. Another export waits, and so do callers that send.
        self._cursor.native(f"LOCK TABLE {_FROZEN} IN SHARE ROW EXCLUSIVE MODE")
        EventNumbers(self._cursor).give_all()

    def source(self, table: Table) -> str:
        return _SOURCES.get(table.name, table.name)

    def order(self, table: Table) -> tuple[str, ...]:
        _, key = KEYS[table.name]
        is_split = table.name in _FOUND_BY_POSITION or not set(key) <= set(table.columns)
        return table.key if is_split else key

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        if table.name in {"messaging_channels", "messaging_counters"}:
            self._insert(table.name, (*table.columns, "shard"), [(*row, 0) for row in rows])
        else:
            super().insert(table, rows)

    def facts(self) -> Facts:
        facts = dict(super().facts())
        (drawn,) = self._cursor.native(_DRAWN, (_LAST_RECEIPT,)).fetchone()
        return facts | {"last_receipt": max(facts["last_receipt"], drawn)}

    def set_facts(self, facts: Facts) -> None:
        super().set_facts(facts)
        for name in _NUMBERED:
            last = facts["last_receipt"] if name == "receipts" else 0
            self._cursor.native(
                f"SELECT setval(pg_get_serial_sequence('messaging_{name}', 'position'),"
                f" greatest($1::bigint, (SELECT max(position) FROM messaging_{name}), 1))",
                (last,),
            )
        self._cursor.native(f"ANALYZE {_FROZEN}")
