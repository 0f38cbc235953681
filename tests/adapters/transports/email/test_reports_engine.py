"""A message in doubt with Mailgun or Amazon SES, until the report of its delivery comes."""

import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from messaging_adapters.receipts.mailgun import MailgunReceipts
from messaging_adapters.receipts.ses import SesReceipts
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.email.mailgun import MailgunTransport
from messaging_adapters.transports.email.ses import SesTransport
from messaging_core import Channel, Messenger, SendMessage, Worker, html, to
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.status import Status
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.testing import HttpPeer
from peers import sns

SECRET = "a secret of the webhook"
ADA = "ada@mail.example"
NEWS = Channel(name="news", platform="email", sender="news@shop.example")


def by_mailgun(message: Message) -> HttpRequest:
    token, timestamp = "a" * 50, str(int(datetime.now(UTC).timestamp()))  # noqa: TID251 - signed
    signature = hmac.new(SECRET.encode(), f"{timestamp}{token}".encode(), "sha256").hexdigest()
    event = {
        "event": "delivered",
        "recipient": ADA,
        "message": {"headers": {"message-id": f"{message.id}@shop.example"}},
    }
    signed = {"timestamp": timestamp, "token": token, "signature": signature}
    body = json.dumps({"signature": signed, "event-data": event}).encode()
    headers = {"Content-Type": "application/json"}
    return HttpRequest(method="POST", url="https://shop.example/h", headers=headers, body=body)


def by_ses(message: Message) -> HttpRequest:
    mail = {"messageId": "0102019a", "tags": {"message_id": [str(message.id)]}}
    event = {"eventType": "Delivery", "mail": mail, "delivery": {"recipients": [ADA]}}
    now = datetime.now(UTC)  # noqa: TID251 - the same
    body = json.dumps(sns.notification(json.dumps(event), SECRET, now)).encode()
    return HttpRequest(method="POST", url="https://shop.example/h", body=body)


SERVICES: dict[str, tuple[Callable[[str], Any], Any, Callable[[Message], HttpRequest]]] = {
    "mailgun": (
        lambda url: MailgunTransport(api_key="any", domain="mg.shop.example", base_url=url),
        MailgunReceipts(signing_key=SECRET),
        by_mailgun,
    ),
    "ses": (
        lambda url: SesTransport(
            region="eu-west-1", access_key_id="AKIA", secret_access_key="any", base_url=url
        ),
        SesReceipts(topic_arns=sns.topic_of(SECRET), client=sns.Sns([SECRET])),
        by_ses,
    ),
}


@pytest.mark.parametrize("service", SERVICES)
def test_a_report_ends_the_doubt_about_its_message(service: str) -> None:
    make, parser, report = SERVICES[service]
    with HttpPeer(lambda _: HttpResponse(status=502)) as peer, make(peer.url) as transport:
        messenger = Messenger(
            storage=MemoryStorage(), channels={NEWS: transport}, receipt_parsers=[parser]
        )
        message = messenger.send(NEWS, SendMessage(receiver=to(ADA), body=html("<p>Hello</p>")))
        Worker(messenger).drain()
        before = messenger.get(message.id).status
        said = messenger.receive_webhook(service, report(message))
        Worker(messenger).drain()

    assert before is not Status.DELIVERED
    assert said.status == 200
    assert messenger.get(message.id).status is Status.DELIVERED
    assert len([e for e in peer.exchanges if e.request.method == "POST"]) == 1, "sent once"
