"""From the log of events to the handlers of the host: at least once, and in order."""

import logging
from collections.abc import Callable, Collection
from datetime import timedelta

from attrs import evolve, frozen

from messaging_core.models.event import Cursor, Event, EventKind
from messaging_core.ports.clock import Clock
from messaging_core.ports.storage import Storage

_log = logging.getLogger(__name__)

_BITE = 100
_LEASE = timedelta(minutes=5)
_PATIENCE = 10
_LONGEST_WAIT = timedelta(minutes=10)

Handler = Callable[[Event], object]
"""What a host does with an event; when it raises, the event comes again later."""


@frozen(kw_only=True)
class Subscription:
    """One handler, and what it wants to hear of.

    Attributes:
        kinds: Which events; all where there is none.
    """

    handler: Handler
    kinds: frozenset[EventKind] = frozenset()

    def wants(self, event: Event) -> bool:
        """Tell whether the handler is to hear of an event."""
        return not self.kinds or event.kind in self.kinds


class Subscriptions:
    """Tell handlers what happened, each at its own pace.

    How far each has come is stored under its name, so that a restart loses nothing. One process at
    a time serves a name; an event whose handling was not recorded comes again.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._by_name: dict[str, Subscription] = {}

    def add(
        self,
        handler: Handler,
        *,
        name: str,
        kinds: Collection[EventKind] = (),
        from_start: bool = False,
    ) -> None:
        """Let a handler hear of everything from now on, or from where its name has come.

        Raises:
            ValueError: The name is taken by another handler of this process.
        """
        if name in self._by_name:
            raise ValueError(f"{name!r} is subscribed already")
        with self._storage.begin() as tx:
            tx.timeline.subscribe(name, from_start=from_start)
        self._by_name[name] = Subscription(handler=handler, kinds=frozenset(kinds))

    @property
    def is_empty(self) -> bool:
        """Tell whether nobody listens."""
        return not self._by_name

    def tell(self) -> int:
        """Hand every handler what is new to it, and return how many events were handled."""
        return sum(self._serve(name, one) for name, one in dict(self._by_name).items())

    def _serve(self, name: str, subscription: Subscription) -> int:
        """Serve one name, if nobody else does at the moment."""
        with self._storage.begin(read_only=True) as tx:
            if not tx.timeline.is_behind(name):
                return 0
        handled = 0
        while True:
            with self._storage.begin() as tx:
                cursor = tx.timeline.take(name, now=self._clock.now(), lease=_LEASE)
                events = tx.timeline.after(cursor.position, limit=_BITE) if cursor else []
                if cursor and not events:
                    tx.timeline.move(cursor)
            if cursor is None or not events:
                return handled
            reached, wait = self._hand_out(subscription, cursor, events)
            with self._storage.begin() as tx:
                resume_at = self._clock.now() + wait if wait else None
                still_ours = tx.timeline.move(reached, resume_at=resume_at)
            handled += sum(event.position <= reached.position for event in events)
            if wait or not still_ours:
                return handled

    def _hand_out(
        self, subscription: Subscription, cursor: Cursor, events: list[Event]
    ) -> tuple[Cursor, timedelta | None]:
        """Return how far it went, and how long to wait where the handler refused."""
        for event in events:
            if not subscription.wants(event) or self._is_handled(subscription, cursor, event):
                cursor = evolve(cursor, position=event.position, failures=0)
                continue
            failures = cursor.failures + 1
            if failures < _PATIENCE:
                wait = min(timedelta(seconds=2**failures), _LONGEST_WAIT)
                return evolve(cursor, failures=failures), wait
            _log.error("subscriber %s gives up on event %d", cursor.name, event.position)
            cursor = evolve(cursor, position=event.position, failures=0)
        return cursor, None

    def _is_handled(self, subscription: Subscription, cursor: Cursor, event: Event) -> bool:
        try:
            subscription.handler(event)
        except Exception as error:  # noqa: BLE001 - foreign code must not disturb delivery
            what = type(error).__name__
            _log.warning("subscriber %s refused event %d: %s", cursor.name, event.position, what)
            return False
        return True
