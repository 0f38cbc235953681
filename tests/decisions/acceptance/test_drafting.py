"""What an accepted request becomes."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from messaging_core.decisions.acceptance.admission import admit
from messaging_core.decisions.acceptance.drafting import (
    delivery_of,
    draft,
    identifiers_of,
    received,
)
from messaging_core.models.common.channel import Channel, MessageType
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.content.body import EmailFrom, HtmlBody, HtmlMetadata, TextBody
from messaging_core.models.content.meta import EmailMeta, Meta
from messaging_core.models.delivery.delivery import Controls, Delivery, Lane
from messaging_core.models.delivery.receipt import IncomingMessage
from messaging_core.models.messages.message import Message, Status
from messaging_core.models.messages.request import NotificationHook, SendMessage
from messaging_core.models.people.contact import (
    Receiver,
    ReceiverContact,
    Sender,
    SenderAnnotations,
    SenderConnector,
)
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import a_channel, a_request

ID = UUID(int=9)


def drafted(request: SendMessage, channel: Channel, now: datetime = NOW) -> Message:
    people = [
        (identifier, f"c{place}")
        for place, identifier in enumerate(identifiers_of(request, channel))
    ]
    admission = admit(request, channel, now)
    return draft(request, channel, admission, message_id=ID, people=people, now=now)


def delivered(request: SendMessage, channel: Channel) -> Delivery | None:
    return delivery_of(request, channel, admit(request, channel, NOW))


def test_a_message_carries_what_was_asked_for() -> None:
    request = a_request("hi", reference="order-1", tags=("VIP", "vip", "b"))

    message = drafted(request, a_channel())

    assert (message.id, message.status, message.created_at) == (ID, Status.ACCEPTED, NOW)
    assert (message.body, message.reference) == (request.body, "order-1")
    assert message.tags == ("vip", "b")


def test_a_message_for_later_is_scheduled() -> None:
    later = NOW + timedelta(hours=1)

    message = drafted(a_request(scheduled_for=later), a_channel())

    assert (message.status, message.scheduled_for) == (Status.SCHEDULED, later)


def test_a_receiver_gets_its_contact_its_country_and_its_key() -> None:
    (contact,) = drafted(a_request(to="+31612345678"), a_channel()).receiver.contacts

    assert (contact.id, contact.country_code) == ("c0", "NL")
    assert (contact.identifier_key, contact.identifier_value) == ("phonenumber", "+31612345678")
    assert contact.platform_address is None


def test_a_receiver_has_the_id_of_its_owner_and_the_address_really_used() -> None:
    contact = ReceiverContact(
        id="mine", identifier_value="+31612345678", platform_address="+4915112345678"
    )
    request = a_request(receiver=Receiver(contacts=(contact,)))

    (drafted_contact,) = drafted(request, a_channel()).receiver.contacts

    assert (drafted_contact.id, drafted_contact.country_code) == ("c0", "DE")
    assert drafted_contact.platform_address == "+4915112345678"


@pytest.mark.parametrize(
    ("contact", "identifier"),
    [
        (
            ReceiverContact(identifier_value="+31612345678"),
            Identifier(identifier_key="phonenumber", identifier_value="+31612345678"),
        ),
        (
            ReceiverContact(identifier_key="customer", identifier_value="7"),
            Identifier(identifier_key="customer", identifier_value="7"),
        ),
        (
            ReceiverContact(identifiers=(Identifier(identifier_key="a", identifier_value="1"),)),
            Identifier(identifier_key="a", identifier_value="1"),
        ),
        (
            ReceiverContact(platform_address="+31612345678"),
            Identifier(identifier_key="phonenumber", identifier_value="+31612345678"),
        ),
    ],
)
def test_a_contact_is_found_by_one_identifier(
    contact: ReceiverContact, identifier: Identifier
) -> None:
    request = a_request(receiver=Receiver(contacts=(contact,)))

    assert identifiers_of(request, a_channel()) == (identifier,)


def test_the_requests_own_sender_replaces_the_user_part() -> None:
    sender = Sender(
        connector=SenderConnector(
            identifier_value="billing", annotations=SenderAnnotations(name="Billing")
        )
    )
    channel = a_channel("mail", "email", sender="shop@sender.example", sender_name="Shop")

    connector = drafted(a_request(to="a@x.example", sender=sender), channel).sender.connector

    assert connector is not None
    assert connector.identifier_value == "billing@sender.example"
    assert connector.annotations is not None
    assert connector.annotations.name == "Billing"


@pytest.mark.parametrize("message_type", MessageType)
def test_a_lane_is_that_of_the_channel(message_type: MessageType) -> None:
    lanes = {
        MessageType.TWO_FACTOR: Lane.TWO_FACTOR,
        MessageType.TRANSACTIONAL: Lane.TRANSACTIONAL,
        MessageType.CONVERSATIONAL: Lane.CONVERSATIONAL,
        MessageType.PROMOTIONAL: Lane.PROMOTIONAL,
    }

    delivery = delivered(a_request(), a_channel(message_type=message_type))

    assert delivery is not None
    assert delivery.lane is lanes[message_type]


def test_what_matters_until_the_hand_over_is_kept_beside_the_message() -> None:
    request = a_request(
        ignore_quiet_hours=True,
        validity=60,
        notification=NotificationHook(url="https://hooks.example.com/x"),
    )

    delivery = delivered(request, a_channel())

    assert delivery is not None
    assert delivery.controls == Controls(
        ignore_quiet_hours=True, validity=60, notification_url="https://hooks.example.com/x"
    )
    assert (delivery.due_at, delivery.expires_at) == (NOW, NOW + timedelta(seconds=60))


def test_a_request_that_is_refused_has_no_delivery() -> None:
    assert delivered(a_request(tags=("!",)), a_channel()) is None


@pytest.mark.parametrize(
    "asked",
    [
        {"cap_frequency": True},
        {"enable_link_tracking": True},
        {"ignore_quiet_hours": True},
        {"ignore_global_holdout": True},
        {"validity": 60},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_each_switch_of_a_request_is_kept_by_itself(asked: dict[str, Any]) -> None:
    channel = a_channel()
    delivery = delivery_of(a_request(**asked), channel, admit(a_request(), channel, NOW))

    assert delivery is not None
    assert delivery.controls == Controls(**asked)


def test_a_request_that_asks_for_nothing_has_no_controls() -> None:
    delivery = delivered(a_request(), a_channel())

    assert delivery is not None
    assert delivery.controls == Controls()


MAIL = a_channel("mail", "email", sender="shop@sender.example", sender_name="Shop")
OWN = Sender(connector=SenderConnector(identifier_value="billing"))
NAMED = Sender(
    connector=SenderConnector(identifier_value="own", annotations=SenderAnnotations(name="Own"))
)
HTML = HtmlBody(
    html="<p>", metadata=HtmlMetadata(email_from=EmailFrom(username="body", display_name="Body"))
)
META = Meta(email=EmailMeta(sender=EmailFrom(username="meta", display_name="Meta")))


@pytest.mark.parametrize(
    ("fields", "value", "name"),
    [
        ({}, "shop@sender.example", "Shop"),
        ({"sender": OWN}, "billing@sender.example", "Shop"),
        ({"sender": NAMED}, "own@sender.example", "Own"),
        ({"body": HTML}, "body@sender.example", "Body"),
        ({"meta": META}, "meta@sender.example", "Meta"),
        ({"body": HTML, "meta": META}, "body@sender.example", "Body"),
        ({"body": HTML, "sender": OWN}, "billing@sender.example", "Shop"),
        ({"body": HTML, "sender": NAMED}, "own@sender.example", "Own"),
        (
            {"meta": Meta(email=EmailMeta(sender=EmailFrom(display_name="Meta")))},
            "shop@sender.example",
            "Meta",
        ),
        (
            {"meta": Meta(email=EmailMeta(sender=EmailFrom(username="x@other.example")))},
            "x@other.example",
            "Shop",
        ),
    ],
)
def test_the_sender_nearest_to_the_sending_wins(
    fields: dict[str, Any], value: str, name: str
) -> None:
    request = a_request(to="a@x.example", **fields)
    admission = admit(a_request(to="a@x.example"), MAIL, NOW)
    people = [(identifier, None) for identifier in identifiers_of(request, MAIL)]

    message = draft(request, MAIL, admission, message_id=ID, people=people, now=NOW)

    connector = message.sender.connector
    assert connector is not None
    assert connector.identifier_value == value
    assert connector.annotations is not None
    assert connector.annotations.name == name


def test_what_meta_says_of_email_is_nothing_to_an_sms() -> None:
    connector = drafted(a_request(meta=META), a_channel()).sender.connector

    assert connector is not None
    assert connector.identifier_value == a_channel().sender
    assert connector.annotations is None


def test_a_sender_of_an_sms_is_not_completed() -> None:
    sender = Sender(connector=SenderConnector(identifier_value="Billing"))
    channel = a_channel(sender="Shop")

    connector = drafted(a_request(sender=sender), channel).sender.connector

    assert connector is not None
    assert connector.identifier_value == "Billing"


def test_a_hook_alone_is_kept_beside_the_message() -> None:
    request = a_request(notification=NotificationHook(url="https://hooks.example.com/x"))

    delivery = delivered(request, a_channel())

    assert delivery is not None
    assert delivery.controls == Controls(notification_url="https://hooks.example.com/x")


@pytest.mark.parametrize("missing", ["due_at", "expires_at"])
def test_what_has_no_time_has_no_delivery(missing: str) -> None:
    admission = evolve(admit(a_request(), a_channel(), NOW), **{missing: None})

    assert delivery_of(a_request(), a_channel(), admission) is None


def an_incoming(**fields: Any) -> IncomingMessage:
    usual = {"source": "provider", "at": NOW, "channel_id": ID, "sender": "+31612345678"}
    return IncomingMessage(**{**usual, "body": TextBody(text="STOP"), **fields})


def test_a_message_of_a_person_is_delivered_from_the_start() -> None:
    incoming = an_incoming(sender_name="Ada", reference="r-1")

    message = received(incoming, a_channel(), message_id=ID, contact_id="c", now=NOW)

    contact = message.sender.contact
    assert contact is not None
    assert (contact.identifier_value, contact.country_code) == ("+31612345678", "NL")
    assert contact.annotations is not None
    assert contact.annotations.name == "Ada"
    assert (message.status, message.references) == (Status.DELIVERED, ("r-1",))


def test_a_mail_of_a_person_has_no_country_and_maybe_no_name_and_reference() -> None:
    incoming = an_incoming(sender="ada@x.example")

    message = received(incoming, MAIL, message_id=ID, contact_id="c", now=NOW)

    contact = message.sender.contact
    assert contact is not None
    assert (contact.country_code, contact.annotations, message.parts) == (None, None, ())
