"""The audit log, and what pages keep between two requests."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol
from uuid import UUID

from messaging_core.models.common.audit import AuditEntry
from messaging_core.models.common.expiring_record import ExpiringRecord, RecordKind


class AuditLog(Protocol):
    """Store who looked at what, and who did what."""

    @abstractmethod
    def append(self, entry: AuditEntry) -> None:
        """Store an entry with a new id."""

    @abstractmethod
    def find(
        self,
        workspace: UUID,
        *,
        limit: int,
        message_id: UUID | None = None,
        before: UUID | None = None,
    ) -> list[AuditEntry]:
        """Return entries of a workspace, or about one of its messages: the highest id first.

        Args:
            workspace: The tenant.
            limit: The most entries.
            message_id: Only those about a message.
            before: Only those with a lower id.
        """

    @abstractmethod
    def delete(self, workspace: UUID, *, before: datetime, limit: int) -> int:
        """Delete the first entries of a workspace, and return how many.

        Those with the lowest ids go, up to `limit` of them, until one is not from before an
        instant. The cost grows with the limit, not with how many entries there are.
        """


class ExpiringRecords(Protocol):
    """Store short texts under random keys, until they expire."""

    @abstractmethod
    def put(self, record: ExpiringRecord, *, now: datetime, most: int) -> None:
        """Store a record, in place of one of the same kind, workspace and key.

        Records of its kind and workspace that have expired `now` are deleted; a storage may delete
        all that have. Of the others of its kind and workspace `most` are left, with the new one:
        those that would expire first are deleted too.
        """

    @abstractmethod
    def get(
        self, kind: RecordKind, key: str, *, now: datetime, workspace: UUID | None = None
    ) -> ExpiringRecord | None:
        """Return the record with a key, unless it has expired `now`."""

    @abstractmethod
    def delete(self, kind: RecordKind, key: str, *, workspace: UUID | None = None) -> None:
        """Delete the record with a key, if it is there."""
