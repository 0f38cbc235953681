"""Rows of a CSV file, each with the number of its line; one that cannot be read stops no other."""

import csv
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from messaging_adapters.cli.usage import UsageError
from messaging_core.lazy import frozen

_DELIMITERS: Final = ",;\t|"
_BOM: Final = b"\xef\xbb\xbf"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_OPTION: Final = "with --encoding, such as --encoding cp1252"


@frozen(kw_only=True)
class Row:
    """One row.

    Attributes:
        number: Of its first line, from 1.
        size: Bytes of its lines.
        values: One for each column, as far as it could be read.
        fault: Why it could not be read.
    """

    number: int
    size: int
    values: Sequence[str]
    fault: str = ""


def rows_of(name: str, lines: Iterator[bytes], encoding: str) -> Iterator[Row]:
    """Yield the rows of a file that are not blank; the first one names the columns.

    The delimiter is what the first line has most of: comma, semicolon, tab or bar.

    Args:
        name: Of the file, for errors.
        lines: Of the file.
        encoding: Of the file; a mark of UTF-8 is passed over.

    Raises:
        UsageError: The file has another encoding, or the encoding does not exist.
    """
    first = next(lines, b"")
    if first.startswith(_UTF_16):
        raise UsageError(f"{name}: the file is UTF-16: save it as UTF-8, or as CSV UTF-8 in Excel")
    rows = _Rows(chain([first.removeprefix(_BOM)], lines), check_encoding(encoding))
    delimiter = max(_DELIMITERS, key=first.decode("latin-1").count)
    return rows.read(delimiter)


def check_encoding(name: str) -> str:
    """Return an encoding whose line breaks are those of ASCII.

    Raises:
        UsageError: It is none.
    """
    try:
        if "\r\n".encode(name) == b"\r\n":
            return name
    except LookupError:  # also for encodings of bytes, such as base64
        pass
    raise UsageError(f"--encoding is utf-8, cp1252, latin-1 or the like, not {name!r}")


class _Rows:
    """The rows of some lines, and how many bytes of them were read."""

    def __init__(self, lines: Iterator[bytes], encoding: str) -> None:
        self._lines = lines
        self._encoding = encoding
        self._size = 0

    def read(self, delimiter: str) -> Iterator[Row]:
        reader = csv.reader(self._texts(), delimiter=delimiter, strict=True)
        while True:
            number, before, fault = reader.line_num + 1, self._size, ""
            values: list[str] | None = []
            try:
                values = next(reader, None)
            except csv.Error as error:  # the next call begins with the next line
                fault = _fault_of(error, number, reader.line_num)
            if values is None:
                return
            if fault or any(value.strip() for value in values):
                fault = fault or self._undecoded(values)
                yield Row(number=number, size=self._size - before, values=values, fault=fault)

    def _texts(self) -> Iterator[str]:
        for line in self._lines:
            self._size += len(line)
            yield line.decode(self._encoding, "surrogateescape")

    def _undecoded(self, values: Sequence[str]) -> str:
        """Return what to say of a row with bytes that the encoding does not have."""
        try:
            "".join(values).encode()
        except UnicodeEncodeError:  # a byte that could not be decoded
            return f"not {self._encoding}: save the file as UTF-8, or name its encoding {_OPTION}"
        return ""


def _fault_of(error: csv.Error, first: int, last: int) -> str:
    """Return what is wrong with some lines, in words of spreadsheets rather than of the library."""
    reason = str(error)
    if last > first:  # only within quotes does a row go on after its line
        also = ", or text follows a closed one" if "expected after" in reason else ""
        return f"lines {first} to {last}: a quote is not closed{also}; none of these lines was read"
    if "field limit" in reason or "end of data" in reason:
        return "a quote is not closed, or a value has more than 131,072 characters"
    if "expected after" in reason:
        return 'text follows a closed quote; inside quotes write "" for one'
    return f"the row cannot be read: {reason}"
