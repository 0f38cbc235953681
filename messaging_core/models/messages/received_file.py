"""The pictures and files of messages that people send, and what became of each."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen


class FileState(StrEnum):
    """The state of a received file.

    Attributes:
        WAITING: A worker will put it into the media store.
        STORED: It is in the media store.
        FAILED: It was given up; `ReceivedFile.reason` says why.
        REMOVED: Its message was deleted or redacted: a worker will delete it from the media store.
    """

    WAITING = "waiting"
    STORED = "stored"
    FAILED = "failed"
    REMOVED = "removed"


@frozen(kw_only=True)
class ReceivedFile:
    """A picture or file of a message that a person sent.

    Attributes:
        id: Also its id in the media store.
        number: Its place among the files of the message, from 0.
        source: The name of the provider, as in the receipt.
        url: Where the provider has it; absent for a file that came inside the message.
        name: Its file name, if the sender gave one.
        content_type: As the server named it that the file was fetched from, else as the webhook
            did.
        size: In bytes; 0 until it is stored.
        due_at: When it is tried next, or was done.
        reason: Why the last attempt failed.
        earlier_claims: How often it was leased before it was last restarted.
    """

    id: UUID
    workspace_id: UUID
    message_id: UUID
    number: int
    source: str
    url: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    content_type: str | None = None
    state: FileState = FileState.WAITING
    size: int = 0
    created_at: datetime
    due_at: datetime
    reason: str | None = None
    earlier_claims: int = 0


@frozen(kw_only=True)
class NewFile:
    """A file to be put into the media store.

    Attributes:
        content: The file itself, if it came inside the message.
    """

    file: ReceivedFile
    content: bytes | None = field(default=None, repr=False)


@frozen(kw_only=True)
class FileClaim:
    """A file that is leased to one worker.

    Attributes:
        fence: How often the file was leased; an earlier lease has a lower one.
    """

    file: ReceivedFile
    fence: int

    @property
    def attempts(self) -> int:
        """Return how often the file was leased since it was added or restarted."""
        return self.fence - self.file.earlier_claims
