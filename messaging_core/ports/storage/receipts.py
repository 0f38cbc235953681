"""The store of receipts, evidence and interactions."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from messaging_core.models.delivery.evidence import Evidence
from messaging_core.models.delivery.interaction import Interaction
from messaging_core.models.delivery.receipt import KeptReceipt, ReceiptState


class Receipts(Protocol):
    """Keep what providers report, and what it proves."""

    @abstractmethod
    def keep(self, receipts: Sequence[KeptReceipt]) -> list[int | None]:
        """Keep receipts, and return the position of each; nothing for one that was kept before.

        The same key of the same source is the same receipt, within a workspace. Positions given in
        are ignored.
        """

    @abstractmethod
    def pending(self, *, limit: int, after: int = 0) -> list[KeptReceipt]:
        """Return receipts of all workspaces that nobody has looked at yet, the oldest first.

        Only those beyond a position, so that those which cannot be applied hold up no other. One
        whose document cannot be read comes without its `receipt`.
        """

    @abstractmethod
    def is_pending(self, position: int) -> bool:
        """Tell whether a receipt is there that may yet be applied, matched or not."""

    @abstractmethod
    def unmatched(self, workspace: UUID, references: Sequence[str]) -> list[KeptReceipt]:
        """Return receipts without a message that wait for one of these references, oldest first.

        A receipt waits for the reference it names, unless it was marked as waiting for another. One
        whose document cannot be read comes without its `receipt`.
        """

    @abstractmethod
    def mark(
        self, positions: Sequence[int], state: ReceiptState, *, waits_for: str | None = None
    ) -> None:
        """Record how far receipts have come, and what they wait for from now on, where given."""

    @abstractmethod
    def evidence(self, workspace: UUID, message_ids: Sequence[UUID]) -> Mapping[UUID, Evidence]:
        """Return what is known about messages; those of which nothing is known are left out."""

    @abstractmethod
    def save_evidence(self, workspace: UUID, message_id: UUID, evidence: Evidence) -> None:
        """Keep what is known about a message, in place of what was."""

    @abstractmethod
    def add_interaction(self, workspace: UUID, interaction: Interaction) -> None:
        """Keep what a person did with a message."""

    @abstractmethod
    def interactions(self, workspace: UUID, message_id: UUID) -> list[Interaction]:
        """Return everything that people did with a message, in the order in which it was kept."""
