"""Tests of the shop, with the messages that it sends."""

import base64
import hmac
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from api import CHANNEL, PUBLIC_URL, make_app
from fastapi.testclient import TestClient
from sqlalchemy import create_engine

from messaging_adapters.receipts.twilio import TwilioReceipts
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Messenger
from messaging_core.models import Accepted
from messaging_core.testing import RecordingTransport

SID = "SM" + "0" * 32
ANN = "+31612345678"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Return a client of the application, whose lifespan runs a worker."""
    path = tmp_path / "shop.db"
    transport = RecordingTransport([Accepted(references=(SID,))], name="twilio")
    messenger = Messenger(
        storage=SqliteStorage(path),
        channels={CHANNEL: transport},
        receipt_parsers=[TwilioReceipts(auth_token="secret", channels={})],
    )
    engine = create_engine(f"sqlite:///{path}")
    with messenger, TestClient(make_app(engine, messenger)) as client:
        yield client
    engine.dispose()


def status_of_first(client: TestClient, status: str) -> bool:
    """Return whether the only message gets a status within some seconds."""
    for _ in range(200):
        (message,) = client.get("/messages").json()["results"]
        if message["status"] == status:
            return True
        time.sleep(0.05)
    return False


def test_an_order_is_told_to_the_customer(client: TestClient) -> None:
    answer = client.post("/orders", json={"number": 1001, "phone": ANN})

    assert answer.status_code == 201
    assert status_of_first(client, "sent")
    assert client.post("/orders", json={"number": 1002, "phone": "0612"}).status_code == 422


def test_an_order_that_fails_sends_nothing(client: TestClient) -> None:
    client.post("/orders", json={"number": 1001, "phone": ANN})

    assert client.post("/orders", json={"number": 1001, "phone": "+31687654321"}).status_code == 409
    assert client.get("/messages", params={"receiver": "+31687654321"}).json()["results"] == []


def test_a_report_of_the_provider_is_verified_and_applied(client: TestClient) -> None:
    client.post("/orders", json={"number": 1001, "phone": ANN})
    assert status_of_first(client, "sent")

    fields = {"MessageSid": SID, "MessageStatus": "delivered"}
    assert report(client, fields, "secret") == 200
    assert report(client, fields, "a guess") == 401
    assert status_of_first(client, "delivered")


def report(client: TestClient, fields: dict[str, str], token: str) -> int:
    """Call as Twilio does, with its signature."""
    signed = f"{PUBLIC_URL}/webhooks/twilio" + "".join(key + fields[key] for key in sorted(fields))
    signature = base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": signature,
    }
    body = urlencode(fields)
    return client.post("/webhooks/twilio", content=body, headers=headers).status_code
