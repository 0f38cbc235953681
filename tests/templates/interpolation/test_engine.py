"""Values take their places, escaped as the place asks for, and do nothing there."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from html import escape
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.errors import TemplateSyntaxError, TemplateValueError
from messaging_core.models import Form
from messaging_core.templates import InterpolationEngine, interpolate, parse

HOSTILE = st.sampled_from(
    [
        "{{ secret }}",
        "{{{ secret }}}",
        "{% for i in (1..9) %}",
        "<script>alert(1)</script>",
        "\" onclick='x()",
        "a\r\nBcc: b@x.example",
        "\\{{",
        "\0",
        "%s {0} $name",
        "&amp;",
    ]
)
TEXTS = HOSTILE | st.text(max_size=20)
SECRET = {"secret": "s3cret"}


@given(TEXTS)
def test_a_value_is_inert(value: str) -> None:
    assert interpolate("a {{x}} b", {"x": value} | SECRET) == f"a {value} b"
    assert interpolate("{{{x}}}{{x}}", {"x": value} | SECRET) == value + value


@given(TEXTS, TEXTS)
def test_a_value_in_html_is_the_text_that_a_reader_sees(first: str, second: str) -> None:
    html = interpolate("<p title='{{x}}'>{{x}}|{{y}}</p>", {"x": first, "y": second}, Form.HTML)

    assert html == f"<p title='{escape(first)}'>{escape(first)}|{escape(second)}</p>"


@given(TEXTS)
def test_a_value_in_json_stays_within_its_quotes(value: str) -> None:
    text = interpolate('{"a": "x {{v}}", "b": {{v}}}', {"v": value}, Form.JSON)

    assert json.loads(text) == {"a": f"x {value}", "b": value}


@given(TEXTS)
def test_a_value_on_a_line_leaves_it_one_line(value: str) -> None:
    for source in ("Re: {{x}}", "Re: {{{x}}}"):
        line = interpolate(source, {"x": value}, Form.LINE)
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in line)


@given(st.dictionaries(st.sampled_from("abc"), TEXTS | st.integers() | st.booleans()))
def test_rendering_again_gives_the_same_bytes(values: dict[str, Any]) -> None:
    source = "{{a}}<b>{{b}}</b>{{a}}{{c}}"

    def render() -> str:
        return interpolate(source, values, Form.HTML, blank=lambda _: True)

    assert render() == render()


def test_the_quick_way_and_the_slow_way_agree() -> None:
    values = {"a": "<x>", "o": {"b": "y\nz", "c": "'"}, "n": 3}
    as_others: Mapping[str, Any] = _Others(values)
    source = "{{a}} {{o.b}} {{o.c}} {{n}} <a href='{{a}}' title='{{o.b}}'>"

    for breaks in (False, True):
        quick = interpolate(source, values, Form.HTML, line_breaks=breaks)
        slow = interpolate(source, as_others, Form.HTML, line_breaks=breaks)
        assert quick == slow
        assert quick.startswith("&lt;x&gt; y" + ("<br/>" if breaks else "\n") + "z &#x27; 3 ")


class _Others(dict[str, Any]):
    """A mapping that is no plain dictionary."""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (5.0, "5"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        (Decimal("1.50"), "1.50"),
        (datetime(2025, 1, 31, 9, tzinfo=UTC), "2025-01-31T09:00:00.000Z"),
        (date(2025, 1, 31), "2025-01-31"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_values_are_written_as_documented(value: object, text: str) -> None:
    assert interpolate("{{x}}", {"x": value}) == text


@pytest.mark.parametrize(
    "value",
    [[1], {}, object(), float("nan"), 10**5000, Decimal("1e9999"), b"x", {1}],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_text_is_refused(value: object) -> None:
    with pytest.raises(TemplateValueError) as caught:
        interpolate("{{x}}", {"x": value})

    assert [violation.code for violation in caught.value.violations] == ["template.not_writable"]


def test_every_missing_value_is_named_once() -> None:
    with pytest.raises(TemplateValueError) as caught:
        interpolate(
            "{{b}} {{a.x}} {{b}} {{c}} {{d.0}} {{ok}}", {"a": {}, "d": [], "ok": 1, "c": None}
        )

    assert [(violation.path, violation.code) for violation in caught.value.violations] == [
        ("/b", "template.missing_variable"),
        ("/a/x", "template.missing_variable"),
        ("/c", "template.missing_variable"),
        ("/d/0", "template.missing_variable"),
    ]


def test_places_may_stay_empty() -> None:
    assert interpolate("a{{x}}b{{y}}", {"y": 1}, blank=lambda name: name == "x") == "ab1"
    assert interpolate('{"a":{{x}},"b":"{{x}}"}', {}, Form.JSON, blank=lambda _: True) == (
        '{"a":null,"b":""}'
    )


class Trap:
    """An object of the host whose attributes must not be read."""

    secret = "s3cret"

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)

    def __getitem__(self, key: object) -> object:
        raise AssertionError(key)

    def __str__(self) -> str:
        raise AssertionError


@pytest.mark.parametrize(
    "path", ["x.secret", "x.__class__", "x.0", "s.__class__", "s.upper", "s.0", "l.-1", "l.append"]
)
def test_nothing_but_keys_and_indexes_is_looked_up(path: str) -> None:
    with pytest.raises(TemplateValueError) as caught:
        interpolate(f"{{{{{path}}}}}", {"x": Trap(), "s": "abc", "l": [1]})

    assert caught.value.violations[0].code == "template.missing_variable"


def test_keys_and_indexes_lead_into_values() -> None:
    values = {"order": {"items": [{"name": "Tea"}, {"name": "Mug"}]}, "__class__": "mine"}

    assert interpolate("{{order.items.1.name}} {{__class__}}", values) == "Mug mine"


def test_a_deep_path_and_a_deep_value_are_no_trouble() -> None:
    value: Any = "x"
    for _ in range(5_000):
        value = {"a": value}

    assert interpolate("{{" + ".".join("a" * 5_000) + "}}", value) == "x"


def test_a_large_value_takes_its_place_and_too_large_a_text_is_refused() -> None:
    large = "<" * 1_000_000

    assert len(interpolate("{{x}}", {"x": large})) == 1_000_000
    with pytest.raises(TemplateValueError, match=r"more than 2000000 characters"):
        interpolate("{{x}}", {"x": "x" * 10_000_000})
    with pytest.raises(TemplateValueError, match=r"template\.too_large"):
        interpolate("{{x}}" * 5_000, {"x": large})
    with pytest.raises(TemplateValueError, match=r"template\.too_large"):
        interpolate("<p>{{x}}</p>", {"x": large}, Form.HTML)


def test_line_breaks_become_markup_in_text_only_where_asked_for() -> None:
    source = "<p title='{{x}}'>{{x}}</p>{{{x}}}"
    values = {"x": "a\r\nb\nc\rd"}

    assert interpolate(source, values, Form.HTML, line_breaks=True) == (
        "<p title='a\r\nb\nc\rd'>a<br/>b<br/>c<br/>d</p>a\r\nb\nc\rd"
    )
    assert "<br/>" not in interpolate(source, values, Form.HTML)


@pytest.mark.parametrize(
    ("source", "values", "html"),
    [
        ('<a href="{{u}}">', {"u": "https://x.example/?a=1&b=2"}, "https://x.example/?a=1&amp;b=2"),
        ('<a href="{{u}}">', {"u": "javascript:alert(1)"}, "#blocked"),
        ('<a href="{{u}}">', {"u": " \x01JaVa\tScript\n:alert(1)"}, "#blocked"),
        ("<a HREF = '{{u}}'>", {"u": "data:text/html,x"}, "#blocked"),
        ('<a href=" {{u}}">', {"u": "vbscript:x"}, " #blocked"),
        ('<img alt="" src="{{u}}">', {"u": "file:///etc/passwd"}, "#blocked"),
        ('<a href="{{a}}{{b}}">', {"a": "java", "b": "script:x"}, "javascript%3Ax"),
        ('<a href="java{{u}}">', {"u": "script:x"}, "javascript%3Ax"),
        ('<a href="https://x.example/{{u}}">', {"u": "a:b"}, "https://x.example/a:b"),
        ('<a href="mailto:{{u}}">', {"u": "a@x.example"}, "mailto:a@x.example"),
        ('<a href="{{u}}">', {"u": "&#106;avascript:x"}, "&amp;#106;avascript:x"),
        ("<!--[if mso]><a href='{{u}}'><![endif]-->", {"u": "javascript:x"}, "#blocked"),
        ('<svg><set attributeName=href to="{{u}}">', {"u": "javascript:x"}, "#blocked"),
        ('<svg><animate values="{{u}}">', {"u": "javascript:x"}, "#blocked"),
    ],
)
def test_a_value_makes_no_url_that_runs_something(
    source: str, values: dict[str, str], html: str
) -> None:
    rendered = interpolate(source, values, Form.HTML)

    assert rendered.replace("'", '"').split('"')[-2] == html


@pytest.mark.parametrize(
    "source",
    [
        "<script>var x = '{{x}}'</script>",
        "<SCRIPT type='x'>{{x}}",
        "<style>p { color: {{x}} }</style>",
        "<p style='color: {{x}}'>",
        "<p onclick='f(\"{{x}}\")'>",
        "<p title={{x}}>",
        "<p title= {{x}}>",
        "<p {{x}}>",
        "<{{x}}>",
        "</{{x}}>",
        "<p {{x}}='y'>",
        "<a href='javascript:f({{x}})'>",
        "<iframe srcdoc='{{x}}'>",
        "<!DOCTYPE {{x}}>",
        "<!-- a --!><script>{{x}}</script> -->",
        "<!-- --!{{x}}",
        "<title><!--</title><script>{{x}}</script>-->",
        "<textarea><p title='</textarea><script>{{x}}</script>'>",
        "<script></scripts>{{x}}</script>",
        "<xmp>{{x}}</xmp>",
        "<iframe><!--</iframe><style>{{x}}</style>",
        "<img imagesrcset='{{x}} 2x'>",
        "<p title='a' {{x}}",
    ],
)
def test_where_no_value_is_safe_it_is_refused_with_its_place(source: str) -> None:
    with pytest.raises(TemplateSyntaxError, match="no value can be made safe") as caught:
        interpolate(f"\n{source}", {"x": "1"}, Form.HTML)

    assert (caught.value.line, caught.value.column) == (2, source.index("{{x}}") + 1)


@pytest.mark.parametrize(
    "source",
    [
        "a < b {{x}}",
        "<p>{{x}}</p>",
        "<!-- {{x}} -->{{x}}",
        "<script>if (a < b) {}</script>{{x}}",
        "<style>a{b:c}</style><p class='c'>{{x}}",
        '<p title="it\'s {{x}}">',
        "<br/>{{x}}",
        "<p\ntitle='{{x}}'>",
        "<textarea>{{x}}</textarea>",
        "<title>{{x}}</title>",
        "<TITLE><!-- <p title='{{x}}</Title >{{x}}",
        "<!-- <script> --!>{{x}}",
        "<p style='{{{x}}}'>",
    ],
)
def test_where_a_value_is_safe_it_is_let_in(source: str) -> None:
    assert "1" in interpolate(source, {"x": "1"}, Form.HTML)


@given(st.text(alphabet="<>/!-[]'\"= {}xscript", max_size=60))
def test_any_html_is_read_or_refused_with_its_place(source: str) -> None:
    error = fault_of(source)

    assert error is None or min(error.line, error.column) >= 1


def fault_of(source: str) -> TemplateSyntaxError | None:
    try:
        InterpolationEngine().compile(source, Form.HTML)
    except TemplateSyntaxError as error:
        return error
    return None


def test_values_of_a_caller_are_not_touched() -> None:
    values = {"a": {"b": "c"}}

    interpolate("{{a.b}}{{a.x}}", values, blank=lambda _: True)

    assert values == {"a": {"b": "c"}}


@pytest.mark.parametrize(
    "piece",
    ["<", "<a ", "<!--", "<!--[if", "<script></script>", "<a b", "x{{a}}", "<!-- -->", "=\"'"],
)
def test_reading_takes_no_longer_than_the_source(piece: str) -> None:
    error = fault_of("<a href='" + piece * 20_000)
    other = fault_of(piece * 20_000 + "{{x}}")

    assert error is None or error.line == 1
    assert other is None or other.line == 1


def test_whole_json_values_hold_what_has_a_text() -> None:
    value = {"sum": Decimal("1.50"), "of": MappingProxyType({"a": [1]}), "ok": True}

    text = interpolate("{{x}}", {"x": value}, Form.JSON)

    assert json.loads(text) == {"sum": "1.50", "of": {"a": [1]}, "ok": True}
    with pytest.raises(TemplateValueError, match=r"template\.not_writable"):
        interpolate("{{x}}", {"x": [object()]}, Form.JSON)


@pytest.mark.parametrize(
    ("source", "form", "text"),
    [
        ("https://a.example/?e={{x}}&f={{ x }}.", Form.TEXT, "?e=a%20b%2B%26&f=a%20b%2B%26."),
        ("See http://a.example/p?e={{x}} {{x}}", Form.TEXT, "?e=a%20b%2B%26 a b+&"),
        ("https://a.example/{{x}}?e={{x}}", Form.TEXT, "https://a.example/a b+&?e=a%20b%2B%26"),
        ("https://a.example/?{{x}}", Form.TEXT, "https://a.example/?a b+&"),
        ("https://a.example/?e={{x}}#f={{x}}", Form.TEXT, "?e=a%20b%2B%26#f=a b+&"),
        ("https://a.example/?e={{{x}}}", Form.TEXT, "?e=a b+&"),
        ("{{x}}?e={{x}}", Form.TEXT, "a b+&?e=a%20b%2B%26"),
        ("Why? e={{x}}", Form.TEXT, "Why? e=a b+&"),
        ("https://a.example/? e={{x}}", Form.TEXT, "? e=a b+&"),
        ("mailto:a@b.example?subject={{x}}", Form.LINE, "?subject=a%20b%2B%26"),
        ("app://open?e={{x}}", Form.LINE, "?e=a%20b%2B%26"),
        ("<a href='https://a.example/?e={{x}}'>{{x}}</a>", Form.HTML, "?e=a%20b%2B%26'>a b+&amp;<"),
        ('<a href="?a=1&amp;e={{x}}">', Form.HTML, '?a=1&amp;e=a%20b%2B%26"'),
        ('<img src="https://a.example/{{x}}.png">', Form.HTML, "/a b+&amp;.png"),
        ('<a href="https://a.example/?e={{{x}}}">', Form.HTML, "?e=a b+&"),
        ('<p title="?e={{x}}">', Form.HTML, "?e=a b+&amp;"),
    ],
)
def test_a_value_of_a_query_is_percent_encoded(source: str, form: Form, text: str) -> None:
    assert text in interpolate(source, {"x": "a b+&"}, form)


@pytest.mark.parametrize("filler", [" " * 5_000, "\t" * 999, "\x01" * 1_000, "\n" * 1_001])
def test_a_link_that_runs_something_is_found_behind_any_filler(filler: str) -> None:
    value = f"{filler}java{filler}script:alert(1)"

    assert interpolate("<a href='{{x}}'>", {"x": value}, Form.HTML) == "<a href='#blocked'>"
    with pytest.raises(TemplateSyntaxError, match="no value can be made safe"):
        interpolate(f"<a href='{filler}javascript:{{{{x}}}}'>", {"x": "1"}, Form.HTML)
    with pytest.raises(TemplateSyntaxError, match="no value can be made safe"):
        interpolate("<a href='java&#115;cript:{{x}}'>", {"x": "1"}, Form.HTML)


def test_the_end_of_a_comment_is_seen_around_a_value() -> None:
    with pytest.raises(TemplateSyntaxError, match="no value can be made safe"):
        interpolate("<!-- --{{x}}><script>{{x}}</script>", {"x": ""}, Form.HTML)


def test_too_many_placeholders_and_too_long_a_path_are_refused() -> None:
    assert interpolate("{{a}}" * 10_000, {"a": "x"}) == "x" * 10_000
    with pytest.raises(TemplateSyntaxError, match="more than 10000 placeholders"):
        interpolate("{{a}}" * 10_001, {"a": "x"})
    assert interpolate("{{" + "a" * 10_000 + "}}", {"a" * 10_000: "x"}) == "x"
    with pytest.raises(TemplateSyntaxError, match="at most 10000 characters"):
        interpolate("{{" + "a" * 10_001 + "}}", {})


def test_line_breaks_stay_what_they_are_unless_markup_is_asked_for() -> None:
    compiled = InterpolationEngine().compile("{{x}}", Form.HTML)

    assert compiled.render({"x": "a\nb"}) == "a\nb"


def test_a_repr_shows_nothing_of_a_template() -> None:
    compiled = InterpolationEngine().compile("secret {{x}}", Form.TEXT)

    assert repr(compiled) == "Interpolation(placeholders=('x',), literal_length=7)"
    assert repr(parse("secret {{x}}")) == "Text()"
