"""The stand-in for the engine's `handoff` in the tests of transports."""

import threading
from collections.abc import Callable, Sequence


class Leave:
    """Stand in for the engine's `handoff`: count the calls, and refuse if told to.

    Args:
        refusal: What to raise when asked.
        look: Called at the moment of asking; what it returns is kept in `seen`.

    Attributes:
        references: Those that the transport named.
    """

    def __init__(
        self, refusal: Exception | None = None, look: Callable[[], int] | None = None
    ) -> None:
        self.calls = 0
        self.seen: list[int] = []
        self.references: tuple[str, ...] = ()
        self._refusal = refusal
        self._look = look
        self._lock = threading.Lock()

    def __call__(self, *, references: Sequence[str] = ()) -> None:
        """Count, look and give leave, or raise the refusal."""
        with self._lock:
            self.calls += 1
            self.references += tuple(references)
        if self._look is not None:
            self.seen.append(self._look())
        if self._refusal is not None:
            raise self._refusal
