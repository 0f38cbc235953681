"""Web Push beside other implementations: a push service that decrypts, and another sender.

`pywebpush` sends the same headers with three differences: it has no `Urgency` and no `Topic` of its
own, names no content type, and its token ends whenever its caller says.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from py_vapid import Vapid02
from pywebpush import webpush

from messaging_adapters.push.subscription import subscription_address
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.push.webpush import WebPushTransport
from messaging_core import Channel, Messenger, SendMessage, Worker, text
from messaging_core.models import (
    CheckStatus,
    ContactIdentifier,
    NewContact,
    Receiver,
    ReceiverContact,
    Status,
)
from messaging_core.ports.http import HttpResponse
from messaging_core.testing import HttpPeer
from peers.push_services import PushService
from push_service import Browser, encoded

WEB = Channel(name="web", platform="push")
KEY = encoded(generate_private_key(SECP256R1()).private_numbers().private_value.to_bytes(32, "big"))
SUBJECT = "mailto:ops@shop.example"


@pytest.fixture(scope="module")
def service() -> Iterator[PushService]:
    started = PushService()
    yield started
    started.close()


@pytest.fixture
def transport() -> Iterator[WebPushTransport]:
    with WebPushTransport(private_key=KEY, subject=SUBJECT, allow_private=True) as made:
        yield made  # type: ignore[misc]


def a_messenger(transport: Any, *subscriptions: Any) -> Messenger:
    messenger = Messenger(storage=MemoryStorage(), channels={WEB: transport})
    browsers = tuple(
        ContactIdentifier(key="pushtoken", value=subscription_address(subscription))
        for subscription in subscriptions
    )
    messenger.contacts.create(NewContact(id="ada", identifiers=browsers))
    return messenger


def send(messenger: Messenger, words: str) -> Status:
    receiver = Receiver(contacts=(ReceiverContact(id="ada"),))
    request = SendMessage(receiver=receiver, body=text(words, subject="Your order"))
    message = messenger.send(WEB, request)
    Worker(messenger).drain()
    return messenger.get(message.id).status


def test_each_browser_of_a_contact_decrypts_the_message(
    service: PushService, transport: WebPushTransport
) -> None:
    browsers = [service.subscribe(transport.public_key) for _ in range(2)]
    messenger = a_messenger(transport, *browsers)

    status = send(messenger, "It is on its way: größer 👍")

    assert status is Status.SENT
    for browser in browsers:
        (message,) = service.messages(browser)
        assert message["notification"]["title"] == "Your order"
        assert message["notification"]["body"] == "It is on its way: größer 👍"


def test_a_subscription_that_expired_is_removed_from_its_contact(
    service: PushService, transport: WebPushTransport
) -> None:
    gone, alive = (service.subscribe(transport.public_key) for _ in range(2))
    messenger = a_messenger(transport, gone, alive)
    service.expire(gone)

    first, second = send(messenger, "one"), send(messenger, "two")

    identifiers = messenger.contacts.get("ada").featured_identifiers
    assert [own.value for own in identifiers] == [subscription_address(alive)]
    assert (first, second) == (Status.SENT, Status.SENT)
    assert [message["notification"]["body"] for message in service.messages(alive)] == [
        "one",
        "two",
    ]
    assert service.messages(gone) == []


def test_the_largest_message_is_decrypted(
    service: PushService, transport: WebPushTransport
) -> None:
    browser = service.subscribe(transport.public_key)
    messenger = a_messenger(transport, browser)
    room = 3993 - len('{"notification":{"tag":"","title":"Your order","body":""}}') - 32

    status = send(messenger, "x" * room)

    assert status is Status.SENT
    (message,) = service.messages(browser)
    assert len(message["notification"]["body"]) == room


def test_a_message_of_another_sender_is_refused(
    service: PushService, transport: WebPushTransport
) -> None:
    other = generate_private_key(SECP256R1()).private_numbers().private_value
    foreign = WebPushTransport(private_key=encoded(other.to_bytes(32, "big")), subject=SUBJECT)
    browser = service.subscribe(foreign.public_key)

    status = send(a_messenger(transport, browser), "hi")

    assert status is Status.SENDING_FAILED
    assert service.messages(browser) == []
    assert foreign.check().status is CheckStatus.UNKNOWN


def test_another_sender_sends_the_same_headers(transport: WebPushTransport) -> None:
    with HttpPeer(lambda _: HttpResponse(status=201)) as peer:
        browser = Browser(f"{peer.url}/send/abc")
        webpush(
            subscription_info=browser.subscription,
            data='{"notification": {"title": "Hi"}}',
            vapid_private_key=KEY,
            vapid_claims={"sub": SUBJECT},
            ttl=int(timedelta(hours=36).total_seconds()),
        )
        send(a_messenger(transport, browser.subscription), "Hi")

    theirs, ours = (exchange.request for exchange in peer.exchanges)
    assert [browser.read(own)["notification"]["title"] for own in (theirs, ours)] == [
        "Hi",
        "Your order",
    ]
    assert ours.url == theirs.url
    assert ours.headers["content-encoding"] == theirs.headers["content-encoding"]
    assert abs(int(ours.headers["ttl"]) - int(theirs.headers["ttl"])) < 60
    assert ours.headers.keys() - theirs.headers.keys() <= {"urgency", "topic", "content-type"}
    keys = [own.headers["authorization"].partition(",")[2].strip() for own in (theirs, ours)]
    assert keys[0] == keys[1]
    assert Vapid02.verify(ours.headers["authorization"])
    assert Vapid02.verify(theirs.headers["authorization"])
