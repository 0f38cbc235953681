"""Reads the bodies of requests: with an end, not too large, and not too slowly."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import ClientDisconnect

from messaging_adapters.asgi.problems import ProblemError

_BAD_REQUEST: Final = 400
_TIMEOUT: Final = 408
_TOO_LARGE: Final = 413

SILENT_SECONDS: Final = 30.0
"""How long a body may be silent."""

WHOLE_SECONDS: Final = 120.0
"""How long a whole body may take."""


async def read_body(
    stream: AsyncIterator[bytes],
    most: int | None,
    *,
    silent: float = SILENT_SECONDS,
    whole: float = WHOLE_SECONDS,
) -> bytes:
    """Return a body; one that is too large or too slow is not read to its end.

    Args:
        stream: Of the request.
        most: How many bytes it may have; `None` is any number.
        silent: Seconds between two pieces.
        whole: Seconds for all pieces.

    Raises:
        ProblemError: It is too large or too slow, or has no end.
    """
    loop, chunks, size = asyncio.get_running_loop(), list[bytes](), 0
    end = loop.time() + whole
    try:
        async with asyncio.timeout_at(min(end, loop.time() + silent)) as limit:
            async for chunk in stream:
                size += len(chunk)
                if most is not None and size > most:
                    raise ProblemError(_TOO_LARGE, f"the body is larger than {most} bytes")
                chunks.append(chunk)
                limit.reschedule(min(end, loop.time() + silent))
    except ClientDisconnect:
        raise ProblemError(_BAD_REQUEST, "the body has no end") from None
    except TimeoutError:
        raise ProblemError(_TIMEOUT, "the body came too slowly: send it again") from None
    return b"".join(chunks)
