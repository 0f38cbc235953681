"""What an attempt over SMTP came to, whichever way it ended."""

import socket
import ssl
from collections.abc import Iterable, Mapping
from typing import Final

from messaging_adapters.mail.failures import UnsendableError, outcome_of
from messaging_adapters.mail.replies import Reply, Stage, outcome_of_reply
from messaging_adapters.mail.session import NotOfferedError, RefusalError
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.outcome import Accepted, Outcome, PerRecipient, SingleOutcome
from messaging_core.models.delivery.transport_check import CheckStatus, TransportCheck

NOT_SENT: Final = (UnsendableError, NotOfferedError, RefusalError, OSError)
"""What ends an attempt before the point of no return."""

_CUT_SHORT: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
_TRY_AGAIN: Final = socket.EAI_AGAIN


def not_sent(error: Exception, name: str) -> SingleOutcome:
    """Return what an error comes to that ended the attempt while it could still be undone.

    Args:
        error: One of `NOT_SENT`.
        name: Of the transport.
    """
    match error:
        case UnsendableError():
            return error.outcome
        case RefusalError():
            return outcome_of_reply(error.reply, error.stage, name=name, alone=False)
        case NotOfferedError():
            return _not_offered(error.extension, name)
        case _:
            return _not_reached(error, name)


def in_doubt(cause: str, name: str) -> SingleOutcome:
    """Return what it comes to when no reply followed the final dot."""
    return _outcome(
        Retry.AMBIGUOUS,
        FailureCode.IN_DOUBT,
        "the server did not say whether it took the mail",
        FailureSource(code=cause, name=name),
    )


def failed_check(outcome: SingleOutcome, *, is_login: bool) -> TransportCheck:
    """Return what it says about a server that a connection without a mail failed.

    Args:
        outcome: What the same failure would be for a mail.
        is_login: Whether the login was refused.
    """
    failure = None if isinstance(outcome, Accepted) else outcome.failure
    if failure is None or failure.retry is not Retry.CONFIGURATION:
        return TransportCheck(status=CheckStatus.UNREACHABLE, failure=failure)
    status = CheckStatus.BAD_CREDENTIALS if is_login else CheckStatus.BAD_SETUP
    return TransportCheck(status=status, failure=failure)


def for_each(
    recipients: Iterable[str], refused: Mapping[str, Reply], others: SingleOutcome | None, name: str
) -> Outcome:
    """Return one outcome where all recipients fared alike, else one for each.

    Args:
        recipients: As in the envelope.
        refused: The replies to those that the server did not want.
        others: What became of the rest, where there is any.
        name: Of the transport.
    """
    outcomes = {
        recipient: outcome_of_reply(refused[recipient], Stage.RECIPIENT, name=name)
        if recipient in refused or others is None
        else others
        for recipient in recipients
    }
    first, *rest = outcomes.values()
    if all(outcome == first for outcome in rest):
        return first
    return PerRecipient(outcomes=outcomes)


def _not_offered(extension: str, name: str) -> SingleOutcome:
    source = FailureSource(code=extension, name=name)
    description = f"the server does not offer {extension}"
    if extension == "SMTPUTF8":
        description += ", which an address beyond ASCII needs"
        return _outcome(Retry.PERMANENT, FailureCode.UNSUPPORTED_DESTINATION, description, source)
    return _outcome(
        Retry.CONFIGURATION, FailureCode.INVALID_CHANNEL_CONFIGURATION, description, source
    )


def _not_reached(error: Exception, name: str) -> SingleOutcome:
    source = FailureSource(code=type(error).__name__, name=name)
    problem = _wrong_set_up(error)
    if problem:
        return _outcome(
            Retry.CONFIGURATION, FailureCode.INVALID_CHANNEL_CONFIGURATION, problem, source
        )
    return _outcome(
        Retry.TRANSIENT, FailureCode.UNREACHABLE, "the connection to the server failed", source
    )


def _wrong_set_up(error: Exception) -> str:
    """Describe a wrong set-up, which retries do not fix; empty for any other error."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and not isinstance(error, _CUT_SHORT):
        return f"there is no TLS with this server: {error.reason or 'handshake failure'}"
    if isinstance(error, socket.gaierror) and error.errno != _TRY_AGAIN:
        return "the server's name is not known: it is wrong, or there is no network"
    return ""


def _outcome(
    retry: Retry, code: FailureCode, description: str, source: FailureSource
) -> SingleOutcome:
    return outcome_of(Failure(code=code, description=description, source=source, retry=retry))
