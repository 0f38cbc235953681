"""Stored rows that could not be read, and were put aside so that they stop nothing."""

from uuid import UUID

from messaging_core.lazy import frozen


@frozen(kw_only=True)
class DamagedRows:
    """What was put aside; it may show that a disk or a backup is damaged.

    Attributes:
        events: Their positions in the event log.
        webhooks: The ids of webhooks that are not sent.
        messages: The ids of messages that could not be read when they were to be delivered or
            redacted. Listings leave them out, too.
    """

    events: tuple[int, ...] = ()
    webhooks: tuple[UUID, ...] = ()
    messages: tuple[UUID, ...] = ()
