"""The statements that do not name a workspace, each with the reason why not."""

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
        "claim.CLAIM_SHARES",
        "claim.CLAIM_FRESH",
        "outbox.CLAIM",
        "outbox.CLAIM_SHARES",
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
        "webhooks._FIRST_BEYOND",
        "webhooks._FIRST_DUE",
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

BY_ROW: Reasons = {
    "a message by its position, which an earlier statement of the transaction has found": {
        "dialect._DELETE_SUBJECTS",
        "documents.ADD_DOCUMENTS",
        "documents.DELETE_DOCUMENT",
        "locks._MESSAGES",
        "messages.ADD_DOCUMENTS",
        "messages._UPDATE",
        "outbox._ADD_REFERENCES",
        "outbox._DOUBT",
        "outbox._DOUBTED_BEFORE",
        "outbox._FENCES",
        "outbox._FINISH",
        "outbox._FINISH_ALL",
        "outbox._HAND_OVER",
        "outbox._HAND_OVER_LAST",
        "outbox._HASTEN",
        "outbox._IS_CANCELLED",
        "outbox._LEASE",
        "outbox._LEASED",
        "outbox._MOVE",
        "outbox._REPLACE",
        "outbox._RETRY",
        "outbox._SETTLE",
        "outbox._SET_STATE",
        "outbox._START",
        "outbox._STATES",
        "outbox._TOUCH",
        "outbox._WHY_NOT",
        "retention.ADD_DOCUMENTS",
        "retention.DELETE_DOCUMENT",
        "retention._DELETE_REFERENCES",
        "retention._EMPTY",
        "retention._EXPIRED",
        "retention._FIND",
        "retention._REDACT",
    },
    "a receipt, an event or an interaction by its position": {
        "receipts._IS_PENDING",
        "receipts._MARK",
        "receipts._POSTPONE",
        "retention._DELETE_INTERACTION",
        "retention._DELETE_RECEIPT",
        "retention._REDACT_EVENT",
        "retention._REDACT_INTERACTION",
    },
    "a file or a webhook by its id, which a claim has found, or by its receiver": {
        "received_files._CONTENT",
        "received_files._DELETE",
        "received_files._LEASE",
        "received_files._REPLACE",
        "received_files._RESTART",
        "retention._REMOVE_FILE",
        "webhooks._ADD_DELIVERY",
        "webhooks._ARRIVED",
        "webhooks._BREAK",
        "webhooks._CLAIMED",
        "webhooks._DELETE_DELIVERIES",
        "webhooks._LEASE",
        "webhooks._LOCK_EARLIER",
        "webhooks._PLACE",
        "webhooks._PUT_BEHIND",
        "webhooks._RELEASE_NEXT",
        "webhooks._REPLACE",
    },
}
"""What takes one row of one workspace, by a number or an id that no other row has.

A distributed database asks all its parts for it. Before one is used, these statements have to name
the workspace too; see docs/explanation/beyond-one-database.md.
"""

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
    "of no workspace: numbers that were given": {
        r"SELECT value FROM messaging_facts WHERE name = '\w+'( FOR UPDATE SKIP LOCKED)?$",
        r"UPDATE messaging_facts SET value = greatest\(value, .* WHERE name = \$1$",
    },
    "of all workspaces: are there several": {
        r"SELECT count\(DISTINCT workspace\) < 2 FROM messaging_channels$",
    },
    "of all workspaces: a worker claims what is due, in whichever it is": {
        r"WITH RECURSIVE queue .* FROM due JOIN leased l USING \(position\)",
        r"WITH waiting AS .* FROM due JOIN leased l USING \(position\)",
    },
    "a message by its position, which is written with it": {
        r"WITH part0 AS \(INSERT INTO messaging_messages .*INSERT INTO messaging_documents ",
        r"INSERT INTO messaging_documents \(position, document\) (VALUES|SELECT)",
    },
    "of the only workspace: its messages in the order of their positions": {
        r"SELECT position FROM messaging_(messages|outbox) WHERE (true|false) AND position BETWEEN",
        r"SELECT position FROM \(SELECT .* FROM messaging_outbox WHERE true AND position BETWEEN",
    },
    "of all workspaces: `purge` without one deletes old roll-ups": {
        r"DELETE FROM messaging_rollup(s|_tags) WHERE \([\w, ]+\) IN \(SELECT",
    },
    "a message by its position, which an earlier statement of the transaction has found": {
        r"DELETE FROM messaging_messages WHERE position = \$1$",
        r"SELECT .* FROM unnest\(\$1::bigint\[\]\) WITH ORDINALITY AS candidate\(at, place\)",
    },
}
"""The statements that are put together when they are executed, as patterns of their beginnings."""


WITHOUT = {"messaging_documents"}
"""The tables of tenants that have no workspace: documents belong to a message, by its position."""


def is_made(text: str) -> bool:
    """Return whether a statement is one of those that are put together."""
    return any(re.match(pattern, text) for some in MADE.values() for pattern in some)


def names(*groups: Reasons) -> set[str]:
    """Return the names of all statements that are listed."""
    return {name for group in groups for some in group.values() for name in some}
