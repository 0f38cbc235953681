"""Bodies of requests: read to their end, unless they are too large or too slow."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest
from starlette.requests import ClientDisconnect

from messaging_adapters.asgi import app as application
from messaging_adapters.asgi.access import Access, AccessKeyTable, hash_of_key
from messaging_adapters.asgi.bodies import LARGE, LargeBodies, read_body
from messaging_adapters.asgi.problems import ProblemError
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger
from messaging_core.testing import RecordingTransport
from messaging_core.wire import WireLimits
from tests.adapters.asgi.conftest import ORDERS, PUBLIC, path_of


async def stream(*pieces: bytes, pause: float = 0, end: float = 0) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(pause)
    await asyncio.sleep(end)


async def cut_off() -> AsyncIterator[bytes]:
    yield b"a"
    raise ClientDisconnect


def status_of(stream: AsyncIterator[bytes], most: int | None = 10, **seconds: float) -> int:
    with pytest.raises(ProblemError) as refused:
        asyncio.run(read_body(stream, most, **seconds))
    return refused.value.status


def test_a_body_is_read_to_its_end() -> None:
    assert asyncio.run(read_body(stream(b"ab", b"", b"c"), 3)) == b"abc"
    assert asyncio.run(read_body(stream(b"ab"), None)) == b"ab"


def test_a_body_that_is_too_large_is_refused_before_its_end() -> None:
    assert status_of(stream(b"ab", b"c", end=60), 2) == 413


def test_a_body_that_is_cut_off_is_refused() -> None:
    assert status_of(cut_off()) == 400


def test_a_body_that_falls_silent_is_refused() -> None:
    assert status_of(stream(b"a", end=60), silent=0.01) == 408


def test_a_body_that_trickles_is_refused_though_it_is_never_silent() -> None:
    assert status_of(stream(*[b"a"] * 1000, pause=0.01), 1000, silent=10, whole=0.05) == 408


def test_large_bodies_share_their_room_until_they_are_answered() -> None:
    bodies = LargeBodies(room=3 * LARGE)
    megabytes = [b"a" * LARGE] * 2

    with bodies.holding() as first:
        assert len(asyncio.run(read_body(stream(*megabytes), None, grow=first))) == 2 * LARGE
        with bodies.holding() as second, pytest.raises(ProblemError) as refused:
            asyncio.run(read_body(stream(*megabytes), None, grow=second))
        with bodies.holding() as small:
            assert asyncio.run(read_body(stream(b"ab"), None, grow=small)) == b"ab"
    with bodies.holding() as alone:
        assert len(asyncio.run(read_body(stream(*megabytes * 2), None, grow=alone))) == 4 * LARGE

    assert (refused.value.status, refused.value.headers["retry-after"]) == (503, "1")


def test_strangers_leave_room_for_callers_with_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "LargeBodies", partial(LargeBodies, room=LARGE + 2))
    app = application.make_app(
        Messenger(
            storage=MemoryStorage(),
            channels={ORDERS: RecordingTransport()},
            limits=WireLimits(max_bytes=2 * LARGE),
        ),
        access=AccessKeyTable({hash_of_key("key"): Access(name="shop")}),
        public_url=PUBLIC,
        max_webhook_bytes=2 * LARGE,
    )

    async def ask() -> list[int]:
        held, done = asyncio.Event(), asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            yield b"a" * (LARGE + 1)
            held.set()
            await done.wait()

        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://x.example") as client:
            hook = partial(client.post, f"/webhooks/twilio/{ORDERS.id}")
            stranger = asyncio.create_task(hook(content=endless()))
            await asyncio.wait_for(held.wait(), 60)
            keyed = await client.post(
                path_of(ORDERS, "/messages"),
                content=b"a" * (LARGE + 1),
                headers={"Authorization": "AccessKey key"},
            )
            other = await hook(content=b"a" * (LARGE + 1))
            done.set()
            await stranger
        return [keyed.status_code, other.status_code]

    assert asyncio.run(ask()) == [400, 503]
