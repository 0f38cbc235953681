"""Tests of the route with `AsyncSession`; they need a PostgreSQL: set SHOP_DSN."""

import asyncio
import os

import pytest
from api import CHANNEL, Base
from async_api import make_async_app
from httpx import ASGITransport, AsyncClient
from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import create_async_engine

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_core import Messenger
from messaging_core.testing import RecordingTransport

DSN = os.environ.get("SHOP_DSN", "")


@pytest.mark.skipif(not DSN, reason="SHOP_DSN names no PostgreSQL")
def test_an_order_and_its_message_are_kept_together_or_not_at_all() -> None:
    asyncio.run(place_orders())


async def place_orders() -> None:
    """Place an order twice; the second time its number is taken."""
    engine = create_async_engine(
        "postgresql+psycopg://", async_creator=lambda: AsyncConnection.connect(DSN)
    )
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    with Messenger(
        storage=PostgresStorage(DSN), channels={CHANNEL: RecordingTransport()}
    ) as messenger:
        app = make_async_app(engine, messenger)
        async with AsyncClient(transport=ASGITransport(app), base_url="http://shop") as client:
            order = {"number": 1001, "phone": "+31612345678"}
            statuses = [(await client.post("/orders", json=order)).status_code for _ in range(2)]

        assert statuses == [201, 409]
        assert len(messenger.find().results) == 1
    await engine.dispose()
