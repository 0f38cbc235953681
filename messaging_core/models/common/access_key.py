"""An access key of the HTTP surface, as it is stored and shown: without its token."""

from datetime import datetime
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import NULLABLE, tuple_of


@frozen(kw_only=True)
class AccessKey:
    """A key that callers of the HTTP surface send.

    Attributes:
        id: Is part of the token, and no secret.
        workspace_id: The only workspace that its owner sees.
        name: Who uses it, for logs.
        policies: What it allows, each an action and a path such as `view /workspaces/*/channels`.
        created_at: When it was made.
        used_at: When it was used, to within an hour; nothing if it never was.
    """

    id: UUID
    workspace_id: UUID
    name: str
    policies: tuple[str, ...] = field(converter=tuple_of[str])
    created_at: datetime
    used_at: datetime | None = field(default=None, metadata=NULLABLE)
