"""One call of a transport: what it may do, and what its answer comes to."""

from collections.abc import Coroutine, Mapping
from datetime import timedelta

from attrs import evolve

from messaging_core.delivery.handoff import DurableHandoff, _text, _texts
from messaging_core.errors import StorageError, Withdrawn
from messaging_core.host_code import fault_of
from messaging_core.lazy import frozen, logger
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
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
from messaging_core.ports.transport import SupportsLookUp, Transport, look_ups

_log = logger(__name__)


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
        if isinstance(error, (Withdrawn, StorageError)) and handoff.marked_at is None:
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


def ask_transport(transport: Transport, envelope: Envelope) -> Outcome | None:
    """Ask every provider that may have a message in doubt, and return what is certain.

    Returns:
        `Accepted` where one of them has it. Nothing where one of them cannot tell.
    """
    told = [_asked(own, envelope) for own in look_ups(transport)]
    taken = next((outcome for outcome in told if isinstance(outcome, Accepted)), None)
    if taken is not None or not all(isinstance(outcome, Rejected | Deferred) for outcome in told):
        return taken
    return next((outcome for outcome in told if isinstance(outcome, Rejected)), told[0])


def can_look_up(transport: Transport) -> bool:
    """Return whether a provider behind a transport can be asked about a message in doubt."""
    return any(_looks_up(own) for own in look_ups(transport))


def _looks_up(transport: Transport) -> bool:
    return transport.capabilities.looks_up and isinstance(transport, SupportsLookUp)


def _asked(transport: Transport, envelope: Envelope) -> SingleOutcome | None:
    if not (transport.capabilities.looks_up and isinstance(transport, SupportsLookUp)):
        return None
    try:
        return _single(transport.look_up(envelope))
    except BaseException as error:  # noqa: BLE001 - foreign code, on a thread that gets no signals
        _log.warning(
            "transport %s could not look message %s up: %s",
            transport.name,
            envelope.message_id,
            fault_of(error),
        )
        return None


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
            singles = {address: _single(answer) for address, answer in outcomes.items()}
            understood = {
                address: single for address, single in singles.items() if single is not None
            }
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
        case Rejected(failure=Failure(code=int()) as failure, references=references):
            return evolve(outcome, failure=_clean(failure), references=_texts(references))
        case Unknown(failure=Failure(code=int()) as failure):
            return evolve(outcome, failure=_clean(failure))
    return None


def _clean(failure: Failure) -> Failure:
    source = failure.source
    return evolve(
        failure,
        description=_text(failure.description),
        source=FailureSource(code=_text(source.code), name=_text(source.name)) if source else None,
    )


def fault_outcome(transport: str, what: str, handoff: DurableHandoff) -> Outcome:
    """Before the point of no return a fault is harmless; after it, it leaves doubt."""
    in_doubt = handoff.marked_at is not None
    failure = Failure(
        code=FailureCode.IN_DOUBT if in_doubt else FailureCode.DEPENDENCY_ERROR,
        description=f"the transport failed: {what}",
        source=FailureSource(name=transport, code=what),
        retry=Retry.AMBIGUOUS if in_doubt else Retry.TRANSIENT,
    )
    return Unknown(failure=failure) if in_doubt else Deferred(failure=failure)
