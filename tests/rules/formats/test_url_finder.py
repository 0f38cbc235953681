"""Web addresses in plain text."""
# ruff: noqa: RUF001 - texts of all scripts are what this module is about

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.rules.formats.iris import uri_of
from messaging_core.rules.formats.url_finder import find_urls

A = "https://a.example/x"
PIECES = st.sampled_from(
    [
        *"()[]{}<>\"'.,;:!?*_~-/&=%#@|\\ \n短に한é🎉…。（）\u200b\u200d\ufe0f\u0301–—",
        A,
        "http://b.example",
        "https://例え.テスト/",
        "https://",
        "HTTPS://C.EXAMPLE:80/?q=1&r[]=2#f",
        "www.a.example",
        "word",
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join) | st.text()


def urls(text: str) -> list[str]:
    return [url.url for url in find_urls(text)]


@pytest.mark.parametrize(
    "text",
    [
        "see {} now",
        "{}",
        "{}.",
        "{}...",
        "{}…",
        "{}?!",
        "({})",
        "(see {}).",
        "[{}]",
        "[text]({}),",
        "<{}>",
        '"{}"',
        "'{}'",
        "“{}”",
        "«{}»",
        "*{}*",
        "_{}_",
        "`{}`",
        "Link:{}",
        "- {}",
        "-{}",
        "line\n{}\nline",
        "详情{}。谢谢",
        "（{}）",
        "「{}」",
        "{}，",
        "🎉{}🎉",
        "\u2066{}\u2069",
        "{}\u200b",
        "é{}",
    ],
    ids=ascii,
)
@pytest.mark.parametrize(
    "url",
    [
        A,
        "http://a.example",
        "HTTPS://A.Example:8080/?a=1&b[]=2;c#f/?g",
        "https://en.example/wiki/A_(b)",
        "https://a.example/%E7%9F%AD",
        "https://[2001:db8::1]:443/a",
        "https://192.0.2.7/",
        "https://café.fr/menü?é#à",
        "https://пример.рф/путь",
        "https://例え.テスト/path",
        "https://watch.example/v/dQw4w9Wg_-",
        "https://a.example/?u=https://b.example/y",
    ],
    ids=ascii,
)
def test_an_address_is_found_without_what_surrounds_it(text: str, url: str) -> None:
    assert urls(text.format(url)) == [url]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.example/x",
        "www.a.example",
        "ftp://a.example",
        "mailto:a@a.example",
        "https://",
        "https://localhost/x",
        "https://user@a.example/",
        "https://user:secret@a.example/",
        "https://a.example\\@b.example/",
        "https://a.example,b@c.example",
        "xhttps://a.example",
        "git+https://a.example",
        "a.example/?u=https://b.example",
        "me@https://a.example",
        "https://a.example/{{code}}",
        "https://a.example/a|https://b.example",
        "https://a.example/100%",
        "https://a.example/&gt;",
        "https://a.example/?a=1&amp;.",
        "https://a.example/x&#x27;)",
        "https://a.example/x&quot;&gt;",
        "https://a.example/%zz",
        "https://a.example:99999/",
        "https://192.0.2.999/",
        "https://a.example/x)and",
        "https://a.example/x(and",
        "https://a.example,and",
        "https://a.example/x—and",
        "https://a.example/xをご覧",
        "https://a.example/短信",
        "https://a.example請看",
        "https://a.example/1\ufe0f\u20e3",
        "https://i❤.ws@b.example",
        "https://a.example/" + "x" * 8192,
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_what_is_in_doubt_is_left_alone(text: str) -> None:
    assert urls(text) == []


def test_an_address_of_the_greatest_length_is_found() -> None:
    longest = "https://a.example/" + "x" * (8192 - 18)

    assert urls(f"{longest} and") == [longest]
    assert urls(f"{longest}x and") == []


def test_angle_brackets_end_every_doubt_about_where_an_address_ends() -> None:
    assert urls("<https://a.example/短信>を") == ["https://a.example/短信"]


def test_several_addresses_come_in_their_order() -> None:
    assert urls(f"{A} {A}y\n({A}z)") == [A, f"{A}y", f"{A}z"]


@given(TEXTS)
def test_every_address_stands_where_it_was_found_and_is_valid(text: str) -> None:
    end = 0
    for url in find_urls(text):
        assert url.start >= end
        assert text[url.start : url.end] == url.url
        assert uri_of(url.url)
        end = url.end


@given(TEXTS)
def test_an_address_is_found_alone_as_in_its_text(text: str) -> None:
    for url in find_urls(text):
        assert urls(f"<{url.url}>") == [url.url]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 10_000_000, 0),
        ("https://a.example/" + "a" * 10_000_000, 0),
        ("https://a.example/" + ")" * 10_000_000, 0),
        ("https://a.example/" + "\u0301" * 10_000_000, 0),
        ("https://" * 1_250_000, 0),
        (("https://a.example/" + "(" * 4000 + " ") * 250, 250),
        (("https://a.example/" + "()" * 4000 + " ") * 250, 250),
        (("https://" + "a." * 4000 + " ") * 100, 0),
        (("https://" + "é." * 4000 + " ") * 100, 0),
        ("https://a.example/x?y=1 and a dozen words " * 25_000, 25_000),
    ],
    ids=lambda value: ascii(value)[-25:],
)
def test_hostile_texts_take_no_longer_than_others(text: str, count: int) -> None:
    began = time.process_time()

    addresses = urls(text)

    assert len(addresses) == count
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        (f"{A},{A}y", [A, f"{A}y"]),
        (f"{A};{A}y", [A, f"{A}y"]),
        (f"{A},;,{A}y.", [A, f"{A}y"]),
        (f"{A}?q=1,{A}y?q=2", [f"{A}?q=1", f"{A}y?q=2"]),
        (f"({A},{A}y)", [A, f"{A}y"]),
        (f"{A},{A}y,HTTP://b.example;", [A, f"{A}y", "HTTP://b.example"]),
        (f"{A}{A}", []),
        (f"{A}.{A}", []),
        (f"{A}-{A}", []),
        (f"{A})({A}", []),
        (f"{A}?u=https://b.example,https://c.example", []),
        (f"{A}/web/2026/https://b.example/y", [f"{A}/web/2026/https://b.example/y"]),
        (f"{A}?https://b.example/y", [f"{A}?https://b.example/y"]),
        (f"{A}, {A}", [A, A]),
    ],
)
def test_joined_addresses_are_several_and_glued_ones_none(text: str, addresses: list[str]) -> None:
    assert urls(text) == addresses


@pytest.mark.parametrize(
    "text",
    [
        "https://shop.exampleで.どうぞ",
        "https://a.example은.좋다",
        "https://a.example.좋다",
        "https://a.example.ありがとう",
        "https://shop.exampleпривет",
        "https://shop.example.Привет всем",
        "https://shop.example.Спасибо",
        "https://shop.exampleשלום",
        "https://shop.example.Thanks for coming",
        "https://ab短信.example",
        "https://shop.みんな",
    ],
)
def test_a_sentence_does_not_become_the_host(text: str) -> None:
    assert urls(text) == []
    assert urls("<https://shop.みんな>") == ["https://shop.みんな"]


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("https://a.example/x_'y'", ["https://a.example/x_'y'"]),
        ("https://a.example/?q='x'", ["https://a.example/?q='x'"]),
        ("'https://a.example/?q='x''", ["https://a.example/?q='x'"]),
        ("'https://a.example/it's'", ["https://a.example/it's"]),
        ("'https://a.example/x'.", ["https://a.example/x"]),
        ("https://a.example/x'", ["https://a.example/x"]),
        ('https://a.example/?q="x"', []),
        ("https://a.example/?q=“x”", []),
        ('href="https://a.example/x">', ["https://a.example/x"]),
        ("https://a.example's", []),
        ("see https://shop.example_ now", []),
        ("see https://shop.exam_ple/x now", []),
        ("_https://shop.example_", ["https://shop.example"]),
        ("__https://shop.example/x__", ["https://shop.example/x"]),
        ("https://a_b.example/x_", ["https://a_b.example/x_"]),
        ("https://shop.EXAMPLE", ["https://shop.EXAMPLE"]),
        ("https://Shop.Example", ["https://Shop.Example"]),
        ("https://shop.Example/x", ["https://shop.Example/x"]),
    ],
)
def test_quotes_and_underscores_at_the_end(text: str, addresses: list[str]) -> None:
    assert urls(text) == addresses


@given(
    st.lists(st.sampled_from([A, f"{A}?q=1", "http://b.example", "https://пример.рф/"]), min_size=1)
)
def test_addresses_joined_by_a_comma_are_found_as_if_they_stood_alone(joined: list[str]) -> None:
    assert urls(",".join(joined)) == joined
    assert urls(";".join(joined)) == joined
