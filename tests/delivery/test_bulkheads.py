"""A provider that is slow or hangs takes its own channel's places, and no others."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, ConfigurationError, DeliveryReport, Messenger, Status, Worker
from messaging_core.delivery.bulkheads import Bulkheads
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.outcome import Outcome
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.transport import Handoff
from messaging_core.testing import RecordingTransport, a_channel, a_request

PATIENCE = 10.0
MANY = 10_000
THREADS = 32  # of a worker, by default
CODES = a_channel("codes", message_type="2fa")


class Slow(RecordingTransport):
    """Takes its time, or for ever, and counts its calls."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__()
        self.seconds = seconds
        self.leave = threading.Event()
        self.lock = threading.Lock()
        self.now, self.most = 0, 0

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            outcome = super().send(envelope, handoff)
            self.leave.wait(self.seconds)
        finally:
            with self.lock:
                self.now -= 1
        return outcome


def until(condition: Callable[[], object]) -> None:
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline
        sleep(0.005)


@contextmanager
def running(worker: Worker, *slow: Slow) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        for transport in slow:
            transport.leave.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture(params=[MemoryStorage, lambda: SqliteStorage(":memory:")])
def storage(request: pytest.FixtureRequest) -> Storage:
    made: Storage = request.param()
    return made


@pytest.mark.parametrize("seconds", [5.0, None])
def test_a_code_goes_within_a_second_beside_a_provider_that_takes_5_s_or_never_returns(
    storage: Storage, seconds: float | None
) -> None:
    bulk, slow, healthy = a_channel("bulk"), Slow(seconds), RecordingTransport()
    messenger = Messenger(storage=storage, channels={bulk: slow, CODES: healthy})
    for _ in range(MANY // 1000):
        messenger.send_many(bulk, [a_request()] * 1000)

    waits = []
    with running(Worker(messenger), slow):
        until(lambda: slow.now == THREADS)
        for number in range(3):
            began = monotonic()
            messenger.send(CODES, a_request())
            until(lambda total=number + 1: len(healthy.sent) == total)
            waits.append(monotonic() - began)
            sleep(0.2)

    assert min(waits) < 1, waits
    assert max(waits) < 4.5, waits  # a busy machine takes longer, but never as long as the provider
    assert slow.most == THREADS


def test_a_provider_that_stops_answering_gives_back_what_its_channel_holds(
    storage: Storage,
) -> None:
    bulk, slow = a_channel("bulk"), Slow()
    messenger = Messenger(storage=storage, channels={bulk: slow})
    messages = messenger.send_many(bulk, [a_request()] * 50)

    with running(Worker(messenger, threads=2, lease=timedelta(seconds=60)), slow):
        until(lambda: slow.now == 2)
        held = [_attempts(storage, message.id) for message in messages]
        until(lambda: sum(_attempts(storage, message.id) for message in messages) <= 4)

    assert sum(held) == 50


def _attempts(storage: Storage, message_id: object) -> int:
    with storage.begin(read_only=True) as tx:
        delivery = tx.outbox.delivery(DEFAULT_WORKSPACE, message_id)  # type: ignore[arg-type]
    return delivery.attempts if delivery else 0


def test_a_channel_has_as_many_calls_under_way_as_it_says() -> None:
    first, second = a_channel("one", concurrency=3), a_channel("two", concurrency=20)
    narrow, wide = Slow(0.05), Slow(0.05)
    messenger = Messenger(storage=MemoryStorage(), channels={first: narrow, second: wide})
    messenger.send_many(first, [a_request()] * 30)
    messenger.send_many(second, [a_request()] * 60)

    report = Worker(messenger, threads=2).drain()

    assert report == DeliveryReport(sent=90)
    assert (narrow.most, wide.most) == (3, 20)


def test_threads_are_started_for_work_there_is() -> None:
    channels = {a_channel(f"channel-{number}"): RecordingTransport() for number in range(50)}
    messenger = Messenger(storage=MemoryStorage(), channels=channels)
    before = threading.active_count()
    seen: list[int] = []
    transport = RecordingTransport(lambda _: seen.append(threading.active_count()))
    last = a_channel("last")
    messenger = Messenger(storage=MemoryStorage(), channels={**channels, last: transport})
    messenger.send_many(last, [a_request()] * 3)

    Worker(messenger).drain()

    assert max(seen) - before <= 3


def test_where_there_are_very_many_channels_each_further_one_has_a_thread_of_its_own() -> None:
    slow = {a_channel(f"channel-{number}"): Slow() for number in range(40)}
    messenger = Messenger(storage=MemoryStorage(), channels={**slow, CODES: RecordingTransport()})
    for channel in slow:
        messenger.send_many(channel, [a_request()] * 16)
    before = threading.active_count()

    with running(Worker(messenger, threads=16), *slow.values()):
        until(lambda: all(transport.now for transport in slow.values()))
        began, code = monotonic(), messenger.send(CODES, a_request())
        until(lambda: messenger.get(code.id).status is Status.SENT)
        waited = monotonic() - began
        threads = threading.active_count() - before

    assert waited < 1
    assert threads <= 256 + 16 + 40


def test_a_channel_whose_threads_all_hang_leaves_the_others_alone() -> None:
    bulk, slow, healthy = a_channel("bulk", concurrency=1), Slow(), RecordingTransport()
    messenger = Messenger(storage=MemoryStorage(), channels={bulk: slow, CODES: healthy})
    messenger.send_many(bulk, [a_request()] * 5)
    worker = Worker(messenger, timeout=timedelta(milliseconds=50))

    with running(worker, slow):
        until(lambda: slow.now == 2)  # the thread, and the one in its place
        sleep(0.2)
        began = monotonic()
        messenger.send(CODES, a_request())
        until(lambda: healthy.sent)
        waited = monotonic() - began

    assert waited < 1
    assert slow.most == 2


def test_a_suspect_that_hangs_does_not_keep_those_of_other_channels_waiting() -> None:
    bulk, slow, healthy = a_channel("bulk"), Slow(), RecordingTransport()
    storage = MemoryStorage()
    messenger = Messenger(storage=storage, channels={bulk: slow, CODES: healthy})
    messenger.send(bulk, a_request())
    messenger.send(CODES, a_request())
    with storage.begin() as tx:  # a worker that died at once
        now = messenger.clock.now()
        assert len(tx.outbox.claim(now=now, lease=timedelta(microseconds=1), limit=9)) == 2

    with running(Worker(messenger), slow):
        until(lambda: healthy.sent)

    assert len(slow.sent) == 1


def make_messenger(concurrency: Any) -> Messenger:
    channel = Channel(name="x", platform="sms", concurrency=concurrency)
    return Messenger(storage=MemoryStorage(), channels={channel: RecordingTransport()})


@pytest.mark.parametrize("concurrency", [0, -1, 1001, 2.5, True, "4"])
def test_a_concurrency_is_a_whole_number_within_limits(concurrency: object) -> None:
    with pytest.raises(ConfigurationError, match=r"concurrency.*(1 to 1000|a whole number)"):
        make_messenger(concurrency)


@pytest.mark.parametrize("concurrency", [None, 1, 1000])
def test_a_concurrency_at_the_limits_is_taken(concurrency: int | None) -> None:
    channel = a_channel(concurrency=concurrency)

    Messenger(storage=MemoryStorage(), channels={channel: RecordingTransport()})


class TestPlaces:
    def test_channels_share_a_batch_until_it_is_known_how_fast_they_are(self) -> None:
        first, second = a_channel("one"), a_channel("two", concurrency=100)

        with self.bulkheads(first, second) as bulkheads:
            places = bulkheads.places()

        assert places == {first.id: 8 + 50, second.id: 100}

    def test_a_lone_channel_has_a_batch(self) -> None:
        channel = a_channel("one")

        with self.bulkheads(channel) as bulkheads:
            assert bulkheads.places() == {channel.id: 100}

    def bulkheads(self, *channels: Channel) -> Bulkheads:
        return Bulkheads(
            {channel.id: channel for channel in channels},
            lambda _: True,
            threads=4,
            batch=100,
            horizon=60,
            hung={},
        )
