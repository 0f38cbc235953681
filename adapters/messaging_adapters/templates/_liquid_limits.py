"""Bound what reading and rendering a Liquid template take, whatever its author writes."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import update_wrapper
from typing import Any, Final

from liquid.context import RenderContext
from liquid.exceptions import ResourceLimitError
from liquid.filter import with_context

from messaging_core.errors import TemplateSyntaxError
from messaging_core.lazy import frozen
from messaging_core.templates.interpolation.parser import syntax_error

MAX_TAGS: Final = 2_500
"""Most outputs and tags of a source."""
MAX_TAG_LENGTH: Final = 10_000
"""Most characters of one output or tag."""
MAX_LOGIC: Final = 50_000
"""Most characters of all outputs and tags of a source together."""
MAX_STEPS: Final = 100_000
"""Most turns of a loop times what a source has to do in each."""
MAX_WORK: Final = 20_000_000
"""Most characters and items that go through filters in one rendering, and what writing takes."""
NODE: Final = 400
"""What writing one text or value takes, in characters: 50,000 are as much as a second allows."""

_CALL: Final = 50  # what a call of a filter costs, in characters
_LONGEST_NUMBER: Final = 4096  # bits
_MOST_COMPARED: Final = 1_000  # of a list, each item with each
_OPEN: Final = re.compile(r"\{[{%]")
_NAME: Final = re.compile(r"\{%-?\s*+(#|\w*+)")
_VERBATIM: Final = re.compile(r"\{%-?\s*+(raw|doc)\s*+-?%\}")
_VERBATIM_ENDS: Final = {
    name: re.compile(rf"\{{%-?\s*+end{name}\s*+-?%\}}") for name in ("raw", "doc")
}
# Liquid's grammar tries each place of a run of blanks with each other.
_BLANKS: Final = re.compile(r"\s{61}")


@frozen
class Piece:
    """One output or tag; `name` is empty for an output."""

    start: int
    end: int
    name: str
    text: str

    @property
    def is_output(self) -> bool:
        """Return whether it is `{{ … }}`."""
        return self.text.startswith("{{")


def pieces_of(source: str) -> list[Piece]:
    """Find the outputs and tags of a source, in time that grows with its length.

    Raises:
        TemplateSyntaxError: One is not closed, or there are too many or too long ones: Liquid
            itself would take long to find that out.
    """
    pieces = list(_pieces(source))
    if sum(len(piece.text) for piece in pieces) > MAX_LOGIC:
        reason = f"all outputs and tags together have more than {MAX_LOGIC} characters: shorten it"
        raise TemplateSyntaxError(reason, 1, 1)
    return pieces


def _pieces(source: str) -> Iterator[Piece]:
    place = count = 0
    while match := _OPEN.search(source, place):
        start = match.start()
        count += 1
        if count > MAX_TAGS:
            raise syntax_error(source, start, f"more than {MAX_TAGS} outputs and tags: split it")
        piece = _piece(source, start)
        yield piece
        place = piece.end
        if verbatim := _VERBATIM.fullmatch(piece.text):
            end = _VERBATIM_ENDS[verbatim[1]].search(source, place)
            if end is None:
                raise syntax_error(source, start, f"{verbatim[1]} is not closed: write its end")
            place = end.end()


def _piece(source: str, start: int) -> Piece:
    close = "}}" if source[start + 1] == "{" else "%}"
    end = source.find(close, start + 2, start + MAX_TAG_LENGTH)
    if end < 0:
        if source.find(close, start + 2) < 0:
            raise syntax_error(source, start, f"not closed: expected {close}")
        reason = f"longer than {MAX_TAG_LENGTH} characters: shorten it"
        raise syntax_error(source, start, reason)
    text = source[start : end + 2]
    if _BLANKS.search(text):
        raise syntax_error(source, start, "more than 60 blanks in a row: remove some")
    name = _NAME.match(text)
    return Piece(start, end + 2, name[1] if name else "", text)


def most_turns(pieces: list[Piece]) -> int:
    """Return how many turns loops may take where each does all that a source does."""
    weight = len(pieces) + sum(len(piece.text) for piece in pieces) // 20
    return MAX_STEPS // max(1, weight)


def bounded(filters: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Return filters that refuse values that would take too long or too much room."""
    return {name: _bounded(name, call) for name, call in filters.items()}


def _bounded(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    takes_context = getattr(call, "with_context", False)

    def apply(value: Any, *args: Any, context: RenderContext, **kwargs: Any) -> Any:
        if takes_context:
            kwargs["context"] = context
        given = (value, *args)
        spend(context, _CALL + sum(map(_size, given)) + _size_beforehand(name, given))
        result = call(value, *args, **kwargs)
        spend(context, _size(result))
        return result

    update_wrapper(apply, call)
    return with_context(apply)


def spend(context: Any, work: int = NODE) -> None:
    """Count what a rendering does, and stop it where it does too much."""
    context.work += work
    if context.work > MAX_WORK:
        raise ResourceLimitError("the template does too much for these values", token=None)


def _size(value: Any) -> int:
    if isinstance(value, int) and value.bit_length() > _LONGEST_NUMBER:
        raise ResourceLimitError("a number has too many digits", token=None)
    return len(value) if isinstance(value, str | list | tuple | range | dict) else 1


def _size_beforehand(name: str, given: tuple[Any, ...]) -> int:
    """Return the size of a result that grows with the product of what is given."""
    value, other = given[0], str(given[1]) if len(given) > 1 else ""
    if name == "replace":
        new = str(given[2]) if len(given) > 2 else ""  # noqa: PLR2004 - what, and by what
        return str(value).count(other) * len(new)
    if name == "join" and isinstance(value, list | tuple):
        return sum(len(item) if isinstance(item, str) else 1 for item in value) + (
            len(value) * len(other)
        )
    if name == "uniq" and isinstance(value, list | tuple) and len(value) > _MOST_COMPARED:
        reason = f"a list of more than {_MOST_COMPARED} items cannot be made unique"
        raise ResourceLimitError(reason, token=None)
    return 0
