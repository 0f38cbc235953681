"""What becomes of messages in a worker's hands, whatever transports, clocks and storages do."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import (
    DeliveryReport,
    Message,
    MessageQuery,
    Messenger,
    Status,
    StorageError,
    Worker,
)
from messaging_core.context import EngineContext
from messaging_core.delivery.group_commit import GroupCommit
from messaging_core.delivery.recorder import PendingHandoff
from messaging_core.errors import Withdrawn
from messaging_core.models.common.channel import (
    DEFAULT_WORKSPACE,
    Channel,
    MessageType,
    WhenInDoubt,
)
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.delivery.delivery import Delivery
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    PerRecipient,
    Rejected,
    Unknown,
)
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.messages.message import Part
from messaging_core.models.messages.notification import Notification
from messaging_core.notifications.audience import MappedAudience
from messaging_core.ports.clock import TimeOrderedIds
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.ports.transport import Capabilities
from messaging_core.testing import (
    MONDAY_MORNING as NOW,
)
from messaging_core.testing import (
    BeforeHandoff,
    ManualClock,
    RecordingTransport,
    a_channel,
    a_failure,
    a_request,
)

BUSY = a_failure()
LOST = a_failure(FailureCode.IN_DOUBT, retry=Retry.AMBIGUOUS)
GONE = a_failure(FailureCode.UNKNOWN_RECEIVER, retry=Retry.RECIPIENT_GONE)
ORDERS, MAIL = a_channel("orders"), a_channel("mail", "email")
A, B, C = "a@x.example", "b@x.example", "c@x.example"
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
PATIENCE = 10.0


class Engine:
    """A worker and everything around it."""

    def __init__(
        self,
        *answers: Any,
        channel: Channel = ORDERS,
        storage: Storage | None = None,
        transport: RecordingTransport | None = None,
        **options: Any,
    ) -> None:
        self.storage = storage or MemoryStorage()
        self.clock = ManualClock()
        self.transport = transport or RecordingTransport(answers)
        self.channel = channel
        self.messenger = Messenger(
            storage=self.storage, channels={channel: self.transport}, clock=self.clock
        )
        options = {"threads": 1, "random": lambda: 0.5, **options}
        self.worker = Worker(self.messenger, **options)

    def send(self, body: str = "hi", **fields: Any) -> Message:
        to = A if self.channel.platform == "email" else "+31612345678"
        return self.messenger.send(self.channel, a_request(body, **{"to": to, **fields}))

    def now_is(self, message: Message) -> Message:
        return self.messenger.get(message.id)

    def delivery(self, message: Message) -> Delivery:
        with self.storage.begin(read_only=True) as tx:
            delivery = tx.outbox.delivery(DEFAULT_WORKSPACE, message.id)
        assert delivery is not None
        return delivery

    def sleep_until_due(self, message: Message) -> timedelta:
        """Move to when the message is tried again, and return how long that was."""
        before, due_at = self.clock.now(), self.delivery(message).due_at
        self.clock.set(due_at)
        return due_at - before


def until(condition: Callable[[], object]) -> None:
    """Wait for something that another thread does."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, "it never came true"
        sleep(0.005)


@contextmanager
def running(engine: Engine) -> Iterator[Callable[[], DeliveryReport]]:
    """Run the worker beside the block; what is yielded stops it and returns its report."""
    stop, reports = threading.Event(), list[DeliveryReport]()
    thread = threading.Thread(target=lambda: reports.append(engine.worker.run(stop)))
    thread.start()

    def finish() -> DeliveryReport:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        return reports[0]

    try:
        yield finish
    finally:
        stop.set()
        thread.join(PATIENCE)


class TestOutcomes:
    def test_a_message_that_is_due_is_sent_once(self) -> None:
        engine = Engine()
        message = engine.send()

        report = engine.worker.run_once()

        assert report == DeliveryReport(sent=1)
        state = engine.now_is(message)
        assert (state.status, state.parts) == (Status.SENT, (Part(platform_reference="rec-1"),))
        assert engine.worker.drain() == DeliveryReport()
        assert len(engine.transport.sent) == 1

    def test_nothing_due_is_nothing_done(self) -> None:
        engine = Engine()
        engine.send(scheduled_for=NOW + HOUR)

        assert engine.worker.run_once() == engine.worker.drain() == DeliveryReport()

    def test_a_scheduled_message_goes_when_its_time_has_come(self) -> None:
        engine = Engine()
        message = engine.send(scheduled_for=NOW + HOUR)
        engine.clock.set(NOW + HOUR - timedelta(microseconds=1))
        early = engine.worker.run_once()
        engine.clock.set(NOW + HOUR)

        due = engine.worker.run_once()

        assert (early.total, due.sent) == (0, 1)
        assert engine.now_is(message).status is Status.SENT

    def test_a_rejected_message_has_failed(self) -> None:
        engine = Engine(Rejected(failure=GONE))
        message = engine.send()

        report = engine.worker.drain()

        assert report == DeliveryReport(failed=1)
        state = engine.now_is(message)
        assert state.status is Status.SENDING_FAILED
        assert state.failure is not None
        assert state.failure.code == GONE.code
        engine.clock.advance(days=2)
        assert engine.worker.drain() == DeliveryReport()

    def test_a_deferred_message_is_tried_again_later_and_later(self) -> None:
        engine = Engine(*[Deferred(failure=BUSY)] * 5)
        message = engine.send()

        waits = []
        for _ in range(5):
            assert engine.worker.drain() == DeliveryReport(waiting=1)
            waits.append(engine.sleep_until_due(message))
        last = engine.worker.drain()

        assert [wait.total_seconds() for wait in waits] == [3.75, 7.5, 15, 30, 60]
        assert last == DeliveryReport(sent=1)
        assert [envelope.attempt for envelope in engine.transport.attempts] == [1, 2, 3, 4, 5, 6]

    def test_a_provider_is_not_asked_before_the_time_it_gave(self) -> None:
        engine = Engine(Deferred(failure=BUSY, retry_after=20 * MINUTE))
        message = engine.send()

        engine.worker.drain()

        assert engine.sleep_until_due(message) >= 20 * MINUTE
        assert engine.worker.drain() == DeliveryReport(sent=1)

    @pytest.mark.parametrize("retry_after", [10 * MINUTE, timedelta(days=400), timedelta.max])
    def test_nothing_is_tried_again_after_its_validity(self, retry_after: timedelta) -> None:
        engine = Engine(Deferred(failure=BUSY, retry_after=retry_after))
        message = engine.send(validity=600)

        report = engine.worker.drain()

        assert report == DeliveryReport(failed=1)
        state = engine.now_is(message)
        assert (state.status, state.reason) == (Status.SENDING_FAILED, "expired")

    def test_an_expired_message_is_not_sent(self) -> None:
        engine = Engine()
        message = engine.send(validity=60)
        engine.clock.advance(minutes=1)

        report = engine.worker.drain()

        assert report == DeliveryReport(failed=1)
        assert engine.transport.attempts == []
        assert engine.now_is(message).reason == "expired"

    def test_retrying_ends_with_the_validity(self) -> None:
        engine = Engine(transport=RecordingTransport(lambda _: Deferred(failure=BUSY)))
        message = engine.send(validity=3600)

        for _ in range(100):
            engine.worker.drain()
            if engine.now_is(message).status is Status.SENDING_FAILED:
                break
            engine.sleep_until_due(message)

        assert engine.now_is(message).status is Status.SENDING_FAILED
        assert engine.clock.now() <= NOW + HOUR
        assert len(engine.transport.attempts) < 20

    def test_a_message_without_its_channel_waits_for_it(self) -> None:
        engine = Engine()
        message = engine.send()
        stranger = Messenger(
            storage=engine.storage,
            channels={a_channel("other"): engine.transport},
            clock=engine.clock,
        )

        report = Worker(stranger, threads=1).drain()

        assert report == DeliveryReport(waiting=1)
        assert engine.delivery(message).attempts == 0
        engine.sleep_until_due(message)
        assert engine.worker.drain() == DeliveryReport(sent=1)
        assert engine.now_is(message).failure is None


class TestDoubt:
    def doubtful(self, choice: WhenInDoubt, **options: Any) -> tuple[Engine, Message]:
        channel = a_channel("orders", when_in_doubt=choice)
        engine = Engine(Unknown(failure=LOST), channel=channel, **options)
        message = engine.send()
        assert engine.worker.drain() == DeliveryReport(waiting=1)
        state = engine.now_is(message)
        assert (state.status, state.details) == (Status.PROCESSING, "in_doubt")
        return engine, message

    def test_after_a_time_of_grace_it_is_sent_again(self) -> None:
        engine, message = self.doubtful(WhenInDoubt.RESEND)

        assert engine.sleep_until_due(message) == 2 * MINUTE
        assert engine.worker.drain() == DeliveryReport(sent=1)

        state = engine.now_is(message)
        assert (state.status, state.details, state.failure) == (Status.SENT, None, None)
        assert len({envelope.message_id for envelope in engine.transport.sent}) == 1

    def test_after_a_time_of_grace_it_has_failed(self) -> None:
        engine, message = self.doubtful(WhenInDoubt.FAIL)
        engine.sleep_until_due(message)

        assert engine.worker.drain() == DeliveryReport(failed=1)

        state = engine.now_is(message)
        assert (state.status, state.reason) == (Status.SENDING_FAILED, "in_doubt")
        assert len(engine.transport.sent) == 1

    def test_it_is_parked_until_its_validity_ends(self) -> None:
        engine, message = self.doubtful(WhenInDoubt.PARK)
        engine.sleep_until_due(message)

        assert engine.worker.drain() == DeliveryReport(waiting=1)
        assert engine.delivery(message).due_at == NOW + 36 * HOUR
        engine.clock.set(NOW + 36 * HOUR)
        assert engine.worker.drain() == DeliveryReport(failed=1)

        assert engine.now_is(message).reason == "in_doubt"
        assert len(engine.transport.sent) == 1

    def dead(self, choice: WhenInDoubt) -> tuple[Engine, Message]:
        """Return an engine whose worker died after the point of no return; no proof came."""
        engine = Engine(channel=a_channel("orders", when_in_doubt=choice))
        message = engine.send()
        with engine.storage.begin() as tx:
            (leased,) = tx.outbox.claim(now=NOW, lease=HOUR, limit=1)
            assert tx.outbox.hand_over([leased.lease], now=NOW) == [None]
        assert not engine.messenger.cancel(message.id)
        engine.clock.set(NOW + HOUR)
        assert engine.worker.drain() == DeliveryReport(waiting=1)
        assert engine.transport.sent == []
        engine.clock.advance(minutes=2)
        return engine, message

    def test_what_a_dead_worker_had_handed_over_is_sent_again_where_the_channel_wants_it(
        self,
    ) -> None:
        engine, message = self.dead(WhenInDoubt.RESEND)

        assert engine.worker.drain() == DeliveryReport(sent=1)

        assert engine.now_is(message).details is None

    def test_what_a_dead_worker_had_handed_over_fails_where_the_channel_wants_it(self) -> None:
        engine, message = self.dead(WhenInDoubt.FAIL)

        assert engine.worker.drain() == DeliveryReport(failed=1)

        state = engine.now_is(message)
        assert (state.status, state.reason) == (Status.SENDING_FAILED, "in_doubt")
        assert engine.transport.sent == []

    def test_what_a_dead_worker_had_handed_over_is_parked_where_the_channel_wants_it(self) -> None:
        engine, message = self.dead(WhenInDoubt.PARK)

        assert engine.worker.drain() == DeliveryReport(waiting=1)

        assert engine.now_is(message).details == "in_doubt"
        assert engine.transport.sent == []

    def test_a_doubt_outlives_an_attempt_that_failed_for_certain(self) -> None:
        engine, message = self.dead(WhenInDoubt.RESEND)
        engine.transport = RecordingTransport([Deferred(failure=BUSY)])
        messenger = Messenger(
            storage=engine.storage, channels={engine.channel: engine.transport}, clock=engine.clock
        )

        assert Worker(messenger).drain() == DeliveryReport(waiting=1)

        assert engine.now_is(message).details == "in_doubt"
        assert not engine.messenger.cancel(message.id)

    def test_marks_made_while_another_is_written_share_one_commit(self) -> None:
        engine = Engine()
        for _ in range(8):
            engine.send()
        with engine.storage.begin() as tx:
            claims = tx.outbox.claim(now=NOW, lease=HOUR, limit=8)
        storage = FailingStorage(set(), engine.storage)
        commits = GroupCommit(
            EngineContext(storage=storage, clock=engine.clock, ids=TimeOrderedIds())
        )
        storage.before = lambda: until(lambda: storage.calls > 1 or len(commits._marks) == 7)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda claim: commits.mark(PendingHandoff(lease=claim.lease)), claims))

        assert storage.calls == 2
        assert not any(engine.messenger.cancel(claim.message.id) for claim in claims)

    @pytest.mark.parametrize("choice", WhenInDoubt)
    def test_a_provider_that_recognises_it_gets_it_again_soon(self, choice: WhenInDoubt) -> None:
        transport = RecordingTransport(
            [Unknown(failure=LOST)], capabilities=Capabilities(deduplicates_for=HOUR)
        )
        engine, message = self.doubtful(choice, transport=transport)

        assert engine.sleep_until_due(message) < MINUTE
        assert engine.worker.drain() == DeliveryReport(sent=1)

    def test_a_provider_that_has_forgotten_it_does_not_count_as_recognising_it(self) -> None:
        transport = RecordingTransport(
            [Deferred(failure=BUSY, retry_after=2 * HOUR), Unknown(failure=LOST)],
            capabilities=Capabilities(deduplicates_for=HOUR),
        )
        engine = Engine(transport=transport)
        message = engine.send()
        engine.worker.drain()
        engine.sleep_until_due(message)
        engine.worker.drain()

        assert engine.sleep_until_due(message) == 2 * MINUTE

    @pytest.mark.parametrize(
        ("message_type", "sent"),
        [(kind, kind is not MessageType.PROMOTIONAL) for kind in MessageType],
    )
    def test_only_promotional_messages_are_given_up_by_default(
        self,
        message_type: MessageType,
        sent: bool,  # noqa: FBT001 - the expectation
    ) -> None:
        engine = Engine(Unknown(failure=LOST), channel=a_channel(message_type=message_type))
        message = engine.send()
        engine.worker.drain()
        engine.sleep_until_due(message)

        assert engine.worker.drain() == (
            DeliveryReport(sent=1) if sent else DeliveryReport(failed=1)
        )


class TestSeveralReceivers:
    def test_a_retry_goes_only_to_those_not_served(self) -> None:
        first = {
            A: Accepted(references=("r",)),
            B: Rejected(failure=GONE),
            C: Deferred(failure=BUSY),
        }
        engine = Engine(PerRecipient(outcomes=first), channel=MAIL)
        message = engine.send(to=[A, B, C])
        engine.worker.drain()
        engine.sleep_until_due(message)

        report = engine.worker.drain()

        assert report == DeliveryReport(sent=1)
        assert [[to.value for to in envelope.receivers] for envelope in engine.transport.sent] == [
            [A, B, C],
            [C],
        ]
        state = engine.now_is(message)
        assert (state.status, state.details) == (Status.SENT, "partly_refused")
        assert state.failure is not None
        assert state.failure.code == GONE.code
        assert [part.platform_reference for part in state.parts] == ["r", "rec-1"]

    def test_when_time_runs_out_those_who_were_served_make_it_sent(self) -> None:
        outcomes = {A: Accepted(), B: Deferred(failure=BUSY)}
        engine = Engine(PerRecipient(outcomes=outcomes), channel=MAIL)
        message = engine.send(to=[A, B], validity=600)
        engine.worker.drain()
        engine.clock.advance(minutes=10)

        assert engine.worker.drain() == DeliveryReport(sent=1)

        assert engine.now_is(message).details == "partly_refused"


class TestFaults:
    def test_an_exception_before_the_point_of_no_return_is_harmless(self) -> None:
        engine = Engine(BeforeHandoff(OSError("no route to 10.0.0.1")))
        message = engine.send()

        assert engine.worker.drain() == DeliveryReport(waiting=1)

        state = engine.now_is(message)
        assert state.details is None
        assert state.failure is not None
        assert "OSError" in state.failure.description
        assert "10.0.0.1" not in repr(state)
        engine.sleep_until_due(message)
        assert engine.worker.drain() == DeliveryReport(sent=1)

    def test_an_exception_after_it_leaves_doubt(self) -> None:
        engine = Engine(OSError("reset by +31612345678"))
        message = engine.send()

        assert engine.worker.drain() == DeliveryReport(waiting=1)

        state = engine.now_is(message)
        assert state.details == "in_doubt"
        assert state.failure is not None
        assert state.failure.code == FailureCode.IN_DOUBT
        assert "+3161" not in state.failure.description

    @pytest.mark.parametrize(
        "nonsense",
        [
            "accepted",
            {},
            True,
            Accepted,
            PerRecipient(outcomes=None),  # type: ignore[arg-type]
            PerRecipient(outcomes={"+31612345678": "yes"}),  # type: ignore[dict-item]
            PerRecipient(outcomes={"+31612345678": PerRecipient(outcomes={})}),  # type: ignore[dict-item]
            Deferred(failure=None),  # type: ignore[arg-type]
            Deferred(failure=BUSY, retry_after=60),  # type: ignore[arg-type]
            Rejected(failure="no"),  # type: ignore[arg-type]
            Unknown(failure=a_failure(description="caf\udce9")),
        ],
    )
    def test_an_answer_that_makes_no_sense_leaves_doubt(self, nonsense: Any) -> None:
        engine = Engine(transport=RecordingTransport(lambda _: nonsense))
        message = engine.send()

        assert engine.worker.drain() == DeliveryReport(waiting=1)

        state = engine.now_is(message)
        assert (state.status, state.details) == (Status.PROCESSING, "in_doubt")
        assert engine.delivery(message).attempts == 1
        assert engine.sleep_until_due(message) == 2 * MINUTE

    @pytest.mark.parametrize("references", [None, 7, (7,), ["r"], "r", ("caf\udce9",)])
    def test_an_accepted_message_is_sent_whatever_its_references_look_like(
        self, references: Any
    ) -> None:
        engine = Engine(Accepted(references=references))
        message = engine.send()

        assert engine.worker.drain() == DeliveryReport(sent=1)

        parts = engine.now_is(message).parts
        assert all(isinstance(part.platform_reference, str) for part in parts)
        assert engine.worker.drain() == DeliveryReport()

    def test_a_message_that_expires_on_the_way_does_not_go(self) -> None:
        engine = Engine(transport=RecordingTransport(lambda _: engine_waits(engine, MINUTE)))
        message = engine.send(validity=60)

        assert engine.worker.drain() == DeliveryReport(failed=1)

        assert engine.transport.sent == []
        assert len(engine.transport.withdrawn) == 1
        assert engine.now_is(message).reason == "expired"

    def test_a_message_whose_lease_ends_on_the_way_does_not_go(self) -> None:
        waits = iter([10 * MINUTE, timedelta(0)])
        engine = Engine(
            transport=RecordingTransport(lambda _: engine_waits(engine, next(waits))),
            lease=10 * MINUTE,
        )
        message = engine.send()

        assert engine.worker.drain() == DeliveryReport(waiting=1)
        engine.sleep_until_due(message)
        assert engine.worker.drain() == DeliveryReport(sent=1)

        assert (len(engine.transport.withdrawn), len(engine.transport.sent)) == (1, 1)
        assert engine.now_is(message).status is Status.SENT

    def test_a_transport_that_withdraws_by_itself_is_not_asked_for_ever(self) -> None:
        withdrawn = Withdrawn("cancelled")
        engine = Engine(transport=RecordingTransport(lambda _: BeforeHandoff(withdrawn)))
        message = engine.send()

        report = engine.worker.drain()

        assert report == DeliveryReport(waiting=1)
        assert len(engine.transport.attempts) == 1
        assert engine.delivery(message).due_at > NOW

    def test_a_transport_that_withdraws_after_leave_was_given_leaves_doubt(self) -> None:
        engine = Engine(Withdrawn("cancelled"))
        message = engine.send()

        assert engine.worker.drain() == DeliveryReport(waiting=1)

        assert engine.now_is(message).details == "in_doubt"

    def test_one_bad_message_stops_no_other(self) -> None:
        def answer(envelope: Envelope) -> Any:
            return PerRecipient(outcomes=None) if envelope.reference == "bad" else None  # type: ignore[arg-type]

        engine = Engine(transport=RecordingTransport(answer), threads=3)
        engine.send(reference="bad")
        others = [engine.send() for _ in range(5)]

        report = engine.worker.drain()

        assert report == DeliveryReport(sent=5, waiting=1)
        assert {engine.now_is(other).status for other in others} == {Status.SENT}

    def test_a_message_that_cannot_be_rendered_stops_no_other(self) -> None:
        engine = Engine()
        broken = engine.send(reference="broken")
        with engine.storage.begin() as tx:
            contact = evolve(
                broken.receiver.contacts[0], identifier_value=None, platform_address=None
            )
            moved = evolve(broken, receiver=evolve(broken.receiver, contacts=(contact,)), body=None)
            assert tx.outbox.reschedule(DEFAULT_WORKSPACE, moved, due_at=NOW, expires_at=NOW + HOUR)
        other = engine.send()

        engine.worker.drain()

        assert engine.now_is(other).status is Status.SENT


def engine_waits(engine: Engine, span: timedelta) -> None:
    """Let time pass inside a transport, before it asks for leave."""
    engine.clock.advance(span)


class SlowAfterLeave(RecordingTransport):
    """Takes its time after it was given leave, when the message can no longer be called back."""

    meanwhile: Callable[[], None]

    def _accepted(self, _: Envelope) -> Accepted:
        self.meanwhile()
        return Accepted(references=("late",))


class TestLeases:
    def test_a_worker_that_lost_its_lease_reports_it(self) -> None:
        transport, hasty = SlowAfterLeave(), a_channel("orders", in_doubt_timeout=timedelta(0))
        engine = Engine(transport=transport, lease=10 * MINUTE, channel=hasty)
        other = Engine(storage=engine.storage, channel=hasty)
        message = engine.send()
        transport.meanwhile = lambda: self.overtake(other)

        report = engine.worker.run_once()

        assert report == DeliveryReport(stale=1)
        assert other.now_is(message).status is Status.SENT
        assert other.now_is(message).parts == (Part(platform_reference="rec-1"),)

    def overtake(self, other: Engine) -> None:
        other.clock.advance(minutes=10)
        assert other.worker.run_once() == DeliveryReport(sent=1)

    def test_a_worker_that_dies_gives_its_messages_back(self) -> None:
        engine = Engine()
        message = engine.send()
        with engine.storage.begin() as tx:
            tx.outbox.claim(now=NOW, lease=15 * MINUTE, limit=1)
        assert engine.worker.drain() == DeliveryReport()
        engine.clock.advance(minutes=15)

        assert engine.worker.drain() == DeliveryReport(sent=1)

        assert engine.transport.sent[0].attempt == 2
        assert engine.now_is(message).status is Status.SENT


class TestRun:
    def test_it_delivers_what_becomes_due_until_it_is_stopped(self) -> None:
        engine = Engine(threads=2)
        with running(engine) as finish:
            first = engine.send()
            until(lambda: engine.now_is(first).status is Status.SENT)
            second = engine.send()
            until(lambda: engine.now_is(second).status is Status.SENT)

            assert finish() == DeliveryReport(sent=2)

    def test_nothing_is_begun_once_it_is_stopped(self) -> None:
        engine = Engine()
        message = engine.send()
        stop = threading.Event()
        stop.set()

        assert engine.worker.run(stop) == DeliveryReport()

        assert engine.now_is(message).status is Status.ACCEPTED

    def test_what_was_claimed_and_not_begun_is_given_back_uncounted(self) -> None:
        leave = threading.Semaphore(0)
        transport = RecordingTransport(lambda _: leave.acquire(timeout=PATIENCE) and None)
        engine = Engine(transport=transport, threads=1, batch=10)
        messages = [engine.send() for _ in range(6)]
        stop, reports = threading.Event(), list[DeliveryReport]()
        thread = threading.Thread(target=lambda: reports.append(engine.worker.run(stop)))
        thread.start()
        until(lambda: transport.attempts)

        stop.set()
        leave.release()
        until(lambda: sum(self.waits(engine, message) for message in messages) >= 4)
        leave.release(10)
        thread.join(PATIENCE)

        (report,) = reports
        waiting = [message for message in messages if self.waits(engine, message)]
        assert report.sent == len(transport.sent) == 6 - len(waiting)
        assert 1 <= report.sent <= 2
        assert {engine.delivery(message).attempts for message in waiting} == {0}
        assert engine.worker.drain() == DeliveryReport(sent=len(waiting))

    def waits(self, engine: Engine, message: Message) -> bool:
        with engine.storage.begin(read_only=True) as tx:
            delivery = tx.outbox.delivery(DEFAULT_WORKSPACE, message.id)
        return delivery is not None and delivery.attempts == 0

    def test_a_slow_message_does_not_hold_up_what_the_others_did(self) -> None:
        with self.slow() as (engine, slow, leave):
            others = [engine.send() for _ in range(5)]
            with running(engine) as finish:
                until(lambda: all(engine.now_is(other).status is Status.SENT for other in others))

                assert engine.now_is(slow).status is Status.PROCESSING
                leave.set()
                assert finish().sent == 6

    def test_a_slow_message_does_not_hold_up_those_that_come_later(self) -> None:
        with self.slow() as (engine, slow, leave), running(engine) as finish:
            until(lambda: engine.transport.attempts)

            later = engine.send()
            until(lambda: engine.now_is(later).status is Status.SENT)

            assert engine.now_is(slow).status is Status.PROCESSING
            leave.set()
            assert finish().sent == 2

    @contextmanager
    def slow(self) -> Iterator[tuple[Engine, Message, threading.Event]]:
        """Yield an engine with a message whose provider takes its time, until it is told."""
        leave = threading.Event()

        def answer(envelope: Envelope) -> None:
            if envelope.reference == "slow":
                leave.wait(2 * PATIENCE)

        engine = Engine(transport=RecordingTransport(answer), threads=2)
        try:
            yield engine, engine.send(reference="slow"), leave
        finally:
            leave.set()

    @pytest.mark.parametrize("failing", [{1}, {3}, {4}, {3, 4}])
    def test_a_storage_that_fails_is_tried_again(self, failing: set[int]) -> None:
        storage = FailingStorage(set())
        engine = Engine(storage=storage)
        message = engine.send()
        storage.calls, storage.failing = 0, failing
        with running(engine) as finish:
            until(lambda: storage.calls > max(failing))
            until(lambda: engine.now_is(message).status is Status.SENT)

            assert finish() == DeliveryReport(sent=1)

        assert len(engine.transport.sent) == 1

    def test_a_message_that_cannot_be_marked_is_not_sent_and_not_counted(self) -> None:
        storage = FailingStorage(set())
        engine = Engine(storage=storage)
        message = engine.send()
        storage.calls, storage.failing = 0, {2}  # the claim is the first, the mark the second

        first = engine.worker.drain()
        engine.clock.advance(seconds=1)
        second = engine.worker.drain()

        assert (first, second) == (DeliveryReport(waiting=1), DeliveryReport(sent=1))
        assert engine.now_is(message).status is Status.SENT
        assert engine.transport.sent[0].attempt == 1

    def test_a_storage_that_fails_while_it_stops_is_an_error_and_the_message_comes_back(
        self,
    ) -> None:
        storage = FailingStorage(set())
        leave = threading.Event()
        transport = RecordingTransport(lambda _: leave.wait(PATIENCE) and None)
        engine = Engine(storage=storage, transport=transport)
        message = engine.send()
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(engine.worker.run, stop)
            until(lambda: transport.attempts)
            storage.is_down, calls = True, storage.calls
            stop.set()
            leave.set()
            error = running.exception(PATIENCE)

        assert isinstance(error, StorageError)
        assert storage.calls - calls <= 8  # those of the housekeeping among them
        storage.is_down = False
        engine.clock.advance(minutes=15)
        assert engine.worker.drain() == DeliveryReport(sent=1)
        assert engine.now_is(message).status is Status.SENT

    def test_a_storage_that_fails_stops_a_drain_with_an_error(self) -> None:
        storage = FailingStorage(set())
        engine = Engine(storage=storage)
        engine.send()
        storage.calls, storage.failing = 0, {1}

        with pytest.raises(StorageError):
            engine.worker.drain()

        assert engine.worker.drain() == DeliveryReport(sent=1)

    def test_a_flood_of_urgent_messages_starves_no_other(self) -> None:
        codes = a_channel("codes", message_type=MessageType.TWO_FACTOR)
        offers = a_channel("offers", message_type=MessageType.PROMOTIONAL)
        storage, clock, order = MemoryStorage(), ManualClock(), list[UUID]()

        def answer(envelope: Envelope) -> None:
            order.append(envelope.channel.id)
            sleep(0.008)  # so that the worker is never free for many at once
            if len(order) == 10:
                messenger.send(offers, a_request())

        transport = RecordingTransport(answer)
        messenger = Messenger(
            storage=storage, channels=dict.fromkeys([codes, offers], transport), clock=clock
        )
        messenger.send_many(codes, [a_request() for _ in range(60)])

        Worker(messenger, threads=1, batch=8).drain()

        assert len(order) == 61
        assert order.index(offers.id) < 30

    @pytest.mark.parametrize(
        ("options", "concurrency", "batch"),
        [
            ({}, None, 128),
            ({}, 8, 128),
            ({}, 50, 200),
            ({"threads": 1}, None, 100),
            ({"threads": 40}, 2, 160),
            ({"batch": 7}, 50, 7),
        ],
    )
    def test_a_batch_is_enough_for_every_thread_of_the_widest_channel(
        self, options: dict[str, int], concurrency: int | None, batch: int
    ) -> None:
        channel = evolve(ORDERS, concurrency=concurrency)
        messenger = Messenger(storage=MemoryStorage(), channels={channel: RecordingTransport()})
        messenger.send_many("orders", [a_request()] * 250)

        assert Worker(messenger, **options).run_once().sent == batch

    def test_a_notification_begins_no_message_after_its_time(self) -> None:
        clock = ManualClock()
        storage = MemoryStorage()

        def released() -> bool:
            ids = [message.id for message in messenger.find().results]
            with storage.begin(read_only=True) as tx:
                waiting = [tx.outbox.delivery(DEFAULT_WORKSPACE, message_id) for message_id in ids]
            return sum(delivery is not None and not delivery.attempts for delivery in waiting) == 8

        def answer(_: Envelope) -> None:
            clock.advance(2 * MINUTE)
            until(released)

        transport = RecordingTransport(answer)
        channel = evolve(ORDERS, concurrency=1)
        messenger = Messenger(
            storage=storage,
            channels={channel: transport},
            clock=clock,
            audience=MappedAudience(
                lambda *_: [{"_id": f"{n}", "phoneNumber": f"+3161234567{n}"} for n in range(9)]
            ),
        )
        notification = Notification(
            channels=("sms",),
            recipients=("all",),
            message_title="Hi",
            message_content="Hello",
        )

        Worker(messenger).notify(notification, within=MINUTE)

        assert len(transport.attempts) == 1
        assert released()

    def test_many_threads_deliver_everything_once(self) -> None:
        engine = Engine(threads=8, batch=20)
        engine.messenger.send_many("orders", [a_request() for _ in range(300)])

        report = engine.worker.drain()

        assert report == DeliveryReport(sent=300)
        assert len({envelope.message_id for envelope in engine.transport.sent}) == 300
        page = engine.messenger.find(MessageQuery(status=Status.SENT, limit=1000))
        assert len(page.results) == 300


class FailingStorage(Storage):
    """Fails at some of its transactions, counted from 1, or at all of them."""

    def __init__(self, failing: set[int], storage: Storage | None = None) -> None:
        self.storage = storage or MemoryStorage()
        self.failing = failing
        self.before: Callable[[], object] = lambda: None
        self.is_down = False
        self.calls = 0

    def begin(
        self, connection: Any = None, *, read_only: bool = False
    ) -> AbstractContextManager[Transaction]:
        self.calls += 1
        if self.is_down or self.calls in self.failing:
            raise StorageError("down")
        self.before()
        return self.storage.begin(connection, read_only=read_only)


def test_reports_add_up() -> None:
    report = DeliveryReport(sent=1, failed=2) + DeliveryReport(waiting=3, stale=4)

    assert (report, report.total) == (DeliveryReport(sent=1, failed=2, waiting=3, stale=4), 10)
