"""Read what stands within the braces of a Handlebars tag."""

import re
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from messaging_adapters.templates._handlebars_nodes import LITERALS, Call, Expression, Literal, Path
from messaging_core.templates.interpolation.parser import syntax_error
from messaging_core.templates.interpolation.paths import ABSENT

MAX_DEPTH: Final = 30
"""Most parentheses within one another."""
MAX_TAG_LENGTH: Final = 10_000
"""Most characters of one tag."""

_MAX_DIGITS: Final = 15  # what a number of JavaScript represents exactly
_END: Final = r"(?=[=~}\s/.)\]|])"
_TOKEN: Final = re.compile(
    rf"""(?P<blank>\s+)
    |(?P<text>"(?:\\"|[^"])*"|'(?:\\'|[^'])*')
    |(?P<number>-?[0-9]+(?:\.[0-9]+)?{_END})
    |(?P<literal>(?:true|false|null|undefined){_END})
    |(?P<names>as\s+\|)
    |(?P<name>[^\s!"\#%-,./;->@\[-^`{{-~]+)
    |(?P<segment>\[(?:\\\]|[^\]])*\])
    |(?P<up>\.\.)
    |(?P<here>\.{_END})
    |(?P<sign>[./()@|=])""",
    re.VERBOSE,
)
_CLOSE: Final = {False: re.compile(r"~?\}\}"), True: re.compile(r"\}~?\}\}")}
_PARTS: Final = ("name", "segment", "number", "literal", "up", "here")


@frozen
class _Token:
    kind: str
    text: str
    start: int
    end: int


def read_tag(source: str, start: int, inner: int, *, is_raw: bool = False) -> tuple[Call, int]:
    """Read a tag up to its closing braces; return what it holds, and where the braces begin.

    Args:
        source: The whole source.
        start: Where the tag begins.
        inner: Where its content begins.
        is_raw: Whether three braces close it.

    Raises:
        TemplateSyntaxError: It is broken, or not closed.
    """
    tokens, end = _tokens(source, start, inner, is_raw=is_raw)
    return _Reader(source, tokens, end).tag(), end


def _tokens(source: str, start: int, inner: int, *, is_raw: bool) -> tuple[list[_Token], int]:
    tokens = []
    place = inner
    limit = min(len(source), start + MAX_TAG_LENGTH)
    while not _CLOSE[is_raw].match(source, place):
        match = _TOKEN.match(source, place, limit)
        if match is None:
            raise syntax_error(source, start if place >= limit else place, _broken(source, place))
        if match.lastgroup != "blank":
            tokens.append(_Token(str(match.lastgroup), match[0], match.start(), match.end()))
        place = match.end()
    return tokens, place


def _broken(source: str, place: int) -> str:
    if place >= len(source):
        return "a tag without its closing braces"
    if source[place] in "\"'":
        return "a text without its closing quote"
    if source[place] in "{}":
        return "expected the closing braces of the tag"
    return f"a sign that has no meaning here, or a tag of more than {MAX_TAG_LENGTH} characters"


class _Reader:
    """Reads the tokens of one tag, each once."""

    def __init__(self, source: str, tokens: list[_Token], end: int) -> None:
        self.source = source
        self.tokens = tokens
        self.end = end
        self.place = 0

    def tag(self) -> Call:
        call = self.call(0)
        if token := self.peek():
            raise syntax_error(self.source, token.start, "expected the end of the tag")
        return call

    def peek(self, ahead: int = 0) -> _Token | None:
        index = self.place + ahead
        return self.tokens[index] if index < len(self.tokens) else None

    def is_sign(self, sign: str, ahead: int = 0) -> bool:
        token = self.peek(ahead)
        return token is not None and token.kind == "sign" and token.text == sign

    def is_kind(self, *kinds: str) -> bool:
        token = self.peek()
        return token is not None and token.kind in kinds

    def take(self, expected: str) -> _Token:
        token = self.peek()
        if token is None:
            raise syntax_error(self.source, self.end, f"expected {expected}")
        self.place += 1
        return token

    def call(self, depth: int) -> Call:
        callee = self.operand(depth)
        if isinstance(callee, Call):
            raise syntax_error(self.source, callee.offset, "a helper has a name, no parentheses")
        params: list[Expression] = []
        options: dict[str, Expression] = {}
        while self.peek() and not (self.is_sign(")") or self.is_kind("names")):
            if self.is_kind("name") and self.is_sign("=", 1):
                name = self.take("a name").text
                self.place += 1
                options[name] = self.operand(depth)
            elif options:
                break
            else:
                params.append(self.operand(depth))
        return Call(callee, tuple(params), options, tuple(self.block_names()))

    def block_names(self) -> Iterator[str]:
        if not self.is_kind("names"):
            return
        self.place += 1
        while not self.is_sign("|"):
            if not self.is_kind("name"):
                raise syntax_error(self.source, self._offset(), "expected a name or |")
            yield self.take("a name").text
        self.place += 1

    def operand(self, depth: int) -> Expression:
        if self.is_sign("("):
            return self.parenthesis(depth)
        if self.is_kind("text"):
            token = self.take("a text")
            quote = token.text[0]
            return Literal(token.text[1:-1].replace(f"\\{quote}", quote), token.start)
        if self.is_kind("number") and not self.is_sign(".", 1):
            return self.number()
        if self.is_kind("literal") and not (self.is_sign(".", 1) or self.is_sign("=", 1)):
            token = self.take("a literal")
            return Literal(LITERALS.get(token.text, ABSENT), token.start)
        return self.path()

    def number(self) -> Literal:
        token = self.take("a number")
        if len(token.text) > _MAX_DIGITS:
            reason = f"a number has at most {_MAX_DIGITS} characters"
            raise syntax_error(self.source, token.start, reason)
        value = float(token.text) if "." in token.text else int(token.text)
        return Literal(value, token.start)

    def parenthesis(self, depth: int) -> Call:
        opening = self.take("(")
        if depth >= MAX_DEPTH:
            reason = f"more than {MAX_DEPTH} parentheses within one another"
            raise syntax_error(self.source, opening.start, reason)
        call = self.call(depth + 1)
        if not self.is_sign(")"):
            raise syntax_error(self.source, self._offset(), "expected )")
        self.place += 1
        return call

    def path(self) -> Path:
        start = self._offset()
        is_data = self.is_sign("@")
        if is_data:
            self.place += 1
        up, is_scoped = 0, False
        keys: list[str] = []
        while self.is_kind(*_PARTS):
            token = self.take("a name")
            if token.kind in {"up", "here"} or token.text == "this":
                self._check_first(token, keys)
                up, is_scoped = up + (token.kind == "up"), True
            else:
                keys += self._keys(token)
            if not (self.is_sign(".") or self.is_sign("/")):
                break
            self.place += 1
            if not self.is_kind(*_PARTS):
                raise syntax_error(self.source, self._offset(), "expected a name in the path")
        if not (keys or is_scoped):
            raise syntax_error(self.source, start, "expected a path such as user.name")
        text = self.source[start : self.tokens[self.place - 1].end]
        return Path(text, tuple(keys), start, up, is_data, is_scoped)

    def _check_first(self, token: _Token, keys: list[str]) -> None:
        if keys:
            reason = f"{token.text} stands at the beginning of a path"
            raise syntax_error(self.source, token.start, reason)

    def _keys(self, token: _Token) -> list[str]:
        if token.kind == "segment":
            return [token.text[1:-1].replace("\\]", "]")]
        return token.text.split(".") if token.kind == "number" else [token.text]

    def _offset(self) -> int:
        token = self.peek()
        return token.start if token else self.end
