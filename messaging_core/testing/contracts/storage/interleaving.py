"""Transactions that are open at the same time, each on a thread, one step at a time."""

import threading
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from time import monotonic
from typing import Any, Final

from messaging_core.ports.storage.transaction import Storage, Transaction

# A storage with one writer lets the second transaction wait for the first. Whether a step waits
# cannot be seen from outside: one that has not ended by then is taken to wait. On a busy machine it
# may only be slow, so no test may need it to have ended. A step while no other transaction is open
# waits for nothing, and always ends before the next one begins.
PATIENCE: Final = 0.05
"""How long a step may take, in seconds, before it is taken to wait for another transaction."""
_LONGEST: Final = 30.0

Step = Callable[[Transaction], Any]
"""What a transaction does in one step."""


class _Actor(threading.Thread):
    """Runs the steps of one transaction as it is told to, and then commits."""

    def __init__(self, storage: Storage, steps: Sequence[Step]) -> None:
        super().__init__(daemon=True)
        self.results: list[Any] = []
        self.error: BaseException | None = None
        self.is_open = self.has_ended = False
        self._storage = storage
        self._steps = steps
        self._turns: SimpleQueue[threading.Event] = SimpleQueue()

    def run(self) -> None:
        """Take one turn for each step; the first begins the transaction, the last commits it."""
        done = [self._turns.get()]
        try:
            with self._storage.begin() as tx:
                for place, step in enumerate(self._steps):
                    if place:
                        done.append(self._turns.get())
                    self.results.append(step(tx))
                    if place < len(self._steps) - 1:
                        done[-1].set()
        except BaseException as error:  # noqa: BLE001 - the test raises it again
            self.error = error
        finally:
            self.is_open, self.has_ended = False, True
            done[-1].set()

    def step(self, *, is_alone: bool) -> None:
        """Let it do one step more, and wait until it has, or seems to wait for another."""
        if self.has_ended:  # with an error
            return
        done = threading.Event()
        self.is_open = True
        self._turns.put(done)
        until = monotonic() + (_LONGEST if is_alone else PATIENCE)
        while not done.wait(PATIENCE) and self.is_alive() and monotonic() < until:
            pass  # it may have raised an error in the step before, and then takes no turn


def interleaved(storage: Storage, order: str, **steps: Sequence[Step]) -> Mapping[str, list[Any]]:
    """Run transactions at the same time, and return what the steps of each returned.

    Args:
        storage: Where.
        order: Which transaction does its next step, one letter for each. A transaction commits
            after its last step.
        steps: The steps of each transaction, by its letter.

    Raises:
        AssertionError: A transaction never ends.
        BaseException: What a step raised.
    """
    actors = {letter: _Actor(storage, its) for letter, its in steps.items()}
    for actor in actors.values():
        actor.start()
    for letter in order:
        others = (actor for name, actor in actors.items() if name != letter)
        actors[letter].step(is_alone=not any(actor.is_open for actor in others))
    for letter, actor in actors.items():
        actor.join(_LONGEST)
        if actor.is_alive():
            raise AssertionError(f"transaction {letter} waits for ever")
    for actor in actors.values():
        if actor.error is not None:
            raise actor.error
    return {letter: actor.results for letter, actor in actors.items()}


def nothing(_: Transaction) -> None:
    """Do nothing: as a last step, it is the commit."""
