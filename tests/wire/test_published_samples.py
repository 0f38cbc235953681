"""Samples in the shape that the Bird Channels API publishes are read and written unchanged."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from messaging_core.errors import InvalidMessageError
from messaging_core.models import Direction, Failure, Interaction, Message, Status
from messaging_core.wire import (
    dump,
    dump_contact,
    dump_interaction,
    dump_message,
    dump_send_message,
    load,
    load_contact,
    load_interaction,
    load_message,
    load_page,
    parse_send_message,
)

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
AT = "2025-01-31T09:00:00.000Z"

REQUESTS: dict[str, dict[str, Any]] = {
    "text": {
        "receiver": {
            "contacts": [{"identifierKey": "phonenumber", "identifierValue": "+31600000001"}]
        },
        "body": {"type": "text", "text": {"text": "Your parcel is here"}},
    },
    "template": {
        "receiver": {"contacts": [{"identifierValue": "+31600000001"}]},
        "template": {
            "projectId": "7e0f9f0e-2f3a-4c56-8d53-4f1f36b2d9aa",
            "version": "latest",
            "locale": "en",
            "parameters": [{"type": "string", "key": "name", "value": "Ada"}],
        },
    },
    "email": {
        "receiver": {
            "contacts": [
                {"identifierKey": "emailaddress", "identifierValue": "a@x.test"},
                {"identifierKey": "emailaddress", "identifierValue": "b@x.test", "type": "cc"},
            ]
        },
        "meta": {"extraInformation": {"useCase": "transactional"}},
        "body": {
            "type": "html",
            "html": {
                "html": "<p>Hi</p>",
                "text": "Hi",
                "metadata": {
                    "subject": "Receipt",
                    "emailFrom": {"username": "billing", "displayName": "Shop"},
                },
            },
        },
    },
    "every parameter": {
        "receiver": {"contacts": [{"id": "c-1"}]},
        "template": {
            "name": "orders",
            "parameters": [
                {"type": "number", "key": "n", "value": 1.5},
                {"type": "boolean", "key": "b", "value": True},
                {"type": "object", "key": "o", "value": {"any": ["thing", None]}},
                {
                    "type": "sectionList",
                    "key": "s",
                    "value": {
                        "sections": [
                            {
                                "title": "Sizes",
                                "items": [
                                    {"type": "reply-action", "replyAction": {"text": "Small"}}
                                ],
                                "multipleSelection": True,
                            }
                        ]
                    },
                },
                {
                    "type": "timeslotList",
                    "key": "t",
                    "value": {"timeslots": [{"startTime": AT, "duration": 30}]},
                },
                {
                    "type": "productList",
                    "key": "p",
                    "value": {
                        "products": [{"type": "product", "product": {"externalProductId": "1"}}]
                    },
                },
                {
                    "type": "lineItemList",
                    "key": "l",
                    "value": {"lineItems": [{"amount": "9.99", "text": "Tea", "type": "final"}]},
                },
                {
                    "type": "whatsappProductSections",
                    "key": "w",
                    "value": {
                        "sections": [
                            {
                                "type": "whatsapp-product-section",
                                "whatsappProductSection": {
                                    "title": "Tea",
                                    "products": [
                                        {
                                            "type": "whatsapp-product-item",
                                            "whatsappProductItem": {"externalProductId": "1"},
                                        }
                                    ],
                                },
                            }
                        ]
                    },
                },
            ],
            "variables": {"default": "x"},
            "utmParameters": [{"key": "utm_source", "reference": "platform_name"}],
            "settings": {"disallowMmLite": True},
        },
    },
}

INCOMING_SMS: dict[str, Any] = {
    "id": ID,
    "channelId": ID,
    "sender": {
        "contact": {
            "id": "c-1",
            "identifierKey": "phonenumber",
            "identifierValue": "+31600000001",
        }
    },
    "receiver": {"connector": {"id": ID}},
    "body": {"type": "text", "text": {"text": "STOP"}},
    "parts": [{"platformReference": "e807"}],
    "status": "delivered",
    "direction": "incoming",
    "lastStatusAt": AT,
    "createdAt": AT,
    "updatedAt": AT,
}
INCOMING_EMAIL = INCOMING_SMS | {
    "body": {"type": "html", "html": {"html": "<p>Hi</p>", "text": "Hi"}},
    "reason": "",
    "details": "",
}
FAILED: dict[str, Any] = INCOMING_SMS | {
    "direction": "outgoing",
    "status": "delivery_failed",
    "details": "unknown_subscriber",
    "reason": "details: unknown subscriber; reason: unknown_subscriber; code: 1",
    "failure": {"code": 15005, "source": {"code": "1", "name": "sms-messagebird"}},
}
OPENED: dict[str, Any] = {
    "id": ID,
    "messageId": ID,
    "channelId": ID,
    "type": "clicked",
    "createdAt": AT,
    "platformId": "email-messagebird",
    "details": "click",
    "metadata": {"link": {"url": "https://shop.example"}, "prefetched": False, "device": "phone"},
}


@pytest.mark.parametrize("sample", REQUESTS.values(), ids=REQUESTS)
def test_a_request_of_the_documentation_is_read_and_written_unchanged(
    sample: dict[str, Any],
) -> None:
    assert dump_send_message(parse_send_message(orjson.dumps(sample))) == sample
    assert dump_send_message(parse_send_message(sample)) == sample


@pytest.mark.parametrize(
    "sample", [INCOMING_SMS, INCOMING_EMAIL, FAILED], ids=["sms", "email", "failed"]
)
def test_a_message_of_the_documentation_is_read_and_written_unchanged(
    sample: dict[str, Any],
) -> None:
    assert dump_message(load_message(orjson.dumps(sample))) == sample


def test_an_incoming_message_is_what_its_webhook_says() -> None:
    event = {"service": "channels", "event": "sms.inbound", "payload": INCOMING_SMS}

    message = load_message(orjson.loads(orjson.dumps(event))["payload"])

    assert message.direction is Direction.INCOMING
    assert message.status is Status.DELIVERED
    assert message.parts[0].platform_reference == "e807"


def test_null_stands_for_absence_in_a_message() -> None:
    message = load_message(
        INCOMING_SMS | {"template": None, "origin": None, "failure": None, "shortLinks": None}
    )

    assert isinstance(message, Message)
    assert dump_message(message) == INCOMING_SMS


def test_a_failure_of_the_documentation_is_read() -> None:
    failure = load(Failure, FAILED["failure"])

    assert (failure.code, failure.source and failure.source.name) == (15005, "sms-messagebird")
    assert dump(failure) == FAILED["failure"]


LEFT_OUT = [
    ("failure", {"description": "x"}, lambda message: message.failure.code),
    ("failure", {}, lambda message: message.failure.code),
    (
        "body",
        {
            "type": "text",
            "text": {
                "text": "x",
                "metadata": {"line": {"emoji": {"items": [{"productId": "p", "emojiId": "e"}]}}},
            },
        },
        lambda message: message.body.metadata.line.emoji.items[0].index,
    ),
    (
        "body",
        {"type": "location", "location": {"coordinates": {"longitude": 4.9}}},
        lambda message: message.body.coordinates.latitude,
    ),
]


@pytest.mark.parametrize(("key", "value", "number"), LEFT_OUT)
def test_another_system_may_leave_out_a_number_that_is_zero(
    key: str, value: object, number: Callable[[Message], float]
) -> None:
    document = {**FAILED, key: value}

    (in_page,) = load_page({"results": [document]}).results

    assert number(load_message(document)) == number(in_page) == 0


def test_a_request_has_to_name_its_numbers() -> None:
    emoji = {"items": [{"productId": "p", "emojiId": "e"}]}
    content = {"text": "x", "metadata": {"line": {"emoji": emoji}}}
    request = {"receiver": {"contacts": []}, "body": {"type": "text", "text": content}}

    with pytest.raises(InvalidMessageError) as caught:
        parse_send_message(request)

    (violation,) = caught.value.violations
    assert (violation.path, violation.code) == (
        "/body/text/metadata/line/emoji/items/0/index",
        "wire.missing",
    )


def test_a_page_of_the_documentation_is_read() -> None:
    page = load_page({"results": [INCOMING_SMS, FAILED], "nextPageToken": "t", "startAt": AT})

    assert [message.status for message in page.results] == [
        Status.DELIVERED,
        Status.DELIVERY_FAILED,
    ]


def test_an_interaction_keeps_undeclared_keys() -> None:
    interaction = load_interaction(orjson.dumps(OPENED))

    assert isinstance(interaction, Interaction)
    assert interaction.metadata is not None
    assert interaction.metadata.extra == {"device": "phone"}
    assert dump_interaction(interaction) == OPENED


def test_a_contact_is_read_and_written_unchanged() -> None:
    sample = {
        "id": "c-1",
        "workspaceId": ID,
        "createdAt": AT,
        "updatedAt": AT,
        "computedDisplayName": "Ada",
        "featuredIdentifiers": [{"key": "emailaddress", "value": "ada@x.test"}],
        "attributes": {"emailaddress": ["ada@x.test"], "vip": True},
        "listIds": [ID],
        "timeZone": "Europe/Amsterdam",
    }

    assert dump_contact(load_contact(orjson.dumps(sample))) == sample
