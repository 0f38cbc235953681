"""What goes wrong, as a page says it: what happened, and what to do."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.limits import TooManyRequestsError
from messaging_adapters.viewer.parameters import FilterError
from messaging_core.errors import InvalidRequestError, NotFoundError, StateError, StorageError

_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403
_CONFLICT: Final = 409
_UNPROCESSABLE: Final = 422
_UNAVAILABLE: Final = 503
_SERVER_ERROR: Final = 500
SECONDS_TO_RETRY: Final = 5

_DOINGS: Final = {
    Right.LOOK: "look at messages",
    Right.CONTENT: "see the content of messages",
    Right.ADDRESSES: "see addresses",
    Right.SECRETS: "see one-time codes",
    Right.ACT: "replay, cancel or reschedule messages",
    Right.ACT_MANY: "replay many messages at once",
    Right.AUDIT: "see who did what",
}


class ForbiddenError(Exception):
    """The visitor lacks a right."""

    def __init__(self, right: Right) -> None:
        super().__init__(right)
        self.right = right


class LoginError(Exception):
    """The host's own login returned what it must not."""


_TOO_MANY: Final = 429


class RefusedFormError(Exception):
    """A form was not sent by a page of this viewer."""

    def __init__(self, refusal: str) -> None:
        super().__init__(refusal)
        self.refusal = refusal


@frozen(kw_only=True)
class Problem:
    """An error as a page.

    Attributes:
        status: Of HTTP.
        title: What happened, in one sentence.
        remedy: What to do.
        parameter: The parameter that is wrong; a link leads to the page without it.
        retry_after: Seconds until the browser asks again by itself.
    """

    status: int
    title: str
    remedy: str
    parameter: str | None = None
    retry_after: int | None = None


NOT_FOUND: Final = Problem(
    status=_NOT_FOUND,
    title="There is no such page.",
    remedy="Check the link. What belongs to another workspace is not found either.",
)
NO_ACCESS: Final = Problem(
    status=_FORBIDDEN,
    title="You have no access to this page.",
    remedy="Sign in to the application first, or ask those who run it for access.",
)
_BROKEN: Final = Problem(
    status=_SERVER_ERROR,
    title="This page could not be made.",
    remedy="The log of the server says why. The other pages may work.",
)


_NO_LOGIN: Final = Problem(
    status=_SERVER_ERROR,
    title="The login of this application does not fit.",
    remedy=(
        "The function access= must return a Visitor, None, or a response such as a redirect. The"
        " log of the server says what it returned."
    ),
)


def problem_of(error: Exception) -> Problem:
    """Return how an error is shown; what is not known is a fault of the server."""
    for kind, problem in _PROBLEMS.items():
        if isinstance(error, kind):
            return problem(error)
    return _BROKEN


def _forbidden(error: ForbiddenError) -> Problem:
    return Problem(
        status=_FORBIDDEN,
        title=f"You may not {_DOINGS[error.right]}.",
        remedy=f"That needs the right {error.right}. Those who run this application give it.",
    )


def _refused(error: RefusedFormError) -> Problem:
    return Problem(status=_FORBIDDEN, title="The form was not accepted.", remedy=error.refusal)


def _impossible(error: StateError) -> Problem:
    return Problem(status=_CONFLICT, title="That is not possible now.", remedy=f"Now {error}.")


def _too_many(error: TooManyRequestsError) -> Problem:
    return Problem(
        status=_TOO_MANY,
        title="You ask too often.",
        remedy=f"Ask again in {error.seconds} s.",
        retry_after=error.seconds,
    )


def _invalid(error: InvalidRequestError) -> Problem:
    violation = error.violations[0]
    return _wrong(violation.path.strip("/").partition("/")[0] or "value", violation.message)


_UNREACHABLE: Final = Problem(
    status=_UNAVAILABLE,
    title="The storage does not answer.",
    remedy=f"This page tries again by itself every {SECONDS_TO_RETRY} seconds.",
    retry_after=SECONDS_TO_RETRY,
)


def _wrong(name: str, problem: str) -> Problem:
    return Problem(
        status=_UNPROCESSABLE,
        title=f"The filter {name} has no such value.",
        remedy=f"Allowed: {problem}.",
        parameter=name,
    )


_PROBLEMS: Final[Mapping[type[Exception], Callable[[Any], Problem]]] = {
    FilterError: lambda error: _wrong(error.name, error.problem),
    ForbiddenError: _forbidden,
    LoginError: lambda _: _NO_LOGIN,
    RefusedFormError: _refused,
    InvalidRequestError: _invalid,
    NotFoundError: lambda _: NOT_FOUND,
    TooManyRequestsError: _too_many,
    StateError: _impossible,
    StorageError: lambda _: _UNREACHABLE,
}
