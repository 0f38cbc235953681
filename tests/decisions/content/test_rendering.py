"""How a message looks to its platform."""

from datetime import timedelta

import pytest
from attrs import evolve

from messaging_core.decisions.content.rendering import content_of, envelope_of
from messaging_core.models.common.channel import MessageType
from messaging_core.models.content.action import LinkAction
from messaging_core.models.content.body import (
    Body,
    File,
    FileBody,
    GifBody,
    GifMetadata,
    HtmlBody,
    HtmlMetadata,
    Image,
    ImageBody,
    MediaMetadata,
    TextBody,
    TextMetadata,
)
from messaging_core.models.content.meta import EmailMeta, Meta
from messaging_core.models.messages.envelope import (
    EmailContent,
    MmsContent,
    NativeContent,
    PushContent,
    SmsContent,
)
from messaging_core.models.people.contact import Connector, MessageSender, ReceiverType
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import a_channel, a_delivery, a_message

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
A, B, C = "a@x.example", "b@x.example", "c@x.example"
PICTURE = Image(media_url="https://media.example/a.png", alt_text="A")
SMS, MAIL, PUSH = a_channel(), a_channel("mail", "email"), a_channel("app", "push", sender="app")


def test_an_envelope_is_complete() -> None:
    message = a_message(reference="r")
    delivery = a_delivery(attempts=2)

    envelope = envelope_of(message, delivery, SMS)

    assert (envelope.message_id, envelope.channel, envelope.workspace) == (
        message.id,
        SMS,
        SMS.workspace,
    )
    assert (envelope.created_at, envelope.expires_at) == (NOW, delivery.expires_at)
    assert (envelope.attempt, envelope.reference) == (2, "r")
    assert envelope.sender is not None
    assert envelope.sender.value == SMS.sender
    assert envelope.to == message.receiver.contacts[0].identifier_value


@pytest.mark.parametrize(
    ("ahead", "waited"),
    [(-MINUTE, False), (10 * MINUTE - SECOND, False), (10 * MINUTE, True), (600 * MINUTE, True)],
)
def test_an_envelope_tells_the_time_that_its_message_waited_for(
    ahead: timedelta, *, waited: bool
) -> None:
    message = a_message(scheduled_for=NOW + ahead)

    envelope = envelope_of(message, a_delivery(), MAIL)

    assert envelope.created_at == NOW
    assert envelope.scheduled_for == (NOW + ahead if waited else None)


def test_an_envelope_goes_to_those_not_served_and_names_all_receivers() -> None:
    message = a_message(to=[A, B, C])
    delivery = a_delivery(attempts=2, accepted=(A,), refused=(C,))

    envelope = envelope_of(message, delivery, MAIL)

    assert [receiver.value for receiver in envelope.receivers] == [B]
    assert [copy.value for copy in envelope.copies] == [A, B, C]
    assert {copy.type for copy in envelope.copies} == {ReceiverType.TO}


def test_the_address_really_used_wins() -> None:
    message = a_message()
    contact = evolve(message.receiver.contacts[0], platform_address="+31600000007")
    message = evolve(message, receiver=evolve(message.receiver, contacts=(contact,)))

    assert envelope_of(message, a_delivery(), SMS).to == "+31600000007"


def test_the_same_message_gives_the_same_envelope() -> None:
    message, delivery = a_message("hi \U0001f600"), a_delivery()

    assert envelope_of(message, delivery, SMS) == envelope_of(message, delivery, SMS)


def test_a_text_is_an_sms_in_its_parts() -> None:
    content = content_of(TextBody(text="x" * 161), None, SMS)

    assert isinstance(content, SmsContent)
    assert (content.text, content.sms.count) == ("x" * 161, 2)


def test_a_picture_is_an_mms_where_there_is_one() -> None:
    body = ImageBody(images=(PICTURE,), text="Look", metadata=MediaMetadata(subject="News"))

    content = content_of(body, None, a_channel(mms=True))

    assert isinstance(content, MmsContent)
    assert (content.media[0].media_url, content.text, content.subject) == (
        PICTURE.media_url,
        "Look",
        "News",
    )


def test_a_picture_is_its_fallback_text_where_there_is_no_mms() -> None:
    body = ImageBody(images=(PICTURE,), metadata=MediaMetadata(fallback_text="See our site"))

    content = content_of(body, None, SMS)

    assert isinstance(content, SmsContent)
    assert content.text == "See our site"


def test_the_bodys_subject_and_headers_win_over_meta() -> None:
    body = HtmlBody(
        html="<p>hi</p>", metadata=HtmlMetadata(subject="Body", headers={"x-a": "body"})
    )
    meta = Meta(email=EmailMeta(subject="Meta", headers={"X-A": "meta", "X-B": "meta"}))

    content = content_of(body, meta, MAIL)

    assert isinstance(content, EmailContent)
    assert content.subject == "Body"
    assert {name.lower(): value for name, value in content.headers.items()} == {
        "x-a": "body",
        "x-b": "meta",
    }


def test_an_empty_subject_of_the_body_still_wins() -> None:
    body = TextBody(text="hi", metadata=TextMetadata(subject=""))

    content = content_of(body, Meta(email=EmailMeta(subject="Meta")), MAIL)

    assert isinstance(content, EmailContent)
    assert content.subject == ""


def test_buttons_are_links_at_the_end_of_a_mail_and_are_escaped() -> None:
    link = LinkAction(text="<Go>", url="https://x.example/?a=1&b=2")
    body = HtmlBody(html="<html><body>hi</BODY></html>", actions=(link,))

    content = content_of(body, None, MAIL)

    assert isinstance(content, EmailContent)
    assert content.html is not None
    assert '<a href="https://x.example/?a=1&amp;b=2">&lt;Go&gt;</a></p></BODY>' in content.html


def test_a_push_message_leads_to_its_first_link() -> None:
    links = tuple(LinkAction(text=name, url=f"https://x.example/{name}") for name in "ab")
    body = TextBody(text="hi", metadata=TextMetadata(subject="Title"), actions=links)

    content = content_of(body, None, PUSH)

    assert isinstance(content, PushContent)
    assert (content.title, content.text, content.link) == ("Title", "hi", links[0].url)
    assert content.actions == links[1:]


@pytest.mark.parametrize(
    "body", [TextBody(text="hi"), GifBody(media_url="https://x.example/a.gif")]
)
def test_a_platform_of_the_hosts_own_gets_the_body(body: Body) -> None:
    assert content_of(body, None, a_channel("loft", "pigeon")) == NativeContent(body=body)


@pytest.mark.parametrize("text", ["{{ 7*7 }}", "%s", "${x}", "{0}", "<script>"])
def test_text_is_never_compiled(text: str) -> None:
    content = content_of(TextBody(text=text), None, SMS)

    assert isinstance(content, SmsContent)
    assert content.text == text


LEAVE = "https://shop.example/leave/{messageId}"


@pytest.mark.parametrize(
    ("message_type", "meta", "offered"),
    [
        (MessageType.PROMOTIONAL, None, True),
        (MessageType.TRANSACTIONAL, Meta(extra_information={"useCase": "marketing"}), True),
        (MessageType.TRANSACTIONAL, None, False),
    ],
)
def test_marketing_by_email_offers_to_unsubscribe(
    message_type: MessageType, meta: Meta | None, *, offered: bool
) -> None:
    channel = evolve(MAIL, message_type=message_type, unsubscribe_url=LEAVE)
    message = a_message(to=A, meta=meta)

    content = envelope_of(message, a_delivery(), channel).content

    assert isinstance(content, EmailContent)
    expected = {
        "List-Unsubscribe": f"<https://shop.example/leave/{message.id}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert content.headers == (expected if offered else {})


def test_the_unsubscribe_header_of_a_request_is_left_as_it_is() -> None:
    channel = evolve(MAIL, message_type=MessageType.PROMOTIONAL, unsubscribe_url=LEAVE)
    own = {"list-unsubscribe": "<https://own.example>", "X-A": "1"}
    meta = Meta(email=EmailMeta(headers=own))

    content = envelope_of(a_message(to=A, meta=meta), a_delivery(), channel).content

    assert isinstance(content, EmailContent)
    assert content.headers == own


BUTTON = LinkAction(text="A & B", url="https://a.example/?a=1&b=2")


def a_mail_of(body: Body, meta: Meta | None = None) -> EmailContent:
    content = content_of(body, meta, MAIL)
    assert isinstance(content, EmailContent)
    return content


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>hi", "<p>hi{}"),
        ("<BODY>hi</BODY></html>", "<BODY>hi{}</BODY></html>"),
        ("</body>", "{}</body>"),
        ("</body>x</body>", "</body>x{}</body>"),
    ],
)
def test_buttons_stand_at_the_end_of_the_html(html: str, expected: str) -> None:
    link = '<p><a href="https://a.example/?a=1&amp;b=2">A &amp; B</a></p>'

    assert a_mail_of(HtmlBody(html=html, actions=(BUTTON,))).html == expected.format(link)
    assert a_mail_of(HtmlBody(html=html)).html == html


def test_html_and_text_are_there_only_where_they_were_given() -> None:
    only_html, only_text = a_mail_of(HtmlBody(html="<p>")), a_mail_of(HtmlBody(text="hi"))

    assert (only_html.html, only_html.text) == ("<p>", None)
    assert (only_text.html, only_text.text) == (None, "hi")


@pytest.mark.parametrize("value", [None, False, True])
@pytest.mark.parametrize("name", ["open_tracking", "initial_open_tracking", "click_tracking"])
def test_each_tracking_switch_is_off_unless_it_was_switched_on(
    name: str, *, value: bool | None
) -> None:
    content = a_mail_of(HtmlBody(html="<p>", metadata=HtmlMetadata(**{name: value})))

    switches = {
        "open_tracking": content.open_tracking,
        "initial_open_tracking": content.initial_open_tracking,
        "click_tracking": content.click_tracking,
    }
    assert switches == {**dict.fromkeys(switches, False), name: bool(value)}


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ({"filename": "b.pdf"}, "b.pdf"),
        ({}, "a.pdf"),
        ({"media_url": "https://media.example/x/a.pdf?v=1/2#3/4"}, "a.pdf"),
        ({"media_url": "https://media.example/"}, "attachment"),
    ],
)
def test_a_file_of_a_mail_is_named_by_its_url_unless_it_has_a_name(
    file: dict[str, str], name: str
) -> None:
    usual = {"media_url": "https://media.example/a.pdf", "content_type": "application/pdf"}

    content = a_mail_of(FileBody(files=(File(**{**usual, **file}),), text="See"))

    assert [attachment.filename for attachment in content.attachments] == [name]
    assert content.text == "See"


def test_media_without_text_are_a_mail_without_text() -> None:
    assert a_mail_of(ImageBody(images=(PICTURE,))).text == ""


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (ImageBody(images=(PICTURE,)), ""),
        (ImageBody(images=(PICTURE,), metadata=MediaMetadata(subject="News")), ""),
        (ImageBody(images=(PICTURE,), metadata=MediaMetadata(fallback_text="See")), "See"),
        (GifBody(media_url="https://media.example/a.gif"), ""),
        (GifBody(media_url="https://media.example/a.gif", metadata=GifMetadata()), ""),
    ],
)
def test_media_on_a_channel_without_mms_are_their_fallback(body: Body, text: str) -> None:
    content = content_of(body, None, SMS)

    assert isinstance(content, SmsContent)
    assert content.text == text


@pytest.mark.parametrize(("smart", "text"), [(True, '"hi"'), (False, "“hi”")])
def test_an_sms_is_encoded_smartly_where_the_channel_wants_it(text: str, *, smart: bool) -> None:
    content = content_of(TextBody(text="“hi”"), None, a_channel(smart_encoding=smart))

    assert isinstance(content, SmsContent)
    assert content.text == text


def test_the_first_attempt_is_one_even_before_it_is_claimed() -> None:
    assert envelope_of(a_message(), a_delivery(attempts=0), SMS).attempt == 1
    assert envelope_of(a_message(), a_delivery(attempts=3), SMS).attempt == 3


@pytest.mark.parametrize("connector", [None, Connector(id=SMS.id)])
def test_a_message_may_have_no_sender(connector: Connector | None) -> None:
    message = evolve(a_message(), sender=MessageSender(connector=connector))

    assert envelope_of(message, a_delivery(), SMS).sender is None


def test_only_a_mail_offers_to_unsubscribe() -> None:
    promotional = {
        "message_type": MessageType.PROMOTIONAL,
        "unsubscribe_url": "https://shop.example/leave",
    }
    content = envelope_of(
        a_message(to=A), a_delivery(), a_channel("mail", "email", **promotional)
    ).content

    assert isinstance(content, EmailContent)
    assert "List-Unsubscribe" in content.headers
    own = a_channel("own", "line", **promotional)
    assert isinstance(envelope_of(a_message(), a_delivery(), own).content, NativeContent)


def test_a_push_shows_the_first_of_several_pictures() -> None:
    other = Image(media_url="https://media.example/b.png")

    content = content_of(ImageBody(images=(PICTURE, other)), None, PUSH)

    assert isinstance(content, PushContent)
    assert content.image_url == PICTURE.media_url
