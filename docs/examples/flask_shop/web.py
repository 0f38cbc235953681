"""A shop on Flask: orders, their messages, and the webhooks of a provider.

A worker delivers in a process of its own: `python web.py`.
"""

import os
import signal
import threading

from flask import Flask, Response, abort, request
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from messaging_adapters.receipts.twilio import TwilioReceipts
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.transports.development.console import ConsoleTransport
from messaging_core import Channel, MessageQuery, Messenger, Worker
from messaging_core.errors import InvalidRequestError
from messaging_core.ports.http import HttpRequest

DATABASE = os.environ.get("SHOP_DATABASE", "shop.db")
PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://localhost:5000")
CHANNEL = Channel(name="orders", platform="sms", sender="+31600000009")


class Base(DeclarativeBase):
    """The tables of the shop."""


class Order(Base):
    """An order and how to reach the customer."""

    __tablename__ = "orders"
    number: Mapped[int] = mapped_column(primary_key=True)
    phone: Mapped[str]


def make_messenger() -> Messenger:
    """Return a messenger in the file of the shop; the worker makes the same."""
    token = os.environ.get("TWILIO_AUTH_TOKEN", "only for development")
    return Messenger(
        storage=SqliteStorage(DATABASE),
        channels={CHANNEL: ConsoleTransport()},
        receipt_parsers=[TwilioReceipts(auth_token=token, channels={"+31600000009": CHANNEL})],
    )


def make_app(engine: Engine, messenger: Messenger) -> Flask:
    """Return the application."""
    app = Flask(__name__)
    Base.metadata.create_all(engine)

    @app.errorhandler(InvalidRequestError)
    def refuse(error: InvalidRequestError) -> tuple[dict[str, str], int]:
        return {"error": str(error)}, 422

    @app.post("/orders")
    def place_order() -> tuple[dict[str, str], int]:
        """Keep an order and its message in one transaction."""
        number, phone = int(request.form["number"]), request.form["phone"]
        with Session(engine) as session:
            session.add(Order(number=number, phone=phone))
            text = f"Order {number} received"
            message = messenger.send("orders", to=phone, text=text, connection=session)
            try:
                session.commit()
            except IntegrityError:
                abort(409, "this number is taken")
        return {"message": str(message.id)}, 201

    @app.get("/messages")
    def list_messages() -> Response:
        """Return a page of messages as they are stored."""
        query = MessageQuery(
            receiver=request.args.getlist("receiver"), page_token=request.args.get("page_token")
        )
        return Response(messenger.find_json(query), mimetype="application/json")

    @app.post("/webhooks/<name>")
    def receive_webhook(name: str) -> Response:
        """Keep what a provider reports; the worker applies it."""
        webhook = HttpRequest(
            method="POST",
            url=f"{PUBLIC_URL}{request.path}",
            headers=dict(request.headers),
            # As it came, because it is signed; no more of it than can be of use.
            body=request.stream.read(messenger.max_webhook_size(name) + 1),
        )
        answer = messenger.receive_webhook(name, webhook)
        return Response(answer.body, answer.status, dict(answer.headers))

    return app


def create_app() -> Flask:
    """Make everything once for each process: `flask --app web run`."""
    return make_app(create_engine(f"sqlite:///{DATABASE}"), make_messenger())


def deliver() -> None:
    """Run a worker until a signal ends it."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with make_messenger() as messenger:
        print(Worker(messenger).run(stop))


if __name__ == "__main__":
    deliver()
