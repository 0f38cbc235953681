"""What an engine says about its work, for traces and metrics."""

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

from messaging_core.models.delivery.telemetry import Operation, OperationResult, StatusCount

Done = Callable[[OperationResult], None]
"""Tells how an operation ended; an operation that never tells has failed by an exception."""


class Telemetry(Protocol):
    """Record what the engine does with messages.

    All methods are called on the path of the messages, by many threads at once: they must be quick
    and must not block. What they raise is logged, and changes nothing for the messages.

    Nothing that they get has an address or content. A count is made by the process that does the
    work, when it is committed; the storage has the exact figures.
    """

    @abstractmethod
    def trace(self) -> str | None:
        """Return the trace context of this thread or task as a W3C `traceparent`, if there is one.

        It is stored with the messages that are accepted now. Anything but a text of at most 64
        characters is logged, and left out.
        """

    @abstractmethod
    def operation(self, operation: Operation) -> AbstractContextManager[Done]:
        """Return the context in which an operation takes place.

        Operations of `send` continue the trace of the host. Operations with a `trace` continue
        that one, in whatever process they are.
        """

    @abstractmethod
    def count(self, count: StatusCount) -> None:
        """Count messages that have reached a status."""


def _ignore(_: OperationResult) -> None:
    """Do nothing."""


class NoTelemetry(Telemetry):
    """Records nothing, and costs next to nothing."""

    def trace(self) -> str | None:
        """Return nothing."""
        return None

    def operation(self, operation: Operation) -> AbstractContextManager[Done]:  # noqa: ARG002
        """Do nothing around an operation."""
        return NOTHING

    def count(self, count: StatusCount) -> None:
        """Do nothing."""


NOTHING: Final[AbstractContextManager[Done]] = nullcontext(_ignore)
"""The context of an operation of which nothing is told."""

NO_TELEMETRY: Final = NoTelemetry()
"""What is used where the host wants none."""
