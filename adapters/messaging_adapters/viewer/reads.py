"""Ask the engine for a page: few reads, each interrupted after a second."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from functools import partial
from time import monotonic
from typing import Final, ParamSpec, TypeVar

from messaging_core.errors import ReadTimeoutError, StorageBusyError
from messaging_core.messenger import Messenger
from messaging_core.ports.time_limit import reads_until

P = ParamSpec("P")
T = TypeVar("T")

MOST_READS: Final = 6
SECONDS: Final = 1.0
_THREADS: Final = 4  # many open pages must not take the storage from the workers
_SLOW: Final = "the storage did not answer in time; look what is there before you ask again"


class TooLong(Enum):
    """Says that a read took too long; its panel says so, and the others are shown."""

    TOO_LONG = "too long"


TOO_LONG: Final = TooLong.TOO_LONG


class Readers:
    """The threads on which all pages read."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="messaging-viewer")

    async def read(self, call: Callable[[], T]) -> T | TooLong:
        """Call a function that reads; when the time is over, its read is interrupted."""
        deadline = monotonic() + self.seconds

        def limited() -> T:
            with reads_until(deadline):
                return call()

        try:
            return await self._run(limited)
        except (TimeoutError, ReadTimeoutError):
            return TOO_LONG
        except StorageBusyError:
            if monotonic() < deadline:
                raise
            return TOO_LONG

    async def act(self, call: Callable[[], T]) -> T:
        """Call a function that changes something, which goes on when the time is over.

        Raises:
            StorageBusyError: It has not answered in time.
        """
        try:
            return await self._run(call)
        except TimeoutError:
            raise StorageBusyError(_SLOW) from None

    async def _run(self, call: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(loop.run_in_executor(self._threads, call), self.seconds)


class Reads:
    """The reads of one page, and what it changes.

    Args:
        messenger: Answers them.
        readers: The threads on which it does.
    """

    def __init__(self, messenger: Messenger, readers: Readers) -> None:
        self.messenger = messenger
        self._readers = readers
        self._number = 0

    async def __call__(
        self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T | TooLong:
        """Return the answer of a call of the messenger that reads, or `TOO_LONG`.

        Raises:
            RuntimeError: The page reads too often: every read is paid for by each open tab.
        """
        self._count()
        return await self._readers.read(partial(call, *args, **kwargs))

    async def act(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the answer of a call that changes something; it is never interrupted.

        Raises:
            RuntimeError: The page asks too often.
            StorageBusyError: It took too long; it may still be done.
        """
        self._count()
        return await self._readers.act(partial(call, *args, **kwargs))

    def _count(self) -> None:
        self._number += 1
        if self._number > MOST_READS:
            raise RuntimeError(f"a page has at most {MOST_READS} reads: combine some of them")
