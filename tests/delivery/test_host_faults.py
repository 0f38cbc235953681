"""Whatever the host's own code raises costs one message a crash, and no thread."""

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import ConfigurationError, DeliveryReport, Messenger, Status, Worker
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.outcome import Accepted, Outcome
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.transport import Capabilities, Handoff
from messaging_core.testing import (
    BeforeHandoff,
    ManualClock,
    RecordingTransport,
    a_channel,
    a_request,
)

PATIENCE = 10.0
SECRET = "+31612345678"
ORDERS, CODES = a_channel("orders"), a_channel("codes", message_type="2fa")


class NoException(BaseException):
    """As pytest's own outcomes are."""


KINDS: list[BaseException] = [
    SystemExit(SECRET),
    KeyboardInterrupt(SECRET),
    asyncio.CancelledError(SECRET),
    GeneratorExit(SECRET),
    pytest.fail.Exception(SECRET),
    NoException(SECRET),
]
kinds = pytest.mark.parametrize("error", KINDS, ids=lambda error: type(error).__name__)


class Raising(RecordingTransport):
    """Raises on messages whose reference is `bad`, before or after it asks for leave."""

    def __init__(self, error: BaseException, *, after: bool = False) -> None:
        super().__init__()
        self.error = error
        self.after = after

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        if envelope.reference == "bad":
            if self.after:
                handoff()
            raise self.error
        return super().send(envelope, handoff)


def drained(worker: Worker) -> DeliveryReport:
    """Drain on another thread: a drain that does not end must not stop the tests."""
    reports: list[DeliveryReport] = []
    thread = threading.Thread(target=lambda: reports.append(worker.drain()), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    return reports[0]


def crashes(messenger: Messenger, message_id: Any) -> int:
    with messenger.storage.begin(read_only=True) as tx:
        delivery = tx.outbox.delivery(DEFAULT_WORKSPACE, message_id)
    assert delivery is not None
    return delivery.crashes


@kinds
def test_what_a_transport_raises_before_the_hand_over_is_a_crash_of_its_message(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: Raising(error)})
    first = messenger.send(ORDERS, a_request(reference="bad"))
    second = messenger.send(ORDERS, a_request())

    report = drained(Worker(messenger, threads=1))

    assert report == DeliveryReport(sent=1, waiting=1)
    assert crashes(messenger, first.id) == 1
    assert messenger.get(second.id).status is Status.SENT
    assert f"{type(error).__name__} at " in caplog.text
    assert SECRET not in caplog.text


@kinds
def test_what_a_transport_raises_after_it_leaves_the_message_in_doubt(error: BaseException) -> None:
    transport = Raising(error, after=True)
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: transport})
    message = messenger.send(ORDERS, a_request(reference="bad"))

    assert drained(Worker(messenger, threads=1)) == DeliveryReport(waiting=1)
    assert messenger.get(message.id).details == "in_doubt"


@kinds
def test_run_goes_on_and_ends_whatever_a_transport_raises(error: BaseException) -> None:
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: Raising(error)})
    for _ in range(20):
        messenger.send(ORDERS, a_request(reference="bad"))
    good = messenger.send(ORDERS, a_request())
    stop = threading.Event()
    thread = threading.Thread(target=Worker(messenger, threads=2).run, args=(stop,), daemon=True)
    thread.start()

    deadline = monotonic() + PATIENCE
    while messenger.get(good.id).status is not Status.SENT and monotonic() < deadline:
        sleep(0.01)
    stop.set()
    thread.join(PATIENCE)

    assert not thread.is_alive()
    assert messenger.get(good.id).status is Status.SENT


class Failing(ManualClock):
    """Raises at some readings, counted from when it is armed."""

    def __init__(self) -> None:
        super().__init__()
        self.error: BaseException | None = None
        self.fails_at = range(0)
        self.readings = 0

    def now(self) -> datetime:
        if self.error is not None:
            self.readings += 1
            if self.readings in self.fails_at:
                raise self.error
        return super().now()


@kinds
@pytest.mark.parametrize("reading", range(2, 7))
def test_a_clock_that_fails_once_loses_nothing_and_sends_nothing_twice(
    error: BaseException, reading: int
) -> None:
    clock, transport = Failing(), RecordingTransport()
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: transport}, clock=clock)
    messages = [messenger.send(ORDERS, a_request()) for _ in range(2)]
    clock.error, clock.fails_at = error, range(reading, reading + 1)
    worker = Worker(messenger, threads=1)

    thread = threading.Thread(target=lambda: _swallow(worker.drain), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    for _ in range(3):
        clock.advance(hours=1)
        drained(worker)

    assert [messenger.get(message.id).status for message in messages] == [Status.SENT] * 2
    assert len({envelope.message_id for envelope in transport.sent}) == len(transport.sent) == 2


def _swallow(work: Callable[[], object]) -> None:
    with suppress(BaseException):  # it may end by raising, but it ends
        work()


@kinds
def test_a_worker_whose_clock_fails_for_good_ends(error: BaseException) -> None:
    clock = Failing()
    messenger = Messenger(
        storage=MemoryStorage(), channels={ORDERS: RecordingTransport()}, clock=clock
    )
    messenger.send_many(ORDERS, [a_request()] * 20)
    clock.error, clock.fails_at = error, range(3, 1_000_000)
    stop = threading.Event()
    work = [Worker(messenger, threads=2).drain, lambda: Worker(messenger).run(stop)]
    threads = [threading.Thread(target=_swallow, args=(task,), daemon=True) for task in work]
    for thread in threads:
        thread.start()
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)

    assert not any(thread.is_alive() for thread in threads)


@kinds
def test_a_random_source_that_raises_no_exception_costs_no_message(error: BaseException) -> None:
    def fails() -> float:
        raise error

    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: RecordingTransport()})
    messenger.send(ORDERS, a_request())

    assert drained(Worker(messenger, random=fails)) == DeliveryReport(sent=1)


def broken_send(_: Envelope, handoff: Handoff) -> Outcome:
    handoff()
    raise LookupError(SECRET)  # the line that the log names


def test_a_fault_is_logged_with_its_place_and_type_and_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Transport(RecordingTransport):
        def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
            return broken_send(envelope, handoff)

    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: Transport()})
    message = messenger.send(ORDERS, a_request())

    with caplog.at_level(logging.WARNING):
        drained(Worker(messenger))

    line = broken_send.__code__.co_firstlineno + 2
    assert f"message {message.id}: LookupError at {__file__}:{line}, called from " in caplog.text
    assert SECRET not in caplog.text


class Asynchronous(RecordingTransport):
    async def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:  # type: ignore[override]
        handoff()
        return Accepted(references=(envelope.message_id.hex,))


class Generator(RecordingTransport):
    def send(self, envelope: Envelope, handoff: Handoff) -> Iterator[Outcome]:  # type: ignore[override]
        handoff()
        yield Accepted(references=(envelope.message_id.hex,))


class Partial:
    name, capabilities = "partial", Capabilities()

    def __init__(self) -> None:
        self.send = functools.partial(Asynchronous().send)


class Caller:
    name, capabilities = "caller", Capabilities()

    class _Send:
        async def __call__(self, envelope: Envelope, handoff: Handoff) -> Outcome:
            handoff()
            return Accepted(references=(envelope.message_id.hex,))

    send = _Send()


class Nameless:
    capabilities = Capabilities()

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        handoff()
        return Accepted(references=(envelope.message_id.hex,))


class Incapable(Nameless):
    name = "incapable"
    capabilities = property()  # type: ignore[assignment] # raises AttributeError


@pytest.mark.parametrize(
    ("transport", "complaint"),
    [
        (None, "is None"),
        (RecordingTransport, "is the class RecordingTransport"),
        (Asynchronous(), "asynchronous"),
        (Generator(), "asynchronous"),
        (Partial(), "asynchronous"),
        (Caller(), "asynchronous"),
        (broken_send, "no method send"),
        ("console", "no method send"),
        (Nameless(), "no name"),
        (Incapable(), "no capabilities"),
    ],
)
def test_what_is_no_transport_is_refused_when_the_messenger_is_made(
    transport: Any, complaint: str
) -> None:
    with pytest.raises(
        ConfigurationError, match=f"the transport of channel 'orders' .*{complaint}"
    ):
        Messenger(storage=MemoryStorage(), channels={ORDERS: transport})


def test_a_send_that_turns_out_to_be_asynchronous_is_a_crash() -> None:
    class Hidden(RecordingTransport):
        def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
            return Asynchronous().send(envelope, handoff)  # type: ignore[return-value]

    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: Hidden()})
    message = messenger.send(ORDERS, a_request())

    assert drained(Worker(messenger)) == DeliveryReport(waiting=1)
    assert crashes(messenger, message.id) == 1


class TestAClockSetBack:
    def test_a_message_for_now_goes_now_whichever_worker_finds_it(self) -> None:
        for is_new in (True, False):
            clock, transport = ManualClock(), RecordingTransport()
            messenger = Messenger(storage=MemoryStorage(), channels={CODES: transport}, clock=clock)
            worker = Worker(messenger)
            if not is_new:
                worker.drain()
            messenger.send(CODES, a_request())
            clock.advance(hours=-1)

            assert drained(worker) == DeliveryReport(sent=1)

    def test_a_retry_waits_as_long_as_it_had_to(self) -> None:
        clock = ManualClock()
        transport = RecordingTransport([BeforeHandoff(ConnectionRefusedError()), None])
        messenger = Messenger(storage=MemoryStorage(), channels={CODES: transport}, clock=clock)
        worker = Worker(messenger, random=lambda: 0.5)
        messenger.send(CODES, a_request())
        assert drained(worker) == DeliveryReport(waiting=1)

        clock.advance(hours=-1)

        assert drained(worker) == DeliveryReport()
        clock.advance(seconds=5)
        assert drained(worker) == DeliveryReport(sent=1)

    def test_what_is_scheduled_waits_for_its_time(self) -> None:
        clock = ManualClock()
        messenger = Messenger(
            storage=MemoryStorage(), channels={ORDERS: RecordingTransport()}, clock=clock
        )
        later = clock.now() + timedelta(minutes=30)
        messenger.send(ORDERS, a_request(scheduled_for=later.isoformat()))
        worker = Worker(messenger)
        assert drained(worker) == DeliveryReport()

        clock.advance(hours=-1)

        assert drained(worker) == DeliveryReport()
        clock.advance(minutes=89)
        assert drained(worker) == DeliveryReport()
        clock.advance(minutes=1)
        assert drained(worker) == DeliveryReport(sent=1)
