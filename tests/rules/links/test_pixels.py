"""Pixels and short links in HTML, held to a reader that parses as browsers do."""

import time
from itertools import count
from typing import Any
from xml.etree.ElementTree import Comment, Element, tostring

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.rules.links.html_links import shorten_html
from messaging_core.rules.links.pixels import pixel_url, with_pixels

FIRST, LAST = pixel_url("go.example", "A" * 11), pixel_url("go.example", "B" * 11)


def pixel(url: str) -> str:
    return with_pixels("", last=url)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("", "12"),
        ("<p>Hi</p>", "1<p>Hi</p>2"),
        (" \n<p>Hi", " \n1<p>Hi2"),
        ("<body class=a>Hi</body>", "<body class=a>1Hi2</body>"),
        ("<BODY\n>Hi</BODY\t></HTML>", "<BODY\n>1Hi2</BODY\t></HTML>"),
        (
            "<!doctype html><html><head><title>a<b</title><style>b{}</style></head> <p>Hi</html>",
            "<!doctype html><html><head><title>a<b</title><style>b{}</style></head> 1<p>Hi</html>2",
        ),
        (
            "<!-- <body> --><meta a>Hi<!-- </body> -->",
            "<!-- <body> --><meta a>1Hi<!-- </body> -->2",
        ),
        ("<script>'</body>'</script>Hi", "<script>'</body>'</script>1Hi2"),
        ("<p title='</body>'>Hi</p>", "1<p title='</body>'>Hi</p>2"),
        ("a</body>b</body>c", "1a</body>b2</body>c"),
        ("</body><body>", "12</body><body>"),
        # Behind what does not end, a pixel would be part of it.
        ("Hi<!-- bye", "1Hi2<!-- bye"),
        ("Hi<textarea>bye", "1Hi2<textarea>bye"),
        ("Hi<plaintext>bye", "1Hi2<plaintext>bye"),
        ("Hi<a href='x", "1Hi2<a href='x"),
        ("Hi</", "1Hi2</"),
        ("<style>bye", "12<style>bye"),
        ("Hi</body><!-- bye", "1Hi2</body><!-- bye"),
    ],
)
def test_pixels_stand_where_the_content_begins_and_ends(html: str, expected: str) -> None:
    written = with_pixels(html, first=FIRST, last=LAST)

    assert written.replace(pixel(FIRST), "1").replace(pixel(LAST), "2") == expected
    assert with_pixels(html) == html


def test_an_image_is_invisible_and_names_nobody() -> None:
    assert pixel(LAST) == (
        f'<img src="https://go.example/o/{"B" * 11}" width="1" height="1" alt=""'
        ' style="border:0;height:1px;width:1px">'
    )


@pytest.mark.parametrize(
    "html",
    [
        "<a" * 20_000,
        "<!--" * 20_000,
        "<a " + "x " * 20_000,
        "<p title='" * 20_000,
        "</body>" * 20_000,
        "<title>" * 20_000,
        " " * 50_000,
    ],
    ids=lambda html: html[:8],
)
def test_hostile_documents_take_no_longer_than_others(html: str) -> None:
    began = time.perf_counter()
    with_pixels(shorten_html(html, lambda _: "A" * 11, "go.example"), last=LAST)
    assert time.perf_counter() - began < 2


INLINE = st.sampled_from(["b", "i", "span", "strong", "em"])
ADDRESSES = st.sampled_from(
    [
        "https://shop.example/a?b=1&c=2#d",
        "https://shop.example/a?b=1&amp;c=2",
        "HTTP://shop.example",
        "mailto:ada@x.example",
        "tel:+31612345678",
        "cid:logo",
        "#top",
        "/relative",
        "",
        "javascript:alert(1)",
    ]
)
TEXTS = st.text(st.sampled_from("ab &;<>\"'=-\né"), max_size=8).map(
    lambda text: text.replace("<", "&lt;")
)


def _element(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    unclosed = st.builds("<{}>{}".format, st.sampled_from(["p", "div", "li", "td", "b"]), children)
    return _closed(children) | unclosed


def _closed(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    blocks = st.sampled_from(["div", "p", "blockquote", "td", "table", "ul", "li", "h1"])
    return st.one_of(
        st.builds("<{0}>{1}</{0}>".format, blocks, children),
        st.builds("<{0} class='{0}'>{1}</{0}>".format, INLINE, children),
        st.builds('<a href="{}" id=x>{}</a>'.format, ADDRESSES, TEXTS),
        st.builds("<a data-no-track href='{}'>{}</a>".format, ADDRESSES, TEXTS),
        st.builds("<!-- {} -->{}".format, st.sampled_from(["<a href=x>", "</body>"]), children),
        st.builds("<table><tr><td>{}</td></tr></table>".format, children),
        st.builds("{}{}".format, children, children),
    )


LEAVES = TEXTS | st.just("<br><img src=cid:logo>")
MARKUP = st.recursive(LEAVES, _element, max_leaves=12)
CLOSED = st.recursive(LEAVES, _closed, max_leaves=6)
DOCUMENTS = st.one_of(
    MARKUP,
    st.builds("<!doctype html><html><body bgcolor=red>{}</body></html>\n".format, MARKUP),
    st.builds(
        "<!doctype html><head><title>{}</title><style>a{{}}</style></head>\n<body>{}</body>".format,
        TEXTS,
        MARKUP,
    ),
    st.builds("<html><head><meta charset=utf-8><title>a</title></head>{}".format, MARKUP),
    st.builds(
        "{}{}".format, CLOSED, st.sampled_from(["<!-- x", "<textarea>x", "<p title='", "</"])
    ),
)


def _tree(html: str) -> Element:
    root: Any = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)
    assert isinstance(root, Element)
    return root


def _without_pixels(root: Element) -> int:
    """Take pixels and comments out of a tree, and return how many pixels there were.

    An unclosed `<b>` goes on behind its paragraph, around a pixel too: an empty one is taken out.
    """
    removed = 0
    for parent in reversed(list(root.iter())):
        for child in list(parent):
            is_pixel = child.tag == "img" and child.get("src", "") in {FIRST, LAST}
            is_empty = child.tag == "b" and not child.attrib and not len(child) and not child.text
            if is_pixel or is_empty or child.tag is Comment:
                _join_text(parent, child)
                parent.remove(child)
                removed += is_pixel
    return removed


def _join_text(parent: Element, child: Element) -> None:
    place = list(parent).index(child)
    if place:
        before = parent[place - 1]
        before.tail = (before.tail or "") + (child.tail or "") or None
    else:
        parent.text = (parent.text or "") + (child.tail or "") or None


@given(DOCUMENTS)
def test_a_tracked_document_is_the_same_tree_but_for_links_and_pixels(html: str) -> None:
    targets: dict[str, str] = {}
    numbers = count()

    def code_for(url: str) -> str | None:
        if not url.lower().startswith("http"):
            return None
        code = f"{next(numbers):011}"
        targets[f"https://go.example/{code}"] = url
        return code

    tracked = with_pixels(shorten_html(html, code_for, "go.example"), first=FIRST, last=LAST)

    before, after = _tree(html), _tree(tracked)
    assert (_without_pixels(before), _without_pixels(after)) == (0, 2)
    for link in after.iter("a"):
        target = targets.get(link.get("href", ""))
        is_web = link.get("href", "").lower().startswith("http")
        assert (target is None) is (not is_web or "data-no-track" in link.attrib)
        link.attrib.update({} if target is None else {"href": target})
    assert tostring(after) == tostring(before)
