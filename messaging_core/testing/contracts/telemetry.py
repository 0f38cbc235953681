"""The contract of telemetries: tests that the tests of every telemetry inherit."""
# ruff: noqa: S101, D102 - assert is how pytest asserts, and the names of tests are sentences

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.telemetry import (
    Operation,
    OperationKind,
    OperationResult,
    StatusCount,
)
from messaging_core.ports.telemetry import Telemetry
from messaging_core.testing.contracts.bounds import within

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_STORED: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_UNREADABLE: Final = ("", "00", "no trace at all", "é" * 64, f"{_STORED[:-3]}-zz", "-" * 64)
_RESULT: Final = OperationResult(outcome="accepted", message_id=UUID(int=7))
_FAILURE: Final = OperationResult(outcome="error", error="REFUSED")
_FULL: Final = {
    "workspace": DEFAULT_WORKSPACE,
    "channel": "orders",
    "platform": "sms",
    "message_id": UUID(int=7),
    "attempt": 2,
    "provider": "pager",
}
_OPERATIONS: Final = tuple(
    operation
    for kind in OperationKind
    for operation in (
        Operation(kind=kind),
        Operation(kind=kind, number=1000, **_FULL),  # type: ignore[arg-type] # by name
        Operation(kind=kind, trace=_STORED, took=timedelta(seconds=3), **_FULL),  # type: ignore[arg-type]
    )
)
_COUNT: Final = StatusCount(workspace=DEFAULT_WORKSPACE, status="sent")
_MANY: Final = 500
_THREADS: Final = 8


class _Interrupted(BaseException):
    """What no code may take for an error of its own."""


class TelemetryContract:
    """Inherit this in a test class, and return your telemetry.

    ```python
    class TestStatsdTelemetry(TelemetryContract):
        def make_telemetry(self) -> Telemetry:
            return StatsdTelemetry("127.0.0.1", 8125)
    ```

    - `patience`: seconds in which five hundred operations must end.
    - `has_traces`: whether it keeps traces; then give `in_a_request` as well.
    """

    patience: float = 30.0
    has_traces: bool = False

    def make_telemetry(self) -> Telemetry:
        """Return a telemetry; of several, each is asked about what it was told itself."""
        raise NotImplementedError

    def in_a_request(self, telemetry: Telemetry) -> AbstractContextManager[object]:  # noqa: ARG002
        """Return the context of a request of the host, in which there is a trace."""
        return nullcontext()

    def test_a_trace_is_nothing_or_a_traceparent(self) -> None:
        telemetry = self.make_telemetry()

        outside = telemetry.trace()
        with self.in_a_request(telemetry):
            inside = telemetry.trace()

        for trace in (outside, inside):
            assert trace is None or _TRACEPARENT.fullmatch(trace), f"no traceparent: {trace!r}"
        assert inside or not self.has_traces, "there is no trace in a request of the host"

    def test_every_operation_may_say_how_it_ended(self) -> None:
        telemetry = self.make_telemetry()

        for operation in _OPERATIONS:
            for result in (_RESULT, _FAILURE, OperationResult(outcome="timed_out")):
                with telemetry.operation(operation) as done:
                    done(result)

    def test_an_operation_may_say_nothing(self) -> None:
        telemetry = self.make_telemetry()

        for operation in _OPERATIONS:
            with telemetry.operation(operation):
                pass

    def test_what_is_raised_in_an_operation_is_raised_as_it_is(self) -> None:
        telemetry = self.make_telemetry()

        for operation in _OPERATIONS:
            for error in (ValueError("mine"), _Interrupted("mine")):
                raised = _raised_in(telemetry, operation, error)
                assert raised is error, f"{raised!r} came out of an operation, and not {error!r}"

    def test_afterwards_the_trace_is_what_it_was(self) -> None:
        telemetry = self.make_telemetry()

        for operation in _OPERATIONS:
            with self.in_a_request(telemetry):
                before = telemetry.trace()
                with telemetry.operation(operation) as done:
                    done(_RESULT)
                assert telemetry.trace() == before
                _raised_in(telemetry, operation, ValueError("mine"))
                assert telemetry.trace() == before, "an error leaves another trace behind"

    def test_operations_of_one_thread_may_be_nested(self) -> None:
        telemetry = self.make_telemetry()
        send, deliver = (Operation(kind=kind) for kind in list(OperationKind)[:2])

        def nested() -> None:
            with telemetry.operation(send) as outer, telemetry.operation(deliver) as inner:
                inner(_RESULT)
                outer(_RESULT)

        within(self.patience, nested)

    def test_a_send_is_part_of_the_trace_of_the_host(self) -> None:
        telemetry = self.make_telemetry()

        with self.in_a_request(telemetry):
            outside = _id_of(telemetry.trace())
            with telemetry.operation(Operation(kind=OperationKind.SEND)):
                inside = _id_of(telemetry.trace())

        assert inside == outside

    def test_an_operation_with_a_trace_continues_that_one(self) -> None:
        telemetry = self.make_telemetry()
        operation = Operation(kind=OperationKind.DELIVER, trace=_STORED)

        for context in (nullcontext(), self.in_a_request(telemetry)):
            with context, telemetry.operation(operation):
                inside = _id_of(telemetry.trace())

            assert self._is(inside, _id_of(_STORED)), f"another trace: {inside}"

    def test_a_trace_that_cannot_be_read_is_none(self) -> None:
        telemetry = self.make_telemetry()

        for trace in _UNREADABLE:
            operation = Operation(kind=OperationKind.REPORT, trace=trace)
            with telemetry.operation(operation) as done:
                done(_RESULT)

    def test_statuses_are_counted_whatever_is_known_of_them(self) -> None:
        telemetry = self.make_telemetry()

        telemetry.count(_COUNT)
        telemetry.count(evolve(_COUNT, channel="orders", platform="sms", number=10**6))
        telemetry.count(evolve(_COUNT, status="refused", error="INVALID_INPUT"))

    def test_many_threads_may_use_it_at_once(self) -> None:
        telemetry = self.make_telemetry()

        def work(number: int) -> tuple[str | None, str | None]:
            trace = f"00-{number + 1:032x}-{number + 1:016x}-01"
            operation = evolve(_OPERATIONS[number % len(_OPERATIONS)], trace=trace)
            with telemetry.operation(operation) as done:
                telemetry.count(_COUNT)
                inside = _id_of(telemetry.trace())
                done(_RESULT)
            return inside, _id_of(trace)

        def all_of_them() -> list[tuple[str | None, str | None]]:
            with ThreadPoolExecutor(_THREADS) as pool:
                return list(pool.map(work, range(_MANY)))

        for inside, own in within(self.patience, all_of_them):
            assert self._is(inside, own), "the trace of another thread"

    def _is(self, trace: str | None, own: str | None) -> bool:
        """Return whether a trace is the right one; without traces there may be none."""
        return trace == own or (trace is None and not self.has_traces)


def _raised_in(
    telemetry: Telemetry, operation: Operation, error: BaseException
) -> BaseException | None:
    """Return what comes out of an operation in which something is raised."""
    try:
        with telemetry.operation(operation):
            raise error  # noqa: TRY301 - the same
    except BaseException as raised:  # noqa: BLE001 - it is what the test is about
        return raised
    return None


def _id_of(trace: str | None) -> str | None:
    """Return the id of a trace, without that of the span."""
    match = _TRACEPARENT.fullmatch(trace or "")
    return match[1] if match else None
