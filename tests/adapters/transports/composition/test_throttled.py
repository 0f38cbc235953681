from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.throttled import Throttled
from messaging_core import Messenger, Status, Worker
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.failure import Failure, Retry
from messaging_core.models.content.sms import SmsEncoding, SmsText
from messaging_core.models.delivery.outcome import Accepted, Deferred, Outcome
from messaging_core.models.messages.envelope import Envelope, SmsContent
from messaging_core.ports.transport import Capabilities, Transport
from messaging_core.testing import ManualClock, a_channel, a_request
from messaging_core.testing.contracts.transport import (
    CONTENTS,
    Leave,
    TransportContract,
    an_envelope,
    check_outcome,
)
from messaging_core.testing.recording import Answer, RecordingTransport
from testing.recorded import sent_by


class TestThrottled(TransportContract):
    def make_transport(self) -> Transport:
        self.inner = RecordingTransport()
        return Throttled(self.inner, 1, burst=1000)

    def received(self) -> list[str]:
        return sent_by(self.inner)


def an_sms(parts: int = 1) -> Envelope:
    pieces = ("a",) * parts
    text = SmsText(text="a" * parts, encoding=SmsEncoding.GSM_7, parts=pieces, units=parts)
    return an_envelope("sms", SmsContent(sms=text))


def throttled(seconds: float | None = None) -> Deferred:
    failure = Failure(code=15003, description="slow down", retry=Retry.THROTTLED)
    wait = None if seconds is None else timedelta(seconds=seconds)
    return Deferred(failure=failure, retry_after=wait)


class Case:
    """A throttled provider, and a clock."""

    def __init__(self, rate: float, burst: int = 1, *answers: Answer, **options: Any) -> None:
        self.clock = ManualClock()
        self.inner = RecordingTransport(answers, name="inner")
        self.transport = Throttled(self.inner, rate, burst, **{"clock": self.clock, **options})

    def send(self, parts: int = 1) -> Outcome:
        return self.transport.send(an_sms(parts), Leave())

    def wait(self, parts: int = 1) -> float | None:
        """Send, and return for how many seconds it was put off, if it was."""
        outcome = self.send(parts)
        if isinstance(outcome, Accepted):
            return None
        assert isinstance(outcome, Deferred)
        assert outcome.retry_after is not None
        return outcome.retry_after.total_seconds()


def test_what_comes_too_early_is_put_off_until_there_is_room() -> None:
    case = Case(4, burst=2)

    assert [case.wait() for _ in range(4)] == [None, None, 0.25, 0.25]
    case.clock.advance(seconds=0.25)
    assert [case.wait() for _ in range(2)] == [None, 0.25]
    case.clock.advance(hours=1)
    assert [case.wait() for _ in range(3)] == [None, None, 0.25]


def test_the_answer_says_who_is_throttled() -> None:
    case = Case(1, name="orders")
    case.send()
    leave = Leave()

    outcome = case.transport.send(an_sms(), leave)

    assert isinstance(outcome, Deferred)
    assert outcome.failure.retry is Retry.THROTTLED
    assert outcome.failure.source is not None
    assert outcome.failure.source.name == "orders"
    assert leave.calls == 0
    assert len(case.inner.attempts) == 1
    check_outcome(outcome, marked=False)


def test_a_message_counts_once_unless_parts_are_counted() -> None:
    messages, parts = Case(1, burst=3), Case(1, burst=3, count="parts")

    assert [messages.wait(2) for _ in range(2)] == [None, None]
    assert [parts.wait(2) for _ in range(2)] == [None, 1]


def test_what_is_no_sms_is_one_part() -> None:
    case = Case(1, burst=2, count="parts")

    outcomes = [case.transport.send(an_envelope(*CONTENTS[0]), Leave()) for _ in range(3)]

    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted, Deferred]


def test_a_message_larger_than_the_burst_goes_and_is_paid_for_afterwards() -> None:
    case = Case(1, burst=2, count="parts")

    assert case.wait(1) is None
    assert case.wait(5) == 1
    case.clock.advance(seconds=1)
    assert case.wait(5) is None
    assert case.wait(1) == 4


def test_a_provider_that_is_throttled_gets_no_burst() -> None:
    case = Case(1, 5, throttled())

    assert case.send() == throttled()
    assert case.wait() == 1
    case.clock.advance(seconds=1)
    assert [case.wait(), case.wait()] == [None, 1]


def test_a_provider_gets_the_rest_it_asks_for() -> None:
    case = Case(1, 5, throttled(seconds=30))

    assert case.send() == throttled(seconds=30)
    assert case.wait() == 30
    case.clock.advance(seconds=30)
    assert [case.wait(), case.wait()] == [None, 1]


def test_no_provider_stops_a_channel_for_years() -> None:
    case = Case(1, 5, throttled(seconds=1e10))

    case.send()

    assert case.wait() == 3600


@pytest.mark.parametrize("retry", [Retry.TRANSIENT, Retry.CONFIGURATION])
def test_other_answers_leave_the_bucket_alone(retry: Retry) -> None:
    other = Deferred(failure=Failure(code=15001, description="down", retry=retry))
    case = Case(1, 2, other)

    assert case.send() is other
    assert case.wait() is None


def test_a_clock_that_is_set_back_does_not_stop_the_channel() -> None:
    case = Case(1, burst=1)
    case.send()

    case.clock.advance(days=-1)

    assert case.wait() == 1
    case.clock.advance(seconds=1)
    assert case.wait() is None


def test_seconds_of_any_clock_will_do() -> None:
    seconds = [100.1]
    case = Case(3, clock=lambda: seconds[0])

    assert case.wait() is None
    wait = case.wait()
    assert wait == 0.333334
    seconds[0] += wait
    assert case.wait() is None


def test_it_promises_what_the_transport_promises() -> None:
    full = Capabilities(receipts=True, deduplicates_for=timedelta(days=1))
    inner = RecordingTransport(name="pigeon", capabilities=full)

    transport = Throttled(inner, 1)

    assert (transport.name, transport.capabilities) == ("pigeon", full)


@pytest.mark.parametrize(
    ("rate", "options"),
    [
        (0, {}),
        (-1, {}),
        (float("inf"), {}),
        (float("nan"), {}),
        (1, {"burst": 0}),
        (1, {"count": "words"}),
    ],
)
def test_a_throttle_that_makes_no_sense_is_refused(rate: float, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Throttled(RecordingTransport(), rate, **options)


RATES = st.sampled_from([0.1, 0.3, 1, 3, 7, 1 / 3, 100 / 60, 30, 1000])
STEPS = st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(1, 7)), min_size=1, max_size=40)


@given(RATES, st.integers(1, 5), STEPS)
def test_no_window_has_more_than_rate_and_burst_allow(
    rate: float, burst: int, steps: list[tuple[int, int]]
) -> None:
    case = Case(rate, burst, count="parts")
    went: list[tuple[datetime, int]] = []
    for microseconds, parts in steps:
        case.clock.advance(timedelta(microseconds=microseconds))
        if case.wait(parts) is None:
            went.append((case.clock.now(), parts))

    for first, (start, _) in enumerate(went):
        total = 0
        for end, parts in went[first:]:
            total += parts
            allowed = rate * (end - start).total_seconds() + max(burst, parts)
            assert total <= allowed + 1e-6


@given(RATES, st.integers(1, 5), STEPS)
def test_a_caller_that_waits_as_told_gets_a_token(
    rate: float, burst: int, steps: list[tuple[int, int]]
) -> None:
    case = Case(rate, burst, count="parts")
    for microseconds, parts in steps:
        case.clock.advance(timedelta(microseconds=microseconds))
        wait = case.wait(parts)
        if wait is not None:
            case.clock.advance(timedelta(seconds=wait) - timedelta(microseconds=1))
            assert case.wait(parts) == 0.000_001
            case.clock.advance(timedelta(microseconds=1))
            assert case.wait(parts) is None


def test_many_threads_get_no_more_than_the_burst() -> None:
    case = Case(1, burst=100)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: case.send(), range(500)))

    assert sum(isinstance(outcome, Accepted) for outcome in outcomes) == 100
    assert len(case.inner.sent) == 100


def in_virtual_time(
    clock: ManualClock, messenger: Messenger, worker: Worker, look: Callable[[], None]
) -> None:
    """Deliver until nothing is left, moving the clock from one due message to the next."""
    while True:
        worker.drain()
        look()
        with messenger.storage.begin(read_only=True) as tx:
            due_at = tx.outbox.next_due()
        if due_at is None:
            return
        clock.set(due_at)


@pytest.mark.parametrize("chance", [0.0, 0.5])
def test_a_channel_drains_at_its_rate_and_loses_nothing(chance: float) -> None:
    clock, channel = ManualClock(), a_channel()
    started = clock.now()
    inner = RecordingTransport()
    transport = Throttled(inner, 2, burst=5, clock=clock)
    messenger = Messenger(storage=MemoryStorage(), channels={channel: transport}, clock=clock)
    messages = [messenger.send(channel, a_request(f"hi {n}")) for n in range(45)]
    went: list[tuple[datetime, int]] = []

    in_virtual_time(
        clock,
        messenger,
        Worker(messenger, threads=4, random=lambda: chance),
        lambda: went.append((clock.now(), len(inner.sent))),
    )

    assert {messenger.get(message.id).status for message in messages} == {Status.SENT}
    assert sorted(envelope.message_id for envelope in inner.sent) == [
        message.id for message in messages
    ]
    assert all(sent <= 5 + 2 * (at - started).total_seconds() for at, sent in went)
    if not chance:  # a message that comes back as early as allowed leaves no gap
        assert clock.now() - started == timedelta(seconds=20)


def test_a_slow_channel_sends_everything_while_it_is_valid() -> None:
    clock, channel = ManualClock(), a_channel()
    inner = RecordingTransport()
    transport = Throttled(inner, 0.001, clock=clock)
    messenger = Messenger(storage=MemoryStorage(), channels={channel: transport}, clock=clock)
    worker = Worker(messenger, random=lambda: 0.0)
    for _ in range(3):
        messenger.send(channel, a_request(validity=3600))

    in_virtual_time(clock, messenger, worker, lambda: None)

    assert len(inner.sent) == len(inner.attempts) == 3
