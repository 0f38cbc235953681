"""The engine with transports over HTTP: from a request to a delivery, and through doubt."""

import json
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import pytest
from twilio.request_validator import RequestValidator

from messaging_adapters.http_clients.urllib3_client import Urllib3Client
from messaging_adapters.receipts.twilio import TwilioReceipts
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.sms.bird import BirdTransport
from messaging_adapters.transports.sms.twilio import TwilioTransport
from messaging_core import InvalidMessageError, Messenger, Status, Worker
from messaging_core.models import Channel, Doubts, Message
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.testing import HttpPeer, ManualClock, Misbehaviour, a_request

ACCOUNT, TOKEN = "AC" + "1" * 32, "7e" * 16
HOOK = "https://shop.example/hooks/twilio"
ORDERS = Channel(name="orders", platform="sms", sender="+31600000009")


class FakeTwilio:
    """Take messages, list them, and call back; `answers` come instead of the usual ones."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.taken: list[dict[str, str]] = []
        self.answers: list[Any] = []

    def __call__(self, request: HttpRequest) -> Any:
        if request.method == "GET":
            return HttpResponse(status=200, body=json.dumps({"messages": self.taken}).encode())
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, HttpResponse):
            return answer
        message = self.take(request)
        return answer or HttpResponse(status=201, body=json.dumps(message).encode())

    def take(self, request: HttpRequest) -> dict[str, str]:
        fields = {name: value for name, (value,) in parse_qs(request.body.decode()).items()}
        message = {
            "sid": f"SM{UUID(int=len(self.taken)).hex}",
            "to": fields["To"],
            "body": fields["Body"],
            "status": "queued",
            "direction": "outbound-api",
            "date_created": format_datetime(self.clock.now()),
            "callback": fields["StatusCallback"],
        }
        self.taken.insert(0, message)
        return message

    def callback(self, message: dict[str, str], status: str) -> HttpRequest:
        fields = {"MessageSid": message["sid"], "MessageStatus": status, "AccountSid": ACCOUNT}
        signature = RequestValidator(TOKEN).compute_signature(message["callback"], fields)
        return HttpRequest(
            method="POST",
            url=message["callback"],
            headers={
                "X-Twilio-Signature": signature,
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=urlencode(fields).encode(),
        )


class Shop:
    def __init__(self, peer: HttpPeer, twilio: FakeTwilio) -> None:
        self.twilio, self.clock = twilio, twilio.clock
        self.client = Urllib3Client(timeout=timedelta(seconds=0.5))
        transport = TwilioTransport(
            ACCOUNT,
            auth_token=TOKEN,
            status_callback=HOOK,
            base_url=peer.url,
            client=self.client,
            clock=self.clock,
        )
        self.messenger = Messenger(
            storage=MemoryStorage(),
            channels={ORDERS: transport},
            clock=self.clock,
            receipt_parsers=[TwilioReceipts(auth_token=TOKEN)],
        )
        self.worker = Worker(self.messenger, threads=1)

    def send(self, text: str = "Your code is 4711") -> Message:
        return self.messenger.send(ORDERS, a_request(text, to="+31612345678"))

    def call_back(self, message: dict[str, str], status: str) -> None:
        answer = self.messenger.receive_webhook("twilio", self.twilio.callback(message, status))
        assert answer.status == 200
        self.worker.drain()  # applies what was kept

    def status(self, message: Message) -> Status:
        return self.messenger.get(message.id).status


@pytest.fixture
def shop() -> Any:
    twilio = FakeTwilio(ManualClock())
    with HttpPeer(twilio) as peer:
        made = Shop(peer, twilio)
        yield made
        made.client.close()


def test_a_message_is_sent_and_its_delivery_comes_back(shop: Shop) -> None:
    message = shop.send()

    assert shop.worker.drain().sent == 1
    (taken,) = shop.twilio.taken
    assert shop.messenger.get(message.id).references == (taken["sid"],)
    shop.call_back(taken, "delivered")

    assert shop.status(message) is Status.DELIVERED
    assert urlsplit(taken["callback"]).query.startswith("m=")


def test_a_message_that_was_taken_without_an_answer_is_found_and_not_sent_again(
    shop: Shop,
) -> None:
    shop.twilio.answers = [Misbehaviour.RESET]
    message = shop.send()

    assert shop.worker.drain().waiting == 1
    assert shop.messenger.get(message.id).details == "in_doubt"
    shop.clock.advance(minutes=2)
    assert shop.worker.drain().sent == 1

    assert len(shop.twilio.taken) == 1
    assert shop.messenger.get(message.id).references == (shop.twilio.taken[0]["sid"],)
    assert shop.messenger.doubts() == Doubts(opened=1, reported=1)


def test_a_callback_ends_a_doubt_although_no_answer_named_the_message(shop: Shop) -> None:
    shop.twilio.answers = [Misbehaviour.SILENT]
    message = shop.send()
    assert shop.worker.drain().waiting == 1

    shop.call_back(shop.twilio.taken[0], "delivered")

    assert shop.status(message) is Status.DELIVERED
    shop.clock.advance(minutes=2)
    shop.worker.drain()
    assert len(shop.twilio.taken) == 1


def test_a_message_that_was_not_taken_is_sent_again(shop: Shop) -> None:
    shop.twilio.answers = [HttpResponse(status=502, body=b"<html>")]
    message = shop.send()
    assert shop.worker.drain().waiting == 1

    shop.clock.advance(minutes=2)
    assert shop.worker.drain().sent == 1

    assert len(shop.twilio.taken) == 1
    assert shop.status(message) is Status.SENT
    assert shop.messenger.doubts() == Doubts(opened=1, reported=1)


def test_the_same_text_twice_is_not_taken_for_one_message(shop: Shop) -> None:
    shop.twilio.answers = [HttpResponse(status=502), None]
    lost, sent = shop.send(), shop.send()
    report = shop.worker.drain()
    assert (report.waiting, report.sent) == (1, 1)

    shop.clock.advance(minutes=2)
    assert shop.worker.drain().sent == 1

    references = {shop.messenger.get(message.id).references for message in (lost, sent)}
    assert len(references) == len(shop.twilio.taken) == 2


def test_a_text_that_twilio_does_not_take_is_refused_at_once(shop: Shop) -> None:
    with pytest.raises(InvalidMessageError, match="takes 1600 characters"):
        shop.send("x" * 1601)


def test_no_secret_and_no_address_is_in_the_timeline(shop: Shop) -> None:
    quoted = f"+31612345678 is wrong: 'Your code is 4711', {TOKEN}"
    body = json.dumps({"code": 9, "message": quoted}).encode()
    shop.twilio.answers = [HttpResponse(status=400, body=body)]
    message = shop.send()
    shop.worker.drain()

    shown = repr(shop.messenger.timeline(message.id)) + repr(shop.messenger.get(message.id).failure)

    assert "answered 400" in shown
    for word in ("612345678", "4711", TOKEN):
        assert word not in shown


@pytest.fixture
def bird() -> Any:
    taken: list[dict[str, Any]] = []
    answers: list[Any] = [Misbehaviour.RESET]

    def answer(request: HttpRequest) -> Any:
        if request.method == "GET":
            return HttpResponse(status=200, body=json.dumps({"results": taken}).encode())
        taken.append({"id": f"b-{len(taken)}", "status": "sent", **json.loads(request.body)})
        return answers.pop() if answers else HttpResponse(status=202, body=b'{"id": "b-9"}')

    with HttpPeer(answer) as peer:
        yield peer, taken


def test_bird_finds_a_message_in_doubt_by_its_reference(bird: Any) -> None:
    peer, taken = bird
    clock = ManualClock()
    with BirdTransport(
        workspace_id=UUID(int=1),
        channel_id=UUID(int=2),
        access_key="any",
        base_url=peer.url,
        clock=clock,
    ) as transport:
        messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: transport}, clock=clock)
        worker = Worker(messenger, threads=1)
        message = messenger.send(ORDERS, a_request("hi", to="+31612345678"))
        assert worker.drain().waiting == 1
        clock.advance(minutes=2)
        assert worker.drain().sent == 1

    assert messenger.get(message.id).references == ("b-0",)
    assert len(taken) == 1
