"""A provider that is left alone for a while after it failed."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from messaging_core.arguments import a_text, checked, optional, span, whole
from messaging_core.fork import ForkSafeLock
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
from messaging_core.models.delivery.worker_state import CircuitPhase, CircuitState
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.ports.components import a_clock, a_transport
from messaging_core.ports.transport import Handoff, Transport

_log = logging.getLogger(__name__)

_PROBE_WAIT: Final = timedelta(seconds=1)


Phase = CircuitPhase
BreakerState = CircuitState


class _Verdict(StrEnum):
    """What an answer says about the provider, whatever it says about the message."""

    WELL = "well"
    FAILED = "failed"
    MISCONFIGURED = "misconfigured"
    NOTHING = "nothing"


class CircuitBreaker(Transport):
    """Stop asking a provider that fails, for a limited time, and then try it with one message.

    It opens at once on a failure of configuration, and on so many failures within a window:
    transient ones, exceptions, and doubt. That a receiver is refused, or that the provider wants
    us to slow down, is no failure of the provider. While it is open every message is answered
    with `Deferred` and the time until it may be tried again. Then exactly one message at a time
    goes as a probe; it closes the circuit or opens it again.

    What was under way when the circuit opened says nothing about the provider's state since, and
    does not count.

    Args:
        transport: Who is asked.
        failures: How many open the circuit.
        window: Within which time.
        open_for: How long the provider is left alone.
        name: As in `Failure.source` and logs; by default the transport's.
        clock: Tells the time.

    Raises:
        ConfigurationError: A number or time that is not positive.
    """

    @checked(
        transport=a_transport,
        failures=whole(),
        window=span(),
        open_for=span(),
        name=optional(a_text),
        clock=optional(a_clock),
    )
    def __init__(  # noqa: PLR0913 - one transport, the others have defaults
        self,
        transport: Transport,
        *,
        failures: int = 20,
        window: timedelta = timedelta(seconds=30),
        open_for: timedelta = timedelta(minutes=1),
        name: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.name = name or transport.name
        self.capabilities = transport.capabilities
        self._transport = transport
        self._clock = clock or SystemClock()
        self._circuit = _Circuit(failures, window, open_for)
        self._lock = ForkSafeLock()

    @property
    def transports(self) -> tuple[Transport, ...]:
        """Return the transport behind it, whose receipts are its own."""
        return (self._transport,)

    def __repr__(self) -> str:
        return f"CircuitBreaker({self._transport!r}, name={self.name!r})"

    @property
    def state(self) -> BreakerState:
        """Return how the breaker stands now."""
        with self._lock:
            return self._circuit.state(self._clock.now())

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        with self._lock:
            ticket = self._circuit.admit(self._clock.now())
            was_misconfigured = self._circuit.is_misconfigured
        if isinstance(ticket, timedelta):
            return self._left_alone(ticket, misconfigured=was_misconfigured)
        mark = _Mark(handoff)
        verdict = _Verdict.NOTHING
        try:
            outcome = self._transport.send(envelope, mark)
            verdict = _verdict(outcome)
        except Exception:
            verdict = _Verdict.NOTHING if mark.is_refused else _Verdict.FAILED
            raise
        finally:
            self._note(ticket, verdict)
        return outcome

    def _note(self, ticket: int, verdict: _Verdict) -> None:
        with self._lock:
            now = self._clock.now()
            before = self._circuit.state(now).phase
            self._circuit.note(ticket, verdict, now)
            after = self._circuit.state(now).phase
        if after is not before:
            _log.warning("the circuit of transport %s is %s: %s", self.name, after, verdict)

    def _left_alone(self, wait: timedelta, *, misconfigured: bool) -> Deferred:
        # The provider is not asked, so no attempt counts: as with a provider that throttles us.
        code, retry = FailureCode.TRANSIENT, Retry.THROTTLED
        if misconfigured:
            code, retry = FailureCode.INVALID_CHANNEL_CONFIGURATION, Retry.CONFIGURATION
        failure = Failure(
            code=code,
            description="the provider failed, and is left alone for a while",
            source=FailureSource(name=self.name, code="circuit_open"),
            retry=retry,
        )
        return Deferred(failure=failure, retry_after=wait)


class _Mark(Handoff):
    """The engine's mark, remembering whether leave was refused: that is no fault of a provider."""

    def __init__(self, handoff: Handoff) -> None:
        self.is_refused = False
        self._handoff = handoff

    def __call__(self, *, references: Sequence[str] = ()) -> None:
        try:
            self._handoff(references=references)
        except BaseException:
            self.is_refused = True
            raise


class _Circuit:
    """The state machine: who may go, and what an answer changes; not for several threads at once.

    Each opening and each probe begins a new round, and answers from an earlier round are stale.
    """

    def __init__(self, failures: int, window: timedelta, open_for: timedelta) -> None:
        self.is_misconfigured = False
        self._failures = failures
        self._window = window
        self._open_for = open_for
        self._opened_at: datetime | None = None
        self._failed_at: list[datetime] = []
        self._is_probing = False
        self._round = 0

    def state(self, now: datetime) -> BreakerState:
        if self._opened_at is None:
            return BreakerState()
        # If the clock was set back, the time starts again, so it is never longer than agreed.
        self._opened_at = min(self._opened_at, now)
        retry_at = self._opened_at + self._open_for
        phase = Phase.OPEN if now < retry_at else Phase.HALF_OPEN
        return BreakerState(phase=phase, opened_at=self._opened_at, retry_at=retry_at)

    def admit(self, now: datetime) -> int | timedelta:
        """Return the round in which a message goes, or how long it has to wait."""
        retry_at = self.state(now).retry_at
        if retry_at is None:
            return self._round
        if now < retry_at or self._is_probing:
            return max(retry_at - now, _PROBE_WAIT) if self._is_probing else retry_at - now
        self._is_probing = True
        self._round += 1
        return self._round

    def note(self, ticket: int, verdict: _Verdict, now: datetime) -> None:
        """Take an answer into account."""
        if ticket != self._round:
            return
        is_probe, self._is_probing = self._is_probing, False
        if verdict is _Verdict.MISCONFIGURED or (verdict is _Verdict.FAILED and is_probe):
            self._open(now, misconfigured=verdict is _Verdict.MISCONFIGURED)
        elif verdict is _Verdict.FAILED:
            self._count(now)
        elif verdict is _Verdict.WELL and is_probe:
            self._opened_at = None

    def _count(self, now: datetime) -> None:
        since = now - self._window
        self._failed_at = [at for at in self._failed_at if since < at <= now] + [now]
        if len(self._failed_at) >= self._failures:
            self._open(now, misconfigured=False)

    def _open(self, now: datetime, *, misconfigured: bool) -> None:
        self.is_misconfigured = misconfigured
        self._opened_at = now
        self._failed_at = []
        self._round += 1


def _verdict(outcome: Outcome) -> _Verdict:
    """Judge by the answer that says most; no answer says more than doubt."""
    singles = outcome.outcomes.values() if isinstance(outcome, PerRecipient) else [outcome]
    verdicts = {_single(single) for single in singles}
    if any(isinstance(single, Unknown) for single in singles):
        return _Verdict.FAILED
    if any(isinstance(single, Accepted) for single in singles):
        return _Verdict.WELL
    order = (_Verdict.MISCONFIGURED, _Verdict.FAILED, _Verdict.WELL)
    return next((verdict for verdict in order if verdict in verdicts), _Verdict.NOTHING)


def _single(outcome: SingleOutcome) -> _Verdict:
    match outcome:
        case Accepted():
            return _Verdict.WELL
        case Deferred() | Rejected() if outcome.failure.retry is Retry.CONFIGURATION:
            return _Verdict.MISCONFIGURED
        case Rejected():
            return _Verdict.WELL
        case Deferred() if outcome.failure.retry is Retry.THROTTLED:
            return _Verdict.NOTHING
    return _Verdict.FAILED
