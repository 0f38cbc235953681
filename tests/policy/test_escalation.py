"""A message that is not delivered in time has one fallback, on the channel that takes over."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Message, MessageQuery, Messenger, Status, Verdict, Worker
from messaging_core.decisions.delivery.settlement import EXPIRED
from messaging_core.errors import ConfigurationError, InvalidMessageError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE, MessageType
from messaging_core.models.common.escalation import Escalation
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.content.body import Attachment, HtmlBody, TextBody
from messaging_core.models.content.template import TemplateReference
from messaging_core.models.content.template_project import (
    PlatformContent,
    TemplateContent,
    TemplateVersion,
)
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.delivery.interaction import InteractionMetadata, InteractionType
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    Unknown,
)
from messaging_core.models.delivery.receipt import (
    InteractionReceipt,
    ReceiptStatus,
    StatusReceipt,
)
from messaging_core.models.messages.compose import text
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.contact import ContactIdentifier, Receiver, ReceiverContact
from messaging_core.models.people.directory import NewContact
from messaging_core.models.people.suppression import SuppressionScope
from messaging_core.models.policy.send_rules import QuietHours, QuietWindow, SendRules
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.transport import Handoff
from messaging_core.testing import ManualClock, RecordingTransport, a_channel, a_failure, a_request

AFTER = timedelta(minutes=5)
APP = a_channel("app", "push", escalation=Escalation(channel="texts", after=AFTER))
MAIL = a_channel("mail", "email", escalation=Escalation(channel="texts", after=AFTER))
TEXTS = a_channel("texts")
TOKEN, NUMBER, ADDRESS = "token-1", "+31612345678", "ann@x.example"
BUSY = Deferred(failure=a_failure(retry=Retry.TRANSIENT))
REFUSED = Rejected(failure=a_failure(FailureCode.REFUSED, retry=Retry.PERMANENT))
LOST = Unknown(failure=a_failure(FailureCode.IN_DOUBT, retry=Retry.AMBIGUOUS))


class Engine:
    """A messenger whose push and email escalate to SMS, with a provider for each."""

    def __init__(
        self,
        storage: Storage,
        *answers: Any,
        channels: Sequence[Any] = (),
        sms: Sequence[Any] = (),
        push: RecordingTransport | None = None,
        **options: Any,
    ) -> None:
        self.storage = storage
        self.clock = ManualClock()
        self.push = push or RecordingTransport(answers, name="push-provider")
        self.sms = RecordingTransport(sms, name="sms-provider")
        transports = dict.fromkeys(channels or (APP, MAIL), self.push)
        self.messenger = Messenger(
            storage=storage,
            channels={**transports, TEXTS: self.sms},
            clock=self.clock,
            **options,
        )
        self.worker = Worker(self.messenger, threads=1, random=lambda: 0.5)

    def knows(self, **fields: Any) -> None:
        kinds = {"pushtoken": TOKEN, "phonenumber": NUMBER, "emailaddress": ADDRESS}
        identifiers = tuple(ContactIdentifier(key=key, value=value) for key, value in kinds.items())
        self.messenger.contacts.create(NewContact(identifiers=identifiers, **fields))

    def send(self, **fields: Any) -> Message:
        return self.messenger.send(APP, a_request(to=TOKEN, **fields))

    def fallback(self, of: Message) -> Message:
        (fallback,) = self.fallbacks(of)
        return fallback

    def fallbacks(self, of: Message) -> list[Message]:
        messages = self.messenger.find(MessageQuery(limit=100)).results
        return [own for own in messages if own.origin and own.origin.id == str(of.id)]

    def now_is(self, message: Message) -> Message:
        return self.messenger.get(message.id)

    def after(self, **span: float) -> None:
        self.clock.advance(**span)
        self.worker.drain()

    def reports(self, message: Message, status: ReceiptStatus = ReceiptStatus.DELIVERED) -> None:
        self.reports_on(message.id, status)

    def reports_on(self, message_id: UUID, status: ReceiptStatus = ReceiptStatus.DELIVERED) -> None:
        receipt = StatusReceipt(
            source="push-provider", at=self.clock.now(), message_id=message_id, status=status
        )
        self.messenger.receive([receipt])
        self.worker.run_once()

    def kinds(self, message: Message) -> list[EventKind]:
        return [event.kind for event in self.messenger.timeline(message.id)]

    def codes(self, message: Message) -> list[str]:
        events = self.messenger.timeline(message.id)
        return [reason.code for event in events for reason in event.reasons]


class ReportsAndHangsUp(RecordingTransport):
    """A provider that takes a message and reports it at once, and whose answer never comes."""

    report: Callable[[UUID], None]

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        handoff()
        self.report(envelope.message_id)
        return LOST


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "memory":
        yield MemoryStorage()
    else:
        with SqliteStorage(tmp_path / "messages.db") as opened:
            yield opened


@pytest.fixture
def engine(storage: Storage) -> Engine:
    made = Engine(storage)
    made.knows()
    return made


def engine_with(storage: Storage, *answers: Any, **options: Any) -> Engine:
    made = Engine(storage, *answers, **options)
    made.knows()
    return made


class TestAcceptance:
    def test_a_fallback_is_stored_with_its_message_and_refers_to_it(self, engine: Engine) -> None:
        message = engine.send()

        fallback = engine.fallback(message)

        assert (fallback.channel_id, fallback.status) == (TEXTS.id, Status.SCHEDULED)
        assert fallback.scheduled_for == engine.clock.now() + AFTER
        assert fallback.receiver.contacts[0].address == NUMBER
        assert fallback.receiver.contacts[0].id == message.receiver.contacts[0].id
        assert fallback.body == message.body
        assert engine.codes(message) == ["escalation.planned"]
        assert engine.codes(fallback) == ["escalation.waits"]

    def test_an_idempotency_key_makes_one_message_and_one_fallback(self, engine: Engine) -> None:
        request = a_request(to=TOKEN)
        first = engine.messenger.send(APP, request, idempotency_key="order-1")

        again = engine.messenger.send(APP, request, idempotency_key="order-1")

        assert again.id == first.id
        assert len(engine.fallbacks(first)) == 1
        assert len(engine.messenger.find().results) == 2

    def test_a_contact_without_an_address_has_no_fallback_and_the_reason_is_told(
        self, storage: Storage
    ) -> None:
        engine = Engine(storage)

        message = engine.send()

        assert engine.fallbacks(message) == []
        (event,) = engine.messenger.timeline(message.id)
        (reason,) = event.reasons
        assert reason.code == "escalation.impossible"
        assert reason.facts == {"channel": "texts", "because": "receiver.unreachable"}

    def test_identifiers_in_the_request_give_the_address(self, storage: Storage) -> None:
        engine = Engine(storage)
        contact = ReceiverContact(
            identifier_value=TOKEN,
            identifiers=(Identifier(identifier_key="phonenumber", identifier_value=NUMBER),),
        )
        request = SendMessage(receiver=Receiver(contacts=(contact,)), body=text("hi"))

        message = engine.messenger.send(APP, request)

        fallback = engine.fallback(message)
        assert fallback.receiver.contacts[0].address == NUMBER
        assert fallback.receiver.contacts[0].id == message.receiver.contacts[0].id

    def test_an_email_to_several_has_no_fallback(self, engine: Engine) -> None:
        message = engine.messenger.send(MAIL, a_request(to=(ADDRESS, "bob@x.example")))

        assert engine.fallbacks(message) == []
        assert engine.codes(message) == ["escalation.impossible"]

    def test_html_falls_back_to_its_text(self, engine: Engine) -> None:
        body = HtmlBody(html="<p>Hi</p>", text="Hi")

        message = engine.messenger.send(MAIL, a_request(to=ADDRESS, body=body))

        assert engine.fallback(message).body == TextBody(text="Hi")

    def test_what_the_other_channel_cannot_carry_has_no_fallback(self, engine: Engine) -> None:
        file = Attachment(filename="a.pdf", media_url="https://x.example/a.pdf")
        body = HtmlBody(html="<p>Hi</p>", text="Hi", attachments=(file,))

        message = engine.messenger.send(MAIL, a_request(to=ADDRESS, body=body))

        assert engine.fallbacks(message) == []
        assert engine.codes(message) == ["escalation.impossible"]

    def test_a_validity_that_ends_earlier_leaves_no_time_for_a_fallback(
        self, engine: Engine
    ) -> None:
        message = engine.send(validity=300)

        assert engine.fallbacks(message) == []
        assert engine.codes(message) == ["escalation.impossible"]

    def test_a_bad_request_is_refused_as_ever(self, engine: Engine) -> None:
        with pytest.raises(InvalidMessageError):
            engine.send(body="")

        assert engine.messenger.find().results == ()

    def test_every_message_of_a_batch_has_its_fallback_outside_the_batch(
        self, engine: Engine
    ) -> None:
        batch = engine.messenger.send_batch(APP, [a_request(to=TOKEN)] * 2)

        assert [message.channel_id for message in batch.messages] == [APP.id, APP.id]
        assert [len(engine.fallbacks(message)) for message in batch.messages] == [1, 1]
        again = engine.messenger.find(MessageQuery(batch_id=batch.id)).results
        assert {message.id for message in again} == {message.id for message in batch.messages}


class TestDelivery:
    def test_without_proof_of_delivery_the_fallback_goes_at_its_time(self, engine: Engine) -> None:
        message = engine.send()
        engine.worker.drain()

        engine.after(minutes=4.9)
        before = list(engine.sms.sent)
        engine.after(minutes=0.1)

        assert before == []
        (envelope,) = engine.sms.sent
        assert (envelope.to, envelope.message_id) == (NUMBER, engine.fallback(message).id)
        assert engine.now_is(message).status is Status.SENT
        assert engine.kinds(message)[-1] is EventKind.ESCALATED
        assert engine.codes(message) == ["escalation.planned", "escalation.overtaken"]

    def test_a_delivered_message_needs_no_fallback(self, engine: Engine) -> None:
        message = engine.send()
        engine.worker.drain()

        engine.reports(message)
        engine.after(minutes=10)

        fallback = engine.fallback(message)
        assert (fallback.status, fallback.details) == (Status.SKIPPED, "escalation.delivered")
        assert engine.sms.sent == []
        assert EventKind.ESCALATED not in engine.kinds(message)

    def test_a_person_who_opened_a_message_has_it(self, engine: Engine) -> None:
        message = engine.send()
        engine.worker.drain()
        opened = InteractionReceipt(
            source="push-provider",
            at=engine.clock.now(),
            message_id=message.id,
            type=InteractionType.OPENED,
        )

        engine.messenger.receive([opened])
        engine.after(minutes=10)

        assert engine.fallback(message).details == "escalation.delivered"
        assert engine.sms.sent == []

    def test_a_machine_that_opened_a_message_proves_nothing(self, engine: Engine) -> None:
        message = engine.send()
        engine.worker.drain()
        opened = InteractionReceipt(
            source="push-provider",
            at=engine.clock.now(),
            message_id=message.id,
            type=InteractionType.CLICKED,
            metadata=InteractionMetadata(prefetched=True),
        )

        engine.messenger.receive([opened])
        engine.after(minutes=10)

        assert engine.now_is(engine.fallback(message)).status is Status.SENT

    def test_a_message_that_fails_for_good_escalates_at_once(self, storage: Storage) -> None:
        engine = engine_with(storage, REFUSED)

        message = engine.send()
        engine.worker.drain()

        assert engine.now_is(message).status is Status.SENDING_FAILED
        assert [envelope.to for envelope in engine.sms.sent] == [NUMBER]
        assert "escalation.failed" in engine.codes(engine.fallback(message))

    def test_a_reported_failure_escalates_at_once(self, engine: Engine) -> None:
        message = engine.send()
        engine.worker.drain()

        engine.reports(message, ReceiptStatus.FAILED)
        engine.worker.drain()

        assert engine.now_is(message).status is Status.DELIVERY_FAILED
        assert len(engine.sms.sent) == 1

    def test_a_message_is_not_tried_again_once_its_fallback_goes(self, storage: Storage) -> None:
        engine = engine_with(storage, *[BUSY] * 50)
        message = engine.send()
        while engine.clock.now() < message.created_at + timedelta(hours=1):
            engine.after(seconds=20)

        late = message.created_at + AFTER
        assert engine.now_is(message).status is Status.SENDING_FAILED
        assert all(envelope.expires_at == late for envelope in engine.push.attempts)
        assert len(engine.sms.sent) == 1

    def test_a_message_in_doubt_escalates_and_is_not_sent_again(self, storage: Storage) -> None:
        engine = engine_with(storage, LOST, channels=[slow_to_doubt()])
        message = engine.send()
        engine.worker.drain()

        engine.after(minutes=5)
        engine.after(hours=2)

        assert len(engine.push.sent) == 1
        assert len(engine.sms.sent) == 1
        assert engine.now_is(message).failure.code == FailureCode.IN_DOUBT

    def test_a_message_in_doubt_that_is_replayed_ends_when_its_fallback_goes(
        self, storage: Storage
    ) -> None:
        engine = engine_with(storage, LOST)
        message = engine.send()
        engine.worker.drain()
        due_at = engine.fallback(message).scheduled_for

        engine.messenger.replay(message.id)
        engine.after(minutes=1)

        assert [envelope.expires_at for envelope in engine.push.sent] == [due_at, due_at]

    def test_a_late_receipt_after_a_doubt_is_recorded(self, storage: Storage) -> None:
        engine = engine_with(storage, LOST, channels=[slow_to_doubt()])
        message = engine.send()
        engine.worker.drain()
        engine.after(minutes=5)

        engine.reports(message)

        assert engine.now_is(message).status is Status.DELIVERED
        assert engine.now_is(engine.fallback(message)).status is Status.SENT

    def test_a_late_receipt_stops_a_fallback_that_was_not_handed_over(
        self, storage: Storage
    ) -> None:
        engine = engine_with(storage, sms=[BUSY] * 3)
        message = engine.send()
        engine.after(seconds=0)
        engine.after(minutes=5)
        tried = len(engine.sms.attempts)

        engine.reports(message)
        engine.after(hours=1)

        assert (tried, len(engine.sms.attempts)) == (1, 1)
        assert engine.fallback(message).status is Status.SKIPPED
        assert engine.now_is(message).status is Status.DELIVERED

    def test_a_receipt_that_came_during_an_attempt_counts_when_the_fallback_is_due(
        self, storage: Storage
    ) -> None:
        provider = ReportsAndHangsUp(name="push-provider")
        engine = engine_with(storage, channels=[slow_to_doubt()], push=provider)
        provider.report = engine.reports_on
        message = engine.send()
        engine.worker.drain()
        before = engine.now_is(message)
        engine.after(minutes=5)

        assert before.details == "in_doubt"
        assert engine.now_is(message).status is Status.DELIVERED
        assert engine.fallback(message).details == "escalation.delivered"
        assert engine.sms.sent == []

    def test_a_late_receipt_stops_a_fallback_in_doubt_from_going_again(
        self, storage: Storage
    ) -> None:
        engine = engine_with(storage, sms=[LOST])
        message = engine.send()
        engine.worker.drain()
        engine.after(minutes=5)
        in_doubt = engine.fallback(message)

        engine.reports(message)
        engine.after(hours=1)

        fallback = engine.fallback(message)
        assert in_doubt.details == "in_doubt"
        assert len(engine.sms.sent) == 1
        assert (fallback.status, fallback.reason) == (Status.SENDING_FAILED, "in_doubt")
        assert engine.codes(fallback)[-1] == "escalation.delivered"

    def test_a_message_that_one_of_two_devices_has_is_sent_when_its_fallback_goes(
        self, storage: Storage
    ) -> None:
        def one_device_is_busy(envelope: Envelope) -> Outcome:
            outcomes = {own.value: BUSY for own in envelope.receivers} | {TOKEN: Accepted()}
            return PerRecipient(
                outcomes={own.value: outcomes[own.value] for own in envelope.receivers}
            )

        engine = Engine(storage, push=RecordingTransport(one_device_is_busy, name="push-provider"))
        keys = (("pushtoken", TOKEN), ("pushtoken", "token-2"), ("phonenumber", NUMBER))
        identifiers = tuple(ContactIdentifier(key=key, value=value) for key, value in keys)
        contact = engine.messenger.contacts.create(NewContact(identifiers=identifiers))
        receiver = Receiver(contacts=(ReceiverContact(id=contact.id),))

        message = engine.messenger.send(APP, SendMessage(receiver=receiver, body=text("hi")))
        engine.worker.drain()
        engine.after(minutes=5)
        engine.after(hours=1)

        assert message.addresses == (TOKEN, "token-2")
        assert engine.now_is(message).status is Status.SENT
        assert [envelope.to for envelope in engine.sms.sent] == [NUMBER]


class TestChanges:
    def test_cancelling_a_message_cancels_its_fallback(self, engine: Engine) -> None:
        message = engine.send()

        assert engine.messenger.cancel(message.id)

        engine.after(minutes=10)
        assert engine.fallback(message).details == "escalation.stopped"
        assert engine.push.sent == engine.sms.sent == []

    def test_cancelling_a_message_that_was_sent_stops_its_fallback(self, engine: Engine) -> None:
        message = engine.send()
        engine.worker.drain()

        assert not engine.messenger.cancel(message.id)

        engine.after(minutes=10)
        assert engine.fallback(message).status is Status.SKIPPED
        assert engine.sms.sent == []

    def test_a_fallback_that_is_cancelled_leaves_its_message(self, engine: Engine) -> None:
        message = engine.send()

        engine.worker.drain()

        assert engine.messenger.cancel(engine.fallback(message).id)

        engine.after(minutes=10)
        assert engine.now_is(message).status is Status.SENT
        assert engine.sms.sent == []

    def test_a_message_that_is_moved_takes_its_fallback_along(self, engine: Engine) -> None:
        message = engine.send()
        later = engine.clock.now() + timedelta(days=1)

        engine.messenger.reschedule(message.id, later)

        assert engine.fallback(message).scheduled_for == later + AFTER
        engine.after(hours=23)
        assert engine.push.sent == engine.sms.sent == []
        engine.after(hours=1)
        (envelope,) = engine.push.sent
        assert envelope.expires_at == later + AFTER
        engine.after(minutes=5)
        assert len(engine.sms.sent) == 1

    def test_a_fallback_moves_along_though_its_channel_escalates_no_more(
        self, storage: Storage
    ) -> None:
        first = engine_with(storage).send()
        app = a_channel("app", "push")
        engine = Engine(storage, channels=[app])
        later = engine.clock.now() + timedelta(days=1)

        engine.messenger.reschedule(first.id, later)

        assert engine.fallback(first).scheduled_for == later + AFTER
        engine.after(hours=1)
        assert engine.push.sent == engine.sms.sent == []

    def test_an_opt_out_of_the_first_channel_stops_the_fallback_too(self, storage: Storage) -> None:
        engine = engine_with(storage)
        message = engine.send()

        identifier = Identifier(identifier_key="pushtoken", identifier_value=TOKEN)
        engine.messenger.suppressions.suppress(identifier, SuppressionScope.TRANSACTIONAL)
        engine.worker.drain()
        engine.after(minutes=10)

        assert engine.now_is(message).status is Status.SKIPPED
        assert engine.fallback(message).details == "escalation.stopped"
        assert engine.sms.sent == []

    def test_a_suppressed_number_gets_no_fallback(self, engine: Engine) -> None:
        identifier = Identifier(identifier_key="phonenumber", identifier_value=NUMBER)
        engine.messenger.suppressions.suppress(identifier, SuppressionScope.TRANSACTIONAL)

        message = engine.send()
        engine.after(minutes=10)

        assert engine.fallback(message).status is Status.SKIPPED
        assert engine.codes(message) == ["escalation.impossible"]
        assert engine.sms.sent == []

    def test_a_fallback_waits_for_quiet_hours_to_end(self, storage: Storage) -> None:
        night = QuietHours(
            windows=(QuietWindow(start=time(9, 2), end=time(12)),),
            message_types=frozenset(MessageType),
        )
        engine = engine_with(storage, send_rules={TEXTS.id: SendRules(quiet_hours=night)})

        message = engine.send()
        engine.after(minutes=30)

        assert engine.fallback(message).details == "quiet_hours.hold"
        assert engine.sms.sent == []
        engine.after(hours=3)
        assert len(engine.sms.sent) == 1


class TestPlan:
    def test_the_plan_shows_the_fallback(self, engine: Engine) -> None:
        plan = engine.messenger.plan(APP, a_request("Hi", to=TOKEN))

        assert plan.fallback is not None
        assert plan.fallback.verdict is Verdict.SCHEDULED
        assert plan.fallback.envelope is not None
        assert plan.fallback.envelope.to == NUMBER
        assert plan.fallback.due_at == plan.expires_at == engine.clock.now() + AFTER
        assert plan.fallback.sms is not None
        assert [reason.code for reason in plan.reasons] == ["escalation.planned"]

    def test_the_plan_says_why_there_is_none(self, storage: Storage) -> None:
        plan = Engine(storage).messenger.plan(APP, a_request(to=TOKEN))

        assert plan.would_send
        assert plan.fallback is not None
        assert [violation.code for violation in plan.fallback.violations] == [
            "receiver.unreachable"
        ]

    def test_a_channel_without_an_escalation_has_none(self, engine: Engine) -> None:
        assert engine.messenger.plan(TEXTS, a_request(to=NUMBER)).fallback is None


class TestChains:
    def test_a_fallback_may_have_one_of_its_own(self, storage: Storage) -> None:
        engine = chained(storage)
        message = engine.send()
        second = engine.fallback(message)
        third = engine.fallback(second)
        engine.worker.drain()

        engine.after(minutes=5)
        engine.after(minutes=10)

        assert third.scheduled_for == message.created_at + timedelta(minutes=15)
        statuses = [engine.now_is(own).status for own in (message, second, third)]
        assert statuses == [Status.SENT] * 3

    def test_a_message_that_is_moved_takes_all_of_its_chain_along(self, storage: Storage) -> None:
        engine = chained(storage)
        message = engine.send()
        second = engine.fallback(message)
        third = engine.fallback(second)
        later = engine.clock.now() + timedelta(days=1)

        engine.messenger.reschedule(message.id, later)

        engine.after(hours=23)
        assert engine.push.sent == engine.sms.sent == []
        assert engine.now_is(second).scheduled_for == later + timedelta(minutes=5)
        assert engine.now_is(third).scheduled_for == later + timedelta(minutes=15)
        engine.after(hours=1)
        engine.after(minutes=5)
        assert [engine.now_is(own).status for own in (message, second)] == [Status.SENT] * 2
        assert engine.push.sent[-1].expires_at == later + timedelta(minutes=15)
        engine.after(minutes=10)
        assert engine.now_is(third).status is Status.SENT

    def test_a_fallback_that_is_moved_takes_the_rest_of_its_chain_along(
        self, storage: Storage
    ) -> None:
        engine = chained(storage)
        second = engine.fallback(engine.send())
        third = engine.fallback(second)
        later = engine.clock.now() + timedelta(days=1)

        engine.messenger.reschedule(second.id, later)

        assert engine.now_is(third).scheduled_for == later + timedelta(minutes=10)

    def test_a_late_delivery_of_the_first_stops_what_waits_behind_a_sent_one(
        self, storage: Storage
    ) -> None:
        engine = chained(storage)
        message = engine.send()
        third = engine.fallback(engine.fallback(message))
        engine.worker.drain()
        engine.after(minutes=5)

        engine.reports(message)
        engine.after(hours=1)

        assert engine.now_is(third).details == "escalation.delivered"
        assert engine.sms.sent == []

    def test_what_stops_the_first_stops_all(self, storage: Storage) -> None:
        engine = chained(storage)
        message = engine.send()
        second = engine.fallback(message)
        third = engine.fallback(second)
        engine.worker.drain()

        engine.reports(message)

        statuses = [engine.now_is(own).status for own in (second, third)]
        assert statuses == [Status.SKIPPED] * 2


class TestChannels:
    @pytest.mark.parametrize(
        ("escalation", "fault"),
        [
            (Escalation(channel="text", after=AFTER), "no channel 'text'"),
            (Escalation(channel="app", after=AFTER), "another channel takes over"),
            (Escalation(channel="texts", after=timedelta(0)), "from 1 second to 35 days"),
            (Escalation(channel="texts", after=timedelta(days=36)), "from 1 second to 35 days"),
            (Escalation(channel="back", after=AFTER), "takes over from itself"),
        ],
    )
    def test_an_escalation_that_cannot_work_is_refused(
        self, escalation: Escalation, fault: str
    ) -> None:
        transport = RecordingTransport()
        app = a_channel("app", "push", escalation=escalation)
        back = a_channel("back", escalation=Escalation(channel="app", after=AFTER))
        channels = [app, TEXTS, back] if escalation.channel == "back" else [app, TEXTS]

        with pytest.raises(ConfigurationError, match=fault):
            Messenger(storage=MemoryStorage(), channels=dict.fromkeys(channels, transport))


def slow_to_doubt() -> Any:
    """Return a push channel on which a doubt outlasts the wait for proof of delivery."""
    escalation = Escalation(channel="texts", after=AFTER)
    return a_channel("app", "push", escalation=escalation, in_doubt_timeout=timedelta(minutes=9))


def chained(storage: Storage) -> Engine:
    """Return an engine on which push escalates to email, and email to SMS."""
    app = a_channel("app", "push", escalation=Escalation(channel="mail", after=AFTER))
    mail = a_channel(
        "mail", "email", escalation=Escalation(channel="texts", after=timedelta(minutes=10))
    )
    return engine_with(storage, channels=[app, mail])


def test_a_template_has_its_own_content_for_the_channel_that_takes_over(engine: Engine) -> None:
    version = TemplateVersion(
        id=UUID(int=1),
        project_id="parcels",
        default_locale="en",
        generic_content=(TemplateContent(locale="en", text="Your parcel is here"),),
        platform_content=(PlatformContent(platform="sms", locale="en", text="Parcel here"),),
    )
    engine.messenger.templates.save("parcels", version)
    engine.messenger.templates.activate("parcels", version.id)
    contact = ReceiverContact(identifier_value=TOKEN)
    reference = TemplateReference(project_id="parcels", version="latest", locale="en")

    message = engine.messenger.send(
        APP, SendMessage(receiver=Receiver(contacts=(contact,)), template=reference)
    )

    assert message.body == TextBody(text="Your parcel is here")
    assert engine.fallback(message).body == TextBody(text="Parcel here")


def damage(engine: Engine, message: Message) -> None:
    damaged: Any = evolve(engine.now_is(message), reason=5)
    with engine.storage.begin() as tx:
        tx.messages.update(DEFAULT_WORKSPACE, damaged)


def test_a_fallback_goes_for_a_damaged_message_and_holds_up_no_other(storage: Storage) -> None:
    engine = engine_with(storage, BUSY)
    message = engine.send()
    fallback = engine.fallback(message)
    engine.worker.run_once()
    damage(engine, message)
    other = engine.messenger.send(TEXTS, a_request())

    engine.after(minutes=5)

    assert engine.now_is(fallback).status is Status.SENT
    assert engine.now_is(other).status is Status.SENT


def test_a_damaged_fallback_keeps_no_settlement_from_being_stored(storage: Storage) -> None:
    engine = engine_with(storage, REFUSED)
    message = engine.send()
    damage(engine, engine.fallback(message))
    other = engine.messenger.send(TEXTS, a_request())

    engine.worker.drain()

    assert engine.now_is(message).status is Status.SENDING_FAILED
    assert engine.now_is(other).status is Status.SENT


def test_a_message_to_a_damaged_contact_is_given_up_and_holds_up_no_other(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    marketing = a_channel("offers", message_type=MessageType.PROMOTIONAL)
    with SqliteStorage(path) as storage:
        engine = Engine(storage, channels=(APP, marketing))
        engine.knows(id="ann")
        message = engine.messenger.send(marketing, a_request(to=NUMBER))
        other = engine.messenger.send(TEXTS, a_request(to="+31612340000"))
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("UPDATE messaging_contacts SET document = x'7b' WHERE id = 'ann'")

        engine.worker.drain()
        assert engine.now_is(other).status is Status.SENT
        for _ in range(9):
            engine.after(minutes=10)

        assert engine.now_is(message).status is Status.SENDING_FAILED
        assert not engine.push.sent


def test_a_message_to_a_damaged_contact_expires_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    marketing = a_channel("offers", message_type=MessageType.PROMOTIONAL)
    with SqliteStorage(path) as storage:
        engine = Engine(storage, channels=(APP, marketing))
        engine.knows(id="ann")
        message = engine.messenger.send(marketing, a_request(to=NUMBER, validity=90))
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("UPDATE messaging_contacts SET document = x'7b' WHERE id = 'ann'")
        engine.worker.drain()

        engine.after(minutes=1)
        assert engine.now_is(message).status is not Status.SENDING_FAILED
        engine.after(minutes=1)

        assert engine.now_is(message).reason == EXPIRED


def test_a_fallback_waits_while_the_delivery_of_its_message_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    with SqliteStorage(path) as storage:
        engine = engine_with(storage, BUSY)
        message = engine.send()
        fallback = engine.fallback(message)
        engine.worker.run_once()
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(
                "UPDATE messaging_outbox SET progress = '{', due_at = due_at + 3600000000"
                " WHERE position = (SELECT position FROM messaging_messages WHERE id = ?)",
                (message.id.bytes,),
            )
        other = engine.messenger.send(TEXTS, a_request())

        engine.after(minutes=5)

        assert engine.now_is(fallback).status is Status.SCHEDULED
        assert engine.now_is(other).status is Status.SENT
        engine.after(hours=2)
        assert engine.now_is(message).status is Status.SENDING_FAILED
        assert engine.now_is(fallback).status is not Status.SCHEDULED


@pytest.mark.parametrize(
    "damaged",
    [
        "idempotency_keys SET fields = '{'",
        "outbox SET controls = '{' WHERE position = (SELECT max(position) FROM messaging_outbox)",
    ],
)
def test_a_damaged_key_or_delivery_of_a_fallback_keeps_no_settlement_from_being_stored(
    tmp_path: Path, damaged: str
) -> None:
    path = tmp_path / "messages.db"
    with SqliteStorage(path) as storage:
        engine = engine_with(storage, REFUSED)
        message = engine.send()
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(f"UPDATE messaging_{damaged}")
        other = engine.messenger.send(TEXTS, a_request())

        engine.worker.drain()

        assert engine.now_is(message).status is Status.SENDING_FAILED
        assert engine.now_is(other).status is Status.SENT
