"""Make a tree of a Handlebars source."""

from collections.abc import Iterator
from typing import Final

from attrs import define, field

from messaging_adapters.templates._handlebars_blanks import drop_blanks
from messaging_adapters.templates._handlebars_nodes import Block, Call, Literal, Node, Output, Text
from messaging_adapters.templates._handlebars_tags import Kind, Piece, pieces_of
from messaging_core.errors import TemplateSyntaxError
from messaging_core.templates.interpolation.parser import syntax_error

MAX_NESTING: Final = 30
"""Most blocks within one another; each `else if` of a chain counts."""


@define
class _Open:
    """A block that is not closed yet.

    Attributes:
        chain: Whether it is an `else if`, which ends where the block around it ends.
        past_else: What the tag began: the body of the block, or what stands there otherwise.
    """

    start: int
    call: Call
    inverted: bool = False
    chain: bool = False
    body: list[Node] = field(factory=list)
    otherwise: list[Node] = field(factory=list)
    past_else: bool = False

    @property
    def nodes(self) -> list[Node]:
        return self.otherwise if self.past_else else self.body

    def made(self) -> Block:
        parts = (tuple(self.body), tuple(self.otherwise))
        body, otherwise = reversed(parts) if self.inverted else parts
        return Block(self.call, body, otherwise, self.start)


def parse(source: str) -> tuple[Node, ...]:
    """Make a tree of a source.

    Raises:
        TemplateSyntaxError: It is broken, or nested too deep.
    """
    pieces = pieces_of(source)
    drop_blanks(pieces)
    tree = _Tree(source)
    for piece in pieces:
        tree.add(piece)
    return tree.finished()


def nodes_of(tree: tuple[Node, ...]) -> Iterator[Node]:
    """Yield all nodes, in the order of the source."""
    for node in tree:
        yield node
        if isinstance(node, Block):
            yield from nodes_of(node.body)
            yield from nodes_of(node.otherwise)


class _Tree:
    """Takes pieces in, and knows which blocks are open."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.root: list[Node] = []
        self.blocks: list[_Open] = []

    @property
    def nodes(self) -> list[Node]:
        return self.blocks[-1].nodes if self.blocks else self.root

    def add(self, piece: Piece) -> None:
        match piece.kind:
            case Kind.TEXT if piece.trimmed:
                self.nodes.append(Text(piece.trimmed))
            case Kind.OPEN | Kind.INVERTED if piece.call:
                self.open(piece, piece.call)
            case Kind.ELSE:
                self.otherwise(piece)
            case Kind.CLOSE if piece.call:
                self.close(piece, piece.call)
            case Kind.OUTPUT | Kind.RAW if piece.call:
                self.nodes.append(Output(piece.call, piece.kind is Kind.RAW, piece.start))

    def open(self, piece: Piece, call: Call, *, chain: bool = False) -> None:
        if len(self.blocks) >= MAX_NESTING:
            raise self.error(piece.start, f"more than {MAX_NESTING} blocks within one another")
        if isinstance(call.callee, Literal):
            raise self.error(piece.start, "a block has a name, such as if or each")
        self.blocks.append(_Open(piece.start, call, piece.kind is Kind.INVERTED, chain))

    def otherwise(self, piece: Piece) -> None:
        if not self.blocks:
            raise self.error(piece.start, "else without a block")
        if self.blocks[-1].past_else:
            raise self.error(piece.start, "a second else in one block")
        self.blocks[-1].past_else = True
        if piece.call:
            self.open(piece, piece.call, chain=True)

    def close(self, piece: Piece, call: Call) -> None:
        if not self.blocks:
            raise self.error(piece.start, "the end of a block that was not begun")
        while self.blocks[-1].chain:
            self.end_innermost()
        opened = _name(self.blocks[-1].call)
        if _name(call) != opened or not call.is_bare:
            raise self.error(piece.start, f"expected the end of {opened}")
        self.end_innermost()

    def end_innermost(self) -> None:
        block = self.blocks.pop().made()
        self.nodes.append(block)

    def finished(self) -> tuple[Node, ...]:
        if self.blocks:
            block = next(block for block in reversed(self.blocks) if not block.chain)
            raise self.error(block.start, f"the block {_name(block.call)} is not closed")
        return tuple(self.root)

    def error(self, start: int, reason: str) -> TemplateSyntaxError:
        return syntax_error(self.source, start, reason)


def _name(call: Call) -> str:
    return "" if isinstance(call.callee, Literal) else call.callee.text
