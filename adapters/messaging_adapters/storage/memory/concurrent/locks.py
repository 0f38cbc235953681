"""Who may decide about what: locks by name, each held until a transaction ends."""

from collections.abc import Hashable
from typing import Final

Name = tuple[str, Hashable]
"""What is locked: its kind, and which of that kind."""

NO_KINDS: Final = frozenset[str]()


class Holder:
    """One transaction that is open."""

    def __init__(self) -> None:
        self.names: list[Name] = []
        self.waits_for: Holder | None = None
        self.is_over = False

    def closes_circle(self, owner: "Holder") -> bool:
        """Return whether an owner waits, in the end, for this transaction."""
        waiting: Holder | None = owner
        while waiting is not None and waiting is not self:
            waiting = waiting.waits_for
        return waiting is self


class BlockedError(Exception):
    """Say which transaction has to end before a verb can go on."""

    def __init__(self, owner: Holder) -> None:
        super().__init__()
        self.owner = owner


class LockTable:
    """Keep who holds what.

    Args:
        without: Kinds of names that are not locked: a promise is broken on purpose.
    """

    def __init__(self, without: frozenset[str] = NO_KINDS) -> None:
        self._owners: dict[Name, Holder] = {}
        self._without = without

    def take(self, holder: Holder, name: Name) -> None:
        """Lock a name.

        Raises:
            BlockedError: Another transaction holds it.
        """
        if name[0] in self._without:
            return
        owner = self._owners.setdefault(name, holder)
        if owner is not holder:
            raise BlockedError(owner)
        holder.names.append(name)

    def is_free_for(self, holder: Holder, name: Name) -> bool:
        """Return whether no other transaction holds a name."""
        return self._owners.get(name, holder) is holder

    def release(self, holder: Holder) -> None:
        """Give back everything that a transaction holds."""
        for name in holder.names:
            self._owners.pop(name, None)
        holder.names.clear()
        holder.is_over = True
