"""Short links in a text."""
# ruff: noqa: RUF001 - texts of all scripts are what this module is about

from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.decisions.content.shortening import shorten, write_short_links
from messaging_core.rules.formats.iris import host_of
from messaging_core.rules.formats.url_finder import find_urls
from messaging_core.rules.links.short_links import code_of

DOMAIN = "go.example"
FIRST, SECOND = "00000000000", "00000000001"
PIECES = st.sampled_from(
    [
        *"()[]{}<>\"'.,;:!?*_~-/&=%#@|\\ \n短に한é🎉…。（）\u200b\u200d\ufe0f\u0301–—",
        "https://a.example/x",
        "http://b.example",
        "https://b.example?q#f",
        "https://例え.テスト/",
        "https://\u0430pple.com/",
        "https://go.example/abc",
        "https://",
        "word",
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join) | st.text()
PARAMETERS = st.sampled_from([{}, {"utm_source": "a b"}])


def numbered() -> Callable[[], str]:
    numbers = count()
    return lambda: code_of(next(numbers).to_bytes(8))


def test_an_address_becomes_a_short_link_in_its_place() -> None:
    short = shorten("See (https://a.example/a/long/way), now.", DOMAIN, numbered())

    assert short.text == f"See (https://go.example/{FIRST}), now."
    assert short.links == {FIRST: "https://a.example/a/long/way"}


def test_equal_addresses_share_a_code() -> None:
    short = shorten("https://a.example https://b.example https://a.example", DOMAIN, numbered())

    assert short.text.split() == [f"https://{DOMAIN}/{code}" for code in (FIRST, SECOND, FIRST)]


def test_a_short_address_is_replaced_too() -> None:
    assert shorten("http://a.bc", DOMAIN, numbered()).links == {FIRST: "http://a.bc"}


def test_a_link_leads_to_the_address_with_its_parameters() -> None:
    short = shorten("https://a.example/x#y", DOMAIN, numbered(), parameters={"utm_source": "s"})

    assert short.links == {FIRST: "https://a.example/x?utm_source=s#y"}


@pytest.mark.parametrize(
    "text",
    [
        "https://\u0430pple.com/login",
        "https://xn--pple-43d.com/login",
        "https://user:secret@a.example/",
        "https://go.example/AbCdEfGhIjK",
        "HTTP://GO.EXAMPLE:8080/x",
        "www.a.example",
    ],
    ids=ascii,
)
def test_what_must_not_be_hidden_stays_as_it_is(text: str) -> None:
    short = shorten(text, DOMAIN, numbered(), parameters={"utm_source": "s"})

    assert (short.text, short.links) == (text, {})


@pytest.mark.parametrize("domain", ["", "default", "localhost", "a.example/x", "@evil.example"])
def test_a_domain_is_a_host_name(domain: str) -> None:
    with pytest.raises(ValueError, match="need a host name"):
        shorten("hi", domain, numbered())


def test_a_code_given_twice_would_lead_astray() -> None:
    with pytest.raises(ValueError, match="twice"):
        shorten("https://a.example https://b.example", DOMAIN, lambda: FIRST)


def test_an_address_without_a_code_stays_long() -> None:
    text = "https://a.example https://b.example"
    codes = {"https://a.example": FIRST}

    assert write_short_links(text, DOMAIN, codes.get) == (
        f"https://{DOMAIN}/{FIRST} https://b.example"
    )


@given(TEXTS)
def test_every_short_link_resolves_to_what_stood_in_its_place(text: str) -> None:
    short = shorten(text, DOMAIN, numbered())

    original = short.text
    for code, url in short.links.items():
        original = original.replace(f"https://{DOMAIN}/{code}", url)
    assert original == text


@given(TEXTS, PARAMETERS)
def test_the_text_between_addresses_is_unchanged(text: str, parameters: dict[str, str]) -> None:
    short = shorten(text, DOMAIN, numbered(), parameters=parameters)

    links = [f"https://{DOMAIN}/{code}" for code in short.links]
    assert between(short.text, links) == between(text, replaced(text))


def replaced(text: str) -> list[str]:
    """Return the addresses of a text that are neither ours nor suspicious."""
    texts = [url.url for url in find_urls(text)]
    return [url for url in texts if host_of(url) not in {DOMAIN, "\u0430pple.com"}]


def between(text: str, urls: list[str]) -> list[str]:
    """Return what is left of a text where some of its addresses are cut out."""
    pieces, place = [], 0
    for url in find_urls(text):
        if url.url in urls:
            pieces.append(text[place : url.start])
            place = url.end
    return [*pieces, text[place:]]


@given(TEXTS)
def test_a_short_link_is_found_in_the_new_text_exactly(text: str) -> None:
    short = shorten(text, DOMAIN, numbered())

    texts = {url.url for url in find_urls(short.text)}
    assert {f"https://{DOMAIN}/{code}" for code in short.links} <= texts


@given(TEXTS, PARAMETERS)
def test_shortening_twice_changes_nothing(text: str, parameters: dict[str, str]) -> None:
    once = shorten(text, DOMAIN, numbered(), parameters=parameters)
    twice = shorten(once.text, DOMAIN, numbered(), parameters=parameters)

    assert (twice.text, twice.links) == (once.text, {})


@given(TEXTS, PARAMETERS)
def test_the_same_codes_give_the_same_text(text: str, parameters: dict[str, str]) -> None:
    short = shorten(text, DOMAIN, numbered(), parameters=parameters)
    codes = {url: code for code, url in short.links.items()}

    assert write_short_links(text, DOMAIN, codes.get, parameters=parameters) == short.text


def test_no_text_and_no_address_shows_in_the_representation() -> None:
    short = shorten("secret https://a.example/secret", DOMAIN, numbered())

    assert "secret" not in repr(short)
