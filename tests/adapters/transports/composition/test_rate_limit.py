"""One limit that several transports share: together they never exceed it."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.failover import Failover
from messaging_adapters.transports.composition.sandbox import Sandbox
from messaging_adapters.transports.composition.throttled import RateLimit, Throttled
from messaging_core import Messenger, Status, Worker
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.failure import Failure, Retry
from messaging_core.models.content.sms import SmsEncoding, SmsText
from messaging_core.models.delivery.outcome import Accepted, Deferred, Outcome
from messaging_core.models.messages.envelope import Envelope, SmsContent
from messaging_core.ports.transport import Transport
from messaging_core.testing import ManualClock, a_channel, a_request
from messaging_core.testing.contracts.transport import Leave, TransportContract, an_envelope
from messaging_core.testing.recording import BeforeHandoff, RecordingTransport
from testing.recorded import sent_by

SLOW_DOWN = Failure(code=15003, description="slow down", retry=Retry.THROTTLED)
BUSY = Deferred(failure=Failure(code=15001, description="busy", retry=Retry.TRANSIENT))


class TestSharedLimit(TransportContract):
    """Behind a failover that comes from a busy provider, before a slow one, with one limit."""

    threads = 4

    def make_transport(self) -> Transport:
        limit = RateLimit(1, burst=1000)
        self.inner = RecordingTransport(lambda _: time.sleep(0.01), name="slow")
        busy = RecordingTransport(lambda _: BeforeHandoff(BUSY), name="busy")
        return Failover(Throttled(busy, limit), Throttled(self.inner, limit))

    def received(self) -> list[str]:
        return sent_by(self.inner)


def an_sms(parts: int = 1) -> Envelope:
    pieces = ("a",) * parts
    text = SmsText(text="a" * parts, encoding=SmsEncoding.GSM_7, parts=pieces, units=parts)
    return an_envelope("sms", SmsContent(sms=text))


def send(transport: Transport, parts: int = 1) -> Outcome:
    return transport.send(an_sms(parts), Leave())


def went(outcome: Outcome) -> bool:
    return isinstance(outcome, Accepted)


def test_transports_share_what_is_left() -> None:
    clock = ManualClock()
    limit = RateLimit(1, burst=3, clock=clock)
    first, second = (Throttled(RecordingTransport(), limit) for _ in range(2))

    assert [went(send(first)), went(send(second)), went(send(first))] == [True, True, True]
    refused = send(second)
    assert isinstance(refused, Deferred)
    assert refused.retry_after == timedelta(seconds=1)
    clock.advance(seconds=1)
    assert [went(send(second)), went(send(first))] == [True, False]


def test_parts_are_counted_together() -> None:
    limit = RateLimit(1, burst=5, count="parts", clock=ManualClock())
    first, second = (Throttled(RecordingTransport(), limit) for _ in range(2))

    assert [went(send(first, 3)), went(send(second, 3)), went(send(second, 2))] == [
        True,
        False,
        True,
    ]


def test_a_provider_that_slows_one_down_slows_all_down() -> None:
    clock = ManualClock()
    limit = RateLimit(10, burst=5, clock=clock)
    slowed = Deferred(failure=SLOW_DOWN, retry_after=timedelta(seconds=30))
    first = Throttled(RecordingTransport([slowed]), limit)
    second = Throttled(RecordingTransport(), limit)

    send(first)

    outcome = send(second)
    assert isinstance(outcome, Deferred)
    assert outcome.retry_after == timedelta(seconds=30)


def test_what_a_sandbox_records_takes_nothing() -> None:
    limit = RateLimit(1, burst=1, clock=ManualClock())
    throttled = Throttled(RecordingTransport(), limit)

    assert all(went(send(Sandbox(throttled))) for _ in range(5))
    assert went(send(throttled))


@pytest.mark.parametrize("options", [{"burst": 2}, {"count": "parts"}, {"clock": ManualClock()}])
def test_a_limit_has_its_own_burst_count_and_clock(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="give them to the RateLimit"):
        Throttled(RecordingTransport(), RateLimit(1), **options)


@pytest.mark.parametrize("rate", [0, -1, "1", None, True])
def test_a_rate_is_a_number_or_a_limit(rate: Any) -> None:
    with pytest.raises(ConfigurationError):
        Throttled(RecordingTransport(), rate)


STEPS = st.lists(
    st.tuples(st.integers(0, 2_000_000), st.integers(0, 2), st.integers(1, 3)),
    min_size=1,
    max_size=60,
)


@given(st.integers(3, 12), st.integers(1, 3), st.sampled_from([1, 10, 60]), STEPS)
def test_no_window_has_more_than_the_provider_allows(
    most: int, burst: int, seconds: int, steps: list[tuple[int, int, int]]
) -> None:
    """Use the formula of the guide: `rate = (most - burst) / window`."""
    if most <= burst:
        return
    clock, window = ManualClock(), timedelta(seconds=seconds)
    limit = RateLimit((most - burst) / seconds, burst, count="parts", clock=clock)
    transports = [Throttled(RecordingTransport(), limit) for _ in range(3)]
    taken: list[tuple[datetime, int]] = []
    for microseconds, place, parts in steps:
        clock.advance(timedelta(microseconds=microseconds))
        if went(send(transports[place], min(parts, burst))):
            taken.append((clock.now(), min(parts, burst)))

    for start, _ in taken:
        assert sum(parts for at, parts in taken if start <= at <= start + window) <= most


def test_many_threads_get_no_more_than_the_burst() -> None:
    limit = RateLimit(1, burst=100, clock=ManualClock())
    transports = [Throttled(RecordingTransport(), limit) for _ in range(5)]

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda n: send(transports[n % 5]), range(500)))

    assert sum(map(went, outcomes)) == 100


def test_tasks_of_an_event_loop_get_no_more_than_the_burst() -> None:
    limit = RateLimit(1, burst=50, clock=ManualClock())
    transports = [Throttled(RecordingTransport(), limit) for _ in range(5)]

    async def all_at_once() -> list[Outcome]:
        return await asyncio.gather(
            *(asyncio.to_thread(send, transports[n % 5]) for n in range(200))
        )

    assert sum(map(went, asyncio.run(all_at_once()))) == 50


def test_two_channels_drain_at_one_rate_and_lose_nothing() -> None:
    clock = ManualClock()
    started = clock.now()
    limit = RateLimit(2, burst=4, clock=clock)
    inner = [RecordingTransport(name="a"), RecordingTransport(name="b")]
    channels = {a_channel(transport.name): Throttled(transport, limit) for transport in inner}
    messenger = Messenger(storage=MemoryStorage(), channels=channels, clock=clock)
    messages = [messenger.send("ab"[n % 2], a_request(f"hi {n}")) for n in range(44)]
    worker = Worker(messenger, threads=2, random=lambda: 0.0)

    while any(messenger.get(message.id).status is not Status.SENT for message in messages):
        worker.drain()
        sent = sum(len(transport.sent) for transport in inner)
        assert sent <= 4 + 2 * (clock.now() - started).total_seconds()
        clock.advance(seconds=0.5)

    assert all(len(transport.sent) == 22 for transport in inner)
    assert clock.now() - started <= timedelta(seconds=25)
