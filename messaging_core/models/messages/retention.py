"""What a purge keeps of old messages, and how much it removed."""

from enum import StrEnum

from messaging_core.lazy import frozen


class Keep(StrEnum):
    """What a purge keeps of a message that is old enough.

    Attributes:
        NOTHING: The message is deleted with all its data.
        RECORD: Content and addresses are removed; events, times and channel stay.
    """

    NOTHING = "nothing"
    RECORD = "record"


@frozen(kw_only=True)
class Purged:
    """What one call of `Messenger.purge` removed.

    Attributes:
        deleted: How many messages were deleted.
        redacted: How many messages lost their content and addresses.
        receipts: How many receipts were deleted from the inbox, with their raw texts.
        rollups: How many roll-ups were deleted.
        audit: How many entries of the audit log were deleted.
        more: Whether the limit was reached, so that there may be more to remove.
    """

    deleted: int = 0
    redacted: int = 0
    receipts: int = 0
    rollups: int = 0
    audit: int = 0
    more: bool = False
