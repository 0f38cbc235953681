"""Access keys of the HTTP surface, without their tokens."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol
from uuid import UUID

from messaging_core.models.common.access_key import AccessKey


class AccessKeyStore(Protocol):
    """Store access keys, each with the digest of its token."""

    @abstractmethod
    def add(self, key: AccessKey, *, digest: str) -> None:
        """Store a key with a new id."""

    @abstractmethod
    def find(self, key_id: UUID) -> tuple[AccessKey, str] | None:
        """Return a key of any workspace with its digest, or nothing."""

    @abstractmethod
    def of_workspace(self, workspace: UUID | None) -> list[AccessKey]:
        """Return the keys of a workspace, or of all: the earliest first, then by id."""

    @abstractmethod
    def mark_used(self, workspace: UUID, key_id: UUID, *, at: datetime) -> None:
        """Set `used_at` of a key, if it is there."""

    @abstractmethod
    def delete(self, workspace: UUID, key_id: UUID) -> bool:
        """Delete a key; return false if this workspace has none with this id."""
