"""A short text that the pages keep between two requests, under a random key."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen


class RecordKind(StrEnum):
    """What a record is for.

    Attributes:
        SESSION: A visitor who gave an access key.
        LOOK_UP: What a visitor searched for; links hold its key instead of an address.
        TEMPLATE_VALUES: What a visitor typed to see a template with it; links hold its key.
        REPLAY: The messages that a visitor sends once more, and how far that is.
        SECRET: What signs forms; all processes share it.
    """

    SESSION = "session"
    LOOK_UP = "look_up"
    TEMPLATE_VALUES = "template_values"
    REPLAY = "replay"
    SECRET = "secret"  # noqa: S105 - the name of a kind


@frozen(kw_only=True)
class ExpiringRecord:
    """One record.

    Attributes:
        key: Random; of a session, the hash of what its cookie holds.
        value: What is stored, as text; it may be an address.
        expires_at: From then on it is as if it were not there.
        workspace: Whose it is, so that none makes room at the cost of another; nothing for what
            belongs to none.
    """

    kind: RecordKind
    key: str = field(repr=False)
    value: str = field(repr=False)
    expires_at: datetime
    workspace: UUID | None = None
