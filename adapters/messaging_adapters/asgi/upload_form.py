"""Reads the form of an upload piece by piece: first its fields, then one file."""

from typing import Any, Final

from messaging_adapters.asgi.problems import ProblemError
from messaging_core.errors import MissingDependencyError

try:
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header
except ImportError as error:
    raise MissingDependencyError("python_multipart", "asgi") from error

FORM_OVERHEAD: Final = 64 * 1024
"""The most bytes of a form beside its file."""

_BAD_REQUEST: Final = 400
_TOO_LARGE: Final = 413
_UNSUPPORTED: Final = 415
_FILE: Final = "file"
_TOO_MUCH: Final = f"the form has more than {FORM_OVERHEAD} bytes before the field file"


class UploadForm:
    """Reads a form whose last field is `file`.

    Args:
        content_type: Of the request.

    Attributes:
        fields: The texts before the file.
        has_file: Whether the file has begun, so that the fields are complete.
        is_complete: Whether the form has ended.

    Raises:
        ProblemError: The request is no such form.
    """

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise ProblemError(_UNSUPPORTED, "send the file as multipart/form-data")
        self.fields: dict[str, str] = {}
        self.has_file = False
        self.is_complete = False
        self._size = 0
        self._name: str | None = None
        self._headers: dict[bytes, bytes] = {}
        self._header, self._header_value, self._data = bytearray(), bytearray(), bytearray()
        self._parser = _parser(boundary, self._callbacks())

    def feed(self, data: bytes) -> None:
        """Read the next piece of the request.

        Raises:
            ProblemError: It is malformed, or has too many bytes before the file.
        """
        try:
            self._parser.write(data)
        except FormParserError:
            raise ProblemError(_BAD_REQUEST, "the form is malformed") from None
        if not self.has_file:
            self._count(len(data))

    @property
    def pending(self) -> int:
        """Return how many bytes of the file were read and not taken."""
        return len(self._data) if self.has_file else 0

    def take(self) -> bytes:
        """Return what was read of the file since the last call."""
        content = bytes(self._data)
        self._data.clear()
        return content

    def check_complete(self) -> None:
        """Refuse a form that ended too early.

        Raises:
            ProblemError: It is one, or it has no file.
        """
        if not (self.is_complete and self.has_file):
            raise ProblemError(_BAD_REQUEST, "the form is incomplete, or has no field file")

    def _callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._collect(self._header),
            "on_header_value": self._collect(self._header_value),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._collect(self._data),
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _collect(self, target: bytearray) -> Any:
        def collect(data: bytes, start: int, end: int) -> None:
            target.extend(data[start:end])
            if not self.has_file and len(target) > FORM_OVERHEAD:
                raise ProblemError(_TOO_LARGE, _TOO_MUCH)

        return collect

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > FORM_OVERHEAD:
            raise ProblemError(_TOO_LARGE, _TOO_MUCH)

    def _begin_part(self) -> None:
        if self.has_file:
            raise ProblemError(_BAD_REQUEST, "the field file must be the last one, and alone")
        self._headers.clear()

    def _end_header(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._header_value)
        self._header.clear()
        self._header_value.clear()

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = _text(options.get(b"name", b""))
        self.has_file = self._name == _FILE

    def _end_part(self) -> None:
        if self.has_file:
            return
        assert self._name is not None  # noqa: S101 - a part ends after its headers
        if self._name in self.fields:
            raise ProblemError(_BAD_REQUEST, "a field of the form stands there twice")
        self.fields[self._name] = _text(self.take())

    def _end(self) -> None:
        self.is_complete = True


def _parser(boundary: bytes, callbacks: dict[str, Any]) -> MultipartParser:
    try:
        return MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
    except FormParserError:  # the boundary is too long
        raise ProblemError(_BAD_REQUEST, "the form is malformed") from None


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise ProblemError(_BAD_REQUEST, "a field of the form is not UTF-8") from None
