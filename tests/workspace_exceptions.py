"""The statements and keys that do not name a workspace, each with the reason why not."""

import re
from collections.abc import Mapping

Reasons = Mapping[str, set[str]]
"""Statements as `module.NAME`, by the reason."""

GLOBAL: Reasons = {
    "of no workspace: numbers that were given": {
        "event_numbers.HEAD",
        "event_numbers._LOCK_HEAD",
        "messages._DRAW",
        "messages._LAST_POSITION",
        "messages._REMEMBER_AHEAD",
        "messages._TAKE_KEYS",
        "timeline._LAST_POSITION",
        "timeline._REMEMBER_LAST",
    },
    "of no workspace: where subscribers of the host are in the one log, and its counters": {
        "timeline._ADVANCE_CURSOR",
        "timeline._COUNTERS",
        "timeline._CURSOR",
        "timeline._INCREMENT",
        "timeline._IS_BEHIND",
        "timeline._LEASE_CURSOR",
        "timeline._SUBSCRIBE",
    },
    "of no workspace: workers, and records of pages that expire": {
        "audit._DELETE",
        "audit._DELETE_BEYOND",
        "audit._DELETE_EXPIRED",
        "audit._GET",
        "audit._PUT",
        "workers._DELETE",
        "workers._DELETE_SILENT",
        "workers._FIND",
        "workers._SAVE",
    },
    "of all workspaces: the one log is read and numbered in one order": {
        "event_numbers._HAS_NEW",
        "event_numbers._MOVE",
        "rollups._AFTER",
        "timeline._AFTER",
        "timeline._DAMAGED",
        "timeline._DELETE_EVENT",
        "timeline._KEEP_DAMAGED",
    },
    "of all workspaces: a worker does what is due, in whichever it is": {
        "claim.CLAIM",
        "claim.CLAIM_FRESH",
        "outbox.CLAIM",
        "outbox.CLAIM_FRESH",
        "due_messages._FIRST_DUE",
        "due_messages._NEXT_DUE",
        "due_messages._SUSPECT",
        "due_messages._SUSPECTS",
        "due_messages._WITH_DUE",
        "messages._DAMAGED",
        "messages._DELETE_EXPIRED_KEYS",
        "outbox._NEXT_DUE",
        "outbox._SINCE",
        "outbox._SUSPECT",
        "outbox._SUSPECTS",
        "receipts._PENDING",
        "received_files._DUE",
        "received_files._HAS_DUE",
        "retention._NEXT_INBOX",
        "retention._NEXT_WORKSPACE",
        "webhooks._DAMAGED_IDS",
        "webhooks._DUE",
        "webhooks._FORGET_DEAD",
    },
    "of all workspaces: is there one": {
        "messages.HAS_ANY",
        "outbox.HAS_ANY",
        "suppressions.HAS_ANY",
    },
    "before the workspace is known: a caller shows an access key, a browser opens a short link": {
        "access_keys._ALL",
        "access_keys._FIND",
        "short_links._GET",
    },
}
"""What concerns no workspace, or all of them."""

OF_SQLITE: Reasons = {
    "a message by its position, the key of its row in SQLite": {
        "outbox._ADD_REFERENCES",
        "outbox._DOUBT",
        "outbox._DOUBTED_BEFORE",
        "outbox._FENCES",
        "outbox._FINISH_ALL",
        "outbox._HAND_OVER",
        "outbox._LEASE",
        "outbox._LEASED",
        "outbox._RETRY",
        "outbox._SETTLE",
        "outbox._START",
    },
}
"""What only SQLite executes: PostgreSQL has other statements there, which name the workspace."""

PARTS: Reasons = {
    "the beginning of statements": {
        "claim.QUEUES",
        "claim._WAITING",
        "claim._WAITING_FRESH",
        "contacts.SELECT_CONTACTS",
        "due_messages._QUEUES",
        "lists.SELECT_CONTACTS",
        "outbox.QUEUES",
        "receipts._FIND",
        "timeline._FIND",
    },
}
"""What is no whole statement."""


MADE: Reasons = {
    "it finds nothing": {
        r"SELECT position FROM messaging_messages WHERE false AND position BETWEEN",
    },
    "of no workspace: numbers that were given": {
        r"SELECT value FROM messaging_facts WHERE name = '\w+'( FOR UPDATE SKIP LOCKED)?$",
        r"UPDATE messaging_facts SET value = greatest\(value, .* WHERE name = \$1$",
    },
    "of all workspaces: a worker claims what is due, in whichever it is": {
        r"WITH RECURSIVE queue .* FROM due JOIN leased l USING \(workspace, position\)",
    },
    "of all workspaces: `purge` without one deletes old roll-ups": {
        r"DELETE FROM messaging_rollup(s|_tags) WHERE \([\w, ]+\) IN \(SELECT",
    },
}
"""The statements that are put together when they are executed, as patterns of their beginnings."""


OF_NO_WORKSPACE = {
    "counters": "name shard",
    "expiring_records": "kind key",
    "facts": "name",
    "migrations": "name",
    "subscriptions": "name",
    "workers": "id",
}
"""Tables whose rows belong to no workspace: a distributed database copies them to every part."""

BEFORE_THE_WORKSPACE_IS_KNOWN = {
    "access_keys": "id",  # a caller shows its key, which says whose it is
    "short_links": "code",  # a browser opens a link; no two workspaces have the same code
}
"""Tables of workspaces that are looked up by a key alone: they are copied as well."""


def is_made(text: str) -> bool:
    """Return whether a statement is one of those that are put together."""
    return any(re.match(pattern, text) for some in MADE.values() for pattern in some)


def names(*groups: Reasons) -> set[str]:
    """Return the names of all statements that are listed."""
    return {name for group in groups for some in group.values() for name in some}
