"""Our own template engines keep the contract, and the contract catches wrong ones."""

# ruff: noqa: ARG002 - what is wrong is often what is left out

import html
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from messaging_adapters.templates.handlebars import HandlebarsEngine
from messaging_adapters.templates.liquid import LiquidEngine
from messaging_core.errors import TemplateSyntaxError, TemplateValueError
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.template_project import Form
from messaging_core.ports.templates import CompiledTemplate, TemplateEngine, never
from messaging_core.templates.interpolation.engine import InterpolationEngine
from messaging_core.testing.contracts.template_engine import TemplateEngineContract


class TestInterpolation(TemplateEngineContract):
    def make_engine(self) -> TemplateEngine:
        return InterpolationEngine()


class TestLiquid(TemplateEngineContract):
    reports_all = False
    breaks_lines = False  # it has the filter `newline_to_br`

    def make_engine(self) -> TemplateEngine:
        return LiquidEngine()

    def expensive(self) -> str:
        loop = "{% for i in items %}{% for j in items %}{% for k in items %}x"
        return loop + "{% endfor %}{% endfor %}{% endfor %}"


class TestHandlebars(TemplateEngineContract):
    def make_engine(self) -> TemplateEngine:
        return HandlebarsEngine()

    def expensive(self) -> str:
        loop = "{{#each items}}{{#each @root.items}}{{#each @root.items}}x"
        return loop + "{{/each}}{{/each}}{{/each}}"


class Naive(CompiledTemplate, TemplateEngine):
    """Replace `{{ path }}` by text, as a first attempt does."""

    name = "naive"
    source = ""
    form = Form.TEXT

    def compile(self, source: str, form: Form, *, line_breaks: bool = False) -> CompiledTemplate:
        if source.count("{{") != source.count("}}"):
            raise TemplateSyntaxError("a placeholder without end", 1, 1)
        self.source, self.form, self.line_breaks = source, form, line_breaks
        return self

    @property
    def placeholders(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(re.findall(r"\{\{ (\S+) \}\}", self.source)))

    def render(
        self,
        values: Mapping[str, Any],
        *,
        locale: str = "",
        blank: Callable[[str], bool] = never,
    ) -> str:
        return re.sub(
            r"\{\{ (\S+) \}\}", lambda match: self.written(match[1], values, blank), self.source
        )

    def written(self, path: str, values: Mapping[str, Any], blank: Callable[[str], bool]) -> str:
        value: Any = values
        for key in path.split("."):
            if not isinstance(value, Mapping) or key not in value:
                if blank(path):
                    return ""
                fault = Violation("/" + path.replace(".", "/"), "template.missing", "missing")
                raise TemplateValueError([fault])
            value = value[key]
        return self.escaped(str(value))

    def escaped(self, text: str) -> str:
        return html.escape(text) if self.form is Form.HTML else text


class FollowsAttributes(Naive):
    """Look attributes up."""

    def written(self, path: str, values: Mapping[str, Any], blank: Callable[[str], bool]) -> str:
        first, *rest = path.split(".")
        value = values[first]
        for name in rest:
            value = value[name] if isinstance(value, Mapping) else getattr(value, name)
        return self.escaped(str(value))


class EvaluatesValues(Naive):
    """Fill in until no placeholder is left."""

    def render(self, values: Mapping[str, Any], **options: Any) -> str:
        once = super().render(values, **options)
        self.source = once
        return super().render(values, **options)


class EscapesNothing(Naive):
    """Write values into HTML as they are."""

    def escaped(self, text: str) -> str:
        return text


class ForgetsQuotes(Naive):
    """Escape what opens a tag, and no quotes."""

    def escaped(self, text: str) -> str:
        return html.escape(text, quote=False)


class RaisesKeyErrors(Naive):
    """Let the error of a missing key pass."""

    def written(self, path: str, values: Mapping[str, Any], blank: Callable[[str], bool]) -> str:
        return str(values[path])


class ChangesValues(Naive):
    """Write into the values."""

    def render(self, values: Mapping[str, Any], **options: Any) -> str:
        text = super().render(values, **options)
        values["rendered"] = True  # type: ignore[index]
        return text


class ForgetsPlaceholders(Naive):
    """Name placeholders as often as they occur."""

    @property
    def placeholders(self) -> tuple[str, ...]:
        return tuple(re.findall(r"\{\{ (\S+) \}\}", self.source))


class IgnoresBrokenSources(Naive):
    """Take a broken placeholder for text."""

    def compile(self, source: str, form: Form, *, line_breaks: bool = False) -> CompiledTemplate:
        self.source, self.form, self.line_breaks = source, form, line_breaks
        return self


CAUGHT: dict[type[Naive], tuple[str, ...]] = {
    FollowsAttributes: ("nothing_but_keys_and_indexes_is_looked_up",),
    EvaluatesValues: ("a_value_is_inert",),
    EscapesNothing: ("a_value_in_html_is_text",),
    ForgetsQuotes: ("a_value_stays_within_the_quotes_of_an_attribute",),
    RaisesKeyErrors: ("missing_values_are_reported",),
    ChangesValues: ("rendering_changes_no_value",),
    ForgetsPlaceholders: ("placeholders_come_once_and_in_order",),
    IgnoresBrokenSources: ("a_broken_source_is_refused_with_its_place",),
    Naive: (
        "missing_values_are_reported",
        "no_value_comes_where_it_would_run",
        "no_link_runs_something",
        "a_value_in_a_line_stays_on_the_line",
        "a_value_in_json_cannot_leave_its_text",
        "a_text_without_end_is_refused",
        "line_breaks_of_a_value_become_breaks_where_that_is_wanted",
    ),
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in CAUGHT.items() for name in names]
)
def test_a_wrong_engine_is_caught(kind: type[Naive], name: str) -> None:
    class Case(TemplateEngineContract):
        def make_engine(self) -> TemplateEngine:
            return kind()

    with pytest.raises((AssertionError, KeyError, json.JSONDecodeError)):
        getattr(Case(), f"test_{name}")()
