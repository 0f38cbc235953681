"""Run one seed, and check what happened against the promises."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from attrs import evolve

from messaging_core.messages.rollups import RollupCounter
from messaging_core.messenger import Messenger
from messaging_core.models.delivery.event import Event
from messaging_core.models.delivery.rollups import ONE_DAY, RollupOutcome, RollupQuery
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.testing.clock import ManualClock
from messaging_core.testing.simulation.actors import (
    Deliverer,
    MakeWorker,
    Postman,
    Stage,
    Watcher,
)
from messaging_core.testing.simulation.breach import Breach, Promise
from messaging_core.testing.simulation.cleaner import Cleaner
from messaging_core.testing.simulation.crowd import Crowd, introduce
from messaging_core.testing.simulation.host import Host
from messaging_core.testing.simulation.interleaving import let_wait
from messaging_core.testing.simulation.listeners import notifiers, subscribe
from messaging_core.testing.simulation.promises import PROMISES
from messaging_core.testing.simulation.provider import SimulatedProvider
from messaging_core.testing.simulation.scenario import EVERYDAY, Scenario
from messaging_core.testing.simulation.story import Story
from messaging_core.testing.simulation.world import World
from messaging_core.worker import Worker

_PAGE = 1000
_MOST_DEAD = 10_000


class BrokenPromiseError(AssertionError):
    """Report what a seed broke; `simulate` with the same seed and scenario breaks it again.

    Attributes:
        story: Everything that happened.
        promise: The name of the promise.
        breach: What broke it.
    """

    def __init__(self, story: Story, promise: str, breach: Breach) -> None:
        super().__init__(story, promise, breach)
        self.story = story
        self.promise = promise
        self.breach = breach

    def __str__(self) -> str:
        """Return how to see it again, and what is known about it."""
        told = self.story.tell(self.breach.message_id) if self.breach.message_id else ""
        scenario = self.story.scenario
        return (
            f"seed {self.story.seed} of scenario {scenario.name!r} broke {self.promise}: "
            f"{self.breach.what}\n  {told}\n  {scenario}"
        )


def simulate(
    seed: int,
    scenario: Scenario = EVERYDAY,
    *,
    storage: Callable[[], Storage],
    promises: Sequence[Promise] = PROMISES,
    worker: MakeWorker | None = None,
) -> Story:
    """Run weeks of a host's life in an instant, and check that every promise was kept.

    A run depends on its arguments alone: the same seed gives the same story, on every machine.
    While it runs, the engine's log is silent.

    Args:
        seed: Decides everything that is left to chance.
        scenario: Decides everything else.
        storage: Makes an empty storage, such as `MemoryStorage`.
        promises: What must hold in the end.
        worker: Makes the worker of a process; it must have one thread, or runs would differ.

    Raises:
        BrokenPromiseError: A promise was broken; the text tells how, and how to see it again.
    """
    story = _run(seed, scenario, storage(), worker or _worker_of(scenario))
    for promise in promises:
        for breach in promise(story):
            raise BrokenPromiseError(story, getattr(promise, "__name__", str(promise)), breach)
    return story


def _worker_of(scenario: Scenario) -> MakeWorker:
    def make(messenger: Messenger, random: Callable[[], float]) -> Worker:
        return Worker(
            messenger,
            threads=1,
            batch=scenario.batch,
            lease=scenario.lease,
            durable_handoff=scenario.durable_handoff,
            random=random,
        )

    return make


def _run(seed: int, scenario: Scenario, storage: Storage, make: MakeWorker) -> Story:
    world = World(seed, scenario)
    if scenario.interleaved:
        let_wait(storage, world)
    providers = {
        line: [SimulatedProvider(world, line, place) for place, _ in enumerate(line.providers)]
        for line in scenario.lines
    }
    stage = Stage(world=world, storage=storage, providers=providers)
    scheduler = world.scheduler
    with _silence():
        scheduler.add("host", Host(stage=stage).run)
        scheduler.add("postman", Postman(stage=stage).run)
        scheduler.add("watcher", Watcher(stage=stage).run)
        if scenario.people:
            introduce(stage)
            scheduler.add("crowd", Crowd(stage=stage).run)
        if scenario.listeners:
            subscribe(stage)
        if scenario.retention is not None:
            cleaner = Cleaner(stage=stage, retention=scenario.retention)
            scheduler.add("cleaner", cleaner.run)
        for number, notifier in enumerate(notifiers(stage), 1):
            world.notifiers.append(scheduler.add(f"notifier-{number}", notifier.run))
        deliverer = Deliverer(stage=stage, make=make)
        for number in range(scenario.workers):
            world.workers.append(scheduler.add(f"worker-{number + 1}", deliverer.run))
        try:
            scheduler.run()
        except Exception as error:
            error.add_note(f"in seed {seed} of scenario {scenario.name!r}: {scenario}")
            raise
        finally:
            world.end_hanging()
    return _story(seed, world, storage)


@contextmanager
def _silence() -> Iterator[None]:
    """Let the engine not log what goes wrong: here that is the rule."""
    log = logging.getLogger("messaging_core")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)


def _story(seed: int, world: World, storage: Storage) -> Story:
    workspaces = dict.fromkeys(line.channel.workspace for line in world.scenario.lines)
    with storage.begin(read_only=True) as tx:
        messages = {
            (workspace, message.id): message
            for workspace in workspaces
            for message in _messages(tx, workspace)
        }
        evidence = {
            message_id: known
            for workspace in workspaces
            for message_id, known in tx.receipts.evidence(
                workspace, [one for of, one in messages if of == workspace]
            ).items()
        }
        unfinished = [key[1] for key in messages if tx.outbox.delivery(*key) is not None]
        events = _events(tx)
        subscriptions = [
            subscription
            for workspace in workspaces
            for subscription in tx.webhooks.of_workspace(workspace)
        ]
        dead = [
            delivery.id
            for workspace in workspaces
            for delivery in tx.webhooks.dead(workspace, limit=_MOST_DEAD)
        ]
    for key, purged in world.purged.items():
        messages[key] = purged.message
        events += purged.events
        if purged.evidence is not None:
            evidence[key[1]] = purged.evidence
    return Story(
        seed=seed,
        scenario=world.scenario,
        began_at=world.scenario.start,
        ended_at=world.scheduler.now,
        asked=tuple(world.asked),
        receptions=tuple(world.receptions),
        reported=tuple(world.reported),
        heard=tuple(world.heard),
        messages={message_id: one for (_, message_id), one in messages.items()},
        evidence=evidence,
        unfinished=frozenset(unfinished),
        stranded=tuple(world.stranded),
        events=tuple(sorted(events, key=lambda event: event.position)),
        blocks=tuple(world.blocks),
        consents=tuple(world.consents),
        premature=frozenset(world.premature),
        logged=tuple(world.logged),
        subscriptions=tuple(subscriptions),
        webhooks=tuple(world.webhooks),
        told=tuple(world.told),
        dead_webhooks=frozenset(dead),
        rolled_up=_rolled_up(storage, world, workspaces),
        hung=len(world.hung),
        crashes=world.crashes,
        steps=world.scheduler.steps,
    )


def _messages(tx: Transaction, workspace: UUID) -> Iterator[Message]:
    query = MessageQuery(workspace=workspace, limit=_PAGE)
    while True:
        page = tx.messages.find(query)
        yield from page.results
        if page.next_page_token is None:
            return
        query = evolve(query, page_token=page.next_page_token)


def _rolled_up(
    storage: Storage, world: World, workspaces: Iterable[UUID]
) -> Mapping[RollupOutcome, int]:
    """Count what no worker has counted yet, and return the sums of all days."""
    RollupCounter(storage, ManualClock(world.scheduler.now)).run()
    since, until = (world.scenario.start + sign * timedelta(days=400) for sign in (-1, 1))
    sums = Counter[RollupOutcome]()
    with storage.begin(read_only=True) as tx:
        for workspace in workspaces:
            for rollup in tx.rollups.find(
                RollupQuery(
                    workspace=workspace, since=since, until=until, stored=ONE_DAY, step=None
                )
            ):
                if rollup.outcome is not None:
                    sums[rollup.outcome] += rollup.number
    return sums


def _events(tx: Transaction) -> list[Event]:
    events: list[Event] = []
    while found := tx.timeline.after(events[-1].position if events else 0, limit=_PAGE):
        events += found
    return events
