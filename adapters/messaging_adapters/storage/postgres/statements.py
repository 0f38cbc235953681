"""The statements of SQLite that no rule translates, written for PostgreSQL.

A row that decides something is locked before it is looked at: first the rows of the outbox, then
those of messages, each in the order of their positions.
"""

# ruff: noqa: SLF001, S608 - the statements of those modules, by their names; no input

from collections.abc import Mapping
from typing import Final

from messaging_adapters.storage.sql.stores import (
    contacts,
    outbox,
    receipts,
    received_files,
    retention,
    templates,
    timeline,
    webhooks,
)
from messaging_core.models.messages.message import Status

# The state is JSON that we wrote: it begins with the status and the times of the last changes. It
# is not cast to `jsonb`, which refuses a NUL and writes every key of it in another order.
_HEAD: Final = '^\\{"status":"[^"]*"(,"lastStatusAt":"[^"]*")?(,"updatedAt":"[^"]*")?'
_UPDATED_AT: Final = '"updatedAt":"'


def started_state(at: str) -> str:
    """Return how the state of a message is written when it is claimed.

    Args:
        at: The mark of the time.
    """
    changed = f'{{"status":"{Status.PROCESSING}","lastStatusAt":"\' || {at} || \'",'
    return f"regexp_replace(state, '{_HEAD}', '{changed}\"updatedAt\":\"' || {at} || '\"')"


def _first_webhook(comparison: str) -> str:
    return (
        "SELECT id, fence, due_at, document FROM messaging_webhook_queue"
        f" WHERE state = {webhooks._READY} AND receiver_id = $1 AND workspace = $2"
        f" AND due_at {comparison} $3"
        " ORDER BY due_at, position, id LIMIT 1 FOR UPDATE SKIP LOCKED"
    )


_NEW_EARLIER: Final = webhooks._EARLIER.format(
    workspace="$3", receiver="$2", message="$4", position="$5"
)

OVERRIDES: Final[Mapping[str, str]] = {
    outbox._NOT_HANDED_OVER: (
        "SELECT position FROM messaging_messages m JOIN messaging_outbox o"
        " USING (workspace, position)"
        " WHERE m.id = $1 AND m.workspace = $2 AND handed_over = 0 FOR UPDATE OF o"
    ),
    outbox._WAITING: (
        "SELECT position FROM messaging_messages m JOIN messaging_outbox o"
        " USING (workspace, position)"
        " WHERE m.id = $1 AND m.workspace = $2 AND handed_over = 0"
        " AND (leased_until IS NULL OR leased_until <= $3) FOR UPDATE OF o"
    ),
    outbox._SINCE: (
        "SELECT o.workspace, o.position, o.due_at,"
        f" substring(m.state from '{_UPDATED_AT}([^\"]*)\"')"
        " FROM messaging_outbox o JOIN messaging_messages m USING (workspace, position)"
        " WHERE o.position > $1 AND o.due_at > $2 AND o.leased_until IS NULL"
        " AND m.created_at > $3 AND m.status <> 'scheduled' ORDER BY o.position FOR UPDATE OF o"
    ),
    outbox._TOUCH: (
        f"UPDATE messaging_messages SET state = regexp_replace(state, '{_UPDATED_AT}[^\"]*\"',"
        f" '{_UPDATED_AT}' || $1 || '\"') WHERE workspace = $2 AND position = $3"
    ),
    receipts._KEEP: (
        "INSERT INTO messaging_receipts"
        " (workspace, source, key, kind, state, received_at, reference, document)"
        " VALUES ($1, $2, $3, $4, 'kept', $5, $6, $7) ON CONFLICT DO NOTHING RETURNING position"
    ),
    receipts._IS_PENDING: (
        "SELECT 1 FROM messaging_receipts WHERE workspace = $1 AND position = $2"
        " AND state IN ('kept', 'unmatched') FOR UPDATE"
    ),
    received_files._DUE: (
        "SELECT id, fence, due_at, document, workspace FROM messaging_received_files"
        " WHERE state = $1 AND due_at <= $2 AND state IN ('waiting', 'removed')"
        " ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED"
    ),
    retention._NEXT_WORKSPACE: (
        "SELECT (SELECT workspace FROM messaging_messages WHERE workspace > $1"
        f" AND {retention._FINISHED} ORDER BY workspace LIMIT 1)"
    ),
    retention._NEXT_INBOX: (
        "SELECT (SELECT workspace FROM messaging_receipts WHERE workspace > $1"
        " AND state <> 'kept' ORDER BY workspace LIMIT 1)"
    ),
    timeline._KEEP_DAMAGED: (
        f"INSERT INTO messaging_damaged_events {timeline._FIND} WHERE position = $1"
        " ON CONFLICT DO NOTHING"
    ),
    webhooks._ADD_DELIVERY: (
        "INSERT INTO messaging_webhook_queue"
        " (id, receiver_id, workspace, message_id, position, due_at, host, document, state)"
        f" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $9 THEN {webhooks._DEAD} ELSE"
        f" {_NEW_EARLIER}::int END)"
    ),
    webhooks._REPLACE: (
        f"UPDATE messaging_webhook_queue AS q SET state = CASE WHEN $3 THEN {webhooks._DEAD} ELSE"
        f" ({webhooks._OWN_EARLIER})::int END, due_at = $1, document = $2"
        " WHERE id = $4 AND workspace = $5"
    ),
    webhooks._CLAIMED: (
        "SELECT workspace, receiver_id, message_id FROM messaging_webhook_queue"
        " WHERE id = $1 AND workspace = $2 AND fence = $3 FOR UPDATE"
    ),
    webhooks._FIRST_DUE: _first_webhook("<="),
    webhooks._FIRST_BEYOND: _first_webhook(">"),
    webhooks._DUE: f"""
        WITH RECURSIVE r (id) AS (
            (SELECT receiver_id FROM messaging_webhook_queue
            WHERE state = {webhooks._READY} AND receiver_id > $1 ORDER BY receiver_id LIMIT 1)
            UNION ALL
            SELECT (SELECT receiver_id FROM messaging_webhook_queue
                    WHERE state = {webhooks._READY} AND receiver_id > r.id
                    ORDER BY receiver_id LIMIT 1)
            FROM r WHERE r.id IS NOT NULL
        )
        SELECT id, (SELECT workspace {webhooks._OF_RECEIVER} LIMIT 1),
            (SELECT host {webhooks._OF_RECEIVER} LIMIT 1)
        FROM r WHERE id IS NOT NULL AND ((SELECT min(due_at) {webhooks._OF_RECEIVER}) <= $2
            OR (SELECT max(due_at) {webhooks._OF_RECEIVER}) > $3)
        LIMIT $4
    """,
}
"""What to execute in place of each."""

LOCKED: Final[Mapping[str, str]] = {
    contacts.GET: "FOR UPDATE OF c",
    templates._GET: "FOR UPDATE",
    templates._BY_NAME: "FOR UPDATE",
    webhooks._GET: "FOR UPDATE",
    webhooks._DEAD_ONES: "FOR UPDATE",
}
"""The look-ups whose answer a caller changes and saves: another that does the same waits."""
