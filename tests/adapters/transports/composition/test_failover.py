from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.circuit_breaker import CircuitBreaker, Phase
from messaging_adapters.transports.composition.failover import Failover
from messaging_adapters.transports.composition.round_robin import RoundRobin
from messaging_adapters.transports.composition.throttled import Throttled
from messaging_core import Messenger, Status, Worker
from messaging_core.errors import ConfigurationError, Withdrawn
from messaging_core.models.common.failure import Failure, Retry
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    Unknown,
)
from messaging_core.models.messages.envelope import Envelope, Recipient
from messaging_core.ports.transport import Capabilities, Handoff, Transport
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

A, B, C = "ada@x.example", "grace@x.example", "joan@x.example"


def failure(retry: Retry) -> Failure:
    return Failure(code=15001, description=f"it is {retry}", retry=retry)


def deferred(retry: Retry = Retry.TRANSIENT, seconds: float | None = None) -> Deferred:
    wait = None if seconds is None else timedelta(seconds=seconds)
    return Deferred(failure=failure(retry), retry_after=wait)


BUSY = deferred()
NO = Rejected(failure=failure(Retry.PERMANENT))
DOUBT = Unknown(failure=failure(Retry.AMBIGUOUS))


class TestFailover(PeerContract):
    def over(self, *answers: Answer | AnswerOf) -> Transport:
        self.second = recording(*answers, name="second")
        return Failover(
            RecordingTransport(lambda _: BeforeHandoff(BUSY), name="first"), self.second
        )

    def make_transport(self) -> Transport:
        return self.over()

    def make_rejected(self) -> Transport:
        return self.over(BeforeHandoff(NO))

    def make_unreachable(self) -> Transport:
        return self.over(BeforeHandoff(OSError("no route")))

    def make_silent(self) -> Transport:
        return self.over(DOUBT)

    def make_reset(self) -> Transport:
        return self.over(DOUBT)

    def make_busy(self) -> Transport:
        return self.over(BeforeHandoff(BUSY))

    def make_partly_rejected(self, address: str) -> Transport:
        return self.over(partly_rejected(address))

    def received(self) -> list[str]:
        return sent_by(self.second)

    def attempts(self) -> int:
        return len(self.second.attempts)


class TestFailoverAfterTheFirstAnswered(TestFailover):
    """The first passes the point of no return, and says that it did not take the message."""

    def over(self, *answers: Answer | AnswerOf) -> Transport:
        self.second = recording(*answers, name="second")
        return Failover(RecordingTransport(lambda _: BUSY, name="first"), self.second)

    def test_a_peer_that_is_away_leaves_no_doubt(self) -> None:
        # The mark was made for the first; all the same the second certainly sent nothing.
        leave = Leave()

        outcome = self.make_unreachable().send(self.make_envelope(), leave)

        assert isinstance(outcome, Deferred)
        assert leave.calls == 1


class Case:
    """Two providers that answer as told, and one message to them."""

    def __init__(self, *answers: Answer, to: Iterable[str] = (A,), **options: Any) -> None:
        self.providers = [
            RecordingTransport([answer], name=f"p{number}") for number, answer in enumerate(answers)
        ]
        self.failover = Failover(*self.providers, **options)
        self.leave = Leave()
        receivers = tuple(Recipient(value=address) for address in to)
        self.envelope = evolve(an_envelope(*CONTENTS[0]), receivers=receivers)

    def send(self) -> Outcome:
        return self.failover.send(self.envelope, self.leave)

    @property
    def asked(self) -> list[list[str]]:
        """Return whom each provider was asked to write to."""
        return [
            [receiver.value for envelope in provider.attempts for receiver in envelope.receivers]
            for provider in self.providers
        ]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("retry", [Retry.TRANSIENT, Retry.THROTTLED, Retry.CONFIGURATION])
def test_the_next_is_asked_when_the_first_defers(retry: Retry, before: bool) -> None:  # noqa: FBT001
    answer = deferred(retry)
    case = Case(BeforeHandoff(answer) if before else answer, Accepted(references=("2",)))

    outcome = case.send()

    assert outcome == Accepted(references=("2",))
    assert case.leave.calls == 1
    assert case.providers[1].attempts == [case.envelope]


@pytest.mark.parametrize(
    "answer",
    [
        Accepted(),
        NO,
        Rejected(failure=failure(Retry.RECIPIENT_GONE)),
        Rejected(failure=failure(Retry.CONFIGURATION)),
        DOUBT,
        deferred(Retry.PERMANENT),
        BeforeHandoff(NO),
    ],
)
def test_any_other_answer_ends_the_matter(answer: Answer) -> None:
    case = Case(answer, Accepted(references=("2",)))

    outcome = case.send()

    assert outcome == (answer.answer if isinstance(answer, BeforeHandoff) else answer)
    assert case.asked == [[A], []]


def test_a_fault_before_the_point_of_no_return_leads_to_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    case = Case(BeforeHandoff(OSError("no route to Ada")), Accepted())

    assert case.send() == Accepted()
    assert "transport p0 failed" in caplog.text
    assert "Ada" not in caplog.text


def test_a_fault_after_it_is_doubt_and_ends_the_matter() -> None:
    case = Case(OSError("hung up"), Accepted())

    outcome = case.send()

    assert isinstance(outcome, Unknown)
    assert outcome.failure.source is not None
    assert outcome.failure.source.name == "p0"
    assert case.asked == [[A], []]


def test_a_fault_of_the_second_before_its_own_point_of_no_return_is_no_doubt() -> None:
    case = Case(BUSY, BeforeHandoff(OSError("no route")))

    outcome = case.send()

    assert isinstance(outcome, Deferred)
    assert case.leave.calls == 1


@pytest.mark.parametrize("marked", [True, False])
def test_an_answer_that_makes_no_sense_is_a_fault(marked: bool) -> None:  # noqa: FBT001
    nonsense: Any = object()
    case = Case(nonsense if marked else BeforeHandoff(nonsense), Accepted())

    assert isinstance(case.send(), Unknown if marked else Accepted)


class Swallows(Transport):
    """Break the rules: catch what `handoff()` raises."""

    name = "swallows"
    capabilities = Capabilities()

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:  # noqa: ARG002
        try:
            handoff()
        except Exception:  # noqa: BLE001
            return BUSY
        return Accepted()


def test_no_provider_is_asked_after_the_message_was_withdrawn() -> None:
    second = RecordingTransport()

    with pytest.raises(Withdrawn, match="cancelled"):
        Failover(Swallows(), second).send(an_envelope(*CONTENTS[0]), Leave(Withdrawn("cancelled")))

    assert second.attempts == []


def test_only_those_deferred_go_on() -> None:
    answer = PerRecipient(
        outcomes={A: Accepted(references=("1",)), B: deferred(Retry.THROTTLED), C: NO}
    )
    case = Case(answer, Accepted(references=("2",)), to=(A, B, C))

    outcome = case.send()

    assert case.asked == [[A, B, C], [B]]
    assert outcome == PerRecipient(
        outcomes={A: Accepted(references=("1",)), B: Accepted(references=("2",)), C: NO}
    )
    assert case.leave.calls == 1


def test_what_one_took_is_not_forgotten_when_the_next_breaks_off() -> None:
    answer = PerRecipient(outcomes={A: Accepted(), B: BUSY})
    case = Case(answer, OSError("hung up"), to=(A, B))

    outcome = case.send()

    assert isinstance(outcome, PerRecipient)
    assert outcome.outcomes[A] == Accepted()
    assert isinstance(outcome.outcomes[B], Unknown)


def test_receivers_that_fared_alike_get_one_answer() -> None:
    case = Case(PerRecipient(outcomes={A: BUSY, B: BUSY}), NO, to=(A, B))

    assert case.send() == NO


def test_a_receiver_without_an_answer_stays_without_one() -> None:
    case = Case(PerRecipient(outcomes={A: Accepted()}), Accepted(), to=(A, B))

    assert case.send() == PerRecipient(outcomes={A: Accepted()})
    assert case.asked == [[A, B], []]


@pytest.mark.parametrize(
    ("answers", "chosen"),
    [
        ([deferred(seconds=5), deferred(seconds=60), deferred()], 1),
        ([deferred(seconds=5), deferred(seconds=7200)], 0),  # valid for an hour only
        ([deferred(seconds=300), deferred(Retry.THROTTLED, 1)], 1),
        ([deferred(Retry.THROTTLED, 9), deferred(Retry.THROTTLED, 1)], 1),
        ([deferred(Retry.CONFIGURATION), deferred()], 1),
        ([deferred(), deferred(Retry.CONFIGURATION)], 0),
        ([deferred(seconds=9000), deferred(seconds=7200)], 1),
    ],
)
def test_when_all_defer_the_longest_wait_that_is_of_use_counts(
    answers: list[Deferred], chosen: int
) -> None:
    case = Case(*answers)

    assert case.send() is answers[chosen]


def test_no_provider_is_asked_after_the_message_has_expired() -> None:
    clock = ManualClock()
    envelope = evolve(an_envelope(*CONTENTS[0]), expires_at=clock.now() + timedelta(minutes=1))

    def slow(_: Envelope) -> Answer:
        clock.advance(minutes=1)
        return BUSY

    second, third = RecordingTransport(), RecordingTransport()
    failover = Failover(RecordingTransport(slow), second, third, clock=clock)

    outcome = failover.send(envelope, Leave())

    assert outcome is BUSY
    assert second.sent == third.attempts == []


def test_it_promises_what_all_promise_and_no_recognising() -> None:
    full = Capabilities(receipts=True, deduplicates_for=timedelta(days=1))
    first, other = RecordingTransport(capabilities=full), RecordingTransport()

    assert Failover(first, first).capabilities == Capabilities(receipts=True)
    assert Failover(first, other).capabilities == Capabilities()


def test_it_needs_a_transport_and_has_a_name() -> None:
    assert Failover(RecordingTransport(), name="mail").name == "mail"
    with pytest.raises(ConfigurationError):
        Failover()


ANSWERS = st.sampled_from(
    [Accepted(), NO, DOUBT, BUSY, deferred(Retry.THROTTLED, 3), deferred(Retry.CONFIGURATION)]
)


@st.composite
def answers_to_many(draw: st.DrawFn) -> Answer:
    """Draw what a provider answers, in any of the ways there are."""
    kind = draw(st.sampled_from(["single", "each", "before", "raise", "raise before"]))
    if kind == "each":
        return PerRecipient(outcomes={address: draw(ANSWERS) for address in (A, B, C)})
    if kind.startswith("raise"):
        return OSError("gone") if kind == "raise" else BeforeHandoff(OSError("gone"))
    answer = draw(ANSWERS)
    is_before = kind == "before" and isinstance(answer, Deferred | Rejected)
    return BeforeHandoff(answer) if is_before else answer


@given(st.lists(answers_to_many(), min_size=1, max_size=4))
def test_no_receiver_gets_a_possible_second_copy(answers: list[Answer]) -> None:
    case = Case(*answers, to=(A, B, C))

    outcome = case.send()

    pending = {A, B, C}
    for answer, asked in zip(answers, case.asked, strict=True):
        assert set(asked) == pending
        pending = {address for address in pending if goes_on(answer, address)}
    assert case.leave.calls <= 1
    check_outcome(outcome, marked=case.leave.calls == 1)
    outcomes = (
        outcome.outcomes if isinstance(outcome, PerRecipient) else dict.fromkeys([A, B, C], outcome)
    )
    assert {
        address for address, outcome in outcomes.items() if isinstance(outcome, Deferred)
    } == pending


def goes_on(answer: Answer, address: str) -> bool:
    if isinstance(answer, BeforeHandoff):
        return isinstance(answer.answer, Deferred | OSError)
    outcome = answer.outcomes[address] if isinstance(answer, PerRecipient) else answer
    return isinstance(outcome, Deferred)


def test_composites_nest() -> None:
    clock = ManualClock()
    down = RecordingTransport(lambda _: BUSY, name="down")
    breaker = CircuitBreaker(down, failures=2, clock=clock)
    spare = RecordingTransport(name="spare")
    transport = Failover(
        Throttled(breaker, 10, burst=3, clock=clock),
        RoundRobin(Failover(spare, clock=clock), spare),
        clock=clock,
    )
    leave = Leave()

    outcomes = [transport.send(an_envelope(*CONTENTS[0]), leave) for _ in range(6)]

    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert leave.calls == len(spare.sent) == 6
    assert len(down.attempts) == 2
    assert breaker.state.phase is Phase.OPEN


class TestNested(PeerContract):
    """The contract holds through all four at once."""

    def over(self, *answers: Answer | AnswerOf) -> Transport:
        self.inner = recording(*answers)
        away = RecordingTransport(lambda _: BUSY)
        guarded = Throttled(CircuitBreaker(self.inner), 1e6, burst=1000)
        return Failover(away, RoundRobin(Failover(guarded), guarded))

    def make_transport(self) -> Transport:
        return self.over()

    def make_rejected(self) -> Transport:
        return self.over(BeforeHandoff(NO))

    def make_unreachable(self) -> Transport:
        self.inner = RecordingTransport([BeforeHandoff(BUSY)])
        return Failover(Throttled(CircuitBreaker(self.inner), 1e6))

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


def test_a_message_is_really_delivered_by_the_second() -> None:
    clock, channel = ManualClock(), a_channel()
    first = RecordingTransport(lambda _: BUSY)
    second = RecordingTransport()
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={channel: Failover(first, second, clock=clock)},
        clock=clock,
    )
    message = messenger.send(channel, a_request())

    Worker(messenger).drain()

    delivered = messenger.get(message.id)
    assert delivered.status is Status.SENT
    assert [part.platform_reference for part in delivered.parts] == ["rec-1"]
    assert (len(first.attempts), len(second.sent)) == (1, 1)


def test_doubt_is_never_sent_again_by_another_provider() -> None:
    clock, channel = ManualClock(), a_channel(when_in_doubt="fail")
    first, second = RecordingTransport([OSError("hung up")]), RecordingTransport()
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={channel: Failover(first, second, clock=clock)},
        clock=clock,
    )
    message = messenger.send(channel, a_request())

    Worker(messenger).drain()
    doubtful = messenger.get(message.id)
    clock.advance(hours=1)
    Worker(messenger).drain()

    assert (doubtful.status, doubtful.details) == (Status.PROCESSING, "in_doubt")
    assert messenger.get(message.id).status is Status.SENDING_FAILED
    assert second.attempts == []
