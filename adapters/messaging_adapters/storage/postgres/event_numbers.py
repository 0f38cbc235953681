"""The positions of events: given by the reader, so that no commit comes too late.

A number that is drawn when an event is written says nothing about the order of commits: a reader
that has seen number 7 may have passed over number 6, whose transaction is still open. So an event
has only the number that it was drawn, `seq`, until a reader moves it into the log. One reader at a
time does: that which holds the row of the log's head.
"""

# ruff: noqa: S608 - no input

from typing import Final

from messaging_adapters.storage.postgres.cursor import PostgresCursor

COLUMNS: Final = "workspace, message_id, kind, status, at, document"
"""What an event has besides its position."""
HEAD: Final = "SELECT value FROM messaging_facts WHERE name = 'last_event'"
"""The position of the last event in the log."""
_LOCK_HEAD: Final = f"{HEAD} FOR UPDATE"
_HAS_NEW: Final = "SELECT EXISTS (SELECT 1 FROM messaging_new_events)"
# In a second statement, which sees what was committed before the row was locked.
_MOVE: Final = (
    "WITH next AS (SELECT seq FROM messaging_new_events ORDER BY seq LIMIT $1),"
    " moved AS (DELETE FROM messaging_new_events n USING next WHERE n.seq = next.seq"
    " RETURNING n.*),"
    f" placed AS (INSERT INTO messaging_events (position, {COLUMNS})"
    f" SELECT $2 + row_number() OVER (ORDER BY seq), {COLUMNS} FROM moved RETURNING 1)"
    " UPDATE messaging_facts SET value = value + (SELECT count(*) FROM placed)"
    " WHERE name = 'last_event'"
)
_MOST: Final = 5000
"""How many events are numbered by one statement."""


class EventNumbers:
    """Number the events that were committed.

    Args:
        cursor: Of the transaction.
    """

    def __init__(self, cursor: PostgresCursor) -> None:
        self._native = cursor.native

    def give(self) -> None:
        """Move into the log what is committed, unless another reader does."""
        if self._native(_HAS_NEW).fetchone()[0]:
            self._give(f"{_LOCK_HEAD} SKIP LOCKED")

    def give_committed(self) -> int:
        """Move into the log what is committed, also if another reader is at it; return the last."""
        if self._native(_HAS_NEW).fetchone()[0]:
            return self._give(_LOCK_HEAD)
        (last,) = self._native(HEAD).fetchone()
        return int(last)

    def give_all(self) -> int:
        """Move into the log what is committed, once no other reader does; return the last."""
        return self._give(_LOCK_HEAD)

    def _give(self, lock: str) -> int:
        head = self._native(lock).fetchone()
        if head is None:
            return 0
        (last,) = head
        while (moved := self._move(last)) == _MOST:
            last += moved
        return int(last + moved)

    def _move(self, last: int) -> int:
        before = last
        self._native(_MOVE, (_MOST, last))
        (last,) = self._native(HEAD).fetchone()
        return int(last - before)
