"""How many messages are handed over at the same time, by all processes together."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from messaging_adapters.transports.composition._shared_bucket import Turn, concurrency_bucket
from messaging_core.arguments import a_text, checked, whole
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.clock import Clock
from messaging_core.ports.storage.transaction import Storage


class ConcurrencyLimit:
    """Say how many calls all processes of one storage may have under way at the same time.

    Give it to a `Throttled`. The `concurrency` of a channel is that of each worker; this is that of
    all of them. A process tells once a second that it goes on. One that dies gives its part back
    within seven seconds; one that is held up for longer than five may lose its part while its
    calls go on.

    Args:
        most: How many.
        key: Names the limit on the storage.

    Raises:
        ConfigurationError: None could go.
    """

    @checked(most=whole(1), key=a_text)
    def __init__(self, most: int, *, key: str) -> None:
        self._shown = f"ConcurrencyLimit({most}, key={key!r})"
        self._bucket = concurrency_bucket(most, f"concurrency.{key}")

    def __repr__(self) -> str:
        return self._shown

    def share(self, storage: Storage, clock: Clock) -> None:
        """Count on a storage."""
        self._bucket.share(storage, clock)

    @contextmanager
    def turn(self, envelope: Envelope) -> Iterator[Turn]:  # noqa: ARG002 - as `RateLimit` has it
        """Count a message while a block lasts, unless the block is told that it has to wait."""
        turn = self._bucket.begin(1)
        try:
            yield turn
        finally:
            if not turn.wait:
                self._bucket.end(1)

    def pause(self, span: timedelta) -> None:
        """Let nothing of this process go for a span, at most an hour."""
        self._bucket.empty(span)
