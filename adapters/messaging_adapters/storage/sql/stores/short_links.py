"""Short links: one row a link, found by its code."""

from collections.abc import Sequence
from uuid import UUID

from messaging_adapters.storage.sql.rows.columns import storable
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.models.content.short_link import ShortLink
from messaging_core.ports.storage.content import ShortLinks
from messaging_core.wire import encode, load

_ADD = (
    "INSERT INTO messaging_short_links (code, workspace, message_id, document) VALUES (?, ?, ?, ?)"
)
_GET = "SELECT document FROM messaging_short_links WHERE code = ?"
_OF_MESSAGE = (
    "SELECT document FROM messaging_short_links WHERE message_id = ? AND workspace = ?"
    " ORDER BY position"
)


class SqlShortLinks(SqlStore, ShortLinks):
    """Keep short links through one cursor, inside one transaction."""

    def add(self, links: Sequence[ShortLink]) -> None:
        self._cursor.executemany(
            _ADD,
            [
                (link.code, link.workspace.bytes, link.message_id.bytes, encode(link))
                for link in links
            ],
        )

    def get(self, code: str) -> ShortLink | None:
        row = self._cursor.execute(_GET, storable([code])).fetchone()
        return load(ShortLink, row[0]) if row else None

    def of_message(self, workspace: UUID, message_id: UUID) -> list[ShortLink]:
        rows = self._cursor.execute(_OF_MESSAGE, (message_id.bytes, workspace.bytes))
        return [load(ShortLink, document) for (document,) in rows]
