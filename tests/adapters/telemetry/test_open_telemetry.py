"""Traces and metrics of OpenTelemetry, with its SDK and exporters in memory."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.telemetry.open_telemetry import OpenTelemetry
from messaging_core import Messenger, Worker
from messaging_core.aio import AsyncMessenger
from messaging_core.errors import InvalidMessageError, StorageError
from messaging_core.models import (
    Accepted,
    Deferred,
    Event,
    IncomingMessage,
    Operation,
    Outcome,
    Rejected,
    StatusCount,
    StatusReceipt,
    TextBody,
    Unknown,
)
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.delivery.receipt import ReceiptStatus
from messaging_core.notifications.audience import MappedAudience
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.telemetry import Done, Telemetry
from messaging_core.testing import ManualClock, RecordingTransport, a_failure
from tests.adapters.telemetry.conftest import NUMBER, SECRETS, TEXTS, WORDS, Observed

REFERENCE = "SM1"
SENT = Accepted(references=(REFERENCE,))


class Shop:
    """An engine on a storage; another one on the same storage is as one in another process."""

    def __init__(
        self, observed: Observed, storage: Storage, telemetry: Telemetry, *answers: Outcome
    ) -> None:
        self.messenger = Messenger(
            storage=storage,
            channels={TEXTS: RecordingTransport(answers or (SENT,))},
            clock=observed.clock,
            telemetry=telemetry,
            audience=MappedAudience(lambda _, values: (u for u in USERS if u["_id"] in values)),
        )

    def send(self, text: str = WORDS) -> None:
        self.messenger.send(TEXTS, to=NUMBER, text=text)

    def deliver(self) -> None:
        Worker(self.messenger).drain()

    def report(self, clock: ManualClock, **fields: Any) -> None:
        receipt = StatusReceipt(
            source="recording",
            key=f"1 {fields}",
            at=clock.now(),
            reference=REFERENCE,
            recipient=NUMBER,
            **fields,
        )
        self.messenger.receive(receipt)


@pytest.fixture
def shop(observed: Observed) -> Callable[..., Shop]:
    storage, telemetry = MemoryStorage(), observed.telemetry()
    return lambda *answers: Shop(observed, storage, telemetry, *answers)


def test_one_trace_goes_from_the_request_to_the_receipt(observed: Observed, tmp_path: Path) -> None:
    telemetry, host = observed.telemetry(), observed.tracers.get_tracer("host")
    with SqliteStorage(tmp_path / "shop.db") as storage:
        with host.start_as_current_span("POST /orders"):
            Shop(observed, storage, telemetry).send()
        Shop(observed, storage, telemetry).deliver()
        with host.start_as_current_span("POST /webhooks"):
            Shop(observed, storage, telemetry).report(
                observed.clock, status=ReceiptStatus.DELIVERED
            )
    spans = observed.finished()
    request, webhook = spans["POST /orders"], spans["POST /webhooks"]
    send, deliver, report = (spans[f"{kind} texts"] for kind in ("send", "deliver", "report"))

    assert {span.context.trace_id for span in (send, deliver, report)} == {request.context.trace_id}
    parents = [span.parent.span_id for span in (send, deliver, report) if span.parent]
    assert parents == [request.context.span_id, send.context.span_id, send.context.span_id]
    assert [link.context for link in report.links] == [webhook.context]
    assert [span.kind for span in (send, deliver, report)] == [
        SpanKind.PRODUCER,
        SpanKind.CONSUMER,
        SpanKind.CONSUMER,
    ]
    ids = {span.attributes["messaging.message.id"] for span in (send, deliver, report)}
    assert len(ids) == 1
    assert dict(deliver.attributes) == {
        "messaging.system": "messaging_engine",
        "messaging.operation.name": "deliver",
        "messaging.operation.type": "process",
        "messaging.destination.name": "texts",
        "messaging.message.id": ids.pop(),
        "messaging_engine.workspace": str(TEXTS.workspace),
        "messaging_engine.platform": "sms",
        "messaging_engine.attempt": 1,
        "messaging_engine.provider": "recording",
        "messaging_engine.outcome": "accepted",
    }


def test_spans_of_a_transport_are_below_the_attempt(observed: Observed) -> None:
    inner = observed.tracers.get_tracer("http client")

    class Provider(RecordingTransport):
        def send(self, *arguments: Any) -> Any:
            with inner.start_as_current_span("POST"):
                return super().send(*arguments)

    messenger = Messenger(
        storage=MemoryStorage(), channels={TEXTS: Provider()}, telemetry=observed.telemetry()
    )
    messenger.send(TEXTS, to=NUMBER, text=WORDS)
    Worker(messenger).drain()

    spans = observed.finished()
    assert spans["POST"].parent == spans["deliver texts"].context


BODY = {"type": "text", "text": {"text": WORDS}}
USERS = [{"_id": name, "phoneNumber": NUMBER} for name in ("ada", "grace")]
CALLS: dict[str, Callable[[Messenger], Any]] = {
    "send_many": lambda messenger: messenger.send_many(TEXTS, [{"to": NUMBER, "text": "a"}] * 2),
    "send_batch": lambda messenger: messenger.send_batch(
        TEXTS, [{"receiver": {"contacts": [{"identifierValue": NUMBER}]}, "body": BODY}] * 2
    ),
    "notify": lambda messenger: messenger.notify(
        {
            "channels": ["sms"],
            "recipients": ["ada", "grace"],
            "messageTitle": "Code",
            "messageContent": WORDS,
        }
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_several_messages_of_a_call_are_one_span(
    name: str, observed: Observed, shop: Callable[..., Shop]
) -> None:
    messenger = shop(SENT, SENT).messenger
    CALLS[name](messenger)
    Worker(messenger).drain()

    spans = observed.spans.get_finished_spans()
    send, *attempts = spans
    # A notification may be for several channels.
    assert send.name == ("send" if name == "notify" else "send texts")
    assert send.attributes["messaging.batch.message_count"] == 2
    assert [span.name for span in attempts] == ["deliver texts"] * 2
    assert [span.parent.span_id for span in attempts if span.parent] == [send.context.span_id] * 2


def test_a_call_of_an_event_loop_has_its_own_trace(
    observed: Observed, shop: Callable[..., Shop]
) -> None:
    host = observed.tracers.get_tracer("host")
    with host.start_as_current_span("request"):
        sending = AsyncMessenger(shop().messenger).send(TEXTS, to=NUMBER, text=WORDS)
        message = asyncio.run(sending)
    spans = observed.finished()

    assert spans["send texts"].parent == spans["request"].context
    assert spans["send texts"].attributes["messaging.message.id"] == str(message.id)


def test_the_metrics_tell_what_became_of_messages(
    observed: Observed, shop: Callable[..., Shop]
) -> None:
    doubt, gone = Unknown(failure=a_failure(12005)), Rejected(failure=a_failure(15005))
    own = shop(SENT, gone, Deferred(failure=a_failure(15003)), doubt)
    for _ in range(4):
        own.send()
    with pytest.raises(InvalidMessageError):
        own.send(text="")
    own.deliver()
    own.report(observed.clock, status=ReceiptStatus.DELIVERED)
    metrics = observed.metrics()

    counted = {
        (point.attributes["messaging_engine.status"], point.attributes.get("error.type")): (
            point.value
        )
        for point in metrics["messaging_engine.messages"]
    }
    assert counted == {
        ("accepted", None): 4,
        ("refused", None): 1,
        ("sent", None): 1,
        ("sending_failed", "unknown_receiver"): 1,
        ("delivered", None): 1,
    }
    attempts = {
        point.attributes["messaging_engine.outcome"]: point.count
        for point in metrics["messaging.process.duration"]
        if point.attributes["messaging.operation.name"] == "deliver"
    }
    assert attempts == {"accepted": 1, "rejected": 1, "deferred": 1, "unknown": 1}
    assert sum(point.value for point in metrics["messaging.client.sent.messages"]) == 5
    assert sum(point.value for point in metrics["messaging.client.consumed.messages"]) == 5


def test_the_gauges_show_the_health(observed: Observed) -> None:
    telemetry = observed.telemetry()
    own = Shop(observed, MemoryStorage(), telemetry, Rejected(failure=a_failure(15002)))
    telemetry.watch(own.messenger)
    own.send()
    own.deliver()
    own.send()
    observed.clock.advance(seconds=90)
    metrics = observed.metrics()

    values = {
        name: [point.value for point in points]
        for name, points in metrics.items()
        if not name.endswith("duration")
    }
    assert values["messaging_engine.backlog"] == [1]
    assert values["messaging_engine.oldest_overdue"] == [90.0]
    assert values["messaging_engine.dead_letters"] == [1]
    assert values["messaging_engine.in_doubt"] == values["messaging_engine.ready"] == [0]
    (backlog,) = metrics["messaging_engine.backlog"]
    assert backlog.attributes["messaging.destination.name"] == "texts"
    assert backlog.attributes["messaging_engine.lane"] == "transactional"


def test_the_health_is_read_once_for_all_gauges_however_long_it_takes(
    observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds, reads = [0.0], []

    class Slow(MemoryStorage):
        def begin(self, *options: Any, **named: Any) -> Any:
            reads.append(named)
            seconds[0] += 5
            return super().begin(*options, **named)

    telemetry = observed.telemetry()
    own = Shop(observed, Slow(), telemetry).messenger
    reads.clear()
    own.health()
    of_one = len(reads)
    telemetry.watch(own)
    monkeypatch.setattr("time.monotonic", lambda: seconds[0])

    assert "messaging_engine.ready" in observed.metrics()
    assert len(reads) == 2 * of_one


def test_a_storage_that_fails_stops_no_collection(
    observed: Observed, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(MemoryStorage):
        def begin(self, *_: Any, **__: Any) -> Any:
            raise StorageError(NUMBER)

    telemetry = observed.telemetry()
    telemetry.watch(Shop(observed, Broken(), telemetry).messenger)

    assert "messaging_engine.ready" not in observed.metrics()
    assert "the health could not be observed: StorageError" in caplog.text
    assert NUMBER not in caplog.text


def test_no_span_and_no_metric_has_an_address_or_content(
    observed: Observed, caplog: pytest.LogCaptureFixture
) -> None:
    class Quoting(RecordingTransport):
        def send(self, envelope: Any, handoff: Any) -> Any:
            if len(self.sent) == 2:
                handoff.begin()
                raise ValueError(f"{NUMBER}: {WORDS}")
            return super().send(envelope, handoff)

    quoting = f"{NUMBER} does not want {WORDS}"
    answers = [SENT, Rejected(failure=a_failure(15002, description=quoting))]
    telemetry = observed.telemetry()
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={TEXTS: Quoting(answers)},
        clock=observed.clock,
        telemetry=telemetry,
    )
    telemetry.watch(messenger)
    for _ in range(3):
        messenger.send(TEXTS, to=NUMBER, text=WORDS)
    with pytest.raises(InvalidMessageError):
        messenger.send(TEXTS, to=f"{NUMBER}{WORDS}", text=WORDS)
    with caplog.at_level(logging.DEBUG):
        Worker(messenger).drain()
    messenger.receive(
        StatusReceipt(
            source="recording",
            key=NUMBER,
            at=observed.clock.now(),
            reference=REFERENCE,
            status=ReceiptStatus.FAILED,
            failure=a_failure(15004, description=quoting),
            provider_status=quoting,
        )
    )
    text = observed.everything()

    assert [name for name in ("send texts", "deliver texts", "report texts") if name in text]
    assert len(observed.spans.get_finished_spans()) == 8
    assert [secret for secret in SECRETS if secret in text] == []
    failed = [span.status for span in observed.spans.get_finished_spans()]
    assert {status.description for status in failed} == {None}
    assert StatusCode.ERROR in {status.status_code for status in failed}


class Broken(Telemetry):
    """Fails in one method, or in what it returns."""

    def __init__(self, method: str) -> None:
        self._method = method

    def _fail(self, method: str) -> None:
        if method == self._method:
            raise SystemExit(NUMBER)

    def trace(self) -> str | None:
        self._fail("trace")
        return "no traceparent"

    def operation(self, operation: Operation) -> AbstractContextManager[Done]:  # noqa: ARG002
        self._fail("operation")
        return BrokenContext(self._fail)

    def count(self, count: StatusCount) -> None:  # noqa: ARG002
        self._fail("count")


class BrokenContext(AbstractContextManager[Done]):
    """Fails when it is entered, left or told."""

    def __init__(self, fail: Callable[[str], None]) -> None:
        self._fail = fail

    def __enter__(self) -> Done:
        self._fail("enter")
        return lambda _: self._fail("done")

    def __exit__(self, *_: object) -> None:
        self._fail("exit")


@pytest.mark.parametrize("method", ["trace", "operation", "count", "enter", "exit", "done"])
def test_a_telemetry_that_fails_changes_nothing(
    method: str, observed: Observed, caplog: pytest.LogCaptureFixture
) -> None:
    own = Shop(observed, MemoryStorage(), Broken(method))
    own.send()
    own.deliver()
    own.report(observed.clock, status=ReceiptStatus.DELIVERED)
    (message,) = own.messenger.find().results

    assert message.status == "delivered"
    assert "the telemetry failed" in caplog.text
    assert NUMBER not in caplog.text


@pytest.mark.parametrize("trace", [42, b"00-1", "x" * 65])
def test_a_trace_that_cannot_be_stored_is_left_out(
    trace: Any, observed: Observed, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd(Broken):
        def trace(self) -> str | None:
            return cast("str", trace)

    own = Shop(observed, MemoryStorage(), Odd("nothing"))
    own.send()
    own.deliver()

    assert [message.status for message in own.messenger.find().results] == ["sent"]
    assert "no text of at most 64 characters" in caplog.text


def test_a_trace_that_is_none_begins_a_new_one(observed: Observed) -> None:
    storage = MemoryStorage()
    Shop(observed, storage, Broken("count")).send()
    Shop(observed, storage, observed.telemetry()).deliver()

    assert observed.finished()["deliver texts"].parent is None


def test_without_an_sdk_nothing_is_recorded_and_nothing_is_stored(observed: Observed) -> None:
    own = Shop(observed, MemoryStorage(), OpenTelemetry())
    own.send()
    own.deliver()
    (message,) = own.messenger.find().results

    assert message.status == "sent"
    assert own.messenger.timeline(message.id)[0].trace is None


def test_subscribers_to_events_see_the_trace(observed: Observed, shop: Callable[..., Shop]) -> None:
    events: list[Event] = []
    own = shop()
    own.messenger.subscribe(events.append, name="crm", kinds=[EventKind.ADMITTED])
    own.send()
    own.deliver()
    (event,) = events

    span = observed.finished()["send texts"].context
    assert event.trace is not None
    assert event.trace.startswith(f"00-{span.trace_id:032x}-{span.span_id:016x}-")


def test_a_replay_is_a_span_whose_trace_the_new_message_continues(
    observed: Observed, shop: Callable[..., Shop]
) -> None:
    own, host = shop(Rejected(failure=a_failure()), SENT), observed.tracers.get_tracer("host")
    own.send()
    own.deliver()
    (dead,) = own.messenger.dead_letters().results
    observed.spans.clear()

    with host.start_as_current_span("POST /replay"):
        own.messenger.replay(dead.id)
    own.deliver()

    spans = observed.finished()
    request, send, deliver = (
        spans[name] for name in ("POST /replay", "send texts", "deliver texts")
    )
    assert send.parent is not None
    assert send.parent.span_id == request.context.span_id
    assert deliver.parent is not None
    assert deliver.parent.span_id == send.context.span_id


def test_the_answer_to_a_keyword_is_a_span_whose_trace_its_delivery_continues(
    observed: Observed, shop: Callable[..., Shop]
) -> None:
    own, host = shop(), observed.tracers.get_tracer("host")
    stop = IncomingMessage(
        source="recording",
        at=observed.clock.now(),
        channel_id=TEXTS.id,
        sender=NUMBER,
        body=TextBody(text="STOP"),
        reference="in-1",
    )

    with host.start_as_current_span("POST /incoming"):
        own.messenger.receive(stop)
    own.deliver()

    spans = observed.finished()
    request, send, deliver = (
        spans[name] for name in ("POST /incoming", "send texts", "deliver texts")
    )
    assert {span.context.trace_id for span in (send, deliver)} == {request.context.trace_id}
    assert deliver.parent is not None
    assert deliver.parent.span_id == send.context.span_id
    assert not [secret for secret in SECRETS if secret in observed.everything()]
