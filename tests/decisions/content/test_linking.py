"""The links of a rendered message."""

from collections.abc import Callable
from itertools import count
from uuid import UUID

import pytest

from messaging_core.decisions.content.linking import apply_links, draw_links, link_settings
from messaging_core.decisions.content.rendering import content_of
from messaging_core.models import (
    CampaignMeta,
    Content,
    EmailContent,
    LinkAction,
    LinkSettings,
    MediaItem,
    Meta,
    MmsContent,
    NativeContent,
    PushContent,
    ReplyAction,
    ShortLink,
    ShortLinks,
    SmsContent,
    TemplateReference,
    TemplateShortLinks,
    TextBody,
    UtmParameter,
)
from messaging_core.rules.formats.sms import split_sms
from messaging_core.rules.links.short_links import code_of
from messaging_core.testing import a_channel, a_message

SMS, MAIL = a_channel(), a_channel("mail", "email")
SHORT = LinkSettings(domain="go.example")
TRACKED = LinkSettings(parameters={"a": "1"})
LONG = "https://a.example/" + "x" * 150
CODE = "00000000000"


def numbered() -> Callable[[], str]:
    numbers = count()
    return lambda: code_of(next(numbers).to_bytes(8))


def an_sms(text: str) -> SmsContent:
    return SmsContent(sms=split_sms(text))


def a_template(short_links: TemplateShortLinks | None = None) -> TemplateReference:
    return TemplateReference(
        project_id="p",
        short_links=short_links,
        utm_parameters=(UtmParameter(key="utm_source", value="shop"),),
    )


def test_parts_are_counted_with_short_links() -> None:
    content = an_sms(f"Your order: {LONG}")

    short = apply_links(content, SHORT, {LONG: CODE}.get)

    assert len(content.sms.parts) == 2
    assert isinstance(short, SmsContent)
    assert short.sms == split_sms(f"Your order: https://go.example/{CODE}")
    assert len(short.sms.parts) == 1


def test_every_link_is_stored_with_its_message() -> None:
    message = a_message()
    content = an_sms(f"{LONG} {LONG} https://b.example")
    settings = LinkSettings(domain="go.example", parameters={"a": "1"})

    links = draw_links(content, settings, numbered(), message=message, channel=SMS)

    assert [(link.code, link.url) for link in links] == [
        (CODE, f"{LONG}?a=1"),
        ("00000000001", "https://b.example?a=1"),
    ]
    assert links[0] == ShortLink(
        code=CODE,
        workspace=SMS.workspace,
        message_id=message.id,
        channel_id=SMS.id,
        domain="go.example",
        url=f"{LONG}?a=1",
        created_at=message.created_at,
    )


def test_every_attempt_sends_the_links_that_were_stored() -> None:
    content = an_sms(f"{LONG} https://b.example")
    links = draw_links(content, SHORT, numbered(), message=a_message(), channel=SMS)
    codes = {link.url: link.code for link in links}

    first, second = (apply_links(content, SHORT, codes.get) for _ in range(2))

    assert first == second == an_sms(" ".join(f"https://go.example/{link.code}" for link in links))


def test_buttons_of_an_sms_are_shortened_with_its_text() -> None:
    body = TextBody(text="hi", actions=(LinkAction(text="Track", url=LONG),))

    short = apply_links(content_of(body, None, SMS), SHORT, {LONG: CODE}.get)

    assert isinstance(short, SmsContent)
    assert short.text == f"hi\nTrack: https://go.example/{CODE}"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (an_sms("https://a.example"), an_sms("https://a.example?a=1")),
        (
            MmsContent(media=(MediaItem(media_url=LONG),), text="https://a.example"),
            MmsContent(media=(MediaItem(media_url=LONG),), text="https://a.example?a=1"),
        ),
        (
            EmailContent(text="https://a.example", html='<a href="https://a.example">x</a>'),
            EmailContent(
                text="https://a.example?a=1", html='<a href="https://a.example?a=1">x</a>'
            ),
        ),
        (
            EmailContent(
                text="https://a.example https://b.example",
                html='<a data-no-track href="https://a.example">x</a>',
            ),
            EmailContent(
                text="https://a.example https://b.example?a=1",
                html='<a data-no-track href="https://a.example">x</a>',
            ),
        ),
        (
            PushContent(
                text="https://a.example",
                link="https://b.example",
                image_url=LONG,
                actions=(LinkAction(text="Go", url=LONG), ReplyAction(text="ok")),
            ),
            PushContent(
                text="https://a.example?a=1",
                link="https://b.example?a=1",
                image_url=LONG,
                actions=(LinkAction(text="Go", url=f"{LONG}?a=1"), ReplyAction(text="ok")),
            ),
        ),
    ],
    ids=lambda content: type(content).__name__,
)
def test_links_are_tracked_on_every_platform_and_media_are_not(
    content: Content, expected: Content
) -> None:
    assert apply_links(content, TRACKED, {}.get) == expected


@pytest.mark.parametrize(
    "content",
    [
        NativeContent(body=TextBody(text="https://a.example")),
        MmsContent(media=(MediaItem(media_url=LONG),)),
        EmailContent(subject="https://a.example"),
        PushContent(text=""),
    ],
    ids=lambda content: type(content).__name__,
)
def test_what_holds_no_links_of_ours_stays_as_it_is(content: Content) -> None:
    assert apply_links(content, TRACKED, {}.get) == content


def test_nothing_is_done_unless_it_was_asked_for() -> None:
    content = an_sms(LONG)

    assert apply_links(content, LinkSettings(), {}.get) is content
    message = a_message()
    assert draw_links(content, LinkSettings(), numbered(), message=message, channel=SMS) == ()


def test_links_are_shortened_on_sms_only() -> None:
    message = a_message(short_links=ShortLinks(domain="go.example"))

    assert link_settings(message, SMS, tracked=False) == SHORT
    assert link_settings(message, MAIL, tracked=False) == LinkSettings()


@pytest.mark.parametrize(
    ("short_links", "expected"),
    [
        (None, None),
        (TemplateShortLinks(enabled=False, domain="t.example"), None),
        (TemplateShortLinks(domain="t.example"), "t.example"),
        (TemplateShortLinks(enabled=True), "own.example"),
        (TemplateShortLinks(enabled=True, domain="default"), "own.example"),
    ],
)
def test_a_template_brings_its_own_domain(
    short_links: TemplateShortLinks | None, expected: str | None
) -> None:
    message = a_message(template=a_template(short_links))

    settings = link_settings(message, SMS, tracked=False, default_domain="own.example")

    assert settings.domain == expected


def test_parameters_are_added_only_where_links_are_tracked() -> None:
    message = a_message(
        template=a_template(), meta=Meta(campaign=CampaignMeta(id=UUID(int=1), name="Spring"))
    )

    assert link_settings(message, MAIL, tracked=False).parameters == {}
    assert link_settings(message, MAIL, tracked=True).parameters == {
        "utm_source": "shop",
        "utm_medium": "email",
        "utm_campaign": "Spring",
        "utm_id": str(UUID(int=1)),
    }
