from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.rules.addressing.unsubscribe import (
    MAX_UNSUBSCRIBE_URL,
    check_unsubscribe_mailto,
    check_unsubscribe_url,
    offers_unsubscribe,
    unsubscribe_headers,
)
from messaging_core.rules.content.headers import check_headers

ID = "0197b3a0-5f00-7000-8000-000000000001"
URL = "https://shop.example/leave?m={messageId}"


def test_a_url_and_an_address_make_the_headers_of_one_click() -> None:
    headers = unsubscribe_headers(URL, "leave@shop.example", ID)

    assert headers == {
        "List-Unsubscribe": (
            f"<https://shop.example/leave?m={ID}>, "
            f"<mailto:leave@shop.example?subject=unsubscribe%20{ID}>"
        ),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert check_headers(headers, "") == []


def test_an_address_alone_promises_no_click() -> None:
    headers = unsubscribe_headers(None, "leave@shop.example", ID)

    assert list(headers) == ["List-Unsubscribe"]


def test_without_either_there_is_no_header() -> None:
    assert unsubscribe_headers(None, None, ID) == {}


@pytest.mark.parametrize(
    "url",
    [
        *("https://shop.example", "HTTPS://shop.example/leave", URL),
        "https://shop.example/" + "x" * (MAX_UNSUBSCRIBE_URL - 21),
    ],
)
def test_an_https_url_is_accepted(url: str) -> None:
    assert check_unsubscribe_url(url, "/u") == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://shop.example/leave", "unsubscribe.not_https"),
        ("mailto:leave@shop.example", "unsubscribe.not_https"),
        ("", "unsubscribe.not_https"),
        ("{messageId}", "unsubscribe.not_https"),
        ("https://shop.example/" + "x" * (MAX_UNSUBSCRIBE_URL - 20), "unsubscribe.too_long"),
        ("https://shop.example/{messageId}" + "x" * 460, "unsubscribe.too_long"),
        ("https://shop.example/{recipient}", "uri.malformed"),
        ("https://shop.example/a>, <https://other.example", "uri.bad_character"),
        ("https://shop.example/a>", "uri.malformed"),
        ("https://shop.example/\r\nBcc: all@x.example", "uri.bad_character"),
        ("https://user:secret@shop.example/", "uri.credentials"),
        ("https://", "uri.malformed"),
    ],
)
def test_anything_else_is_refused(url: str, code: str) -> None:
    assert [violation.code for violation in check_unsubscribe_url(url, "/u")] == [code]


@pytest.mark.parametrize(
    "address", ["leave", "mailto:leave", "a@x.example?cc=b@x.example", "a@x\n"]
)
def test_what_is_no_bare_address_is_refused(address: str) -> None:
    assert [violation.path for violation in check_unsubscribe_mailto(address, "/m")] == ["/m"]


@given(st.emails(), st.text(min_size=1, max_size=40).map("https://shop.example/".__add__))
def test_what_is_accepted_is_one_header_that_says_what_it_was_given(address: str, url: str) -> None:
    if check_unsubscribe_mailto(address, "") or check_unsubscribe_url(url, ""):
        return

    headers = unsubscribe_headers(url, address, ID)

    first, second = headers["List-Unsubscribe"].split(">, <")
    assert first == f"<{url.replace('{messageId}', ID)}"
    assert unquote(urlsplit(second.rstrip(">")).path) == address
    assert check_headers(headers, "") == []


def test_headers_are_found_in_any_case() -> None:
    assert offers_unsubscribe({"list-UNSUBSCRIBE": "<https://x.example>"})
    assert offers_unsubscribe({"List-Unsubscribe-Post": "x"})
    assert not offers_unsubscribe({"List-Id": "x"})
