"""A shop on FastAPI: orders, their messages, the webhooks of a provider, and a worker."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from starlette.concurrency import run_in_threadpool

from messaging_adapters.receipts.twilio import TwilioReceipts
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.transports.development.console import ConsoleTransport
from messaging_core import Channel, MessageQuery, Messenger, Worker
from messaging_core.errors import InvalidRequestError
from messaging_core.ports.http import HttpRequest

PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://localhost:8000")
CHANNEL = Channel(name="orders", platform="sms", sender="+31600000009")


class Base(DeclarativeBase):
    """The tables of the shop."""


class Order(Base):
    """An order and how to reach the customer."""

    __tablename__ = "orders"
    number: Mapped[int] = mapped_column(primary_key=True)
    phone: Mapped[str]


class NewOrder(BaseModel):
    """What a customer sends."""

    number: int
    phone: str


def make_messenger(database: str) -> Messenger:
    """Return a messenger in the file of the shop."""
    token = os.environ.get("TWILIO_AUTH_TOKEN", "only for development")
    return Messenger(
        storage=SqliteStorage(database),
        channels={CHANNEL: ConsoleTransport()},
        receipt_parsers=[TwilioReceipts(auth_token=token, channels={"+31600000009": CHANNEL})],
    )


def make_app(engine: Engine, messenger: Messenger) -> FastAPI:
    """Return the application; it delivers as long as it serves."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        Base.metadata.create_all(engine)
        worker = asyncio.create_task(Worker(messenger).arun())
        yield
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker

    app = FastAPI(lifespan=lifespan)

    @app.exception_handler(InvalidRequestError)
    def refuse(_request: Request, error: InvalidRequestError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)

    @app.post("/orders", status_code=201)
    def place_order(order: NewOrder) -> dict[str, str]:
        """Keep an order and its message in one transaction."""
        with Session(engine) as session:
            session.add(Order(number=order.number, phone=order.phone))
            text = f"Order {order.number} received"
            message = messenger.send("orders", to=order.phone, text=text, connection=session)
            try:
                session.commit()
            except IntegrityError as error:
                raise HTTPException(409, "this number is taken") from error
        return {"message": str(message.id)}

    @app.get("/messages")
    def list_messages(receiver: str | None = None, page_token: str | None = None) -> Response:
        """Return a page of messages as they are stored."""
        query = MessageQuery(receiver=receiver or (), page_token=page_token)
        return Response(messenger.find_json(query), media_type="application/json")

    @app.post("/webhooks/{name}")
    async def receive_webhook(name: str, request: Request) -> Response:
        """Keep what a provider reports; the worker applies it."""
        webhook = HttpRequest(
            method="POST",
            url=f"{PUBLIC_URL}{request.url.path}",
            headers=dict(request.headers),
            body=await read_at_most(request, messenger.max_webhook_size(name) + 1),
        )
        answer = await run_in_threadpool(partial(messenger.receive_webhook, name, webhook))
        return Response(answer.body, answer.status, dict(answer.headers))

    return app


async def read_at_most(request: Request, size: int) -> bytes:
    """Read the body as it came, because it is signed; no more of it than can be of use."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) >= size:
            break
    return body[:size]


def create() -> FastAPI:
    """Make everything once for each process: `uvicorn --factory api:create`."""
    database = os.environ.get("SHOP_DATABASE", "shop.db")
    return make_app(create_engine(f"sqlite:///{database}"), make_messenger(database))
