"""Who looked at what, and who did what: an entry of the audit log."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import NULLABLE


class AuditAction(StrEnum):
    """What a person did."""

    CONTENT_OPENED = "content_opened"
    ADDRESS_SHOWN = "address_shown"
    LOOKED_UP = "looked_up"
    DOWNLOADED = "downloaded"
    REPLAYED = "replayed"
    CANCELLED = "cancelled"
    RESCHEDULED = "rescheduled"
    SIGNED_IN = "signed_in"


@frozen(kw_only=True)
class AuditEntry:
    """One act of a person; it holds no address and no content.

    Attributes:
        id: UUIDv7, so that entries are in the order in which they were made.
        actor: The name of the person.
        message_id: The message that it was about, if it was about one.
        reason: Why, in the words of the person.
    """

    id: UUID
    workspace_id: UUID
    at: datetime
    actor: str
    action: AuditAction
    message_id: UUID | None = field(default=None, metadata=NULLABLE)
    reason: str | None = field(default=None, metadata=NULLABLE)
