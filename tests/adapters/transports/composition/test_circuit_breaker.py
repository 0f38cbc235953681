import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.circuit_breaker import (
    BreakerState,
    CircuitBreaker,
    Phase,
)
from messaging_core import Messenger, Status, Worker
from messaging_core.errors import ConfigurationError, Withdrawn
from messaging_core.models.common.failure import Failure, FailureCode, Retry
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    Unknown,
)
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.transport import Capabilities, Transport
from messaging_core.testing import ManualClock, a_channel, a_request
from messaging_core.testing.contracts.transport import (
    CONTENTS,
    Leave,
    PeerContract,
    an_envelope,
    check_outcome,
)
from messaging_core.testing.recording import Answer, BeforeHandoff, RecordingTransport
from testing.recorded import AnswerOf, partly_rejected, recording, sent_by

A, B = "ada@x.example", "grace@x.example"


def failure(retry: Retry) -> Failure:
    return Failure(code=15001, description=f"it is {retry}", retry=retry)


BUSY = Deferred(failure=failure(Retry.TRANSIENT))
SLOW = Deferred(failure=failure(Retry.THROTTLED), retry_after=timedelta(seconds=5))
WRONG = Deferred(failure=failure(Retry.CONFIGURATION))
NO = Rejected(failure=failure(Retry.PERMANENT))
GONE = Rejected(failure=failure(Retry.RECIPIENT_GONE))
DOUBT = Unknown(failure=failure(Retry.AMBIGUOUS))
HUNG_UP = OSError("hung up")
UNREACHED = BeforeHandoff(OSError("no route"))


class TestCircuitBreaker(PeerContract):
    def over(self, *answers: Answer | AnswerOf) -> Transport:
        self.inner = recording(*answers)
        return CircuitBreaker(self.inner)

    def make_transport(self) -> Transport:
        return self.over()

    def make_rejected(self) -> Transport:
        return self.over(BeforeHandoff(NO))

    def make_unreachable(self) -> Transport:
        return self.over(BeforeHandoff(BUSY))

    def make_silent(self) -> Transport:
        return self.over(DOUBT)

    def make_reset(self) -> Transport:
        return self.over(DOUBT)

    def make_busy(self) -> Transport:
        return self.over(BeforeHandoff(BUSY))

    def make_partly_rejected(self, address: str) -> Transport:
        return self.over(partly_rejected(address))

    def received(self) -> list[str]:
        return sent_by(self.inner)

    def attempts(self) -> int:
        return len(self.inner.attempts)


class Case:
    """A breaker that opens on three failures in ten seconds, for a minute."""

    def __init__(self, *answers: Answer) -> None:
        self.clock = ManualClock()
        self.inner = RecordingTransport(answers, name="inner")
        self.breaker = CircuitBreaker(
            self.inner, failures=3, window=timedelta(seconds=10), clock=self.clock
        )

    def send(self, refusal: Exception | None = None) -> Outcome | None:
        try:
            return self.breaker.send(an_envelope(*CONTENTS[0]), Leave(refusal))
        except (OSError, Withdrawn):
            return None

    @property
    def phase(self) -> Phase:
        return self.breaker.state.phase

    @property
    def asked(self) -> int:
        return len(self.inner.attempts)


@pytest.mark.parametrize("answer", [BUSY, DOUBT, HUNG_UP, UNREACHED, BeforeHandoff(BUSY)])
def test_it_opens_on_so_many_failures_in_a_window(answer: Answer) -> None:
    case = Case(answer, answer, answer)

    case.send()
    case.send()
    before = case.phase
    case.send()

    assert (before, case.phase) == (Phase.CLOSED, Phase.OPEN)
    assert isinstance(case.send(), Deferred)
    assert case.asked == 3


def test_failures_that_are_far_apart_do_not_open_it() -> None:
    case = Case(*[BUSY] * 6)

    for _ in range(6):
        case.send()
        case.clock.advance(seconds=5)

    assert case.phase is Phase.CLOSED


@pytest.mark.parametrize("answer", [WRONG, Rejected(failure=failure(Retry.CONFIGURATION))])
def test_a_wrong_set_up_opens_it_at_once(answer: Outcome) -> None:
    case = Case(answer)

    assert case.send() is answer

    assert case.phase is Phase.OPEN
    answered = case.send()
    assert isinstance(answered, Deferred)
    assert answered.failure.retry is Retry.CONFIGURATION


@pytest.mark.parametrize("answer", [Accepted(), NO, GONE, SLOW, PerRecipient(outcomes={})])
def test_what_is_no_failure_of_the_provider_does_not_open_it(answer: Outcome) -> None:
    case = Case(*[answer] * 9)

    for _ in range(9):
        case.send()

    assert case.phase is Phase.CLOSED


@pytest.mark.parametrize("refusal", [Withdrawn("cancelled"), OSError("the mark was not written")])
def test_that_leave_was_refused_does_not_open_it(refusal: Exception) -> None:
    case = Case()

    for _ in range(9):
        case.send(refusal)

    assert case.phase is Phase.CLOSED


@pytest.mark.parametrize(
    ("answers", "phase"),
    [
        ((Accepted(), BUSY), Phase.CLOSED),
        ((Accepted(), WRONG), Phase.CLOSED),
        ((Accepted(), DOUBT), Phase.OPEN),
        ((NO, BUSY), Phase.OPEN),
        ((NO, GONE), Phase.CLOSED),
        ((NO, WRONG), Phase.OPEN),
        ((SLOW, SLOW), Phase.CLOSED),
    ],
)
def test_of_several_receivers_the_answer_that_says_most_counts(
    answers: tuple[Any, Any], phase: Phase
) -> None:
    case = Case(*[PerRecipient(outcomes=dict(zip((A, B), answers, strict=True)))] * 3)

    for _ in range(3):
        case.send()

    assert case.phase is phase


def test_while_it_is_open_it_says_how_long() -> None:
    case = Case(WRONG)
    opened_at = case.clock.now()
    case.send()
    case.clock.advance(seconds=20)
    leave = Leave()

    outcome = case.breaker.send(an_envelope(*CONTENTS[0]), leave)

    assert isinstance(outcome, Deferred)
    assert outcome.retry_after == timedelta(seconds=40)
    assert outcome.failure.source is not None
    assert (outcome.failure.source.name, outcome.failure.source.code) == ("inner", "circuit_open")
    assert leave.calls == 0
    check_outcome(outcome, marked=False)
    assert case.breaker.state == BreakerState(
        phase=Phase.OPEN, opened_at=opened_at, retry_at=opened_at + timedelta(minutes=1)
    )


def test_failures_open_it_and_what_it_keeps_back_counts_no_attempt() -> None:
    case = Case(BUSY, DOUBT, HUNG_UP)
    for _ in range(3):
        case.send()

    outcome = case.send()

    assert isinstance(outcome, Deferred)
    assert outcome.failure.code == FailureCode.TRANSIENT
    assert outcome.failure.retry is Retry.THROTTLED


@pytest.mark.parametrize("answer", [Accepted(), NO, GONE])
def test_a_probe_that_is_answered_closes_it(answer: Outcome) -> None:
    case = Case(WRONG, answer)
    case.send()
    case.clock.advance(minutes=1)
    half = case.phase

    case.send()

    assert (half, case.phase) == (Phase.HALF_OPEN, Phase.CLOSED)
    assert case.breaker.state == BreakerState()


@pytest.mark.parametrize("answer", [BUSY, DOUBT, HUNG_UP, UNREACHED, WRONG])
def test_a_probe_that_fails_opens_it_again(answer: Answer) -> None:
    case = Case(WRONG, answer)
    case.send()
    again = case.clock.advance(minutes=1)

    case.send()

    assert case.breaker.state.opened_at == again
    assert case.breaker.state.retry_at == again + timedelta(minutes=1)


def test_a_probe_that_tells_nothing_leaves_it_to_the_next() -> None:
    case = Case(WRONG, SLOW)
    case.send()
    case.clock.advance(minutes=1)

    case.send()
    throttled = case.phase
    case.send(Withdrawn("cancelled"))
    withdrawn = case.phase
    case.send()

    assert (throttled, withdrawn, case.phase) == (Phase.HALF_OPEN, Phase.HALF_OPEN, Phase.CLOSED)


def test_earlier_failures_are_forgotten_when_it_closes() -> None:
    clock = ManualClock()
    inner = RecordingTransport([BUSY, BUSY, BUSY, Accepted(), BUSY, BUSY])
    breaker = CircuitBreaker(inner, failures=3, window=timedelta(hours=1), clock=clock)
    for _ in range(3):
        send(breaker)
    clock.advance(minutes=1)

    for _ in range(3):
        send(breaker)

    assert breaker.state.phase is Phase.CLOSED


class Gate:
    """Hold messages at the provider until a test lets them go with an answer."""

    def __init__(self) -> None:
        self.arrived = threading.Semaphore(0)
        self._answers: list[Answer | None] = []
        self._released = threading.Semaphore(0)

    def __call__(self, _: Envelope) -> Answer | None:
        self.arrived.release()
        assert self._released.acquire(timeout=10)
        return self._answers.pop(0)

    def let_go(self, answer: Answer | None) -> None:
        self._answers.append(answer)
        self._released.release()


def gated() -> tuple[Gate, ManualClock, CircuitBreaker]:
    gate, clock = Gate(), ManualClock()
    return gate, clock, CircuitBreaker(RecordingTransport(gate), failures=1, clock=clock)


def send(breaker: CircuitBreaker) -> Outcome:
    return breaker.send(an_envelope(*CONTENTS[0]), Leave())


def test_exactly_one_message_probes_at_a_time() -> None:
    gate, clock, breaker = gated()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(send, breaker)
        gate.let_go(BUSY)
        first.result(10)
        clock.advance(minutes=1)
        assert gate.arrived.acquire(timeout=10)
        probe = pool.submit(send, breaker)
        assert gate.arrived.acquire(timeout=10)

        others = [pool.submit(send, breaker).result(10) for _ in range(20)]
        gate.let_go(Accepted())

        assert isinstance(probe.result(10), Accepted)
    assert {type(other) for other in others} == {Deferred}
    assert {other.retry_after for other in others if isinstance(other, Deferred)} == {
        timedelta(seconds=1)
    }
    assert breaker.state.phase is Phase.CLOSED


@pytest.mark.parametrize("late", [BUSY, Accepted(), WRONG])
def test_an_answer_from_before_it_opened_changes_nothing(late: Answer) -> None:
    gate, clock, breaker = gated()
    with ThreadPoolExecutor(4) as pool:
        both = [pool.submit(send, breaker) for _ in range(2)]
        assert gate.arrived.acquire(timeout=10)
        assert gate.arrived.acquire(timeout=10)
        gate.let_go(BUSY)
        while breaker.state.phase is not Phase.OPEN:
            threading.Event().wait(0.001)
        opened = breaker.state
        clock.advance(seconds=10)

        gate.let_go(late)
        for future in both:
            future.result(10)

    assert breaker.state == opened


def test_a_clock_that_is_set_back_does_not_keep_it_open_longer() -> None:
    case = Case(WRONG)
    case.send()

    now = case.clock.advance(days=-1)

    assert case.breaker.state.retry_at == now + timedelta(minutes=1)


def test_it_promises_what_the_transport_promises() -> None:
    full = Capabilities(receipts=True, deduplicates_for=timedelta(days=1))
    inner = RecordingTransport(name="pigeon", capabilities=full)

    assert CircuitBreaker(inner).capabilities == full
    assert (CircuitBreaker(inner).name, CircuitBreaker(inner, name="dove").name) == (
        "pigeon",
        "dove",
    )


def test_what_changes_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    case = Case(WRONG)
    case.send()
    case.clock.advance(minutes=1)
    case.send()

    assert caplog.messages == [
        "the circuit of transport inner is open: misconfigured",
        "the circuit of transport inner is closed: well",
    ]


@pytest.mark.parametrize(
    "options", [{"failures": 0}, {"window": timedelta(0)}, {"open_for": timedelta(seconds=-1)}]
)
def test_a_breaker_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        CircuitBreaker(RecordingTransport(), **options)


class BreakerMachine(RuleBasedStateMachine):
    """Compare the breaker with a model that remembers everything and says it plainly."""

    FAILURES, WINDOW, OPEN_FOR = 3, timedelta(seconds=10), timedelta(seconds=60)

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.answer: Answer | None = None
        self.inner = RecordingTransport(lambda _: self.answer)
        self.breaker = CircuitBreaker(
            self.inner,
            failures=self.FAILURES,
            window=self.WINDOW,
            open_for=self.OPEN_FOR,
            clock=self.clock,
        )
        self.opened_at: datetime | None = None
        self.failed_at: list[datetime] = []

    @rule(seconds=st.integers(0, 70))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)

    @rule(answer=st.sampled_from([Accepted(), NO, SLOW, BUSY, DOUBT, HUNG_UP, UNREACHED, WRONG]))
    def a_message_comes(self, answer: Answer) -> None:
        self.answer = answer
        now, asked = self.clock.now(), len(self.inner.attempts)
        is_open = self.opened_at is not None and now < self.opened_at + self.OPEN_FOR

        try:
            outcome = send(self.breaker)
        except OSError:
            outcome = None

        assert (len(self.inner.attempts) == asked) == is_open
        if is_open and self.opened_at is not None:
            assert isinstance(outcome, Deferred)
            assert outcome.retry_after == self.opened_at + self.OPEN_FOR - now
        else:
            self.expect(answer, now)

    def expect(self, answer: Answer, now: datetime) -> None:
        has_failed = answer in (BUSY, DOUBT, HUNG_UP, UNREACHED)
        if has_failed:
            self.failed_at.append(now)
        recent = [at for at in self.failed_at if at > now - self.WINDOW]
        was_half_open = self.opened_at is not None
        opens = has_failed and (was_half_open or len(recent) >= self.FAILURES)
        if answer is WRONG or opens:
            self.opened_at, self.failed_at = now, []
        elif answer in (Accepted(), NO):
            self.opened_at = None

    @invariant()
    def the_state_is_as_expected(self) -> None:
        state, now = self.breaker.state, self.clock.now()
        assert state.opened_at == self.opened_at
        if self.opened_at is None:
            assert state == BreakerState()
        else:
            assert state.retry_at == self.opened_at + self.OPEN_FOR
            is_open = now < self.opened_at + self.OPEN_FOR
            assert state.phase is (Phase.OPEN if is_open else Phase.HALF_OPEN)


TestBreakerMachine: Callable[[], Any] = BreakerMachine.TestCase


def test_messages_wait_while_it_is_open_and_go_when_the_provider_is_back() -> None:
    clock, channel = ManualClock(), a_channel()
    inner = RecordingTransport([BUSY] * 3)
    breaker = CircuitBreaker(inner, failures=3, clock=clock)
    messenger = Messenger(storage=MemoryStorage(), channels={channel: breaker}, clock=clock)
    messages = [messenger.send(channel, a_request()) for _ in range(20)]
    worker = Worker(messenger, threads=1)

    worker.drain()
    asked = len(inner.attempts)
    for _ in range(40):
        clock.advance(minutes=1)
        worker.drain()

    assert asked == 3
    assert {messenger.get(message.id).status for message in messages} == {Status.SENT}
    assert len(inner.attempts) == 23
