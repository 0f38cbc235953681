"""Look again for the message of a receipt, whose reference may be on its way into the storage.

A receipt that names no known message waits for one, and a settlement looks for receipts that wait
for its references. Where the two are written at the same time, neither sees the other. So beside a
receipt that waits, the inbox keeps a reminder to look once more after both have ended.
"""

from datetime import datetime, timedelta
from typing import Final

from attrs import evolve

from messaging_core.models.delivery.receipt import KeptReceipt
from messaging_core.ports.storage.transaction import Transaction

PAUSES: Final = (timedelta(seconds=2), timedelta(seconds=10), timedelta(seconds=30))
"""The pauses before each look; a transaction that settles messages has ended long before the last.

Together they are less than the minute after which a receipt counts as not processed.

One that keeps a receipt may be a host's and take long; but before its end there is no reminder.
"""
_AGAIN: Final = "look again for the message of: "


def remind(tx: Transaction, entry: KeptReceipt, now: datetime) -> None:
    """Keep a reminder of a receipt that waits, once."""
    again = evolve(entry, key=f"{_AGAIN}{entry.key}", failures=0)
    (position,) = tx.receipts.keep([again])
    if position is not None:
        tx.receipts.postpone(entry.workspace, position, failures=0, until=now + PAUSES[0])


def is_reminder(entry: KeptReceipt) -> bool:
    """Return whether an entry of the inbox is a reminder of another."""
    return entry.key.startswith(_AGAIN)


def postponed(tx: Transaction, entry: KeptReceipt, now: datetime) -> bool:
    """Let a reminder wait for its next look; return False if this was the last one."""
    looks = entry.failures + 1
    if looks >= len(PAUSES):
        return False
    tx.receipts.postpone(entry.workspace, entry.position, failures=looks, until=now + PAUSES[looks])
    return True
