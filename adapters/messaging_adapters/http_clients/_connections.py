"""Connections of urllib3 that keep to a deadline, and those that wait for their next request."""

import http.client
import socket
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from urllib3.connection import HTTPConnection, HTTPSConnection

from messaging_adapters.http_clients._deadline import Deadline, TimedSocket
from messaging_core.fork import ForkAware, watch_forks

_INTERIM: Final = range(102, 200)  # RFC 9110 §15.2: the answer follows; 100 is skipped already

Place = tuple[str, str, int]
"""Scheme, host and port."""


class Connection(HTTPConnection):
    """One connection; `https` ones are `TlsConnection`.

    Args:
        place: Where it leads.
        dial: Opens the socket.

    Attributes:
        is_reused: It carried a request before, so the server may have closed it since.
    """

    def __init__(
        self, place: Place, dial: Callable[[str, int, Deadline], socket.socket], **options: Any
    ) -> None:
        _, host, port = place
        super().__init__(host, port, **options)
        self.place = place
        self.is_reused = False
        self._dial = dial
        self._deadline = Deadline(0)
        self._timed: TimedSocket | None = None

    def open(self, deadline: Deadline) -> None:
        """Connect, with TLS where the scheme says so."""
        self._deadline = deadline
        try:
            self.connect()
        except BaseException:
            self.abort()
            raise
        assert self.sock is not None  # noqa: S101 - `connect` has set it
        self._timed = TimedSocket(self.sock, deadline)
        self.sock = self._timed

    def renew(self, deadline: Deadline) -> None:
        """Begin another exchange."""
        self.is_reused = True
        if self._timed is not None:
            self._timed.begin(deadline)

    def hold(self) -> None:
        """Send the head of the request together with the beginning of its body."""
        if self._timed is not None:
            self._timed.hold()

    @property
    def has_written(self) -> bool:
        """Return whether anything of the present request has left."""
        return self._timed is not None and self._timed.written > 0

    def _new_conn(self) -> socket.socket:
        # urllib3 calls this for the socket, before TLS.
        return self._dial(self.host, self.port, self._deadline)

    def answer(self) -> http.client.HTTPResponse:
        """Return the answer as the standard library has it: urllib3 would log parts of the URL."""
        answer = http.client.HTTPConnection.getresponse(self)
        while answer.status in _INTERIM:
            # The standard library takes these for the answer. The real one would then come as the
            # answer to the next request on this connection.
            answer.headers = None  # type: ignore[assignment] # so `begin` reads on
            answer.begin()
        return answer

    def abort(self) -> None:
        """Hang up."""
        sock, self._timed = self._timed or self.sock, None
        self.close()
        if isinstance(sock, TimedSocket):
            sock.abort()
        elif sock is not None:
            sock.close()


class TlsConnection(Connection, HTTPSConnection):
    """One connection with TLS."""


class IdleConnections(ForkAware):
    """Keep connections open between requests; safe to use from many threads.

    Args:
        limit: How many at most, in all.
        max_age: Seconds that one may wait.
    """

    def __init__(self, limit: int, max_age: float) -> None:
        self._limit = limit
        self._max_age = max_age
        self._lock = threading.Lock()
        self._waiting: dict[Place, deque[tuple[float, Connection]]] = {}
        self._count = 0
        self._closed = False
        watch_forks(self)

    def after_fork_in_child(self) -> None:
        """Leave the connections to the parent: a child that spoke on them would spoil them."""
        self._lock = threading.Lock()
        self._drop_all()

    def take(self, place: Place) -> Connection | None:
        """Return the connection used last, if there is one; the server may have closed it."""
        while (waiting := self._popped(place)) is not None:
            since, connection = waiting
            if since >= monotonic() - self._max_age:
                return connection
            connection.abort()
        return None

    def _popped(self, place: Place) -> tuple[float, Connection] | None:
        with self._lock:
            waiting = self._waiting.get(place)
            if not waiting:
                return None
            self._count -= 1
            return waiting.pop()

    def give(self, connection: Connection) -> None:
        """Keep a connection for the next request, or close it where enough are waiting.

        Those beside it that have waited too long are closed: after a burst nothing takes them.
        """
        with self._lock:
            waiting = self._waiting.get(connection.place, deque())
            dropped = self._stale(waiting)
            if self._closed or self._count >= self._limit:
                dropped.append(connection)
            else:
                self._count += 1
                waiting.append((monotonic(), connection))
                self._waiting[connection.place] = waiting
        for stale in dropped:
            stale.abort()

    def _stale(self, waiting: deque[tuple[float, Connection]]) -> list[Connection]:
        oldest = monotonic() - self._max_age
        stale: list[Connection] = []
        while waiting and waiting[0][0] < oldest:
            stale.append(waiting.popleft()[1])
        self._count -= len(stale)
        return stale

    def close(self) -> None:
        """Close those that wait now, and from now on each that comes back."""
        self._closed = True
        self._drop_all()

    def _drop_all(self) -> None:
        with self._lock:
            waiting, self._waiting, self._count = self._waiting, {}, 0
        for connections in waiting.values():
            for _, connection in connections:
                connection.abort()
