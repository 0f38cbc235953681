"""Where in HTML a value stands decides how it is written: each position, and the one beside it."""

import pytest

from messaging_core.errors import TemplateSyntaxError, TemplateValueError
from messaging_core.models.content.template_project import Form
from messaging_core.templates import interpolate
from messaging_core.templates.interpolation.html import (
    Context,
    check_rendered_html,
    contexts,
    is_executable,
)

TEXT, ATTRIBUTE, UNSAFE = Context.TEXT, Context.ATTRIBUTE, Context.UNSAFE
START, REST, QUERY = Context.URL_START, Context.URL_REST, Context.QUERY_VALUE


@pytest.mark.parametrize(
    ("source", "context"),
    [
        # in text: what looks like a tag, and is none
        ("", TEXT),
        ("I <3 |", TEXT),
        ("I <3|", TEXT),
        ("a <|", UNSAFE),
        ("a </|", UNSAFE),
        ("<> |", TEXT),
        ("<<b>|", TEXT),
        ("<<script>|", UNSAFE),
        ("<<p |", UNSAFE),
        # begin and end of a tag
        ("<b>|", TEXT),
        ("<b |", UNSAFE),
        ("<b/>|", TEXT),
        ("</b>|", TEXT),
        ("</b |", UNSAFE),
        ("<p title='>' |", UNSAFE),
        ("<p title='a>'>|", TEXT),
        ("<p title='=' class='|", ATTRIBUTE),
        ("<p a=b c='|", ATTRIBUTE),
        ("<p 'a' title='|", ATTRIBUTE),
        # raw text and its end
        ("<script>|", UNSAFE),
        ("a/<script>|", UNSAFE),
        ("</script>|", TEXT),
        ("<script></script>|", TEXT),
        ("<script></script|", UNSAFE),
        ("<script></script |", UNSAFE),
        ("<script></script x='|", ATTRIBUTE),
        ("<title></title|", UNSAFE),
        ("<title>a</title><style>|", UNSAFE),
        # comments and declarations
        ("<!-- |", TEXT),
        ("<!--|", UNSAFE),
        ("<!-- -|", UNSAFE),
        ("<!-- --!|", UNSAFE),
        ("<!-- --><script>|", UNSAFE),
        ("<!--><script>|", UNSAFE),
        ("<!---><script>|", UNSAFE),
        ("<!-- <script> |", TEXT),
        ("<!>|", TEXT),
        ("<!|", UNSAFE),
        ("<?xml |", UNSAFE),
        ("<?xml?>|", TEXT),
        ("<p><!DOCTYPE html>|", TEXT),
        ("<p><!DOCTYPE html |", UNSAFE),
        ("a]><!--[if mso]>|", TEXT),
        ("<!--[if mso |", UNSAFE),
        ("<!--[if mso]><script>|", UNSAFE),
        # attributes
        ("<p title='|", ATTRIBUTE),
        ("<p TITLE = '|", ATTRIBUTE),
        ("<p title='a' class='|", ATTRIBUTE),
        ("<p onclick='|", UNSAFE),
        ("<p ONCLICK='|", UNSAFE),
        ("<p style='|", UNSAFE),
        ("<p title='' style='|", UNSAFE),
        # addresses
        ("<a href='|", START),
        ("<a href=' |", START),
        ("<a href='a|", REST),
        ("<a href='a:|", ATTRIBUTE),
        ("<a href='/|", ATTRIBUTE),
        ("<a href='#|", ATTRIBUTE),
        ("<a href='a.example/b' title='|", ATTRIBUTE),
        ("<a href='a:' src='|", START),
        ("<a href='javascript:|", UNSAFE),
        ("<a href='java' src='script:|", ATTRIBUTE),
        # queries
        ("<a href='/?|", ATTRIBUTE),
        ("<a href='/?a|", ATTRIBUTE),
        ("<a href='/?a=|", QUERY),
        ("<a href='/?a=b&|", ATTRIBUTE),
        ("<a href='/?a=b&amp;c=|", QUERY),
        ("<a href='/?a=b;c=|", QUERY),
        ("<a href='/?a=b?|", QUERY),
        ("<a href='/?a=b#c=|", ATTRIBUTE),
        ("<a href='/?a=b#?c=|", ATTRIBUTE),
        ("<a href='/a=|", ATTRIBUTE),
        ("<a href='/a&b=|", ATTRIBUTE),
        ("<a href='/a=b?c|", ATTRIBUTE),
        ("<a href='/?a=' src='/|", ATTRIBUTE),
    ],
)
def test_the_context_of_a_place(source: str, context: Context) -> None:
    assert list(contexts([source.removesuffix("|"), None])) == [context]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["<a href='", None, None, "'>", None], [START, REST, TEXT]),
        (["<a href='", None, "' src='", None, "'>"], [START, START]),
        (["<a href='", None, "?a=", None, "&b", None], [START, QUERY, ATTRIBUTE]),
        (["<p title='", None, "' ", None], [ATTRIBUTE, UNSAFE]),
        (["<scr", "ipt>", None], [UNSAFE]),
    ],
)
def test_the_contexts_of_several_places(pieces: list[str | None], expected: list[Context]) -> None:
    assert list(contexts(pieces)) == expected


@pytest.mark.parametrize("value", [[1], {}, float("nan")], ids=str)
@pytest.mark.parametrize(
    "source", ["{{x}}", "<p title='{{x}}'>", "<a href='{{x}}'>", "<a href='/?a={{x}}'>"]
)
def test_what_has_no_text_is_refused_in_every_place(source: str, value: object) -> None:
    for form in (Form.HTML, Form.TEXT, Form.LINE):
        with pytest.raises(TemplateValueError, match=r"template\.not_writable"):
            interpolate(source, {"x": value}, form)


@pytest.mark.parametrize(
    ("url", "runs"),
    [
        ("javascript:x", True),
        ("java\tscript :x", True),
        ("JAVASCRIPT:x", True),
        ("javascript", False),
        ("https://x.example/javascript:x", False),
        ("javascripts:x", False),
    ],
)
def test_only_a_scheme_that_runs_something_is_executable(url: str, *, runs: bool) -> None:
    assert is_executable(url) is runs
    for quoted in (f'"{url}"', f"'{url}'", f'"{url}'):
        codes = [violation.code for violation in check_rendered_html(f"<a href={quoted}>x</a>")]
        assert codes == (["template.unsafe_link"] if runs else [])


@pytest.mark.parametrize(
    ("html", "runs"),
    [
        ("<a href=javascript:x>", True),
        ("<a href=https://x.example>", False),
        ("<a title=javascript:x>", False),
        ("<a href=''>", False),
        ("<a href='/'><img src='vbscript:x'>", True),
        ("<a href='java&#115;cript:x'>", True),
        ("<a href>", False),
    ],
)
def test_rendered_html_is_searched_for_links_that_run_something(html: str, *, runs: bool) -> None:
    assert bool(check_rendered_html(html)) is runs


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [("<p {{x}}>", 1, 4), ("\n<p\n {{x}}>", 3, 2), ("{{x}}<script>{{ x }}", 1, 14)],
)
def test_an_unsafe_place_is_named_by_line_and_column(source: str, line: int, column: int) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        interpolate(source, {"x": "1"}, Form.HTML)

    assert (caught.value.line, caught.value.column) == (line, column)
