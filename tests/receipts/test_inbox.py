"""What becomes of receipts, interactions and incoming messages, whenever they come."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Message, MessageQuery, Messenger, Status, StorageError, Worker
from messaging_core.errors import InvalidRequestError, UnknownMessageError
from messaging_core.models.common.channel import Channel, WhenInDoubt
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.content.body import TextBody
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.delivery.interaction import (
    ClickedLink,
    Conversion,
    InteractionMetadata,
    InteractionType,
)
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    Unknown,
)
from messaging_core.models.delivery.receipt import (
    IncomingMessage,
    InteractionReceipt,
    Receipt,
    ReceiptStatus,
    Reception,
    StatusReceipt,
)
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.messages.message import Direction, Part
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.transport import Handoff
from messaging_core.receipts.inbox import LONGEST_PAUSE, MOST_FAILURES
from messaging_core.testing import (
    MONDAY_MORNING as NOW,
)
from messaging_core.testing import (
    ManualClock,
    RecordingTransport,
    a_channel,
    a_failure,
    a_kept_receipt,
    a_request,
)

ORDERS = a_channel("orders")
MAIL = a_channel("mail", "email")
CAREFUL = a_channel("careful", when_in_doubt=WhenInDoubt.FAIL)
PARKING = a_channel("parking", when_in_doubt=WhenInDoubt.PARK)
LOST = a_failure(FailureCode.IN_DOUBT, retry=Retry.AMBIGUOUS)
A, B = "a@x.example", "b@x.example"
TWO_PARTS = Accepted(references=("p-1", "p-2"))


class Meddled(RecordingTransport):
    """A provider with whom something happens between a hand-over and its answer."""

    meddle: Callable[[Envelope], object] | None = None

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        outcome = super().send(envelope, handoff)
        if self.meddle:
            self.meddle(envelope)
        return outcome


class Engine:
    """A messenger, a worker and a provider that answers as told."""

    def __init__(self, storage: Storage, *answers: Any, channel: Channel = ORDERS) -> None:
        self.storage = storage
        self.clock = ManualClock()
        self.transport = Meddled(answers)
        self.channel = channel
        self.messenger = Messenger(
            storage=storage, channels={channel: self.transport}, clock=self.clock
        )
        self.worker = Worker(self.messenger, threads=1, random=lambda: 0.5)

    def send(self, *to: str) -> Message:
        address = A if self.channel.platform == "email" else "+31612345678"
        return self.messenger.send(self.channel, a_request(to=to or address))

    def receive(self, *receipts: Receipt) -> Reception:
        return self.messenger.receive(receipts)

    def now_is(self, message: Message) -> Message:
        return self.messenger.get(message.id)

    def kinds(self, message: Message) -> list[EventKind]:
        return [event.kind for event in self.messenger.timeline(message.id)]

    def later(self, **units: float) -> None:
        self.clock.advance(**units)
        self.worker.drain()


Make = Callable[..., Engine]


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    if request.param == "memory":
        yield lambda *answers, **options: Engine(MemoryStorage(), *answers, **options)
    else:
        with SqliteStorage(":memory:") as storage:
            yield lambda *answers, **options: Engine(storage, *answers, **options)


def a_report(status: ReceiptStatus | None = ReceiptStatus.DELIVERED, **fields: Any) -> Receipt:
    return StatusReceipt(**{"source": "provider", "at": NOW, **fields, "status": status})


def delivered(reference: str | None = "p-1", **fields: Any) -> Receipt:
    return a_report(reference=reference, **fields)


def failed(reference: str | None = "p-1", **fields: Any) -> Receipt:
    failure = a_failure(FailureCode.UNKNOWN_RECEIVER, retry=Retry.PERMANENT)
    return a_report(ReceiptStatus.FAILED, reference=reference, failure=failure, **fields)


def an_incoming(**fields: Any) -> IncomingMessage:
    usual: dict[str, Any] = {
        "source": "provider",
        "at": NOW,
        "channel_id": ORDERS.id,
        "sender": "+31612345678",
        "body": TextBody(text="Where is it?"),
        "reference": "in-1",
    }
    return IncomingMessage(**{**usual, **fields})


def test_a_receipt_finds_its_message_by_the_reference_of_any_part(make: Make) -> None:
    engine = make(TWO_PARTS)
    message = engine.send()
    engine.worker.drain()

    first = engine.receive(delivered("p-1"))
    in_between = engine.now_is(message).status
    second = engine.receive(delivered("p-2"))

    assert (first.applied, in_between) == (1, Status.SENT)
    assert (second.applied, engine.now_is(message).status) == (1, Status.DELIVERED)


def test_a_receipt_finds_its_message_by_our_id(make: Make) -> None:
    engine = make()
    message = engine.send()
    engine.worker.drain()

    engine.receive(failed(None, message_id=message.id))

    now = engine.now_is(message)
    assert now.status is Status.DELIVERY_FAILED
    assert now.failure is not None
    assert now.failure.code == FailureCode.UNKNOWN_RECEIVER
    assert engine.messenger.find(MessageQuery(failure_code=now.failure.code)).results[0] == now


def test_a_receipt_that_comes_twice_counts_once(make: Make) -> None:
    engine = make(Accepted(references=("p-1",)))
    message = engine.send()
    engine.worker.drain()

    first = engine.receive(delivered(), delivered())
    second = engine.receive(delivered())

    assert (first.applied, first.repeated) == (1, 1)
    assert (second.applied, second.repeated) == (0, 1)
    assert engine.kinds(message).count(EventKind.REPORTED) == 1


def test_a_receipt_that_overtakes_its_own_hand_over_waits_for_it(make: Make) -> None:
    engine = make(Accepted(references=("p-1",)))
    message = engine.send()

    early = engine.receive(delivered("p-1"))
    before = engine.now_is(message).status
    engine.worker.drain()

    assert (early.unmatched, before) == (1, Status.ACCEPTED)
    assert engine.now_is(message).status is Status.DELIVERED
    assert engine.now_is(message).parts == (Part(platform_reference="p-1"),)


def test_a_receipt_that_names_us_may_come_while_the_message_is_being_handed_over(
    make: Make,
) -> None:
    engine = make(Accepted(references=("p-1",)))
    engine.transport.meddle = lambda envelope: engine.receive(
        delivered("p-1", message_id=envelope.message_id)
    )
    message = engine.send()

    report = engine.worker.drain()

    assert report.stale == 0
    assert engine.now_is(message).status is Status.DELIVERED
    assert engine.now_is(message).parts == (Part(platform_reference="p-1"),)


def test_a_forged_receipt_changes_nothing(make: Make) -> None:
    engine = make(Accepted(references=("p-1",)))
    message = engine.send()
    engine.worker.drain()

    reception = engine.receive(
        delivered("p-9"),
        delivered(None, message_id=uuid4()),
        delivered("p-1", channel_id=uuid4()),
        delivered(None),
    )

    assert (reception.applied, reception.unmatched) == (0, 4)
    assert engine.now_is(message).status is Status.SENT


def test_a_receipt_of_another_tenant_changes_nothing(make: Make) -> None:
    engine = make(Accepted(references=("p-1",)))
    message = engine.send()
    engine.worker.drain()

    reception = engine.messenger.receive(
        [delivered("p-1", message_id=message.id)], workspace=UUID(int=7)
    )

    assert reception.unmatched == 1
    assert engine.now_is(message).status is Status.SENT


def test_an_unknown_status_of_the_provider_is_kept_and_shown(make: Make) -> None:
    engine = make(Accepted(references=("p-1",)))
    message = engine.send()
    engine.worker.drain()

    reception = engine.receive(a_report(None, reference="p-1", provider_status="GALACTIC"))

    assert reception.applied == 1
    assert engine.now_is(message).status is Status.SENT
    assert engine.messenger.timeline(message.id)[-1].outcome == "GALACTIC"


def test_a_route_without_receipts_ends_as_sent(make: Make) -> None:
    engine = make()
    message = engine.send()
    engine.worker.drain()

    engine.later(days=30)

    assert engine.now_is(message).status is Status.SENT


def test_a_receipt_for_one_receiver_speaks_of_that_one(make: Make) -> None:
    engine = make(Accepted(references=("m-1",)), channel=MAIL)
    message = engine.send(A, B)
    engine.worker.drain()

    engine.receive(failed("m-1", recipient=B.upper()))
    one_bounced = engine.now_is(message).status
    engine.receive(delivered("m-1", recipient=A))

    assert one_bounced is Status.SENT
    assert engine.now_is(message).status is Status.DELIVERED


def test_a_delivered_email_that_bounces_has_failed(make: Make) -> None:
    engine = make(Accepted(references=("m-1",)), channel=MAIL)
    message = engine.send()
    engine.worker.drain()

    engine.receive(delivered("m-1"), failed("m-1", at=NOW + timedelta(hours=1)))

    assert engine.now_is(message).status is Status.DELIVERY_FAILED


def test_a_receipt_settles_a_doubt_and_nothing_is_sent_again(make: Make) -> None:
    engine = make(Unknown(failure=LOST))
    message = engine.send()
    engine.worker.drain()
    in_doubt = engine.now_is(message)

    engine.receive(a_report(ReceiptStatus.SENT, message_id=message.id))
    engine.later(hours=1)

    assert (in_doubt.status, in_doubt.details) == (Status.PROCESSING, "in_doubt")
    now = engine.now_is(message)
    assert (now.status, now.details, now.failure) == (Status.SENT, None, None)
    assert len(engine.transport.sent) == 1
    assert engine.messenger.doubts() == evolve(
        engine.messenger.doubts(), opened=1, reported=1, resent=0
    )


def test_a_doubt_that_was_given_up_is_lifted_by_late_proof(make: Make) -> None:
    engine = make(Unknown(failure=LOST), channel=CAREFUL)
    message = engine.send()
    engine.worker.drain()
    engine.later(hours=1)
    given_up = engine.now_is(message).status

    engine.receive(delivered(None, message_id=message.id))

    assert given_up is Status.SENDING_FAILED
    assert engine.now_is(message).status is Status.DELIVERED
    assert engine.messenger.doubts().failed == 1


def test_a_doubt_that_was_sent_again_is_counted(make: Make) -> None:
    engine = make(Unknown(failure=LOST), Accepted())
    message = engine.send()
    engine.worker.drain()

    engine.later(hours=1)

    assert engine.now_is(message).status is Status.SENT
    doubts = engine.messenger.doubts()
    assert (doubts.opened, doubts.resent) == (1, 1)


def test_a_parked_doubt_is_counted_and_waits(make: Make) -> None:
    engine = make(Unknown(failure=LOST), channel=PARKING)
    message = engine.send()
    engine.worker.drain()

    engine.later(hours=1)
    parked = engine.now_is(message)
    engine.later(hours=40)

    assert (parked.status, parked.details) == (Status.PROCESSING, "in_doubt")
    assert engine.now_is(message).status is Status.SENDING_FAILED
    doubts = engine.messenger.doubts()
    assert (doubts.opened, doubts.parked, doubts.expired) == (1, 1, 1)


def test_receivers_of_whom_a_receipt_tells_are_not_written_to_again(make: Make) -> None:
    engine = make(Unknown(failure=LOST), Accepted(), channel=MAIL)
    message = engine.send(A, B)
    engine.worker.drain()

    engine.receive(delivered(None, message_id=message.id, recipient=A))
    engine.later(hours=1)

    again = engine.transport.sent[1]
    assert [receiver.value for receiver in again.receivers] == [B]
    assert engine.now_is(message).status is Status.DELIVERED


def test_proof_that_came_while_a_worker_died_keeps_its_message_from_going_again(
    make: Make,
) -> None:
    engine = make()
    message = engine.send()
    with engine.storage.begin() as tx:
        (claim,) = tx.outbox.claim(now=NOW, lease=timedelta(minutes=15), limit=1)
        tx.outbox.hand_over([claim.lease], now=NOW)

    engine.receive(delivered(None, message_id=message.id))
    engine.later(minutes=15)

    assert engine.transport.sent == []
    assert engine.now_is(message).status is Status.DELIVERED
    assert EventKind.LAPSED in engine.kinds(message)
    assert engine.messenger.doubts().reported == 1


def test_the_answer_of_a_worker_that_was_given_up_still_counts(make: Make) -> None:
    engine = make(Accepted(references=("p-1",)))
    engine.transport.meddle = lambda _: _another_worker_finds_it_in_doubt(engine)
    message = engine.send()

    report = engine.worker.run_once()

    assert report.stale == 1
    now = engine.now_is(message)
    assert (now.status, now.details, now.parts) == (
        Status.SENT,
        None,
        (Part(platform_reference="p-1"),),
    )
    engine.later(days=1)
    assert len(engine.transport.sent) == 1
    assert EventKind.LATE in engine.kinds(message)
    assert engine.messenger.doubts().answered == 1
    assert engine.receive(delivered("p-1")).applied == 1
    assert engine.now_is(message).status is Status.DELIVERED


def test_a_late_answer_for_some_receivers_counts_for_them(make: Make) -> None:
    answer = PerRecipient(
        outcomes={A: Accepted(references=("p-1",)), B: Deferred(failure=a_failure())}
    )
    engine = make(answer, channel=MAIL)
    engine.transport.meddle = lambda _: _another_worker_finds_it_in_doubt(engine)
    message = engine.send(A, B)
    engine.worker.run_once()
    engine.transport.meddle = None

    assert engine.receive(delivered("p-1", recipient=A)).applied == 1
    engine.later(days=1)

    first, second = engine.transport.sent
    assert [receiver.value for receiver in first.receivers] == [A, B]
    assert [receiver.value for receiver in second.receivers] == [B]
    assert engine.now_is(message).status is Status.DELIVERED


def _another_worker_finds_it_in_doubt(engine: Engine) -> None:
    engine.clock.advance(minutes=16)
    with engine.storage.begin() as tx:
        (claim,) = tx.outbox.claim(now=engine.clock.now(), lease=timedelta(minutes=15), limit=1)
    assert claim.doubted


@pytest.mark.parametrize("kind", list(InteractionType), ids=str)
def test_interactions_of_every_type_are_listed(make: Make, kind: InteractionType) -> None:
    engine = make(Accepted(references=("p-1",)))
    message = engine.send()
    engine.worker.drain()
    metadata = InteractionMetadata(
        link=ClickedLink(name="track", url="https://x.example/t"), prefetched=True
    )

    reception = engine.receive(
        InteractionReceipt(
            source="provider",
            at=NOW + timedelta(minutes=3),
            type=kind,
            reference="p-1",
            details="click",
            metadata=metadata,
        )
    )

    assert reception.applied == 1
    (interaction,) = engine.messenger.interactions(message.id)
    assert interaction.type is kind
    assert interaction.metadata == metadata
    assert interaction.created_at == NOW + timedelta(minutes=3)
    assert interaction.receiver == message.receiver
    assert interaction.message_parts_count == 1
    assert engine.messenger.timeline(message.id)[-1].outcome == kind


def test_an_early_interaction_waits_for_its_message(make: Make) -> None:
    engine = make(Accepted(references=("p-1",)))
    message = engine.send()

    engine.receive(
        InteractionReceipt(source="provider", at=NOW, type=InteractionType.OPENED, reference="p-1")
    )
    engine.worker.drain()

    assert len(engine.messenger.interactions(message.id)) == 1


def test_a_host_reports_conversions(make: Make) -> None:
    engine = make()
    message = engine.send()
    conversion = Conversion(type="otp", status="converted", timestamp=NOW)

    reported = engine.messenger.report_conversion(message.id, conversion)

    assert engine.messenger.interactions(message.id) == [reported]
    assert reported.type is InteractionType.CONVERSION
    with pytest.raises(InvalidRequestError) as caught:
        engine.messenger.report_conversion(
            message.id, Conversion(type="url", status="incorrect_code")
        )
    assert [violation.code for violation in caught.value.violations] == [
        "conversion.unknown_status"
    ]
    with pytest.raises(UnknownMessageError):
        engine.messenger.report_conversion(uuid4(), conversion)


def test_an_incoming_message_is_stored_listed_and_told(make: Make) -> None:
    engine = make()
    told: list[UUID] = []
    engine.messenger.subscribe(
        lambda event: told.append(event.message_id), kinds=[EventKind.RECEIVED]
    )

    (message,) = engine.receive(an_incoming(sender_name="Ada")).incoming
    engine.worker.run_once()

    assert (message.direction, message.status) == (Direction.INCOMING, Status.DELIVERED)
    assert message.sender.contact is not None
    assert message.sender.contact.identifier_value == "+31612345678"
    assert message.sender.contact.country_code == "NL"
    assert message.receiver.connector is not None
    assert message.receiver.connector.id == ORDERS.id
    assert message.parts == (Part(platform_reference="in-1"),)
    query = MessageQuery(direction=Direction.INCOMING, sender="+31612345678")
    assert list(engine.messenger.find(query).results) == [message]
    assert told == [message.id]


def test_an_incoming_message_that_is_reported_twice_comes_in_once(make: Make) -> None:
    engine = make()

    first = engine.receive(an_incoming())
    second = engine.receive(an_incoming(raw="another envelope around it"))

    assert len(first.incoming) == 1
    assert (second.repeated, second.incoming) == (1, ())
    assert len(engine.messenger.find().results) == 1


def test_who_writes_in_is_the_contact_that_was_written_to(make: Make) -> None:
    engine = make()
    sent = engine.send()

    (received,) = engine.receive(an_incoming()).incoming

    assert received.sender.contact is not None
    assert received.sender.contact.id == sent.receiver.contacts[0].id


def test_a_message_to_an_unknown_channel_is_kept(make: Make) -> None:
    engine = make()

    reception = engine.receive(an_incoming(channel_id=uuid4()))

    assert (reception.unmatched, reception.incoming) == (1, ())


def test_what_is_no_receipt_is_refused_and_nothing_is_kept(make: Make) -> None:
    engine = make()

    with pytest.raises(TypeError, match="StatusReceipt"):
        engine.messenger.receive([delivered(), {"status": "delivered"}])  # type: ignore[list-item]

    assert engine.receive(delivered()).repeated == 0


def test_one_receipt_may_be_given_alone(make: Make) -> None:
    engine = make(Accepted(references=("p-1",)))
    engine.send()
    engine.worker.drain()

    assert engine.messenger.receive(delivered()).applied == 1


def test_a_receipt_that_could_not_be_applied_is_applied_by_a_worker() -> None:
    storage = Failing()
    engine = Engine(storage, Accepted(references=("p-1",)))
    message = engine.send()
    engine.worker.drain()
    storage.calls_left = 1

    reception = engine.receive(delivered())
    storage.calls_left = None
    before = engine.now_is(message).status
    engine.worker.run_once()

    assert (reception.failed, before) == (1, Status.SENT)
    assert engine.now_is(message).status is Status.DELIVERED


class HiddenError(RuntimeError):
    """An error of a fault in code, whose text must not be shown."""


def break_incoming(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """Let every incoming message fail, and return a list of when one was tried."""
    tried: list[datetime] = []

    def fail(*_: Any, **__: Any) -> Any:
        tried.append(engine.clock.now())
        raise HiddenError("what a person wrote")

    monkeypatch.setattr("messaging_core.receipts.inbox.received", fail)
    return tried


def test_a_receipt_that_fails_is_tried_after_growing_pauses_and_put_aside(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make()
    tried = break_incoming(engine, monkeypatch)
    engine.receive(an_incoming())
    for _ in range(5_000):
        engine.clock.advance(seconds=20)
        engine.messenger.inbox.process_pending()

    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert len(tried) == MOST_FAILURES
    assert pauses == sorted(pauses)
    assert LONGEST_PAUSE <= pauses[-1] < LONGEST_PAUSE + timedelta(minutes=1)
    assert timedelta(hours=12) < tried[-1] - tried[0] < timedelta(days=1)
    (aside,) = engine.messenger.failed_receipts()
    assert (aside.failures, aside.receipt) == (MOST_FAILURES, an_incoming())
    assert len([record for record in caplog.records if "receipt 1" in record.getMessage()]) == 2
    assert "what a person wrote" not in caplog.text


def test_receipts_that_were_put_aside_are_tried_again_when_asked(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make()
    with monkeypatch.context() as patched:
        break_incoming(engine, patched)
        engine.receive(an_incoming())
        for _ in range(MOST_FAILURES):
            engine.clock.advance(hours=1)
            engine.messenger.inbox.process_pending()
    engine.messenger.inbox.process_pending()
    before = engine.messenger.find().results

    assert engine.messenger.retry_receipts() == 1
    engine.worker.run_once()

    assert before == ()
    assert engine.messenger.failed_receipts() == []
    assert len(engine.messenger.find().results) == 1
    assert engine.messenger.retry_receipts() == 0


def test_a_receipt_that_fails_holds_up_no_other_and_works_when_the_fault_is_gone(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make(Accepted(references=("p-1",)))
    message = engine.send()
    engine.worker.drain()
    with monkeypatch.context() as patched:
        break_incoming(engine, patched)
        reception = engine.receive(an_incoming(), delivered())

    assert (reception.failed, reception.applied) == (1, 1)
    assert engine.now_is(message).status is Status.DELIVERED
    engine.clock.advance(seconds=2)
    engine.worker.run_once()
    assert len(engine.messenger.find(MessageQuery(direction="incoming")).results) == 1


class Failing(MemoryStorage):
    """A storage that fails after a number of transactions."""

    calls_left: int | None = None

    def begin(self, connection: Any = None, *, read_only: bool = False) -> Any:
        if self.calls_left is not None:
            if not self.calls_left:
                raise StorageError("the disk is gone")
            self.calls_left -= 1
        return super().begin(connection, read_only=read_only)


def test_the_timeline_tells_the_whole_story(make: Make) -> None:
    engine = make(Deferred(failure=a_failure()), Accepted(references=("p-1",)))
    message = engine.send()
    engine.worker.drain()
    engine.later(hours=1)
    engine.receive(delivered())

    story = engine.messenger.timeline(message.id)

    assert [(event.kind, event.status, event.outcome) for event in story] == [
        (EventKind.ADMITTED, Status.ACCEPTED, None),
        (EventKind.ATTEMPTED, Status.PROCESSING, "deferred"),
        (EventKind.ATTEMPTED, Status.SENT, "accepted"),
        (EventKind.REPORTED, Status.DELIVERED, "delivered"),
    ]
    assert [event.attempt for event in story] == [None, 1, 2, None]
    assert story[1].failure is not None
    assert story[1].due_at is not None
    assert story[2].references == ("p-1",)


def test_what_callers_decide_stands_in_the_timeline(make: Make) -> None:
    engine = make()
    message = engine.messenger.send(ORDERS, a_request(scheduled_for=NOW + timedelta(hours=1)))
    engine.messenger.reschedule(message.id, NOW + timedelta(hours=2))
    engine.messenger.cancel(message.id)

    story = engine.messenger.timeline(message.id)

    assert [event.kind for event in story] == [
        EventKind.ADMITTED,
        EventKind.RESCHEDULED,
        EventKind.CANCELLED,
    ]
    assert [reason.code for reason in story[0].reasons] == ["schedule.later"]
    with pytest.raises(UnknownMessageError):
        engine.messenger.timeline(uuid4())


references = st.sampled_from(["p-1", "p-2", None])
reports = st.lists(
    st.builds(
        lambda status, reference, minute, by_id: (status, reference, minute, by_id),
        st.sampled_from([*ReceiptStatus, None]),
        references,
        st.integers(0, 3),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(reports, st.integers(0, 5), st.sampled_from([ORDERS, MAIL]), st.data())
def test_receipts_end_in_one_status_in_any_order_number_and_time(
    said: list[Any], early: int, channel: Channel, data: st.DataObject
) -> None:
    """Some come before the message is sent, some after, some twice, in two different orders."""
    orders = [said, data.draw(st.permutations(said + said[:1]))]
    ends = []
    for order in orders:
        engine = Engine(MemoryStorage(), TWO_PARTS, channel=channel)
        message = engine.send()
        receipts = [_receipt(message, *facts) for facts in order]
        engine.receive(*(receipt for receipt in receipts[:early] if receipt.message_id is None))
        engine.worker.drain()
        engine.receive(*receipts)
        now = engine.now_is(message)
        ends.append((now.status, now.failure, now.parts))

    assert ends[0] == ends[1]


def _receipt(
    message: Message, status: ReceiptStatus | None, reference: str | None, minute: int, by_id: Any
) -> StatusReceipt:
    return StatusReceipt(
        source="provider",
        at=NOW + timedelta(minutes=minute),
        status=status,
        reference=reference,
        message_id=message.id if by_id or reference is None else None,
        failure=a_failure(retry=Retry.PERMANENT) if status is ReceiptStatus.FAILED else None,
    )


def test_an_incoming_message_comes_in_once_when_two_apply_it(make: Make) -> None:
    engine = make()
    with engine.storage.begin() as tx:
        tx.receipts.keep([a_kept_receipt(an_incoming())])
        (receipt,) = tx.receipts.pending(limit=1)

    engine.messenger.inbox.process_pending()
    assert engine.messenger.inbox.apply_all([receipt], None) == [True]

    assert len(engine.messenger.find().results) == 1


def test_subscribers_get_the_status_of_an_early_receipt(make: Make) -> None:
    engine = make(Accepted(references=("p-1",)))
    engine.transport.meddle = lambda envelope: engine.receive(
        delivered(None, message_id=envelope.message_id)
    )
    message = engine.send()

    engine.worker.drain()

    told = engine.messenger.timeline(message.id)
    assert engine.now_is(message).status is Status.DELIVERED
    assert told[-1].status is Status.DELIVERED


def test_of_a_message_that_was_never_attempted_no_receipt_is_believed(make: Make) -> None:
    engine = make()
    message = engine.send()

    engine.receive(delivered(None, message_id=message.id))
    before = engine.now_is(message).status
    engine.worker.drain()

    assert before is Status.ACCEPTED
    assert len(engine.transport.sent) == 1
    assert engine.now_is(message).status is Status.SENT


def test_a_late_answer_proves_who_was_served_though_others_were_not(make: Make) -> None:
    busy = Deferred(failure=a_failure(retry=Retry.TRANSIENT))
    mixed = PerRecipient(outcomes={A: Accepted(references=("p-1",)), B: busy})
    engine = make(mixed, channel=MAIL)
    engine.transport.meddle = lambda _: _another_worker_finds_it_in_doubt(engine)
    message = engine.send(A, B)
    engine.worker.run_once()
    engine.transport.meddle = None

    engine.later(days=1)
    engine.later(days=1)

    assert [[receiver.value for receiver in sent.receivers] for sent in engine.transport.sent] == [
        [A, B],
        [B],
    ]
    assert engine.receive(delivered("p-1")).applied == 1
    assert engine.now_is(message).status is Status.DELIVERED


def test_a_doubt_that_a_person_sends_again_is_counted_and_told(make: Make) -> None:
    engine = make(Unknown(failure=LOST), Accepted(), channel=PARKING)
    message = engine.send()
    engine.worker.drain()
    engine.later(hours=1)

    engine.messenger.replay(message.id)
    told = engine.kinds(message)[-1]
    engine.worker.drain()

    doubts = engine.messenger.doubts()
    assert (doubts.opened, doubts.parked, doubts.resent, doubts.open) == (1, 1, 1, 0)
    assert told is EventKind.RESCHEDULED


def test_a_message_that_replaces_one_that_failed_is_told_of(make: Make) -> None:
    engine = make(Rejected(failure=LOST))
    message = engine.send()
    engine.worker.drain()

    new = engine.messenger.replay(message.id)

    assert engine.kinds(new) == [EventKind.ADMITTED]


def test_a_doubt_stays_one_doubt_while_sending_again_comes_to_nothing(make: Make) -> None:
    busy = Deferred(failure=a_failure(retry=Retry.TRANSIENT))
    engine = make(Unknown(failure=LOST), busy, busy, Accepted())
    message = engine.send()
    engine.worker.drain()

    for _ in range(4):
        engine.later(hours=1)

    doubts = engine.messenger.doubts()
    assert engine.now_is(message).status is Status.SENT
    assert (doubts.opened, doubts.resent, doubts.open) == (1, 1, 0)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE messaging_evidence SET document = '{'",
        "UPDATE messaging_receipts SET document = '{'",
        "UPDATE messaging_events SET document = '{'",
    ],
)
def test_damaged_evidence_of_one_message_stops_no_other(damage: str) -> None:
    with SqliteStorage(":memory:") as storage:
        engine = Engine(storage, Unknown(failure=LOST), Accepted(references=("p-1",)))
        engine.send()
        engine.worker.drain()
        engine.receive(delivered("p-1"))
        storage._connection.execute(damage)
        other = engine.send()

        engine.worker.drain()
        engine.later(hours=1)

        assert engine.now_is(other).status in {Status.SENT, Status.DELIVERED}
        assert engine.messenger.timeline(other.id)
