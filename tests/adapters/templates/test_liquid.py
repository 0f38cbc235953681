"""Liquid renders within its limits, and keeps values where they belong."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.templates.liquid import LiquidEngine
from messaging_core.errors import TemplateSyntaxError, TemplateValueError
from messaging_core.models import (
    Form,
    RenderedTemplate,
    TemplateContent,
    TemplateVariable,
    TemplateVersion,
    TextBody,
    VariableType,
)
from messaging_core.rules.formats.sms import is_gsm
from messaging_core.templates import check_version, render_template

ENGINE = LiquidEngine()


def render(source: str, form: Form = Form.TEXT, locale: str = "en", **values: Any) -> str:
    return ENGINE.compile(source, form).render(values, locale=locale)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% if n > 2 %}many{% else %}few{% endif %}", "many"),
        ("{% for x in items %}{{ x.name }};{% endfor %}", "Tea;Mug;"),
        ("{{ missing | default: 'x' }}{% if missing %}y{% endif %}", "x"),
        ("{% capture c %}{{ items[0].name }}\r{% endcapture %}{{ c }}", "Tea\r"),
        ("{{ items | size }} {{ items[1].name }} {{ items.first.name }}", "2 Mug Tea"),
    ],
)
def test_conditions_and_loops_work(source: str, text: str) -> None:
    assert render(source, n=3, items=[{"name": "Tea"}, {"name": "Mug"}]) == text


@pytest.mark.parametrize(
    ("source", "locale", "text"),
    [
        ("{{ n | number }}", "it-IT", "1.234.567,891"),
        ("{{ n | number: 1 }}", "en", "1,234,567.9"),
        ("{{ n | money: 'EUR' }}", "nl", "€\N{NO-BREAK SPACE}1.234.567,89"),
        ("{{ 0.25 | percent }}", "de", "25\N{NO-BREAK SPACE}%"),
        ("{{ d | date }}", "en-GB", "31 Jan 2025"),
        ("{{ d | date: 'long', 'Europe/Rome' }}", "it", "1 febbraio 2025"),
        ("{{ d | time: 'short', 'Europe/Rome' }}", "it", "00:30"),
        ("{{ d | datetime: 'short' }}", "de", "31.01.25, 23:30"),
        ("{{ d | date }}", "xx-nowhere", "Jan 31, 2025"),
    ],
)
def test_numbers_money_and_dates_are_in_the_language(source: str, locale: str, text: str) -> None:
    rendered = render(source, locale=locale, n=1234567.891, d="2025-01-31T23:30:00Z")

    assert rendered == text


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..1000000) %}x{% endfor %}",
        "{% for i in (1..1000) %}{% for j in (1..1000) %}x{% endfor %}{% endfor %}",
        "{% assign s = 'xx' %}{% for i in (1..99) %}{% assign s = s | append: s %}{% endfor %}",
        "{{ large }}",
    ],
)
def test_a_template_that_takes_too_much_is_refused(source: str) -> None:
    with pytest.raises(TemplateValueError) as caught:
        render(source, large="x" * 10_000_000)

    assert [violation.code for violation in caught.value.violations] == ["template.too_large"]


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("a\n {% if %}", 2, 5),
        ("{{ x | nofilter }}", 1, 8),
        ("\n{% include 'x' %}", 2, 4),
        ("{% render 'x' %}", 1, 4),
        ("{{ x | safe }}", 1, 8),
    ],
)
def test_a_broken_source_is_refused_with_line_and_column(
    source: str, line: int, column: int
) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        ENGINE.compile(source, Form.TEXT)

    assert (caught.value.line, caught.value.column) == (line, column)


@given(st.text(alphabet="{}%|ab.1 '\"\nfi-", max_size=40))
def test_any_source_is_read_or_refused_with_its_place(source: str) -> None:
    for form in Form:
        error = fault_of(source, form)
        assert error is None or min(error.line, error.column) >= 1


def fault_of(source: str, form: Form) -> TemplateSyntaxError | None:
    try:
        ENGINE.compile(source, form)
    except TemplateSyntaxError as error:
        return error
    return None


@pytest.mark.parametrize("source", ["{{ user.name }}", "{{ name | upcase }}", "{{ now }}"])
def test_a_missing_value_is_named(source: str) -> None:
    with pytest.raises(TemplateValueError) as caught:
        render(source, user={})

    assert caught.value.violations[0].code == "template.missing_variable"


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'now' | date }}",
        "{{ 5 | divided_by: 0 }}",
        "{% if n > 'x' %}{% endif %}",
        "{{ n | money: 1, 2, 3 }}",
    ],
)
def test_what_cannot_be_computed_is_refused(source: str) -> None:
    with pytest.raises(TemplateValueError) as caught:
        render(source, n=1)

    assert caught.value.violations[0].code == "template.not_writable"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ x | date }}", "expected a date"),
        ("{{ x | number }}", "expected a number"),
        ("{{ x | slice: x }}", "a value is of no use"),
        ("a {{ d[x] }}", "line 1, column 6: d has no value"),
        ("{% for i in l %}{{ i.name }}{% endfor %}", "line 1, column 20: i has no value"),
    ],
)
def test_what_is_wrong_is_said_without_quoting_values(source: str, message: str) -> None:
    with pytest.raises(TemplateValueError) as caught:
        render(source, x="s3cret", d={}, l=[{}])

    [violation] = caught.value.violations
    assert message in violation.message
    assert "s3cret" not in str(violation)


@given(st.sampled_from(["{{ secret }}", "{% if x %}", "<script>", "\"'&"]) | st.text(max_size=10))
def test_values_are_inert(value: str) -> None:
    assert render("{{ x }}", x=value, secret="s") == value
    html = render("<p title='{{ x }}'>{{ x | append: '!' }}</p>", Form.HTML, x=value, secret="s")
    content = html.removeprefix("<p title='").removesuffix("</p>").replace("'>", "", 1)
    assert not set(content) & set("<>\"'")
    data = render('{"a": "{{ x }}", "b": {{ x | json }}}', Form.JSON, x=value)
    assert json.loads(data) == {"a": value, "b": value}


class Trap:
    """An object of the host whose attributes must not be read."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


@pytest.mark.parametrize("path", ["x.a", "x.__class__", "d.keys", "s.upper", "l.append"])
def test_nothing_but_keys_and_indexes_is_looked_up(path: str) -> None:
    values = {"x": Trap(), "d": {}, "s": "abc", "l": []}

    with pytest.raises(TemplateValueError):
        render(f"{{{{ {path} }}}}", **values)


def test_an_object_of_the_host_is_nothing() -> None:
    assert render("{{ x }}", x=Trap()) == ""


def test_a_value_makes_no_link_that_runs_something() -> None:
    with pytest.raises(TemplateValueError, match=r"template\.unsafe_link"):
        render("<a href='{{ u }}'>x</a>", Form.HTML, u="java\tscript:alert(1)")
    with pytest.raises(TemplateSyntaxError, match="no value can be made safe"):
        ENGINE.compile("{% if a %}<p onclick='{{ u }}'>{% endif %}", Form.HTML)


def test_a_line_stays_one_line() -> None:
    assert render("a {{ x }}", Form.LINE, x="b\r\nBcc: c") == "a b Bcc: c"


def test_placeholders_are_what_comes_from_outside() -> None:
    source = "{{ a.b }}{% for x in l %}{{ x.p }}{{ c[0].d }}{% endfor %}{% assign y = z %}{{ y }}"

    assert set(ENGINE.compile(source, Form.TEXT).placeholders) == {"a.b", "l", "c.0.d", "z"}


def test_values_nested_too_deep_are_refused() -> None:
    value: Any = 1
    for _ in range(102):
        value = [value]

    with pytest.raises(TemplateValueError, match="nested deeper than 100 levels"):
        render("{{ x }}", x=value)


def test_a_version_names_its_engine() -> None:
    version = TemplateVersion(
        id=UUID(int=1),
        project_id="p",
        default_locale="it",
        engine="liquid",
        generic_content=(
            TemplateContent(
                locale="it",
                text="{% for x in items %}{{ x | money: 'EUR' }} {% endfor %}{{ note }}",
            ),
        ),
        variables=(
            TemplateVariable(key="items", type=VariableType.OBJECT),
            TemplateVariable(key="note", required=False),
        ),
    )
    engines = {ENGINE.name: ENGINE}

    made = render_template(version, "sms", None, {"items": [1, 2.5]}, engines=engines)

    assert check_version(version, engines=engines) == []
    assert isinstance(made, RenderedTemplate)
    assert made.body == TextBody(text="1,00 € 2,50 € ")


@pytest.mark.parametrize(
    ("source", "locale", "text"),
    [
        ("{{ x | number }}", "fr", "1 234,5"),
        ("{{ x | money: 'EUR' }}", "de", "1.234,50 €"),
        ("{{ x | percent }}", "de", "123.450 %"),
        ("{{ x | times: -1 | number }}", "sv", "-1 234,5"),
        ("{{ x | number }}", "de-CH", "1'234.5"),
        ("{{ '2025-01-31T09:00:00Z' | time }}", "en", "9:00 AM"),
    ],
)
def test_on_sms_numbers_and_times_need_no_unicode(source: str, locale: str, text: str) -> None:
    content = TemplateContent(locale=locale, text=source)
    version = TemplateVersion(
        id=UUID(int=1),
        project_id="p",
        default_locale=locale,
        engine="liquid",
        generic_content=(content,),
        variables=(TemplateVariable(key="x", type=VariableType.NUMBER),),
    )

    sms = render_template(version, "sms", locale, {"x": 1234.5}, engines={"liquid": LiquidEngine()})

    assert isinstance(sms, RenderedTemplate)
    assert sms.body == TextBody(text=text)
    assert is_gsm(text)
