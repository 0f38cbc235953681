"""Wake the workers of this process when a message may have become due."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from messaging_core.host_code import fault_of

_log = logging.getLogger(__name__)

_SLICE: Final = 0.5  # seconds after which a thread notices that its run has ended
_JOIN: Final = 1.0


class WakeUp:
    """Call every listener of this process; a worker listens for as long as it runs.

    Sets are changed and copied in single steps, so neither needs a lock, and a fork leaves none
    locked in the child.
    """

    def __init__(self) -> None:
        self._listeners: set[Callable[[], None]] = set()

    def add(self, listener: Callable[[], None]) -> None:
        """Call a function at each wake-up from now on."""
        self._listeners.add(listener)

    def remove(self, listener: Callable[[], None]) -> None:
        """Call a function no longer."""
        self._listeners.discard(listener)

    def __call__(self) -> None:
        """Wake every worker; call this after the commit, or a worker may find nothing."""
        for listener in list(self._listeners):
            listener()


class StopRelay:
    """Wake a worker when its run is to stop.

    A worker waits for its messages and for wake-ups. It cannot wait for the host's event at the
    same time, so a thread does.

    Args:
        stop: The host's event.
        wake: Wakes the worker.
    """

    def __init__(self, stop: threading.Event, wake: Callable[[], None]) -> None:
        self._stop = stop
        self._wake = wake
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="messaging-stop", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over = True
        if exc_value is None:  # the event is set, so the thread ends now
            self._thread.join(_JOIN)

    def _run(self) -> None:
        try:
            while not self._is_over:
                if self._stop.wait(_SLICE):
                    self._wake()
                    return
        except BaseException as error:  # noqa: BLE001 - the worker asks the event itself too
            _log.error("the stop event failed: %s", fault_of(error))
