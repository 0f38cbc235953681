"""What could not be sent is listed, and can be sent after all."""

from datetime import timedelta
from uuid import UUID

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import (
    DeliveryReport,
    Message,
    Messenger,
    StateError,
    Status,
    UnknownMessageError,
    WhenInDoubt,
    Worker,
)
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.delivery.outcome import Accepted, Outcome, Rejected, Unknown
from messaging_core.models.messages.message import Origin
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import (
    ManualClock,
    RecordingTransport,
    a_channel,
    a_failure,
    a_request,
)

NO = Rejected(failure=a_failure(FailureCode.REFUSED, retry=Retry.PERMANENT))
LOST = Unknown(failure=a_failure(FailureCode.IN_DOUBT, retry=Retry.AMBIGUOUS))
HOUR = timedelta(hours=1)


class Engine:
    """A messenger whose provider answers as it is told."""

    def __init__(self, *answers: Outcome) -> None:
        self.clock, self.transport = ManualClock(), RecordingTransport(answers)
        channel = a_channel("orders", when_in_doubt=WhenInDoubt.PARK)
        self.storage = MemoryStorage()
        self.messenger = Messenger(
            storage=self.storage, channels={channel: self.transport}, clock=self.clock
        )
        self.worker = Worker(self.messenger, threads=1)

    def send(self) -> Message:
        """Send a message, and let an hour pass."""
        message = self.messenger.send(
            "orders", a_request("hi", reference="r", tags=("a",), scheduled_for=NOW)
        )
        self.worker.drain()
        self.clock.advance(hours=1)
        return message


def test_dead_letters_are_what_could_not_be_sent_page_by_page() -> None:
    engine = Engine(NO, Accepted(), NO, LOST)
    first, _, second, _ = (engine.send() for _ in range(4))

    page = engine.messenger.dead_letters(limit=1)
    rest = engine.messenger.dead_letters(limit=1, page_token=page.next_page_token)
    elsewhere = engine.messenger.dead_letters(workspace=UUID(int=7))

    assert [message.id for message in (*page.results, *rest.results)] == [second.id, first.id]
    assert list(elsewhere.results) == []


def test_a_message_that_failed_is_accepted_again_and_stays_as_it_was() -> None:
    engine = Engine(NO)
    old = engine.send()
    failed = engine.messenger.get(old.id)

    new = engine.messenger.replay(old.id)

    assert new.id != old.id
    assert new.origin == Origin(type="replay", id=str(old.id))
    assert (new.status, new.created_at, new.scheduled_for) == (Status.ACCEPTED, NOW + HOUR, None)
    assert (new.body, new.reference, new.tags, new.receiver) == (
        old.body,
        old.reference,
        old.tags,
        old.receiver,
    )
    with engine.storage.begin(read_only=True) as tx:
        delivery = tx.outbox.delivery(DEFAULT_WORKSPACE, new.id)
    assert delivery is not None
    assert delivery.expires_at == NOW + 37 * HOUR
    assert engine.worker.drain() == DeliveryReport(sent=1)
    assert engine.messenger.get(new.id).status is Status.SENT
    assert engine.messenger.get(old.id) == failed


def test_replaying_twice_sends_once_unless_that_is_asked_for() -> None:
    engine = Engine(NO)
    old = engine.send()

    first, second = (engine.messenger.replay(old.id) for _ in range(2))
    third, fourth = (engine.messenger.replay(old.id, again=True) for _ in range(2))

    assert first.id == second.id
    assert len({first.id, third.id, fourth.id}) == 3


def test_replaying_once_outlasts_the_idempotency_window() -> None:
    engine = Engine(NO)
    old = engine.send()
    first = engine.messenger.replay(old.id)
    engine.clock.advance(days=30)
    engine.messenger.send("orders", a_request(), idempotency_key="makes expired keys go")

    assert engine.messenger.replay(old.id).id == first.id


def test_a_message_parked_in_doubt_is_sent_now_and_cannot_be_cancelled_meanwhile() -> None:
    engine = Engine(LOST)
    message = engine.send()
    assert engine.worker.drain() == DeliveryReport(waiting=1)

    moved = engine.messenger.replay(message.id)

    assert moved.id == message.id
    assert not engine.messenger.cancel(message.id)
    assert engine.worker.drain() == DeliveryReport(sent=1)
    assert engine.messenger.get(message.id).status is Status.SENT
    assert len(engine.transport.sent) == 2


def test_a_message_in_doubt_that_is_being_sent_is_left_alone() -> None:
    engine = Engine(LOST)
    message = engine.send()
    with engine.storage.begin() as tx:
        assert tx.outbox.claim(now=engine.clock.now(), lease=HOUR, limit=1)

    with pytest.raises(StateError, match="right now"):
        engine.messenger.replay(message.id)


def test_only_what_failed_can_be_replayed() -> None:
    engine = Engine()
    sent = engine.send()

    with pytest.raises(StateError, match="is sent"):
        engine.messenger.replay(sent.id)
    with pytest.raises(UnknownMessageError):
        engine.messenger.replay(UUID(int=1))
