"""A stream over TCP or TLS that one thread reads while others write."""

import selectors
import socket
import ssl
import threading
from contextlib import suppress
from time import monotonic
from typing import Final, Self

_BLOCK: Final = 1 << 16
_WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class NotWrittenError(OSError):
    """Some of the bytes did not leave this machine, so the peer cannot have read them all."""


class Wire:
    """A connection; `read` is for one thread, `write` and `hang_up` are for any.

    The socket never blocks, and one lock guards each call of it: OpenSSL allows no two calls on
    one connection at the same time.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(0)
        self._socket = connection
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._is_lost = False

    @classmethod
    def open(cls, host: str, port: int, *, timeout: float, tls: ssl.SSLContext | None) -> Self:
        """Connect, and encrypt where that is asked for.

        Args:
            host: Name or address; a certificate must carry it.
            port: Of TCP.
            timeout: Seconds for the connection, and again for the TLS handshake.
            tls: How to encrypt; absent for a connection in clear text.

        Raises:
            OSError: There is no connection.
        """
        connection = _connected(host, port, timeout)
        try:
            # A small request behind another would wait for its acknowledgement, some 40 ms.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                connection = tls.wrap_socket(
                    connection, server_hostname=host, do_handshake_on_connect=False
                )
                _shake_hands(connection, monotonic() + timeout)
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    def read(self, wait: float) -> bytes | None:
        """Return bytes that came, or nothing where none came within `wait` seconds.

        Raises:
            OSError: The connection is lost.
        """
        if self._is_lost:  # a peer may go on sending after `shutdown`
            raise ConnectionResetError("this side closed the connection")
        data = self._receive()
        if data is None and self._await(selectors.EVENT_READ, wait):
            data = self._receive()
        if data == b"":
            raise ConnectionResetError("the message centre closed the connection")
        return data

    def write(self, data: bytes, timeout: float) -> None:
        """Write bytes, behind those that other threads write.

        Raises:
            NotWrittenError: The connection is lost, or the peer reads nothing.
        """
        deadline = monotonic() + timeout
        rest = memoryview(data)
        with self._writing:
            while rest:
                try:
                    rest = rest[self._send(rest) :]
                except OSError as error:
                    self.hang_up()
                    raise NotWrittenError("the connection was lost") from error
                if rest and not self._await(selectors.EVENT_WRITE, deadline - monotonic()):
                    self.hang_up()  # half a request is on its way: nothing may follow it
                    raise NotWrittenError("the peer reads nothing")

    def hang_up(self) -> None:
        """End the connection; the thread that reads learns it, and then calls `close`."""
        self._is_lost = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the socket back, without a word to the peer."""
        self._is_lost = True
        with suppress(OSError):
            self._socket.close()

    def _receive(self) -> bytes | None:
        try:
            with self._lock:
                return self._socket.recv(_BLOCK)
        except _WOULD_BLOCK:
            return None

    def _send(self, rest: memoryview) -> int:
        if self._is_lost:
            raise ConnectionResetError
        try:
            with self._lock:
                return self._socket.send(rest)
        except _WOULD_BLOCK:
            return 0

    def _await(self, event: int, wait: float) -> bool:
        """Wait until the socket is ready; false when it was not in time."""
        with selectors.DefaultSelector() as selector:
            try:
                selector.register(self._socket, event)
            except ValueError as error:  # it was closed meanwhile
                raise ConnectionResetError from error
            return bool(selector.select(max(wait, 0)))


def _connected(host: str, port: int, timeout: float) -> socket.socket:
    try:
        return socket.create_connection((host, port), timeout)
    except UnicodeError as error:  # a label that is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, "no host has such a name") from error


def _shake_hands(connection: ssl.SSLSocket, deadline: float) -> None:
    connection.settimeout(0)
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        while True:
            try:
                return connection.do_handshake()
            except ssl.SSLWantReadError:
                selector.modify(connection, selectors.EVENT_READ)
            except ssl.SSLWantWriteError:
                selector.modify(connection, selectors.EVENT_WRITE)
            if not selector.select(max(deadline - monotonic(), 0)):
                raise TimeoutError("the TLS handshake took too long")
