"""Addresses on the web: media, links and webhooks."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.models import Violation
from messaging_core.rules.formats.uris import (
    MAX_URI_LENGTH,
    check_callback_url,
    check_link,
    check_web_url,
)


def codes(violations: list[Violation]) -> list[str]:
    return [violation.code for violation in violations]


@pytest.mark.parametrize(
    "value",
    [
        "https://example.com",
        "http://example.com/a.png",
        "HTTPS://Example.COM:8443/a/b?c=d&e[]=f#g",
        "https://media.example.com/x%20y(1),*;a=b@c:d",
        "https://192.0.2.7/a",
        "https://[2001:db8::1]:443/a",
        "https://my_bucket.example.com/~u/!$&'()*+",
        "https://localhost/a?",
        "https://example.com?q#",
    ],
)
def test_rule_11_media_is_named_by_an_absolute_web_uri(value: str) -> None:
    assert check_web_url(value, "/x") == []
    assert check_link(value, "/x") == []


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "uri.not_http"),
        ("example.com/a.png", "uri.not_http"),
        ("//example.com/a.png", "uri.not_http"),
        ("ftp://example.com/a", "uri.not_http"),
        ("file:///etc/passwd", "uri.not_http"),
        ("data:image/png;base64,AAAA", "uri.not_http"),
        ("javascript:alert(1)", "uri.not_http"),
        ("https:", "uri.malformed"),
        ("https://", "uri.malformed"),
        ("https:///a", "uri.malformed"),
        ("https:example.com", "uri.malformed"),
        ("https://exa<mple.com", "uri.malformed"),
        ("https://example.com/{a}", "uri.malformed"),
        ("https://example.com/{{a}}", "uri.malformed"),
        ("https://example.com/%zz", "uri.malformed"),
        ("https://example.com/%4", "uri.malformed"),
        ("https://example.com:port/", "uri.malformed"),
        ("https://example.com\\@evil.example/", "uri.credentials"),
        ("https://user@example.com/", "uri.credentials"),
        ("https://user:secret@example.com/", "uri.credentials"),
        ("https://example.com/a b", "uri.bad_character"),
        ("https://example.com/\r\nHost: x", "uri.bad_character"),
        ("https://example.com/\n", "uri.bad_character"),
        ("https://example.com\0", "uri.bad_character"),
        (" https://example.com", "uri.bad_character"),
        ("https://exämple.com", "uri.bad_character"),
        ("http\u017f://example.com", "uri.bad_character"),
        ("https://example.com/\u202egpj.exe", "uri.bad_character"),
        ("https://example.com:\u0668\u0660/", "uri.bad_character"),
        ("https://example.com/" + "a" * MAX_URI_LENGTH, "uri.too_long"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_is_wrong_with_a_uri_is_told(value: str, code: str) -> None:
    violations = check_web_url(value, "/body/image/images/0/mediaUrl")

    assert [(v.path, v.code) for v in violations] == [("/body/image/images/0/mediaUrl", code)]


def test_a_message_never_repeats_the_uri() -> None:
    violations = check_web_url("https://user:secret@example.com/", "/x")

    assert "secret" not in str(violations)


@pytest.mark.parametrize(
    "value",
    [
        "tel:+31612345678",
        "mailto:ada@example.com",
        "myapp://open/order?id=1",
        "urn:isbn:0",
        "{{link}}",
        "https://example.com/{{ path }}?a={{b}}",
    ],
)
def test_rule_19_a_link_is_any_uri_or_holds_a_variable(value: str) -> None:
    assert check_link(value, "/x") == []


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "uri.malformed"),
        ("click here", "uri.malformed"),
        ("www.example.com", "uri.malformed"),
        ("tel:", "uri.malformed"),
        ("{{}}", "uri.malformed"),
        ("{{a", "uri.malformed"),
        ("{{a}}\r\nBcc: x", "uri.malformed"),
        ("javascript:alert(1)", "uri.forbidden_scheme"),
        ("JavaScript:{{a}}", "uri.forbidden_scheme"),
        (" javascript:alert(1)", "uri.forbidden_scheme"),
        ("data:text/html,<script>", "uri.forbidden_scheme"),
        ("file:///etc/passwd", "uri.forbidden_scheme"),
        ("https://example.com/a b", "uri.bad_character"),
        ("https://user:{{a}}@example.com/", "uri.credentials"),
        ("https:", "uri.malformed"),
        ("tel:" + "1" * MAX_URI_LENGTH, "uri.too_long"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_rule_19_any_other_link_is_refused(value: str, code: str) -> None:
    assert codes(check_link(value, "/x")) == [code]


@pytest.mark.parametrize(
    "value", ["https://example.com", "https://a.b-c.example.com/hooks?x=1", "https://x.nl/"]
)
def test_rule_39_a_webhook_is_https_with_a_host_name(value: str) -> None:
    assert check_callback_url(value, "/notification/url") == []


@pytest.mark.parametrize(
    "value",
    [
        "",
        "http://example.com",
        "https://localhost/x",
        "https://192.0.2.7/x",
        "https://example.com:8443/x",
        "https://example.com?x=1",
        "https://user@example.com/x",
        "https://example.com/a b",
        "https://example.com/\n",
        "https://ex\u0661.com/",
    ],
    ids=ascii,
)
def test_rule_39_any_other_webhook_is_refused(value: str) -> None:
    assert codes(check_callback_url(value, "/x")) == ["uri.not_a_callback"]


@given(st.text())
def test_no_accepted_uri_holds_a_character_outside_ascii_or_a_space(value: str) -> None:
    url = f"https://example.com/{value}"

    if not check_web_url(url, "/x"):
        assert url.isascii()
        assert url.isprintable()
        assert " " not in url


@pytest.mark.parametrize("check", [check_web_url, check_link, check_callback_url])
@pytest.mark.parametrize(
    "value",
    [
        "https://" + "a." * 5_000_000,
        "https://" + "a" * 10_000_000,
        "{{" * 5_000_000,
        " " * 10_000_000,
        "https://" + "a-" * 4_000,
        "https://a.b/" + "%20" * 2_700 + "%",
        "{" * 8_000,
        "a." * 4_000 + "!",
    ],
    ids=lambda value: value if callable(value) else f"{value[:12]}… {len(value)}",
)
def test_hostile_uris_are_refused_quickly(check: type[check_link], value: str) -> None:
    started = time.process_time()
    check(value, "/x")

    assert time.process_time() - started < 0.5
