"""One process of the host: its clock and its ports, which do nothing any more once it has died."""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from attrs import evolve

from messaging_core.delivery.bulkheads import SinglePool
from messaging_core.delivery.watchdog import TransportCall, Watchdog
from messaging_core.errors import StorageBusyError, StorageError
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.delivery.delivery import Claim
from messaging_core.models.delivery.event import Event
from messaging_core.models.delivery.outcome import Outcome
from messaging_core.models.delivery.webhook import WebhookDelivery
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.people.contact import Contact
from messaging_core.models.people.suppression import Suppression, SuppressionCause, SuppressionScope
from messaging_core.ports.clock import Clock, Ids
from messaging_core.ports.storage.directory import Contacts, Suppressions
from messaging_core.ports.storage.timeline import Timeline
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.ports.storage.webhooks import Webhooks
from messaging_core.ports.transport import Handoff, Transport
from messaging_core.testing.simulation.interleaving import Pace
from messaging_core.testing.simulation.provider import SimulatedProvider
from messaging_core.testing.simulation.scenario import HELD_OUT
from messaging_core.testing.simulation.scheduler import Task
from messaging_core.testing.simulation.story import Block, Consent, Logged, PurgedMessage
from messaging_core.testing.simulation.world import World

_NOTHING = timedelta(0)
_MOMENT = timedelta(milliseconds=20)
_PATIENCE = timedelta(seconds=2)
_REAL_PAUSE = 0.005
_FOREVER = 1e6  # seconds: only what hangs takes too long
_VERBS = 5.0  # steps in the middle of a transaction, for each one after it
_MOST_HUNG = 2  # twice the one thread of a process: more are not replaced

T = TypeVar("T")


class Crashed(Exception):  # noqa: N818 - no failure of the code it passes through
    """Say that the process is dead: nothing that it calls has any effect from now on.

    It is an `Exception`, so that threads end in order. Code that catches it has no effect
    either: every port of the process goes on raising it.
    """


class Process(Clock, Ids):
    """Something that runs for a while, dies at any call, and comes back with another clock.

    Attributes:
        name: Tells it from others in a story.
        committed_at: When it last wrote something, by its own clock.
        commit: The place of that among the commits of all.
        hung: How many of its calls of transports have not returned.
    """

    def __init__(self, world: World, task: Task) -> None:
        self.world = world
        self.name = task.name
        self._task = task
        self.calls: dict[threading.Thread, TransportCall] = {}
        self._restart()

    def _restart(self) -> None:
        self._is_alive = True
        self._set_clock()
        self.committed_at = self.now()
        self.commit = 0
        self.hung = 0

    def _set_clock(self) -> None:
        self._skew = self.world.scenario.skew * self.world.chance.uniform(-1, 1)

    def now(self) -> datetime:  # noqa: D102 - the port's
        return self.world.scheduler.now + self._skew

    def new(self, now: datetime) -> UUID:  # noqa: D102 - the port's
        return self.world.new_id(now)

    def true_time(self, own: datetime) -> datetime:
        """Return when it will be an instant by the clock of this process."""
        return own - self._skew

    def must_live(self) -> None:
        """Raise `Crashed` where the process is dead."""
        if not self._is_alive or threading.current_thread() in self.world.hung:
            raise Crashed

    def hang(self) -> None:
        """Do not return before the run is over, and then have no effect."""
        self.hung += 1
        self.world.hung.append(threading.current_thread())
        self.calls[threading.current_thread()].started_at = -math.inf
        self.world.is_done.wait()
        raise Crashed

    def restart_if_exhausted(self) -> None:
        """Die where no thread is left to deliver, so that the process is started again."""
        if self.hung >= _MOST_HUNG:
            self._is_alive = False
            self.must_live()

    def step(self, wait: timedelta = _NOTHING, *, rarely: float = 1.0) -> None:
        """Let others go first; a process may stand still, or die, here.

        Args:
            wait: How long at least.
            rarely: How much less likely the latter are.
        """
        self.must_live()
        chance, scenario = self.world.chance, self.world.scenario
        if chance.random() * rarely < scenario.stall:
            wait += scenario.stalled * chance.random()
        self.world.scheduler.pause(self._task, wait)
        if scenario.set_clock and chance.random() * rarely < scenario.set_clock:
            self._set_clock()
        if chance.random() * rarely < scenario.crash and not self.world.scheduler.is_over:
            self._is_alive = False
            self.world.crashes += 1
            raise Crashed

    def suspend(self, wait: timedelta | None) -> None:
        """Let others go first in the middle of a transaction, if there is a wait."""
        if wait is None:
            self.must_live()
        else:
            self.step(wait, rarely=_VERBS)

    def call(self, function: Callable[[], T]) -> T:
        """Call the engine; a dead process gets no answer.

        Raises:
            Crashed: The process died.
        """
        answer = function()
        self.must_live()
        return answer

    def sleep(self, until: datetime | None) -> None:
        """Wait for an instant of true time, or for being woken."""
        self.world.scheduler.sleep(self._task, until)

    def live(self, work: Callable[[], object]) -> bool:
        """Do something; where the process dies over it, come back after a while.

        Returns:
            Whether it was done.
        """
        try:
            work()
        except Crashed:
            chance, downtime = self.world.chance, self.world.scenario.downtime
            self.world.scheduler.pause(self._task, downtime * chance.random())
            self._restart()
            return False
        return True

    def until_done(self, work: Callable[[], T]) -> T:
        """Do something that fails while the storage is busy: nothing was written then."""
        while True:
            try:
                return self.call(work)
            except StorageError:
                self.must_live()
                self.step(_PATIENCE * self.world.chance.random())


class Watched:
    """Note what is done about suppressions, beside doing it."""

    def __init__(self, suppressions: Suppressions, noted: list[Block]) -> None:
        self._suppressions = suppressions
        self._noted = noted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._suppressions, name)

    def add(self, workspace: UUID, suppressions: Sequence[Suppression]) -> None:  # noqa: D102
        self._suppressions.add(workspace, suppressions)
        for one in suppressions:
            block = Block(
                address=one.identifier_value,
                scope=one.scope,
                sender=one.sender,
                causes=(one.cause,),
                stands=True,
            )
            # Lifted and made in one transaction, it never ceased to stand: it got a newer time.
            if self._noted[-1:] == [evolve(block, stands=False)]:
                self._noted.pop()
            self._noted.append(block)

    def lift(  # noqa: D102
        self,
        workspace: UUID,
        identifier: Identifier,
        *,
        scope: SuppressionScope,
        sender: str | None = None,
        causes: Sequence[SuppressionCause] = (),
    ) -> int:
        self._noted.append(
            Block(
                address=identifier.identifier_value,
                scope=scope,
                sender=sender,
                causes=tuple(causes),
                stands=False,
            )
        )
        return self._suppressions.lift(
            workspace, identifier, scope=scope, sender=sender, causes=causes
        )


class WatchedContacts:
    """Note what contacts agree to, beside storing it."""

    def __init__(self, contacts: Contacts, noted: list[Consent]) -> None:
        self._contacts = contacts
        self._noted = noted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._contacts, name)

    def save(self, contact: Contact) -> None:  # noqa: D102
        self._contacts.save(contact)
        self._noted.append(
            Consent(
                addresses=frozenset(
                    identifier.value for identifier in contact.featured_identifiers
                ),
                subscriptions=contact.subscriptions,
                is_held_out=(contact.attributes or {}).get(HELD_OUT) is True,
            )
        )


class WatchedTimeline:
    """Note which events are logged, beside logging them."""

    def __init__(self, timeline: Timeline, noted: list[Event]) -> None:
        self._timeline = timeline
        self._noted = noted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._timeline, name)

    def append(self, events: Sequence[Event]) -> None:  # noqa: D102
        self._timeline.append(events)
        self._noted += events


class WatchedWebhooks:
    """Note which webhooks events make, beside storing them."""

    def __init__(self, webhooks: Webhooks, noted: list[WebhookDelivery]) -> None:
        self._webhooks = webhooks
        self._noted = noted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._webhooks, name)

    def add_deliveries(self, deliveries: Sequence[WebhookDelivery]) -> None:  # noqa: D102
        self._webhooks.add_deliveries(deliveries)
        self._noted += deliveries


class WatchedRetention:
    """Note what was stored about messages, before it is deleted."""

    def __init__(self, tx: Transaction, noted: dict[tuple[UUID, UUID], PurgedMessage]) -> None:
        self._tx = tx
        self._retention = tx.retention
        self._noted = noted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._retention, name)

    def delete(self, messages: Sequence[tuple[UUID, UUID]]) -> int:  # noqa: D102
        for workspace, message_id in messages:
            message = self._tx.messages.get(workspace, message_id)
            if message is not None:
                self._noted[workspace, message_id] = PurgedMessage(
                    message=message,
                    evidence=self._tx.receipts.evidence(workspace, [message_id]).get(message_id),
                    events=tuple(self._tx.timeline.of_message(workspace, message_id)),
                )
        return self._retention.delete(messages)


_WATCHED: Final = ("suppressions", "contacts", "timeline", "retention", "webhooks")


def _watch(tx: Transaction, name: str, store: Any) -> None:
    """Let a transaction use a store that notes what is done, or its own again."""
    setattr(tx, name, store)


class SimulatedBulkheads(SinglePool):
    """Look for calls that hang every few milliseconds of real time."""

    def wait(self, max_count: int, timeout: float = _REAL_PAUSE) -> None:  # noqa: D102
        super().wait(max_count, min(timeout, _REAL_PAUSE))

    def take_excess(self) -> Iterator[Claim]:  # noqa: D102
        for pool in self._pools.values():
            if not pool.capacity:  # how fast another one is would be told by real time
                yield from self._take(pool, pool.in_flight)


class SimulatedWatchdog(Watchdog):
    """Find the calls that hang, whatever time it really is."""

    def __init__(self, process: Process) -> None:
        super().__init__(_FOREVER)
        self._process = process

    def start(self, call: TransportCall) -> None:  # noqa: D102
        super().start(call)
        self._process.calls[threading.current_thread()] = call


class SimulatedStorage(Storage):
    """One process's way to the storage: after every transaction others may go first.

    Where transactions are interleaved, they may also go first before each verb, and die there.

    Between two transactions, and between one and the call of a provider, is one such moment; a
    process that dies there has written the one and not begun the other.
    """

    def __init__(self, storage: Storage, process: Process) -> None:
        self._storage = storage
        self._process = process

    @contextmanager
    def begin(  # noqa: D102 - the port's
        self, connection: Any = None, *, read_only: bool = False
    ) -> Iterator[Transaction]:
        process = self._process
        chance, scenario = process.world.chance, process.world.scenario
        process.must_live()
        if chance.random() < scenario.storage_fault:
            raise StorageBusyError("simulated")
        began_at = process.now()
        noted: list[Block] = []
        consents: list[Consent] = []
        events: list[Event] = []
        webhooks: list[WebhookDelivery] = []
        purged: dict[tuple[UUID, UUID], PurgedMessage] = {}
        with self._begin(connection, read_only=read_only) as tx:
            own = {name: getattr(tx, name) for name in _WATCHED}
            if not read_only:
                if scenario.people:
                    _watch(tx, "suppressions", Watched(tx.suppressions, noted))
                    _watch(tx, "contacts", WatchedContacts(tx.contacts, consents))
                if scenario.escalates:
                    _watch(tx, "timeline", WatchedTimeline(tx.timeline, events))
                if scenario.retention:
                    _watch(tx, "retention", WatchedRetention(tx, purged))
                if scenario.listeners:
                    _watch(tx, "webhooks", WatchedWebhooks(tx.webhooks, webhooks))
            try:
                yield tx
            finally:
                for name, store in own.items():  # a storage may use one object again and again
                    _watch(tx, name, store)
        if not read_only:
            process.world.webhooks += webhooks
            process.world.purged |= purged
            process.world.stir()
            # A process that stands still between a look at the clock and its commit does no other
            # than one that stands still afterwards.
            process.committed_at = began_at if scenario.interleaved else process.now()
            process.commit = process.world.commit()
            process.world.blocks += (evolve(block, commit=process.commit) for block in noted)
            process.world.consents += (
                evolve(consent, commit=process.commit) for consent in consents
            )
            process.world.logged += (Logged(event=event, commit=process.commit) for event in events)
        process.step(_MOMENT * chance.random())

    @contextmanager
    def _begin(self, connection: Any, *, read_only: bool) -> Iterator[Transaction]:
        """Begin a transaction, which others may come between if they are interleaved."""
        with self._storage.begin(connection, read_only=read_only) as tx:
            if not self._process.world.scenario.interleaved:
                yield tx
                return
            pace = Pace(self._process.world, self._process.suspend)
            yield pace.interleave(tx)
            pace.step()


class SimulatedTransport(Transport):
    """One process's way to a provider: it stands still, or dies, at any moment of a call.

    Attributes:
        clock: That of the process, for a transport around this one.
    """

    def __init__(self, provider: SimulatedProvider, process: Process) -> None:
        self.clock: Clock = process
        self.name = provider.name
        self.capabilities = provider.capabilities
        self._provider = provider
        self._process = process

    def true_time(self) -> float:
        """Return the seconds of a clock that all processes share, for limits that they share."""
        return self._process.world.scheduler.now.timestamp()

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:  # noqa: D102 - the port's
        process, provider = self._process, self._provider
        process.step(_PATIENCE * process.world.chance.random())
        provider.prepare(envelope)
        if provider.hangs():
            process.hang()
        asked_at = process.now()
        handoff()
        left_at = max(asked_at, process.committed_at)
        answer = provider.take(
            envelope, left_at=left_at, worker=process.name, commit=process.commit
        )
        process.step(answer.after)
        if provider.hangs():
            process.hang()
        return answer.give()
