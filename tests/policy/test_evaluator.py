"""Send rules govern what is accepted, what is planned and what is handed over."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Message, MessageQuery, Messenger, Status, Verdict, Worker
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import Channel, MessageType
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.content.body import TextBody
from messaging_core.models.content.meta import Meta
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.outcome import Accepted, Deferred, Outcome, Rejected, Unknown
from messaging_core.models.delivery.receipt import (
    IncomingMessage,
    InteractionReceipt,
    ReceiptStatus,
    StatusReceipt,
)
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.people.contact import ContactIdentifier
from messaging_core.models.people.directory import NewContact
from messaging_core.models.people.suppression import SuppressionCause, SuppressionScope
from messaging_core.models.policy.send_rules import (
    FrequencyCap,
    Holdout,
    QuietAction,
    QuietHours,
    QuietWindow,
    SendRules,
)
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.transport import Handoff
from messaging_core.receipts.keywords import Keywords
from messaging_core.rules.policy.stop_words import Keyword, KeywordKind
from messaging_core.testing import ManualClock, RecordingTransport, a_channel, a_failure, a_request

OFFERS = a_channel("offers", message_type=MessageType.PROMOTIONAL)
ORDERS = a_channel("orders")
NEWS = a_channel("news", "email", message_type=MessageType.PROMOTIONAL)
MAIL = a_channel("mail", "email")
CHANNELS = (OFFERS, ORDERS, NEWS, MAIL)
NIGHT = QuietHours(
    windows=(QuietWindow(start=time(21), end=time(8)),), fallback_zone="Europe/Amsterdam"
)
NUMBER, OTHER = "+31612345678", "+31687654321"
A, B = "a@x.example", "b@x.example"
NOON = datetime(2026, 1, 5, 11, 0, tzinfo=UTC)
EVENING = datetime(2026, 1, 5, 21, 30, tzinfo=UTC)
MORNING = datetime(2026, 1, 6, 7, 0, tzinfo=UTC)  # 08:00 in Amsterdam
MARKETING = Meta(extra_information={"useCase": "marketing"})


class Engine:
    """A messenger with send rules, its worker, and a provider that answers as told."""

    def __init__(
        self,
        storage: Storage,
        rules: Any = None,
        *answers: Any,
        at: datetime = NOON,
        **options: Any,
    ) -> None:
        self.clock = ManualClock(at)
        self.transport = RecordingTransport(answers)
        self.messenger = Messenger(
            storage=storage,
            channels=dict.fromkeys(CHANNELS, self.transport),
            clock=self.clock,
            send_rules=rules,
            **options,
        )
        self.worker = Worker(self.messenger, threads=1, random=lambda: 0.5)

    def send(self, channel: Channel = OFFERS, *to: str, **fields: Any) -> Message:
        address = A if channel.platform == "email" else NUMBER
        return self.messenger.send(channel, a_request(to=to or address, **fields))

    def now_is(self, message: Message) -> Message:
        return self.messenger.get(message.id)

    def knows(self, address: str = NUMBER, **fields: Any) -> None:
        key = "emailaddress" if "@" in address else "phonenumber"
        identifier = ContactIdentifier(key=key, value=address)
        self.messenger.contacts.create(NewContact(identifiers=(identifier,), **fields))

    def hears(self, text: str, *, sender: str = NUMBER, channel: Channel = OFFERS) -> None:
        self.messenger.receive(
            IncomingMessage(
                source="provider",
                at=self.clock.now(),
                channel_id=channel.id,
                sender=sender,
                body=TextBody(text=text),
                reference=str(uuid4()),
            )
        )

    def texts(self) -> list[Any]:
        return [getattr(envelope.content, "text", None) for envelope in self.transport.sent]


Make = Callable[..., Engine]


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    if request.param == "memory":
        yield lambda *args, **options: Engine(MemoryStorage(), *args, **options)
    else:
        with SqliteStorage(":memory:") as storage:
            yield lambda *args, **options: Engine(storage, *args, **options)


class TestQuietHours:
    rules = SendRules(quiet_hours=NIGHT)

    def test_marketing_waits_until_the_night_is_over(self, make: Make) -> None:
        engine = make(self.rules, at=EVENING)

        message = engine.send()
        engine.worker.drain()
        asleep = engine.now_is(message)
        engine.clock.set(MORNING)
        engine.worker.drain()

        assert (message.status, message.details) == (Status.SCHEDULED, "quiet_hours.hold")
        assert asleep == message
        assert engine.now_is(message).status is Status.SENT
        assert engine.now_is(message).details is None

    def test_by_day_it_goes_at_once(self, make: Make) -> None:
        engine = make(self.rules)

        assert engine.send().status is Status.ACCEPTED

    def test_other_messages_are_not_bound(self, make: Make) -> None:
        engine = make(self.rules, at=EVENING)

        assert engine.send(ORDERS).status is Status.ACCEPTED

    def test_a_request_may_ignore_them(self, make: Make) -> None:
        engine = make(self.rules, at=EVENING)

        message = engine.send(ignore_quiet_hours=True)

        assert message.status is Status.ACCEPTED
        codes = [reason.code for reason in engine.messenger.timeline(message.id)[0].reasons]
        assert codes == ["quiet_hours.bypassed"]

    def test_a_message_that_was_late_does_not_go_at_night(self, make: Make) -> None:
        engine = make(self.rules)
        message = engine.send()

        engine.clock.set(EVENING)
        engine.worker.drain()
        held = engine.now_is(message)
        engine.clock.set(MORNING)
        engine.worker.drain()

        assert (held.status, held.details) == (Status.SCHEDULED, "quiet_hours.hold")
        assert engine.now_is(message).status is Status.SENT
        kinds = [event.kind for event in engine.messenger.timeline(message.id)]
        assert kinds == [EventKind.ADMITTED, EventKind.HELD, EventKind.ATTEMPTED]

    def test_a_night_that_begins_while_a_mail_is_prepared_is_kept(self, make: Make) -> None:
        engine = make(self.rules, at=EVENING - timedelta(hours=2))
        message = engine.send()
        engine.transport._answer = lambda _: engine.clock.set(EVENING)  # type: ignore[assignment,func-returns-value]

        engine.worker.run_once()
        engine.clock.advance(seconds=1)
        engine.worker.drain()

        assert len(engine.transport.withdrawn) == 1
        assert engine.transport.sent == []
        assert engine.now_is(message).details == "quiet_hours.hold"

    def test_a_scheduled_message_waits_when_its_time_is_at_night(self, make: Make) -> None:
        engine = make(self.rules)

        plan = engine.messenger.plan(OFFERS, a_request(scheduled_for=EVENING))

        assert plan.due_at == MORNING

    def test_the_contact_s_own_zone_counts(self, make: Make) -> None:
        engine = make(self.rules, at=EVENING)
        engine.knows(time_zone="America/New_York")

        assert engine.send().status is Status.ACCEPTED

    def test_a_hold_that_outlasts_the_validity_is_refused_at_once(self, make: Make) -> None:
        engine = make(self.rules, at=EVENING)

        message = engine.send(validity=3600)

        assert message.status is Status.REJECTED
        assert message.details == "quiet_hours.outlasts_validity"
        assert message.failure is not None
        assert engine.worker.drain().total == 0

    def test_they_may_drop_instead(self, make: Make) -> None:
        dropping = QuietHours(windows=NIGHT.windows, action=QuietAction.DROP)
        engine = make(SendRules(quiet_hours=dropping), at=EVENING)

        message = engine.send()

        assert (message.status, message.failure) == (Status.SKIPPED, None)
        assert message.details == "quiet_hours.drop"

    def test_a_channel_may_have_its_own(self, make: Make) -> None:
        always = SendRules(quiet_hours=QuietHours(windows=()))
        engine = make({OFFERS.workspace: self.rules, OFFERS.id: always}, at=EVENING)

        assert engine.send().status is Status.ACCEPTED
        assert engine.send(NEWS).status is Status.SCHEDULED

    def test_a_doubt_stays_a_doubt_through_the_night(self, make: Make) -> None:
        lost = a_failure(FailureCode.IN_DOUBT, retry=Retry.AMBIGUOUS)
        channel = a_channel("offers", message_type=MessageType.PROMOTIONAL, when_in_doubt="resend")
        engine = make(self.rules, Unknown(failure=lost))
        engine.messenger = Messenger(
            storage=engine.messenger.storage,
            channels={channel: engine.transport},
            clock=engine.clock,
            send_rules=self.rules,
        )
        engine.worker = Worker(engine.messenger, threads=1)
        message = engine.send(channel)
        engine.worker.drain()

        engine.clock.set(EVENING)
        engine.worker.drain()

        now = engine.now_is(message)
        assert (now.status, now.details) == (Status.PROCESSING, "in_doubt")
        engine.clock.set(MORNING)
        assert engine.worker.drain().sent == 1


class TestCaps:
    rules = SendRules(frequency_caps=(FrequencyCap(limit=2, only_if_asked=False),))

    def test_a_contact_gets_so_many_and_no_more(self, make: Make) -> None:
        engine = make(self.rules)

        messages = [engine.send() for _ in range(3)]
        other = engine.send(OFFERS, OTHER)

        assert [message.status for message in messages] == [
            Status.ACCEPTED,
            Status.ACCEPTED,
            Status.REJECTED,
        ]
        assert messages[2].failure is not None
        assert messages[2].failure.code == FailureCode.FREQUENCY_CAPPED
        assert other.status is Status.ACCEPTED

    def test_it_counts_within_one_call(self, make: Make) -> None:
        engine = make(self.rules)

        answers = engine.messenger.send_many(OFFERS, [a_request() for _ in range(5)])

        statuses = [answer.status for answer in answers if isinstance(answer, Message)]
        assert statuses == [Status.ACCEPTED] * 2 + [Status.REJECTED] * 3

    def test_the_window_rolls(self, make: Make) -> None:
        engine = make(self.rules)
        engine.send()
        engine.worker.drain()
        engine.clock.advance(hours=12)
        engine.send()
        engine.worker.drain()
        engine.clock.advance(hours=12)

        assert engine.send().status is Status.ACCEPTED
        assert engine.send().status is Status.REJECTED

    def test_what_never_went_does_not_count(self, make: Make) -> None:
        engine = make(self.rules)
        engine.messenger.cancel(engine.send().id)
        engine.send(validity=60)
        engine.clock.advance(minutes=5)
        engine.worker.drain()

        assert [engine.send().status for _ in range(3)] == [
            Status.ACCEPTED,
            Status.ACCEPTED,
            Status.REJECTED,
        ]

    def test_a_retry_is_not_counted_against_itself(self, make: Make) -> None:
        rules = SendRules(frequency_caps=(FrequencyCap(limit=1, only_if_asked=False),))
        engine = make(rules, Deferred(failure=a_failure()), Accepted())
        message = engine.send()
        engine.worker.drain()

        engine.clock.advance(hours=1)
        engine.worker.drain()

        assert engine.now_is(message).status is Status.SENT

    def test_by_default_it_binds_what_asks_for_it(self, make: Make) -> None:
        engine = make(SendRules(frequency_caps=(FrequencyCap(limit=1),)))
        asking = {"cap_frequency": True, "meta": MARKETING}

        assert engine.send(**asking).status is Status.ACCEPTED
        assert engine.send(**asking).status is Status.REJECTED
        assert engine.send().status is Status.ACCEPTED

    def test_under_eight_threads_it_is_exact(self, tmp_path: Path) -> None:
        rules = SendRules(frequency_caps=(FrequencyCap(limit=5, only_if_asked=False),))
        with SqliteStorage(tmp_path / "m.db", busy_timeout=timedelta(seconds=60)) as storage:
            engine = Engine(storage, rules)

            with ThreadPoolExecutor(8) as pool:
                messages = list(pool.map(lambda _: engine.send(), range(40)))

        assert sum(message.status is Status.ACCEPTED for message in messages) == 5
        assert sum(message.status is Status.REJECTED for message in messages) == 35


class TestPeople:
    def test_who_is_held_out_is_skipped_unless_the_request_says_otherwise(self, make: Make) -> None:
        engine = make(SendRules(holdout=Holdout(attribute="control")))
        engine.knows(attributes={"control": True})

        assert engine.send().details == "holdout.skipped"
        assert engine.send().status is Status.SKIPPED
        assert engine.send(ignore_global_holdout=True).status is Status.ACCEPTED

    def test_who_has_unsubscribed_gets_no_marketing(self, make: Make) -> None:
        engine = make()
        engine.knows(subscriptions={"sms": False})

        assert engine.send().details == "subscription.unsubscribed"
        assert engine.send(ORDERS).status is Status.ACCEPTED

    def test_a_suppressed_address_gets_nothing_of_that_kind(self, make: Make) -> None:
        engine = make()
        address = Identifier(identifier_key="emailaddress", identifier_value=A)
        engine.messenger.suppressions.suppress(address, SuppressionScope.MARKETING)

        assert engine.send(NEWS).details == "suppressed.marketing"
        assert engine.send(MAIL).status is Status.ACCEPTED

    def test_a_suppression_reaches_what_was_accepted_before(self, make: Make) -> None:
        engine = make()
        message = engine.send(NEWS)
        address = Identifier(identifier_key="emailaddress", identifier_value=A)

        engine.messenger.suppressions.suppress(address, SuppressionScope.MARKETING)
        engine.worker.drain()

        assert engine.now_is(message).status is Status.SKIPPED
        assert engine.transport.sent == []

    def test_the_other_receivers_of_an_email_get_it(self, make: Make) -> None:
        engine = make()
        address = Identifier(identifier_key="emailaddress", identifier_value=A)
        engine.messenger.suppressions.suppress(address, SuppressionScope.MARKETING)

        message = engine.send(NEWS, A, B)
        engine.worker.drain()

        assert engine.now_is(message).status is Status.SENT
        assert [
            [receiver.value for receiver in sent.receivers] for sent in engine.transport.sent
        ] == [[B]]


class TestKeywords:
    def test_stop_blocks_the_pair_and_withdraws_what_waits(self, make: Make) -> None:
        engine = make()
        scheduled = engine.send(scheduled_for=NOON + timedelta(days=1))
        waiting = engine.send(ORDERS)
        stranger = engine.send(OFFERS, OTHER)

        engine.hears("Stop!")

        assert engine.now_is(scheduled).status is Status.SKIPPED
        assert engine.now_is(scheduled).details == "suppressed.sender"
        assert engine.now_is(waiting).status is Status.SKIPPED  # the same number sends both
        assert engine.now_is(stranger).status is Status.ACCEPTED
        assert engine.send().details == "suppressed.sender"
        story = engine.messenger.timeline(scheduled.id)
        assert [event.kind for event in story] == [EventKind.ADMITTED, EventKind.ENDED]
        assert [reason.code for reason in story[1].reasons] == ["suppressed.sender"]

    def test_it_is_confirmed_once_in_the_language_of_the_word(self, make: Make) -> None:
        engine = make()

        for word in ("HALT", "STOP"):
            engine.hears(word)
        engine.worker.drain()

        (answer,) = engine.texts()
        assert "keine Nachrichten mehr" in answer
        (replaced,) = [
            message
            for message in engine.messenger.find(MessageQuery(limit=10)).results
            if message.origin and message.origin.type == "keyword"
        ]
        assert replaced.status is Status.SENT

    def test_start_lifts_it(self, make: Make) -> None:
        engine = make()
        engine.hears("STOP")

        engine.hears("Start")
        engine.worker.drain()

        assert engine.send().status is Status.ACCEPTED
        assert len(engine.texts()) == 2

    def test_who_was_never_out_is_not_told_to_be_in(self, make: Make) -> None:
        engine = make()

        engine.hears("START")
        engine.worker.drain()

        assert engine.texts() == []

    def test_help_is_answered_also_after_stop(self, make: Make) -> None:
        engine = make()
        engine.hears("STOP")

        engine.hears("AIDE")
        engine.worker.drain()

        assert "STOP pour" in engine.texts()[1]

    def test_texts_and_words_are_the_host_s(self, make: Make) -> None:
        keywords = Keywords(
            texts={"optout:nl": "Tot ziens."},
            extra={"genoeg": Keyword(KeywordKind.OPT_OUT, "nl")},
        )
        engine = make(keywords=keywords)

        engine.hears("Genoeg")
        engine.worker.drain()

        assert engine.texts() == ["Tot ziens."]

    def test_a_host_may_do_it_itself(self, make: Make) -> None:
        engine = make(keywords=Keywords(enabled=False))

        engine.hears("STOP")

        assert engine.send().status is Status.ACCEPTED

    def test_a_sentence_is_no_keyword(self, make: Make) -> None:
        engine = make()

        engine.hears("please stop by at five")

        assert engine.send().status is Status.ACCEPTED

    def test_the_block_outlives_the_contact(self, make: Make) -> None:
        engine = make()
        message = engine.send()
        engine.hears("STOP")

        engine.messenger.contacts.delete(message.receiver.contacts[0].id or "")

        assert engine.send().status is Status.SKIPPED


class TestReports:
    def bounced(self, engine: Engine, message: Message) -> None:
        gone = a_failure(FailureCode.UNKNOWN_RECEIVER, retry=Retry.PERMANENT)
        engine.messenger.receive(
            StatusReceipt(
                source="provider",
                at=engine.clock.now(),
                status=ReceiptStatus.FAILED,
                message_id=message.id,
                failure=gone,
            )
        )

    def test_an_address_that_bounced_gets_nothing_any_more(self, make: Make) -> None:
        engine = make()
        message = engine.send(MAIL)
        engine.worker.drain()

        self.bounced(engine, message)

        assert engine.send(MAIL).details == "suppressed.transactional"
        assert engine.send(NEWS).details == "suppressed.marketing"

    @pytest.mark.parametrize(
        "kind", [InteractionType.REPORTED_AS_SPAM, InteractionType.UNSUBSCRIBE_REQUEST], ids=str
    )
    def test_who_complains_or_unsubscribes_gets_no_marketing(
        self, make: Make, kind: InteractionType
    ) -> None:
        engine = make()
        message = engine.send(NEWS)
        engine.worker.drain()

        engine.messenger.receive(
            InteractionReceipt(
                source="provider", at=engine.clock.now(), type=kind, message_id=message.id
            )
        )

        assert engine.send(NEWS).status is Status.SKIPPED
        assert engine.send(MAIL).status is Status.ACCEPTED

    def test_a_host_may_choose_what_suppresses(self, make: Make) -> None:
        engine = make(suppress_on=[SuppressionCause.COMPLAINT])
        message = engine.send(MAIL)
        engine.worker.drain()

        self.bounced(engine, message)

        assert engine.send(MAIL).status is Status.ACCEPTED


def test_rules_that_make_no_sense_are_refused_when_the_messenger_is_made() -> None:
    with pytest.raises(ConfigurationError, match="limit"):
        Engine(MemoryStorage(), SendRules(frequency_caps=(FrequencyCap(limit=0),)))


def test_next_allowed_answers_for_a_page(make: Make) -> None:
    rules = SendRules(
        quiet_hours=NIGHT, frequency_caps=(FrequencyCap(limit=1, only_if_asked=False),)
    )
    engine = make(rules)
    allowed = engine.messenger.next_allowed

    at_once = allowed(OFFERS, NUMBER)
    engine.send()
    capped = allowed(OFFERS, NUMBER)
    engine.clock.set(EVENING)
    at_night = allowed(OFFERS, OTHER)
    engine.hears("STOP", sender=OTHER)
    never = allowed(OFFERS, OTHER)

    assert at_once == NOON
    assert capped == NOON + timedelta(days=1)
    assert at_night == MORNING
    assert never is None


requests = st.fixed_dictionaries(
    {
        "channel": st.sampled_from(CHANNELS),
        "ignore_quiet_hours": st.booleans(),
        "ignore_global_holdout": st.booleans(),
        "validity": st.sampled_from([None, 60, 3600, 129_600]),
        "later": st.sampled_from([None, 1, 13, 30]),
    }
)
set_ups = st.builds(
    SendRules,
    quiet_hours=st.sampled_from(
        [None, NIGHT, QuietHours(windows=NIGHT.windows, action=QuietAction.DROP)]
    ),
    frequency_caps=st.sampled_from([(), (FrequencyCap(limit=1, only_if_asked=False),)]),
    holdout=st.sampled_from([None, Holdout(attribute="control")]),
)


@settings(max_examples=60, deadline=None)
@given(
    set_ups,
    st.lists(requests, min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from([None, "America/New_York", "Asia/Tokyo"]),
    st.sampled_from([{}, {"sms": False}, {"email": False}]),
    st.integers(0, 23),
)
def test_the_plan_says_what_then_happens(  # noqa: PLR0913, PLR0917 - drawn
    rules: SendRules,
    sends: list[dict[str, Any]],
    is_held_out: bool,  # noqa: FBT001 - drawn
    zone: str | None,
    subscriptions: dict[str, bool],
    hour: int,
) -> None:
    engine = Engine(MemoryStorage(), rules, at=NOON + timedelta(hours=hour))
    for address in (NUMBER, A):
        engine.knows(
            address,
            attributes={"control": is_held_out},
            time_zone=zone,
            subscriptions=subscriptions,
        )
    for send in sends:
        fields = {name: send[name] for name in ("ignore_quiet_hours", "ignore_global_holdout")}
        later = send["later"]
        scheduled_for = engine.clock.now() + timedelta(hours=later) if later else None
        request = a_request(
            to=A if send["channel"].platform == "email" else NUMBER,
            validity=send["validity"],
            scheduled_for=scheduled_for,
            **fields,
        )
        plan = engine.messenger.plan(send["channel"], request)
        message = engine.messenger.send(send["channel"], request)

        assert plan.verdict.value == message.status.value
        story = engine.messenger.timeline(message.id)[0]
        assert story.reasons == plan.reasons
        assert story.due_at == plan.due_at
        assert plan.would_send == (plan.verdict in {Verdict.ACCEPTED, Verdict.SCHEDULED})


class TestCapsAgainstTime:
    """What counts for a cap, however long messages wait, fail or are sent again."""

    hourly = SendRules(
        frequency_caps=(FrequencyCap(limit=1, window=timedelta(hours=1), only_if_asked=False),)
    )

    def test_what_waited_for_long_counts_when_it_goes(self, make: Make) -> None:
        engine = make(self.hourly)
        engine.send()
        engine.clock.advance(minutes=90)
        engine.send()
        engine.clock.advance(minutes=90)

        engine.worker.drain()

        assert len(engine.transport.sent) == 1

    def test_a_message_far_ahead_does_not_make_the_present_forgotten(self, make: Make) -> None:
        rules = SendRules(
            frequency_caps=(FrequencyCap(limit=2, window=timedelta(hours=1), only_if_asked=False),)
        )
        engine = make(rules)
        sent = [engine.send(), engine.send()]
        engine.worker.drain()

        later = engine.send(scheduled_for=NOON + timedelta(days=9))

        assert {message.status for message in sent} == {Status.ACCEPTED}
        assert later.status is Status.SCHEDULED
        assert engine.send().status is Status.REJECTED

    def test_a_cap_of_others_does_not_make_a_longer_one_forget(self, make: Make) -> None:
        weekly = FrequencyCap(limit=2, window=timedelta(days=7))
        rules = SendRules(frequency_caps=(*self.hourly.frequency_caps, weekly))
        asking = {"cap_frequency": True, "meta": MARKETING}
        engine = make(rules)
        for wishes in (asking, asking, {}):
            assert engine.send(**wishes).status is Status.ACCEPTED
            engine.worker.drain()
            engine.clock.advance(hours=30)

        assert engine.send(**asking).status is Status.REJECTED

    def test_what_may_have_gone_counts(self, make: Make) -> None:
        rules = SendRules(frequency_caps=(FrequencyCap(limit=1, only_if_asked=False),))
        lost = a_failure(FailureCode.IN_DOUBT, retry=Retry.AMBIGUOUS)
        engine = make(rules, Unknown(failure=lost))
        message = engine.send()
        engine.worker.drain()
        engine.clock.advance(hours=1)
        engine.worker.drain()

        assert engine.now_is(message).status is Status.SENDING_FAILED
        assert engine.send().status is Status.REJECTED

    def test_a_replayed_message_counts(self, make: Make) -> None:
        rules = SendRules(frequency_caps=(FrequencyCap(limit=1, only_if_asked=False),))
        refused = a_failure(FailureCode.REFUSED, retry=Retry.PERMANENT)
        engine = make(rules, Rejected(failure=refused))
        message = engine.send()
        engine.worker.drain()

        again = engine.messenger.replay(message.id)
        engine.worker.drain()

        assert engine.now_is(again).status is Status.SENT
        assert engine.send().status is Status.REJECTED

    def test_who_is_left_out_of_an_email_is_not_counted(self, make: Make) -> None:
        rules = SendRules(frequency_caps=(FrequencyCap(limit=1, only_if_asked=False),))
        engine = make(rules)
        address = Identifier(identifier_key="emailaddress", identifier_value=A)
        engine.messenger.suppressions.suppress(address, SuppressionScope.TRANSACTIONAL)
        assert engine.send(MAIL, A, B).status is Status.ACCEPTED

        engine.messenger.suppressions.lift(address, SuppressionScope.TRANSACTIONAL)

        assert engine.send(MAIL, A).status is Status.ACCEPTED
        assert engine.send(MAIL, B).status is Status.REJECTED


@pytest.mark.parametrize("others", [(), (B,)], ids=["alone", "with another"])
def test_who_is_suppressed_while_a_message_is_prepared_does_not_get_it(
    make: Make, others: tuple[str, ...]
) -> None:
    engine = make()
    address = Identifier(identifier_key="emailaddress", identifier_value=A)

    class Slow(RecordingTransport):
        def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
            if len(envelope.receivers) == 1 + len(others):
                engine.messenger.suppressions.suppress(address, SuppressionScope.MARKETING)
            return super().send(envelope, handoff)

    slow = Slow()
    engine.messenger = Messenger(
        storage=engine.messenger.storage, channels={NEWS: slow}, clock=engine.clock
    )
    engine.worker = Worker(engine.messenger, threads=1)
    message = engine.send(NEWS, A, *others)
    engine.worker.drain()
    engine.clock.advance(seconds=2)
    engine.worker.drain()

    got = [receiver.value for sent in slow.sent for receiver in sent.receivers]
    assert got == list(others)
    assert engine.now_is(message).status is (Status.SENT if others else Status.SKIPPED)
