"""Ask the engine for a page: few reads, each stopped waiting for after a second."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from functools import partial
from typing import Final, ParamSpec, TypeVar

from messaging_core.messenger import Messenger

P = ParamSpec("P")
T = TypeVar("T")

MOST_READS: Final = 6
SECONDS: Final = 1.0
_THREADS: Final = 4  # many open pages must not take the storage from the workers


class TooLong(Enum):
    """Says that a read took too long; its panel says so, and the others are shown."""

    TOO_LONG = "too long"


TOO_LONG: Final = TooLong.TOO_LONG


class Readers:
    """The threads on which all pages read."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="messaging-viewer")

    async def run(self, call: Callable[[], T]) -> T | TooLong:
        """Call a function on a thread; after the time is over, go on without its answer."""
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.wait_for(loop.run_in_executor(self._threads, call), self.seconds)
        except TimeoutError:
            return TOO_LONG


class Reads:
    """The reads of one page.

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
        """Return the answer of a call of the messenger, or `TOO_LONG`.

        Raises:
            RuntimeError: The page reads too often: every read is paid for by each open tab.
        """
        self._number += 1
        if self._number > MOST_READS:
            raise RuntimeError(f"a page has at most {MOST_READS} reads: combine some of them")
        return await self._readers.run(partial(call, *args, **kwargs))
