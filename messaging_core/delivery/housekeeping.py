"""The work of a worker beside delivering: receipts, events, roll-ups and media."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from messaging_core.delivery.heartbeat import Heartbeat
from messaging_core.errors import StorageError
from messaging_core.host_code import fault_of
from messaging_core.lazy import logger
from messaging_core.messages.event_threads import EventDelivery
from messaging_core.messages.events import EventSubscriptions
from messaging_core.messages.rollups import RollupCounter
from messaging_core.receipts.inbox import ReceiptInbox

if TYPE_CHECKING:  # loaded on first use: most hosts keep no media
    from messaging_core.receipts.media_fetcher import MediaFetcher

_log = logger(__name__)

_PAUSE = 0.5  # seconds between looks
_COUNT_EVERY = 2.0  # seconds between looks for events to count: each costs a commit
_MAX_WAIT = 5.0  # seconds that the end waits; what is not done by then is done again later


class Housekeeper:
    """Process receipts, deliver events and fetch media on other threads than those of deliveries.

    Args:
        inbox: The receipts that were not processed yet.
        subscriptions: The handlers of events.
        rollups: Counts the events that are in no roll-up yet.
        media: Fetches the files of incoming messages, if they are kept.
        timeout: Seconds that a handler may take.
    """

    def __init__(
        self,
        inbox: ReceiptInbox,
        subscriptions: EventSubscriptions,
        rollups: RollupCounter,
        media: "MediaFetcher | None",
        timeout: float,
    ) -> None:
        self._media = media
        self._heartbeat: Heartbeat | None = None
        self._rollups = rollups
        self._inbox = inbox
        self._events = EventDelivery(subscriptions, timeout)
        self._max_wait = min(timeout, _MAX_WAIT)
        self._over = threading.Event()

    @contextmanager
    def running(self, heartbeat: Heartbeat) -> Iterator[None]:
        """Do the work on a thread as long as the block runs, and once more after it.

        Args:
            heartbeat: Says meanwhile that the worker is alive.
        """
        self._heartbeat = heartbeat
        thread = threading.Thread(target=self._run, name="messaging-housekeeping", daemon=True)
        thread.start()
        media = self._start_media()
        try:
            yield
        finally:
            self._over.set()
            until = monotonic() + self._max_wait
            thread.join(self._max_wait)
            self._events.end(until)
            if media is not None:
                media.join(max(until - monotonic(), 0.0))

    def _start_media(self) -> threading.Thread | None:
        """Fetch media on a thread of its own: a slow server must not delay receipts."""
        if self._media is None:
            return None
        thread = threading.Thread(
            target=self._media.run, args=(self._over,), name="messaging-media", daemon=True
        )
        thread.start()
        return thread

    def run_once(self, *, with_media: bool = True) -> None:
        """Process the receipts, media and events that wait now, and count events."""
        self._inbox.process_pending()
        if self._media is not None and with_media:
            self._media.run_once()
        self._events.deliver()
        try:
            self._rollups.run_once()
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - events are counted later
            _log.error("counting events failed: %s", fault_of(error))

    def _run(self) -> None:
        """Look again and again, and once more after the end."""
        count_at = monotonic()
        while True:
            last = self._over.wait(_PAUSE)
            try:
                self._beat(last=last)
                self._events.start_threads()
                self._inbox.process_pending()
                if last or monotonic() >= count_at:
                    count_at = self._count()
            except StorageError:
                _log.exception("the storage failed; trying again")
            except BaseException as error:  # noqa: BLE001 - the next look may do better
                _log.error("housekeeping failed: %s", fault_of(error))
            if last:
                return

    def _beat(self, *, last: bool) -> None:
        """Say that the worker is alive, or that it has ended; its work goes on if that fails."""
        if self._heartbeat is None:
            return
        try:
            if last:
                self._heartbeat.end()
            else:
                self._heartbeat.beat()
        except Exception as error:  # noqa: BLE001 - a transport of the host shows its own state
            _log.error("the state of the worker was not stored: %s", fault_of(error))

    def _count(self) -> float:
        """Count events, and return when to do so again; as long a pause as the counting took."""
        began = monotonic()
        self._rollups.run_once()
        now = monotonic()
        return max(began + _COUNT_EVERY, 2 * now - began)
