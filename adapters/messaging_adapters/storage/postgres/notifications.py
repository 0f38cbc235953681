"""NOTIFY and LISTEN, each on a connection of its own, to wake the workers of other processes.

PostgreSQL takes a lock of the whole cluster when a transaction with a NOTIFY commits. So none
travels with a message: they are sent afterwards, and seldom, however many messages go.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg

from messaging_core.lazy import logger

_log = logger(__name__)

PAUSE: Final = 0.05
"""Seconds between two notifications of one process, at least."""

_SLICE: Final = 0.5  # seconds after which a thread notices that it is not needed any more
_RETRY: Final = 1.0  # seconds before the server is asked again after a failure
# All schemas of a database share a channel, so each says which it is.
_NOTIFY: Final = "SELECT pg_notify('messaging_due', current_schema())"
_LISTEN: Final = "LISTEN messaging_due"
_SCHEMA: Final = "SELECT current_schema()"

Connect = Callable[[], psycopg.Connection[Any]]


class Announcer:
    """Send notifications on a thread of its own, from the first that is asked for.

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
        """Send a notification soon; those that are asked for meanwhile are one."""
        self._is_due.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None and not self._is_over.is_set():
                    self._thread = _started(self._run, self._is_due, self._is_over)

    def _run(self, is_due: threading.Event, is_over: threading.Event) -> None:
        connection: psycopg.Connection[Any] | None = None
        while is_due.wait() and not is_over.is_set():
            is_due.clear()
            is_new, pause = connection is None, PAUSE
            try:
                connection = connection or self._connect()
                connection.execute(_NOTIFY)
            except psycopg.Error as error:
                _log_failure("announce messages", error)
                _close(connection)
                # At once where a connection that worked was lost since.
                connection, pause = None, _RETRY if is_new else 0.0
                is_due.set()
            is_over.wait(pause)
        _close(connection)

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
                self._is_over = threading.Event()
                _started(self._run, calls, self._is_over)
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
                _log_failure("listen for messages", error)
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


def _started(run: Callable[..., None], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=run, args=arguments, name="messaging-notify", daemon=True)
    thread.start()
    return thread


def _call_all(calls: set[Callable[[], None]]) -> None:
    for call in list(calls):
        call()


def _close(connection: psycopg.Connection[Any] | None) -> None:
    if connection is not None:
        with suppress(psycopg.Error):
            connection.close()


def _log_failure(what: str, error: psycopg.Error) -> None:
    _log.warning("could not %s: %s; workers find them when they look", what, type(error).__name__)
