"""A shop whose engine is observed, and what was observed."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from attrs import field, frozen
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from messaging_adapters.telemetry.open_telemetry import OpenTelemetry
from messaging_core import Channel
from messaging_core.testing import ManualClock

TEXTS: Final = Channel(name="texts", platform="sms", sender="+31201234567")
NUMBER: Final = "+31612345678"
WORDS: Final = "Your code is 4711"
SECRETS: Final = (NUMBER, NUMBER[1:], WORDS, "4711", "31201234567")
"""What must be in no span and no metric."""


@frozen(kw_only=True)
class Observed:
    """Spans and metrics, in memory; other exporters may be added."""

    spans: InMemorySpanExporter = field(factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(factory=InMemoryMetricReader)
    tracers: TracerProvider = field(factory=TracerProvider)
    clock: ManualClock = field(factory=ManualClock)

    def telemetry(self, meters: MeterProvider | None = None) -> OpenTelemetry:
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        meters = meters or MeterProvider(metric_readers=[self.reader])
        return OpenTelemetry(tracer_provider=self.tracers, meter_provider=meters)

    def finished(self) -> dict[str, ReadableSpan]:
        """Return the spans by name."""
        return {span.name: span for span in self.spans.get_finished_spans()}

    def metrics(self) -> dict[str, list[Any]]:
        """Return the data points of each metric, by name."""
        data = self.reader.get_metrics_data()
        return {
            metric.name: list(metric.data.data_points)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def everything(self) -> str:
        """Return all spans and metrics as text."""
        data = self.reader.get_metrics_data()
        spans = [json.loads(span.to_json()) for span in self.spans.get_finished_spans()]
        return json.dumps(spans) + (data.to_json() if data else "")


@pytest.fixture
def observed() -> Iterator[Observed]:
    observed = Observed()
    yield observed
    observed.tracers.shutdown()
