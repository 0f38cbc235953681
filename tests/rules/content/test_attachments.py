"""Attached files."""

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.models import Attachment
from messaging_core.rules.content.attachments import (
    MAX_INLINE_SIZE,
    check_attachments,
    check_content,
    content_id_of,
)

PATH = "/body/html/attachments"
URL = "https://example.com/a.pdf"


def an_attachment(**fields: Any) -> Attachment:
    return Attachment(**{"filename": "a.pdf", **fields})


def a_file(content: bytes = b"%PDF") -> Attachment:
    encoded = b64encode(content).decode()
    return an_attachment(content=encoded, content_type="application/pdf")


def check(
    *attachments: Attachment, platform: str = "email", inline_content: bool = True
) -> list[tuple[str, str]]:
    violations = check_attachments(attachments, platform, PATH, inline_content=inline_content)
    return [(violation.path.removeprefix(PATH), violation.code) for violation in violations]


@pytest.mark.parametrize(
    "attachment",
    [
        an_attachment(media_url=URL),
        an_attachment(media_url=URL, content_type="application/pdf"),
        an_attachment(media_url=URL, inline=True, content_id="logo@example.com"),
    ],
)
@pytest.mark.parametrize("inline_content", [True, False])
def test_rule_20_a_file_is_named_by_url(attachment: Attachment, *, inline_content: bool) -> None:
    assert check(attachment, inline_content=inline_content) == []


def test_rule_20_a_file_comes_along_with_html() -> None:
    assert check(a_file(), a_file(b"x" * MAX_INLINE_SIZE)) == []


def test_rule_20_a_file_comes_along_with_nothing_else() -> None:
    assert check(a_file(), inline_content=False) == [
        ("/0/content", "attachment.content_not_allowed"),
        ("/0", "attachment.no_media_url"),
    ]


@pytest.mark.parametrize(
    ("attachment", "path", "code"),
    [
        (an_attachment(), "", "attachment.no_source"),
        (an_attachment(content_type="application/pdf"), "", "attachment.no_source"),
        (an_attachment(content="AAAA"), "", "attachment.no_content_type"),
        (
            an_attachment(content="AAAA", content_type="a/b", media_url=URL),
            "",
            "attachment.two_sources",
        ),
        (an_attachment(media_url="a.pdf"), "/mediaUrl", "uri.not_http"),
        (an_attachment(media_url=URL, filename=""), "/filename", "media.bad_filename"),
        (an_attachment(media_url=URL, filename="../a"), "/filename", "media.bad_filename"),
        (
            an_attachment(media_url=URL, content_type="pdf"),
            "/contentType",
            "media.bad_content_type",
        ),
        *(
            (
                an_attachment(media_url=URL, content_id=id_),
                "/contentId",
                "attachment.bad_content_id",
            )
            for id_ in ("", " ", "a b", "<a>", "a\r\n", "é", "a" * 256, 'a"', "a\\", "=?a?=")
        ),
    ],
)
def test_rule_20_any_other_attachment_is_refused(
    attachment: Attachment, path: str, code: str
) -> None:
    assert check(a_file(), attachment) == [(f"/1{path}", code)]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "attachment.empty"),
        ("AAA", "attachment.not_base64"),
        ("AAAA=", "attachment.not_base64"),
        ("AAAA==", "attachment.not_base64"),
        ("AAAA====", "attachment.not_base64"),
        ("AA==AA==", "attachment.not_base64"),
        ("AA==\n", "attachment.not_base64"),
        ("AAAA\nAAAA", "attachment.not_base64"),
        ("AA-_", "attachment.not_base64"),
        ("ÄÄÄÄ", "attachment.not_base64"),
        ("data:application/pdf;base64,AAAA", "attachment.not_base64"),
        (b64encode(b"x" * (MAX_INLINE_SIZE + 1)).decode(), "attachment.too_large"),
        ("A" * 10_000_000, "attachment.too_large"),
    ],
    ids=lambda value: value[:20],
)
def test_rule_20_content_is_base64_of_at_most_100_kib(content: str, code: str) -> None:
    assert [v.code for v in check_content(content, "/x")] == [code]


@given(st.binary(min_size=1))
def test_rule_20_every_encoded_file_is_accepted(content: bytes) -> None:
    assert check_content(b64encode(content).decode(), "/x") == []


@pytest.mark.parametrize("platform", ["sms", "push"])
def test_some_platforms_carry_no_attachments(platform: str) -> None:
    assert check(a_file(), platform=platform) == [("", "attachment.unsupported_on_platform")]
    assert check(platform=platform) == []


def test_a_platform_of_the_hosts_own_carries_attachments() -> None:
    assert check(a_file(), platform="line") == []


def test_blanks_around_a_content_id_mean_nothing() -> None:
    attachment = an_attachment(media_url=URL, content_id=" logo@example.com ")

    assert check(attachment) == []
    assert content_id_of(attachment) == "logo@example.com"


def test_a_content_id_has_at_most_255_characters() -> None:
    assert check(an_attachment(media_url=URL, content_id="a" * 255)) == []


@pytest.mark.parametrize(
    ("attachment", "content_id"),
    [
        (an_attachment(media_url=URL, filename="logo.png", inline=True), "logo.png"),
        (an_attachment(media_url=URL, filename="l.png", inline=True, content_id="x"), "x"),
        (an_attachment(media_url=URL, filename="logo.png"), None),
        (an_attachment(media_url=URL, filename="größe.png", inline=True), None),
        (an_attachment(media_url=URL, filename="a b.png", inline=True), None),
    ],
)
def test_an_inline_picture_goes_by_its_file_name(
    attachment: Attachment, content_id: str | None
) -> None:
    assert content_id_of(attachment) == content_id
    is_lost = attachment.inline and content_id is None
    assert check(attachment) == ([("/0/contentId", "attachment.no_content_id")] if is_lost else [])


@pytest.mark.parametrize(
    ("first", "second", "wrong"),
    [
        ({"content_id": "a"}, {"content_id": "a"}, True),
        ({"content_id": "a"}, {"content_id": " a "}, True),
        ({"content_id": "a"}, {"content_id": "A"}, False),
        ({"inline": True}, {"inline": True}, True),
        ({"inline": True}, {"inline": True, "content_id": "b"}, False),
        ({}, {}, False),
    ],
)
def test_each_content_id_is_given_once(first: Any, second: Any, *, wrong: bool) -> None:
    files = [an_attachment(media_url=URL, filename="a.png", **more) for more in (first, second)]

    violations = check(*files)

    assert violations == ([("/1/contentId", "attachment.duplicate_content_id")] if wrong else [])
