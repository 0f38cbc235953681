"""Webhook requests of files, and what may come in their place."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from messaging_core.ports.http import HttpRequest

RUBBISH: Final = (
    *("", " ", "x", "=", "é", "\ud800", "a.b", "a.b.c", "..", "v1", "v1,!!!,x", "v1,é", "0", "-1"),
    *("1e400", "9" * 400, "x" * 100_000, "Bearer", "Bearer x", "Bearer a.b.c", "Bearer é.é.é"),
)
"""Texts that a stranger may put into a header."""

UNREADABLE: Final = (
    *(b"", b" ", b"null", b"[]", b"[1]", b"{}", b"{", b'"x"', b"7", b"\x00", b"\xff\xfe", b"a=1"),
    *(b"a", b"=", b"&&", b"%zz=%", b"<x/>", b"[" * 5000, b'{"a":' * 5000, b'{"a":1e999}'),
)
"""Bodies that are of no form."""

SIGNATURE_SIZE: Final = 20
"""The fewest characters of a signature; what is shorter is compared for other reasons."""

_ODD_VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    7,
    -1.5,
    10**18,
    "",
    "x" * 5000,
    [],
    [{}],
    {},
    {"a": []},
    "\x00",
)


class WatchedText(str):
    """A text that notices when it is compared with another one of some length."""

    __slots__ = ()
    compared = False

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str) and len(other) >= SIGNATURE_SIZE:
            WatchedText.compared = True
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def read_fixture(path: Path) -> HttpRequest:
    """Return the request of a file: method and URL, headers, an empty line, and the body.

    The line break at the end of the file is none of the body.
    """
    head, _, body = path.read_bytes().partition(b"\n\n")
    first, *lines = head.decode().splitlines()
    method, _, url = first.partition(" ")
    headers = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return HttpRequest(method=method, url=url, headers=headers, body=body.removesuffix(b"\n"))


def disfigured(body: bytes) -> Iterator[bytes]:
    """Yield JSON documents in which one value is another, and forms in which one field is gone."""
    try:
        document = json.loads(body)
    except ValueError:
        fields = body.split(b"&")
        for index in range(len(fields)):
            yield b"&".join(fields[:index] + fields[index + 1 :])
            yield b"&".join([*fields, fields[index] + b"0"])
        return
    random = Random(7)  # noqa: S311 - the same documents each time
    for path, genuine in _places(document):
        for value in (*random.sample(_ODD_VALUES, 3), *_without_offset(genuine)):
            yield json.dumps(_with(document, path, value)).encode()


def with_field(body: bytes, name: str, text: str | None) -> bytes:
    """Return a JSON object or a form in which a field has another text, or is gone.

    In JSON the field is looked for in objects within the object, too.
    """
    try:
        document = json.loads(body)
    except ValueError:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        changed = [(key, text if key == name else value) for key, value in pairs]
        left = [(key, value) for key, value in changed if value is not None]
        return urlencode(left, errors="replace").encode()
    return json.dumps(_replaced(document, name, text)).encode()


def _replaced(value: Any, name: str, text: str | None) -> Any:
    if isinstance(value, list):
        return [_replaced(item, name, text) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: text if key == name else _replaced(item, name, text)
        for key, item in value.items()
        if key != name or text is not None
    }


def _without_offset(value: Any) -> Iterator[str]:
    """Yield an instant without its offset, as providers send it; nothing of another value."""
    if isinstance(value, str):
        with suppress(ValueError):
            yield datetime.fromisoformat(value).replace(tzinfo=None).isoformat()


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, value
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield from _places(item, (*path, key))


def _with(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = document.copy()
    changed[path[0]] = _with(document[path[0]], path[1:], value)
    return changed
