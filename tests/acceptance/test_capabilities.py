from collections.abc import Iterator

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import InvalidMessageError, Messenger
from messaging_core.models import (
    Capabilities,
    Channel,
    Content,
    PushContent,
    SendMessage,
    Violation,
)
from messaging_core.rules.content.capabilities import check_gateway, check_size
from messaging_core.testing import RecordingTransport
from messaging_core.wire import parse_send_message

SMS = Channel(name="sms", platform="sms", sender="+31201234567", mms=True)
EMAIL = Channel(name="mail", platform="email", sender="shop@shop.example")


def sent(channel: Channel, capabilities: Capabilities, body: object, receivers: int = 1) -> str:
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={channel: RecordingTransport(capabilities=capabilities)},
    )
    with pytest.raises(InvalidMessageError) as caught:
        messenger.send(channel, a_request(body, channel, receivers))
    (violation,) = caught.value.violations
    return f"{violation.path} {violation.code}"


def a_request(body: object, channel: Channel = SMS, receivers: int = 1) -> SendMessage:
    own = "+3161234567{}" if channel is SMS else "a{}@shop.example"
    contacts = [{"identifierValue": own.format(index)} for index in range(receivers)]
    return parse_send_message({"receiver": {"contacts": contacts}, "body": body})


def text(text: str) -> object:
    return {"type": "text", "text": {"text": text}}


def pictures(count: int, **fields: object) -> object:
    images = [{"mediaUrl": "https://m.example/a.png", **fields}] * count
    return {"type": "image", "image": {"images": images}}


@pytest.mark.parametrize(
    ("capabilities", "body", "refusal"),
    [
        (Capabilities(max_text=160), text("x" * 161), "/body transport.text_too_long"),
        (Capabilities(max_parts=1), text("x" * 161), "/body transport.too_many_parts"),
        (Capabilities(max_media=1), pictures(2), "/body transport.too_many_media"),
        (
            Capabilities(lacks=frozenset({"alt_text"})),
            pictures(1, altText="A cat"),
            "/body transport.cannot_express",
        ),
    ],
)
def test_a_message_beyond_the_capabilities_is_refused(
    capabilities: Capabilities, body: object, refusal: str
) -> None:
    assert sent(SMS, capabilities, body) == refusal


def test_a_mail_has_no_more_receivers_and_attachments_than_its_transport_takes() -> None:
    attached = {
        "type": "text",
        "text": {
            "text": "x",
            "attachments": [{"mediaUrl": "https://m.example/a.pdf", "filename": "a.pdf"}],
        },
    }

    too_many = sent(EMAIL, Capabilities(max_recipients=2), text("x"), receivers=3)

    assert too_many == "/receiver/contacts transport.too_many_receivers"
    assert sent(EMAIL, Capabilities(media=False), attached) == "/body transport.no_media"


def push(text: str, gateway: str | None = None) -> SendMessage:
    meta = {"pushNotifications": {"gatewayTypeOverride": gateway}} if gateway else {}
    return parse_send_message(
        {
            "receiver": {"contacts": [{"identifierValue": "token"}]},
            "body": {"type": "text", "text": {"text": text}},
            "meta": meta,
        }
    )


def small_pushes(content: Content) -> Iterator[Violation]:
    assert isinstance(content, PushContent)
    yield from check_size(len(content.text.encode()), 5)
    yield from check_gateway(content, "apns")


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (push("größer"), "transport.too_large", "takes 8 bytes, and the provider allows 5"),
        (push("größer"), "transport.too_large", "shorten it by 3 bytes"),
        (push("hi", "web"), "transport.other_gateway", "is apns, not web"),
    ],
)
def test_a_check_of_the_transport_refuses_a_message_at_acceptance(
    request_: SendMessage, code: str, words: str
) -> None:
    app = Channel(name="app", platform="push")
    transport = RecordingTransport(capabilities=Capabilities(checks=(small_pushes,)))
    messenger = Messenger(storage=MemoryStorage(), channels={app: transport})

    with pytest.raises(InvalidMessageError) as caught:
        messenger.send(app, request_)

    (violation,) = caught.value.violations
    assert (violation.path, violation.code) == ("/body", code)
    assert words in violation.message
    assert messenger.send(app, push("grün", "apns")).id


def test_what_is_within_the_capabilities_is_accepted() -> None:
    limits = Capabilities(
        media=True, max_media=1, max_text=160, max_parts=1, max_recipients=1,
        lacks=frozenset({"alt_text", "subject"}),
    )  # fmt: skip
    messenger = Messenger(
        storage=MemoryStorage(), channels={SMS: RecordingTransport(capabilities=limits)}
    )

    for body in (text("x" * 160), pictures(1)):
        assert messenger.send(SMS, a_request(body)).status == "accepted"
