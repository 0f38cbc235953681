"""Content, and what each platform carries of it."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.models import (
    Attachment,
    AuthenticationBody,
    Body,
    Card,
    CarouselBody,
    Channel,
    Coordinates,
    EmailFrom,
    File,
    FileBody,
    GifBody,
    HtmlBody,
    HtmlMetadata,
    Image,
    ImageBody,
    LinkAction,
    ListBody,
    LocationBody,
    Otp,
    ReplyAction,
    SectionBody,
    TelegramMetadata,
    TextBody,
    TextMetadata,
    Violation,
)
from messaging_core.rules.content.body import check_body

URL = "https://example.com/a.png"
MMS = Channel(name="us", platform="sms", mms=True)
SMS_CHANNEL = Channel(name="eu", platform="sms")
EMAIL_CHANNEL = Channel(name="mail", platform="email")
PUSH_CHANNEL = Channel(name="app", platform="push")
OWN_CHANNEL = Channel(name="chat", platform="line")

TEXT = TextBody(text="hi")
BODIES: dict[str, Body] = {
    "text": TEXT,
    "html": HtmlBody(html="<p>hi"),
    "image": ImageBody(images=(Image(media_url=URL),)),
    "file": FileBody(files=(File(media_url=URL, content_type="image/png"),)),
    "gif": GifBody(media_url=URL),
    "location": LocationBody(coordinates=Coordinates(latitude=52.37, longitude=4.9)),
    "carousel": CarouselBody(items=(Card(title="Shoes", description="Red"),)),
    "list": ListBody(text="Which?"),
    "section": SectionBody(items=(TEXT,)),
    "authentication": AuthenticationBody(otp=Otp(disclaimer=True)),
}


def a_text(**fields: Any) -> TextBody:
    return TextBody(**{"text": "hi", **fields})


def an_html(**fields: Any) -> HtmlBody:
    return HtmlBody(**{"html": "<p>hi", **fields})


def a_location(latitude: float, longitude: float) -> LocationBody:
    return LocationBody(coordinates=Coordinates(latitude=latitude, longitude=longitude))


def an_otp(**fields: Any) -> AuthenticationBody:
    return AuthenticationBody(otp=Otp(**{"disclaimer": False, **fields}))


def a_section(*items: Body) -> SectionBody:
    return SectionBody(items=items)


def check(body: Body, channel: Channel = OWN_CHANNEL) -> list[tuple[str, str]]:
    return faults(check_body(body, channel, "/body"))


def faults(violations: list[Violation]) -> list[tuple[str, str]]:
    return [(violation.path, violation.code) for violation in violations]


@pytest.mark.parametrize(
    ("channel", "carried"),
    [
        (MMS, {"text", "image", "file", "gif"}),
        (EMAIL_CHANNEL, {"text", "html", "image", "file", "gif"}),
        (PUSH_CHANNEL, {"text", "image", "gif"}),
        (OWN_CHANNEL, set(BODIES)),
    ],
    ids=lambda value: value.platform if isinstance(value, Channel) else "",
)
def test_rule_9_a_platform_carries_some_types_of_body(channel: Channel, carried: set[str]) -> None:
    refused = {kind for kind, body in BODIES.items() if check(body, channel)}

    assert refused == set(BODIES) - carried


def test_rule_9_the_message_says_what_the_platform_carries() -> None:
    (violation,) = check_body(BODIES["list"], MMS, "/body")

    assert violation == Violation(
        "/body/type",
        "body.unsupported_on_platform",
        "sms carries text, image, file, gif, not list",
    )


def test_what_is_not_carried_is_checked_all_the_same() -> None:
    assert check(HtmlBody(), SMS_CHANNEL) == [
        ("/body/type", "body.unsupported_on_platform"),
        ("/body/html", "body.no_content"),
    ]


def test_rule_12_media_need_mms_or_a_fallback() -> None:
    assert check(BODIES["image"], SMS_CHANNEL) == [("/body/image", "body.mms_not_supported")]


@pytest.mark.parametrize("body", [TEXT, a_text(text=" "), an_html(), an_html(html=None, text="hi")])
def test_rule_10_text_has_at_least_one_character(body: Body) -> None:
    assert check(body) == []


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        (a_text(text=""), "text/text", "text.empty"),
        (a_text(text="\ud800"), "text/text", "text.bad_character"),
        (an_html(html=None), "html", "body.no_content"),
        (an_html(html=""), "html/html", "text.empty"),
        (an_html(text=""), "html/text", "text.empty"),
        (an_html(html="\0"), "html/html", "text.bad_character"),
    ],
)
def test_rule_10_any_other_text_is_refused(body: Body, path: str, code: str) -> None:
    assert check(body) == [(f"/body/{path}", code)]


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        (a_text(metadata=TextMetadata(subject="a\rb")), "subject", "text.control_character"),
        (a_text(metadata=TextMetadata(headers={"Bcc": "x"})), "headers/Bcc", "header.reserved"),
        (
            a_text(metadata=TextMetadata(telegram=TelegramMetadata(parse_mode="HTML"))),
            "telegram/parseMode",
            "telegram.bad_parse_mode",
        ),
        (an_html(metadata=HtmlMetadata(subject="a\nb")), "subject", "text.control_character"),
        (
            an_html(metadata=HtmlMetadata(headers={"X-A": "\n"})),
            "headers/X-A",
            "header.control_character",
        ),
        (
            an_html(metadata=HtmlMetadata(email_from=EmailFrom(username="a b"))),
            "emailFrom/username",
            "sender.bad_user_name",
        ),
    ],
)
def test_metadata_of_text_is_checked(body: Body, path: str, code: str) -> None:
    assert check(body) == [(f"/body/{body.type}/metadata/{path}", code)]


def test_rule_20_only_html_carries_files_as_content() -> None:
    file = Attachment(filename="a.pdf", content="AAAA", content_type="application/pdf")

    assert check(an_html(attachments=(file,)), EMAIL_CHANNEL) == []
    assert check(a_text(attachments=(file,)), EMAIL_CHANNEL) == [
        ("/body/text/attachments/0/content", "attachment.content_not_allowed"),
        ("/body/text/attachments/0", "attachment.no_media_url"),
    ]
    assert check(a_text(attachments=(file,)), SMS_CHANNEL) == [
        ("/body/text/attachments", "attachment.unsupported_on_platform")
    ]


@pytest.mark.parametrize(
    "body",
    [a_text(actions=(ReplyAction(text="Yes"),)), an_html(actions=(ReplyAction(text="Yes"),))],
)
def test_rule_19_actions_of_text_are_checked(body: Body) -> None:
    assert check(body, EMAIL_CHANNEL) == [
        (f"/body/{body.type}/actions/0/type", "action.unsupported_on_platform")
    ]


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("a" * 255 * 153, True),
        ("a" * (255 * 153 + 1), False),
        ("é" * 255 * 153, True),
        ("я" * 255 * 67, True),
        ("я" * (255 * 67 + 1), False),
        ("😀" * 255 * 33, True),
        ("😀" * (255 * 33 + 1), False),
        ("a" * 10_000_000, False),
        ("\u202e" * 10_000_000, False),
    ],
    ids=lambda value: f"{value[0]!a} {len(value)}" if isinstance(value, str) else str(value),
)
def test_a_text_is_no_longer_than_255_sms(text: str, *, fits: bool) -> None:
    expected = [] if fits else [("/body/text/text", "text.too_many_parts")]

    assert check(a_text(text=text), SMS_CHANNEL) == expected
    assert check(a_text(text=text), OWN_CHANNEL) == []


@pytest.mark.parametrize(("latitude", "longitude"), [(90, 180), (-90, -180), (0, 0), (52.37, 4.9)])
def test_rule_13_a_spot_is_on_the_globe(latitude: float, longitude: float) -> None:
    assert check(a_location(latitude, longitude)) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e300, 180.0001])
def test_rule_13_any_other_spot_is_refused(value: float) -> None:
    assert check(a_location(value, value)) == [
        ("/body/location/coordinates/latitude", "location.bad_latitude"),
        ("/body/location/coordinates/longitude", "location.bad_longitude"),
    ]


@pytest.mark.parametrize(
    ("latitude", "longitude", "wrong"),
    [
        (90.0001, 180, "latitude"),
        (-90.0001, -180, "latitude"),
        (90, 180.0001, "longitude"),
        (-90, -180.0001, "longitude"),
    ],
)
def test_rule_13_each_coordinate_has_its_own_bounds(
    latitude: float, longitude: float, wrong: str
) -> None:
    assert check(a_location(latitude, longitude)) == [
        (f"/body/location/coordinates/{wrong}", f"location.bad_{wrong}")
    ]


@given(st.floats(), st.floats())
def test_rule_13_an_accepted_spot_is_within_bounds(latitude: float, longitude: float) -> None:
    accepted = not check(a_location(latitude, longitude))

    assert accepted == (abs(latitude) <= 90 and abs(longitude) <= 180)


@pytest.mark.parametrize("kind", ["text", "image", "file", "gif", "location", "carousel", "list"])
def test_rule_17_a_section_nests_once(kind: str) -> None:
    inner = a_section(BODIES[kind])

    assert check(a_section(BODIES[kind], inner)) == []


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        (a_section(), "items", "section.empty"),
        (a_section(a_section()), "items/0/section/items", "section.empty"),
        (a_section(a_section(a_section(TEXT))), "items/0/section/items/0/type", "section.too_deep"),
        (a_section(TEXT, BODIES["html"]), "items/1/type", "section.type_not_allowed"),
        (a_section(BODIES["authentication"]), "items/0/type", "section.type_not_allowed"),
        (
            a_section(a_section(BODIES["html"])),
            "items/0/section/items/0/type",
            "section.type_not_allowed",
        ),
        (a_section(a_text(text="")), "items/0/text/text", "text.empty"),
        (
            a_section(a_section(TEXT, CarouselBody(items=()))),
            "items/0/section/items/1/carousel/items",
            "carousel.too_few_cards",
        ),
    ],
)
def test_rule_17_any_other_section_is_refused(body: Body, path: str, code: str) -> None:
    assert check(body) == [(f"/body/section/{path}", code)]


def test_rule_17_a_section_nested_very_deep_is_not_followed() -> None:
    body = a_section(TEXT)
    for _ in range(10_000):
        body = a_section(body)

    assert check(body) == [("/body/section/items/0/section/items/0/type", "section.too_deep")]


@pytest.mark.parametrize("time_", [None, 1, 90])
def test_rule_18_a_one_time_password_expires(time_: int | None) -> None:
    assert check(an_otp(expiration_time=time_, actions=(ReplyAction(text="Copy"),))) == []


@pytest.mark.parametrize("time_", [-1, 0, 91, 10**30])
def test_rule_18_any_other_expiration_is_refused(time_: int) -> None:
    assert check(an_otp(expiration_time=time_)) == [
        ("/body/authentication/otp/expirationTime", "otp.bad_expiration_time")
    ]


def test_rule_18_actions_of_a_one_time_password_are_checked() -> None:
    assert check(an_otp(actions=(LinkAction(text="", url=URL),))) == [
        ("/body/authentication/otp/actions/0/link/text", "text.empty")
    ]


@pytest.mark.parametrize(
    "content", ["a" * 10_000_000, "я" * 10_000_000, "\u202e\u0661" * 5_000_000]
)
def test_a_huge_body_is_checked_quickly(content: str) -> None:
    started = time.process_time()
    check(an_html(html=content, text=content), EMAIL_CHANNEL)
    check(a_text(text=content), SMS_CHANNEL)

    assert time.process_time() - started < 1
