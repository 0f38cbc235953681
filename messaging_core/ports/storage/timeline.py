"""The event log and its cursors."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from messaging_core.models.delivery.event import Cursor, Event


class Timeline(Protocol):
    """Keep what happened, in the order in which it was committed."""

    @abstractmethod
    def append(self, events: Sequence[Event]) -> None:
        """Add events to the log; positions given in are ignored.

        They get positions that grow with every commit: who has seen one has seen all before it.
        """

    @abstractmethod
    def of_message(self, workspace: UUID, message_id: UUID) -> list[Event]:
        """Return everything that happened to one message, in order."""

    @abstractmethod
    def after(self, position: int, *, limit: int) -> list[Event]:
        """Return the first events of all workspaces beyond a position, in order."""

    @abstractmethod
    def subscribe(self, name: str, *, from_start: bool) -> None:
        """Begin a subscription; one that exists already is left as it is.

        It begins with the oldest event that is kept, or with the next one to come.
        """

    @abstractmethod
    def is_behind(self, name: str) -> bool:
        """Tell whether a subscription has events before it; at no cost, and nothing is written."""

    @abstractmethod
    def lease_cursor(
        self, name: str, *, now: datetime, lease: timedelta, longest: timedelta | None = None
    ) -> Cursor | None:
        """Lease a subscription; nothing while somebody else has it, or it waits to try again.

        Args:
            name: Which.
            now: The present.
            lease: For how long.
            longest: No lease and no pause is longer. One that ends later than that after `now` was
                written before the clock was set back, and counts no more.
        """

    @abstractmethod
    def advance_cursor(self, cursor: Cursor, *, resume_at: datetime | None = None) -> bool:
        """Give a leased subscription back, moved to the cursor's position and failures.

        Nobody can take it before `resume_at`. False where the fence is not the latest; then
        nothing has changed.
        """

    @abstractmethod
    def increment(self, amounts: Mapping[str, int]) -> None:
        """Add to counters that never go back, each under its own name."""

    @abstractmethod
    def counters(self) -> Mapping[str, int]:
        """Return all counters; one that never counted anything is left out."""
