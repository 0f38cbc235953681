"""What is left of old messages, and how much was taken out."""

from enum import StrEnum

from messaging_core.lazy import frozen


class Keep(StrEnum):
    """Say what is left of a message that is old enough.

    Attributes:
        NOTHING: It goes, with everything that hangs on it.
        RECORD: Content and addresses go; what happened to it, when and on which channel, stays.
    """

    NOTHING = "nothing"
    RECORD = "record"


@frozen(kw_only=True)
class Purged:
    """Count what one call of `Messenger.purge` took out.

    Attributes:
        deleted: Messages that are gone.
        redacted: Messages that lost their content and addresses.
        receipts: Receipts, with what the provider wrote, that are gone from the inbox.
        more: Whether the limit was reached, so that there may be more to do.
    """

    deleted: int = 0
    redacted: int = 0
    receipts: int = 0
    more: bool = False
