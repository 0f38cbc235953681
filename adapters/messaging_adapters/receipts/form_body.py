"""Read forms of providers, with files or without (RFC 7578, and the URL standard)."""

import base64
import re
from collections.abc import Iterator, Mapping
from email.message import Message
from email.parser import HeaderParser
from email.policy import compat32
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from attrs import field

from messaging_adapters.mail.parts import ANY_TYPE
from messaging_core.errors import UnreadableRequestError
from messaging_core.lazy import frozen
from messaging_core.models.content.body import Attachment
from messaging_core.ports.http import HttpRequest

_MOST_FIELDS: Final = 1000
_BOUNDARY: Final = re.compile(r"[ -~]{0,69}[!-~]")  # RFC 2046 §5.1.1, read generously
_BREAK: Final = b"\r\n"
_HEAD_END: Final = b"\r\n\r\n"


@frozen(kw_only=True)
class FormFile:
    """One file of a form."""

    name: str = field(repr=False)
    content_type: str
    content: bytes = field(repr=False)


@frozen(kw_only=True)
class FormBody:
    """A form, of each name the last value.

    Attributes:
        fields: Texts, read as UTF-8.
        files: By the names of their fields.
        contents: The fields as bytes, for other charsets.
    """

    fields: Mapping[str, str] = field(repr=False)
    files: Mapping[str, FormFile] = field(repr=False)
    contents: Mapping[str, bytes] = field(factory=dict, repr=False)


def is_json(request: HttpRequest) -> bool:
    """Tell whether a request says that its body is JSON."""
    content_type = request.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower() == "application/json"


def form_of(request: HttpRequest) -> FormBody:
    """Return the form that a request carries.

    Raises:
        UnreadableRequestError: It carries none.
    """
    head = _head_of(f"Content-Type: {request.headers.get('content-type', '')}")
    if head.get_content_type() == "multipart/form-data":
        return _form_with_files(request.body, str(head.get_param("boundary", "")))
    return _form(dict(_pairs(request.body)), {})


def _form(contents: Mapping[str, bytes], files: Mapping[str, FormFile]) -> FormBody:
    fields = {name: content.decode("utf-8", "replace") for name, content in contents.items()}
    return FormBody(fields=fields, files=files, contents=contents)


def _pairs(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Return names and values as bytes: a whole mail among them may have any charset."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "surrogateescape"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="surrogateescape",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise UnreadableRequestError("it is no form") from None
    return (
        (name.encode("utf-8", "replace").decode(), value.encode("utf-8", "surrogateescape"))
        for name, value in pairs
    )


def _form_with_files(body: bytes, boundary: str) -> FormBody:
    contents: dict[str, bytes] = {}
    files: dict[str, FormFile] = {}
    if not _BOUNDARY.fullmatch(boundary):
        raise UnreadableRequestError("the form has no boundary")
    for head, content in _parts(body, boundary.encode()):
        name = head.get_param("name", header="content-disposition")
        filename = head.get_filename()
        if not isinstance(name, str):
            continue
        if filename is None:
            contents[name] = content
        else:
            kind = head.get_content_type() if "content-type" in head else ANY_TYPE
            files[name] = FormFile(name=filename, content_type=kind, content=content)
    return _form(contents, files)


def attachment_of(file: FormFile, content_id: str | None) -> Attachment:
    """Return a file of a form as one of an incoming mail, shown inside it by a content id."""
    return Attachment(
        filename=file.name,
        content=base64.b64encode(file.content).decode(),
        content_type=file.content_type,
        inline=content_id is not None,
        content_id=content_id.strip("<>") if content_id else None,
    )


def json_of(value: str) -> Any:
    """Return the JSON that a field holds; nothing where it holds none."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return None


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[Message, bytes]]:
    delimiter = _BREAK + b"--" + boundary
    pieces = (_BREAK + body).split(delimiter, _MOST_FIELDS + 1)[1:]
    for piece in pieces[:-1]:  # behind the last delimiter the form is over
        head, end, content = piece.partition(_HEAD_END)
        if end:
            yield _head_of(head.decode("utf-8", "replace").strip()), content
    if not pieces or not pieces[-1].startswith(b"--"):
        raise UnreadableRequestError("the form has no end")


def _head_of(text: str) -> Message:
    return HeaderParser(policy=compat32).parsestr(text)
