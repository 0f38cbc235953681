"""Web addresses as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.rules.formats.iris import host_of, uri_of
from messaging_core.rules.formats.uris import check_web_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://Example.com:8443/a?b=%20#c", "HTTPS://Example.com:8443/a?b=%20#c"),
        ("https://café.fr/é?ü#ß", "https://xn--caf-dma.fr/%C3%A9?%C3%BC#%C3%9F"),
        ("https://[2001:db8::1]/a", "https://[2001:db8::1]/a"),
        ("https://example.com:65535/", "https://example.com:65535/"),
    ],
    ids=ascii,
)
def test_a_web_address_has_a_form_in_ascii(url: str, expected: str) -> None:
    assert uri_of(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "javascript:alert(1)",
        "ftp://example.com/",
        "https://user:secret@example.com/",
        "https://example.com\\@evil.example/",
        "https://example.com/\r\nSet-Cookie: a=b",
        "https://example.com/ a",
        "https://example.com/%zz",
        "https://example.com:65536/",
        "https://example.com/\ud800",
        "https://localhost/",
        "https://example.com/" + "a" * 10_000_000,
        "https://" + "é" * 10_000_000,
    ],
    ids=lambda url: ascii(url)[:30],
)
def test_anything_else_has_none(url: str) -> None:
    assert uri_of(url) is None


def test_the_host_is_told_as_it_is_written() -> None:
    assert host_of("https://Café.fr:80/x") == "Café.fr"
    assert host_of("mailto:a@b.example") == ""


@given(st.text().map(lambda tail: "https://example.com/" + tail) | st.text())
def test_whatever_is_answered_is_safe_in_a_header(url: str) -> None:
    uri = uri_of(url)

    assert uri is None or (uri.isascii() and uri.isprintable() and not check_web_url(uri, ""))
