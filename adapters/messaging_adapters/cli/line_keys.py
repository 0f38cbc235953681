"""Idempotency keys of the lines of a file, so that an interrupted file can be sent again."""

import hashlib
import os
from collections.abc import Callable
from typing import Any, Final

import orjson
from attrs import evolve

from messaging_adapters.cli.request_lines import Line
from messaging_adapters.cli.usage import UsageError
from messaging_core.models.common.violation import Violation

LINE: Final = "line"
"""Makes keys of the lines themselves."""

Keying = Callable[[Line], Line]
"""Gives a line its key; one that has its own keeps it."""


def keying(choice: str | None, file: str) -> Keying:
    """Return what gives lines their keys.

    Args:
        choice: `line`, a JSON pointer into the request, or nothing.
        file: Name of the file; the same line of another file is another message.

    Raises:
        UsageError: The choice is none of these.
    """
    if choice is None:
        return lambda line: line
    if choice == LINE:
        name = os.path.basename(file)  # noqa: PTH119 - `-` and pipes are names too
        return lambda line: line if line.key else evolve(line, key=_of_line(name, line))
    if not choice.startswith("/"):
        raise UsageError(
            f"--idempotency-key is {LINE}, or a JSON pointer into the request such as /reference,"
            f" not {choice!r}"
        )
    return lambda line: line if line.key else _of_field(choice, line)


def _of_line(name: str, line: Line) -> str:
    """Return the key of what stands at a place: a line that was edited is another message."""
    request = line.request if isinstance(line.request, bytes) else orjson.dumps(line.request)
    place = f"{name}\0{line.number}\0{line.channel}\0".encode("utf-8", "surrogateescape")
    return f"line:{hashlib.sha256(place + request).hexdigest()}"


def _of_field(pointer: str, line: Line) -> Line:
    try:
        request = orjson.loads(line.request) if isinstance(line.request, bytes) else line.request
    except orjson.JSONDecodeError:
        return line  # the engine says what is wrong with it
    value = _value_at(request, pointer)
    if isinstance(value, str) and value:
        return evolve(line, key=value)
    if type(value) is int:
        return evolve(line, key=str(value))
    message = "there is no text here to make an idempotency key of"
    return evolve(line, fault=Violation(pointer, "idempotency.invalid_key", message))


def _value_at(value: Any, pointer: str) -> Any:
    """Return what a JSON pointer (RFC 6901) names, or nothing."""
    for part in pointer[1:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value
