"""Find what is wrong with a Handlebars tree before it is rendered, and the values that it takes."""

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import evolve, field, frozen

from messaging_adapters.templates._handlebars_helpers import HELPERS, Helper
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
from messaging_adapters.templates._handlebars_parser import nodes_of
from messaging_core.errors import TemplateSyntaxError
from messaging_core.templates.interpolation.html import Context, contexts, unsafe_place
from messaging_core.templates.interpolation.parser import syntax_error

_LOOP: Final = Helper(lambda: None)
_CONDITION: Final = Helper(lambda: None, options=frozenset({"includeZero"}))
BLOCKS: Final[Mapping[str, Helper]] = {
    "if": _CONDITION,
    "unless": _CONDITION,
    "each": _LOOP,
    "with": _LOOP,
}
"""What begins a block, beside paths and helpers that answer yes or no."""


def name_of(call: Call) -> str:
    """Return the name of a helper or block, or nothing if it can only be a path."""
    return call.callee.keys[0] if isinstance(call.callee, Path) and call.callee.is_name else ""


def helper_of(call: Call) -> Helper | None:
    """Return the helper that a call means; a name alone is one only if it needs no argument."""
    helper = HELPERS.get(name_of(call))
    return None if helper is None or (call.is_bare and helper.least) else helper


def check(source: str, tree: tuple[Node, ...], *, has_clock: bool) -> None:
    """Refuse unknown helpers and wrong arguments, with their places.

    Raises:
        TemplateSyntaxError: Something is wrong.
    """
    checker = _Checker(source, has_clock)
    for node in nodes_of(tree):
        if isinstance(node, Output):
            checker.call(node.call)
        elif isinstance(node, Block):
            checker.block(node.call)


def check_places(source: str, tree: tuple[Node, ...]) -> None:
    """Refuse values where no escaping makes them safe; branches are read one after another.

    Rendering asks again, of the text that was really written; here the author learns it earlier.
    """
    nodes = [node for node in nodes_of(tree) if isinstance(node, Text | Output)]
    outputs = [node for node in nodes if isinstance(node, Output)]
    pieces = (node.text if isinstance(node, Text) else None for node in nodes)
    for output, context in zip(outputs, contexts(pieces), strict=True):
        if context is Context.UNSAFE and not output.is_raw:
            raise syntax_error(source, output.start, unsafe_place().message)


@frozen
class _Checker:
    source: str
    has_clock: bool

    def call(self, call: Call) -> None:
        if isinstance(call.callee, Literal):
            raise self.error(call, "expected a path or a helper, not a literal")
        if name_of(call) in BLOCKS and not call.is_bare:
            raise self.error(call, f"{name_of(call)} begins a block: write {{{{#{name_of(call)}")
        helper = helper_of(call)
        if helper is not None:
            self.arguments(call, helper)
        elif not call.is_bare:
            self.refuse_unknown(call)

    def block(self, call: Call) -> None:
        name = name_of(call)
        if block := BLOCKS.get(name):
            self.arguments(call, block)
        elif not call.is_bare:
            helper = HELPERS.get(name)
            if helper is None:
                self.refuse_unknown(call)
            elif not helper.answers:
                raise self.error(call, f"{name} begins no block: write {{{{{name} …}}}}")
            else:
                self.arguments(call, helper)

    def expression(self, expression: Expression) -> None:
        if isinstance(expression, Call):
            if helper_of(expression) is None:
                self.refuse_unknown(expression)
            self.call(expression)

    def arguments(self, call: Call, helper: Helper) -> None:
        name, count = name_of(call), len(call.params)
        if not helper.least <= count <= helper.most:
            most = f" to {helper.most}" if helper.most > helper.least else ""
            reason = f"{name} takes {helper.least}{most} values, not {count}"
            raise self.error(call, reason)
        for option in call.options:
            if option not in helper.options:
                raise self.error(call, f"{name} takes no {option}")
        if name == "dateNow" and not self.has_clock:
            reason = "dateNow needs a clock: make the engine with clock=SystemClock()"
            raise self.error(call, reason)
        for expression in (*call.params, *call.options.values()):
            self.expression(expression)

    def refuse_unknown(self, call: Call) -> None:
        text = call.callee.text if isinstance(call.callee, Path) else "a literal"
        known = ", ".join(sorted(HELPERS))
        raise self.error(call, f"{text} is no helper; there are: {known}")

    def error(self, call: Call, reason: str) -> TemplateSyntaxError:
        return syntax_error(self.source, call.offset, reason)


@frozen
class _Place:
    """Where in the values a part of a source begins its paths.

    Attributes:
        keys: What leads there from the root.
        is_item: Whether it is one of several, which no path names.
        up: What `../` leads to.
        names: Where the names of `as |item|` lead.
    """

    keys: tuple[str, ...] = ()
    is_item: bool = False
    up: "_Place | None" = None
    names: Mapping[str, "_Place"] = field(factory=dict)


def placeholders_of(tree: tuple[Node, ...]) -> tuple[str, ...]:
    """Return the paths of the values that a source takes, up to where one depends on another."""
    paths = (place.keys for place in _places(tree, _Place()) if place.keys)
    return tuple(dict.fromkeys(map(".".join, paths)))


def _places(tree: tuple[Node, ...], here: _Place) -> Iterator[_Place]:
    for node in tree:
        if isinstance(node, Output):
            yield from _places_of(node.call, here)
        elif isinstance(node, Block):
            yield from _places_of(node.call, here)
            yield from _places(node.body, _inside(node.call, here))
            yield from _places(node.otherwise, here)


def _places_of(expression: Expression, here: _Place) -> Iterator[_Place]:
    if isinstance(expression, Call):
        if helper_of(expression) is None and expression.is_bare:
            yield from _places_of(expression.callee, here)
        for argument in (*expression.params, *expression.options.values()):
            yield from _places_of(argument, here)
    elif isinstance(expression, Path) and (place := _place(expression, here)):
        yield place


def _place(path: Path, here: _Place) -> _Place | None:
    keys = path.keys
    if path.is_data:
        return _Place(keys[1:]) if keys[:1] == ("root",) else None
    start: _Place | None = here
    if not (path.up or path.is_scoped) and keys[0] in here.names:
        start, keys = here.names[keys[0]], keys[1:]
    for _ in range(path.up):
        start = start and start.up
    if start is None or start.is_item or not keys:
        return start
    return _Place((*start.keys, *keys))


def _inside(call: Call, here: _Place) -> _Place:
    """Return where the paths in the body of a block begin."""
    name = name_of(call)
    is_section = call.is_bare and name not in BLOCKS
    argument = call.callee if is_section else call.params[0]
    if not (is_section or name in {"each", "with"}) or not isinstance(argument, Path):
        return here
    place = _place(argument, here)
    if place is None or (name == "with" and place == here):
        return here
    is_item = name != "with" or place.is_item
    inner = evolve(place, is_item=is_item, up=here, names=here.names)
    names = dict(zip(call.names, (evolve(inner, up=None), _Place(is_item=True)), strict=False))
    return evolve(inner, names={**here.names, **names})
