"""Links in HTML."""

import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.rules.links.html_links import mark_untracked, track_html, untracked_links
from messaging_core.rules.links.tracking import with_utm

UTM = {"u": "1", "v": "2"}
ADDED = "u=1&amp;v=2"
PIECES = st.sampled_from(
    [
        *"<>\"'=&;#?/ !-\n\x00é",
        "a",
        "<a",
        "<A ",
        "href=",
        "HREF = ",
        "</a>",
        "https://a.example/",
        "https://a.example/?a=1&amp;b",
        '<a href="https://a.example/?a=1&amp;b=2#c">x</a>',
        "<!--",
        "-->",
        "<script>",
        "</script>",
        "<textarea>",
        "</textarea >",
        "&amp",
        "&#35;",
        "&#x3f",
        "<p title='>'>",
    ]
)
DOCUMENTS = st.lists(PIECES, max_size=15).map("".join) | st.text()


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="https://a.example/">', f'<a href="https://a.example/?{ADDED}">'),
        ("<a href='https://a.example/#x'>", f"<a href='https://a.example/?{ADDED}#x'>"),
        ("<a href=https://a.example/>", f"<a href=https://a.example/?{ADDED}>"),
        (
            "<A\nCLASS=b disabled\tHREF = 'HTTP://a.example/?a=1&amp;b&c'\n>",
            f"<A\nCLASS=b disabled\tHREF = 'HTTP://a.example/?a=1&amp;b&c&amp;{ADDED}'\n>",
        ),
        (
            '<a href=" https://a.example/x&#35;y ">',
            f'<a href=" https://a.example/x?{ADDED}&#35;y ">',
        ),
        (  # the longest reference that is read, in decimal and in hexadecimal
            f'<a href="https://a.example/x&#x{"0" * 34}23;y">',
            f'<a href="https://a.example/x?{ADDED}&#x{"0" * 34}23;y">',
        ),
        (
            f'<a href="https://a.example/x&#{"0" * 35}35;y">',
            f'<a href="https://a.example/x?{ADDED}&#{"0" * 35}35;y">',
        ),
        (
            '<a title="<a href=https://q.example>" href="https://a.example/">',
            f'<a title="<a href=https://q.example>" href="https://a.example/?{ADDED}">',
        ),
        (
            '<a href="https://a.example/" href="https://b.example/">',
            f'<a href="https://a.example/?{ADDED}" href="https://b.example/">',
        ),
        (
            "<!--><a href=https://a.example/>",
            f"<!--><a href=https://a.example/?{ADDED}>",
        ),
        (
            "<script>'<a href=https://a.example/>'</script><a href=https://b.example/>",
            f"<script>'<a href=https://a.example/>'</script><a href=https://b.example/?{ADDED}>",
        ),
        (
            '<a href="https://a.example/?a=1&copy=2">',
            f'<a href="https://a.example/?a=1&copy=2&amp;{ADDED}">',
        ),
    ],
)
def test_a_link_gets_the_parameters_in_whatever_way_it_is_written(html: str, expected: str) -> None:
    assert track_html(html, UTM) == expected


@pytest.mark.parametrize(
    "html",
    [
        "",
        "https://a.example/",
        "<p>1 < 2 & 3 > 2</p>",
        '<a href="mailto:a@a.example">',
        '<a href="javascript:alert(1)">',
        '<a href="/relative">',
        '<a href="#x">',
        '<a href="">',
        "<a href>",
        '<a data-href="https://a.example/">',
        '<area href="https://a.example/">',
        '<img src="https://a.example/">',
        '<link href="https://a.example/">',
        '</a href="https://a.example/">',
        '<abbr href="https://a.example/">',
        '< a href="https://a.example/">',
        '<!-- <a href="https://a.example/"> -->',
        '<!-- <a href="https://a.example/">',
        '<!doctype <a href="https://a.example/"',
        '<style><a href="https://a.example/"></style>',
        '<title><a href="https://a.example/"></titles></title>',
        '<plaintext><a href="https://a.example/">',
        '<a href="https://a.example/',
        '<a href="https://a.example/"',
        '<a href="https://a.example/?a=&amp">',
        f'<a href="https://a.example/x&#{"0" * 36}35;y">',
        f'<a href="https://a.example/x&#x{"0" * 35}23;y">',
        '<a href="https://a.example/?u=9&amp;v=9">',
    ],
)
def test_everything_else_stays_as_it_is(html: str) -> None:
    assert track_html(html, UTM) == html


class Links(HTMLParser):
    """Lists what a document links to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value or "" for name, value in attrs if name == "href"][:1]


ADDRESSES = st.builds(
    "https://a.example/{}{}".format,
    st.sampled_from(["", "x", "?a=1&amp;b=2", "?é", "?"]),
    st.sampled_from(["", "#c", "&#35;c"]),
)


@given(st.lists(st.tuples(ADDRESSES, st.sampled_from("\"'"), st.text("ab<& \n")), max_size=5))
def test_a_reader_sees_each_link_with_the_parameters(links: list[tuple[str, str, str]]) -> None:
    html = "".join(f"<p><a href={quote}{url}{quote}>{text}</a>" for url, quote, text in links)

    tracked = track_html(html, UTM)

    assert Links(tracked).found == [with_utm(url, UTM) for url in Links(html).found]


@given(DOCUMENTS)
def test_nothing_is_taken_away_and_only_parameters_are_added(html: str) -> None:
    tracked = track_html(html, {"u": "\x01"})

    assert tracked.replace("u=%01", "").count("%01") == 0
    shortened = tracked
    for addition in ("&amp;u=%01", "?u=%01", ";u=%01", "u=%01"):
        shortened = shortened.replace(addition, "")
    assert shortened == html


@given(DOCUMENTS)
def test_tracking_a_document_twice_changes_nothing(html: str) -> None:
    once = track_html(html, UTM)

    assert track_html(once, UTM) == once


@pytest.mark.parametrize(
    "html",
    [
        "<" * 3_000_000,
        "<a " * 300_000,
        "<a" + " " * 10_000_000,
        "<a " + "=" * 10_000_000,
        "<a href='" * 300_000,
        "<!--" * 2_500_000,
        "<script></scrip" * 600_000,
        '<a href="https://a.example/?' + "&amp;" * 200_000 + '">',
        '<a href="https://a.example/?&#' + "9" * 10_000_000 + ';">',
    ],
    ids=lambda html: html[:20],
)
def test_hostile_documents_take_no_longer_than_others(html: str) -> None:
    began = time.process_time()

    assert track_html(html, UTM) == html

    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "link",
    [
        '<a data-no-track href="https://a.example/">',
        '<a href="https://a.example/" data-no-track>',
        "<A HREF=https://a.example/ DATA-NO-TRACK=''>",
        '<a class=b data-no-track="x" href=" https://a.example/ ">',
    ],
)
def test_a_link_may_be_left_out_of_tracking(link: str) -> None:
    other = '<a href="https://b.example/" data-no-tracks>'

    assert track_html(link, UTM) == link
    assert untracked_links(link + other) == {"https://a.example/"}
    assert mark_untracked(link + other, "x=1") == f"{link[:2]} x=1{link[2:]}{other}"


@pytest.mark.parametrize(
    "html",
    [
        "<!-- <a data-no-track href='https://a.example/'> -->",
        "<script><a data-no-track href='https://a.example/'></script>",
        "<a title='data-no-track' href='https://a.example/'>",
        "<p data-no-track><a href='https://a.example/'>",
        "<a data-no-track>",
        "<a data-no-track href='https://a.example/'",
    ],
)
def test_what_is_no_link_of_that_kind_is_not_marked(html: str) -> None:
    assert mark_untracked(html, "x=1") == html
    assert untracked_links(html) == frozenset()


@given(DOCUMENTS)
def test_a_mark_changes_nothing_else(html: str) -> None:
    marked = mark_untracked(html.replace("<a ", "<a data-no-track "), "data-mark")

    assert marked.replace(" data-mark", "").replace("<a data-no-track ", "<a ") == html
