"""Each unhealthy state, provoked on purpose: seen by the command, the values and over HTTP."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from shutil import disk_usage
from typing import Any

import httpx
import pytest
from attrs import field, frozen

from messaging_adapters.asgi.access import Access, AccessKeyTable, hash_of_key
from messaging_adapters.asgi.app import make_app
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.transports.composition.circuit_breaker import CircuitBreaker
from messaging_core import Channel, Messenger, Worker
from messaging_core.delivery.heartbeat import Heartbeat
from messaging_core.errors import StorageError
from messaging_core.models import Deferred, Outcome, Rejected, Retry, Unknown
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.testing import ManualClock, RecordingTransport, a_failure, a_receipt, a_request
from tests.adapters.cli.conftest import Ran

PARCELS = Channel(name="parcels", platform="sms", sender="The Shop")
KEY = "a key for the tests only"
BROKEN = Deferred(failure=a_failure(12001, retry=Retry.CONFIGURATION))


@frozen
class Shop:
    """A messenger on the database of the folder, beside the commands that look at it."""

    messenger: Messenger
    clock: ManualClock
    monkeypatch: pytest.MonkeyPatch

    def send(self) -> None:
        self.messenger.send(PARCELS, a_request("hi"))

    def deliver(self) -> None:
        Worker(self.messenger).drain()

    def beat(self) -> None:
        Heartbeat(self.messenger.context).beat()


@frozen
class State:
    """How the engine becomes so, with which answers of the provider, and what is then seen."""

    provoke: Callable[[Shop], None]
    seen: dict[str, Any]
    answers: tuple[Outcome, ...] = ()
    problems: tuple[str, ...] = field(default=())


def silent(shop: Shop) -> None:
    shop.beat()
    shop.clock.advance(seconds=31)


def overdue(shop: Shop) -> None:
    shop.send()
    shop.clock.advance(seconds=61)


def full(shop: Shop) -> None:
    usage = disk_usage("/")._replace(free=1000)
    shop.monkeypatch.setattr("shutil.disk_usage", lambda _: usage)


def tried(shop: Shop) -> None:
    shop.send()
    shop.deliver()
    shop.beat()


def unapplied(shop: Shop) -> None:
    shop.messenger.inbox.keep([a_receipt()], workspace=DEFAULT_WORKSPACE)
    shop.clock.advance(seconds=90)


STATES = {
    "well": State(lambda _: None, {"due": 0, "workers": 0}),
    "workers that are silent": State(
        silent, {"workers": 0, "silentWorkers": 1}, problems=("workers_silent",)
    ),
    "a message that is overdue": State(
        overdue, {"due": 1, "oldestOverdueSeconds": 61.0}, problems=("overdue",)
    ),
    "a full disk": State(full, {}, problems=("disk_full",)),
    "a doubt": State(tried, {"inDoubt": 1}, (Unknown(failure=a_failure(12005)),)),
    "a dead letter": State(tried, {"deadLetters": 1}, (Rejected(failure=a_failure(15002)),)),
    "a provider that fails": State(tried, {"blockedChannels": ["parcels"]}, (BROKEN,)),
    "a receipt that waits": State(unapplied, {"oldestReceiptSeconds": 90.0}),
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_seen_by_all_who_look(
    name: str, run: Callable[..., Ran], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = STATES[name]
    with SqliteStorage("shop.db") as storage:
        transport = CircuitBreaker(RecordingTransport(state.answers), clock=clock)
        messenger = Messenger(storage=storage, channels={PARCELS: transport}, clock=clock)
        state.provoke(Shop(messenger, clock, monkeypatch))

        values = messenger.health()
        status, document = asyncio.run(over_http(messenger))
    ran = run("health")
    printed = json.loads(run("health", "--json").out)

    assert (values.problems, values.ready) == (state.problems, not state.problems)
    assert (status, ran.status) == ((503, 1) if state.problems else (200, 0))
    assert document["status"] == ("fail" if state.problems else "pass")
    assert document["details"] == printed
    assert (tuple(printed["problems"]), printed["ready"]) == (state.problems, values.ready)
    assert {key: printed[key] for key in state.seen} == state.seen
    assert ran.out.startswith(
        f"not well: {state.problems[0].replace('_', ' ')}\n" if state.problems else "well\n"
    )
    assert run("status").status == ran.status


def test_a_storage_that_fails_is_seen_by_all_who_look(run: Callable[..., Ran], shop: Path) -> None:
    with SqliteStorage("shop.db") as storage:
        messenger = Messenger(storage=storage, channels={PARCELS: RecordingTransport()})
        (shop / "shop.db").write_bytes(b"no database" * 4096)

        with pytest.raises(StorageError):
            messenger.health()
        status, document = asyncio.run(over_http(messenger))

    assert (status, document) == (503, {"status": "fail"})
    assert run("health").status != 0


async def over_http(messenger: Messenger) -> tuple[int, Any]:
    """Ask with an access key."""
    app = make_app(messenger, access=AccessKeyTable({hash_of_key(KEY): Access(name="probe")}))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://here",
        headers={"Authorization": f"AccessKey {KEY}"},
    ) as client:
        answer = await client.get("/health")
        return answer.status_code, answer.json()
