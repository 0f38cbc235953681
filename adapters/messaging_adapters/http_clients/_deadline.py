"""Sockets whose every wait ends with one deadline."""

import io
import socket
from time import monotonic
from typing import Any


class Deadline:
    """The instant at which patience ends.

    Args:
        timeout: Seconds until then.
    """

    def __init__(self, timeout: float) -> None:
        self._end = monotonic() + timeout

    def remaining(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: None are.
        """
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class TimedSocket:
    """A connected socket as `http.client` uses one, with a deadline for everything together.

    The time-out of a plain socket starts again with each byte that arrives.

    Attributes:
        written: How many bytes of the present exchange have left.
    """

    def __init__(self, raw: socket.socket, deadline: Deadline) -> None:
        self.written = 0
        self._deadline = deadline
        self._raw = raw
        self._holds = False
        self._head = b""

    def begin(self, deadline: Deadline) -> None:
        """Begin another exchange."""
        self.written = 0
        self._deadline = deadline

    def hold(self) -> None:
        """Keep what is sent next until more follows: the head and the body go as one."""
        self._holds = True

    def sendall(self, data: bytes) -> None:
        """Send all of it before the deadline."""
        if self._holds:
            self._holds, self._head = False, data
            return
        rest, self._head = memoryview(self._head + data), b""
        while rest:
            self._raw.settimeout(self._deadline.remaining())
            sent = self._raw.send(rest)
            self.written += sent
            rest = rest[sent:]

    def recv_into(self, buffer: Any) -> int:
        """Receive something before the deadline."""
        self._raw.settimeout(self._deadline.remaining())
        return self._raw.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return what reads the answer."""
        return io.BufferedReader(_Reader(self))

    def fileno(self) -> int:
        """Return the descriptor, to find out whether the server hung up."""
        return self._raw.fileno()

    def settimeout(self, _timeout: float | None) -> None:
        """Leave the time to the deadline."""

    def close(self) -> None:
        """Leave it open: `http.client` closes before the body of an answer was read."""

    def abort(self) -> None:
        """Close it."""
        self._raw.close()


class _Reader(io.RawIOBase):
    """What comes over such a socket."""

    def __init__(self, source: TimedSocket) -> None:
        super().__init__()
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.recv_into(buffer)
