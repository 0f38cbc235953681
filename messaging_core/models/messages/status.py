"""The status and direction of a message: importing this module makes no class of attrs."""

from enum import StrEnum


class Status(StrEnum):
    """The state of a message; the table of transitions is `rules.policy.lifecycle`."""

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
    """Whether the host sent a message or received it."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"
