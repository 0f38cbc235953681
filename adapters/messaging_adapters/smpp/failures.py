"""What an attempt over SMPP came to, whichever way it ended."""

import socket
import ssl
from datetime import timedelta
from typing import Final

from messaging_adapters.providers.error_table import ErrorTable
from messaging_adapters.smpp.bind import BindRefusedError
from messaging_adapters.smpp.pdu import Status
from messaging_adapters.smpp.provider_words import failure_of
from messaging_adapters.smpp.sessions import ClosedError, NotBoundError
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.outcome import Deferred, Rejected, SingleOutcome
from messaging_core.models.delivery.transport_check import CheckStatus, TransportCheck

_AGAIN: Final = frozenset({Retry.TRANSIENT, Retry.THROTTLED, Retry.CONFIGURATION})
_CUT_SHORT: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
_LOGIN: Final = frozenset({Status.BIND_FAILED, Status.INVALID_PASSWORD, Status.INVALID_SYSTEM_ID})
_SLOWER: Final = timedelta(seconds=1)


class UnsendableError(Exception):
    """A message cannot go as it stands, which was found before anything was sent.

    Attributes:
        failure: Why.
    """

    def __init__(self, description: str, code: FailureCode, retry: Retry = Retry.PERMANENT) -> None:
        failure = Failure(code=code, description=description, retry=retry)
        super().__init__(failure)
        self.failure = failure


NOT_SENT: Final = (UnsendableError, OSError, BindRefusedError, NotBoundError, ClosedError)
"""What ends an attempt before the point of no return."""


def not_sent(error: Exception, name: str, statuses: ErrorTable) -> SingleOutcome:
    """Return what an error comes to that ended the attempt before anything was sent.

    Args:
        error: One of `NOT_SENT`.
        name: Of the transport.
        statuses: What the centre's statuses mean.
    """
    match error:
        case UnsendableError():
            return refusal(error.failure)
        case NotBoundError():
            return refusal(_failure_of(error.cause, name, statuses), error.retry_after)
        case _:
            return refusal(_failure_of(error, name, statuses))


def failed_check(error: Exception, name: str, statuses: ErrorTable) -> TransportCheck:
    """Return what a check comes to that ended with an error; the arguments are as above."""
    outcome = not_sent(error, name, statuses)
    failure = outcome.failure if isinstance(outcome, Deferred | Rejected) else None
    if isinstance(error, BindRefusedError) and error.status in _LOGIN:
        return TransportCheck(status=CheckStatus.BAD_CREDENTIALS, failure=failure)
    if failure is not None and failure.retry is Retry.CONFIGURATION:
        return TransportCheck(status=CheckStatus.BAD_SETUP, failure=failure)
    return TransportCheck(status=CheckStatus.UNREACHABLE, failure=failure)


def refusal(failure: Failure, retry_after: timedelta | None = None) -> SingleOutcome:
    """Return the outcome that agrees with what a failure says to do."""
    if failure.retry not in _AGAIN:
        return Rejected(failure=failure)
    if failure.retry is Retry.THROTTLED:
        retry_after = retry_after or _SLOWER
    return Deferred(failure=failure, retry_after=retry_after)


def _failure_of(error: Exception, name: str, statuses: ErrorTable) -> Failure:
    if isinstance(error, BindRefusedError):
        return failure_of(error.status, statuses, name)
    source = FailureSource(code=type(error).__name__, name=name)
    if isinstance(error, ClosedError):
        text = "the transport was closed: this process sends nothing more"
        return _failure(Retry.TRANSIENT, FailureCode.UNREACHABLE, text, source)
    problem = _wrong_set_up(error)
    if problem:
        code = FailureCode.INVALID_CHANNEL_CONFIGURATION
        return _failure(Retry.CONFIGURATION, code, problem, source)
    text = "the message centre cannot be reached"
    return _failure(Retry.TRANSIENT, FailureCode.UNREACHABLE, text, source)


def _wrong_set_up(error: Exception) -> str:
    """Describe a wrong set-up, which retries do not fix; empty for any other error."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the centre's certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and not isinstance(error, _CUT_SHORT):
        return f"there is no TLS with this centre: {error.reason or 'handshake failure'}"
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN:
        return "the centre's name is not known: it is wrong, or there is no network"
    return ""


def _failure(retry: Retry, code: FailureCode, text: str, source: FailureSource) -> Failure:
    return Failure(code=code, description=text, source=source, retry=retry)
