"""The store of receipts, evidence and interactions."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from messaging_core.models.delivery.evidence import Evidence
from messaging_core.models.delivery.interaction import Interaction
from messaging_core.models.delivery.receipt import KeptReceipt, ReceiptState


class Receipts(Protocol):
    """Store the receipts of providers, and the delivery evidence and interactions from them."""

    @abstractmethod
    def keep(self, receipts: Sequence[KeptReceipt]) -> list[int | None]:
        """Add receipts to the inbox, and return the position of each; nothing for a duplicate.

        Receipts with the same workspace, source and key are duplicates. The positions they come
        with are ignored.
        """

    @abstractmethod
    def pending(
        self,
        *,
        limit: int,
        after: int = 0,
        due: datetime | None = None,
        longest: timedelta | None = None,
    ) -> list[KeptReceipt]:
        """Return receipts of all workspaces that are not processed yet, the oldest first.

        With `due`, those that were postponed to a later instant are left out; but not one that
        would wait for more than `longest`, because the clock was set back. Only those with a
        position above `after` are returned, so a receipt that cannot be applied holds up no other.
        A receipt whose document cannot be read comes without its `receipt`.
        """

    @abstractmethod
    def is_pending(self, workspace: UUID, position: int) -> bool:
        """Return whether the receipt at a position may still be applied, matched or not.

        A receipt of another workspace may not.
        """

    @abstractmethod
    def unmatched(self, workspace: UUID, references: Sequence[str]) -> list[KeptReceipt]:
        """Return receipts that matched no message and wait for these references, oldest first.

        A receipt waits for the reference it names, or for the one given to `mark`. A receipt whose
        document cannot be read comes without its `receipt`.
        """

    @abstractmethod
    def mark(
        self,
        workspace: UUID,
        positions: Sequence[int],
        state: ReceiptState,
        *,
        waits_for: str | None = None,
    ) -> None:
        """Set the state of receipts and, if given, the reference that they wait for.

        Those that the workspace does not have stay as they are.
        """

    @abstractmethod
    def postpone(self, workspace: UUID, position: int, *, failures: int, until: datetime) -> None:
        """Set how often a receipt could not be applied, and until when it is not tried again."""

    @abstractmethod
    def failed(self, workspace: UUID, *, limit: int, after: int = 0) -> list[KeptReceipt]:
        """Return the receipts of a workspace in the state `failed`, the oldest first.

        Only those with a position above `after` are returned.
        """

    @abstractmethod
    def evidence(self, workspace: UUID, message_ids: Sequence[UUID]) -> Mapping[UUID, Evidence]:
        """Return the delivery evidence of messages; messages without any are left out."""

    @abstractmethod
    def save_evidence(self, workspace: UUID, message_id: UUID, evidence: Evidence) -> None:
        """Replace the delivery evidence of a message."""

    @abstractmethod
    def add_interaction(self, workspace: UUID, interaction: Interaction) -> None:
        """Add an interaction: what a person did with a message, such as a click."""

    @abstractmethod
    def interactions(
        self, workspace: UUID, message_id: UUID, *, limit: int | None = None
    ) -> list[Interaction]:
        """Return interactions with a message, in the order in which they were added.

        With a `limit`, only the first ones.
        """
