"""What becomes of messages that hang, that kill workers, and that no transport can stand."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import (
    Channel,
    ConfigurationError,
    DeliveryReport,
    Message,
    Messenger,
    Status,
    WhenInDoubt,
    Worker,
)
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.delivery.delivery import Delivery
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Unknown,
)
from messaging_core.models.messages.compose import to
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.messages.message import Part
from messaging_core.ports.transport import Handoff
from messaging_core.testing import (
    BeforeHandoff,
    ManualClock,
    RecordingTransport,
    a_channel,
    a_failure,
    a_request,
)

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SOON = timedelta(milliseconds=60)
PATIENCE = 10.0
A, B = "a@x.example", "b@x.example"
THROTTLED = a_failure(FailureCode.THROTTLED, retry=Retry.THROTTLED)
LOST = a_failure(FailureCode.IN_DOUBT, retry=Retry.AMBIGUOUS)


class Engine:
    """A worker and everything around it."""

    def __init__(
        self,
        transport: RecordingTransport,
        channel: Channel | None = None,
        **options: Any,
    ) -> None:
        self.storage, self.clock, self.transport = MemoryStorage(), ManualClock(), transport
        self.channel = channel or a_channel("orders")
        self.messenger = Messenger(
            storage=self.storage, channels={self.channel: transport}, clock=self.clock
        )
        self.worker = Worker(
            self.messenger, **{"threads": 1, "random": lambda: 0.5, "timeout": SOON, **options}
        )

    def send(self, **fields: Any) -> Message:
        return self.messenger.send(self.channel, a_request(**fields))

    def now_is(self, message: Message) -> Message:
        return self.messenger.get(message.id)

    def delivery(self, message: Message) -> Delivery:
        with self.storage.begin(read_only=True) as tx:
            delivery = tx.outbox.delivery(DEFAULT_WORKSPACE, message.id)
        assert delivery is not None
        return delivery

    def try_again(self, message: Message) -> DeliveryReport:
        self.clock.set(self.delivery(message).due_at)
        return self.worker.drain()


class Hanging(RecordingTransport):
    """Hangs before or after it asks for leave, on messages that say so, until it is let go."""

    def __init__(self, *, after: bool, **options: Any) -> None:
        super().__init__(**options)
        self.after = after
        self.leave = threading.Event()
        self.over = threading.Semaphore(0)

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        if envelope.reference != "hang":
            return super().send(envelope, handoff)
        try:
            if not self.after:
                assert self.leave.wait(PATIENCE)
            outcome = super().send(envelope, handoff)
            assert self.leave.wait(PATIENCE)
        finally:
            self.over.release()
        return outcome

    def let_go(self, calls: int = 1) -> None:
        """Wait until calls that hung have come to an end."""
        self.leave.set()
        for _ in range(calls):
            assert self.over.acquire(timeout=PATIENCE)


@contextmanager
def hanging(*, after: bool, **options: Any) -> Iterator[Engine]:
    transport = Hanging(after=after)
    try:
        yield Engine(transport, **options)
    finally:
        transport.leave.set()


def let_go(engine: Engine, calls: int = 1) -> None:
    assert isinstance(engine.transport, Hanging)
    engine.transport.let_go(calls)


class TestHanging:
    def test_a_call_that_hangs_before_leave_is_tried_again_and_gets_no_leave_later(self) -> None:
        with hanging(after=False) as engine:
            message = engine.send(reference="hang")

            assert engine.worker.drain() == DeliveryReport(waiting=1)
            let_go(engine)

            state = engine.now_is(message)
            assert (state.status, state.details) == (Status.PROCESSING, None)
            assert state.failure is not None
            assert state.failure.description == "the transport failed: gave no answer in time"
            assert engine.transport.sent == []
            assert len(engine.transport.withdrawn) == 1
            assert (engine.delivery(message).crashes, engine.delivery(message).attempts) == (1, 1)

    def test_a_call_that_hangs_after_leave_is_in_doubt_and_its_late_answer_ends_the_doubt(
        self,
    ) -> None:
        with hanging(after=True) as engine:
            message = engine.send(reference="hang")

            assert engine.worker.run_once() == DeliveryReport(waiting=1)
            assert engine.now_is(message).details == "in_doubt"
            let_go(engine)

            deadline = monotonic() + PATIENCE
            while engine.now_is(message).status is not Status.SENT:
                assert monotonic() < deadline
                sleep(0.005)
            assert engine.now_is(message).parts == (Part(platform_reference="rec-1"),)
            assert engine.messenger.doubts().answered == 1

    def test_the_others_go_on_and_a_thread_that_comes_back_is_no_loss(self) -> None:
        with hanging(after=False) as engine:
            engine.send(reference="hang")
            others = [engine.send() for _ in range(5)]

            report = engine.worker.drain()

            assert report == DeliveryReport(sent=5, waiting=1)
            assert {engine.now_is(other).status for other in others} == {Status.SENT}

    def test_it_stops_although_a_thread_hangs_for_ever(self) -> None:
        with hanging(after=True) as engine:
            message = engine.send(reference="hang")
            stop, reports = threading.Event(), list[DeliveryReport]()
            thread = threading.Thread(target=lambda: reports.append(engine.worker.run(stop)))
            thread.start()
            deadline = monotonic() + PATIENCE
            while not engine.transport.sent:
                assert monotonic() < deadline
                sleep(0.005)
            stop.set()
            thread.join(PATIENCE)

            assert reports == [DeliveryReport(waiting=1)]
            assert engine.now_is(message).details == "in_doubt"

    def test_no_more_threads_are_replaced_than_it_has_and_the_rest_is_given_back(self) -> None:
        before = threading.active_count()
        with hanging(after=False, threads=2) as engine:
            messages = [engine.send(reference="hang") for _ in range(6)]
            good = engine.send()

            report = engine.worker.drain()

            assert report.sent == 0
            assert threading.active_count() - before <= 4
            crashes = [engine.delivery(message).crashes for message in messages]
            assert sorted(crashes) == [0, 0, 1, 1, 1, 1]
            assert engine.delivery(good).attempts == 0
            assert engine.worker.drain() == DeliveryReport()
            let_go(engine, calls=4)
            deadline = monotonic() + PATIENCE
            while threading.active_count() > before:
                assert monotonic() < deadline
                sleep(0.005)
            assert engine.worker.drain() == DeliveryReport(sent=3)

    @pytest.mark.parametrize("timeout", [timedelta(0), HOUR, 2 * HOUR])
    def test_the_time_out_is_shorter_than_the_lease(self, timeout: timedelta) -> None:
        with pytest.raises(ConfigurationError, match="timeout"):
            Engine(RecordingTransport(), lease=HOUR, timeout=timeout)


class TestPoison:
    def test_a_message_over_which_workers_die_is_given_up(self) -> None:
        engine = Engine(RecordingTransport(), lease=HOUR)
        message = engine.send()
        for _ in range(5):
            with engine.storage.begin() as tx:
                assert tx.outbox.claim(now=engine.clock.now(), lease=HOUR, limit=1)
            engine.clock.advance(hours=1)

        assert engine.worker.drain() == DeliveryReport(failed=1)

        state = engine.now_is(message)
        assert (state.status, state.reason) == (Status.SENDING_FAILED, "poisoned")
        assert state.failure is not None
        assert state.failure.code == FailureCode.POISONED
        assert engine.transport.attempts == []

    @pytest.mark.parametrize("answer", [BeforeHandoff(KeyError("+31612345678"))])
    def test_a_message_that_no_transport_can_stand_is_given_up(self, answer: Any) -> None:
        engine = Engine(RecordingTransport(lambda _: answer), max_crashes=3)
        message = engine.send()
        engine.worker.drain()
        reports = [engine.try_again(message) for _ in range(3)]

        assert reports == [
            DeliveryReport(waiting=1),
            DeliveryReport(waiting=1),
            DeliveryReport(failed=1),
        ]
        state = engine.now_is(message)
        assert state.failure is not None
        assert (
            state.failure.description
            == "given up after 3 crashes; the last that is known: KeyError"
        )
        assert len(engine.transport.attempts) == 3

    def test_a_message_in_doubt_is_the_channels_to_decide(self) -> None:
        engine = Engine(RecordingTransport([ValueError()] * 6), max_crashes=3)
        message = engine.send()
        engine.worker.drain()

        reports = [engine.try_again(message) for _ in range(6)]

        assert reports == [DeliveryReport(waiting=1)] * 5 + [DeliveryReport(sent=1)]

    @pytest.mark.parametrize("wrapped", [False, True])
    def test_a_network_that_is_down_poisons_nothing(self, wrapped: bool) -> None:  # noqa: FBT001
        error = RuntimeError("no connection")
        error.__cause__ = ConnectionRefusedError()
        fault = error if wrapped else ConnectionRefusedError()
        engine = Engine(RecordingTransport([BeforeHandoff(fault)] * 9), max_crashes=3)
        message = engine.send()
        engine.worker.drain()

        for _ in range(8):
            assert engine.try_again(message) == DeliveryReport(waiting=1)

        assert engine.delivery(message).crashes == 0
        assert engine.try_again(message) == DeliveryReport(sent=1)

    def test_a_message_that_cannot_be_prepared_is_given_up(self) -> None:
        engine = Engine(RecordingTransport())
        message = engine.send()
        engine.transport.capabilities = None  # type: ignore[assignment]
        engine.worker.drain()
        for _ in range(5):
            engine.try_again(message)

        assert engine.now_is(message).reason == "poisoned"

    def test_there_is_patience_for_one_crash_at_least(self) -> None:
        with pytest.raises(ConfigurationError, match="max_crashes"):
            Engine(RecordingTransport(), max_crashes=0)


class TestWhatCountsAsAnAttempt:
    @pytest.mark.parametrize("random", [lambda: 1 / 0, lambda: "often", lambda: float("inf")])
    def test_a_random_source_that_fails_costs_no_message(self, random: Any) -> None:
        engine = Engine(RecordingTransport(), random=random)
        engine.send()

        assert engine.worker.drain() == DeliveryReport(sent=1)
        assert len(engine.transport.sent) == 1

    @pytest.mark.parametrize(
        ("retry", "named", "least"),
        [
            (Retry.THROTTLED, timedelta(seconds=1), 1),
            (Retry.THROTTLED, None, 60),
            (Retry.TRANSIENT, timedelta(seconds=1), 60),
            (Retry.TRANSIENT, timedelta(minutes=10), 600),
        ],
    )
    def test_an_email_waits_a_minute_unless_a_limit_names_its_wait(
        self, retry: Retry, named: timedelta | None, least: int
    ) -> None:
        mail = a_channel("mail", "email")
        busy = Deferred(failure=evolve(THROTTLED, retry=retry), retry_after=named)
        storage, clock = MemoryStorage(), ManualClock()
        messenger = Messenger(
            storage=storage, channels={mail: RecordingTransport([busy])}, clock=clock
        )
        messenger.send(mail, a_request(receiver=to("ada@shop.example")))
        Worker(messenger, threads=1, random=lambda: 0.0).drain()

        with storage.begin(read_only=True) as tx:
            due_at = tx.outbox.next_due()

        assert due_at == clock.now() + timedelta(seconds=least)

    def test_being_throttled_counts_no_attempt_and_makes_no_wait_longer(self) -> None:
        engine = Engine(RecordingTransport([Deferred(failure=THROTTLED)] * 8))
        message = engine.send()
        engine.worker.drain()

        for _ in range(7):
            assert engine.delivery(message).due_at - engine.clock.now() == timedelta(seconds=3.75)
            engine.try_again(message)

        assert engine.delivery(message).attempts == 0
        assert engine.try_again(message) == DeliveryReport(sent=1)

    def test_who_is_certainly_not_served_is_not_given_up_with_those_in_doubt(self) -> None:
        outcomes = {A: Unknown(failure=LOST), B: Deferred(failure=THROTTLED)}
        channel = a_channel("mail", "email", when_in_doubt=WhenInDoubt.FAIL)
        engine = Engine(RecordingTransport([PerRecipient(outcomes=outcomes)]), channel)
        message = engine.send(to=[A, B])

        assert engine.worker.drain() == DeliveryReport(waiting=1)
        assert not engine.messenger.cancel(message.id)
        assert engine.try_again(message) == DeliveryReport(sent=1)

        assert [[to.value for to in envelope.receivers] for envelope in engine.transport.sent] == [
            [A, B],
            [B],
        ]
        state = engine.now_is(message)
        assert (state.details, state.failure and state.failure.code) == (
            "partly_refused",
            FailureCode.IN_DOUBT,
        )

    def test_the_answer_of_a_call_in_time_is_taken(self) -> None:
        engine = Engine(RecordingTransport([Accepted(references=("r",))]))
        message = engine.send()

        engine.worker.drain()

        assert [part.platform_reference for part in engine.now_is(message).parts] == ["r"]
