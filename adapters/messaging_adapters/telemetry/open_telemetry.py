"""Traces and metrics by the messaging conventions of OpenTelemetry.

The conventions are in development there, so that names may change with them.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from attrs import define

from messaging_core.errors import MissingDependencyError
from messaging_core.messenger import Messenger
from messaging_core.models.delivery.telemetry import (
    Operation,
    OperationKind,
    OperationResult,
    StatusCount,
)
from messaging_core.ports.telemetry import Done, Telemetry

try:
    from opentelemetry import context as otel_context
    from opentelemetry import metrics, trace
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Link, SpanKind, Status, StatusCode, TracerProvider
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    from messaging_adapters.telemetry._health_gauges import add_gauges
except ImportError as error:
    raise MissingDependencyError("opentelemetry-api", "otel") from error

_NAME: Final = "messaging_engine"
_PARENT: Final = "traceparent"
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_MILLIARD: Final = 1_000_000_000

# The operation type of the conventions, and the kind of its span.
_SEMANTICS: Final = {
    OperationKind.SEND: ("send", SpanKind.PRODUCER),
    OperationKind.DELIVER: ("process", SpanKind.CONSUMER),
    OperationKind.REPORT: ("process", SpanKind.CONSUMER),
}

Attributes = dict[str, str | int]


class OpenTelemetry(Telemetry):
    """Record spans and metrics through the API of OpenTelemetry.

    Without an SDK, which the host configures, nothing is recorded. Spans and metrics have the names
    of channels and transports and the ids of messages and workspaces, and no address or content.

    Args:
        tracer_provider: Makes the spans; by default the global one.
        meter_provider: Makes the metrics; by default the global one.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(_NAME, _version(), tracer_provider)
        meter = self._meter = metrics.get_meter(_NAME, _version(), meter_provider)
        self._propagator = TraceContextTextMapPropagator()
        self._durations = meter.create_histogram(
            "messaging.client.operation.duration",
            unit="s",
            description="Duration of calls that accept messages.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._processing = meter.create_histogram(
            "messaging.process.duration",
            unit="s",
            description="Duration of delivery attempts, and of applying receipts.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._sent = meter.create_counter(
            "messaging.client.sent.messages",
            unit="{message}",
            description="Messages that the host asked to accept.",
        )
        self._consumed = meter.create_counter(
            "messaging.client.consumed.messages",
            unit="{message}",
            description="Messages that a transport was called for, and receipts that were applied.",
        )
        self._statuses = meter.create_counter(
            "messaging_engine.messages",
            unit="{message}",
            description="Messages that reached a status.",
        )

    def trace(self) -> str | None:
        """Return the `traceparent` of the current span."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get(_PARENT)

    def operation(self, operation: Operation) -> AbstractContextManager[Done]:
        """Return the context of a span; the time of the operation is recorded at its end."""
        return self._span(operation)

    @contextmanager
    def _span(self, operation: Operation) -> Iterator[Done]:
        kind, span_kind = _SEMANTICS[operation.kind]
        attributes = _attributes_of(operation, kind)
        parent, links = self._parent_of(operation)
        ended_at = time.time_ns()
        began = time.perf_counter() - operation.took.total_seconds()
        end = _End()
        with self._tracer.start_as_current_span(
            " ".join(filter(None, (operation.kind, operation.channel))),
            context=parent,
            kind=span_kind,
            attributes=attributes,
            links=links,
            start_time=ended_at - int(operation.took.total_seconds() * _MILLIARD),
            # The text of an exception may quote an address.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield end.set
            except BaseException as error:
                end.set(OperationResult(outcome="error", error=type(error).__name__))
                raise
            finally:
                if span.is_recording():
                    span.set_attributes(_result_attributes(end.result))
                    if end.result and end.result.error:
                        span.set_status(Status(StatusCode.ERROR))
                self._record(operation, attributes, end.result, time.perf_counter() - began)

    def _parent_of(self, operation: Operation) -> tuple[otel_context.Context | None, list[Link]]:
        """Return the parent of a span, and links to other spans that it has to do with.

        An attempt, or a receipt, continues the trace of its message. If it takes place in another
        trace, such as that of the request of a provider, it is linked to that.
        """
        if operation.trace is None:
            return None, []
        parent = self._propagator.extract({_PARENT: operation.trace}, otel_context.Context())
        around = trace.get_current_span().get_span_context()
        return parent, [Link(around)] if around.is_valid else []

    def _record(
        self,
        operation: Operation,
        attributes: Mapping[str, str | int],
        result: OperationResult | None,
        seconds: float,
    ) -> None:
        labels = {key: value for key, value in attributes.items() if key not in _ONLY_OF_SPANS}
        if result and result.error:
            labels["error.type"] = result.error
        if operation.kind is OperationKind.SEND:
            self._durations.record(seconds, labels)
            self._sent.add(operation.number, labels)
        else:
            labels |= _outcome(result)
            self._processing.record(seconds, labels)
            self._consumed.add(operation.number, labels)

    def count(self, count: StatusCount) -> None:
        """Add to the number of messages that reached a status."""
        labels: Attributes = {
            "messaging.system": _NAME,
            "messaging_engine.workspace": str(count.workspace),
            "messaging_engine.status": str(count.status),
        }
        if count.channel:
            labels["messaging.destination.name"] = count.channel
        if count.platform:
            labels["messaging_engine.platform"] = count.platform
        if count.error:
            labels["error.type"] = count.error
        self._statuses.add(count.number, labels)

    def watch(self, messenger: Messenger) -> None:
        """Let each collection of metrics show the health of an engine, as gauges.

        Each collection reads the storage, in one transaction. Call it once, in one process of all
        that use a storage: the figures are of the storage, not of the process.
        """
        add_gauges(self._meter, messenger)


@define
class _End:
    """Remembers how an operation ended."""

    result: OperationResult | None = None

    def set(self, result: OperationResult) -> None:
        self.result = result


_ONLY_OF_SPANS: Final = frozenset(
    {
        "messaging.message.id",
        "messaging.batch.message_count",
        "messaging_engine.attempt",
        "messaging_engine.workspace",
    }
)
"""What would make too many series of a histogram."""


def _attributes_of(operation: Operation, kind: str) -> Attributes:
    attributes: dict[str, Any] = {
        "messaging.system": _NAME,
        "messaging.operation.name": str(operation.kind),
        "messaging.operation.type": kind,
        "messaging.destination.name": operation.channel,
        "messaging.message.id": operation.message_id and str(operation.message_id),
        "messaging.batch.message_count": operation.number if operation.number != 1 else None,
        "messaging_engine.workspace": operation.workspace and str(operation.workspace),
        "messaging_engine.platform": operation.platform,
        "messaging_engine.attempt": operation.attempt,
        "messaging_engine.provider": operation.provider,
    }
    return {key: value for key, value in attributes.items() if value is not None}


def _result_attributes(result: OperationResult | None) -> Attributes:
    attributes: Attributes = dict(_outcome(result))
    if result and result.message_id:
        attributes["messaging.message.id"] = str(result.message_id)
    if result and result.error:
        attributes["error.type"] = result.error
    return attributes


def _outcome(result: OperationResult | None) -> Attributes:
    return {"messaging_engine.outcome": str(result.outcome)} if result else {}


def _version() -> str:
    try:
        return version("messaging-engine")
    except PackageNotFoundError:  # a copy of the source on the path
        return "unknown"
