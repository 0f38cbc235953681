"""Which messages each contact was sent, for frequency caps."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol
from uuid import UUID


class SendHistory(Protocol):
    """Record when contacts were sent messages, for as long as a frequency cap counts them."""

    @abstractmethod
    def record(  # noqa: PLR0913 - by keyword beyond the second
        self,
        workspace: UUID,
        contact_id: str,
        *,
        platform: str,
        message_id: UUID,
        at: datetime,
        forget_before: datetime,
    ) -> None:
        """Record that a message goes to a contact; it replaces an earlier record of the two.

        Records of this contact and platform before `forget_before` are deleted.
        """

    @abstractmethod
    def since(
        self, workspace: UUID, contact_id: str, *, platform: str, since: datetime
    ) -> list[tuple[datetime, UUID]]:
        """Return time and id of each message to a contact on a platform, from `since` on.

        They are ordered by time, then by message id.
        """

    @abstractmethod
    def move(self, workspace: UUID, message_id: UUID, at: datetime) -> None:
        """Change the time of a message in the records of all its contacts."""

    @abstractmethod
    def remove(self, workspace: UUID, message_id: UUID) -> None:
        """Delete the records of a message that was not sent after all."""
