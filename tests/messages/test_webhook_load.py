"""Many receivers, of which many hang: the others are told soon, with few threads."""

import os
import threading
import tracemalloc
from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import pytest

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Messenger
from messaging_core.errors import HttpError
from messaging_core.models import NotificationHook
from messaging_core.ports.http import HttpClient, HttpFault, HttpRequest, HttpResponse
from messaging_core.testing import ManualClock, RecordingTransport, a_channel, a_request

COUNT = int(os.environ.get("MESSAGING_WEBHOOK_URLS", "400"))
PATIENCE = 30.0
CHANNELS = [a_channel(f"shop{number}", workspace=UUID(int=number)) for number in range(1, 41)]
EACH = 5  # subscriptions of a workspace


class Receivers(HttpClient):
    """Receivers of which those with `slow` in their names hang until the test ends."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.told: list[tuple[str, float]] = []
        self.hanging: set[str] = set()
        self.most = 0
        self.others = threading.active_count()

    def send(self, request: HttpRequest, **_: Any) -> HttpResponse:
        if "slow" in request.url:
            self.hanging.add(request.url)
            self.over.wait(PATIENCE)
            raise HttpError("no answer", may_be_sent=True, fault=HttpFault.TIMEOUT)
        self.told.append((request.url, monotonic()))
        self.most = max(self.most, threading.active_count() - self.others)
        return HttpResponse(status=200)


@pytest.fixture
def storage() -> Iterator[SqliteStorage]:
    with SqliteStorage(":memory:") as made:
        yield made


def test_twenty_of_two_hundred_receivers_that_hang_hold_up_none(storage: SqliteStorage) -> None:
    messenger = Messenger(
        storage=storage, channels=dict.fromkeys(CHANNELS, RecordingTransport()), clock=ManualClock()
    )
    for channel in CHANNELS:
        for number in range(EACH):
            is_slow = number == 0 and int(channel.workspace) % 2
            host = f"{'slow' if is_slow else 'quick'}{number}.{channel.name}.example"
            new = {"service": "channels", "event": "sms.outbound", "url": f"https://{host}/"}
            messenger.webhooks.subscribe(new, workspace=channel.workspace)
    client, stop = Receivers(), threading.Event()
    runner = threading.Thread(target=messenger.webhook_sender(client).run, args=(stop,))
    quick = len(CHANNELS) * EACH - len(CHANNELS) // 2
    runner.start()
    try:
        delays = []
        for round_ in range(1, 4):
            for channel in CHANNELS:
                messenger.send(channel, a_request())
            began = monotonic()
            while len(client.told) < round_ * quick and monotonic() < began + PATIENCE:
                sleep(0.01)
            delays.append(monotonic() - began)
    finally:
        stop.set()
        client.over.set()
        runner.join(PATIENCE)

    assert not runner.is_alive()
    assert len(client.told) == 3 * quick
    assert len(client.hanging) == len(CHANNELS) // 2
    assert max(delays) < 15  # seconds for 180 webhooks; a receiver that hangs takes 30


def test_memory_and_threads_do_not_grow_with_the_number_of_urls(storage: SqliteStorage) -> None:
    messenger = Messenger(
        storage=storage, channels={CHANNELS[0]: RecordingTransport()}, clock=ManualClock()
    )
    client, threads = Receivers(), 8
    sender = messenger.webhook_sender(client, threads=threads)

    def most_memory(count: int) -> int:
        """Return the peak while so many URLs are told."""
        urls = [f"https://host{number}.example/{count}" for number in range(count)]
        for start in range(0, count, 100):
            hooks = [NotificationHook(url=url) for url in urls[start : start + 100]]
            messenger.send_many(CHANNELS[0], [a_request(notification=hook) for hook in hooks])
        tracemalloc.start()
        sender.run_once()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    few, many = most_memory(200), most_memory(COUNT)

    assert len({url for url, _ in client.told}) == 200 + COUNT
    assert client.most <= threads
    # What is remembered of each host, and what this test notes.
    assert many < 1.5 * few + 1000 * COUNT
