"""The worker: claim messages, hand them to transports, and settle them."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Self
from uuid import UUID

from attrs import evolve

from messaging_core.arguments import any_span, checked, flag, function, optional, span, uuid, whole
from messaging_core.decisions.delivery.dispatch import MAX_CRASHES
from messaging_core.delivery.bulkheads import MAX_WAIT, Bulkheads
from messaging_core.delivery.dispatcher import Dispatcher, deduplicates_at
from messaging_core.delivery.group_commit import GroupCommit, LatestTime
from messaging_core.delivery.heartbeat import Heartbeat
from messaging_core.delivery.housekeeping import Housekeeper
from messaging_core.delivery.loop import POLL, DeliveryLoop
from messaging_core.delivery.report import DeliveryReport
from messaging_core.delivery.watchdog import Watchdog
from messaging_core.errors import ConfigurationError
from messaging_core.messenger import Messenger
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.delivery import Claim
from messaging_core.models.messages.notification import Notification, NotificationReport
from messaging_core.ports.components import A_MESSENGER, AN_EVENT
from messaging_core.wakeup import heard_through, relay_stop
from messaging_core.wire import Json

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_SHARE_OF_LEASE = 0.9
_THREADS = 32
_FEWEST_BATCH, _BATCH_OF_THREADS = 100, 4
_HORIZON, _HORIZON_OF_LEASE = 60.0, 0.25  # seconds; what is claimed should be begun soon


class Worker:
    """Deliver what a messenger accepted, on a few threads of this process.

    Any number of workers, in any number of processes, may serve one storage: each message is
    leased to one of them at a time. If a worker crashes, its leases expire, and other workers
    deliver its messages.

    Args:
        messenger: The messenger whose messages are delivered, with its channels and its clock.
        threads: How many messages of a channel are handed over at the same time, unless its
            `concurrency` says otherwise. Each channel has its own threads, which start when they
            are needed: a slow or hanging provider delays only its own channel.
        batch: How many messages are claimed, and settled, in one transaction; also how many a
            fast channel holds. By default four times `threads`, or four times the largest
            `concurrency` of a channel if that is more; at least 100.
        lease: After what time other workers may claim a message of this worker; longer than the
            longest timeout of a transport.
        timeout: How long the call of a transport may take; less than the lease, by default nine
            tenths of it. A call that takes longer is abandoned: a new thread replaces its thread,
            and the message is in doubt if it may have been sent, else it is tried again. At most
            as many threads of a channel are replaced at a time as the channel may have.
        durable_handoff: Commit, right before the point of no return, that a message is being
            handed over. After a crash, the storage then shows which messages may have been sent,
            and a message can be cancelled until that moment. Without it, a worker that crashes
            may send its current messages twice: use that for transports whose effect may repeat.
        max_crashes: After how many crashes a message fails, unless it is in doubt. A crash is a
            worker that dies during the attempt, or a transport that hangs, returns no outcome or
            raises an error that is not a network error.
        random: Returns numbers uniform in [0, 1), for the jitter of retries.

    Raises:
        ConfigurationError: `timeout` is not shorter than `lease`, or `max_crashes` is below 1.

    Attributes:
        bulkheads: Divides the threads between channels; a simulation uses one thread for all.
        watchdog: Finds calls that take too long; a simulation decides which ones.
        poll: Seconds between looks at a storage to which other processes also write.
    """

    bulkheads: type[Bulkheads] = Bulkheads
    watchdog: Callable[[float], Watchdog] = Watchdog
    poll: float = POLL

    @checked(
        messenger=A_MESSENGER,
        threads=whole(),
        batch=optional(whole()),
        lease=span(),
        timeout=optional(any_span),
        durable_handoff=flag,
        max_crashes=whole(),
        random=function,
    )
    def __init__(  # noqa: PLR0913 - each is a choice of its own
        self,
        messenger: Messenger,
        *,
        threads: int = _THREADS,
        batch: int | None = None,
        lease: timedelta = timedelta(minutes=15),
        timeout: timedelta | None = None,
        durable_handoff: bool = True,
        max_crashes: int = MAX_CRASHES,
        random: Callable[[], float] = random.random,
    ) -> None:
        timeout = lease * _SHARE_OF_LEASE if timeout is None else timeout
        if not timedelta(0) < timeout < lease:
            raise ConfigurationError(f"the timeout {timeout} is not shorter than the lease {lease}")
        self._messenger = messenger
        self._context = evolve(messenger.context, random=random)
        self._threads = threads
        self._batch = batch or _default_batch(messenger, threads)
        self._lease = lease
        self._timeout = timeout.total_seconds()
        self._durable_handoff = durable_handoff
        self._max_crashes = max_crashes
        self._hung: dict[UUID, set[threading.Thread]] = {}
        self._latest = LatestTime()

    def run_once(self) -> DeliveryReport:
        """Deliver at most one batch of what is due now, and return when it is settled."""
        return self._run_batch(lambda: False)

    def drain(self) -> DeliveryReport:
        """Deliver until nothing is due; messages that are due later stay."""
        report = self._run(lambda: True)
        self._housekeeper().run_once()
        return report

    @checked(workspace=uuid, within=any_span)
    def notify(
        self,
        notification: Notification | Json,
        *,
        idempotency_key: str | None = None,
        workspace: UUID = DEFAULT_WORKSPACE,
        within: timedelta = timedelta(seconds=30),
    ) -> NotificationReport:
        """Accept a notification and try to deliver it before the report is made.

        Other messages that are due are delivered meanwhile, by the order of the lanes. A message
        that will be tried again is not a failure; nor is one that is left to other workers
        because the time is up.

        Args:
            notification: As for `Messenger.notify`.
            idempotency_key: As for `Messenger.notify`.
            workspace: Its tenant.
            within: After what time no further message is started. The call then waits for
                messages that are being sent, and leaves the others to other workers.

        Raises:
            InvalidRequestError: It breaks rules; nothing was written.
            MediaError: Its files could not be looked up; nothing was written.
            StorageError: The storage failed.
        """
        report = self._messenger.notify(
            notification, idempotency_key=idempotency_key, workspace=workspace
        )
        from messaging_core.notifications.progress import Progress  # noqa: PLC0415 - for `notify` only

        progress = Progress(self._context, workspace, report)
        deadline = self._context.clock.now() + within

        def is_late() -> bool:
            return self._context.clock.now() >= deadline

        while progress.is_waiting(self._context.clock.now()) and not is_late():
            # A caller waits: the media of incoming messages are left to other workers.
            if not self._run_batch(is_late, with_media=False).total:
                break
        return progress.report()

    @checked(stop=AN_EVENT)
    def run(self, stop: threading.Event) -> DeliveryReport:
        """Deliver messages as they become due, until `stop` is set.

        Then the worker claims nothing more, finishes the messages that are being handed over, and
        releases the other claims without counting an attempt. If the storage fails, it is tried
        again.

        Raises:
            StorageError: The storage still failed at the stop; messages whose result was not
                written are claimed again when their leases end.
        """
        heartbeat = Heartbeat(self._context)
        with self._housekeeper().running(heartbeat):
            return self._run(stop.is_set, stop, heartbeat)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Deliver on a thread of its own while a block runs, such as the life of a host or a test.

        At the end of the block the worker stops as `run` does, and the block waits for that.

        Raises:
            StorageError: As for `run`, at the end of the block.
        """
        stop = threading.Event()
        with _own_thread() as pool:
            end = pool.submit(self.run, stop)
            try:
                yield self
            finally:
                stop.set()
            end.result()

    async def arun(self) -> DeliveryReport:
        """Deliver beside the coroutines of an event loop, until the task is cancelled.

        Then the worker stops as `run` does, on its own threads; the cancellation waits for that.

        Raises:
            StorageError: As for `run`.
        """
        import asyncio  # noqa: PLC0415 - most workers run without an event loop

        stop = threading.Event()
        with _own_thread() as pool:
            end = asyncio.wrap_future(pool.submit(self.run, stop))
            try:
                return await asyncio.shield(end)
            except asyncio.CancelledError:
                stop.set()
                # After a second cancellation the event loop itself waits, at the end of the `with`.
                await asyncio.wait([end])
                raise

    def _run_batch(self, is_late: Callable[[], bool], *, with_media: bool = True) -> DeliveryReport:
        with self._loop() as loop:
            loop.claim_batch()
            loop.drain(is_late)
        self._housekeeper().run_once(with_media=with_media)
        return loop.commits.report

    def _deduplicates(self, claim: Claim) -> bool:
        route = self._messenger.route(claim.message.channel_id)
        return route is not None and deduplicates_at(route[1], claim, self._context.clock.now())

    def _housekeeper(self) -> Housekeeper:
        messenger = self._messenger
        return Housekeeper(
            messenger.inbox,
            messenger.subscriptions,
            messenger.rollup_counter,
            messenger.media_fetcher,
            self._timeout,
        )

    def _run(
        self,
        is_over: Callable[[], bool],
        stop: threading.Event | None = None,
        heartbeat: Heartbeat | None = None,
    ) -> DeliveryReport:
        """Deliver until it is over, and leave no claim unsettled."""
        with self._loop() as loop:
            if heartbeat:
                heartbeat.loop = loop
            if stop is None:
                loop.run(is_over, stop)
            else:
                self._run_until(stop, loop)
        return loop.commits.report

    def _run_until(self, stop: threading.Event, loop: DeliveryLoop) -> None:
        """Run a loop that wakes on `send`, also of other processes, and on the host's event."""
        wake, wake_up = loop.bulkheads.wake, self._context.wake_up
        wake_up.add(wake)
        try:
            with relay_stop(stop, wake), heard_through(self._context.storage, wake):
                loop.run(stop.is_set, stop)
        finally:
            wake_up.remove(wake)

    @contextmanager
    def _loop(self) -> Iterator["DeliveryLoop"]:
        """Make a delivery loop with its threads; abort it when the block is interrupted."""
        # After a fork, threads that hung in the parent do not exist here and must not count.
        for threads in self._hung.values():
            threads.difference_update([thread for thread in threads if not thread.is_alive()])
        watchdog = self.watchdog(self._timeout)
        commits = GroupCommit(
            self._context,
            defer_settlements=not self._durable_handoff,
            deduplicates=self._deduplicates,
            latest=self._latest,
        )
        dispatcher = Dispatcher(
            context=self._context,
            commits=commits,
            durable_handoff=self._durable_handoff,
            watchdog=watchdog,
            max_crashes=self._max_crashes,
        )

        bulkheads = self.bulkheads(
            self._messenger.channels.by_id,
            dispatcher.dispatch,
            threads=self._threads,
            batch=self._batch,
            horizon=min(_HORIZON, self._lease.total_seconds() * _HORIZON_OF_LEASE),
            hung=self._hung,
        )
        with bulkheads:
            loop = DeliveryLoop(
                context=self._context,
                bulkheads=bulkheads,
                commits=commits,
                watchdog=watchdog,
                dispatcher=dispatcher,
                batch=self._batch,
                lease=self._lease,
                max_wait=min(MAX_WAIT, self._timeout / 2),
                poll=self.poll,
            )
            try:
                yield loop
            except BaseException:
                loop.abort()
                raise


def _own_thread() -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - for workers beside a host

    return ThreadPoolExecutor(1, thread_name_prefix="messaging-worker")


def _default_batch(messenger: Messenger, threads: int) -> int:
    """Return enough claims for every thread of the widest channel, and some in reserve."""
    channels = messenger.channels.by_id.values()
    widest = max([threads, *[channel.concurrency or 0 for channel in channels]])
    return max(_FEWEST_BATCH, _BATCH_OF_THREADS * widest)
