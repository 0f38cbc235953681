"""OpenTelemetry keeps the promises of a telemetry, with its SDK and without one."""

from contextlib import AbstractContextManager

import pytest

from messaging_adapters.telemetry.open_telemetry import OpenTelemetry
from messaging_core.ports.telemetry import Telemetry
from messaging_core.testing import TelemetryContract
from tests.adapters.telemetry.conftest import Observed


class TestOpenTelemetry(TelemetryContract):
    has_traces = True

    @pytest.fixture(autouse=True)
    def _observed(self, observed: Observed) -> None:
        self.observed = observed
        self.telemetry = observed.telemetry()

    def make_telemetry(self) -> Telemetry:
        return self.telemetry

    def in_a_request(self, telemetry: Telemetry) -> AbstractContextManager[object]:  # noqa: ARG002
        return self.observed.tracers.get_tracer("host").start_as_current_span("GET /")

    def test_every_operation_is_a_span(self) -> None:
        self.test_every_operation_may_say_how_it_ended()

        assert len(self.observed.spans.get_finished_spans()) == 27


class TestOpenTelemetryWithoutAnSdk(TelemetryContract):
    def make_telemetry(self) -> Telemetry:
        return OpenTelemetry()
