"""Templates of Handlebars, as the Mia-Platform Messaging Service writes them."""

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any

from attrs import define, field

from messaging_core.arguments import checked, optional, part, whole
from messaging_core.errors import MissingDependencyError, TemplateValueError
from messaging_core.models.content.template_project import Form
from messaging_core.ports.clock import Clock
from messaging_core.ports.templates import CompiledTemplate, TemplateEngine, never
from messaging_core.templates.interpolation.html import check_rendered_html

try:
    from messaging_adapters.templates._handlebars_checks import (
        check,
        check_places,
        placeholders_of,
    )
    from messaging_adapters.templates._handlebars_helpers import Surroundings
    from messaging_adapters.templates._handlebars_nodes import Node
    from messaging_adapters.templates._handlebars_output import WRITERS
    from messaging_adapters.templates._handlebars_parser import parse
    from messaging_adapters.templates._handlebars_render import Rendering
    from messaging_adapters.templates._plain_values import plain_object
except ImportError as error:
    raise MissingDependencyError("babel", "handlebars") from error

_A_CLOCK = part("a clock", "now", remedy="write clock=SystemClock(), or leave it out")


class HandlebarsEngine(TemplateEngine):
    """Render Handlebars: its blocks, and the helpers that templates of messages use.

    In HTML, values are escaped for their place, and `{{{ }}}` leaves them as they are; in other
    forms nothing is escaped for HTML. In JSON they stand within quotes, or are whole values. A
    value that is written and missing is reported, unless the template leaves its place empty, as
    those of Mia-Platform do; a condition counts it as false. There are no partial templates, no
    decorators and no raw blocks.

    Attributes:
        clock: Tells `dateNow` the time. Without one, templates that use it are refused, and
            rendering again gives the same text.
        output_limit: Most characters of the result.
    """

    name = "handlebars"

    @checked(clock=optional(_A_CLOCK), output_limit=whole(1))
    def __init__(self, *, clock: Clock | None = None, output_limit: int = 2_000_000) -> None:
        self.clock = clock
        self.output_limit = output_limit
        self._compile = lru_cache(maxsize=256)(self._compile_source)

    def compile(
        self, source: str, form: Form, *, line_breaks: bool = False
    ) -> "_HandlebarsTemplate":
        """Compile a source, or find it among those compiled last."""
        return self._compile(source, form, line_breaks)

    def _compile_source(
        self,
        source: str,
        form: Form,
        line_breaks: bool,  # noqa: FBT001 - private
    ) -> "_HandlebarsTemplate":
        tree = parse(source)
        check(source, tree, has_clock=self.clock is not None)
        if form is Form.HTML:
            check_places(source, tree)
        placeholders = placeholders_of(tree)
        return _HandlebarsTemplate(
            source, tree, form, placeholders, line_breaks, self.output_limit, self.clock
        )


@define(eq=False)
class _HandlebarsTemplate(CompiledTemplate):
    """A compiled source."""

    source: str = field(repr=False)
    tree: tuple[Node, ...] = field(repr=False)
    form: Form
    placeholders: tuple[str, ...]
    line_breaks: bool
    output_limit: int
    clock: Clock | None = field(repr=False)

    def render(
        self,
        values: Mapping[str, Any],
        *,
        locale: str = "",
        blank: Callable[[str], bool] = never,
    ) -> str:
        """Fill the values in."""
        writer = WRITERS[self.form](self.output_limit, self.line_breaks)
        around = Surroundings(locale, cache(self.clock.now) if self.clock else _no_time)
        text = Rendering(self.source, plain_object(values), writer, around, blank).run(self.tree)
        if self.form is Form.HTML and (violations := check_rendered_html(text)):
            raise TemplateValueError(violations)
        return text


def _no_time() -> Any:
    raise NotImplementedError  # a source that asks for the time is not compiled
