"""One call of a transport: what it may do, and what its answer comes to."""

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import evolve

from messaging_core.errors import StorageError, Withdrawn
from messaging_core.models.delivery import Claim, Lease
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
from messaging_core.ports.storage import Storage
from messaging_core.ports.transport import Handoff, Transport

_log = logging.getLogger(__name__)


class Marks:
    """Make the point of no return durable, for many messages with one commit.

    Whoever comes first writes; those who come meanwhile are written next, together, by the first
    of them. So a lone message waits for nobody, and many share the cost.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[_Mark] = []
        self._is_writing = False

    def make(self, lease: Lease) -> None:
        """Mark a leased message; when this returns, the mark is durable.

        Raises:
            Withdrawn: The message may no longer go.
            StorageError: The mark could not be made; the message was not sent.
        """
        mark = _Mark(lease)
        with self._lock:
            self._waiting.append(mark)
            leads, self._is_writing = not self._is_writing, True
        if leads or mark.is_asked_to_lead():
            self._lead()
        if mark.error is not None:
            raise mark.error

    def _lead(self) -> None:
        """Write every mark that waits, one's own among them, and let the next in line go on."""
        with self._lock:
            marks, self._waiting = self._waiting, []
        self._write_together(marks)
        with self._lock:
            self._is_writing = bool(self._waiting)
            if self._waiting:
                self._waiting[0].lead()

    def _write_together(self, marks: Sequence["_Mark"]) -> None:
        try:
            with self._storage.begin() as tx:
                leases = [mark.lease for mark in marks]
                reasons = tx.outbox.hand_over(leases, now=self._clock.now())
        except Exception as error:  # noqa: BLE001 - everybody who waits gets it
            for mark in marks:
                mark.end(error)
        else:
            for mark, reason in zip(marks, reasons, strict=True):
                mark.end(Withdrawn(reason) if reason else None)


class _Mark:
    """One mark on its way."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.error: Exception | None = None
        self._leads = False
        self._ready = threading.Event()

    def is_asked_to_lead(self) -> bool:
        """Wait until the mark was made, or is to be made by the one who waits."""
        self._ready.wait()
        return self._leads

    def lead(self) -> None:
        """Ask the one who waits to write."""
        self._leads = True
        self._ready.set()

    def end(self, error: Exception | None) -> None:
        """Let the one who waits go on."""
        self.error = error
        self._ready.set()


class PointOfNoReturn(Handoff):
    """The moment in one attempt after which it is not known whether a failure was a success."""

    def __init__(self, claim: Claim, clock: Clock, marks: Marks | None = None) -> None:
        self._claim = claim
        self._clock = clock
        self._marks = marks
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
        if self.passed_at is None and self._marks is not None:
            self._marks.make(self._claim.lease)
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
