"""What a worker does beside delivering: receipts that were left, and telling subscribers."""

import logging
import threading
from types import TracebackType
from typing import Self

from messaging_core.errors import StorageError
from messaging_core.reception import Inbox
from messaging_core.subscription import Subscriptions

_log = logging.getLogger(__name__)

_PAUSE = 0.5  # seconds between looks


class Errands:
    """Do what waits, on a thread of its own, so that a slow handler delays no delivery."""

    def __init__(self, inbox: Inbox, subscriptions: Subscriptions) -> None:
        self._inbox = inbox
        self._subscriptions = subscriptions
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="messaging-errands", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def do(self) -> None:
        """Do everything that waits now."""
        self._inbox.catch_up()
        if not self._subscriptions.is_empty:
            self._subscriptions.tell()

    def _run(self) -> None:
        """Go on until it is over, and once more then."""
        while True:
            last = self._over.wait(_PAUSE)
            try:
                self.do()
            except StorageError:
                _log.exception("the storage failed; trying again")
            if last:
                return
