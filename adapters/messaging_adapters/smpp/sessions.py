"""The one session of a transport: opened when it is needed, and opened again when it was lost."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from random import random
from time import monotonic
from typing import Final

from messaging_adapters.smpp.bind import BindRefusedError
from messaging_adapters.smpp.session import Session
from messaging_core.fork import ForkAware, watch_forks

_log = logging.getLogger(__name__)

_FIRST_WAIT: Final = 1.0
_STABLE: Final = 10.0  # seconds; a session that ended sooner counts as a failed try


class NotBoundError(Exception):
    """There is no session now, and it is too early to try again.

    Attributes:
        retry_after: When the next try is due.
    """

    def __init__(self, cause: Exception, retry_after: timedelta) -> None:
        super().__init__(cause, retry_after)
        self.cause = cause
        self.retry_after = retry_after


class ClosedError(Exception):
    """The transport was closed."""


def backoff(failures: int, longest: float, jitter: float) -> float:
    """Return the seconds to wait before the next try to bind.

    Args:
        failures: How many tries failed in a row, from 1.
        longest: The longest wait.
        jitter: Uniform in [0, 1): workers that lost a centre together come back apart.
    """
    return min(longest, _FIRST_WAIT * 2.0 ** min(failures - 1, 16)) * (0.5 + jitter / 2)


class Sessions(ForkAware):
    """Keep one session; safe to use from many threads.

    A child process opens a session of its own: the parent goes on with the one it has.

    Args:
        connect: Opens a session; it is given what to call when the session has ended.
        longest_wait: Seconds; the longest wait between two tries.
    """

    def __init__(
        self, connect: Callable[[Callable[[], None]], Session], longest_wait: float
    ) -> None:
        self._connect = connect
        self._longest_wait = longest_wait
        self._reset()
        watch_forks(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._session: Session | None = None
        self._opened_at = 0.0
        self._failures = 0
        self._cause: Exception = ConnectionError("no session was opened yet")
        self._retry_at = 0.0
        self._is_closed = False
        self._keeper: threading.Thread | None = None

    def after_fork_in_child(self) -> None:
        """Leave the session to the parent: a child that spoke on it would spoil it."""
        inherited, was_closed = self._session, self._is_closed
        self._reset()
        self._is_closed = was_closed
        if inherited is not None:
            inherited.abandon()

    def current(self, *, at_once: bool = False) -> Session:
        """Return a session that is bound, opening one if needed.

        Args:
            at_once: Try even if the next try is not due yet.

        Raises:
            OSError: The message centre cannot be reached.
            BindRefusedError: It refuses the login.
            NotBoundError: One of these happened just before.
            ClosedError: `close` was called.
        """
        with self._lock:
            if self._is_closed:
                raise ClosedError
            if self._session is not None and self._session.is_alive:
                return self._session
            self._note_early_end()
            wait = self._retry_at - monotonic()
            if wait > 0 and not at_once:
                raise NotBoundError(self._cause, timedelta(seconds=wait))
            return self._open()

    def keep(self) -> None:
        """Hold a session from now on, so that receipts come in without a message going out."""
        with self._lock:
            if self._keeper is None and not self._is_closed:
                self._keeper = threading.Thread(target=self._hold, name="smpp-keeper", daemon=True)
                self._keeper.start()

    def close(self, timeout: float) -> None:
        """End the session, after the answers to what was sent came in."""
        with self._lock:
            self._is_closed = True
            session, self._session = self._session, None
            keeper, self._keeper = self._keeper, None
        self._changed.set()
        if session is not None:
            session.close(timeout)
        if keeper is not None:
            keeper.join(timeout)

    def _open(self) -> Session:
        try:
            session = self._connect(self._changed.set)
        except (OSError, BindRefusedError) as error:
            self._postpone(error)
            raise
        self._session, self._opened_at = session, monotonic()
        return session

    def _note_early_end(self) -> None:
        if self._session is None:
            return
        self._session = None
        if monotonic() - self._opened_at < _STABLE:
            self._postpone(ConnectionError("the session ended soon after the bind"))
        else:
            self._failures = 0

    def _postpone(self, cause: Exception) -> None:
        self._failures += 1
        self._cause = cause
        self._retry_at = monotonic() + backoff(self._failures, self._longest_wait, random())  # noqa: S311 - jitter

    def _hold(self) -> None:
        while not self._is_closed:
            self._changed.clear()
            try:
                self.current()
            except ClosedError:
                return
            except NotBoundError as error:
                self._changed.wait(error.retry_after.total_seconds())
            except (OSError, BindRefusedError):
                continue  # the next turn learns how long to wait
            except Exception as error:  # noqa: BLE001 - as where the system has no thread left
                _log.error("no session can be opened: %s", type(error).__name__)
                self._changed.wait(self._longest_wait)
            else:
                self._changed.wait()
