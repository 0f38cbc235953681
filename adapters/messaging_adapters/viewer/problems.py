"""What goes wrong, as a page says it: what happened, and what to do."""

from typing import Final

from attrs import frozen

from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.parameters import FilterError
from messaging_core.errors import InvalidQueryError, NotFoundError, StorageError

_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403
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


def problem_of(error: Exception) -> Problem:
    """Return how an error is shown; what is not known is a fault of the server."""
    if isinstance(error, FilterError):
        return _wrong(error.name, error.problem)
    if isinstance(error, InvalidQueryError):
        violation = error.violations[0]
        return _wrong(violation.path.strip("/").partition("/")[0], violation.message)
    if isinstance(error, ForbiddenError):
        return Problem(
            status=_FORBIDDEN,
            title=f"You may not {_DOINGS[error.right]}.",
            remedy=f"That needs the right {error.right}. Those who run this application give it.",
        )
    if isinstance(error, NotFoundError):
        return NOT_FOUND
    return _UNREACHABLE if isinstance(error, StorageError) else _BROKEN


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
