"""Handlebars fills values in by its own rules, and by ours where it has none."""

import importlib
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from messaging_adapters.templates.handlebars import HandlebarsEngine
from messaging_core.errors import (
    ConfigurationError,
    MissingDependencyError,
    TemplateSyntaxError,
    TemplateValueError,
)
from messaging_core.models import Form
from messaging_core.testing.clock import ManualClock

NOW = datetime(2025, 1, 31, 23, 30, tzinfo=UTC)


def render(
    source: str, values: dict[str, Any], form: Form = Form.TEXT, locale: str = "en", **options: Any
) -> str:
    engine = HandlebarsEngine(clock=ManualClock(NOW))
    return engine.compile(source, form, **options).render(values, locale=locale)


def faults(source: str, values: dict[str, Any], form: Form = Form.TEXT) -> list[str]:
    with pytest.raises(TemplateValueError) as caught:
        render(source, values, form)
    return [f"{violation.path} {violation.code}" for violation in caught.value.violations]


def broken(source: str, form: Form = Form.TEXT) -> str:
    with pytest.raises(TemplateSyntaxError) as caught:
        HandlebarsEngine().compile(source, form)
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{capitalize 'hello world'}} {{uppercase 'a'}} {{lowercase 'B'}}", "Hello world A b"),
        ("{{default missing null 'there'}}{{default missing}}", "there"),
        ("{{join list}} {{join list '-'}} {{join 'abc'}}", "1, 2 1-2 abc"),
        ("{{length list}} {{length 'abc'}} {{length object}} {{length missing}}", "2 3 1 0"),
        ("{{length '\N{GRINNING FACE}'}}", "2"),
        ("{{add 1 2}} {{subtract 1 '2.5'}} {{add '1' 1}}", "3 -1.5 2"),
        ("{{#eq list.length 2}}two{{else}}other{{/eq}}", "two"),
        ("{{#or 0 missing}}some{{else}}none{{/or}}", "none"),
        ("{{#and 'a' list}}all{{/and}}{{#not 0}}not{{/not}}", "allnot"),
        ("{{gt 2 '10'}} {{gt 'b' 'a'}} {{gte 2 2}} {{lt true 2}}", "false true true false"),
        ("{{eq 1 true}} {{eq 1 1.0}} {{eq list list}} {{ne null missing}}", "false true true true"),
        ("{{dateNow}}", "2025-01-31T23:30:00.000Z"),
        ("{{dateFormat (dateNow) format='D/M/YYYY' tz='Europe/Rome'}}", "1/2/2025"),
        ("{{dateFormat '2025-02-01' format='D MMMM' locale='it'}}", "1 febbraio"),
        ("{{toLocale 12345.5 'it-IT'}} {{toLocale true}}", "12.345,5 true"),
    ],
)
def test_helpers_do_what_they_are_for(source: str, text: str) -> None:
    assert render(source, {"list": [1, 2], "object": {"a": 1}}) == text


def test_numbers_are_written_in_the_language_of_the_content_if_none_is_named() -> None:
    assert render("{{toLocale n}}", {"n": 1234567.891}, locale="de") == "1.234.567,891"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a\n {{#if b}}", "line 2, column 2: the block if is not closed"),
        ("{{a b}}", "line 1, column 3: a is no helper; there are: add, and,"),
        ("{{#upper a}}{{/upper}}", "line 1, column 4: upper is no helper"),
        ("{{#uppercase a}}{{/uppercase}}", "line 1, column 4: uppercase begins no block"),
        ("{{if a}}", "line 1, column 3: if begins a block: write {{#if"),
        ("{{toLocale a lang='it'}}", "line 1, column 3: toLocale takes no lang"),
        ("{{eq a}}", "line 1, column 3: eq takes 2 values, not 1"),
        ("{{join a b c}}", "line 1, column 3: join takes 1 to 2 values, not 3"),
        ("{{> footer}}", "line 1, column 1: there are no partial templates"),
        ("{{dateNow}}", "line 1, column 3: dateNow needs a clock: make the engine with clock="),
        ("{{uppercase (lower a)}}", "line 1, column 14: lower is no helper"),
    ],
)
def test_an_author_learns_what_is_wrong_and_where(source: str, message: str) -> None:
    assert broken(source).startswith(message)


def test_a_missing_value_is_named_with_its_place_in_a_list() -> None:
    source = "{{#each items}}{{name}} {{uppercase kind}}{{/each}}{{total}}"
    values = {"items": [{"name": "a", "kind": "b"}, {"name": None}]}

    assert faults(source, values) == [
        "/items/1/name template.missing_variable",
        "/items/1/kind template.missing_variable",
        "/total template.missing_variable",
    ]


def test_a_condition_counts_a_missing_value_as_false() -> None:
    assert render("{{#if a.b}}x{{else if (eq c 'd')}}y{{else}}z{{/if}}", {}) == "z"


@pytest.mark.parametrize(
    ("source", "placeholders"),
    [
        ("{{#each items}}{{name}}{{../total}}{{@index}}{{this}}{{/each}}", ("items", "total")),
        ("{{#with order}}{{total}}{{@root.a}}{{/with}}", ("order", "order.total", "a")),
        ("{{#if (eq a.b 'x')}}{{c}}{{else}}{{d}}{{/if}}", ("a.b", "c", "d")),
        ("{{#each items as |item n|}}{{item.name}}{{n}}{{x}}{{/each}}", ("items",)),
        ("{{dateFormat day format=pattern}}", ("day", "pattern")),
        ("{{#order}}{{total}}{{/order}}{{join}}", ("order", "join")),
    ],
)
def test_placeholders_are_the_paths_from_the_root(source: str, placeholders: Any) -> None:
    assert HandlebarsEngine().compile(source, Form.TEXT).placeholders == placeholders


@pytest.mark.parametrize(
    "source",
    [
        "{{#if a}}<script>{{/if}}{{b}}",
        "<a {{#if a}}title={{b}}{{/if}}>",
        "<p onclick='{{uppercase b}}'>",
        "{{#each c}}<style>{{this}}</style>{{/each}}",
    ],
)
def test_a_value_never_comes_where_it_could_run(source: str) -> None:
    assert "no value can be made safe here" in broken(source, Form.HTML)


def test_what_a_raw_value_opens_is_known_to_the_values_after_it() -> None:
    values = {"a": "<script>", "b": "alert(1)"}

    assert faults("{{{a}}}{{b}}", values, Form.HTML) == [" template.unsafe_place"]


def test_a_raw_value_makes_no_link_that_runs_something() -> None:
    source = '<a href="{{{a}}}">x</a>'

    assert faults(source, {"a": "javascript:alert(1)"}, Form.HTML) == [" template.unsafe_link"]


def test_results_of_helpers_are_escaped_for_their_place() -> None:
    source = '<a href="https://a.example/?q={{uppercase a}}">{{uppercase a}}</a>'

    html = render(source, {"a": "<b> &"}, Form.HTML)

    assert html == '<a href="https://a.example/?q=%3CB%3E%20%26">&lt;B&gt; &amp;</a>'


def test_push_data_stays_json() -> None:
    source = '{"a": "{{a}}", "b": {{b}}, "c": {{c}}{{#if a}}, "d": {{add 1 1}}{{/if}}}'
    template = HandlebarsEngine().compile(source, Form.JSON)

    text = template.render({"a": '"\n', "b": [1, {"x": "y"}]}, blank=lambda _: True)

    assert text == '{"a": "\\"\\n", "b": [1,{"x":"y"}], "c": null, "d": 2}'


def test_values_that_a_helper_cannot_use_are_named_by_place_and_not_quoted() -> None:
    for source in ("{{dateFormat a}}", "{{add a 1}}", "{{uppercase b}}", "{{join c}}"):
        with pytest.raises(TemplateValueError) as caught:
            render(source, {"a": "secret", "b": {"x": "secret"}, "c": 1})

        assert "line 1, column 3" in str(caught.value)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["0000-01-01", "9999-12-31T23:59:59Z", 10**30, -(10**17), True, []]
)
def test_a_date_out_of_reach_is_an_error_of_ours(value: Any) -> None:
    source = "{{dateFormat a tz='Pacific/Kiritimati'}}{{dateFormat a tz='../etc'}}"

    assert faults(source, {"a": value}) == [" template.not_writable"]


@pytest.mark.parametrize(
    "source",
    [
        "{{#if a}}" * 31 + "{{/if}}" * 31,
        "{{#if a}}" + "{{else if a}}" * 31 + "{{/if}}",
        "{{eq 1 " + "(not " * 31 + "a" + ")" * 31 + "}}",
        "{{a}}" * 5_001,
        "{{" + "a." * 5_001 + "a}}",
        "{{eq 1 1234567890123456}}",
    ],
)
def test_a_source_has_limits(source: str) -> None:
    assert broken(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{#each a}}{{#each @root.a}}{{#each @root.a}}{{/each}}{{/each}}{{/each}}",
        "{{#each a}}{{join @root.a @root.b}}{{/each}}",
        "{{#each a}}{{uppercase @root.b}}{{/each}}",
        "{{#each a}}{{#if (eq (lowercase @root.b) 'x')}}{{/if}}{{/each}}",
        "{{#each a}}{{{@root.a}}}{{/each}}",
        "{{#each a}}{{#with @root}}{{#each a}}{{../b}}{{/each}}{{/with}}{{/each}}",
    ],
)
def test_a_template_that_does_too_much_is_stopped(source: str) -> None:
    values = {"a": list(range(1_000)), "b": "x" * 100_000}

    assert faults(source, values) == [" template.too_large"]


def test_wrong_arguments_of_the_engine_are_named() -> None:
    with pytest.raises(ConfigurationError, match="clock"):
        HandlebarsEngine(clock="now")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="output_limit"):
        HandlebarsEngine(output_limit=0)


def test_without_babel_the_error_has_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.startswith("messaging_adapters.templates.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "babel", None)

    with pytest.raises(
        MissingDependencyError, match=r"pip install 'messaging-engine\[handlebars\]'"
    ):
        importlib.import_module("messaging_adapters.templates.handlebars")
