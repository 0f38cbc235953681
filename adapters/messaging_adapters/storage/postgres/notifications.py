"""NOTIFY and LISTEN, each on a connection of its own, to wake the workers of other processes.

PostgreSQL takes a lock of the whole cluster when a transaction with a NOTIFY commits. So none
travels with a message: they are sent afterwards, and seldom, however many messages go.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from weakref import ReferenceType, ref

import psycopg

from messaging_core.lazy import logger

_log = logger(__name__)

PAUSE: Final = 0.05
"""Seconds between two notifications of one process, at least."""

_SLICE: Final = 0.5  # seconds after which a thread notices that it is not needed any more
_RETRY: Final = 1.0  # seconds before the server is asked again after a failure
_LOOK: Final = 5.0  # seconds after which a thread notices that its storage was dropped
_ANNOUNCE: Final = "announce messages"
_LISTEN_FOR: Final = "listen for messages"
# All schemas of a database share a channel, so each says which it is.
_NOTIFY: Final = "SELECT pg_notify('messaging_due', current_schema())"
_LISTEN: Final = "LISTEN messaging_due"
_SCHEMA: Final = "SELECT current_schema()"

Connect = Callable[[], psycopg.Connection[Any]]


class Announcer:
    """Send notifications on a thread of its own, from the first that is asked for.

    The thread ends after `close`, and soon after the announcer is garbage.

    Args:
        connect: Opens a connection that commits by itself.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self.forget()

    def forget(self) -> None:
        """Leave thread and connection to the parent, after a fork."""
        self._lock = threading.Lock()
        self._is_due, self._is_over = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def announce(self) -> None:
        """Send a notification soon; those that are asked for meanwhile are one.

        Where no thread can be started, none is sent, and the next call tries again.
        """
        self._is_due.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._is_over.is_set():
                    self._thread = _started(
                        _ANNOUNCE, _send, self._connect, ref(self), self._is_due, self._is_over
                    )

    def close(self) -> None:
        """End the thread."""
        self._is_over.set()
        self._is_due.set()


class Listener:
    """Call functions after notifications, on a thread of its own for as long as there are any.

    Args:
        connect: Opens a connection that commits by itself.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self.forget()

    def forget(self) -> None:
        """Leave thread and connection to the parent, after a fork."""
        self._lock = threading.Lock()
        self._calls: set[Callable[[], None]] = set()
        self._is_over: threading.Event | None = None

    @contextmanager
    def listening(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call a function after each notification, as long as the block runs."""
        calls = self._calls
        with self._lock:
            calls.add(wake)
            if self._is_over is None:
                is_over = threading.Event()
                if _started(_LISTEN_FOR, self._run, calls, is_over):
                    self._is_over = is_over
        try:
            yield
        finally:
            with self._lock:
                calls.discard(wake)
                if not calls and calls is self._calls and self._is_over is not None:
                    self._is_over.set()
                    self._is_over = None

    def _run(self, calls: set[Callable[[], None]], is_over: threading.Event) -> None:
        while not is_over.is_set():
            try:
                with self._connect() as connection:
                    self._follow(connection, calls, is_over)
            except psycopg.Error as error:
                _log_failure(_LISTEN_FOR, error)
                is_over.wait(_RETRY)

    @staticmethod
    def _follow(
        connection: psycopg.Connection[Any],
        calls: set[Callable[[], None]],
        is_over: threading.Event,
    ) -> None:
        (schema,) = connection.execute(_SCHEMA).fetchone() or (None,)
        connection.execute(_LISTEN)
        _call_all(calls)  # for what was announced before
        while not is_over.is_set():
            for notification in connection.notifies(timeout=_SLICE, stop_after=1):
                if notification.payload == schema:
                    _call_all(calls)


def _send(
    connect: Connect,
    owner: ReferenceType[Announcer],
    is_due: threading.Event,
    is_over: threading.Event,
) -> None:
    connection: psycopg.Connection[Any] | None = None
    while _waited(owner, is_due) and not is_over.is_set():
        is_due.clear()
        is_new, pause = connection is None, PAUSE
        try:
            connection = connection or connect()
            connection.execute(_NOTIFY)
        except psycopg.Error as error:
            _log_failure(_ANNOUNCE, error)
            _close(connection)
            # At once where a connection that worked was lost since.
            connection, pause = None, _RETRY if is_new else 0.0
            if owner() is not None:
                is_due.set()
        is_over.wait(pause)
    _close(connection)


def _waited(owner: ReferenceType[Announcer], is_due: threading.Event) -> bool:
    """Wait until a notification is due; return False once the owner is gone without one."""
    # A finalizer that sets the event would be simpler. But the garbage collector may run it on any
    # thread, also on this one while it holds the lock of the event.
    while not is_due.wait(_LOOK):
        if owner() is None:
            return False
    return True


def _started(what: str, run: Callable[..., None], *arguments: Any) -> threading.Thread | None:
    thread = threading.Thread(target=run, args=arguments, name="messaging-notify", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # the system has no more threads, or the process ends
        _log_failure(what, error)
        return None
    return thread


def _call_all(calls: set[Callable[[], None]]) -> None:
    for call in list(calls):
        call()


def _close(connection: psycopg.Connection[Any] | None) -> None:
    if connection is not None:
        with suppress(psycopg.Error):
            connection.close()


def _log_failure(what: str, error: Exception) -> None:
    _log.warning("could not %s: %s; workers find them when they look", what, type(error).__name__)
