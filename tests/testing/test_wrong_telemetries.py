"""The contract of telemetries: a right one passes, and each wrong one is caught."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from messaging_core.ports.telemetry import NoTelemetry, Telemetry
from messaging_core.testing import TelemetryContract
from testing import wrong_telemetries as wrong
from testing.wrong_telemetries import Right

REQUEST = f"00-{'4' * 32}-{'5' * 16}-01"


class TestNoTelemetry(TelemetryContract):
    def make_telemetry(self) -> Telemetry:
        return NoTelemetry()


class TestRight(TelemetryContract):
    kind: type[Right] = Right
    has_traces = True
    patience = 10.0

    def make_telemetry(self) -> Right:
        return self.kind()

    def in_a_request(self, telemetry: Telemetry) -> AbstractContextManager[object]:
        return in_a_request(telemetry)


@contextmanager
def in_a_request(telemetry: Telemetry) -> Iterator[None]:
    assert isinstance(telemetry, Right)
    token = telemetry.current.set(REQUEST)
    try:
        yield
    finally:
        telemetry.current.reset(token)


CAUGHT = {
    wrong.SwallowsErrors: "what_is_raised_in_an_operation_is_raised_as_it_is",
    wrong.WrapsErrors: "what_is_raised_in_an_operation_is_raised_as_it_is",
    wrong.LeavesTheTrace: "afterwards_the_trace_is_what_it_was",
    wrong.LeavesTheTraceOfErrors: "afterwards_the_trace_is_what_it_was",
    wrong.BeginsATraceForEverySend: "a_send_is_part_of_the_trace_of_the_host",
    wrong.IgnoresStoredTraces: "an_operation_with_a_trace_continues_that_one",
    wrong.PrefersTheTraceAround: "an_operation_with_a_trace_continues_that_one",
    wrong.StumblesOverTraces: "a_trace_that_cannot_be_read_is_none",
    wrong.SharesOneTrace: "many_threads_may_use_it_at_once",
    wrong.LocksOperations: "operations_of_one_thread_may_be_nested",
    wrong.ReturnsBytes: "a_trace_is_nothing_or_a_traceparent",
    wrong.ReturnsTheId: "a_trace_is_nothing_or_a_traceparent",
    wrong.NeedsAChannel: "every_operation_may_say_how_it_ended",
    wrong.NeedsAResult: "an_operation_may_say_nothing",
    wrong.NeedsAPlatform: "statuses_are_counted_whatever_is_known_of_them",
    wrong.ReadsTheMessageOfResults: "every_operation_may_say_how_it_ended",
}
"""By wrong telemetry: the test that catches it."""


def test_every_wrong_telemetry_is_in_the_list() -> None:
    assert set(CAUGHT) == set(Right.__subclasses__())


@pytest.mark.parametrize("kind", CAUGHT, ids=lambda kind: kind.__name__)
def test_a_wrong_telemetry_is_caught(kind: type[Right]) -> None:
    contract = TestRight()
    contract.kind, contract.patience = kind, 1.0

    test = getattr(contract, f"test_{CAUGHT[kind]}")

    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever fails a test
        test()
