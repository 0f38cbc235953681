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
        deadline: Of the present exchange.
    """

    def __init__(self, raw: socket.socket, deadline: Deadline) -> None:
        self.deadline = deadline
        self._raw = raw

    def sendall(self, data: bytes) -> None:
        """Send all of it before the deadline."""
        self._raw.settimeout(self.deadline.remaining())
        self._raw.sendall(data)

    def recv_into(self, buffer: Any) -> int:
        """Receive something before the deadline."""
        self._raw.settimeout(self.deadline.remaining())
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
