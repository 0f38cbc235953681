"""Virtual time, and the baton that lets one task run at a time.

Each task has a thread of its own, so that code which blocks runs as it is. But only the holder of
the baton runs, and it is passed on at known points to the task due next. So a run depends on
the seed alone, however threads are scheduled outside.
"""

import heapq
import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

_TIE = 1 << 30


class Aborted(Exception):  # noqa: N818 - no failure of its own: the run is over
    """End a task because the run ended with an error elsewhere."""


class Task:
    """One line of action, with its place in virtual time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.turn = threading.Lock()
        self.turn.acquire()
        self.entry = 0
        self.at: datetime | None = None


class Scheduler:
    """Run tasks one at a time, in the order of virtual time; time jumps where no task is due.

    Args:
        start: The first instant.
        chance: Decides between tasks that are due at one instant.
        most_steps: How often the baton may be passed before the run counts as endless.

    Attributes:
        now: The present.
        is_over: No task has anything to do any more: tasks that sleep are woken to end.
        steps: How often a task has let others go first.
        present: The task that holds the baton.
    """

    def __init__(self, start: datetime, chance: random.Random, most_steps: int) -> None:
        self.now = start
        self.is_over = False
        self.steps = 0
        self.present: Task | None = None
        self._chance = chance
        self._most_steps = most_steps
        self._heap: list[tuple[datetime, int, int, Task]] = []
        self._entries = 0
        self._asleep: set[Task] = set()
        self._alive = 0
        self._done = threading.Event()
        self._error: BaseException | None = None

    def add(self, name: str, work: Callable[[Task], object]) -> Task:
        """Add a task that begins at the first instant."""
        task = Task(name)
        self._alive += 1
        thread = threading.Thread(
            target=self._live, args=(task, work), name=f"simulated-{name}", daemon=True
        )
        thread.start()
        self._put(task, self.now)
        return task

    def run(self) -> None:
        """Let all tasks run until none has anything left to do.

        Raises:
            Exception: What a task raised, if one did.
        """
        self._pass_on(None)
        self._done.wait()
        if self._error is not None:
            raise self._error

    def pause(self, task: Task, wait: timedelta) -> None:
        """Let a while pass for the task that runs; others may run meanwhile."""
        self._put(task, self.now + wait)
        self._pass_on(task)

    def sleep(self, task: Task, until: datetime | None) -> None:
        """Wait for an instant, or for being woken; without an instant only for the latter."""
        if until is None:
            self._forget(task)
            self._asleep.add(task)
        else:
            self._put(task, until)
        self._pass_on(task)

    def wake(self, task: Task, at: datetime) -> None:
        """Let a task that sleeps go on at an instant, unless it does so sooner."""
        if task in self._asleep or (task.at is not None and task.at > at):
            self._put(task, at)

    def _put(self, task: Task, at: datetime) -> None:
        self._asleep.discard(task)
        self._entries += 1
        task.entry, task.at = self._entries, at
        tie = self._chance.randrange(_TIE)
        heapq.heappush(self._heap, (at, tie, self._entries, task))

    def _forget(self, task: Task) -> None:
        task.entry, task.at = 0, None

    def _pass_on(self, task: Task | None) -> None:
        """Give the baton to the task that is due next, and wait for it to come back."""
        self.steps += 1
        if self.steps > self._most_steps and self._error is None:
            self._error = RuntimeError(f"no end after {self._most_steps} steps")
        following = self.present = self._next()
        if following is not task:
            if following is not None:
                following.turn.release()
            if task is not None:
                task.turn.acquire()
        if self._error is not None and task is not None:
            raise Aborted

    def _next(self) -> Task | None:
        while True:
            while self._heap:
                at, _, entry, task = heapq.heappop(self._heap)
                if task.entry == entry:
                    self.now = max(self.now, at)
                    self._forget(task)
                    return task
            if not self._asleep:
                return None
            self.is_over = True
            for task in sorted(self._asleep, key=lambda one: one.name):
                self._put(task, self.now)

    def _live(self, task: Task, work: Callable[[Task], object]) -> None:
        task.turn.acquire()
        try:
            if self._error is None:
                work(task)
        except Aborted:
            pass
        except BaseException as error:  # noqa: BLE001 - it ends the run, whose caller gets it
            self._error = self._error or error
        self._alive -= 1
        if self._alive:
            self._pass_on(None)
        else:
            self._done.set()
