"""Limits that processes share: the provider never sees more, and hardly less."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import pytest

from counting_provider import CountingProvider, counting_provider
from faults.limited_worker import CHANNEL_ID
from faults.processes import Child, child, until
from faults.shop import open_storage
from messaging_core import Channel, Messenger
from messaging_core.testing import RecordingTransport, a_request
from postgres_server import Schemas

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
SECONDS = 60 if IS_LONG else 4
USED = 0.95 if IS_LONG else 0.25  # a few seconds among other tests say little
GIVEN_BACK = 7  # seconds
PROCESSES, THREADS, LIMIT = 4, 8, 40
TEXTS = ("one part", "x" * 161, "y" * 320)  # one to three parts
ORDERS = Channel(id=UUID(CHANNEL_ID), name="orders", platform="sms", sender="Shop")


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Return the settings of a storage that processes share."""
    if request.param == "sqlite":
        yield {"database": str(tmp_path / "shop.db")}
        return
    schemas: Schemas = request.getfixturevalue("postgres_schemas")
    dsn = schemas.new()
    yield {"dsn": dsn}
    schemas.drop(dsn)


def accept(where: dict[str, Any], parts: int) -> None:
    """Accept messages of so many parts."""
    with Messenger(storage=open_storage(where), channels={ORDERS: RecordingTransport()}) as shop:
        rounds = parts // sum(range(1, len(TEXTS) + 1)) + 1
        for _ in range(rounds // 100 + 1):
            shop.send_many("orders", [a_request(text) for text in TEXTS * min(rounds, 100)])


def workers(
    where: dict[str, Any], provider: CountingProvider, stack: ExitStack, **limit: Any
) -> list[Child]:
    """Start workers, and wait until they are about to begin."""
    port = provider.server_address[1]
    settings = where | {"port": port, "threads": THREADS, "limit": "x", "limits": {"x": limit}}
    children = [stack.enter_context(child("limited_worker", settings)) for _ in range(PROCESSES)]
    for process in children:
        process.says()
    return children


def test_the_provider_sees_no_more_than_the_limit_in_any_second_and_hardly_less(
    where: dict[str, Any],
) -> None:
    accept(where, LIMIT * (SECONDS + 5))

    with counting_provider() as provider, ExitStack() as stack:
        children = workers(where, provider, stack, rate=LIMIT, count="parts", shared=True)
        until(lambda: provider.arrivals, "nothing arrived")
        begun_at = monotonic()
        sleep(SECONDS)
        ended_at = monotonic()
        for process in children:
            process.finish()

    assert provider.most_parts_within(1.0) <= LIMIT
    assert provider.parts_between(begun_at, ended_at) >= USED * LIMIT * SECONDS


def test_a_process_that_is_killed_gives_its_share_back(where: dict[str, Any]) -> None:
    accept(where, LIMIT * 50)  # those that were killed keep what they had claimed

    with counting_provider() as provider, ExitStack() as stack:
        children = workers(where, provider, stack, rate=LIMIT, count="parts", shared=True)
        until(lambda: len(provider.arrivals) > LIMIT, "nothing arrived")
        for process in children[1:]:
            process.kill()
        killed_at = monotonic()
        sleep(GIVEN_BACK + 2)
        children[0].finish()

    assert provider.most_parts_within(1.0) <= LIMIT
    # What was given back is used; the threads of a survivor alone do not use the whole limit.
    assert provider.parts_between(killed_at + GIVEN_BACK, killed_at + GIVEN_BACK + 2) >= LIMIT


def test_the_provider_has_no_more_calls_at_once_than_the_concurrency(
    where: dict[str, Any],
) -> None:
    accept(where, LIMIT * 30)

    with counting_provider(seconds=0.05) as provider, ExitStack() as stack:
        children = workers(where, provider, stack, concurrency=5)
        until(lambda: len(provider.arrivals) > LIMIT, "nothing arrived")
        for process in children[2:]:
            process.kill()
        seen = len(provider.arrivals)
        until(lambda: len(provider.arrivals) > seen + LIMIT, "nothing more arrived")
        for process in children[:2]:
            process.finish()

    assert 1 < provider.most <= 5
