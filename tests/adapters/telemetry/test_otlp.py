"""Traces and metrics on their way to a receiver of another project, over OTLP."""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from google.protobuf.json_format import MessageToJson
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from oteltest.sink import HttpSink
from oteltest.sink.handler import AccumulatingHandler

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger, Worker
from messaging_core.models import StatusReceipt
from messaging_core.models.delivery.receipt import ReceiptStatus
from messaging_core.testing import RecordingTransport
from tests.adapters.telemetry.conftest import NUMBER, SECRETS, TEXTS, WORDS, Observed

PATIENCE = 30.0


@contextmanager
def receiving() -> Iterator[tuple[AccumulatingHandler, str]]:
    """Run the receiver on a free port."""
    handler = AccumulatingHandler()
    sink = started(handler)
    try:
        yield handler, f"http://127.0.0.1:{sink.port}/v1"
    finally:
        sink.stop()


def started(handler: AccumulatingHandler) -> HttpSink:
    """Start the receiver; another process may take its port before it does."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        sink = HttpSink(handler, logging.getLogger("otlp"), port=port)
        sink.start()
        while sink.svr_thread.is_alive() and time.monotonic() < deadline:
            if sink.httpd is not None:
                return sink
            time.sleep(0.01)
    pytest.fail("the receiver does not start")


def test_a_collector_gets_one_trace_and_the_metrics(observed: Observed) -> None:
    with receiving() as (handler, url):
        observed.tracers.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{url}/traces"))
        )
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{url}/metrics"))
        meters = MeterProvider(metric_readers=[reader])
        telemetry = observed.telemetry(meters)
        messenger = Messenger(
            storage=MemoryStorage(), channels={TEXTS: RecordingTransport()}, telemetry=telemetry
        )
        telemetry.watch(messenger)
        with observed.tracers.get_tracer("host").start_as_current_span("POST /orders"):
            message = messenger.send(TEXTS, to=NUMBER, text=WORDS)
        Worker(messenger).drain()
        messenger.receive(
            StatusReceipt(
                source="recording",
                key="1",
                at=message.created_at,
                message_id=message.id,
                status=ReceiptStatus.DELIVERED,
            )
        )
        meters.shutdown()
        observed.tracers.shutdown()

    requests = [request.pbreq for request in handler.telemetry.get_trace_requests()]
    spans = [
        span
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert {span.name for span in spans} == {
        *("POST /orders", "send texts", "deliver texts", "report texts")
    }
    assert len({span.trace_id for span in spans}) == 1
    measured = [request.pbreq for request in handler.telemetry.get_metric_requests()]
    text = "".join(map(MessageToJson, [*requests, *measured]))
    assert "messaging_engine.backlog" not in text  # nothing is due
    for name in ("messages", "oldest_overdue", "in_doubt", "dead_letters", "ready"):
        assert f'"messaging_engine.{name}"' in text
    assert [secret for secret in SECRETS if secret in text] == []
