"""Pictures, files and animations."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.models import (
    Body,
    Channel,
    File,
    FileBody,
    GifBody,
    GifMetadata,
    Image,
    ImageBody,
    LinkAction,
    LocationBody,
    MediaMetadata,
    TelegramMetadata,
    TextBody,
    Violation,
)
from messaging_core.models.content.body import Coordinates
from messaging_core.rules.content.media import (
    check_file_body,
    check_filename,
    check_gif_body,
    check_image_body,
    check_media_type,
    check_mms,
    check_telegram,
    media_type_of,
)

URL = "https://example.com/a.png"
MMS = Channel(name="us", platform="sms", mms=True)
SMS_CHANNEL = Channel(name="eu", platform="sms")
EMAIL_CHANNEL = Channel(name="mail", platform="email")
PUSH_CHANNEL = Channel(name="app", platform="push")
FALLBACK = MediaMetadata(fallback_text="See example.com")
BAD_TELEGRAM = TelegramMetadata(parse_mode="HTML")


def an_image_body(number: int = 1, **fields: Any) -> ImageBody:
    return ImageBody(images=(Image(media_url=URL),) * number, **fields)


def a_file_body(number: int = 1, **fields: Any) -> FileBody:
    file = File(media_url=URL, content_type="image/png", filename="a.png", alt_text="A")
    return FileBody(files=(file,) * number, **fields)


def a_file(**fields: Any) -> FileBody:
    return FileBody(files=(File(**{"media_url": URL, "content_type": "a/b", **fields}),))


def faults(violations: list[Violation]) -> list[tuple[str, str]]:
    return [(violation.path, violation.code) for violation in violations]


def test_rule_11_a_picture_body_holds_a_picture() -> None:
    assert check_image_body(an_image_body(text="Look"), MMS, "/x") == []
    assert faults(check_image_body(an_image_body(0), MMS, "/x")) == [("/x/images", "media.none")]


def test_rule_11_a_file_body_holds_a_file() -> None:
    assert check_file_body(a_file_body(), MMS, "/x") == []
    assert faults(check_file_body(a_file_body(0), MMS, "/x")) == [("/x/files", "media.none")]


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        (a_file(media_url="a.png"), "/x/files/0/mediaUrl", "uri.not_http"),
        (a_file(content_type=""), "/x/files/0/contentType", "media.bad_content_type"),
        (a_file(filename="a/b"), "/x/files/0/filename", "media.bad_filename"),
        (a_file(alt_text="\0"), "/x/files/0/altText", "text.bad_character"),
        (a_file_body(text="\0"), "/x/text", "text.bad_character"),
        (
            a_file_body(actions=(LinkAction(text="", url=URL),)),
            "/x/actions/0/link/text",
            "text.empty",
        ),
        (
            a_file_body(metadata=MediaMetadata(subject="a\nb")),
            "/x/metadata/subject",
            "text.control_character",
        ),
        (
            a_file_body(metadata=MediaMetadata(fallback_text="\0")),
            "/x/metadata/fallbackText",
            "text.bad_character",
        ),
        (
            a_file_body(metadata=MediaMetadata(telegram=BAD_TELEGRAM)),
            "/x/metadata/telegram/parseMode",
            "telegram.bad_parse_mode",
        ),
    ],
)
def test_rule_11_any_other_file_body_is_refused(body: FileBody, path: str, code: str) -> None:
    assert faults(check_file_body(body, MMS, "/x")) == [(path, code)]


def test_rule_11_every_picture_is_checked() -> None:
    body = ImageBody(
        images=(Image(media_url=URL), Image(media_url="data:,a", alt_text="\0")),
        actions=(LinkAction(text="", url=URL),),
        metadata=MediaMetadata(telegram=BAD_TELEGRAM),
        text="\0",
    )

    assert faults(check_image_body(body, MMS, "/x")) == [
        ("/x/images/1/mediaUrl", "uri.not_http"),
        ("/x/images/1/altText", "text.bad_character"),
        ("/x/actions/0/link/text", "text.empty"),
        ("/x/text", "text.bad_character"),
        ("/x/metadata/telegram/parseMode", "telegram.bad_parse_mode"),
    ]


def test_rule_11_an_animation_is_named_by_url() -> None:
    good = GifBody(media_url=URL, text="Ha", alt_text="a cat", metadata=GifMetadata())
    bad = GifBody(
        media_url="cat.gif",
        text="\0",
        alt_text="\0",
        actions=(LinkAction(text="", url=URL),),
        metadata=GifMetadata(telegram=BAD_TELEGRAM),
    )

    assert check_gif_body(good, MMS, "/x") == []
    assert faults(check_gif_body(bad, MMS, "/x")) == [
        ("/x/mediaUrl", "uri.not_http"),
        ("/x/actions/0/link/text", "text.empty"),
        ("/x/text", "text.bad_character"),
        ("/x/altText", "text.bad_character"),
        ("/x/metadata/telegram/parseMode", "telegram.bad_parse_mode"),
    ]


def test_rule_12_an_mms_holds_at_most_10_media() -> None:
    assert check_image_body(an_image_body(10), MMS, "/x") == []
    assert faults(check_image_body(an_image_body(11), MMS, "/x")) == [
        ("/x/images", "media.too_many")
    ]
    assert faults(check_file_body(a_file_body(11), MMS, "/x")) == [("/x/files", "media.too_many")]


def test_a_push_message_shows_one_picture() -> None:
    assert check_image_body(an_image_body(), PUSH_CHANNEL, "/x") == []
    assert faults(check_image_body(an_image_body(2), PUSH_CHANNEL, "/x")) == [
        ("/x/images", "media.too_many")
    ]


def test_other_platforms_have_no_limit_of_media() -> None:
    assert check_image_body(an_image_body(11), EMAIL_CHANNEL, "/x") == []


@pytest.mark.parametrize(
    ("body", "channel"),
    [
        (an_image_body(), MMS),
        (a_file_body(), MMS),
        (GifBody(media_url=URL), MMS),
        (an_image_body(metadata=FALLBACK), SMS_CHANNEL),
        (a_file_body(metadata=FALLBACK), SMS_CHANNEL),
        (GifBody(media_url=URL), EMAIL_CHANNEL),
        (TextBody(text="hi"), SMS_CHANNEL),
        (LocationBody(coordinates=Coordinates(latitude=0, longitude=0)), SMS_CHANNEL),
    ],
)
def test_rule_12_media_go_by_mms_or_as_fallback(body: Body, channel: Channel) -> None:
    assert check_mms(body, channel, "/x") == []


@pytest.mark.parametrize(
    "body",
    [
        an_image_body(),
        an_image_body(metadata=MediaMetadata(subject="Look")),
        an_image_body(metadata=MediaMetadata(fallback_text="")),
        a_file_body(),
        GifBody(media_url=URL),
        GifBody(media_url=URL, metadata=GifMetadata(extra={"fallbackText": "Look"})),
    ],
)
def test_rule_12_media_are_refused_without_mms(body: Body) -> None:
    assert faults(check_mms(body, SMS_CHANNEL, "/x")) == [("/x", "body.mms_not_supported")]


@pytest.mark.parametrize("mode", ["Markdown", "MarkdownV2", None])
def test_rule_21_telegram_reads_two_kinds_of_markdown(mode: str | None) -> None:
    assert check_telegram(TelegramMetadata(parse_mode=mode), "/x") == []
    assert check_telegram(None, "/x") == []


@pytest.mark.parametrize("mode", ["", "HTML", "markdown", "Markdown\n"])
def test_rule_21_telegram_reads_nothing_else(mode: str) -> None:
    violations = check_telegram(TelegramMetadata(parse_mode=mode), "/x")

    assert faults(violations) == [("/x/telegram/parseMode", "telegram.bad_parse_mode")]


@pytest.mark.parametrize(
    "value",
    [
        "application/pdf",
        "image/svg+xml",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "text/plain; charset=utf-8",
        'text/calendar;method=REQUEST; name="a b.ics"',
    ],
)
def test_a_media_type_has_two_names_and_perhaps_parameters(value: str) -> None:
    assert check_media_type(value, "/x") == []


@pytest.mark.parametrize(
    "value",
    [
        "",
        "pdf",
        "application/",
        "/pdf",
        "a/b/c",
        "a b/c",
        "*/*",
        "text/plain;",
        "text/plain; charset",
        "text/plain\r\nX: y",
        "text/plain; a=b\n",
        'text/plain; a="b\n"',
        "téxt/plain",
        "a/" + "b" * 128,
        "a/b" + "; a=b" * 2_000_000,
    ],
    ids=lambda value: ascii(value)[:25],
)
def test_anything_else_is_no_media_type(value: str) -> None:
    assert faults(check_media_type(value, "/x")) == [("/x", "media.bad_content_type")]


@pytest.mark.parametrize("value", ["a", "Invoice 3 (final).pdf", "日本.png", ".profile", "a..b"])
def test_a_file_name_is_a_name(value: str) -> None:
    assert check_filename(value, "/x") == []


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "a\nb",
        "a\0.pdf",
        "exe.\u202efdp",
        "\u2066a",
        "\ud800",
        "a" * 256,
    ],
    ids=lambda value: ascii(value)[:25],
)
def test_a_file_name_is_no_path_and_hides_nothing(value: str) -> None:
    assert faults(check_filename(value, "/x")) == [("/x", "media.bad_filename")]


@given(st.text())
def test_an_accepted_file_name_never_leaves_its_folder(value: str) -> None:
    if not check_filename(value, "/x"):
        assert len(value.splitlines()) == 1
        assert not set(value) & set("/\\\0")
        assert value not in {"", ".", ".."}


@pytest.mark.parametrize(
    ("value", "usual"),
    [
        ("image/png", "image/png"),
        ("text/plain;charset=utf-8", "text/plain; charset=utf-8"),
        ("text/plain ;  a=1;b=2", "text/plain; a=1; b=2"),
        ("text", None),
        ("text/=?utf-8?q?x?=", None),
    ],
)
def test_a_media_type_is_spelled_in_one_way(value: str, usual: str | None) -> None:
    assert media_type_of(value) == usual
