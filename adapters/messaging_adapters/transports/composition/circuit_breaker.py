"""A provider that is left alone for a while after it failed."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from messaging_adapters.transports.composition._shared_circuit import Opening, SharedCircuit
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
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.transport import Handoff, Transport

_log = logging.getLogger(__name__)

_PROBE_WAIT: Final = timedelta(seconds=1)
_LEAST_PROBE: Final = timedelta(minutes=1)


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

    With a `key`, the processes that use one storage tell each other: within a second after one of
    them has opened or closed the circuit, the others do too, and one process at a time probes.
    Each counts its own failures. A process that dies during a probe holds it up for `open_for`,
    at least a minute. If the storage fails, each process goes by what it knows.

    Args:
        transport: Who is asked.
        failures: How many open the circuit.
        window: Within which time.
        open_for: How long the provider is left alone.
        name: As in `Failure.source` and logs; by default the transport's.
        key: Names a circuit that processes share, on the storage of the messenger.
        clock: Tells the time; by default the clock of the messenger if the circuit has a key.

    Raises:
        ConfigurationError: A number or time that is not positive.
    """

    @checked(
        transport=a_transport,
        failures=whole(),
        window=span(),
        open_for=span(),
        name=optional(a_text),
        key=optional(a_text),
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
        key: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.name = name or transport.name
        self.capabilities = transport.capabilities
        self._transport = transport
        self._own_clock = clock
        self._clock = clock or SystemClock()
        self._shared = SharedCircuit(key, max(open_for, _LEAST_PROBE)) if key else None
        self._sharing = ForkSafeLock()
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

    def share(self, storage: Storage, clock: Clock) -> None:
        """Keep the state on a storage, if the circuit has a key."""
        if self._shared is not None:
            self._clock = self._own_clock or clock
            self._shared.share(storage)

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        ticket, was_misconfigured = self._admitted()
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

    def _admitted(self) -> tuple[int | timedelta, bool]:
        """Return the round or the wait of a message, and whether the configuration is wrong."""
        now = self._clock.now()
        if self._shared is not None and self._shared.must_look(now):
            with self._sharing:  # nothing is noted between the look and what follows from it
                opening = self._shared.look(self._circuit.opening)
                self._adopt(opening, now)
        with self._lock:
            ticket = self._circuit.admit(now)
            known, was_misconfigured = self._circuit.opening, self._circuit.is_misconfigured
        if self._shared is not None and known is not None and isinstance(ticket, int):
            with self._sharing:
                may_probe, opening = self._shared.begin_probe(now, known)
                if not may_probe:
                    with self._lock:
                        self._circuit.leave_probe(now)
                    self._adopt(opening, now)
                    return _PROBE_WAIT, was_misconfigured
        return ticket, was_misconfigured

    def _adopt(self, opening: Opening | None, now: datetime) -> None:
        with self._lock:
            before = self._circuit.state(now).phase
            self._circuit.adopt(opening)
            after = self._circuit.state(now).phase
        if (before is Phase.CLOSED) != (after is Phase.CLOSED):
            _log.warning("the circuit of transport %s is %s: another process", self.name, after)

    def _note(self, ticket: int, verdict: _Verdict) -> None:
        with self._sharing:
            with self._lock:
                now = self._clock.now()
                before = self._circuit.state(now).phase
                is_news = self._circuit.note(ticket, verdict, now)
                after, opening = self._circuit.state(now).phase, self._circuit.opening
            if is_news and self._shared is not None:
                self._shared.put(opening)
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
        self._left_until: datetime | None = None
        self._round = 0

    @property
    def opening(self) -> Opening | None:
        """Return why and since when it is open or half open."""
        if self._opened_at is None:
            return None
        return Opening(at=self._opened_at, misconfigured=self.is_misconfigured)

    def adopt(self, opening: Opening | None) -> None:
        """Take over what another process found out, unless this one probes or knows better."""
        if self._is_probing:
            return
        if opening is None and self._opened_at is not None:
            self._opened_at = None
            self._round += 1
        elif opening is not None and (self._opened_at is None or opening.at > self._opened_at):
            self._open(opening.at, misconfigured=opening.misconfigured)

    def leave_probe(self, now: datetime) -> None:
        """Leave the probe that was just admitted to another process, for a second."""
        self._is_probing = False
        self._left_until = now + _PROBE_WAIT

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
        if self._left_until is not None and now < self._left_until <= now + _PROBE_WAIT:
            return self._left_until - now
        self._is_probing = True
        self._round += 1
        return self._round

    def note(self, ticket: int, verdict: _Verdict, now: datetime) -> bool:
        """Take an answer into account; return whether others should know."""
        if ticket != self._round:
            return False
        is_probe, self._is_probing = self._is_probing, False
        if verdict is _Verdict.MISCONFIGURED or (verdict is _Verdict.FAILED and is_probe):
            self._open(now, misconfigured=verdict is _Verdict.MISCONFIGURED)
        elif verdict is _Verdict.FAILED:
            self._count(now)
        elif verdict is _Verdict.WELL and is_probe:
            self._opened_at = None
        return is_probe or self._opened_at is not None

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
