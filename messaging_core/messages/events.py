"""Deliver the event log to the handlers of the host: at least once, and in order."""

import inspect
import threading
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from time import monotonic

from attrs import evolve, field

from messaging_core.errors import ArgumentError
from messaging_core.fork import ForkAware, watch_forks
from messaging_core.host_code import fault_of
from messaging_core.lazy import frozen, logger
from messaging_core.models.delivery.event import Cursor, Event, EventKind
from messaging_core.ports.clock import Clock
from messaging_core.ports.storage.transaction import Storage

_log = logger(__name__)

_PAGE = 100
_LEASE = timedelta(minutes=5)
_MAX_FAILURES = 10
_LONGEST_WAIT = timedelta(minutes=10)
_LONGEST_PAGE = timedelta(minutes=1)  # and never more than a fifth of the lease, to keep that

_ASYNC = (
    "a thread calls the handler, which cannot be async def: let it hand the event to the event "
    "loop, as with asyncio.run_coroutine_threadsafe, and wait for the result"
)

Handler = Callable[[Event], object]
"""What a host does with an event; when it raises, the event comes again later."""


def _never() -> bool:
    return False


@frozen(kw_only=True)
class Subscription:
    """One handler, and the kinds of events that it gets.

    Attributes:
        kinds: Which events; all if it is empty.
        busy: Held by the thread of this process that delivers to it.
    """

    handler: Handler
    kinds: frozenset[EventKind] = frozenset()
    busy: threading.Lock = field(factory=threading.Lock, eq=False, repr=False)

    def wants(self, event: Event) -> bool:
        """Return True if the handler gets an event of this kind."""
        return not self.kinds or event.kind in self.kinds


class EventSubscriptions(ForkAware):
    """Deliver events to handlers, each at its own pace.

    The position of each handler is stored under its name, so that a restart loses nothing. One
    thread of one process at a time delivers to a name. An event whose handling was not recorded
    is delivered again.

    Attributes:
        lease: After what time another process takes over from one that died while a handler ran;
            at least twice as long as a handler takes for an event.
    """

    lease: timedelta = _LEASE

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._by_name: dict[str, Subscription] = {}
        self._calls: dict[str, tuple[int, float]] = {}
        watch_forks(self)

    def after_fork_in_child(self) -> None:
        """Forget the threads of the parent, and the locks that they hold."""
        self._calls = {}
        for name, subscription in self._by_name.items():
            self._by_name[name] = evolve(subscription, busy=threading.Lock())

    def add(
        self,
        handler: Handler,
        *,
        name: str,
        kinds: Collection[EventKind] = (),
        from_start: bool = False,
    ) -> None:
        """Deliver events to a handler from now on, or from the stored position of its name.

        Raises:
            TypeError: The handler cannot be called by a thread.
            ArgumentError: The name is taken by another handler of this process.
        """
        _check_handler(handler)
        if name in self._by_name:
            raise ArgumentError(
                "name",
                "a name without a handler",
                "one that is subscribed already",
                "give each handler its own name",
            )
        with self._storage.begin() as tx:
            tx.timeline.subscribe(name, from_start=from_start)
        self._by_name[name] = Subscription(handler=handler, kinds=frozenset(kinds))

    @property
    def names(self) -> list[str]:
        """Return the names of all subscribers of this process."""
        return list(self._by_name)

    def is_waiting(self, name: str) -> bool:
        """Return True if a subscriber has new events, and no thread delivers them."""
        if self._by_name[name].busy.locked():
            return False
        with self._storage.begin(read_only=True) as tx:
            return tx.timeline.is_behind(name)

    def overdue(self, timeout: float) -> Iterator[tuple[str, int]]:
        """Yield the handlers that run for longer than so many seconds, and the event of each."""
        before = monotonic() - timeout
        for name, (position, began) in list(self._calls.items()):
            if began <= before:
                yield name, position

    def deliver(self, name: str, is_over: Callable[[], bool] = _never) -> int:
        """Deliver new events to one subscriber, unless another thread or process does.

        Args:
            name: Which.
            is_over: Asked before each event; when it returns True, the rest is left for later.

        Returns:
            How many events were handled.
        """
        subscription = self._by_name[name]
        if not subscription.busy.acquire(blocking=False):
            return 0
        try:
            return self._deliver(name, subscription, is_over)
        finally:
            subscription.busy.release()

    def _deliver(self, name: str, subscription: Subscription, is_over: Callable[[], bool]) -> int:
        with self._storage.begin(read_only=True) as tx:
            if not tx.timeline.is_behind(name):
                return 0
        handled = 0
        while not is_over():
            with self._storage.begin() as tx:
                longest = max(_LONGEST_WAIT, self.lease)
                cursor = tx.timeline.lease_cursor(
                    name, now=self._clock.now(), lease=self.lease, longest=longest
                )
                events = tx.timeline.after(cursor.position, limit=_PAGE) if cursor else []
                if cursor and not events:
                    tx.timeline.advance_cursor(cursor)
            if cursor is None or not events:
                break
            reached, wait = self._hand_out(subscription, cursor, events, is_over)
            with self._storage.begin() as tx:
                resume_at = self._clock.now() + wait if wait else None
                still_ours = tx.timeline.advance_cursor(reached, resume_at=resume_at)
            handled += sum(event.position <= reached.position for event in events)
            if wait or not still_ours:
                break
        return handled

    def _hand_out(
        self,
        subscription: Subscription,
        cursor: Cursor,
        events: list[Event],
        is_over: Callable[[], bool],
    ) -> tuple[Cursor, timedelta | None]:
        """Return how far it went, and how long to wait where the handler refused."""
        until = monotonic() + min(_LONGEST_PAGE, self.lease / 5).total_seconds()
        for event in events:
            if monotonic() > until or is_over():
                break
            if not subscription.wants(event) or self._is_handled(subscription, cursor, event):
                cursor = evolve(cursor, position=event.position, failures=0)
                continue
            failures = cursor.failures + 1
            if failures < _MAX_FAILURES:
                wait = min(timedelta(seconds=2**failures), _LONGEST_WAIT)
                return evolve(cursor, failures=failures), wait
            _log.error("subscriber %s gives up on event %d", cursor.name, event.position)
            cursor = evolve(cursor, position=event.position, failures=0)
        return cursor, None

    def _is_handled(self, subscription: Subscription, cursor: Cursor, event: Event) -> bool:
        self._calls[cursor.name] = (event.position, monotonic())
        try:
            answer = subscription.handler(event)
            if inspect.iscoroutine(answer):
                answer.close()
                raise TypeError(_ASYNC)  # noqa: TRY301 - to be refused like other faults
        except BaseException as error:  # noqa: BLE001 - it ends no thread, and delays no other
            _log.warning(
                "subscriber %s refused event %d: %s", cursor.name, event.position, fault_of(error)
            )
            return False
        finally:
            self._calls.pop(cursor.name, None)
        return True


def _check_handler(handler: Handler) -> None:
    if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        getattr(handler, "__call__", None)  # noqa: B004 - an object with an async __call__
    ):
        raise TypeError(_ASYNC)
