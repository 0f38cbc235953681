"""The actors of a simulation: the host, its workers, the receiver of receipts, and a watcher."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from messaging_core.errors import InvalidRequestError, StorageError
from messaging_core.lazy import frozen
from messaging_core.messenger import Messenger
from messaging_core.models.delivery.event import Event
from messaging_core.models.delivery.receipt import StatusReceipt
from messaging_core.models.messages.message import Status
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.transport import Transport
from messaging_core.rules.policy.lifecycle import is_final
from messaging_core.testing.simulation.process import (
    Process,
    SimulatedBulkheads,
    SimulatedStorage,
    SimulatedTransport,
    SimulatedWatchdog,
)
from messaging_core.testing.simulation.provider import SimulatedProvider
from messaging_core.testing.simulation.scenario import Line
from messaging_core.testing.simulation.scheduler import Task
from messaging_core.testing.simulation.story import Asked
from messaging_core.testing.simulation.world import World
from messaging_core.worker import Worker

_SUBSCRIBER = "host"
_PAUSES = 0.1
_PATIENCE = timedelta(minutes=1)
_AT_A_TIME = 3
_LOOKS = 12
_SEEN_AT_A_TIME = 3

MakeWorker = Callable[[Messenger, Callable[[], float]], Worker]
"""Makes the worker of one process, of its messenger and a source of random numbers."""


@frozen(kw_only=True)
class Stage:
    """What all actors of a run work with."""

    world: World
    storage: Storage
    providers: Mapping[Line, Sequence[SimulatedProvider]]

    def messenger(self, process: Process) -> Messenger:
        """Return the engine, as one process has it."""
        return self._messenger(process, SimulatedStorage(self.storage, process))

    def oracle(self, process: Process) -> Messenger:
        """Return the engine as one process has it, for questions that take no time."""
        return self._messenger(process, self.storage)

    def _messenger(self, process: Process, storage: Storage) -> Messenger:
        return Messenger(
            storage=storage,
            channels={
                line.channel: _transport(line, providers, process)
                for line, providers in self.providers.items()
            },
            clock=process,
            ids=process,
            send_rules=self.world.scenario.send_rules,
        )


def _transport(line: Line, providers: Sequence[SimulatedProvider], process: Process) -> Transport:
    transports = [SimulatedTransport(provider, process) for provider in providers]
    return line.compose(*transports) if line.compose else transports[0]


@frozen(kw_only=True)
class Deliverer:
    """A process that delivers, for as long as there is anything to come."""

    stage: Stage
    make: MakeWorker

    def run(self, task: Task) -> None:
        """Deliver, die and come back."""
        world = self.stage.world
        process = Process(world, task)
        while not world.scheduler.is_over:
            process.live(lambda: self._life(process))

    def _life(self, process: Process) -> None:
        world = self.stage.world
        messenger = self.stage.messenger(process)
        worker = self.make(messenger, world.chance.random)
        worker.bulkheads = SimulatedBulkheads  # or runs of one seed would differ
        worker.watchdog = lambda _: SimulatedWatchdog(process)
        process.until_done(
            lambda: messenger.subscribe(self._hearing(process), name=_SUBSCRIBER, from_start=True)
        )
        while not world.scheduler.is_over:
            due_at, is_pending = self._look(process)
            if is_pending:
                # What was left to others: a subscriber may be resting after an error.
                patience = world.scheduler.now + _PATIENCE * world.chance.random()
                due_at = min(due_at or patience, patience)
            process.sleep(due_at)
            due_at, is_pending = self._look(process)
            if is_pending or (due_at is not None and due_at <= world.scheduler.now):
                self._deliver(process, worker)
                process.restart_if_exhausted()

    def _deliver(self, process: Process, worker: Worker) -> None:
        world, is_idle = self.stage.world, True
        try:
            is_idle = process.call(worker.run_once).total == 0
        except StorageError:
            process.must_live()
        if is_idle and world.scenario.interleaved:
            # What is due may be in the transaction of another, which stands still.
            process.sleep(world.scheduler.now + _PATIENCE * world.chance.random())

    def _hearing(self, process: Process) -> Callable[[Event], None]:
        world = self.stage.world

        def hear(event: Event) -> None:
            process.must_live()
            if world.chance.random() < _PAUSES:
                process.step()
            if world.chance.random() < world.scenario.refused:
                raise RuntimeError("simulated: the subscriber is in trouble")
            world.heard.append(event.position)

        return hear

    def _look(self, process: Process) -> tuple[datetime | None, bool]:
        """Return when a message is due, by true time, and whether anything else is to be done.

        A worker in service looks every second instead.
        """
        heard = max(self.stage.world.heard, default=0)
        with self.stage.storage.begin(read_only=True) as tx:
            due_at = tx.outbox.next_due()
            is_pending = tx.receipts.pending(limit=1) or tx.timeline.after(heard, limit=1)
        return process.true_time(due_at) if due_at else None, bool(is_pending)


@frozen(kw_only=True)
class Postman:
    """A process of the host that takes in what providers report."""

    stage: Stage

    def run(self, task: Task) -> None:
        """Hand in every receipt until it is acknowledged, as providers do."""
        world = self.stage.world
        world.postman = task
        process = Process(world, task)
        messenger = self.stage.messenger(process)
        while not world.scheduler.is_over:
            if not world.receipts or world.receipts[0].at > world.scheduler.now:
                process.sleep(world.receipts[0].at if world.receipts else None)
                continue
            process.live(lambda: self._hand_in(process, messenger))

    def _hand_in(self, process: Process, messenger: Messenger) -> None:
        world = self.stage.world
        workspace, now = world.receipts[0].workspace, world.scheduler.now
        several = heapq.nsmallest(_AT_A_TIME, world.receipts)
        due = [one for one in several if one.at <= now and one.workspace == workspace]
        receipts = [one.receipt for one in due]
        process.until_done(lambda: _receive(messenger, receipts, workspace))
        world.reported += [report.meant for report in due if not report.is_wrong]
        for one in due:
            world.receipts.remove(one)
        heapq.heapify(world.receipts)
        world.poke()


def _receive(messenger: Messenger, receipts: Sequence[StatusReceipt], workspace: UUID) -> None:
    """Hand in receipts as a webhook does that drops what is refused, and goes on with the rest."""
    try:
        messenger.receive(receipts, workspace=workspace)
    except InvalidRequestError:
        for receipt in receipts:
            with suppress(InvalidRequestError):
                messenger.receive([receipt], workspace=workspace)


@frozen(kw_only=True)
class Watcher:
    """An onlooker who sees, now and then, that no message is without a future."""

    stage: Stage

    def run(self, task: Task) -> None:
        """Look at some messages at some moments."""
        world = self.stage.world
        chance, scheduler = world.chance, world.scheduler
        until = world.scenario.lasts
        moments = sorted(world.scenario.start + until * chance.random() for _ in range(_LOOKS))
        for moment in moments:
            scheduler.sleep(task, max(moment, scheduler.now))
            accepted = [asked for asked in world.asked if asked.answers]
            for asked in chance.sample(accepted, min(_SEEN_AT_A_TIME, len(accepted))):
                if self._is_stranded(asked):
                    world.stranded.append(asked.answers[0])

    def _is_stranded(self, asked: Asked) -> bool:
        workspace, message_id = asked.channel.workspace, asked.answers[0]
        if (workspace, message_id) in self.stage.world.purged:
            return False
        with self.stage.storage.begin(read_only=True) as tx:
            message = tx.messages.get(workspace, message_id)
            waits = tx.outbox.delivery(workspace, message_id) is not None
        over = message and (is_final(message.status) or message.status is Status.SENT)
        return not over and not waits
