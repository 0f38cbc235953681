"""Addresses that must not be written to."""

from datetime import datetime
from enum import StrEnum

from attrs import field

from messaging_core.lazy import frozen


class SuppressionScope(StrEnum):
    """Say what an address must not get."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"
    SENDER = "sender"


class SuppressionCause(StrEnum):
    """Say why an address must not be written to."""

    UNSUBSCRIBE = "unsubscribe"
    STOP_WORD = "stop_word"
    MANUAL = "manual"
    COMPLAINT = "complaint"
    HARD_BOUNCE = "hard_bounce"


@frozen(kw_only=True)
class Suppression:
    """An address that must not be written to; it outlives the contact that had it.

    Attributes:
        at: Since when.
        sender: Whom it is blocked from, in scope `sender` and only there.
    """

    identifier_key: str
    identifier_value: str = field(repr=False)
    scope: SuppressionScope
    cause: SuppressionCause
    at: datetime
    sender: str | None = field(default=None, repr=False)
