"""`GET /health`: little for strangers, more for a key, and cheap however often it is asked."""

import asyncio
import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from messaging_adapters.asgi import health_readings, surface
from messaging_adapters.asgi.access import Access
from messaging_adapters.asgi.app import make_app
from messaging_adapters.asgi.health_readings import HealthReadings
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Channel, Messenger
from messaging_core.aio import AsyncMessenger
from messaging_core.errors import StorageError
from messaging_core.models import Health
from messaging_core.models.delivery.worker_state import (
    ChannelState,
    CircuitPhase,
    CircuitState,
    ProviderState,
    WorkerState,
)
from messaging_core.testing import ManualClock, RecordingTransport, a_request
from tests.adapters.asgi.conftest import FOREIGN, MAIL, ORDERS, Service


@pytest.mark.parametrize("token", [None, "unknown", "nothing"])
def test_a_stranger_learns_one_word(service: Service, token: str | None) -> None:
    with service.client(token) as client:
        answer = client.get("/health")
        head = client.head("/health")

    assert (answer.status_code, answer.json()) == (200, {"status": "pass"})
    assert answer.headers["cache-control"] == "no-store"
    assert (head.status_code, head.content) == (200, b"")


def a_worker(at: datetime, *blocked: Channel) -> WorkerState:
    """Return a worker that asks no provider of some channels."""
    circuit = CircuitState(phase=CircuitPhase.OPEN, opened_at=at)
    providers = (ProviderState(name="recording", circuit=circuit),)
    return WorkerState(
        id=UUID(int=1),
        host="mail-1",
        process=7,
        version="1",
        started_at=at,
        seen_at=at,
        channels=tuple(
            ChannelState(channel_id=channel.id, providers=providers) for channel in blocked
        ),
    )


def test_a_key_sees_the_backlog_of_its_workspace_only(service: Service) -> None:
    for channel in (ORDERS, FOREIGN, FOREIGN):
        service.messenger.send(channel, a_request("hi"))
    with service.messenger.storage.begin() as tx:
        tx.workers.save(a_worker(service.clock.now(), ORDERS, MAIL, FOREIGN))
    blocked = {"viewer": ["orders", "mail"], "foreign": ["orders"]}
    for token, channel, number in (("viewer", ORDERS, 1), ("foreign", FOREIGN, 2)):
        with service.client(token) as client:
            details = client.get("/health").json()["details"]

        (backlog,) = details["backlog"]
        assert (backlog["workspace"], backlog["number"]) == (str(channel.workspace), number)
        assert (backlog["channel"], backlog["lane"]) == ("orders", "transactional")
        assert details["due"] == number
        assert details["blockedChannels"] == blocked[token]


def test_the_description_has_both_answers(client: httpx.Client) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/health"]["get"]

    assert operation["security"][0] == {}
    bodies = [operation["responses"][status]["content"] for status in ("200", "503")]
    assert bodies[0] == bodies[1]


class Counted(Messenger):
    """Counts how often its storage is read for its health, which may hang or fail."""

    def __init__(self) -> None:
        channels = {ORDERS: RecordingTransport(), FOREIGN: RecordingTransport()}
        super().__init__(storage=MemoryStorage(), channels=channels, clock=ManualClock())
        self.reads: list[UUID | None] = []
        self.error: Exception | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()

    def health(self, **options: Any) -> Health:
        self.reads.append(options["workspace"])
        self.may_answer.wait(60)
        if self.error:
            raise self.error
        return super().health(**options)


def test_the_storage_is_read_once_in_some_seconds_whoever_asks() -> None:
    messenger, seconds = Counted(), [0.0]
    readings = HealthReadings(AsyncMessenger(messenger), monotonic=lambda: seconds[0])

    async def ask() -> None:
        for second in (0.0, 4.9, 5.0, 9.9):
            seconds[0] = second
            answers = await asyncio.gather(*(readings.get() for _ in range(50)))
            assert all(answers)
            assert await readings.get(ORDERS.workspace)

    asyncio.run(ask())

    assert messenger.reads == [None, ORDERS.workspace] * 2


def test_a_storage_that_fails_is_not_asked_more_often(caplog: pytest.LogCaptureFixture) -> None:
    messenger = Counted()
    messenger.error = StorageError("+31612345678")
    readings = HealthReadings(AsyncMessenger(messenger), monotonic=lambda: 0.0)

    async def ask() -> list[Health | None]:
        return [await readings.get() for _ in range(3)]

    assert asyncio.run(ask()) == [None] * 3
    assert len(messenger.reads) == 1
    assert "the health could not be read" in caplog.text
    assert "+316" not in caplog.text


def test_a_storage_that_hangs_is_asked_once_and_no_caller_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health_readings, "PATIENCE", timedelta(milliseconds=10))
    messenger = Counted()
    messenger.may_answer.clear()
    readings = HealthReadings(AsyncMessenger(messenger))

    async def ask() -> None:
        assert await asyncio.gather(*(readings.get() for _ in range(20))) == [None] * 20
        messenger.may_answer.set()
        while await readings.get() is None:
            pass

    asyncio.run(ask())

    assert len(messenger.reads) == 1


@pytest.mark.parametrize("error", [None, StorageError("+31612345678")])
def test_whoever_has_a_key_that_cannot_be_verified_is_answered_as_a_stranger(
    error: Exception | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(surface, "PATIENCE", timedelta(milliseconds=10))

    async def login(_: object) -> Access | None:
        if error:
            raise error
        await asyncio.sleep(3600)
        return None

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(make_app(Counted(), access=login))
        async with httpx.AsyncClient(transport=transport, base_url="https://x.example") as client:
            return await asyncio.wait_for(client.get("/health"), 60)

    answer = asyncio.run(ask())

    assert (answer.status_code, answer.json()) == (200, {"status": "pass"})
    assert "a key could not be verified" in caplog.text
    assert "+316" not in caplog.text
