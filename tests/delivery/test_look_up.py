"""The engine asks a provider about a message in doubt before it sends it again or gives it up."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.failover import Failover
from messaging_adapters.transports.composition.throttled import Throttled
from messaging_core import DeliveryReport, Message, Messenger, Status, Worker
from messaging_core.models import (
    Accepted,
    Capabilities,
    Channel,
    Deferred,
    Doubts,
    Envelope,
    FailureCode,
    Outcome,
    Rejected,
    Retry,
    Unknown,
    WhenInDoubt,
)
from messaging_core.ports.transport import Transport
from messaging_core.testing import (
    ManualClock,
    RecordingTransport,
    a_channel,
    a_failure,
    a_request,
)

LOST = Unknown(failure=a_failure(FailureCode.IN_DOUBT, retry=Retry.AMBIGUOUS))
MISSING = Deferred(failure=a_failure())
DEAD = Rejected(failure=a_failure(FailureCode.UNKNOWN_RECEIVER, retry=Retry.RECIPIENT_GONE))
TAKEN = Accepted(references=("p-1",))
CHOICES = list(WhenInDoubt)


class Asked(RecordingTransport):
    """A provider that can be asked."""

    def __init__(self, *answers: Any, told: Any, **options: Any) -> None:
        super().__init__(answers, capabilities=Capabilities(looks_up=True), **options)
        self.told = told
        self.asked: list[Envelope] = []

    def look_up(self, envelope: Envelope) -> Outcome | None:
        self.asked.append(envelope)
        told = self.told() if callable(self.told) else self.told
        if isinstance(told, BaseException):
            raise told
        return told  # type: ignore[no-any-return]


class Engine:
    def __init__(
        self, transport: Transport, choice: WhenInDoubt = WhenInDoubt.RESEND, **options: Any
    ) -> None:
        self.clock = ManualClock()
        self.channel: Channel = a_channel("orders", when_in_doubt=choice)
        self.messenger = Messenger(
            storage=MemoryStorage(), channels={self.channel: transport}, clock=self.clock
        )
        self.worker = Worker(self.messenger, threads=1, random=lambda: 0.5, **options)

    def send(self, text: str = "hi") -> Message:
        return self.messenger.send(self.channel, a_request(text, to="+31612345678"))

    def in_doubt(self) -> Message:
        """Return a message in doubt about which the provider is asked next."""
        message = self.send()
        assert self.worker.drain() == DeliveryReport(waiting=1)
        assert self.messenger.get(message.id).details == "in_doubt"
        self.clock.advance(minutes=2)
        return message


@pytest.mark.parametrize("choice", CHOICES)
def test_a_message_that_the_provider_has_is_sent_and_not_sent_again(choice: WhenInDoubt) -> None:
    transport = Asked(LOST, told=TAKEN)
    engine = Engine(transport, choice)
    message = engine.in_doubt()

    assert engine.worker.drain() == DeliveryReport(sent=1)

    state = engine.messenger.get(message.id)
    assert (state.status, state.details, state.references) == (Status.SENT, None, ("p-1",))
    assert len(transport.sent) == 1
    assert [envelope.message_id for envelope in transport.asked] == [message.id]
    assert engine.messenger.doubts() == Doubts(opened=1, reported=1)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_message_that_the_provider_does_not_have_is_sent_again_without_doubt(
    choice: WhenInDoubt,
) -> None:
    transport = Asked(LOST, TAKEN, told=MISSING)
    engine = Engine(transport, choice)
    message = engine.in_doubt()

    assert engine.worker.drain() == DeliveryReport(sent=1)

    assert engine.messenger.get(message.id).status is Status.SENT
    assert len(transport.sent) == 2
    assert engine.messenger.doubts() == Doubts(opened=1, reported=1)


def test_a_second_doubt_is_another_one() -> None:
    transport = Asked(LOST, LOST, told=MISSING)
    engine = Engine(transport)
    message = engine.in_doubt()

    assert engine.worker.drain() == DeliveryReport(waiting=1)

    assert engine.messenger.get(message.id).details == "in_doubt"
    assert engine.messenger.doubts() == Doubts(opened=2, reported=1)


def test_a_retry_that_is_deferred_leaves_no_doubt() -> None:
    transport = Asked(LOST, MISSING, told=MISSING)
    engine = Engine(transport, WhenInDoubt.PARK)
    message = engine.in_doubt()

    assert engine.worker.drain() == DeliveryReport(waiting=1)

    state = engine.messenger.get(message.id)
    assert (state.status, state.details) == (Status.PROCESSING, None)
    assert engine.messenger.doubts() == Doubts(opened=1, reported=1)


def test_a_message_that_the_provider_gave_up_has_failed() -> None:
    transport = Asked(LOST, told=DEAD)
    engine = Engine(transport)
    message = engine.in_doubt()

    assert engine.worker.drain() == DeliveryReport(failed=1)

    state = engine.messenger.get(message.id)
    assert state.status is Status.SENDING_FAILED
    assert state.failure is not None
    assert state.failure.code == FailureCode.UNKNOWN_RECEIVER
    assert len(transport.sent) == 1
    assert engine.messenger.doubts() == Doubts(opened=1, reported=1)


@pytest.mark.parametrize(
    "told",
    [
        *(None, LOST, ValueError("s3cret"), SystemExit(), "taken"),
        Accepted(references=("p-0",)),
        evolve(DEAD, references=("p-0",)),
    ],
)
@pytest.mark.parametrize(
    ("choice", "report"),
    [
        (WhenInDoubt.RESEND, DeliveryReport(sent=1)),
        (WhenInDoubt.FAIL, DeliveryReport(failed=1)),
        (WhenInDoubt.PARK, DeliveryReport(waiting=1)),
    ],
)
def test_where_the_provider_cannot_tell_the_channel_decides(
    told: object, choice: WhenInDoubt, report: DeliveryReport, caplog: pytest.LogCaptureFixture
) -> None:
    # The provider finds p-0 by its text and receiver, but that is the message before.
    transport = Asked(Accepted(references=("p-0",)), LOST, TAKEN, told=told)
    engine = Engine(transport, choice)
    engine.send()
    assert engine.worker.drain() == DeliveryReport(sent=1)
    engine.in_doubt()

    assert engine.worker.drain() == report

    assert len(transport.asked) == 1
    assert len(transport.sent) == (3 if choice is WhenInDoubt.RESEND else 2)
    assert "s3cret" not in caplog.text


def test_two_messages_do_not_fail_by_the_one_that_the_provider_gave_up() -> None:
    gone = evolve(DEAD, references=("p-1",))
    transport = Asked(LOST, LOST, TAKEN, told=gone)
    engine = Engine(transport)
    first, second = engine.send(), engine.send()
    engine.worker.drain()
    engine.clock.advance(minutes=2)

    assert engine.worker.drain() == DeliveryReport(sent=1, failed=1)

    states = [engine.messenger.get(message.id) for message in (first, second)]
    assert [state.status for state in states] == [Status.SENDING_FAILED, Status.SENT]
    assert states[0].references == ("p-1",)


def test_a_provider_that_recognises_messages_is_not_asked() -> None:
    transport = Asked(LOST, TAKEN, told=DEAD)
    transport.capabilities = evolve(transport.capabilities, deduplicates_for=timedelta(days=1))
    engine = Engine(transport)
    engine.send()
    engine.worker.drain()
    engine.clock.advance(minutes=2)

    assert engine.worker.drain() == DeliveryReport(sent=1)

    assert transport.asked == []


def test_a_message_without_doubt_is_not_asked_about() -> None:
    transport = Asked(MISSING, TAKEN, told=DEAD)
    engine = Engine(transport)
    engine.send()
    engine.worker.drain()
    engine.clock.advance(minutes=2)

    assert engine.worker.drain() == DeliveryReport(sent=1)

    assert transport.asked == []


@pytest.mark.parametrize("wrap", [lambda inner: Throttled(inner, 100), Failover])
def test_the_provider_behind_another_transport_is_asked(
    wrap: Callable[[Transport], Transport],
) -> None:
    transport = Asked(LOST, told=TAKEN)
    engine = Engine(wrap(transport))
    message = engine.in_doubt()

    assert engine.worker.drain() == DeliveryReport(sent=1)

    assert engine.messenger.get(message.id).references == ("p-1",)


@pytest.mark.parametrize(
    ("first", "second", "sent"),
    [
        (MISSING, TAKEN, 0),
        (None, TAKEN, 0),
        (MISSING, MISSING, 1),
        (DEAD, MISSING, 0),
        (MISSING, None, 1),
    ],
)
def test_of_several_providers_each_is_asked(first: object, second: object, sent: int) -> None:
    primary, other = Asked(LOST, TAKEN, told=first, name="a"), Asked(told=second, name="b")
    engine = Engine(Failover(primary, other))
    engine.in_doubt()

    engine.worker.drain()

    assert len(primary.asked) == len(other.asked) == 1
    assert len(primary.sent) - 1 == sent


def test_a_provider_that_takes_too_long_to_answer_is_given_up() -> None:
    answered = threading.Event()
    transport = Asked(LOST, TAKEN, told=lambda: answered.wait(10) and TAKEN)
    engine = Engine(transport, timeout=timedelta(seconds=0.3))
    message = engine.in_doubt()
    threading.Timer(1, answered.set).start()

    assert engine.worker.drain() == DeliveryReport(waiting=1)

    state = engine.messenger.get(message.id)
    assert (state.status, state.details) == (Status.PROCESSING, "in_doubt")
    assert len(transport.sent) == 1
    assert engine.messenger.doubts() == Doubts(opened=1)


def test_a_message_that_expires_while_the_provider_is_asked_is_not_sent() -> None:
    def wait() -> Outcome:
        engine.clock.advance(hours=40)
        return MISSING

    transport = Asked(LOST, TAKEN, told=wait)
    engine = Engine(transport)
    message = engine.in_doubt()

    assert engine.worker.drain() == DeliveryReport(failed=1)

    assert engine.messenger.get(message.id).reason == "expired"
    assert len(transport.sent) == 1
    assert engine.messenger.doubts() == Doubts(opened=1, reported=1)
