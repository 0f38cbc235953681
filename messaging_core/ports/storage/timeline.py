"""The event log and its cursors."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from messaging_core.models.delivery.event import Cursor, Event


class Timeline(Protocol):
    """Store events in an order that agrees with that of each message."""

    @abstractmethod
    def append(self, events: Sequence[Event]) -> None:
        """Add events to the log; the positions they come with are ignored.

        A reader that has seen a position has seen all events before it, whatever transactions
        were open at the same time: an event whose transaction commits late comes late. The events
        of one message come in the order in which they were added, if each caller read the message
        in its transaction before.
        """

    @abstractmethod
    def of_message(
        self, workspace: UUID, message_id: UUID, *, limit: int | None = None
    ) -> list[Event]:
        """Return the events of one message, in order; one that cannot be read is left out.

        Those that have no position in the log yet come last, with the position 0.

        Args:
            workspace: The tenant.
            message_id: The message.
            limit: Only so many, the first ones.
        """

    @abstractmethod
    def attempts(self, workspace: UUID, message_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """Return how many events of the kind `attempted` messages have; those without are left out.

        Args:
            workspace: The tenant.
            message_ids: At most 1000.
        """

    @abstractmethod
    def after(self, position: int, *, limit: int) -> list[Event]:
        """Return the first events of all workspaces beyond a position, in order.

        An event that cannot be read is left out, so that fewer than `limit` may come; none come
        only if there are no more. A transaction
        that writes also takes it out of the log, so that no subscription waits for it; `damaged`
        lists it from then on.
        """

    @abstractmethod
    def last_position(self) -> int:
        """Return the position of the last event of all workspaces, or 0 if there never was one.

        Every event that was committed before the call has a position up to that: the call waits
        for other transactions that are reading them. The event may be gone by now. `after` returns
        nothing beyond it, before others are appended.
        """

    @abstractmethod
    def damaged(self, *, limit: int) -> list[int]:
        """Return the positions of events that were taken out of the log, in order."""

    @abstractmethod
    def subscribe(self, name: str, *, from_start: bool) -> None:
        """Create a subscription; one that exists is left as it is.

        It begins with the oldest stored event if `from_start`, else with the next event.
        """

    @abstractmethod
    def is_behind(self, name: str) -> bool:
        """Return whether events are left to read; costs one look-up and writes nothing."""

    @abstractmethod
    def cursor(self, name: str) -> Cursor | None:
        """Return the cursor of a subscription as it is, or nothing for an unknown name.

        To read it leases nothing: another process may move it at any time.
        """

    @abstractmethod
    def lease_cursor(
        self, name: str, *, now: datetime, lease: timedelta, longest: timedelta | None = None
    ) -> Cursor | None:
        """Lease the cursor of a subscription for one process.

        Returns nothing while another lease runs, until `resume_at`, or for an unknown name. The
        fence of the cursor grows with every lease.

        Args:
            name: The subscription.
            now: The present.
            lease: How long no other process gets the cursor.
            longest: The longest lease or pause in use. One that ends later than `now + longest`
                was written before the clock was set back, and is ignored.
        """

    @abstractmethod
    def advance_cursor(self, cursor: Cursor, *, resume_at: datetime | None = None) -> bool:
        """Save the position and failures of a leased cursor, and end its lease.

        No process can lease it again before `resume_at`. Returns false if its fence is not the
        latest; then nothing changes.
        """

    @abstractmethod
    def increment(self, amounts: Mapping[str, int]) -> None:
        """Add to counters, each under its own name; counters never go back."""

    @abstractmethod
    def counters(self) -> Mapping[str, int]:
        """Return all counters by name, without those that were never incremented."""
