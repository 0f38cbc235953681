"""Several providers of which the next is asked when one cannot take a message."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from attrs import evolve

from messaging_adapters.transports.composition._capabilities import shared_capabilities
from messaging_core.arguments import a_text, checked, optional
from messaging_core.errors import ConfigurationError, Withdrawn
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.outcome import (
    Deferred,
    Outcome,
    PerRecipient,
    SingleOutcome,
    Unknown,
)
from messaging_core.models.delivery.worker_state import RouteState
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.ports.components import a_clock, a_transport
from messaging_core.ports.transport import Handoff, Transport

_log = logging.getLogger(__name__)

_GOES_ON: Final = frozenset({Retry.TRANSIENT, Retry.THROTTLED, Retry.CONFIGURATION})
_NOW: Final = timedelta(0)


class Failover(Transport):
    """Ask one provider after another, until one accepts or rejects the message.

    The next provider is asked only when the one before certainly did not take the message, and
    the cause lies with it: it answered `Deferred` (transient, throttled or configuration), or it
    failed before its point of no return. A rejection ends the matter, and so does doubt, since
    another provider would send a second copy. If outcomes differ by receiver, the next
    provider gets those that were deferred.

    However many providers are asked, the engine's mark is made once, and none is asked after
    the message has expired. Keep the time-outs of all of them together below the worker's lease.

    A message that comes again begins with the first provider. As one provider does not know what
    another has taken, nothing is promised about recognising it.

    Args:
        transports: In the order in which they are asked.
        name: As in timelines and logs.
        clock: Tells whether there is time left to ask the next.

    Raises:
        ConfigurationError: There is no transport.
    """

    @checked(transports=a_transport, name=a_text, clock=optional(a_clock))
    def __init__(
        self, *transports: Transport, name: str = "failover", clock: Clock | None = None
    ) -> None:
        if not transports:
            raise ConfigurationError("a failover needs a transport")
        self.name = name
        self.capabilities = shared_capabilities(transports)
        self._transports = transports
        self._clock = clock or SystemClock()
        self._latest: int | None = None

    @property
    def state(self) -> RouteState:
        """Return which transport was the last to be asked about the latest message."""
        return RouteState(latest=self._latest)

    @property
    def transports(self) -> tuple[Transport, ...]:
        """Return the transports behind it, whose receipts are its own."""
        return tuple(self._transports)

    def __repr__(self) -> str:
        return f"Failover({', '.join(map(repr, self._transports))}, name={self.name!r})"

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        mark = _Mark(handoff, envelope, self._clock)
        progress = _Progress(envelope)
        for number, transport in enumerate(self._transports):
            self._latest = number
            outcome = _ask(transport, progress.rest, mark)
            if outcome is None:
                break
            progress.note(outcome)
            if not progress.pending:
                break
        return progress.outcome(envelope.expires_at - self._clock.now())


class _Mark(Handoff):
    """The engine's mark, made once however many providers ask for it.

    Attributes:
        passed: Whether the provider that is being asked may have sent something.
        refusal: What the engine raised instead of giving leave.
    """

    def __init__(self, handoff: Handoff, envelope: Envelope, clock: Clock) -> None:
        self.passed = False
        self.refusal: BaseException | None = None
        self._handoff = handoff
        self._expires_at = envelope.expires_at
        self._clock = clock
        self._is_made = False

    def __call__(self, *, references: Sequence[str] = ()) -> None:
        if self.refusal is not None:
            raise self.refusal
        if not self._is_made:
            self._make(references)
        elif self._clock.now() >= self._expires_at:
            raise Withdrawn("expired")
        self.passed = True

    def _make(self, references: Sequence[str]) -> None:
        try:
            self._handoff(references=references)
        except BaseException as refusal:
            self.refusal = refusal
            raise
        self._is_made = True


class _Progress:
    """How each receiver has fared so far.

    Attributes:
        pending: Those whom another provider may still serve.
    """

    def __init__(self, envelope: Envelope) -> None:
        self.pending = envelope.receivers
        self._envelope = envelope
        self._final: dict[str, SingleOutcome] = {}
        self._deferred: dict[str, list[Deferred]] = {
            receiver.value: [] for receiver in self.pending
        }

    @property
    def rest(self) -> Envelope:
        """Return the message as it goes to those who are pending."""
        if self.pending == self._envelope.receivers:
            return self._envelope
        return evolve(self._envelope, receivers=self.pending)

    def note(self, outcome: Outcome) -> None:
        """Take an answer down for those who were pending; no answer at all stays none."""
        singles = outcome.outcomes if isinstance(outcome, PerRecipient) else None
        still = []
        for receiver in self.pending:
            address = receiver.value
            single = outcome if singles is None else singles.get(address)
            if isinstance(single, Deferred) and single.failure.retry in _GOES_ON:
                self._deferred[address].append(single)
                still.append(receiver)
            elif isinstance(single, SingleOutcome):
                self._final[address] = single
        self.pending = tuple(still)

    def outcome(self, left: timedelta) -> Outcome:
        """Return one outcome where all receivers fared alike, else one for each.

        Args:
            left: How long the message is still valid.
        """
        waiting = {
            receiver.value: _best(self._deferred[receiver.value], left) for receiver in self.pending
        }
        outcomes = self._final | waiting
        first = next(iter(outcomes.values()), None)
        is_complete = len(outcomes) == len(self._deferred)
        is_alike = all(outcome == first for outcome in outcomes.values())
        if first is not None and is_complete and is_alike:
            return first
        return PerRecipient(outcomes=outcomes)


def _ask(transport: Transport, envelope: Envelope, mark: _Mark) -> Outcome | None:
    """Return what a provider answered, or nothing where time ran out before it could send."""
    mark.passed = False
    try:
        outcome = transport.send(envelope, mark)
        if not isinstance(outcome, Outcome):
            raise TypeError(type(outcome).__name__)  # noqa: TRY301 - foreign code, as any fault of it
    except Exception as error:  # noqa: BLE001 - as the engine does with its one transport
        if isinstance(error, Withdrawn) and not mark.passed and mark.refusal is None:
            return None
        outcome = _broken(transport, envelope, error, in_doubt=mark.passed)
    if mark.refusal is not None:
        raise mark.refusal
    return outcome


def _broken(
    transport: Transport, envelope: Envelope, error: Exception, *, in_doubt: bool
) -> Outcome:
    """Before the provider's point of no return a fault is harmless; after it, it leaves doubt."""
    what = type(error).__name__
    _log.warning("transport %s failed on message %s: %s", transport.name, envelope.message_id, what)
    failure = Failure(
        code=FailureCode.IN_DOUBT if in_doubt else FailureCode.DEPENDENCY_ERROR,
        description=f"the transport failed: {what}",
        source=FailureSource(name=transport.name, code=what),
        retry=Retry.AMBIGUOUS if in_doubt else Retry.TRANSIENT,
    )
    return Unknown(failure=failure) if in_doubt else Deferred(failure=failure)


def _best(deferred: Sequence[Deferred], left: timedelta) -> Deferred:
    """Return the answer with the longest wait that is of use.

    It is of none beyond the validity, nor beyond the moment when a provider that is merely
    throttled takes messages again.
    """
    throttled = (
        outcome.retry_after
        for outcome in deferred
        if outcome.failure.retry is Retry.THROTTLED and outcome.retry_after is not None
    )
    soonest = min(throttled, default=left)
    useful = [
        outcome for outcome in deferred if _wait(outcome) <= soonest and _wait(outcome) < left
    ]
    return max(useful, key=_rank) if useful else min(deferred, key=_wait)


def _wait(deferred: Deferred) -> timedelta:
    return deferred.retry_after or _NOW


def _rank(deferred: Deferred) -> tuple[timedelta, bool]:
    """Rank a wrong set-up last: an operator must correct it; a provider recovers sooner."""
    return _wait(deferred), deferred.failure.retry is not Retry.CONFIGURATION
