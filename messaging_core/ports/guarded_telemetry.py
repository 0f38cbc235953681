"""A host's telemetry, so that its faults change nothing for the messages."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Final

from messaging_core.host_code import HostCode, fault_of
from messaging_core.lazy import frozen, logger
from messaging_core.models.delivery.telemetry import Operation, OperationResult, StatusCount
from messaging_core.ports.telemetry import Done, Telemetry

_log = logger(__name__)

_LONGEST_TRACE: Final = 64  # a W3C `traceparent` has 55


@contextmanager
def _guarded() -> Iterator[None]:
    """Log what code of the host raises, and go on."""
    try:
        with HostCode("the telemetry"):
            yield
    except Exception as error:  # noqa: BLE001 - nothing may depend on it
        _log.error("the telemetry failed: %s", fault_of(error))


@frozen
class GuardedTelemetry(Telemetry):
    """Tell a telemetry of the host."""

    telemetry: Telemetry

    def trace(self) -> str | None:  # noqa: D102 - the port's
        trace: object = None
        with _guarded():
            trace = self.telemetry.trace()
        if trace is None or (isinstance(trace, str) and len(trace) <= _LONGEST_TRACE):
            return trace
        # Not what it is: it may be anything.
        _log.error("the trace of the telemetry is no text of at most %d characters", _LONGEST_TRACE)
        return None

    def operation(self, operation: Operation) -> AbstractContextManager[Done]:  # noqa: D102 - the port's
        return _Guarded(self.telemetry, operation)

    def count(self, count: StatusCount) -> None:  # noqa: D102 - the port's
        with _guarded():
            self.telemetry.count(count)


class _Guarded(AbstractContextManager[Done]):
    """The context of one operation; what happens inside is raised as it is."""

    def __init__(self, telemetry: Telemetry, operation: Operation) -> None:
        self._telemetry = telemetry
        self._operation = operation
        self._manager: AbstractContextManager[Done] | None = None
        self._done: Done | None = None

    def __enter__(self) -> Done:
        with _guarded():
            manager = self._telemetry.operation(self._operation)
            self._done = manager.__enter__()
            self._manager = manager
        return self._tell

    def _tell(self, result: OperationResult) -> None:
        if self._done is not None:
            with _guarded():
                self._done(result)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._manager is not None:
            with _guarded():
                self._manager.__exit__(exc_type, exc_value, traceback)
