"""Reads the bodies of requests: with an end, not too large, and not too slowly."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.requests import ClientDisconnect

from messaging_adapters.asgi.problems import ProblemError

_BAD_REQUEST: Final = 400
_TIMEOUT: Final = 408
_TOO_LARGE: Final = 413
_UNAVAILABLE: Final = 503
_NO_ROOM: Final = "too many large requests at once: send it again in a second"

SILENT_SECONDS: Final = 30.0
"""How long a body may be silent."""

WHOLE_SECONDS: Final = 120.0
"""How long a whole body may take."""

LARGE: Final = 1_000_000
"""How many bytes a body may have that is read whatever others are."""

ROOM: Final = 64_000_000
"""How many bytes of larger bodies one process holds at a time; one of any size goes alone.

Bodies of callers who are known by their headers have this room, and those of all others as much.
"""

Grow = Callable[[int], None]


class LargeBodies:
    """Bounds the memory that large bodies take together, from their reading to their answers.

    Args:
        room: How many bytes.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._held = 0

    @contextmanager
    def holding(self) -> Iterator[Grow]:
        """Hold room for one body, as it grows, until the block ends."""
        own = 0

        def grow(size: int) -> None:
            nonlocal own
            if size <= LARGE:
                return
            others = self._held - own
            if others and others + size > self._room:
                raise ProblemError(_UNAVAILABLE, _NO_ROOM, {"retry-after": "1"})
            own, self._held = size, others + size

        try:
            yield grow
        finally:
            self._held -= own


async def read_body(
    stream: AsyncIterator[bytes],
    most: int | None,
    *,
    grow: Grow = lambda _: None,
    silent: float = SILENT_SECONDS,
    whole: float = WHOLE_SECONDS,
) -> bytes:
    """Return a body; one that is too large or too slow is not read to its end.

    Args:
        stream: Of the request.
        most: How many bytes it may have; `None` is any number.
        grow: Told of the size so far; raises where there is no room for that.
        silent: Seconds between two pieces.
        whole: Seconds for all pieces.

    Raises:
        ProblemError: It is too large or too slow, or has no end, or there is no room for it.
    """
    loop, chunks, size = asyncio.get_running_loop(), list[bytes](), 0
    end = loop.time() + whole
    try:
        async with asyncio.timeout_at(min(end, loop.time() + silent)) as limit:
            async for chunk in stream:
                size += len(chunk)
                if most is not None and size > most:
                    raise ProblemError(_TOO_LARGE, f"the body is larger than {most} bytes")
                grow(size)
                chunks.append(chunk)
                limit.reschedule(min(end, loop.time() + silent))
    except ClientDisconnect:
        raise ProblemError(_BAD_REQUEST, "the body has no end") from None
    except TimeoutError:
        raise ProblemError(_TIMEOUT, "the body came too slowly: send it again") from None
    return b"".join(chunks)
