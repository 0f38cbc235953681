"""The store of what workers say about themselves."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol
from uuid import UUID

from messaging_core.models.delivery.worker_state import WorkerState


class WorkerStore(Protocol):
    """Store the state of each worker, of all workspaces."""

    @abstractmethod
    def save(self, worker: WorkerState) -> None:
        """Store the state of a worker, in place of an earlier one with its id."""

    @abstractmethod
    def find(self, *, limit: int) -> list[WorkerState]:
        """Return the states with the latest `seen_at` first; of equal ones, the highest id.

        One that cannot be read is left out.
        """

    @abstractmethod
    def delete(self, worker_id: UUID) -> None:
        """Delete the state of a worker, if it is there."""

    @abstractmethod
    def delete_silent(self, *, before: datetime) -> int:
        """Delete the states whose `seen_at` is before an instant, and return how many."""
