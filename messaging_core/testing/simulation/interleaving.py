"""Transactions that are open at the same time: each may stand still before any of its verbs."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Final, Protocol, runtime_checkable

from messaging_core.errors import ConfigurationError, StorageConflictError
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.testing.simulation.scheduler import Task
from messaging_core.testing.simulation.world import World

_STORES: Final = tuple(Transaction.__annotations__)
_PACES: Final = (0.0, 0.1, 0.5)
"""How often a transaction stands still before a verb: some are quick, some are slow."""
_PAUSES: Final = (timedelta(0), timedelta(milliseconds=20), timedelta(seconds=2))
_GIVES_WAY: Final = 0.05


class Turns(Protocol):
    """How a transaction waits for another that decides about the same thing."""

    def wait(self, is_free: Callable[[], bool]) -> None:
        """Return once it is so.

        Raises:
            StorageConflictError: The transaction is to be rolled back instead.
        """

    def wake(self) -> None:
        """Let those that wait look again: a transaction has ended."""


@runtime_checkable
class SupportsTurns(Protocol):
    """A storage with transactions that are open at the same time, all in one thread at a time.

    Attributes:
        turns: How they wait for one another; a simulation sets it.
    """

    turns: Turns


class SimulatedTurns(Turns):
    """Let the task of a transaction sleep until another has ended."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: list[Task] = []

    def wait(self, is_free: Callable[[], bool]) -> None:  # noqa: D102 - the port's
        scheduler = self._world.scheduler
        if self._world.chance.random() < _GIVES_WAY:
            raise StorageConflictError("simulated: the other transaction was first")
        task = scheduler.present
        while task is not None and not is_free():
            self._waiting.append(task)
            scheduler.sleep(task, None)

    def wake(self) -> None:  # noqa: D102 - the port's
        scheduler, waiting = self._world.scheduler, self._waiting
        self._waiting = []
        for task in waiting:
            scheduler.wake(task, scheduler.now)


def let_wait(storage: Storage, world: World) -> None:
    """Let the transactions of a storage wait in virtual time.

    Raises:
        ConfigurationError: They can only wait in real time.
    """
    if not isinstance(storage, SupportsTurns):
        raise ConfigurationError(
            f"{type(storage).__name__} has no `turns`, so its transactions cannot be interleaved:"
            " take messaging_adapters.storage.memory:ConcurrentMemoryStorage"
        )
    storage.turns = SimulatedTurns(world)


class Pace:
    """How one transaction goes on: quickly, or standing still before some of its verbs.

    Args:
        world: Whose chance decides.
        suspend: Lets time pass, or none at all.
    """

    def __init__(self, world: World, suspend: Callable[[timedelta | None], None]) -> None:
        self._chance = world.chance
        self._suspend = suspend
        self._likelihood = world.chance.choice(_PACES)

    def step(self) -> None:
        """Let others go first, perhaps."""
        chance = self._chance
        waits = self._likelihood > 0 and chance.random() < self._likelihood
        self._suspend(chance.choice(_PAUSES) * chance.random() if waits else None)

    def interleave(self, tx: Transaction) -> Transaction:
        """Return a transaction that does a step before each verb."""
        made: Any = _Interleaved()
        for name in _STORES:
            store = getattr(tx, name)
            setattr(made, name, store and _Store(store, self.step))
        interleaved: Transaction = made
        return interleaved


class _Interleaved:
    """Has the stores of a transaction."""


class _Store:
    """One store, whose verbs may let others go first."""

    def __init__(self, store: Any, step: Callable[[], None]) -> None:
        self._store = store
        self._step = step

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)

        @wraps(verb)
        def call(*args: Any, **named: Any) -> Any:
            self._step()
            return verb(*args, **named)

        return call
