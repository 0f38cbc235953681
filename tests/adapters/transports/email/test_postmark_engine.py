"""A message through Postmark, from `send` to the report of its delivery."""

import base64

import orjson
import pytest

from messaging_adapters.receipts.postmark import PostmarkReceipts
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.email.postmark import PostmarkTransport
from messaging_core import Channel, Messenger, SendMessage, Worker, html, to
from messaging_core.models.messages.status import Status
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.testing import HttpPeer

SECRET = "a secret of the webhook"
ID = "0a129aee-e1cd-480d-b08d-4f48548ff48d"
NEWS = Channel(name="news", platform="email", sender="news@shop.example")


def a_webhook(**report: object) -> HttpRequest:
    login = base64.b64encode(f"postmark:{SECRET}".encode()).decode()
    return HttpRequest(
        method="POST",
        url="https://shop.example/hooks/postmark",
        headers={"Authorization": f"Basic {login}"},
        body=orjson.dumps({"MessageID": ID, "Recipient": "ada@mail.example", **report}),
    )


@pytest.mark.parametrize(
    ("report", "status"),
    [
        ({"RecordType": "Delivery"}, Status.DELIVERED),
        (
            {"RecordType": "Bounce", "ID": 7, "Type": "HardBounce"},
            Status.DELIVERY_FAILED,
        ),
    ],
)
def test_a_report_reaches_its_message(report: dict[str, object], status: Status) -> None:
    answer = HttpResponse(status=200, body=orjson.dumps({"ErrorCode": 0, "MessageID": ID}))
    with (
        HttpPeer(lambda _: answer) as peer,
        PostmarkTransport(server_token="any", base_url=peer.url) as transport,
    ):
        messenger = Messenger(
            storage=MemoryStorage(),
            channels={NEWS: transport},
            receipt_parsers=[PostmarkReceipts(secret=SECRET)],
        )
        request = SendMessage(receiver=to("ada@mail.example"), body=html("<p>Hello</p>"))
        message = messenger.send(NEWS, request)
        Worker(messenger).drain()

        said = messenger.receive_webhook("postmark", a_webhook(**report))
        Worker(messenger).drain()

    assert said.status == 200
    assert messenger.get(message.id).status is status
