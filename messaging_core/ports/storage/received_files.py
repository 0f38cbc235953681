"""The store of what became of the pictures and files of incoming messages."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from messaging_core.models.messages.received_file import (
    FileClaim,
    FileState,
    NewFile,
    ReceivedFile,
)


class ReceivedFiles(Protocol):
    """Keep one record for each file of a message that came in, until both are deleted.

    `Retention.delete` and `Retention.redact` mark the files of their messages as removed.
    """

    @abstractmethod
    def add(self, files: Sequence[NewFile]) -> None:
        """Store files with new ids, and the content of those that came inside their messages."""

    @abstractmethod
    def of_message(self, workspace: UUID, message_id: UUID) -> list[ReceivedFile]:
        """Return the files of a message by their numbers; those that are removed are left out."""

    @abstractmethod
    def has_due(self, state: FileState, now: datetime) -> bool:
        """Return whether `claim` would return a file; this must be cheap."""

    @abstractmethod
    def claim(
        self, state: FileState, *, now: datetime, lease: timedelta, limit: int
    ) -> list[FileClaim]:
        """Lease up to `limit` files of all workspaces that have a state and are due, oldest first.

        Until the lease ends, no other caller gets them; then they are due again. Each claim of a
        file has a higher fence than the one before.

        Args:
            state: `waiting` or `removed`; files in other states are never due.
            now: The present.
            lease: How long no other caller gets them.
            limit: How many at most.
        """

    @abstractmethod
    def content(self, claim: FileClaim) -> bytes | None:
        """Return the content that a claimed file was added with, if it was and is still needed."""

    @abstractmethod
    def settle(self, claim: FileClaim, after: ReceivedFile | None) -> bool:
        """Replace a claimed file, or delete its record if nothing comes after it.

        Its content is dropped unless it waits on or failed. Returns false if the file was claimed
        again since, if its state has changed, or if it is gone; then nothing changes.
        """

    @abstractmethod
    def restart(self, workspace: UUID, *, now: datetime, limit: int) -> int:
        """Let up to `limit` failed files of a workspace wait again, due now; return how many.

        Their `earlier_claims` become the fence that they have, and their `reason` goes.
        """
