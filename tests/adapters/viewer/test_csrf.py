"""Which forms are accepted."""

from uuid import UUID

import pytest

from messaging_adapters.viewer.csrf import fits, origin_of, refusal_of, token_of

WORKSPACE = UUID(int=1)
TOKEN = token_of(b"secret", "Rina", WORKSPACE)
ORIGIN = "https://shop.example"


def refusal(**headers: str) -> str | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal_of(named, origin=ORIGIN)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "same-origin", "origin": "null"},
        {"sec_fetch_site": "same-origin", "origin": ORIGIN},
        {"sec_fetch_site": "same-origin"},
        {"origin": ORIGIN},
    ],
)
def test_a_form_of_our_own_page_is_accepted(headers: dict[str, str]) -> None:
    assert refusal(**headers) is None


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"sec_fetch_site": "cross-site", "origin": ORIGIN}, "Sec-Fetch-Site"),
        ({"sec_fetch_site": "same-site", "origin": "https://evil.shop.example"}, "Sec-Fetch-Site"),
        ({"sec_fetch_site": "same-origin", "origin": "https://evil.example"}, "Origin"),
        ({"origin": "https://evil.example"}, "Origin"),
        ({"origin": "null"}, "Origin"),
        ({"origin": "http://shop.example"}, "Origin"),
        ({"sec_fetch_site": "\x00"}, "not readable"),
        ({}, "missing"),
    ],
)
def test_a_form_of_another_site_is_refused_by_the_name_of_the_header(
    headers: dict[str, str], name: str
) -> None:
    assert name in (refusal(**headers) or "")


@pytest.mark.parametrize(
    "token",
    [
        "",
        TOKEN[:-1],
        token_of(b"other", "Rina", WORKSPACE),
        token_of(b"secret", "Rina", UUID(int=2)),
        token_of(b"secret", "Root", WORKSPACE),
        "é",
    ],
)
def test_a_form_without_the_token_of_this_visitor_and_workspace_is_refused(token: str) -> None:
    assert not fits(token, TOKEN)
    assert fits(TOKEN, TOKEN)


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin_of("https://Shop.example:8443/a/b?c") == "https://shop.example:8443"
