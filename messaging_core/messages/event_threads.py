"""Deliver events to each subscriber on its own thread, so that none waits for another."""

import math
import threading
from collections.abc import Callable
from time import monotonic

from messaging_core.errors import StorageError
from messaging_core.host_code import fault_of
from messaging_core.lazy import logger
from messaging_core.messages.events import EventSubscriptions

_log = logger(__name__)

Work = Callable[[str], None]
"""Delivers to the subscriber of a name."""

_PAUSE = 0.5  # seconds between looks


class EventDelivery:
    """Deliver events on threads, so that a handler that hangs delays nothing else.

    A handler that hangs cannot be stopped: its thread is left to itself. Until it returns, no
    other thread of this process delivers to this subscriber.

    Args:
        subscriptions: The handlers, and how far each has come.
        timeout: Seconds that `deliver` waits for handlers, and after which the log names those
            that have not returned.
    """

    def __init__(self, subscriptions: EventSubscriptions, timeout: float) -> None:
        self._subscriptions = subscriptions
        self._timeout = timeout
        self._over = threading.Event()
        self._until = math.inf
        self._threads: dict[str, threading.Thread] = {}
        self._errors: list[Exception] = []
        self._named: set[tuple[str, int]] = set()

    def deliver(self) -> None:
        """Deliver new events to every subscriber, and wait for the handlers until the timeout.

        Raises:
            StorageError: The storage failed.
        """
        self._until = monotonic() + self._timeout
        names = self._subscriptions.names
        for name in filter(self._subscriptions.is_waiting, names):
            self._start(name, self._deliver_once)
        self._join()
        if self._errors:
            raise self._errors[0]

    def start_threads(self) -> None:
        """Start the threads of subscribers that have none, and name handlers that hang."""
        for name in self._subscriptions.names:
            if name not in self._threads:
                self._start(name, self._run)
        for name, position in self._subscriptions.overdue(self._timeout):
            if (name, position) not in self._named:
                self._named.add((name, position))
                _log.error(
                    "subscriber %s has not returned from event %d for %g seconds;"
                    " it gets no other event until it returns",
                    *(name, position, self._timeout),
                )

    def end(self, until: float) -> None:
        """Deliver the last events to every subscriber, but wait no longer than until then.

        Args:
            until: By `time.monotonic`.
        """
        self._until = until
        self._over.set()
        self._join()

    def _start(self, name: str, work: Work) -> None:
        thread = threading.Thread(
            target=work, args=(name,), name=f"messaging-events-{name}", daemon=True
        )
        self._threads[name] = thread
        thread.start()

    def _join(self) -> None:
        for name, thread in self._threads.items():
            thread.join(max(self._until - monotonic(), 0.0))
            if thread.is_alive():
                _log.error("subscriber %s has not returned; its thread is left to itself", name)

    def _is_over(self) -> bool:
        return monotonic() > self._until

    def _deliver_once(self, name: str) -> None:
        try:
            self._subscriptions.deliver(name, self._is_over)
        except Exception as error:  # noqa: BLE001 - the caller of `deliver` gets it
            self._errors.append(error)
        except BaseException as error:  # noqa: BLE001 - it ends no more than this look
            _log.error("delivery to subscriber %s failed: %s", name, fault_of(error))

    def _run(self, name: str) -> None:
        """Deliver until the end, and once more after it."""
        while True:
            last = self._over.wait(_PAUSE)
            try:
                self._subscriptions.deliver(name, self._is_over)
            except StorageError:
                _log.exception("the storage failed; trying again")
            except BaseException as error:  # noqa: BLE001 - it ends no more than this look
                _log.error("delivery to subscriber %s failed: %s", name, fault_of(error))
            if last:
                return
