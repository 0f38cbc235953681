"""Render a Handlebars tree, within limits."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from attrs import define, evolve, field, frozen

from messaging_adapters.templates._handlebars_checks import BLOCKS, helper_of, name_of
from messaging_adapters.templates._handlebars_helpers import Helper, Surroundings
from messaging_adapters.templates._handlebars_nodes import (
    Block,
    Call,
    Expression,
    Literal,
    Node,
    Output,
    Path,
    Text,
)
from messaging_adapters.templates._handlebars_output import Writer, too_large
from messaging_adapters.templates._handlebars_values import (
    UnfitValueError,
    is_empty,
    is_missing,
    is_same,
    is_truthy,
    member,
)
from messaging_core.errors import TemplateValueError
from messaging_core.models.common.violation import Violation
from messaging_core.templates.interpolation.parser import syntax_error
from messaging_core.templates.interpolation.paths import ABSENT
from messaging_core.wire.parsing.faults import pointer

MAX_WORK: Final = 20_000_000
"""Most characters and items that one rendering reads and writes."""
NODE: Final = 400
"""What writing one text or value takes, in characters."""

_MOST_REPORTED: Final = 100


@frozen
class Scope:
    """Where a part of a template looks its paths up.

    Attributes:
        value: What `this` means.
        path: What leads there from the root.
        up: What `../` leads to.
        data: What `@index` and its like mean, of this loop first.
        names: What the names of `as |item|` mean, each with what leads there.
    """

    value: Any
    path: tuple[str, ...] = ()
    up: "Scope | None" = None
    data: tuple[Mapping[str, Any], ...] = ()
    names: Mapping[str, tuple[Any, tuple[str, ...]]] = field(factory=dict)


Located = tuple[Any, tuple[str, ...]]
"""A value, and what leads there from the root."""


@define(eq=False)
class Rendering:
    """One rendering of one tree.

    Attributes:
        missing: Violations by path.
    """

    source: str
    root: Any
    writer: Writer
    around: Surroundings
    blank: Callable[[str], bool]
    work: int = 0
    missing: dict[tuple[str, ...], Violation] = field(factory=dict)

    def run(self, tree: tuple[Node, ...]) -> str:
        """Render.

        Raises:
            TemplateValueError: With every value that is missing, or with what is of no use.
        """
        self._write(tree, Scope(self.root))
        if self.missing:
            raise TemplateValueError(tuple(self.missing.values()))
        return self.writer.result()

    def spend(self, work: int = NODE) -> None:
        """Count what a rendering does, and stop it where it does too much."""
        self.work += work
        if self.work > MAX_WORK:
            raise too_large("the template does too much for these values")

    def _write(self, tree: tuple[Node, ...], scope: Scope) -> None:
        for node in tree:
            self.spend()
            if isinstance(node, Text):
                self.writer.literal(node.text)
            elif isinstance(node, Output):
                self._output(node, scope)
            else:
                self._block(node, scope)

    def _output(self, node: Output, scope: Scope) -> None:
        value, path = self._evaluate(node.call, scope)
        if is_missing(value):
            self._report(path)
            self.writer.blank(is_raw=node.is_raw)
            return
        self.spend(_size(value))
        if not self.writer.value(value, is_raw=node.is_raw):
            name = ".".join(path) or "this"
            message = f"{name} is no text, number or date: name a part of it"
            raise TemplateValueError((Violation(_pointer(path), "template.not_writable", message),))

    def _block(self, node: Block, scope: Scope) -> None:
        name = name_of(node.call)
        if name in {"if", "unless"}:
            self._write(node.body if self._holds(node.call, scope) else node.otherwise, scope)
        elif name not in BLOCKS and not node.call.is_bare:
            value, _ = self._evaluate(node.call, scope)
            self._write(node.body if is_truthy(value) else node.otherwise, scope)
        else:
            self._inner(node, name, scope)

    def _holds(self, call: Call, scope: Scope) -> bool:
        value, _ = self._evaluate(call.params[0], scope)
        holds = not is_empty(value)
        if "includeZero" in call.options and value == 0 and not isinstance(value, bool):
            holds = is_truthy(self._evaluate(call.options["includeZero"], scope)[0])
        return holds is (name_of(call) == "if")

    def _inner(self, node: Block, name: str, scope: Scope) -> None:
        """Write a body with other values for `this`, as often as there are some."""
        is_section = name not in BLOCKS
        argument = node.call.callee if is_section else node.call.params[0]
        value, path = self._evaluate(argument, scope)
        if name == "each" or (is_section and isinstance(value, list)):
            self._loop(node, (value, path), scope)
        elif is_section and value is True:
            self._write(node.body, scope)
        elif _is_nothing(value, is_section=is_section):
            self._write(node.otherwise, scope)
        else:
            inner = _inner(scope, value, path)
            self._write(node.body, _named(inner, node.call.names, ((value, path),)))

    def _loop(self, node: Block, located: Located, scope: Scope) -> None:
        value, path = located
        items = list(_items(value))
        if not items:
            self._write(node.otherwise, scope)
        last = len(items) - 1
        for index, (key, item) in enumerate(items):
            self.spend()
            data = {"key": key, "index": index, "first": index == 0, "last": index == last}
            way = (*path, str(key))
            inner = evolve(_inner(scope, item, way), data=(data, *scope.data))
            names = ((item, way), (key, ()))
            self._write(node.body, _named(inner, node.call.names, names))

    def _evaluate(self, expression: Expression, scope: Scope) -> Located:
        if isinstance(expression, Literal):
            return expression.value, ()
        if isinstance(expression, Path):
            return self._find(expression, scope)
        helper = helper_of(expression)
        if helper is None:
            return self._evaluate(expression.callee, scope)
        return self._call(expression, helper, scope)

    def _call(self, call: Call, helper: Helper, scope: Scope) -> Located:
        self.spend()
        params = [self._evaluate(param, scope) for param in call.params]
        options = {name: self._evaluate(value, scope)[0] for name, value in call.options.items()}
        path = params[0][1] if params else ()
        missing = [way for value, way in params if is_missing(value)]
        if missing and not helper.takes_missing:
            for way in missing:
                self._report(way)
            return ABSENT, missing[0]
        values = [value for value, _ in params]
        self._spend_on(call, (*values, *options.values()))
        try:
            return helper.call(self.around, *values, **options), path
        except UnfitValueError as error:
            raise self._unfit(call, str(error)) from error

    def _spend_on(self, call: Call, values: tuple[Any, ...]) -> None:
        self.spend(sum(map(_size, values)))
        if name_of(call) == "join" and len(values) > 1 and isinstance(values[0], list):
            self.spend(len(values[0]) * _size(values[1]))

    def _unfit(self, call: Call, reason: str) -> TemplateValueError:
        place = syntax_error(self.source, call.offset, reason)
        message = f"line {place.line}, column {place.column}: {name_of(call)}: {reason}"
        return TemplateValueError((Violation("", "template.not_writable", message),))

    def _find(self, path: Path, scope: Scope) -> Located:
        start, keys = self._start(path, scope)
        if start is None:
            return ABSENT, keys
        value, way = start
        for key in keys:
            value = member(value, key)
        return value, (*way, *keys)

    def _start(self, path: Path, scope: Scope) -> tuple[Located | None, tuple[str, ...]]:
        """Return where a path begins, and the keys that lead on from there."""
        keys = path.keys
        if path.is_data:
            return self._data(path, scope)
        if not (path.up or path.is_scoped) and keys[0] in scope.names:
            return scope.names[keys[0]], keys[1:]
        place: Scope | None = scope
        for _ in range(path.up):
            place = place and place.up
        return (place.value, place.path) if place else None, keys

    def _data(self, path: Path, scope: Scope) -> tuple[Located | None, tuple[str, ...]]:
        name, *rest = path.keys or ("",)
        if name == "root":
            return (self.root, ()), tuple(rest)
        data = scope.data[path.up] if path.up < len(scope.data) else {}
        return (data.get(name, ABSENT), (f"@{name}",)), tuple(rest)

    def _report(self, path: tuple[str, ...]) -> None:
        """Note that a value is missing, unless its place may stay empty."""
        name = ".".join(path)
        if not name or path in self.missing or self.blank(name):
            return
        self.missing[path] = Violation(
            _pointer(path), "template.missing_variable", f"{name} has no value"
        )
        if len(self.missing) >= _MOST_REPORTED:
            raise TemplateValueError(tuple(self.missing.values()))


def _pointer(path: tuple[str, ...]) -> str:
    text = ""
    for key in path:
        text = pointer(text, key)
    return text


def _inner(scope: Scope, value: Any, path: tuple[str, ...]) -> Scope:
    """Return the scope of a body; a body with the same `this` as around it adds none for `../`."""
    if is_same(value, scope.value):
        return evolve(scope, path=path)
    return evolve(scope, value=value, path=path, up=scope)


def _named(scope: Scope, names: tuple[str, ...], values: tuple[Located, ...]) -> Scope:
    """Return a scope with the names of `as |item index|`."""
    if not names:
        return scope
    return evolve(scope, names={**scope.names, **dict(zip(names, values, strict=False))})


def _is_nothing(value: Any, *, is_section: bool) -> bool:
    if is_section:
        return is_missing(value) or value is False
    return is_empty(value) and not (value == 0 and not isinstance(value, bool))


def _items(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _size(value: Any) -> int:
    """Return how much there is to read or write of a value."""
    if isinstance(value, list):
        return sum(map(_size, value)) + len(value)
    if isinstance(value, Mapping):
        return sum(map(_size, value.values())) + len(value)
    return len(value) if isinstance(value, str) else 1
