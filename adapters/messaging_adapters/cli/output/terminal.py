"""Texts that a terminal shows and does not obey, and output that cannot be written."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from messaging_core.errors import MessagingError

# C0 but the line break, DEL, C1, line separators, and what turns the direction of a text around:
# ALM, LRM, RLM, embeddings, overrides, isolates and the deprecated controls behind them.
_CONTROLS: Final = (
    "\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ud800-\udfff"
)
_UNSAFE: Final = re.compile(f"[{_CONTROLS}]")
_LATIN_1: Final = 0xFF
_BEYOND_ASCII: Final = re.compile("[^\x00-\x7e]")


class OutputError(MessagingError):
    """Report that results or remarks could not be written."""


def safe(text: str) -> str:
    """Return a text that the terminal shows and does not obey."""
    return _UNSAFE.sub(_code, text)


def safe_json(document: bytes, encoding: str) -> str:
    """Return the same JSON document without characters that a terminal would obey.

    Args:
        document: As `wire.encode` writes it: one line, control characters of C0 escaped.
        encoding: Of the stream; what it cannot say is escaped as JSON does.
    """
    is_utf = encoding.lower().startswith("utf")
    pattern = _UNSAFE if is_utf else _BEYOND_ASCII
    return pattern.sub(_json_code, document.decode())


@contextmanager
def written(stream: TextIO) -> Iterator[None]:
    """Say of an error inside the block that it is one of output.

    Raises:
        BrokenPipeError: The reader went away, which is no fault.
        OutputError: The stream cannot be written to; its cause is the error of the system.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "standard error" if stream is sys.stderr else "standard output"
        reason = error.strerror or type(error).__name__
        raise OutputError(
            f"{name} cannot be written: {reason}; make room or send it elsewhere"
        ) from error


def _code(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code <= _LATIN_1 else f"\\u{code:04x}"


def _json_code(match: re.Match[str]) -> str:
    # The library leaves DEL as it is.
    return "\\u007f" if match[0] == "\x7f" else json.dumps(match[0])[1:-1]
