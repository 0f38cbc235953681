"""One HTTP/2 connection that carries the requests of many threads.

It has no thread of its own: of the threads that wait, one reads for all of them, and another takes
over when it leaves. A socket pair wakes the reader when another thread has work for it.
"""

import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from h2.exceptions import H2Error

from messaging_adapters.http_clients._deadline import Deadline
from messaging_adapters.http_clients._http2_protocol import Header, Http2Protocol, Stream

_READ: Final = selectors.EVENT_READ
_WRITE: Final = selectors.EVENT_WRITE
_Selector: Final = getattr(selectors, "PollSelector", selectors.SelectSelector)
_CHUNK: Final = 65_536
_MOST_UNREAD: Final = 1_000_000  # bytes that the server does not take, such as answers to pings
_MOST_CHUNKS: Final = 16
_NOT_YET: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class UnprocessedError(Exception):
    """The server has surely processed nothing of a request, and the connection takes no other."""


class RefusedError(Exception):
    """The server has surely processed nothing of a request; the connection goes on."""


class TooLargeError(Exception):
    """The body of an answer is larger than allowed."""


class Http2Connection:
    """Carry requests over one socket, each on a stream of its own; the opener uses it first.

    Args:
        sock: Connected; with TLS, after its handshake.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)  # noqa: FBT003 - as sockets have it
        self._sock = sock
        self._lock = threading.Lock()
        self._protocol = Http2Protocol()
        self._is_retired = False
        self._users = 1
        self._idle_since = monotonic()
        self._reserved = 0
        self._waiting: dict[threading.Condition, Callable[[], bool]] = {}
        self._reads_until: Callable[[], bool] | None = None
        self._is_polling = False
        self._bell, self._ringer = socket.socketpair()
        self._outgoing = bytearray()
        self._written = 0
        self._is_mute = False
        self._loss: Exception | None = None

    def open(self, deadline: Deadline) -> None:
        """Exchange the first settings: before, the limits of the server are not known."""
        with self._lock:
            self._flush()
            self._wait(lambda: self._protocol.has_settings or self._loss is not None, deadline)
            if self._loss is not None:
                raise self._loss

    def join(self, max_idle: float) -> bool:
        """Return whether it takes another request, and count the caller among its users."""
        with self._lock:
            if not self._users and self._idle_since < monotonic() - max_idle:
                self._is_retired = True
            self._catch_up()
            if self._is_over():
                self._close_if_unused()
                return False
            self._users += 1
            return True

    def leave(self) -> None:
        """Take the caller back from its users."""
        with self._lock:
            self._users -= 1
            self._idle_since = monotonic()
            self._close_if_unused()

    def retire(self) -> None:
        """Take no further request, and close with the last one."""
        with self._lock:
            self._is_retired = True
            self._wake()
            self._close_if_unused()

    def abort(self) -> None:
        """Close the socket without the lock: after a fork it may be held for ever."""
        for sock in (self._sock, self._bell, self._ringer):
            sock.close()

    @property
    def idle_since(self) -> float | None:
        """Return since when it has no users, if it has none."""
        return None if self._users else self._idle_since

    def reserve(self, deadline: Deadline) -> None:
        """Occupy one of the streams that the server allows at once; wait for it, and `free` it.

        Raises:
            UnprocessedError: The connection takes no further request.
            TimeoutError: No stream came free.
        """
        with self._lock:
            self._wait(lambda: self._is_over() or self._has_stream(), deadline)
            if self._is_over():
                raise UnprocessedError
            self._reserved += 1

    def free(self) -> None:
        """Leave the stream to another request."""
        with self._lock:
            self._reserved -= 1
            self._wake()

    def begin(self, headers: Sequence[Header], limit: int, *, has_body: bool) -> Stream:
        """Begin a request on a stream that is reserved; `forget` it at the end.

        Args:
            headers: With the pseudo headers first.
            limit: The most bytes of the body of the answer.
            has_body: The body follows.

        Raises:
            UnprocessedError: The connection takes no further request.
        """
        with self._lock:
            self._catch_up()
            if self._is_over():
                raise UnprocessedError
            start = self._written + len(self._outgoing)
            try:
                stream = self._protocol.begin(headers, limit, has_body=has_body)
            except H2Error as error:
                # Such as a limit that the server has lowered since the stream was reserved.
                self._is_retired = True
                raise UnprocessedError from error
            stream.start = start
            return stream

    def exchange(self, stream: Stream, body: bytes, deadline: Deadline) -> None:
        """Send the body of a request, and wait for the whole of its answer.

        Raises:
            UnprocessedError: The server went away and has not processed it.
            RefusedError: The server has not processed it.
            TooLargeError: The answer is larger than the limit of the stream.
            OSError: The connection broke, or the time is over.
            H2Error: What came was not HTTP/2.
        """
        rest = memoryview(body)
        with self._lock:
            while rest and not self._is_decided(stream):
                rest = rest[self._protocol.send(stream, rest) :]
                self._flush()
                self._wait(lambda: self._is_decided(stream) or self._has_room(stream), deadline)
            self._flush()
            self._wait(lambda: self._is_decided(stream), deadline)
            self._raise_fault(stream)

    def forget(self, stream: Stream) -> None:
        """End a stream on both sides, so that the server has it no longer open."""
        with self._lock:
            self._protocol.forget(stream)
            self._flush()

    # What follows runs with the lock held.

    def _raise_fault(self, stream: Stream) -> None:
        if stream.is_too_large:
            raise TooLargeError
        if stream.is_answered:
            return
        if self._protocol.is_excluded(stream):
            raise UnprocessedError
        if stream.is_refused:
            raise RefusedError
        if stream.reset is not None:
            raise ConnectionResetError
        if self._written <= stream.start:
            raise UnprocessedError
        raise self._loss or ConnectionResetError()

    def _is_over(self) -> bool:
        is_lost = self._is_mute or self._loss is not None
        return is_lost or self._is_retired or self._protocol.is_ending

    def _has_stream(self) -> bool:
        return self._reserved < self._protocol.max_streams

    def _is_decided(self, stream: Stream) -> bool:
        is_ended = stream.is_answered or stream.is_too_large or stream.reset is not None
        return is_ended or self._loss is not None or self._protocol.is_excluded(stream)

    def _has_room(self, stream: Stream) -> bool:
        return len(self._outgoing) < _CHUNK and self._protocol.room(stream) > 0

    def _close_if_unused(self) -> None:
        if not self._users and self._is_over():
            self.abort()

    def _wait(self, is_over: Callable[[], bool], deadline: Deadline) -> None:
        """Wait until something is so: read for all who wait, or be woken by the one who reads."""
        wake = threading.Condition(self._lock)
        try:
            while not is_over():
                if self._reads_until is None:
                    self._read_until(is_over, deadline)
                else:
                    self._waiting[wake] = is_over
                    wake.wait(deadline.remaining())
        finally:
            self._waiting.pop(wake, None)
            if self._reads_until is None and self._waiting:
                next(iter(self._waiting)).notify()

    def _read_until(self, is_over: Callable[[], bool], deadline: Deadline) -> None:
        self._reads_until = is_over
        try:
            while not is_over():
                self._poll(_READ | _WRITE if self._outgoing else _READ, deadline)
        finally:
            self._reads_until = None

    def _poll(self, events: int, deadline: Deadline) -> None:
        """Wait for the socket; other threads may use the connection meanwhile."""
        left = deadline.remaining()
        self._is_polling = True
        self._lock.release()
        try:
            ready = wait_for(self._sock, events, left, self._bell)
        finally:
            self._lock.acquire()
            if not self._is_polling:
                self._bell.recv(1)
            self._is_polling = False
        if ready & _READ:
            self._receive()
        self._flush()

    def _wake(self) -> None:
        for wake, is_over in self._waiting.items():
            if is_over():
                wake.notify()
        if self._reads_until is not None and self._reads_until():
            self._ring()

    def _ring(self) -> None:
        """Wake the reader, unless it is awake."""
        if self._is_polling:
            self._is_polling = False
            self._ringer.send(b"\0")

    def _catch_up(self) -> None:
        """Read what came while no thread waited: the server may have gone away."""
        for _ in range(_MOST_CHUNKS):
            if not self._receive():
                break

    def _receive(self) -> bool:
        """Read at most one chunk: the deadline is looked at between two; tell if there was one."""
        if self._loss is not None:
            return False
        try:
            data = self._sock.recv(_CHUNK)
            if not data:
                raise ConnectionResetError
            self._protocol.receive(data)
        except _NOT_YET:
            return False
        except (OSError, H2Error) as error:
            self._loss = error
        self._wake()
        return True

    def _flush(self) -> None:
        """Write as much as goes at once."""
        queued = self._protocol.queued()
        if self._is_mute:
            return
        self._outgoing += queued
        if len(self._outgoing) > _MOST_UNREAD:
            self._loss = self._loss or ConnectionAbortedError()
            self._wake()
        try:
            while self._outgoing:
                sent = self._sock.send(self._outgoing)
                self._written += sent
                del self._outgoing[:sent]
        except _NOT_YET:
            self._ring()  # to wait until the socket takes more
        except OSError:
            # What the server said before it hung up may still be read.
            self._is_mute = True
            self._outgoing.clear()
            self._wake()


def wait_for(
    sock: socket.socket, events: int, seconds: float, bell: socket.socket | None = None
) -> int:
    """Wait until a socket can be read or written, or a bell rings; return what the socket can."""
    with _Selector() as selector:
        selector.register(sock, events)
        if bell is not None:
            selector.register(bell, _READ)
        return sum(ready for key, ready in selector.select(seconds) if key.fileobj is sock)
