"""Forms with a file, `multipart/form-data` (RFC 7578), as requests carry them."""

from collections.abc import Iterable
from itertools import count
from typing import Final

from attrs import field

from messaging_core.lazy import frozen

_LINE: Final = "\r\n"


@frozen(kw_only=True)
class Form:
    """The body of a request, and the type to announce it with."""

    content_type: str
    body: bytes = field(repr=False)


def form_with_file(
    fields: Iterable[tuple[str, str]], *, name: str, file: bytes, content_type: str, seed: str
) -> Form:
    """Return a form of fields and one file, the same bytes at every call.

    Args:
        fields: Names and values, in their order; a name may come several times.
        name: Of the field with the file, and of the file: servers drop a file without a name.
        file: Its content.
        content_type: Its type.
        seed: Letters and digits that make the boundary.
    """
    parts = [_part(f'name="{field_name}"', value.encode()) for field_name, value in fields]
    parts.append(_part(f'name="{name}"; filename="{name}"', file, content_type))
    boundary = _boundary(parts, seed)
    start = f"--{boundary}{_LINE}".encode()
    body = b"".join(start + part for part in parts) + f"--{boundary}--{_LINE}".encode()
    return Form(content_type=f"multipart/form-data; boundary={boundary}", body=body)


def _part(parameters: str, content: bytes, content_type: str | None = None) -> bytes:
    lines = [f"Content-Disposition: form-data; {parameters}"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    return _LINE.join([*lines, "", ""]).encode() + content + _LINE.encode()


def _boundary(parts: Iterable[bytes], seed: str) -> str:
    """Return a boundary that occurs in none of the parts."""
    content = b"".join(parts)
    candidates = (f"form-{seed}-{number}" for number in count())
    return next(candidate for candidate in candidates if candidate.encode() not in content)
