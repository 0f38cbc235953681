"""Requests out of a file with one on each line."""

import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

import orjson

from messaging_adapters.cli.usage import UsageError
from messaging_core.lazy import frozen
from messaging_core.models.common.violation import Violation

_MOST: Final = 1000  # lines in one chunk, which is one transaction
_HEAVIEST: Final = 4_000_000  # bytes in one chunk, whatever the lines hold
_NEEDED: Final = {"channel", "request"}
_NAMED: Final = {*_NEEDED, "note", "idempotencyKey"}
_OF_COLUMNS: Final = re.compile(r"/receiver/contacts/0(?![0-9])|/template/parameters/([0-9]+)")
_BOM: Final = b"\xef\xbb\xbf"


@frozen(kw_only=True)
class Line:
    """One request, and where it stands.

    Attributes:
        number: From 1.
        size: Bytes of the line.
        channel: The channel it names itself, or the one for those that name none.
        request: JSON, not yet looked at, or values already parsed.
        key: Its idempotency key, if it has one.
        fault: Why it cannot be sent, though nothing is known of the request.
        columns: Of a row: the names of the columns of its receiver and of its parameters.
    """

    number: int
    size: int
    channel: str | None
    request: bytes | Mapping[str, Any]
    note: str = ""
    key: str | None = None
    fault: Violation | None = None
    columns: Sequence[str] = ()

    def place(self, path: str) -> str:
        """Return the column that a place in the request comes from, or the place itself."""
        match = _OF_COLUMNS.match(path) if self.columns else None
        return self.columns[int(match[1] or -1) + 1] if match else path


@frozen(kw_only=True)
class Source:
    """An open file of requests.

    Attributes:
        name: As it stands before the number of a line.
        size: Bytes, where that is known.
    """

    name: str
    stream: BinaryIO
    size: int | None

    def lines(self, channel: str | None, first: int = 1) -> Iterator[Line]:
        """Yield each line that is not blank.

        Args:
            channel: For those that name none.
            first: Number of the first line to yield.

        Raises:
            UsageError: The file is something else, such as one JSON array.
        """
        is_first = True
        for number, raw in enumerate(self._raw_lines(), 1):
            text = raw.removeprefix(_BOM).strip() if number == 1 else raw.strip()
            if text:
                if is_first:
                    self._recognise(text)
                is_first = False
                if number >= first:
                    yield _line(number, len(raw), text, channel)

    def _raw_lines(self) -> Iterator[bytes]:
        try:
            yield from self.stream
        except OSError as error:  # a folder as standard input, or a disk that fails
            reason = error.strerror or type(error).__name__
            raise UsageError(f"{self.name}: the input cannot be read: {reason}") from error

    def chunks(
        self, channel: str | None, is_over: Callable[[], bool] = bool, first: int = 1
    ) -> Iterator[list[Line]]:
        """Yield the lines by the thousand, or fewer where they are long, until told to stop."""
        chunk: list[Line] = []
        weight = 0
        for line in self.lines(channel, first):
            chunk.append(line)
            weight += line.size
            if len(chunk) == _MOST or weight >= _HEAVIEST:
                yield chunk
                chunk, weight = [], 0
                if is_over():
                    return
        if chunk:
            yield chunk

    def _recognise(self, text: bytes) -> None:
        if text[:1] == b"[":
            remedy = f"convert it with: jq -c '.[]' {self.name}"
            raise UsageError(f"{self.name}: this is a JSON array, not one request a line; {remedy}")
        if text == b"{":
            remedy = f"put each on one line with: jq -c . {self.name}"
            raise UsageError(f"{self.name}: a request stands on several lines; {remedy}")


@contextmanager
def opened(name: str) -> Iterator[Source]:
    """Open a file of requests; `-` is standard input."""
    if name == "-":
        if sys.stdin.isatty():
            sys.stderr.write("messaging: reading requests, one a line; Ctrl-D ends them\n")
        yield Source(name="stdin", stream=sys.stdin.buffer, size=None)
        return
    with open(name, "rb") as stream:  # noqa: PTH123 - its errors name the file as it was typed
        status = os.fstat(stream.fileno())
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
        yield Source(name=name, stream=stream, size=size)


def _line(number: int, size: int, text: bytes, channel: str | None) -> Line:
    named = _named(text) if b'"request"' in text else None
    if named is None:
        return Line(number=number, size=size, channel=channel, request=text)
    return Line(
        number=number,
        size=size,
        channel=named["channel"],
        request=named["request"],
        note=str(named.get("note", "")),
        key=named.get("idempotencyKey"),
    )


def _named(text: bytes) -> dict[str, Any] | None:
    """Return the values of a line that names its channel, if it is one."""
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None  # the engine says what is wrong with it
    if not isinstance(values, dict) or not _NEEDED <= values.keys() <= _NAMED:
        return None
    is_named = isinstance(values["channel"], str) and isinstance(values["request"], dict)
    return values if is_named and isinstance(values.get("idempotencyKey", ""), str) else None
