"""A whole request."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.models import (
    Attachment,
    Channel,
    EmailFrom,
    EmailMeta,
    HtmlBody,
    HtmlMetadata,
    LinkAction,
    Meta,
    NotificationHook,
    Receiver,
    ReceiverContact,
    ReplyTo,
    Sender,
    SenderConnector,
    SendMessage,
    ShortLinks,
    TemplateReference,
    TextBody,
    text,
    to,
)
from messaging_core.rules.requests.message import check_batch, check_message

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
SMS_CHANNEL = Channel(name="orders", platform="sms", sender="+31612345678")
EMAIL_CHANNEL = Channel(name="mail", platform="email", sender="shop@example.com")
MARKETING = Meta(extra_information={"useCase": "marketing"})


def a_request(**fields: Any) -> SendMessage:
    return SendMessage(**{"receiver": to("+31600000001"), "body": text("hi"), **fields})


def a_full_mail(**fields: Any) -> SendMessage:
    body = HtmlBody(
        html="<p>Hi</p>",
        text="Hi",
        attachments=(
            Attachment(filename="a.pdf", content="AAAA", content_type="application/pdf"),
            Attachment(filename="b.png", media_url="https://example.com/b.png", inline=True),
        ),
        actions=(LinkAction(text="Open", url="https://example.com"),),
        metadata=HtmlMetadata(
            subject="Receipt",
            email_from=EmailFrom(username="billing", display_name="Shop"),
            headers={"X-Campaign": "spring"},
        ),
    )
    whole: dict[str, Any] = {
        "receiver": to("ada@example.com", cc=["bob@example.com"]),
        "body": body,
        "sender": Sender(connector=SenderConnector(identifier_value="billing")),
        "reference": "order-1",
        "meta": MARKETING,
        "reply_to": ReplyTo(id="1", type="message"),
        "notification": NotificationHook(url="https://example.com/hooks"),
        "cap_frequency": True,
        "enable_link_tracking": True,
        "tags": ("vip",),
        "scheduled_for": NOW + timedelta(days=1),
        "validity": 3600,
    }
    return SendMessage(**{**whole, **fields})


def check(request: SendMessage, channel: Channel = SMS_CHANNEL) -> list[tuple[str, str]]:
    return [(v.path, v.code) for v in check_message(request, channel, NOW)]


def test_an_ordinary_request_breaks_no_rule() -> None:
    assert check(a_request()) == []


def test_a_request_with_everything_breaks_no_rule() -> None:
    assert check(a_full_mail(), EMAIL_CHANNEL) == []


def test_a_template_breaks_no_rule() -> None:
    template = TemplateReference(project_id="p", version="latest", locale="en")

    assert check(a_request(body=None, template=template)) == []


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        pytest.param(
            {"receiver": Receiver(contacts=())}, "/receiver/contacts", "receiver.empty", id="rule 1"
        ),
        pytest.param(
            {"receiver": Receiver(contacts=(ReceiverContact(),))},
            "/receiver/contacts/0",
            "receiver.not_addressable",
            id="rule 3",
        ),
        pytest.param(
            {"receiver": to("+31600000001", "+31600000002")},
            "/receiver/contacts",
            "receiver.too_many",
            id="rule 4",
        ),
        pytest.param({"body": None}, "", "message.no_content", id="rule 6"),
        pytest.param(
            {"template": TemplateReference(name="t")}, "", "message.two_contents", id="rule 7"
        ),
        pytest.param({"body": text("")}, "/body/text/text", "text.empty", id="rule 10"),
        pytest.param({"tags": ("a,b",)}, "/tags/0", "tags.bad_character", id="rule 22"),
        pytest.param(
            {"short_links": ShortLinks(domain="")},
            "/shortLinks/domain",
            "links.bad_domain",
            id="rule 23",
        ),
        pytest.param(
            {"scheduled_for": NOW + timedelta(days=35, seconds=1)},
            "/scheduledFor",
            "schedule.too_far",
            id="rule 24",
        ),
        pytest.param({"validity": -1}, "/validity", "validity.negative", id="rule 25"),
        pytest.param(
            {"cap_frequency": True}, "/capFrequency", "cap_frequency.not_marketing", id="rule 26"
        ),
        pytest.param(
            {"enable_link_tracking": True},
            "/enableLinkTracking",
            "links.tracking_needs_short_links",
            id="rule 27",
        ),
        pytest.param(
            {"reply_to": ReplyTo(id="1", type="thread")},
            "/replyTo/type",
            "reply_to.bad_type",
            id="rule 28",
        ),
        pytest.param(
            {"sender": Sender(connector=SenderConnector(identifier_value=""))},
            "/sender/connector/identifierValue",
            "sender.invalid",
            id="rule 29",
        ),
        pytest.param(
            {"meta": Meta(email=EmailMeta(subject="\n"))},
            "/meta/email/subject",
            "text.control_character",
            id="rule 30",
        ),
        pytest.param(
            {"body": None, "template": TemplateReference()},
            "/template",
            "template.not_named",
            id="rule 31",
        ),
        pytest.param(
            {"notification": NotificationHook(url="http://example.com")},
            "/notification/url",
            "uri.not_a_callback",
            id="rule 39",
        ),
        pytest.param(
            {"receiver": to("0612345678")},
            "/receiver/contacts/0/identifierValue",
            "receiver.not_e164",
            id="rule 42",
        ),
        pytest.param({"reference": "x" * 501}, "/reference", "text.too_long", id="long reference"),
        pytest.param(
            {"reference": "a\nb"}, "/reference", "text.control_character", id="broken reference"
        ),
    ],
)
def test_a_broken_rule_is_told_with_its_place(fields: dict[str, Any], path: str, code: str) -> None:
    assert check(a_request(**fields)) == [(path, code)]


def test_rule_8_a_request_has_no_room_for_an_unknown_key() -> None:
    with pytest.raises(TypeError, match="unexpected keyword"):
        a_request(priority="high")


def test_rule_22_at_most_10_tags() -> None:
    tags = tuple(f"tag {number}" for number in range(11))

    assert check(a_request(tags=tags[:10])) == []
    assert check(a_request(tags=tags)) == [("/tags", "tags.too_many")]


@pytest.mark.parametrize("ahead", [timedelta(days=35), timedelta(0), -timedelta(days=400)])
def test_rule_24_a_message_is_scheduled_up_to_35_days_ahead(ahead: timedelta) -> None:
    assert check(a_request(scheduled_for=NOW + ahead)) == []


def test_rule_26_a_marketing_message_may_be_capped() -> None:
    assert check(a_request(cap_frequency=True, meta=MARKETING)) == []


def test_rule_35_the_channel_is_active() -> None:
    closed = Channel(name="orders", platform="sms", active=False)

    assert check(a_request(), closed) == [("", "channel.inactive")]


@pytest.mark.parametrize(
    ("number", "code"), [(0, "batch.empty"), (101, "batch.too_large"), (100_000, "batch.too_large")]
)
def test_rule_36_a_batch_has_1_to_100_requests(number: int, code: str) -> None:
    request = a_request()

    assert check_batch([request], "") == check_batch([request] * 100, "") == []
    assert [v.code for v in check_batch([request] * number, "/messageRequests")] == [code]


def test_rule_36_a_broken_request_is_no_fault_of_its_batch() -> None:
    assert check_batch([a_request(body=None)], "") == []


def test_every_broken_rule_is_told_in_the_order_of_the_request() -> None:
    request = a_request(
        receiver=to("06"),
        body=TextBody(text=""),
        template=TemplateReference(),
        sender=Sender(connector=SenderConnector(identifier_value="")),
        reference="\n",
        meta=Meta(email=EmailMeta(subject="\n")),
        reply_to=ReplyTo(id="", type="message"),
        notification=NotificationHook(url=""),
        cap_frequency=True,
        enable_link_tracking=True,
        tags=("",),
        scheduled_for=NOW + timedelta(days=36),
        validity=-1,
    )
    closed = Channel(name="orders", platform="sms", active=False)

    assert [path for path, _ in check(request, closed)] == [
        "",
        "/receiver/contacts/0/identifierValue",
        "",
        "/body/text/text",
        "/template",
        "/sender/connector/identifierValue",
        "/reference",
        "/meta/email/subject",
        "/replyTo/id",
        "/notification/url",
        "/capFrequency",
        "/enableLinkTracking",
        "/tags/0",
        "/scheduledFor",
        "/validity",
    ]


def test_a_second_check_does_not_remember_the_first() -> None:
    first = check_message(a_request(), SMS_CHANNEL, NOW)
    first.append(check_batch([], "")[0])

    assert check_message(a_request(), SMS_CHANNEL, NOW) == []


@given(st.text(), st.text(), st.text())
def test_no_text_makes_a_rule_fail(address: str, content: str, subject: str) -> None:
    request = a_full_mail(
        receiver=to(address), body=text(content, subject=subject), reference=subject
    )

    assert isinstance(check(request, EMAIL_CHANNEL), list)


@pytest.mark.parametrize("character", ["a", "\u0661", "\u202e", "\n", "{"], ids=ascii)
def test_ten_megabytes_in_every_text_are_refused_quickly(character: str) -> None:
    huge = character * 10_000_000
    request = a_full_mail(
        receiver=to(huge),
        body=HtmlBody(
            html=huge,
            attachments=(Attachment(filename=huge, content=huge, content_type=huge),),
            actions=(LinkAction(text=huge, url=huge),),
            metadata=HtmlMetadata(subject=huge, headers={huge: huge}),
        ),
        sender=Sender(connector=SenderConnector(identifier_value=huge)),
        template=TemplateReference(project_id=huge, version=huge, locale=huge),
        reference=huge,
        reply_to=ReplyTo(id=huge, type=huge),
        notification=NotificationHook(url=huge),
        tags=(huge,),
        short_links=ShortLinks(domain=huge),
    )

    started = time.process_time()
    violations = check_message(request, EMAIL_CHANNEL, NOW)

    assert time.process_time() - started < 2
    assert len(violations) > 10
    assert all(len(str(violation)) < 400 for violation in violations)


@pytest.mark.parametrize(
    ("username", "broken"),
    [(None, []), ("news", []), ("news@example.com", []), ("news@other.example", ["domain"])],
)
@pytest.mark.parametrize("place", ["meta", "body"])
def test_a_sender_beside_the_channel_is_of_a_domain_of_the_workspace(
    place: str, username: str | None, broken: list[str]
) -> None:
    sender = EmailFrom(username=username, display_name="News")
    fields: dict[str, Any] = {"receiver": to("ada@example.com"), "body": HtmlBody(html="<p>hi</p>")}
    if place == "meta":
        fields["meta"] = Meta(email=EmailMeta(sender=sender))
        path = "/meta/email/from/username"
    else:
        fields["body"] = HtmlBody(html="<p>hi</p>", metadata=HtmlMetadata(email_from=sender))
        path = "/body/html/metadata/emailFrom/username"

    violations = check(a_request(**fields), EMAIL_CHANNEL)

    assert violations == [(path, "sender.bad_user_name") for _ in broken]


def test_a_reference_has_at_most_500_characters() -> None:
    assert check(a_request(reference="r" * 500)) == []
    assert check(a_request(reference="r" * 501)) == [("/reference", "text.too_long")]
