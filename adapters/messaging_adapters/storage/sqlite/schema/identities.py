"""Brings addresses of older versions into the form in which they are compared now."""

from typing import Any

import orjson
from sqlite_utils import Database

from messaging_core.rules.addressing.addresses import address_key

_RESPELL_IDENTIFIERS = """
UPDATE OR IGNORE messaging_contact_identifiers SET value = messaging_address(key, value)
    WHERE value <> messaging_address(key, value)
"""

# Two contacts had spellings of one address: one keeps it, and what the other unsubscribed from.
_DOUBLES = """
SELECT kept.document, lost.document, kept.workspace, kept.id
    FROM messaging_contact_identifiers i JOIN messaging_contact_identifiers k
    ON k.workspace = i.workspace AND k.key = i.key AND k.value = messaging_address(i.key, i.value)
    JOIN messaging_contacts lost ON lost.workspace = i.workspace AND lost.id = i.contact_id
    JOIN messaging_contacts kept ON kept.workspace = k.workspace AND kept.id = k.contact_id
    WHERE i.value <> k.value AND i.contact_id <> k.contact_id
"""

# Two rows that are the same now were two spellings of one address: one of them stays.
_FORGET_DOUBLES = """
DELETE FROM messaging_contact_identifiers WHERE value <> messaging_address(key, value)
"""
_RESPELL_SUPPRESSIONS = """
UPDATE OR IGNORE messaging_suppressions
    SET address = messaging_address(key, address), sender = messaging_address(key, sender)
    WHERE address <> messaging_address(key, address) OR sender <> messaging_address(key, sender)
"""
_FORGET_DOUBLE_SUPPRESSIONS = """
DELETE FROM messaging_suppressions
    WHERE address <> messaging_address(key, address) OR sender <> messaging_address(key, sender)
"""


def respell(db: Database) -> None:
    """Write identifiers and suppressed addresses as they are compared now.

    Documents keep the spelling that they were given.
    """
    db.conn.create_function("messaging_address", 2, address_key, deterministic=True)
    db.execute(_RESPELL_IDENTIFIERS)
    for remaining, lost, *where in db.execute(_DOUBLES).fetchall():
        document = _unsubscribed(orjson.loads(remaining), orjson.loads(lost))
        sql = "UPDATE messaging_contacts SET document = ? WHERE workspace = ? AND id = ?"
        db.execute(sql, (orjson.dumps(document), *where))
    db.execute(_FORGET_DOUBLES)
    db.execute(_RESPELL_SUPPRESSIONS)
    db.execute(_FORGET_DOUBLE_SUPPRESSIONS)
    db.conn.create_function("messaging_address", 2, None)


def _unsubscribed(remaining: dict[str, Any], lost: dict[str, Any]) -> dict[str, Any]:
    """Return a contact that is unsubscribed from whatever another was."""
    refused = {name: on for name, on in (lost.get("subscriptions") or {}).items() if not on}
    subscriptions = {**(remaining.get("subscriptions") or {}), **refused}
    return {**remaining, "subscriptions": subscriptions}
