"""Tell where in plain text a placeholder stands in the query of a web address."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from messaging_core.lazy import pattern
from messaging_core.templates.interpolation.html import QueryScanner

# What begins an address; one that a value begins goes on with a path or a query.
_BEGIN: Final = pattern(
    r"(?<![a-z0-9+.-])(?:[a-z][a-z0-9+.-]*+://|mailto:)", re.ASCII | re.IGNORECASE
)
_GOES_ON: Final = pattern(r"(?:/[^\s?]*)?\?[^\s=?]+=")
_ENDS: Final = pattern(r"[\s<>\"]")
_LONGEST: Final = 8192


class TextScanner:
    """Follow plain text as far as is needed to know whether a value of a query is reached.

    It is where a web address is written before, without a blank, up to the `=` of a parameter. An
    address may begin with a placeholder: `{{ page }}?id={{ id }}`.
    """

    def __init__(self) -> None:
        self.pending: list[str] = []  # literal text that is not looked at yet
        self.query: QueryScanner | None = None
        self.after_value = False

    def feed(self, text: str) -> None:
        """Take in literal text."""
        self.pending.append(text)

    def is_query_value(self) -> bool:
        """Return whether a value would stand in a query now, and take it as written."""
        self._read("".join(self.pending))
        self.pending.clear()
        self.after_value = True
        return self.query is not None and self.query.in_value

    def _read(self, text: str) -> None:
        run = _last_run(text)
        is_whole = len(run) == len(text)
        if self.query is None or not is_whole:
            goes_on = is_whole and self.after_value and _GOES_ON.match(run)
            self.query = QueryScanner() if _BEGIN.search(run) or goes_on else None
        if self.query is not None:
            self.query.feed(run)


def query_values(pieces: Iterable[str | None]) -> Iterator[bool]:
    """Tell of each placeholder, `None` between literal texts, whether it is a query's value."""
    scanner = TextScanner()
    for piece in pieces:
        if piece is None:
            yield scanner.is_query_value()
        else:
            scanner.feed(piece)


def _last_run(piece: str) -> str:
    """Return what stands behind the last blank of a text."""
    end = piece[-_LONGEST:]
    place = 0
    for match in _ENDS.finditer(end):
        place = match.end()
    return end[place:]
