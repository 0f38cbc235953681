"""What is old, in PostgreSQL."""

from collections.abc import Iterator, Sequence
from typing import Final

from messaging_adapters.storage.postgres.dialect import PostgresDialect
from messaging_adapters.storage.sql.rows.columns import failure_columns
from messaging_adapters.storage.sql.rows.documents import inline_part
from messaging_adapters.storage.sql.stores.retention import Place, SqlRetention, _Row
from messaging_core.models.messages.message import Message
from messaging_core.wire.stored.message import store

_LOCK: Final = (
    "SELECT 1 FROM messaging_messages WHERE workspace = $1 AND id = ANY($2::bytea[])"
    " ORDER BY position FOR UPDATE"
)
_REDACT: Final = (
    "UPDATE messaging_messages SET redacted = 1, own_address = NULL, reference = NULL,"
    " failure_code = $2, failure_source_code = $3, failure_source_name = $4, state = $5,"
    " inline_document = $6 WHERE workspace = $7 AND position = $1"
)


class PostgresRetention(SqlRetention):
    """Take out what is old through one cursor, inside one transaction."""

    def __init__(self, dialect: PostgresDialect) -> None:
        super().__init__(dialect)
        self._native = dialect.native
        self._numbers = dialect.numbers

    def _rows(self, messages: Sequence[Place]) -> Iterator[_Row]:
        workspaces: dict[bytes, list[bytes]] = {}
        for workspace, message_id in messages:
            workspaces.setdefault(workspace.bytes, []).append(message_id.bytes)
        for workspace_id in sorted(workspaces):
            self._native(_LOCK, (workspace_id, workspaces[workspace_id]))
        self._numbers.give_all()  # so that all their events are in the log
        yield from super()._rows(messages)

    def _rewrite(self, rows: Sequence[tuple[_Row, Message]]) -> None:
        for row, message in rows:
            stored, failure = store(message), failure_columns(message.failure)
            document = inline_part(stored.document)
            left = (*failure, stored.state, document)
            self._native(_REDACT, (row.position, *left, row.workspace.bytes))
            self._replace_document(row.key, stored.document)
