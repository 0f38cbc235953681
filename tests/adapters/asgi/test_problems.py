"""Every error of the library has a status and a body."""

import inspect
from uuid import UUID

import pytest

from messaging_adapters.asgi.problems import ProblemError, problem_of
from messaging_core import errors
from messaging_core.errors import (
    IdempotencyConflictError,
    InvalidMessageError,
    InvalidQueryError,
    StateError,
    StorageBusyError,
    UnknownChannelError,
    UnknownMessageError,
)
from messaging_core.models import Violation

ID = UUID(int=7)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (
            InvalidMessageError([Violation("/tags", "tags.many", "at most 10")]),
            422,
            "InvalidPayload",
        ),
        (
            InvalidQueryError([Violation("/limit", "query.bad_limit", "1 to 1000")]),
            422,
            "InvalidPayload",
        ),
        (InvalidMessageError([Violation("", "wire.json", "no JSON")]), 400, "InvalidJson"),
        (InvalidMessageError([Violation("", "wire.size", "large")]), 413, "PayloadTooLarge"),
        (InvalidMessageError([Violation("", "channel.inactive", "x")]), 409, "ChannelInactive"),
        (IdempotencyConflictError("key", ID), 409, "IdempotencyConflict"),
        (UnknownMessageError(ID), 404, "NotFound"),
        (UnknownChannelError("secret", ["names"]), 404, "NotFound"),
        (StateError("too late"), 409, "Conflict"),
        (StorageBusyError("locked"), 503, "Unavailable"),
        (ProblemError(429, "slower"), 429, "TooManyRequests"),
        (RuntimeError("a secret"), 500, "InternalError"),
    ],
)
def test_an_error_has_a_status_and_a_code(error: Exception, status: int, code: str) -> None:
    answered, body = problem_of(error)
    assert (answered, body["code"]) == (status, code)
    assert set(body) == {"code", "message"} | ({"details"} if status == 422 else set())
    assert "secret" not in body["message"]


def test_violations_are_grouped_by_field() -> None:
    violations = [
        Violation("/tags/0", "tags.long", "too long"),
        Violation("/tags/0", "tags.signs", "wrong signs"),
        Violation("/meta/a~1b", "wire.unknown_key", "unknown"),
        Violation("", "message.no_content", "nothing to send"),
    ]
    _, body = problem_of(InvalidMessageError(violations))
    assert body["details"] == {
        "tags.0": ["too long", "wrong signs"],
        "meta.a/b": ["unknown"],
        "request": ["nothing to send"],
    }


def test_no_error_of_the_library_is_forgotten() -> None:
    """Of those that a call of a messenger raises, none is a fault of the server."""
    raised = (errors.InvalidRequestError, errors.NotFoundError, errors.StateError)
    for _, cls in inspect.getmembers(errors, inspect.isclass):
        if issubclass(cls, (*raised, errors.StorageError)):
            status, _ = problem_of(_bare(cls))
            assert status != 500, cls


def _bare(cls: type[Exception]) -> Exception:
    error = cls.__new__(cls)
    error.violations = ()  # type: ignore[attr-defined]
    error.key, error.message_id, error.fields = "key", ID, ()  # type: ignore[attr-defined]
    return error
