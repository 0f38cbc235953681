"""The steps of a worker that a storage on a server commits in one round trip."""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from messaging_core.models.common.identifier import Identifier
from messaging_core.models.delivery.delivery import Claim, Lease


class EarlyOutbox(Protocol):
    """Claim and mark as the last step of a transaction, and commit with it.

    After such a step the transaction is over: only `Suppressions.has_any` may be asked. What the
    step returns is durable. Where it raises, nothing of the transaction was written, as at the end
    of a block.
    """

    @abstractmethod
    def claim_last(
        self,
        *,
        now: datetime,
        lease: timedelta,
        limit: int,
        suspects: bool = True,
        places: Mapping[UUID, int] | None = None,
    ) -> list[Claim] | None:
        """Lease as `Outbox.claim` does, or nothing where only that can.

        That is where a lease has ended unsettled, something crashed before, or what is due must be
        divided; then nothing is returned, and nothing is leased. A message that cannot be read
        stays leased, for a later claim to put aside.
        """

    @abstractmethod
    def hand_over_last(
        self,
        leases: Sequence[Lease],
        *,
        now: datetime,
        unless: Collection[tuple[UUID, Identifier]],
        references: Sequence[tuple[Lease, str]] = (),
    ) -> list[bool]:
        """Mark as `Outbox.hand_over` does; return for each lease whether it was marked.

        Args:
            leases: Those of the messages.
            now: The present.
            unless: Workspaces with addresses. Where one of them is suppressed, nothing is marked,
                also where the suppression is committed while the mark waits for its message. What
                another transaction writes about them meanwhile is waited for, but for the first
                suppression of a workspace.
            references: The provider's ids of messages, kept as `Messages.add_references` does for
                those that are marked.
        """
