"""What an error becomes over HTTP: a status, and a body with a code and a message.

The form is that of the Bird Channels API (rule 43): `{code, message}`, and for a request that
breaks rules also `details`, from each field to its texts.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import orjson

from messaging_core.errors import (
    IdempotencyConflictError,
    InvalidRequestError,
    MessagingError,
    NotFoundError,
    StateError,
    StorageBusyError,
    StorageError,
)
from messaging_core.models.common.violation import Violation
from messaging_core.models.policy.reasons import ReasonCode
from messaging_core.ports.http import HttpResponse

NOT_FOUND: Final = 404
UNPROCESSABLE: Final = 422
TOO_MANY: Final = 429
SERVER_ERROR: Final = 500

_WHOLE_REQUEST: Final = "request"
"""The field under which a violation stands that belongs to no field."""

_TOO_LARGE: Final = "wire.size"
_NO_JSON: Final = frozenset({"wire.json", "wire.encoding"})
_REFUSED: Final = "the request is refused"
_NO_STORAGE: Final = "the storage is not available; nothing was written, try again"
_RETRY_SOON: Final = {"retry-after": "1"}

CODES: Final = {
    400: "InvalidJson",
    401: "Unauthorized",
    403: "Forbidden",
    NOT_FOUND: "NotFound",
    405: "MethodNotAllowed",
    408: "RequestTimeout",
    409: "Conflict",
    413: "PayloadTooLarge",
    415: "UnsupportedMediaType",
    UNPROCESSABLE: "InvalidPayload",
    TOO_MANY: "TooManyRequests",
    SERVER_ERROR: "InternalError",
    503: "Unavailable",
}
_MESSAGES: Final = {
    401: "the access key is unknown or missing: send Authorization: AccessKey <key>",
    403: "the access key has no policy for this",
    NOT_FOUND: "there is no such resource",
    405: "this resource does not have this method",
    415: "send the body as JSON, with Content-Type: application/json",
    TOO_MANY: "the workspace has no requests left for now; nothing was done, try again later",
    SERVER_ERROR: "something went wrong on the server; nothing is known about the request",
}


class ProblemError(MessagingError):
    """Report an HTTP request that is refused before a messenger is asked.

    Attributes:
        status: The HTTP status of the answer.
        message: For people; by default what the status says.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(status, message, headers)
        self.status = status
        self.message = message or _MESSAGES.get(status, _REFUSED)
        self.headers = headers

    def __str__(self) -> str:
        """Return the message."""
        return self.message


def problem_of(error: Exception) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status of an error, and the body that says what is wrong.

    A host with routes of its own answers with it as this package does. An error that is not known
    is 500, and its text is not shown.
    """
    match error:
        case ProblemError():
            status, body = error.status, _body(error.status, error.message)
        case IdempotencyConflictError():
            status, body = 409, _body(409, str(error), code="IdempotencyConflict")
        case InvalidRequestError():
            status, body = _invalid(error.violations)
        case NotFoundError():
            status, body = NOT_FOUND, _body(NOT_FOUND)
        case StateError():
            status, body = 409, _body(409, str(error))
        case StorageError():
            status, body = 503, _body(503, _NO_STORAGE)
        case _:
            status, body = SERVER_ERROR, _body(SERVER_ERROR)
    return status, body


def answer_problem(error: Exception) -> HttpResponse:
    """Return the complete answer for an error."""
    status, body = problem_of(error)
    return HttpResponse(status=status, headers=headers_of(error), body=orjson.dumps(body))


def headers_of(error: Exception) -> dict[str, str]:
    """Return the headers of the answer for an error."""
    headers = {"content-type": "application/json"}
    if isinstance(error, ProblemError):
        headers |= error.headers
    elif isinstance(error, StorageBusyError):
        headers |= _RETRY_SOON
    return headers


def _invalid(violations: Sequence[Violation]) -> tuple[int, dict[str, Any]]:
    """Return the answer for what breaks rules; a channel that is closed comes first (rule 35)."""
    codes = {violation.code for violation in violations}
    if ReasonCode.CHANNEL_INACTIVE in codes:
        return 409, _body(409, "the channel is not active", code="ChannelInactive")
    for status, of in ((413, {_TOO_LARGE}), (400, _NO_JSON)):
        if codes & of:
            text = next(violation.message for violation in violations if violation.code in of)
            return status, _body(status, text)
    body = _body(UNPROCESSABLE, "the request is invalid")
    return UNPROCESSABLE, {**body, "details": _details(violations)}


def _details(violations: Sequence[Violation]) -> dict[str, list[str]]:
    """Return what is wrong by field; a field is named by its path, joined with dots."""
    details: dict[str, list[str]] = {}
    for violation in violations:
        field = violation.path.removeprefix("/").replace("/", ".") or _WHOLE_REQUEST
        field = field.replace("~1", "/").replace("~0", "~")
        details.setdefault(field, []).append(violation.message)
    return details


def _body(status: int, message: str = "", *, code: str = "") -> dict[str, Any]:
    return {"code": code or CODES[status], "message": message or _MESSAGES.get(status, _REFUSED)}
