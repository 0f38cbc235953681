"""Small wrong changes to a module, one at a time: what a mutation test plants."""

import ast
from collections.abc import Callable, Iterator

from attrs import frozen

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
}


@frozen
class Mutant:
    """One change of one module.

    Args:
        index: Its place among all changes of the module.
        line: The line that it changes.
        lines: The lines of the statement around it, without those of its body.
        function: The qualified name of the function around it, or `<module>`.
        before: The expression as it is.
        after: The expression as it becomes.
    """

    index: int
    line: int
    lines: range
    function: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.function}: {self.before} -> {self.after}"


@frozen
class _Change:
    node: ast.AST
    lines: range
    function: str
    apply: Callable[[], None]


def mutants(source: str) -> list[Mutant]:
    """List every change that can be made to a module."""
    changes = list(_changes(ast.parse(source)))
    return [_described(index, change) for index, change in enumerate(changes)]


def mutated(source: str, index: int) -> ast.Module:
    """Return the module with one change made."""
    tree = ast.parse(source)
    list(_changes(tree))[index].apply()
    return ast.fix_missing_locations(tree)


def _described(index: int, change: _Change) -> Mutant:
    node = change.node
    before, line = _shown(node), _line_of(node)
    fields = {
        name: list(value) if isinstance(value, list) else value
        for name, value in vars(node).items()
    }
    change.apply()
    after = _shown(node)
    vars(node).update(fields)
    return Mutant(index, line, change.lines, change.function, before, after)


def _line_of(node: ast.AST) -> int:
    if isinstance(node, ast.comprehension):
        node = node.target
    return int((node.pattern if isinstance(node, ast.match_case) else node).lineno)  # type: ignore[attr-defined]


def _shown(node: ast.AST) -> str:
    """Write a node in one line: of a statement only its condition."""
    if isinstance(node, ast.If | ast.While):
        return f"if {ast.unparse(node.test)}"
    return ast.unparse(node).strip()


def _changes(tree: ast.Module) -> Iterator[_Change]:
    yield from _changes_below(tree, "<module>", range(0))


def _changes_below(node: ast.AST, function: str, lines: range) -> Iterator[_Change]:
    for child in _code_of(node):
        name = _inner_name(child, function)
        lines_of_child = _header_of(child) or lines
        for apply in _changes_of(child):
            yield _Change(child, lines_of_child, name, apply)
        yield from _changes_below(child, name, lines_of_child)


def _header_of(node: ast.AST) -> range | None:
    """Return the lines of a statement, without those of the statements in it."""
    if not isinstance(node, ast.stmt | ast.match_case | ast.ExceptHandler):
        return None
    body = getattr(node, "cases", None) or getattr(node, "body", None)
    first = _line_of(node)
    return range(first, max(first, _line_of(body[0]) - 1 if body else node.end_lineno) + 1)  # type: ignore[union-attr]


def _inner_name(node: ast.AST, outer: str) -> str:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return outer
    return node.name if outer == "<module>" else f"{outer}.{node.name}"


def _code_of(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the children that decide something.

    Annotations, caches and texts of errors decide nothing, nor does `zip(strict=...)`, which is
    written where the lengths are equal.
    """
    skipped = {
        id(child)
        for name in ("annotation", "returns", "type_params")
        if isinstance(child := getattr(node, name, None), ast.AST)
    }
    skipped |= {id(decorator) for decorator in getattr(node, "decorator_list", ())}
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.keyword) and node.arg == "strict"):
        return
    for child in ast.iter_child_nodes(node):
        if id(child) not in skipped:
            yield child


def _changes_of(node: ast.AST) -> Iterator[Callable[[], None]]:
    match node:
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                if other := _COMPARISONS.get(type(operator)):
                    yield lambda place=place, other=other: node.ops.__setitem__(place, other())
        case ast.BoolOp():
            other_op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield lambda: setattr(node, "op", other_op)
        case ast.BinOp() if other_arithmetic := _ARITHMETIC.get(type(node.op)):
            if not _joins_texts(node):
                yield lambda: setattr(node, "op", other_arithmetic())
        case ast.If() | ast.While() | ast.IfExp() if not isinstance(node.test, ast.Compare):
            yield lambda: setattr(node, "test", ast.UnaryOp(ast.Not(), node.test))
        case ast.comprehension() if node.ifs and not isinstance(node.ifs[0], ast.Compare):
            yield lambda: node.ifs.__setitem__(0, ast.UnaryOp(ast.Not(), node.ifs[0]))
        case ast.Constant(value=bool() | int() as value):
            other_value = not value if isinstance(value, bool) else value + 1
            yield lambda: setattr(node, "value", other_value)


def _joins_texts(node: ast.BinOp) -> bool:
    return any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str | bytes))
        for side in (node.left, node.right)
    )
