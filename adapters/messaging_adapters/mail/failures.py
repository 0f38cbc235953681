"""How a failure becomes the outcome that says what to do about it."""

from datetime import timedelta

from messaging_core.models.common.failure import Failure, FailureCode, Retry
from messaging_core.models.delivery.outcome import Deferred, Rejected, SingleOutcome, Unknown

# An operator corrects a wrong password while messages wait; the content stays as it is.
_AGAIN = frozenset({Retry.TRANSIENT, Retry.THROTTLED, Retry.CONFIGURATION})


class UnsendableError(Exception):
    """Report a mail that cannot go as it stands, found before any connection was made.

    Attributes:
        outcome: What a transport answers.
    """

    def __init__(self, outcome: SingleOutcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def outcome_of(failure: Failure, retry_after: timedelta | None = None) -> SingleOutcome:
    """Return the outcome whose class agrees with what the failure says to do."""
    if failure.retry is Retry.AMBIGUOUS:
        return Unknown(failure=failure)
    if failure.retry in _AGAIN:
        return Deferred(failure=failure, retry_after=retry_after)
    return Rejected(failure=failure)


def unsendable(
    description: str,
    code: FailureCode = FailureCode.INVALID_CONTENT,
    retry: Retry = Retry.PERMANENT,
) -> UnsendableError:
    """Return the error to raise for a mail that cannot go; the text holds nothing of the mail."""
    return UnsendableError(outcome_of(Failure(code=code, description=description, retry=retry)))
