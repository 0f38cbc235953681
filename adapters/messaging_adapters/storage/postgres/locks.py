"""What a transaction decides on is locked until it ends, before it is looked at."""

from collections.abc import Collection, Iterable
from hashlib import blake2b
from typing import Final

from messaging_adapters.storage.postgres.cursor import PostgresCursor

# The rows of the outbox first, as a claim locks them. The message is read in a second statement,
# which sees what was committed while this one waited.
_MESSAGES: Final = (
    "WITH waiting AS MATERIALIZED (SELECT 1 FROM messaging_outbox WHERE workspace = $1"
    " AND position IN (SELECT position FROM messaging_messages"
    " WHERE workspace = $1 AND id = ANY($2::bytea[]))"
    " ORDER BY position FOR UPDATE)"
    " SELECT 1 FROM messaging_messages WHERE workspace = $1 AND id = ANY($2::bytea[])"
    " AND (SELECT count(*) FROM waiting) >= 0 ORDER BY position FOR UPDATE"
)
_ADD_ADDRESSES: Final = (
    "INSERT INTO messaging_addresses (workspace, address)"
    " SELECT $1, a FROM unnest($2::text[]) AS a ORDER BY a ON CONFLICT DO NOTHING"
)
_ADDRESSES: Final = (
    "SELECT 1 FROM messaging_addresses WHERE workspace = $1 AND address = ANY($2::text[])"
    " ORDER BY address FOR UPDATE"
)
_DIGITS: Final = 5  # hexadecimal: 20 bits


def lock_name(kind: str, value: str) -> str:
    """Return the name of the row that is locked for an address, or for a contact.

    The row stays, and no purge reaches it, so nothing in it may say whose address it is. Of a hash
    it has 20 bits: a kind has at most a million rows in a workspace, and thousands of phone numbers
    share each. Two that share one wait for each other now and then. All processes must agree, so
    names never change.
    """
    digest = blake2b(value.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    return f"{kind}:{digest[:_DIGITS]}"


class Locks:
    """Lock rows for one transaction, each once.

    Args:
        cursor: Of the transaction.
        read_only: It decides on nothing, so nothing is locked.
    """

    def __init__(self, cursor: PostgresCursor, *, read_only: bool) -> None:
        self._native = cursor.native
        self._read_only = read_only
        self._messages: set[bytes] = set()
        self._addresses: set[tuple[bytes, str]] = set()

    def messages(self, workspace: bytes, ids: Iterable[bytes]) -> None:
        """Let no other transaction settle, mark, cancel or prove these messages meanwhile."""
        if self._read_only:
            return
        new = sorted({message_id for message_id in ids if message_id not in self._messages})
        if new:
            self._native(_MESSAGES, (workspace, new))
            self._messages.update(new)

    def holds(self, ids: Iterable[bytes]) -> None:
        """Remember messages whose rows this transaction has written."""
        self._messages.update(ids)

    def addresses(self, workspace: bytes, addresses: Collection[str]) -> None:
        """Let no other transaction decide what these addresses get meanwhile."""
        if self._read_only:
            return
        new = sorted({a for a in addresses if (workspace, a) not in self._addresses})
        if new:
            self._native(_ADD_ADDRESSES, (workspace, new))
            self._native(_ADDRESSES, (workspace, new))
            self._addresses.update((workspace, address) for address in new)
