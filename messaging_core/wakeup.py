"""Wake the workers of this process when a message may have become due."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from messaging_core.host_code import fault_of
from messaging_core.lazy import logger
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.storage.wake_up import SupportsWakeUp

_log = logger(__name__)

_SLICE: Final = 0.5  # seconds after which a thread notices that its run has ended
_JOIN: Final = 1.0


class WakeUp:
    """Call every listener of this process; a worker listens for as long as it runs.

    Sets are changed and copied in single steps, so neither needs a lock, and a fork leaves none
    locked in the child.

    Args:
        announce: Tells other processes.
    """

    def __init__(self, announce: Callable[[], None] = lambda: None) -> None:
        self._announce = announce
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
        self._announce()


def wake_up_of(storage: Storage) -> WakeUp:
    """Return what wakes the workers of this process, and of others where the storage can."""
    return WakeUp(storage.announce) if isinstance(storage, SupportsWakeUp) else WakeUp()


def heard_through(storage: Storage, wake: Callable[[], None]) -> AbstractContextManager[None]:
    """Wake a worker when another process announces something, as long as the block runs."""
    return storage.listening(wake) if isinstance(storage, SupportsWakeUp) else nullcontext()


@contextmanager
def relay_stop(stop: threading.Event, wake: Callable[[], None]) -> Iterator[None]:
    """Wake a worker when its run is to stop, as long as the block runs.

    A worker waits for its messages and for wake-ups. It cannot wait for the host's event at the
    same time, so a thread does.

    Args:
        stop: The host's event.
        wake: Wakes the worker.
    """
    over = threading.Event()
    thread = threading.Thread(
        target=_relay, args=(stop, wake, over), name="messaging-stop", daemon=True
    )
    thread.start()
    try:
        yield
        over.set()
        thread.join(_JOIN)  # the event is set, so the thread ends now
    finally:
        over.set()


def _relay(stop: threading.Event, wake: Callable[[], None], over: threading.Event) -> None:
    try:
        while not over.is_set():
            if stop.wait(_SLICE):
                wake()
                return
    except BaseException as error:  # noqa: BLE001 - the worker asks the event itself too
        _log.error("the stop event failed: %s", fault_of(error))
