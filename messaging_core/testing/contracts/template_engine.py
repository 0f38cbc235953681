"""The contract of template engines: tests that the tests of every engine inherit."""
# ruff: noqa: S101, D102 - assert is how pytest asserts, and the names of tests are sentences

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from html.parser import HTMLParser
from typing import Any, Final

from messaging_core.errors import TemplateError, TemplateSyntaxError, TemplateValueError
from messaging_core.models.content.template_project import Form
from messaging_core.ports.templates import TemplateEngine
from messaging_core.testing.contracts.bounds import within

_HOSTILE: Final = "<script>alert('kerfuffle')</script>\"' onload=alert(1) &amp; {{ name }} ${name}"
_RUNS: Final = (
    *("javascript:kerfuffle", "JavaScript:kerfuffle", " java\nscript:kerfuffle"),
    *(
        "vbscript:kerfuffle",
        "data:text/html,<script>kerfuffle</script>",
        "\x01javascript:kerfuffle",
    ),
)
_RUNNING: Final = frozenset({"javascript", "vbscript", "data"})
_UNSAFE_PLACES: Final = (
    *("<script>let a = '{}'</script>", "<style>p {{ color: {} }}</style>"),
    *("<p onclick=\"go('{}')\">x</p>", "<p {}>x</p>", "<p class={}>x</p>", "<{}>x"),
)
_LONG: Final = 100_000
_TIMES: Final = 2_000


class TemplateEngineContract:
    """Inherit this in a test class, and say how your engine is made.

    ```python
    class TestMustache(TemplateEngineContract):
        def make_engine(self) -> TemplateEngine:
            return MustacheEngine()
    ```

    - `broken`: a source that is no template.
    - `reports_all`: False where rendering ends at the first value that is missing.
    - `breaks_lines`: False where the source itself says which line breaks become `<br/>`.
    - `patience`: seconds in which every call must end.
    """

    broken: str = "Hi {{ name"
    reports_all: bool = True
    breaks_lines: bool = True
    patience: float = 30.0

    def make_engine(self) -> TemplateEngine:
        """Return an engine."""
        raise NotImplementedError

    def place(self, path: str) -> str:
        """Return how a source takes the value at a path, such as `order.total`."""
        return f"{{{{ {path} }}}}"

    def expensive(self) -> str | None:
        """Return a source that loops or nests without a sensible end, if the language can."""
        return None

    def render(
        self, source: str, values: Mapping[str, Any], form: Form = Form.TEXT, **options: Any
    ) -> str:
        """Compile and render; fails if that does not end within `patience`."""
        line_breaks = options.pop("line_breaks", False)

        def rendered() -> str:
            template = self.make_engine().compile(source, form, line_breaks=line_breaks)
            return template.render(values, **options)

        return within(self.patience, rendered)

    def test_it_has_a_name(self) -> None:
        engine = self.make_engine()

        assert isinstance(engine.name, str)
        assert engine.name

    def test_values_are_filled_in(self) -> None:
        source = f"Hi {self.place('name')}, {self.place('order.total')} EUR"

        text = self.render(source, {"name": "Ada", "order": {"total": 7}})

        assert text == "Hi Ada, 7 EUR"

    def test_placeholders_come_once_and_in_order(self) -> None:
        source = " ".join(map(self.place, ("b", "order.total", "a", "b")))

        template = self.make_engine().compile(source, Form.TEXT)

        assert template.placeholders == ("b", "order.total", "a")

    def test_the_same_values_give_the_same_text_in_every_thread(self) -> None:
        source = f"{self.place('a')} {self.place('b')}"
        template = self.make_engine().compile(source, Form.HTML)
        values = [{"a": f"<{number}>", "b": number} for number in range(50)]
        expected = [template.render(value) for value in values]

        with ThreadPoolExecutor(8) as pool:
            texts = list(pool.map(template.render, values))

        assert texts == expected

    def test_rendering_changes_no_value(self) -> None:
        values = {"name": "<Ada>", "items": [{"b": 1}, {"a": [2]}]}
        before = deepcopy(values)

        self.render(self.place("name"), values, Form.HTML)

        assert values == before

    def test_a_value_is_inert(self) -> None:
        for value in (self.place("secret"), "{% raw %}", "${secret}", "%(secret)s", "{secret}"):
            assert self.render(self.place("a"), {"a": value, "secret": "kerfuffle"}) == value

    def test_nothing_but_keys_and_indexes_is_looked_up(self) -> None:
        for path in ("a.__class__", "a.upper", "a.__len__", "b.keys", "b.__init__.__globals__"):
            error = self._refused(self.place(path), {"a": "text", "b": {"key": 1}})

            assert isinstance(error, TemplateError), f"{path} led somewhere"

    def test_missing_values_are_reported(self) -> None:
        source = " ".join(map(self.place, ("a", "order.total", "b")))

        error = self._refused(source, {"a": 1, "order": {}})

        assert isinstance(error, TemplateValueError)
        paths = [violation.path for violation in error.violations]
        assert paths == (["/order/total", "/b"] if self.reports_all else ["/order/total"])

    def test_a_place_that_may_stay_empty_stays_empty(self) -> None:
        text = self.render(f"[{self.place('a')}]", {}, blank=lambda path: path == "a")

        assert text == "[]"

    def test_a_broken_source_is_refused_with_its_place(self) -> None:
        error = self._refused(self.broken, {"name": "Ada"})

        assert isinstance(error, TemplateSyntaxError)
        assert error.line >= 1
        assert error.column >= 1

    def test_a_value_in_html_is_text(self) -> None:
        html = self.render(f"<p>{self.place('a')}</p>", {"a": _HOSTILE}, Form.HTML)

        assert _tags(html) == ["p"]
        assert _text(html) == _HOSTILE

    def test_a_value_stays_within_the_quotes_of_an_attribute(self) -> None:
        for quote in "\"'":
            source = f"<p title={quote}{self.place('a')}{quote}>x</p>"
            html = self.render(source, {"a": _HOSTILE}, Form.HTML)

            assert _tags(html) == ["p"]
            assert _attributes(html) == {"title": _HOSTILE}

    def test_no_value_comes_where_it_would_run(self) -> None:
        for pattern in _UNSAFE_PLACES:
            source = pattern.replace("{{", "{").replace("}}", "}").replace("{}", self.place("a"))
            error = self._refused(source, {"a": "alert(1)"}, Form.HTML)

            assert isinstance(error, TemplateError), f"a value was written into {pattern}"

    def test_no_link_runs_something(self) -> None:
        source = f'<a href="{self.place("a")}">x</a>'
        for value in _RUNS:
            try:
                link = _attributes(self.render(source, {"a": value}, Form.HTML))["href"] or ""
            except TemplateError as error:
                assert "kerfuffle" not in str(error), "an error shows no value"  # noqa: PT017 - a kit needs no pytest
            else:
                scheme = re.sub(r"[\x00-\x20]", "", link).partition(":")[0].lower()
                assert scheme not in _RUNNING, f"a link became {value!r}"

    def test_a_link_to_a_page_is_written(self) -> None:
        source = f'<a href="{self.place("a")}">x</a>'

        html = self.render(source, {"a": "https://shop.example/?a=1"}, Form.HTML)

        assert _attributes(html) == {"href": "https://shop.example/?a=1"}

    def test_line_breaks_of_a_value_become_breaks_where_that_is_wanted(self) -> None:
        if not self.breaks_lines:
            return
        source = f"<p>{self.place('a')}</p>"

        with_breaks = self.render(source, {"a": "<one>\ntwo"}, Form.HTML, line_breaks=True)
        without = self.render(source, {"a": "<one>\ntwo"}, Form.HTML)

        assert _tags(with_breaks) == ["p", "br"]
        assert _tags(without) == ["p"]

    def test_a_value_in_a_line_stays_on_the_line(self) -> None:
        for value in ("a\r\nBcc: kerfuffle", "a\nb", "a\u2028b", "a\x0bb"):
            try:
                text = self.render(f"Subject {self.place('a')}", {"a": value}, Form.LINE)
            except TemplateValueError:
                continue
            assert len(text.splitlines()) == 1, "a line break would add a header"

    def test_a_value_in_json_cannot_leave_its_text(self) -> None:
        source = f'{{"title": "{self.place("a")}"}}'

        document = json.loads(self.render(source, {"a": '"}, "b": "\\\n\u2028'}, Form.JSON))

        assert document == {"title": '"}, "b": "\\\n\u2028'}

    def test_a_text_without_end_is_refused(self) -> None:
        source = self.place("a") * _TIMES

        error = self._refused(source, {"a": "x" * _LONG})

        assert isinstance(error, TemplateError), "bound the length of what is rendered"

    def test_a_source_that_is_expensive_is_refused(self) -> None:
        source = self.expensive()
        if source is not None:
            values = {"items": list(range(1000))}
            assert isinstance(self._refused(source, values), TemplateError)

    def _refused(
        self, source: str, values: Mapping[str, Any], form: Form = Form.TEXT
    ) -> TemplateError | None:
        try:
            self.render(source, values, form)
        except TemplateError as error:
            return error
        return None


class _Reader(HTMLParser):
    """Reads HTML as a browser does, far enough for these tests."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def _tags(html: str) -> list[str]:
    return _Reader(html).tags


def _attributes(html: str) -> dict[str, str | None]:
    return _Reader(html).attributes


def _text(html: str) -> str:
    return _Reader(html).text
