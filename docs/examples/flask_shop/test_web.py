"""Tests of the shop, with the messages that it sends."""

import base64
import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import create_engine
from web import CHANNEL, PUBLIC_URL, make_app

from messaging_adapters.receipts.twilio import TwilioReceipts
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Messenger, Worker
from messaging_core.models import Accepted
from messaging_core.testing import RecordingTransport

SID = "SM" + "0" * 32
ANN = "+31612345678"


@pytest.fixture
def messenger(tmp_path: Path) -> Iterator[Messenger]:
    """Return a messenger that calls no provider."""
    with Messenger(
        storage=SqliteStorage(tmp_path / "shop.db"),
        channels={CHANNEL: RecordingTransport([Accepted(references=(SID,))], name="twilio")},
        receipt_parsers=[TwilioReceipts(auth_token="secret", channels={})],
    ) as messenger:
        yield messenger


@pytest.fixture
def client(tmp_path: Path, messenger: Messenger) -> Iterator[FlaskClient]:
    """Return a client of the application."""
    engine = create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    yield make_app(engine, messenger).test_client()
    engine.dispose()


def test_an_order_is_told_to_the_customer(client: FlaskClient, messenger: Messenger) -> None:
    answer = client.post("/orders", data={"number": 1001, "phone": ANN})

    assert answer.status_code == 201
    assert Worker(messenger).drain().sent == 1
    assert client.post("/orders", data={"number": 1002, "phone": "0612"}).status_code == 422


def test_an_order_that_fails_sends_nothing(client: FlaskClient) -> None:
    client.post("/orders", data={"number": 1001, "phone": ANN})

    again = client.post("/orders", data={"number": 1001, "phone": "+31687654321"})

    assert again.status_code == 409
    assert len(client.get("/messages").get_json()["results"]) == 1
    assert client.get("/messages?receiver=%2B31687654321").get_json()["results"] == []


def test_a_report_of_the_provider_is_verified_and_applied(
    client: FlaskClient, messenger: Messenger
) -> None:
    client.post("/orders", data={"number": 1001, "phone": ANN})
    Worker(messenger).drain()

    fields = {"MessageSid": SID, "MessageStatus": "delivered"}
    assert report(client, fields, "secret") == 200
    assert report(client, fields, "a guess") == 401
    Worker(messenger).drain()
    (message,) = messenger.find().results
    assert message.status == "delivered"


def report(client: FlaskClient, fields: dict[str, str], token: str) -> int:
    """Call as Twilio does, with its signature."""
    signed = f"{PUBLIC_URL}/webhooks/twilio" + "".join(key + fields[key] for key in sorted(fields))
    signature = base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()
    return client.post(
        "/webhooks/twilio", data=fields, headers={"X-Twilio-Signature": signature}
    ).status_code
