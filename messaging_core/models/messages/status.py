"""Where a message is, and which way it goes: importing this makes no class of attrs."""

from enum import StrEnum


class Status(StrEnum):
    """Say where a message is; the table of transitions is `rules.lifecycle`."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PROCESSING = "processing"
    SCHEDULED = "scheduled"
    SENT = "sent"
    SENDING_FAILED = "sending_failed"
    DELIVERED = "delivered"
    DELIVERY_FAILED = "delivery_failed"
    DELETED = "deleted"
    SKIPPED = "skipped"


class Direction(StrEnum):
    """Say whether the host sent a message or received it."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"
