"""What the HTTP answers of all providers have in common: the status decides before the body."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from attrs import evolve

from messaging_adapters.mail.failures import outcome_of
from messaging_adapters.mail.redaction import Confidential
from messaging_core.errors import HttpError
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.outcome import Accepted, Deferred, SingleOutcome, Unknown
from messaging_core.models.delivery.transport_check import CheckStatus, TransportCheck
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.http import WRONG_SETUP, HttpFault, HttpResponse

LONGEST_WAIT: Final = timedelta(hours=1)
"""The most of a `Retry-After` that is believed: a wait beyond the validity ends a message."""

_LONGEST_TEXT: Final = 200
_READ: Final = 500  # of a text that may be hostile
_LONGEST_NUMBER: Final = 10  # digits of a Retry-After in seconds
_TOKEN: Final = re.compile(r"[A-Za-z0-9+/=_-]{37,}")  # longer than a UUID: credentials as sent
_REFERENCE: Final = re.compile(r"[A-Za-z0-9-]{1,100}")
_DIGITS: Final = re.compile(r"\d[\d .()/-]{3,}\d")

_FIRST_FAULT: Final = 500  # of the server, RFC 9110 §15.6
_TOO_MANY: Final = 429
_UNAVAILABLE: Final = 503
_REDIRECTS: Final = range(300, 400)
_CREDENTIALS: Final = frozenset({401, 403, 407})
# Wrong credentials, no money, a URL that is not the provider's: an operator corrects them.
_SETUP: Final = _CREDENTIALS | {402, 404, 405, 421, 426} | set(_REDIRECTS)
_PASSING: Final = frozenset({408, 423, 425, _UNAVAILABLE})

UNTAKEN: Final = frozenset({_UNAVAILABLE})
"""Statuses of a server's fault of which a provider says that it did not take the message."""


def outcome_of_answer(  # noqa: PLR0913 - by keyword beyond the first
    response: HttpResponse,
    *,
    name: str,
    now: datetime,
    known: Failure | None = None,
    text: str = "",
    untaken: Collection[int] = (),
) -> SingleOutcome:
    """Return what an answer means that is no acceptance.

    A server's fault leaves doubt, and so does a success that cannot be read. Everything else is
    certain: the provider did not take the message.

    Args:
        response: The answer.
        name: Of the transport, for `Failure.source`.
        now: The present, for a `Retry-After` that is a date.
        known: What the provider's own error code means, if it has one that is known.
        text: What the provider says, masked, for a code that is not known.
        untaken: Statuses from 500 that are certain with this provider.
    """
    status = response.status
    if _is_doubtful(status) and status not in untaken:
        code = known.source.code if known and known.source else str(status)
        return in_doubt(f"the provider answered {status}", name, code)
    failure = reported_by(known, name) if known else _failure_of(status, name, text)
    if status == _TOO_MANY:
        failure = evolve(failure, retry=Retry.THROTTLED)
    return outcome_of(failure, retry_after(response, now))


def reported_by(failure: Failure, name: str) -> Failure:
    """Return a failure of an error table as that of one transport."""
    code = failure.source.code if failure.source else ""
    return evolve(failure, source=FailureSource(code=code, name=name))


def acceptance(reference: str, response: HttpResponse, name: str) -> SingleOutcome:
    """Return what a success means that names a message, or fails to.

    Args:
        reference: What the answer calls the message.
        response: The answer.
        name: Of the transport.
    """
    if not is_reference(reference):
        return in_doubt("the answer names no message", name, str(response.status))
    return Accepted(references=(reference,), raw=str(response.status))


def is_reference(text: str) -> bool:
    """Return whether a text has the form of the ids that most providers give to messages."""
    return _REFERENCE.fullmatch(text) is not None


def in_doubt(description: str, name: str, code: str) -> Unknown:
    """Return the outcome of a message that the provider may have taken."""
    failure = Failure(
        code=FailureCode.IN_DOUBT,
        description=description,
        source=FailureSource(code=code, name=name),
        retry=Retry.AMBIGUOUS,
    )
    return Unknown(failure=failure)


def missing(name: str) -> Deferred:
    """Return the outcome of a message that the provider, when asked, did not have."""
    failure = Failure(
        code=FailureCode.TRANSIENT,
        description="the provider does not have the message",
        source=FailureSource(code="not_found", name=name),
        retry=Retry.TRANSIENT,
    )
    return Deferred(failure=failure)


def outcome_of_error(error: HttpError, name: str) -> SingleOutcome:
    """Return what it means that no complete answer came: the message was not sent, or in doubt."""
    if error.may_be_sent:
        return in_doubt(_one_line(error.problem), name, str(error.fault))
    return outcome_of(_not_sent(error, name))


def check_of_error(error: HttpError, name: str) -> TransportCheck:
    """Return what it says about a provider that no complete answer came."""
    status = CheckStatus.BAD_SETUP if error.fault in WRONG_SETUP else CheckStatus.UNREACHABLE
    if error.fault is HttpFault.UNAUTHORIZED:
        status = CheckStatus.BAD_CREDENTIALS
    return TransportCheck(status=status, failure=_not_sent(error, name))


def check_of_answer(response: HttpResponse, name: str) -> TransportCheck:
    """Return what an answer says that does not show that the credentials are known."""
    failure = _failure_of(response.status, name, "")
    if response.status in _CREDENTIALS:
        return TransportCheck(status=CheckStatus.BAD_CREDENTIALS, failure=failure)
    is_passing = _is_doubtful(response.status) or response.status in {*_PASSING, _TOO_MANY}
    status = CheckStatus.UNREACHABLE if is_passing else CheckStatus.BAD_SETUP
    return TransportCheck(status=status, failure=failure)


def json_object(response: HttpResponse) -> Mapping[str, Any]:
    """Return the JSON object of a body, or an empty one for anything else."""
    try:
        value = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def text_of(value: Any) -> str:
    """Return text or a number of a JSON document as text, and anything else as none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)


def retry_after(response: HttpResponse, now: datetime) -> timedelta | None:
    """Return how long an answer asks to wait: seconds or a date (RFC 9110 §10.2.3), at most 1 h."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        seconds = int(value) if len(value) <= _LONGEST_NUMBER else LONGEST_WAIT.total_seconds()
        return min(timedelta(seconds=seconds), LONGEST_WAIT)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(max(date - now, timedelta(0)), LONGEST_WAIT)


def masked(text: str, envelope: Envelope, secrets: Iterable[str]) -> str:
    """Return what a provider says as one short line without addresses, content and secrets."""
    content, sender = envelope.content, (envelope.sender,) if envelope.sender else ()
    people = (*envelope.receivers, *envelope.copies, *sender)
    said = [word for person in people for word in (person.value, person.name) if word]
    said += [str(getattr(content, part, None) or "") for part in ("text", "subject", "html")]
    shown = Confidential(credentials=tuple(secrets), texts=said).mask(without_people(text))
    return shown[:_LONGEST_TEXT]


def without_people(text: str) -> str:
    """Return a text as one short line without what looks like an address, number or token."""
    shown = " ".join(map(_without_address, _one_line(text[:_READ]).split()))
    return _DIGITS.sub("[number]", _TOKEN.sub("[token]", shown))


def _is_doubtful(status: int) -> bool:
    return status >= _FIRST_FAULT or status < _REDIRECTS.start


def _failure_of(status: int, name: str, text: str) -> Failure:
    retry, code = Retry.PERMANENT, FailureCode.INVALID_INPUT
    if status in _SETUP:
        retry, code = Retry.CONFIGURATION, FailureCode.NOT_CONFIGURED
    elif status == _TOO_MANY:
        retry, code = Retry.THROTTLED, FailureCode.THROTTLED
    elif status in _PASSING or _is_doubtful(status):
        retry, code = Retry.TRANSIENT, FailureCode.TRANSIENT
    said = f": {text}" if text else ""
    return Failure(
        code=code,
        description=f"the provider answered {status}{said}"[:_LONGEST_TEXT],
        source=FailureSource(code=str(status), name=name),
        retry=retry,
    )


def _not_sent(error: HttpError, name: str) -> Failure:
    is_wrong = error.fault in WRONG_SETUP
    code = FailureCode.INVALID_CHANNEL_CONFIGURATION if is_wrong else FailureCode.UNREACHABLE
    if error.fault is HttpFault.UNAUTHORIZED:
        code = FailureCode.NOT_CONFIGURED  # as of an answer 401
    return Failure(
        code=code,
        description=_one_line(error.problem),
        source=FailureSource(code=str(error.fault), name=name),
        retry=Retry.CONFIGURATION if is_wrong else Retry.TRANSIENT,
    )


def _one_line(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:_READ]


def _without_address(word: str) -> str:
    return "[address]" if "@" in word or "%40" in word or "://" in word else word
