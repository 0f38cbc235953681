"""Addresses that must not get messages."""

from datetime import datetime
from enum import StrEnum

from attrs import field

from messaging_core.lazy import frozen


class SuppressionScope(StrEnum):
    """Which messages an address must not get."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"
    SENDER = "sender"


class SuppressionCause(StrEnum):
    """Why an address is suppressed."""

    UNSUBSCRIBE = "unsubscribe"
    STOP_WORD = "stop_word"
    MANUAL = "manual"
    COMPLAINT = "complaint"
    HARD_BOUNCE = "hard_bounce"


@frozen(kw_only=True)
class Suppression:
    """An address that must not get messages; it stays when its contact is deleted.

    Attributes:
        at: When it was suppressed.
        sender: The sender whose messages it must not get, in scope `sender` only.
    """

    identifier_key: str
    identifier_value: str = field(repr=False)
    scope: SuppressionScope
    cause: SuppressionCause
    at: datetime
    sender: str | None = field(default=None, repr=False)
