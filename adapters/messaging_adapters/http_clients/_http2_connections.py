"""The HTTP/2 connections of a client: one for each server, shared by all threads."""

import selectors
import ssl
import threading
from time import monotonic
from typing import Final

from messaging_adapters.http_clients._deadline import Deadline
from messaging_adapters.http_clients._dialling import Dialling
from messaging_adapters.http_clients._http2_connection import Http2Connection, wait_for
from messaging_core.errors import HttpError
from messaging_core.fork import ForkAware, watch_forks
from messaging_core.lazy import frozen
from messaging_core.ports.http import HttpFault

Place = tuple[str, str, int]
"""Scheme, host and port."""

_PROTOCOL: Final = "h2"  # RFC 9113 §3.2
_READ: Final = selectors.EVENT_READ
_WRITE: Final = selectors.EVENT_WRITE


@frozen
class Opening:
    """Open connections.

    Attributes:
        dial: Opens sockets.
        tls: For `https`; without TLS the server must know that HTTP/2 comes (RFC 9113 §3.3).
    """

    dial: Dialling
    tls: ssl.SSLContext

    def __call__(self, place: Place, deadline: Deadline) -> Http2Connection:
        """Return a connection that has the settings of the server."""
        scheme, host, port = place
        sock = self.dial(host, port, deadline)
        try:
            if scheme == "https":
                sock = self.tls.wrap_socket(
                    sock, server_hostname=host, do_handshake_on_connect=False
                )
                _shake_hands(sock, deadline)
        except BaseException:
            sock.close()
            raise
        connection = Http2Connection(sock)
        try:
            connection.open(deadline)
        except BaseException:
            connection.abort()
            raise
        return connection


class Http2Connections(ForkAware):
    """Keep one connection for each server; safe to use from many threads.

    Args:
        opening: Opens them.
        limit: How many without a request are kept, at most.
        max_idle: Seconds that one may be without a request.
    """

    def __init__(self, opening: Opening, limit: int, max_idle: float) -> None:
        self._opening = opening
        self._limit = limit
        self._max_idle = max_idle
        self._changed = threading.Condition()
        self._connections: dict[Place, Http2Connection] = {}
        self._opened_now: set[Place] = set()
        self._closed = False
        watch_forks(self)

    def after_fork_in_child(self) -> None:
        """Leave the connections to the parent: a child that spoke on them would spoil them."""
        self._changed = threading.Condition()
        self._opened_now = set()
        connections, self._connections = self._connections, {}
        for connection in connections.values():
            connection.abort()

    def take(self, place: Place, deadline: Deadline) -> tuple[Http2Connection, bool]:
        """Return a connection to use and then `give` back, and whether others used it before.

        One thread opens a connection while the others that need it wait.
        """
        with self._changed:
            deadline.remaining()  # a server that always goes away must not hold it up for ever
            while place in self._opened_now or place in self._connections:
                connection = self._connections.get(place)
                if connection is not None and connection.join(self._max_idle):
                    return connection, True
                if connection is not None:
                    del self._connections[place]
                else:
                    self._changed.wait(deadline.remaining())
            self._opened_now.add(place)
        try:
            fresh = self._opening(place, deadline)
            self._keep(place, fresh)
        finally:
            with self._changed:
                self._opened_now.discard(place)
                self._changed.notify_all()
        return fresh, False

    def _keep(self, place: Place, fresh: Http2Connection) -> None:
        with self._changed:
            if not self._closed:
                self._connections[place] = fresh
                self._retire_idle()

    def _retire_idle(self) -> None:
        """Retire what waits for too long: nothing else takes connections of other servers."""
        idle = sorted(
            (since, place)
            for place, connection in self._connections.items()
            if (since := connection.idle_since) is not None
        )
        oldest, excess = monotonic() - self._max_idle, len(idle) - self._limit
        for number, (since, place) in enumerate(idle):
            if number < excess or since < oldest:
                self._connections.pop(place).retire()

    def give(self, connection: Http2Connection) -> None:
        """Take a connection back that was used."""
        connection.leave()
        if self._closed:
            connection.retire()

    def close(self) -> None:
        """Close them, each as soon as its requests are finished; from now on keep none."""
        with self._changed:
            self._closed = True
            connections, self._connections = self._connections, {}
        for connection in connections.values():
            connection.retire()


def _shake_hands(sock: ssl.SSLSocket, deadline: Deadline) -> None:
    """Agree on TLS and HTTP/2, within the time for everything together."""
    sock.setblocking(False)  # noqa: FBT003 - as sockets have it
    while True:
        try:
            sock.do_handshake()
            break
        except ssl.SSLWantReadError:
            wait_for(sock, _READ, deadline.remaining())
        except ssl.SSLWantWriteError:
            wait_for(sock, _WRITE, deadline.remaining())
    if sock.selected_alpn_protocol() != _PROTOCOL:
        problem = "the server does not speak HTTP/2"
        raise HttpError(problem, may_be_sent=False, fault=HttpFault.NO_TLS)
