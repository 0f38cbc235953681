"""How much of each rate limit is used, for limits that processes share."""

from abc import abstractmethod
from typing import Protocol
from uuid import UUID

from messaging_core.models.common.rate import RateLog


class Rates(Protocol):
    """Store what of each rate limit is not free; `messaging_core.policy.shared_rate` decides.

    A limit is named by a workspace and a key, such as `http.changes`.
    """

    @abstractmethod
    def lock(self, workspace: UUID, key: str) -> RateLog:
        """Return what is stored for a limit, empty at first.

        Until the transaction ends, `lock` of another transaction waits if it is for the same
        limit, even if nothing is stored for it yet.
        """

    @abstractmethod
    def put(self, workspace: UUID, key: str, log: RateLog) -> None:
        """Replace what is stored for a limit that this transaction has locked."""
