"""What was sent to an address, for frequency caps."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol
from uuid import UUID


class SendHistory(Protocol):
    """Remember when contacts were written to, for as long as a frequency cap counts it."""

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
        """Remember that a message goes to a contact, in place of what was noted of both.

        What was noted of this contact and platform for times before `forget_before` is forgotten.
        """

    @abstractmethod
    def since(
        self, workspace: UUID, contact_id: str, *, platform: str, since: datetime
    ) -> list[tuple[datetime, UUID]]:
        """Return when, and by which messages, a contact was written to; earlier ones left out.

        They come in the order of their times, and those of one time by the ids of the messages.
        """

    @abstractmethod
    def move(self, workspace: UUID, message_id: UUID, at: datetime) -> None:
        """Count a message at another time, for all contacts for whom it was noted."""

    @abstractmethod
    def remove(self, workspace: UUID, message_id: UUID) -> None:
        """Count a message no more: it never went."""
