"""What all simulated processes share: time, chance, and what really happened."""

import random
import threading
from datetime import datetime, timedelta
from uuid import UUID

from attrs import field, frozen

from messaging_core.models.delivery.receipt import StatusReceipt
from messaging_core.models.delivery.webhook import WebhookDelivery, WebhookSubscription
from messaging_core.testing.simulation.scenario import Scenario
from messaging_core.testing.simulation.scheduler import Scheduler, Task
from messaging_core.testing.simulation.story import (
    Asked,
    Block,
    Consent,
    Logged,
    PurgedMessage,
    Reception,
    Told,
)

_MOST_STEPS = 100_000
_SECOND = timedelta(seconds=1)


@frozen(order=True)
class Report:
    """A receipt that a provider will hand in at an instant; the number tells it from others.

    Attributes:
        meant: The receipt with its values in their own types.
        is_wrong: It must change nothing: it does not fit the message that it names.
    """

    at: datetime
    number: int
    workspace: UUID
    receipt: StatusReceipt = field(order=False)
    meant: StatusReceipt = field(order=False)
    is_wrong: bool = field(default=False, order=False)


class World:
    """Keep the facts of one run.

    Args:
        seed: Decides everything that is left to chance.
        scenario: Everything else.

    Attributes:
        asked: What the host asked for.
        receptions: What providers took.
        receipts: What providers have to report: a heap.
        reported: What they did report.
        heard: Positions of events that the subscriber was told.
        stranded: Messages that were seen with nothing to wait for.
        workers: The tasks that deliver.
        postman: The task that hands in receipts.
        blocks: What was done about suppressions.
        consents: What contacts agreed to, after each change.
        premature: Messages that a stranger reported soon after they were accepted.
        notifiers: The tasks that send webhooks.
        subscriptions: Those to webhooks, as they were made.
        webhooks: Those that events made.
        told: Those that listeners took.
        logged: The events with their commits, where a channel escalates.
        hung: The threads whose calls of a transport never return.
        purged: What the host has purged, by workspace and id.
        is_done: Set when the run is over, so that the threads that hang can end.
        crashes: How often a process died.
    """

    def __init__(self, seed: int, scenario: Scenario) -> None:
        self.scenario = scenario
        self.chance = random.Random(seed)  # noqa: S311 - repeatable is the point
        self.scheduler = Scheduler(scenario.start, self.chance, _MOST_STEPS)
        self.asked: list[Asked] = []
        self.receptions: list[Reception] = []
        self.receipts: list[Report] = []
        self.reported: list[StatusReceipt] = []
        self.heard: list[int] = []
        self.stranded: list[UUID] = []
        self.workers: list[Task] = []
        self.postman: Task | None = None
        self.blocks: list[Block] = []
        self.consents: list[Consent] = []
        self.premature: set[UUID] = set()
        self.logged: list[Logged] = []
        self.notifiers: list[Task] = []
        self.subscriptions: list[WebhookSubscription] = []
        self.webhooks: list[WebhookDelivery] = []
        self.told: list[Told] = []
        self.hung: list[threading.Thread] = []
        self.purged: dict[tuple[UUID, UUID], PurgedMessage] = {}
        self.is_done = threading.Event()
        self.crashes = 0
        self._made = 0
        self._commits = 0
        self._moments: list[datetime] = []

    @property
    def moments(self) -> list[datetime]:
        """Return when everything happens at once."""
        if not self._moments:
            scenario, chance = self.scenario, self.chance
            self._moments += (
                scenario.start + scenario.lasts * chance.random() for _ in range(scenario.bursts)
            )
        return self._moments

    def commit(self) -> int:
        """Return the place of a commit among all of them."""
        self._commits += 1
        return self._commits

    def end_hanging(self) -> None:
        """Let the threads that hang end, and wait for them."""
        self.is_done.set()
        for thread in self.hung:
            thread.join()

    def number(self) -> int:
        """Return a number that was not returned before."""
        self._made += 1
        return self._made

    def new_id(self, now: datetime) -> UUID:
        """Return a UUIDv7 that is the same in every run of the seed."""
        milliseconds = int(now.timestamp() * 1000) & (1 << 48) - 1
        return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | self.number())

    def stir(self) -> None:
        """Let the tasks that send webhooks look for new events within a second."""
        for task in self.notifiers:
            self.scheduler.wake(task, self.scheduler.now + _SECOND * self.chance.random())

    def poke(self) -> None:
        """Let some of the workers, one at least, look for work within a second."""
        count = self.chance.randint(1, len(self.workers)) if self.workers else 0
        for task in self.chance.sample(self.workers, count):
            at = self.scheduler.now + _SECOND * self.chance.random()
            self.scheduler.wake(task, at)
