"""Templates with conditions and loops, and with numbers, money and dates by language."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from io import StringIO
from itertools import takewhile
from math import prod
from typing import Any, Final, TextIO

from attrs import define, field

from messaging_core.errors import (
    MissingDependencyError,
    TemplateError,
    TemplateSyntaxError,
    TemplateValueError,
)
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.template_project import Form
from messaging_core.ports.templates import CompiledTemplate, TemplateEngine, never
from messaging_core.templates.interpolation.formatting import (
    as_json,
    as_json_text,
    as_line,
)
from messaging_core.templates.interpolation.html import (
    Context,
    check_rendered_html,
    contexts,
    unsafe_place,
)
from messaging_core.templates.interpolation.parser import syntax_error
from messaging_core.templates.interpolation.paths import ABSENT, find, place, pointer_of

try:
    from liquid import BoundTemplate, Environment
    from liquid.builtin.output import Output, OutputNode
    from liquid.context import RenderContext
    from liquid.exceptions import (
        LiquidError,
        LoopIterationLimitError,
        ResourceLimitError,
        UndefinedError,
    )
    from liquid.static_analysis import TemplateAnalysis
    from liquid.stringify import to_liquid_string
    from liquid.undefined import FalsyStrictUndefined, is_undefined
    from liquid.utils import ReadOnlyChainMap

    from messaging_adapters.templates import _liquid_filters as filters
    from messaging_adapters.templates import _liquid_limits as limits
    from messaging_adapters.templates import _liquid_output as output
    from messaging_adapters.templates._plain_values import plain_object
except ImportError as error:
    raise MissingDependencyError("python-liquid", "liquid") from error

_UNDEFINED_NAME: Final = re.compile(r"^'?([^' ]*)'? is undefined$")
_WITH_FILES: Final = ("include", "render")
# What writes values into JSON past the output that escapes them.
_UNESCAPED: Final = ("echo", "cycle", "liquid", "tablerow")
# Tags that write something themselves; `liquid` holds others, one a line.
_WRITING: Final = frozenset({"echo", "cycle", "increment", "decrement", "tablerow", "ifchanged"})
_WRITING_LINE: Final = re.compile(rf"^\s*(?:{'|'.join(sorted(_WRITING))})\b", re.MULTILINE)
# What Liquid and its filters raise about sources and values they cannot work with.
_TROUBLE: Final = (
    LiquidError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class _Undefined(FalsyStrictUndefined):
    """Report a missing value where it is written; in conditions it counts as false."""

    __slots__ = ()


class _Context(RenderContext):
    """Look up keys and indexes and nothing else, without the clock that Liquid has built in."""

    __slots__ = ("work",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.work = 0
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        return _buffer(self.env, buf)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        super().raise_for_loop_limit(length)
        turns = prod((loop.length for loop in self.loops), start=length)
        if turns > getattr(self.template, "most_turns", turns):
            raise LoopIterationLimitError("loop iteration limit reached", token=None)


class _Template(BoundTemplate):
    """A template whose values are looked up in a context of ours."""

    context_class = _Context
    most_turns: int

    def _get_buffer(self) -> StringIO:
        return _buffer(self.env, None)


def _buffer(env: Environment, outer: TextIO | None) -> StringIO:
    form = getattr(env, "form", Form.TEXT)
    is_text = form in {Form.TEXT, Form.LINE}
    limit = env.output_stream_limit or 0
    return output.buffer_within(outer, limit, is_html=form is Form.HTML, is_text=is_text)


class _Environment(Environment):
    """Liquid without files, with its limits on."""

    template_class = _Template
    context_depth_limit = 30
    block_nesting_limit = 30
    form = Form.TEXT


class _WholeJson(str):
    """A JSON value that is written as it is."""

    __slots__ = ()


def _json(value: Any) -> _WholeJson:
    if is_undefined(value):
        str(value)
    return _WholeJson(as_json(value))


class _JsonOutputNode(OutputNode):
    """Write a value within the quotes of a JSON text, or as a whole JSON value."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        limits.spend(context)
        value = self.expression.evaluate(context)
        output.check_size(value, context)
        if not isinstance(value, _WholeJson):
            value = as_json_text(to_liquid_string(value, autoescape=False))
        return buffer.write(value or "")


class _JsonOutput(Output):
    """Parse an output of JSON."""

    node_class = _JsonOutputNode


class LiquidEngine(TemplateEngine):
    """Render Liquid with limits: turns of loops, length of the result, size of what is assigned.

    In HTML values are escaped, and so is what `append` and other filters make of them; in JSON
    they stand within quotes, or are whole values by the filter `json`. Filters
    beside Liquid's own: `number`, `money`, `percent`, `date`, `time` and `datetime`, in the
    language of the content. There are no partial templates, and no `now`: a template must give
    the same text whenever it is rendered.

    Attributes:
        loop_limit: Most turns of all loops around one place together.
        output_limit: Most octets of the result.
        variable_limit: Most octets of what `assign` and `capture` keep.
    """

    name = "liquid"

    def __init__(
        self,
        *,
        loop_limit: int = 10_000,
        output_limit: int = 2_000_000,
        variable_limit: int = 1_000_000,
    ) -> None:
        kind = type(
            "LimitedEnvironment",
            (_Environment,),
            {
                "loop_iteration_limit": loop_limit,
                "output_stream_limit": output_limit,
                "local_namespace_limit": variable_limit,
            },
        )
        self._environments = {form: _prepared(kind, form) for form in Form}
        self._compile = lru_cache(maxsize=256)(self._compile_source)

    def compile(
        self,
        source: str,
        form: Form,
        *,
        line_breaks: bool = False,
    ) -> CompiledTemplate:
        """Compile a source; line breaks become `<br/>` with the filter `newline_to_br`."""
        del line_breaks  # the template's own choice, value by value
        return self._compile(source, form)

    def _compile_source(self, source: str, form: Form) -> "_LiquidTemplate":
        pieces = limits.pieces_of(source)
        if form is Form.HTML:
            _check_html(source, pieces)
        try:
            template = self._environments[form].from_string(source)
            setattr(template, "most_turns", limits.most_turns(pieces))  # noqa: B010 - it is ours
            analysis = template.analyze(include_partials=False)
        except _TROUBLE as error:
            raise _syntax_error(error) from error
        _check_filters(source, analysis, template.env.filters)
        names = [
            _name(variable.segments) for group in analysis.globals.values() for variable in group
        ]
        placeholders = tuple(name for name in dict.fromkeys(names) if name != "locale")
        return _LiquidTemplate(template, form, placeholders)


@define(eq=False)
class _LiquidTemplate(CompiledTemplate):
    """A compiled source."""

    template: BoundTemplate = field(repr=False)
    form: Form
    placeholders: tuple[str, ...]

    def render(
        self,
        values: Mapping[str, Any],
        *,
        locale: str = "",
        blank: Callable[[str], bool] = never,
    ) -> str:
        """Fill the values in."""
        plain = {**plain_object(values), "locale": locale}
        for name in self.placeholders:
            if blank(name) and find(plain, name) is ABSENT:
                place(plain, name, None)
        try:
            text = str(self.template.render(plain))
        except _TROUBLE as error:
            raise _value_error(error, self.placeholders) from error
        if self.form is Form.HTML and (violations := check_rendered_html(text)):
            raise TemplateValueError(violations)
        return (as_line(text) or "") if self.form is Form.LINE else text


def _prepared(kind: type[_Environment], form: Form) -> _Environment:
    is_html, is_json = form is Form.HTML, form is Form.JSON
    environment = kind(autoescape=is_html, undefined=_Undefined, strict_filters=True)
    for tag in (*_WITH_FILES, *(_UNESCAPED if is_json else ())):
        environment.tags.pop(tag)
    environment.filters.pop("safe")  # values are never trusted
    environment.filters.update(filters.FILTERS)
    environment.filters["url_encode"] = output.url_encode
    environment.filters["strip_html"] = filters.strip_html
    environment.add_tag(output.Content)
    if is_json:
        environment.add_tag(_JsonOutput)
        environment.add_filter("json", _json)
    else:
        environment.add_tag(output.Value)
        environment.add_tag(output.Echo)
    environment.filters.update(limits.bounded(environment.filters))
    environment.form = form
    return environment


def _check_html(source: str, pieces: Sequence[limits.Piece]) -> None:
    """Refuse outputs where no escaping makes a value safe; branches are read one after another.

    Rendering asks again, of the text that was really written; here the author learns it earlier.
    """
    texts: list[str | None] = []
    offsets: list[int] = []
    done = 0
    for piece in pieces:
        texts.append(source[done : piece.start])
        done = piece.end
        if _writes(piece):
            texts.append(None)
            offsets.append(piece.start)
    for offset, context in zip(offsets, contexts(texts), strict=True):
        if context is Context.UNSAFE:
            raise syntax_error(source, offset, unsafe_place().message)


def _writes(piece: limits.Piece) -> bool:
    if piece.name == "liquid":
        return _WRITING_LINE.search(piece.text.partition("liquid")[2]) is not None
    return piece.is_output or piece.name in _WRITING


def _check_filters(source: str, analysis: TemplateAnalysis, registry: Mapping[str, Any]) -> None:
    for name, spans in analysis.filters.items():
        if name not in registry:
            raise syntax_error(source, max(0, spans[0].index), f"unknown filter {name!r}")


def _name(segments: Sequence[Any]) -> str:
    """Return the path of a variable, up to where it depends on another."""
    steps = takewhile(lambda segment: isinstance(segment, str | int), segments)
    return ".".join(map(str, steps))


def _syntax_error(error: Exception) -> TemplateSyntaxError:
    place = error.context() if isinstance(error, LiquidError) else None
    reason = str(error.args[0]) if error.args else "blocks are nested too deep"
    return TemplateSyntaxError(reason, place[0] if place else 1, place[1] + 1 if place else 1)


def _value_error(error: Exception, placeholders: Sequence[str]) -> TemplateError:
    """Say what is wrong without quoting values: they may be addresses or content."""
    if isinstance(error, ResourceLimitError):
        reason = str(error.args[0])
        return TemplateValueError((Violation("", "template.too_large", reason),))
    if isinstance(error, output.UnsafePlaceError):
        return TemplateValueError((unsafe_place(),))
    position = error.context() if isinstance(error, LiquidError) else None
    where = f"line {position[0]}, column {position[1] + 1}: " if position else ""
    if isinstance(error, UndefinedError):
        name = _UNDEFINED_NAME.sub(r"\1", str(error.args[0])).replace("[", ".").replace("]", "")
        placeholder = name if name in placeholders else name.partition(".")[0]
        message = f"{where}{placeholder} has no value"
        path = pointer_of(placeholder)
        return TemplateValueError((Violation(path, "template.missing_variable", message),))
    reason = error.reason if isinstance(error, filters.UnfitValueError) else "a value is of no use"
    return TemplateValueError((Violation("", "template.not_writable", f"{where}{reason}"),))
