"""The connections that wait for their next message."""

import threading
from datetime import timedelta
from time import monotonic

from messaging_adapters.mail.session import Session
from messaging_core.fork import ForkAware, watch_forks


class IdleSessions(ForkAware):
    """Keep a few connections open between messages; safe to use from many threads.

    Args:
        limit: How many at most.
        max_age: How long one may wait; servers hang up after some minutes.
    """

    def __init__(self, limit: int, max_age: timedelta) -> None:
        self._limit = limit
        self._max_age = max_age.total_seconds()
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, Session]] = []
        self._closed = False
        watch_forks(self)

    def after_fork_in_child(self) -> None:
        """Leave the connections to the parent: a child that spoke on them would spoil them."""
        self._lock = threading.Lock()
        waiting, self._waiting = self._waiting, []
        for _, session in waiting:
            session.abort()  # closes our copy, and says nothing to the server

    def take(self) -> Session | None:
        """Return the connection used last, or nothing where none waits."""
        oldest = monotonic() - self._max_age
        with self._lock:
            stale = [session for since, session in self._waiting if since < oldest]
            self._waiting = [waiting for waiting in self._waiting if waiting[0] >= oldest]
            taken = self._waiting.pop()[1] if self._waiting else None
        for session in stale:
            session.abort()
        return taken

    def give(self, session: Session) -> None:
        """Keep a connection for the next message, or close it where enough are waiting."""
        with self._lock:
            has_room = not self._closed and len(self._waiting) < self._limit
            if has_room:
                self._waiting.append((monotonic(), session))
        if not has_room:
            session.close()

    def close(self) -> None:
        """Close those that wait now, and from now on each that comes back."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, []
        for _, session in waiting:
            session.close()
