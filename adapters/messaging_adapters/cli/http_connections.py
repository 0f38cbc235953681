"""Closes connections whose clients do not send the head of a request."""

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

_PATIENCE: Final = 30.0
"""Seconds that the head of a request may take, and the rest of a body whose request is answered."""


class ImpatientProtocol(H11Protocol):
    """Close a connection on which no request begins in time, however slowly bytes arrive.

    uvicorn waits without end for the first request of a connection, and for the rest of a head. h11
    limits the size of a head to 64 KiB; httptools would not.
    """

    patience = _PATIENCE
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait until a head is complete; a body is awaited by the application."""
        super().data_received(data)
        if self._is_between_requests():
            self._wait()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.patience, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self._is_between_requests():
            self.transport.close()
