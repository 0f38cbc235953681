"""A right telemetry, and wrong ones that the contract has to catch."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from itertools import count
from typing import Any

from messaging_core.models.delivery.telemetry import Operation, OperationResult, StatusCount
from messaging_core.ports.telemetry import Done, Telemetry


class Right(Telemetry):
    """Counts, and keeps the trace of each thread."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.results: list[OperationResult] = []
        self._lock = threading.Lock()
        self._numbers = count(1)
        self.current: ContextVar[str | None] = ContextVar("trace", default=None)

    def trace(self) -> str | None:
        return self.current.get()

    def child(self, trace: str | None) -> str | None:
        """Return the trace of a span within another one."""
        parts = (trace or "").split("-")
        if len(parts) != 4 or len(parts[1]) != 32:
            return None
        return f"00-{parts[1]}-{next(self._numbers):016x}-01"

    def parent(self, operation: Operation) -> str | None:
        return operation.trace or self.current.get()

    def operation(self, operation: Operation) -> AbstractContextManager[Done]:
        return self.span(operation)

    @contextmanager
    def span(self, operation: Operation) -> Iterator[Done]:
        token = self.current.set(self.child(self.parent(operation)))
        try:
            yield self.results.append
        finally:
            self.current.reset(token)

    def count(self, count: StatusCount) -> None:
        with self._lock:
            self.counts[count.status] += count.number


class SwallowsErrors(Right):
    @contextmanager
    def span(self, operation: Operation) -> Iterator[Done]:
        try:
            with super().span(operation) as done:
                yield done
        except Exception:  # noqa: BLE001, S110 - the fault
            pass


class WrapsErrors(Right):
    @contextmanager
    def span(self, operation: Operation) -> Iterator[Done]:
        try:
            with super().span(operation) as done:
                yield done
        except BaseException as error:
            raise RuntimeError("an operation failed") from error


class LeavesTheTrace(Right):
    @contextmanager
    def span(self, operation: Operation) -> Iterator[Done]:
        self.current.set(self.child(self.parent(operation)))
        yield self.results.append


class LeavesTheTraceOfErrors(Right):
    @contextmanager
    def span(self, operation: Operation) -> Iterator[Done]:
        token = self.current.set(self.child(self.parent(operation)))
        yield self.results.append
        self.current.reset(token)


class BeginsATraceForEverySend(Right):
    def parent(self, operation: Operation) -> str | None:
        return operation.trace or f"00-{next(self._numbers):032x}-{1:016x}-01"


class IgnoresStoredTraces(Right):
    def parent(self, _: Operation) -> str | None:
        return self.current.get()


class PrefersTheTraceAround(Right):
    def parent(self, operation: Operation) -> str | None:
        return self.current.get() or operation.trace


class StumblesOverTraces(Right):
    def child(self, trace: str | None) -> str | None:
        return None if trace is None else f"00-{trace.split('-')[1]}-{1:016x}-01"


class SharesOneTrace(Right):
    """Keeps the trace of the process, and not of the thread."""

    shared: str | None = None

    def trace(self) -> str | None:
        return self.shared or super().trace()

    @contextmanager
    def span(self, operation: Operation) -> Iterator[Done]:
        before, self.shared = self.shared, self.child(self.parent(operation))
        threading.Event().wait(0.0005)
        try:
            yield self.results.append
        finally:
            self.shared = before


class LocksOperations(Right):
    @contextmanager
    def span(self, operation: Operation) -> Iterator[Done]:
        with self._lock, super().span(operation) as done:
            yield done


class ReturnsBytes(Right):
    def trace(self) -> Any:
        trace = super().trace()
        return trace and trace.encode()


class ReturnsTheId(Right):
    def trace(self) -> str | None:
        trace = super().trace()
        return trace and trace.split("-")[1]


class NeedsAChannel(Right):
    @contextmanager
    def span(self, operation: Operation) -> Iterator[Done]:
        assert operation.channel is not None
        with super().span(operation) as done:
            yield done


class NeedsAResult(Right):
    @contextmanager
    def span(self, operation: Operation) -> Iterator[Done]:
        results: list[OperationResult] = []
        with super().span(operation):
            yield results.append
            self.results.append(results[0])


class NeedsAPlatform(Right):
    def count(self, count: StatusCount) -> None:
        assert count.platform is not None
        super().count(count)


class ReadsTheMessageOfResults(Right):
    @contextmanager
    def span(self, operation: Operation) -> Iterator[Done]:
        def done(result: OperationResult) -> None:
            assert result.message_id is not None

        with super().span(operation):
            yield done
