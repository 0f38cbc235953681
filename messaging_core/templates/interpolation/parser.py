"""Take a source apart into literal text and placeholders."""

from typing import Final

from attrs import field

from messaging_core.errors import TemplateSyntaxError
from messaging_core.lazy import frozen, pattern

MAX_PLACEHOLDERS: Final = 10_000
"""Most placeholders of a source."""
MAX_PATH_LENGTH: Final = 10_000
"""Most characters of a path in a placeholder."""

_OPEN: Final = "{{"
_PATH: Final = r"[\w-]+(?:\.[\w-]+)*"
_PLACEHOLDER: Final = pattern(
    rf"\{{\{{\{{\s*(?P<raw>{_PATH})\s*\}}\}}\}}|\{{\{{\s*(?P<safe>{_PATH})\s*\}}\}}"
)
_IS_PATH: Final = pattern(_PATH)


@frozen(kw_only=True)
class Placeholder:
    """Mark where a value goes.

    Attributes:
        name: The path as it is written, such as `order.items.0.name`.
        raw: Whether the value is written as it is, unescaped: `{{{ name }}}`.
        offset: Where it begins in the source.
    """

    name: str
    raw: bool = False
    offset: int = 0


@frozen
class Text:
    """Hold a source taken apart.

    Attributes:
        pieces: Literal texts and placeholders, in order; no two texts follow one another.
    """

    source: str = field(repr=False)
    pieces: tuple[str | Placeholder, ...] = field(repr=False)

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """Return the placeholders alone."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Placeholder))


def parse(source: str) -> Text:
    r"""Take a source apart.

    `{{ path }}` and `{{{ path }}}` are placeholders; a path is names of letters, digits, `_` and
    `-`, joined by dots, where a number picks out of a list. `\{{` is the two braces themselves.
    Everything else is literal text, closing braces included.

    Raises:
        TemplateSyntaxError: Two braces are opened and no placeholder follows; or there are too
            many placeholders, or one is too long.
    """
    pieces: list[str | Placeholder] = []
    literal: list[str] = []
    place = count = 0
    while (start := source.find(_OPEN, place)) >= 0:
        if start > place and source[start - 1] == "\\":
            literal += (source[place : start - 1], _OPEN)
            place = start + len(_OPEN)
            continue
        match = _PLACEHOLDER.match(source, start)
        if match is None:
            raise _broken(source, start)
        literal.append(source[place:start])
        _flush(literal, pieces)
        name = match["raw"] or match["safe"]
        count += 1
        if count > MAX_PLACEHOLDERS:
            raise syntax_error(source, start, f"more than {MAX_PLACEHOLDERS} placeholders")
        if len(name) > MAX_PATH_LENGTH:
            reason = f"a path has at most {MAX_PATH_LENGTH} characters, not {len(name)}"
            raise syntax_error(source, start, reason)
        pieces.append(Placeholder(name=name, raw=match["raw"] is not None, offset=start))
        place = match.end()
    literal.append(source[place:])
    _flush(literal, pieces)
    return Text(source, tuple(pieces))


def is_path(name: str) -> bool:
    """Return whether a name can stand in a placeholder."""
    return _IS_PATH.fullmatch(name) is not None


def syntax_error(source: str, offset: int, reason: str) -> TemplateSyntaxError:
    """Return an error with line and column of a place in a source."""
    line = source.count("\n", 0, offset) + 1
    return TemplateSyntaxError(reason, line, offset - source.rfind("\n", 0, offset))


def _flush(literal: list[str], pieces: list[str | Placeholder]) -> None:
    text = "".join(literal)
    if text:
        pieces.append(text)
    literal.clear()


def _broken(source: str, start: int) -> TemplateSyntaxError:
    end = source.find("}}", start)
    if end < 0:
        reason = r"a placeholder without its closing braces; for two literal braces write \{{"
    elif source[start:].lstrip("{ \t\r\n")[:1] in {"#", "/", "^", "!", ">", "&", "else"}:
        reason = "this engine only fills values in: for conditions and loops use another one"
    else:
        reason = (
            "a placeholder is a path of letters, digits, _, - and dots, such as {{ user.name }}"
        )
    return syntax_error(source, start, reason)
