"""Where violations say that a request is wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from messaging_core.models import (
    ActionDescription,
    ActionMetadata,
    Attachment,
    AuthenticationBody,
    Body,
    BuyAction,
    Card,
    CarouselBody,
    Channel,
    Coordinates,
    EmailFrom,
    EmailMeta,
    File,
    FileBody,
    GifBody,
    GifMetadata,
    HtmlBody,
    HtmlMetadata,
    Identifier,
    Image,
    ImageBody,
    LinkAction,
    ListBody,
    ListButton,
    ListMetadata,
    LocationBody,
    LocationRequestAction,
    MediaMetadata,
    Meta,
    NotificationHook,
    NumberParameter,
    Otp,
    PostbackAction,
    ProductSection,
    ProductSections,
    ProductSectionsParameter,
    PushNotificationsMeta,
    Receiver,
    ReceiverContact,
    ReceiverType,
    ReplyAction,
    ReplyMessage,
    ReplyTo,
    SectionBody,
    Sender,
    SenderAnnotations,
    SenderConnector,
    SendMessage,
    ShortLinks,
    StringParameter,
    TelegramMetadata,
    TemplateReference,
    TemplateShortLinks,
    TextBody,
    TextMetadata,
    UtmParameter,
    WhatsAppProductSection,
    WhatsAppProductSections,
    WhatsAppProductSectionsParameter,
)
from messaging_core.rules.requests.message import check_message
from messaging_core.wire.documents import dump_send_message

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
LONG_LABEL = ActionMetadata(description=ActionDescription(label="x" * 73))
BAD_TELEGRAM = TelegramMetadata(parse_mode="x")
BAD_ACTIONS = (
    LinkAction(text="", url="x"),
    ReplyAction(text="a", image_url="x", metadata=LONG_LABEL),
    PostbackAction(text="a", image_url="x", payload="\0", metadata=LONG_LABEL),
    LocationRequestAction(text=""),
    BuyAction(text="a", amount_cents=-1, currency=""),
)
BAD_CARDS = (Card(title="\0", media_url="x", alt_text="\0", actions=BAD_ACTIONS), Card())
BAD_MEDIA = MediaMetadata(subject="\n", fallback_text="\0", telegram=BAD_TELEGRAM)
BAD_ATTACHMENTS = (
    Attachment(filename="/", media_url="x", content="!", content_type="x", content_id=" "),
    Attachment(filename="a"),
)
BAD_BODIES: tuple[Body, ...] = (
    TextBody(
        text="",
        attachments=BAD_ATTACHMENTS,
        actions=BAD_ACTIONS,
        metadata=TextMetadata(
            subject="\n", headers={"To/~": "\n", "To": ""}, telegram=BAD_TELEGRAM
        ),
    ),
    HtmlBody(
        html="",
        text="",
        attachments=BAD_ATTACHMENTS,
        actions=BAD_ACTIONS,
        metadata=HtmlMetadata(
            subject="\n", headers={"\n": ""}, email_from=EmailFrom(username="", display_name="\n")
        ),
    ),
    ImageBody(images=(Image(media_url="x", alt_text="\0"),) * 11, text="\0", metadata=BAD_MEDIA),
    FileBody(
        files=(File(media_url="x", content_type="x", filename="/", alt_text="\0"),),
        text="\0",
        actions=BAD_ACTIONS,
        metadata=BAD_MEDIA,
    ),
    GifBody(
        media_url="x",
        text="\0",
        alt_text="\0",
        actions=BAD_ACTIONS,
        metadata=GifMetadata(telegram=BAD_TELEGRAM),
    ),
    LocationBody(coordinates=Coordinates(latitude=91, longitude=181)),
    CarouselBody(items=BAD_CARDS, text="x" * 1025),
    ListBody(
        text="",
        title="\0",
        alt_text="\0",
        items=BAD_CARDS,
        actions=BAD_ACTIONS,
        metadata=ListMetadata(
            button=ListButton(label="x" * 21),
            reply_message=ReplyMessage(title="x" * 513, text="x" * 513),
        ),
    ),
    SectionBody(items=(SectionBody(items=(TextBody(text=""), HtmlBody())), CarouselBody(items=()))),
    AuthenticationBody(otp=Otp(disclaimer=True, expiration_time=0, actions=BAD_ACTIONS)),
)
BAD_TEMPLATE = TemplateReference(
    project_id="",
    name="\n",
    version="x",
    locale="?",
    parameters=(
        StringParameter(key=""),
        NumberParameter(key="n", value=float("nan")),
        ProductSectionsParameter(
            key="p",
            value=ProductSections(product_sections=(ProductSection(title="", products=()),)),
        ),
        WhatsAppProductSectionsParameter(
            key="w",
            value=WhatsAppProductSections(
                sections=(WhatsAppProductSection(title="", products=()),)
            ),
        ),
    ),
    attachments=BAD_ATTACHMENTS,
    short_links=TemplateShortLinks(domain="x"),
    utm_parameters=(UtmParameter(key="", value="", reference="x"),),
)
BAD_RECEIVER = Receiver(
    contacts=(
        ReceiverContact(id="", identifier_key="", identifier_value="", platform_address=""),
        ReceiverContact(identifier_value="x", platform_address_selector="x"),
        ReceiverContact(
            type=ReceiverType.CC, identifiers=(Identifier(identifier_key="", identifier_value=""),)
        ),
        ReceiverContact(),
    )
)


def pointed_at(document: Any, path: str) -> Any:
    """Follow a JSON pointer (RFC 6901 §4)."""
    for token in path.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        document = document[int(name) if isinstance(document, list) else name]
    return document


@pytest.mark.parametrize("platform", ["sms", "email", "push", "line", "whatsapp"])
@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: body.type)
def test_every_path_points_into_the_request_as_it_is_written(body: Body, platform: str) -> None:
    request = SendMessage(
        receiver=BAD_RECEIVER,
        body=body,
        template=BAD_TEMPLATE,
        sender=Sender(
            connector=SenderConnector(identifier_value="", annotations=SenderAnnotations(name="\n"))
        ),
        reference="\n",
        meta=Meta(
            email=EmailMeta(subject="\n", headers={"To": ""}, sender=EmailFrom(username="")),
            push_notifications=PushNotificationsMeta(gateway_type_override="x"),
        ),
        reply_to=ReplyTo(id="", type="x"),
        notification=NotificationHook(url="x"),
        cap_frequency=True,
        enable_link_tracking=True,
        tags=("",),
        short_links=ShortLinks(domain="x"),
        scheduled_for=NOW + timedelta(days=36),
        validity=-1,
    )
    document = dump_send_message(request)

    violations = check_message(request, Channel(name="any", platform=platform), NOW)

    assert len(violations) > 30
    for violation in violations:
        pointed_at(document, violation.path)
