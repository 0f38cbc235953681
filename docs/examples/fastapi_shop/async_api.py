"""The same route with `AsyncSession` on PostgreSQL."""

from collections.abc import Callable
from functools import partial

from api import NewOrder, Order
from fastapi import FastAPI, HTTPException
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from messaging_core import Message, Messenger


def make_async_app(engine: AsyncEngine, messenger: Messenger) -> FastAPI:
    """Return an application whose database never blocks the event loop."""
    app = FastAPI()

    @app.post("/orders", status_code=201)
    async def place_order(order: NewOrder) -> dict[str, str]:
        """Keep an order and its message in one transaction."""
        async with AsyncSession(engine) as session:
            session.add(Order(number=order.number, phone=order.phone))
            message = await session.run_sync(sending(messenger, order))
            try:
                await session.commit()
            except IntegrityError as error:
                raise HTTPException(409, "this number is taken") from error
        return {"message": str(message.id)}

    return app


def sending(messenger: Messenger, order: NewOrder) -> Callable[[Session], Message]:
    """Return what sends the message of an order with the session that `run_sync` gives."""
    send = partial(messenger.send, "orders", to=order.phone, text=f"Order {order.number} received")
    return lambda session: send(connection=session)
