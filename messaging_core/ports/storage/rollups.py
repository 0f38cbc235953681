"""The store of roll-ups."""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from messaging_core.models.delivery.rollups import (
    Rollup,
    RollupAmount,
    RollupQuery,
    Tag,
    UncountedEvents,
)


class RollupStore(Protocol):
    """Keep sums about messages by interval, and read the events that are not in them yet."""

    @abstractmethod
    def uncounted(
        self, position: int, *, limit: int, known: Collection[bytes] = frozenset()
    ) -> UncountedEvents:
        """Return the first `limit` events beyond a position, and what is needed to count them.

        That is the channel of each message that is still there, and its events up to that
        position; of events that differ in nothing but time and position, one is enough. For the
        messages that the caller knows, by the bytes of their ids, neither is needed. An event
        that cannot be read is left out, and `reached` is beyond it. Without events, `reached` is
        the position that was given.
        """

    @abstractmethod
    def add(self, amounts: Sequence[RollupAmount]) -> None:
        """Add numbers to roll-ups, which are created where they are not there.

        One key may come several times.
        """

    @abstractmethod
    def find(self, query: RollupQuery) -> list[Rollup]:
        """Return sums of roll-ups of one workspace, in the order of time.

        Those count that start at `since` or later and before `until`, of one tag, and of all
        channels or those that are named. They are added up by interval and as the query
        groups them; of `longest` the largest remains. The intervals of `step` are counted from
        1970-01-01 UTC. A roll-up that cannot be read is left out.
        """

    @abstractmethod
    def tags(self, workspace: UUID, names: Collection[str]) -> Mapping[str, Tag]:
        """Return those of some tags that are kept, by their names."""

    @abstractmethod
    def list_tags(self, workspace: UUID, *, after: str, limit: int) -> list[Tag]:
        """Return the first kept tags of a workspace behind a name, in the order of their names."""

    @abstractmethod
    def count_tags(self, workspace: UUID, day: date) -> int:
        """Return how many kept tags of a workspace had a day as their `day` when first saved."""

    @abstractmethod
    def save_tags(self, workspace: UUID, tags: Sequence[Tag]) -> None:
        """Keep tags; those that are kept get the earlier `since` and the later `latest`."""

    @abstractmethod
    def delete(self, *, before: datetime, limit: int, workspace: UUID | None = None) -> int:
        """Delete up to `limit` roll-ups that start before an instant, and return how many.

        Tags whose `latest` is before it go as well, as many at most; they count for nothing.
        """
