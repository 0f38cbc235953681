"""One call of a transport: what it may do, and what its answer comes to."""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from attrs import evolve

from messaging_core.errors import StorageError, Withdrawn
from messaging_core.ledger import Ledger
from messaging_core.models.delivery import Claim
from messaging_core.models.envelope import Envelope
from messaging_core.models.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    SingleOutcome,
    Unknown,
)
from messaging_core.ports.clock import Clock
from messaging_core.ports.transport import Handoff, Transport

_log = logging.getLogger(__name__)


class PointOfNoReturn(Handoff):
    """The moment in one attempt after which it is not known whether a failure was a success."""

    def __init__(self, claim: Claim, clock: Clock, ledger: Ledger | None = None) -> None:
        self._claim = claim
        self._clock = clock
        self._ledger = ledger
        self.passed_at: datetime | None = None

    def __call__(self) -> None:
        """Let the message go, unless its time or its lease has run out.

        Raises:
            Withdrawn: It may no longer go.
        """
        now = self._clock.now()
        if now >= self._claim.delivery.expires_at:
            raise Withdrawn("expired")
        if now >= self._claim.lease.until:
            raise Withdrawn("superseded")
        if self.passed_at is None and self._ledger is not None:
            self._ledger.mark(self._claim.lease)
        self.passed_at = self.passed_at or now


def ask(transport: Transport, envelope: Envelope, handoff: PointOfNoReturn) -> Outcome:
    """Ask a transport, and make an outcome of whatever comes back.

    Raises:
        Withdrawn: The message may no longer go, and did not.
        StorageError: The point of no return could not be marked, and was not passed.
    """
    try:
        outcome = transport.send(envelope, handoff)
    except Exception as error:  # the one place that calls foreign code
        if isinstance(error, (Withdrawn, StorageError)) and handoff.passed_at is None:
            raise
        _log.warning(
            "transport %s failed on message %s: %s",
            transport.name,
            envelope.message_id,
            type(error).__name__,
        )
        return _broken(transport, type(error).__name__, handoff)
    understood = _understood(outcome)
    if understood is not None:
        return understood
    return _broken(transport, f"answered with {type(outcome).__name__}", handoff)


def _understood(outcome: object) -> Outcome | None:
    """Return what foreign code answered, fit to be kept, or nothing where it makes no sense."""
    match outcome:
        case PerRecipient(outcomes=Mapping() as outcomes):
            singles = {address: _single(one) for address, one in outcomes.items()}
            understood = {address: one for address, one in singles.items() if one is not None}
            return PerRecipient(outcomes=understood) if len(understood) == len(singles) else None
    return _single(outcome)


def _single(outcome: object) -> SingleOutcome | None:
    match outcome:
        case Accepted(references=references):
            # The provider took it, and that must not be lost over what its references look like.
            texts = _texts(references)
            return outcome if texts == references else evolve(outcome, references=texts)
        case Deferred(failure=Failure(code=int()) as failure, retry_after=timedelta() | None):
            return evolve(outcome, failure=_clean(failure))
        case Rejected(failure=Failure(code=int()) as failure):
            return evolve(outcome, failure=_clean(failure))
        case Unknown(failure=Failure(code=int()) as failure):
            return evolve(outcome, failure=_clean(failure))
    return None


def _texts(references: object) -> tuple[str, ...]:
    if isinstance(references, str) or not isinstance(references, Iterable):
        references = () if references is None else (references,)
    return tuple(map(_text, references))


def _clean(failure: Failure) -> Failure:
    source = failure.source
    return evolve(
        failure,
        description=_text(failure.description),
        source=FailureSource(code=_text(source.code), name=_text(source.name)) if source else None,
    )


def _text(value: object) -> str:
    """Return text that can be kept: what a provider wrote in no known encoding cannot."""
    return str(value).encode("utf-8", "replace").decode()


def _broken(transport: Transport, what: str, handoff: PointOfNoReturn) -> Outcome:
    """Before the point of no return a fault is harmless; after it, it leaves doubt."""
    in_doubt = handoff.passed_at is not None
    failure = Failure(
        code=FailureCode.IN_DOUBT if in_doubt else FailureCode.DEPENDENCY_ERROR,
        description=f"the transport failed: {what}",
        source=FailureSource(name=transport.name, code=what),
        retry=Retry.AMBIGUOUS if in_doubt else Retry.TRANSIENT,
    )
    return Unknown(failure=failure) if in_doubt else Deferred(failure=failure)
