"""One call of a transport: what it may do, and what its answer comes to."""

import logging
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import evolve, frozen

from messaging_core.delivery.group_commit import GroupCommit
from messaging_core.delivery.recorder import PendingHandoff
from messaging_core.errors import StorageError, Withdrawn
from messaging_core.host_code import fault_of
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.delivery import Claim
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    SingleOutcome,
    Unknown,
)
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.clock import Clock
from messaging_core.ports.transport import Handoff, Transport
from messaging_core.rules.formats.references import bare_reference

_log = logging.getLogger(__name__)


class DurableHandoff(Handoff):
    """The moment in one attempt after which it is not known whether a failure was a success.

    Args:
        claim: The message.
        clock: Tells the time at which it goes.
        ledger: Where that it goes is made durable, if it is.
        channel: Where it goes.
        addresses: Whom it goes to: who was suppressed, unsubscribed or held out meanwhile must not
            get it.
        may_go: Whether the send rules allow it at an instant; quiet hours may have begun.
    """

    def __init__(  # noqa: PLR0913 - by keyword beyond the third
        self,
        claim: Claim,
        clock: Clock,
        ledger: GroupCommit | None = None,
        *,
        channel: Channel | None = None,
        addresses: tuple[str, ...] = (),
        may_go: Callable[[datetime], bool] = lambda _: True,
    ) -> None:
        self._claim = claim
        self._channel = channel
        self._addresses = addresses
        self._clock = clock
        self._ledger = ledger
        self._may_go = may_go
        self.passed_at: datetime | None = None
        self._is_given_up = False
        self._lock = threading.Lock()

    def __call__(self, *, references: Sequence[str] = ()) -> None:
        """Let the message go, unless its time or its lease has run out.

        Args:
            references: As for `Handoff`.

        Raises:
            Withdrawn: It may no longer go.
        """
        now = self._clock.now()
        if now >= self._claim.delivery.expires_at:
            raise Withdrawn("expired")
        if now >= self._claim.lease.until or self._is_given_up:
            raise Withdrawn("superseded")
        if self.passed_at is None and not self._may_go(now):
            raise Withdrawn("held")
        if self.passed_at is None and self._ledger is not None:
            self._ledger.mark(self._going(_texts(references)))
        with self._lock:
            if self._is_given_up:
                raise Withdrawn("superseded")
            self.passed_at = self.passed_at or now

    def _going(self, references: tuple[str, ...]) -> PendingHandoff:
        return PendingHandoff(
            lease=self._claim.lease,
            message=self._claim.message,
            channel=self._channel,
            addresses=self._addresses,
            references=references,
            delivery=self._claim.delivery,
        )

    def give_up(self) -> None:
        """Refuse leave from now on; whether it was given before, `passed_at` says for good."""
        with self._lock:
            self._is_given_up = True


@frozen(kw_only=True)
class CallResult:
    """What the call of a transport came to.

    Attributes:
        is_fault: The transport failed in a way that no provider does.
    """

    outcome: Outcome
    is_fault: bool = False


def call_transport(transport: Transport, envelope: Envelope, handoff: DurableHandoff) -> CallResult:
    """Ask a transport, and make an outcome of whatever comes back.

    What is raised and is no `Exception` is a fault of this call like any other: the threads that
    call transports get no signals.

    Raises:
        Withdrawn: The message may no longer go, and did not.
        StorageError: The point of no return could not be marked, and was not passed.
    """
    try:
        outcome = transport.send(envelope, handoff)
        understood = _understood(outcome)
    except BaseException as error:  # the one place that calls foreign code
        if isinstance(error, (Withdrawn, StorageError)) and handoff.passed_at is None:
            raise
        what = type(error).__name__
        _log.warning(
            "transport %s failed on message %s: %s",
            transport.name,
            envelope.message_id,
            fault_of(error),
        )
        return CallResult(
            outcome=fault_outcome(transport.name, what, handoff),
            is_fault=not _is_of_the_network(error),
        )
    if understood is not None:
        return CallResult(outcome=understood)
    what = f"answered with {type(outcome).__name__}"
    _log.warning("transport %s %s on message %s", transport.name, what, envelope.message_id)
    if isinstance(outcome, Coroutine):
        outcome.close()  # or Python warns that it was never awaited
    return CallResult(outcome=fault_outcome(transport.name, what, handoff), is_fault=True)


def _is_of_the_network(error: BaseException) -> bool:
    """Tell a network that is down, which says nothing about the message, from a fault.

    Libraries wrap what the system raised, so the causes are looked at too.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, (OSError, Withdrawn)):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False


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
    return tuple([bare_reference(_text(reference)) for reference in references])


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


def fault_outcome(transport: str, what: str, handoff: DurableHandoff) -> Outcome:
    """Before the point of no return a fault is harmless; after it, it leaves doubt."""
    in_doubt = handoff.passed_at is not None
    failure = Failure(
        code=FailureCode.IN_DOUBT if in_doubt else FailureCode.DEPENDENCY_ERROR,
        description=f"the transport failed: {what}",
        source=FailureSource(name=transport, code=what),
        retry=Retry.AMBIGUOUS if in_doubt else Retry.TRANSIENT,
    )
    return Unknown(failure=failure) if in_doubt else Deferred(failure=failure)
