"""What a Handlebars source consists of."""

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

LITERALS: Final[Mapping[str, Any]] = {"true": True, "false": False, "null": None}


@frozen
class Literal:
    """A text, a number, `true`, `false`, `null` or `undefined`."""

    value: Any
    offset: int


@frozen
class Path:
    """What leads to a value.

    Attributes:
        text: As it is written.
        keys: Keys and indexes, after what says where to begin.
        up: How often `../` is written.
        is_data: Whether it begins with `@`.
        is_scoped: Whether it begins with `this` or `./`, so that it names no helper.
    """

    text: str
    keys: tuple[str, ...]
    offset: int
    up: int = 0
    is_data: bool = False
    is_scoped: bool = False

    @property
    def is_name(self) -> bool:
        """Return whether it may name a helper."""
        return len(self.keys) == 1 and not (self.up or self.is_data or self.is_scoped)


@frozen
class Call:
    """What stands in a tag or in parentheses: a helper with arguments, or a path alone."""

    callee: Path | Literal
    params: tuple["Expression", ...] = ()
    options: Mapping[str, "Expression"] = field(factory=dict)
    names: tuple[str, ...] = ()  # of `as |item index|`

    @property
    def is_bare(self) -> bool:
        """Return whether it has no arguments."""
        return not (self.params or self.options)

    @property
    def offset(self) -> int:
        """Return where it begins in the source."""
        return self.callee.offset


Expression = Literal | Path | Call


@frozen
class Text:
    """Literal text."""

    text: str


@frozen
class Output:
    """A value that is written.

    Attributes:
        is_raw: Whether it is written as it is, unescaped.
        start: Where its tag begins in the source.
    """

    call: Call
    is_raw: bool
    start: int


@frozen
class Block:
    """A part of a source that is written once, often or not at all."""

    call: Call
    body: tuple["Node", ...]
    otherwise: tuple["Node", ...]
    start: int


Node = Text | Output | Block
