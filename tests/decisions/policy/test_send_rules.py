"""Whether, when and to whom a message may go."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.decisions.policy.send_rules import evaluate
from messaging_core.models import (
    Channel,
    Controls,
    Course,
    FrequencyCap,
    Identifier,
    MessageType,
    Meta,
    QuietAction,
    QuietHours,
    QuietWindow,
    ReasonCode,
    ReceiverFacts,
    Ruling,
    SendRules,
    Suppression,
    SuppressionCause,
    SuppressionScope,
)
from messaging_core.rules.policy.consent import identifier_on
from messaging_core.testing import a_channel
from messaging_core.testing.builders import A_NUMBER, AN_ADDRESS, OUR_NUMBER

NIGHT = QuietWindow(start=time(21), end=time(8))
ALWAYS = QuietWindow(start=time(0), end=time(0))
QUIET = SendRules(quiet_hours=QuietHours(windows=(NIGHT,)))
CAPPED = SendRules(frequency_caps=(FrequencyCap(),))
ASKED = Controls(cap_frequency=True)

# In Amsterdam it is 22:30 in the evening, and 08:00 ten hours or so later.
EVENING = datetime(2026, 1, 15, 21, 30, tzinfo=UTC)
MORNING = datetime(2026, 1, 16, 7, tzinfo=UTC)
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

OFFERS = a_channel("offers", message_type=MessageType.PROMOTIONAL)
ORDERS = a_channel("orders")
NEWS = a_channel("news", "email", message_type=MessageType.PROMOTIONAL)

DUTCH = ReceiverFacts(identifier=identifier_on(OFFERS, A_NUMBER))
MARKETING = Meta(extra_information={"useCase": "marketing"})


def a_reader(address: str = AN_ADDRESS, **fields: Any) -> ReceiverFacts:
    return ReceiverFacts(**{"identifier": identifier_on(NEWS, address), **fields})


def a_suppression(facts: ReceiverFacts, scope: str, sender: str | None = None) -> Suppression:
    assert facts.identifier is not None
    return Suppression(
        identifier_key=facts.identifier.identifier_key,
        identifier_value=facts.identifier.identifier_value,
        scope=SuppressionScope(scope),
        cause=SuppressionCause.STOP_WORD,
        at=NOON - DAY,
        sender=sender,
    )


def suppressed(facts: ReceiverFacts, scope: str, sender: str | None = None) -> ReceiverFacts:
    return evolve(facts, suppressions=(a_suppression(facts, scope, sender),))


def rule(
    *receivers: ReceiverFacts,
    rules: SendRules = QUIET,
    channel: Channel = OFFERS,
    now: datetime = NOON,
    **asked: Any,
) -> Ruling:
    return evaluate(channel, rules, receivers or (DUTCH,), now=now, **asked)


def codes(ruling: Ruling) -> list[str]:
    return [reason.code for reason in ruling.reasons]


def test_nothing_set_up_restricts_nothing() -> None:
    ruling = rule(rules=SendRules())

    assert ruling == Ruling(course=Course.SEND, due_at=NOON, next_at=NOON)


def test_a_message_by_day_goes_now() -> None:
    assert rule() == Ruling(course=Course.SEND, due_at=NOON, next_at=NOON)


def test_a_message_by_night_waits_for_the_morning_of_its_receiver() -> None:
    ruling = rule(now=EVENING, expires_at=EVENING + DAY)

    assert (ruling.course, ruling.due_at, ruling.next_at) == (Course.HOLD, MORNING, MORNING)
    (reason,) = ruling.reasons
    assert reason.code == "quiet_hours.hold"
    assert reason.message == "it waits until the quiet hours end"
    assert reason.facts == {
        "at": "2026-01-15T21:30:00+00:00",
        "quietIn": "Europe/Amsterdam",
        "zonesFrom": "number",
        "until": "2026-01-16T07:00:00+00:00",
    }


def test_the_zone_of_the_contact_goes_before_that_of_the_number() -> None:
    in_new_york = evolve(DUTCH, time_zone="America/New_York")

    assert rule(in_new_york, now=EVENING).course is Course.SEND
    assert rule(in_new_york, now=NOON).due_at == datetime(2026, 1, 15, 13, tzinfo=UTC)


def test_a_number_that_may_be_in_several_zones_waits_for_all_of_them() -> None:
    spanish = ReceiverFacts(identifier=identifier_on(OFFERS, "+34612345678"))

    ruling = rule(spanish, now=datetime(2026, 1, 15, 7, 30, tzinfo=UTC))

    assert ruling.due_at == datetime(2026, 1, 15, 8, tzinfo=UTC)
    assert ruling.reasons[0].facts["quietIn"] == "Atlantic/Canary"


def test_a_receiver_of_whom_no_zone_is_known_has_that_of_the_channel() -> None:
    hours = QuietHours(windows=(NIGHT,), fallback_zone="Asia/Tokyo")

    ruling = rule(a_reader(), channel=NEWS, rules=SendRules(quiet_hours=hours))

    assert ruling.due_at == datetime(2026, 1, 15, 23, tzinfo=UTC)
    assert ruling.reasons[0].facts["zonesFrom"] == "fallback"


def test_what_is_due_by_night_is_held_though_it_is_day_now() -> None:
    ruling = rule(now=NOON, due_at=EVENING)

    assert (ruling.course, ruling.due_at) == (Course.HOLD, MORNING)


def test_by_default_only_promotional_channels_are_bound() -> None:
    ruling = rule(channel=ORDERS, now=EVENING)

    assert (ruling.course, ruling.reasons) == (Course.SEND, ())


def test_quiet_hours_may_bind_other_channels_too() -> None:
    hours = QuietHours(windows=(NIGHT,), message_types=frozenset(MessageType))

    ruling = rule(channel=ORDERS, rules=SendRules(quiet_hours=hours), now=EVENING)

    assert ruling.course is Course.HOLD


def test_a_request_may_ignore_quiet_hours_and_the_reason_says_so() -> None:
    ruling = rule(now=EVENING, controls=Controls(ignore_quiet_hours=True))

    assert (ruling.course, ruling.due_at, ruling.next_at) == (Course.SEND, EVENING, EVENING)
    assert codes(ruling) == ["quiet_hours.bypassed"]
    assert ruling.reasons[0].facts["by"] == "ignoreQuietHours"


@pytest.mark.parametrize(
    ("action", "course", "code"),
    [
        (QuietAction.HOLD, Course.HOLD, "quiet_hours.hold"),
        (QuietAction.DROP, Course.SKIP, "quiet_hours.drop"),
        (QuietAction.BYPASS, Course.SEND, "quiet_hours.bypassed"),
    ],
)
def test_quiet_hours_hold_drop_or_only_note(action: QuietAction, course: Course, code: str) -> None:
    hours = QuietHours(windows=(NIGHT,), action=action)

    ruling = rule(rules=SendRules(quiet_hours=hours), now=EVENING)

    assert (ruling.course, codes(ruling)) == (course, [code])


def test_a_hold_that_outlasts_the_validity_is_refused_at_once() -> None:
    ruling = rule(now=EVENING, expires_at=MORNING)

    assert (ruling.course, ruling.due_at, ruling.next_at) == (Course.REJECT, None, MORNING)
    assert codes(ruling) == ["quiet_hours.outlasts_validity"]
    assert ruling.reasons[0].facts["expiresAt"] == "2026-01-16T07:00:00+00:00"


def test_a_hold_that_just_fits_the_validity_is_none_too_long() -> None:
    ruling = rule(now=EVENING, expires_at=MORNING + timedelta(microseconds=1))

    assert ruling.course is Course.HOLD


def test_quiet_hours_without_an_end_refuse() -> None:
    rules = SendRules(quiet_hours=QuietHours(windows=(ALWAYS,)))

    ruling = rule(rules=rules)

    assert (ruling.course, ruling.due_at, ruling.next_at) == (Course.REJECT, None, None)
    assert codes(ruling) == ["quiet_hours.never"]


def test_what_is_over_expires_also_by_night() -> None:
    ruling = rule(now=EVENING, expires_at=EVENING)

    assert ruling.course is Course.EXPIRE
    assert codes(ruling) == ["quiet_hours.outlasts_validity", "validity.expired"]


def test_an_inactive_channel_sends_nothing() -> None:
    ruling = rule(channel=evolve(OFFERS, active=False))

    assert (ruling.course, ruling.due_at, ruling.next_at) == (Course.REJECT, None, None)
    assert codes(ruling) == ["channel.inactive"]


@pytest.mark.parametrize(
    "identifier", [None, Identifier(identifier_key="phonenumber", identifier_value="")]
)
def test_who_has_no_address_is_not_reached(identifier: Identifier | None) -> None:
    ruling = rule(ReceiverFacts(identifier=identifier))

    assert (ruling.course, ruling.next_at) == (Course.SKIP, None)
    assert codes(ruling) == ["receiver.unreachable"]


@pytest.mark.parametrize(
    ("scope", "channel", "code"),
    [
        ("marketing", OFFERS, "suppressed.marketing"),
        ("transactional", ORDERS, "suppressed.transactional"),
        ("sender", ORDERS, "suppressed.sender"),
        ("sender", OFFERS, "suppressed.sender"),
    ],
)
def test_a_suppressed_address_is_skipped_and_waiting_does_not_help(
    scope: str, channel: Channel, code: str
) -> None:
    sender = OUR_NUMBER if scope == "sender" else None

    ruling = rule(suppressed(DUTCH, scope, sender), channel=channel)

    assert (ruling.course, ruling.due_at, ruling.next_at) == (Course.SKIP, None, None)
    assert codes(ruling) == [code]
    assert ruling.reasons[0].facts == {
        "receiver": "/receiver/contacts/0",
        "cause": "stop_word",
        "since": "2026-01-14T12:00:00+00:00",
    }


def test_a_stop_to_one_sender_is_none_to_another() -> None:
    stopped = suppressed(DUTCH, "sender", OUR_NUMBER)

    assert rule(stopped, sender="Shop").course is Course.SEND
    assert rule(stopped, sender=OUR_NUMBER).course is Course.SKIP


def test_a_request_that_is_marketing_obeys_what_binds_marketing() -> None:
    stopped = suppressed(DUTCH, "marketing")

    assert rule(stopped, channel=ORDERS).course is Course.SEND
    assert rule(stopped, channel=ORDERS, meta=MARKETING).course is Course.SKIP


@pytest.mark.parametrize(
    ("subscriptions", "required", "expected"),
    [
        ({"sms": True}, {"sms"}, []),
        ({"sms": False}, set(), ["subscription.unsubscribed"]),
        ({"email": False}, set(), []),
        ({}, set(), []),
        ({}, {"sms"}, ["subscription.blank"]),
        ({"email": True}, {"sms"}, ["subscription.blank"]),
    ],
)
def test_marketing_goes_to_subscribers(
    subscriptions: dict[str, bool], required: set[str], expected: list[str]
) -> None:
    rules = SendRules(subscription_required=frozenset(required))
    facts = evolve(DUTCH, subscriptions=subscriptions)

    assert codes(rule(facts, rules=rules)) == expected
    assert codes(rule(facts, rules=rules, channel=ORDERS)) == []


def test_who_is_held_out_is_skipped_unless_the_request_ignores_it() -> None:
    held = evolve(DUTCH, held_out=True)

    skipped = rule(held)
    ignored = rule(held, controls=Controls(ignore_global_holdout=True))

    assert (skipped.course, codes(skipped)) == (Course.SKIP, ["holdout.skipped"])
    assert (ignored.course, codes(ignored)) == (Course.SEND, ["holdout.ignored"])


def test_who_had_enough_is_not_sent_more_and_the_ruling_says_from_when_on() -> None:
    had = evolve(DUTCH, sent_at=(NOON - HOUR,))

    ruling = rule(had, rules=CAPPED, controls=ASKED)

    assert (ruling.course, ruling.due_at) == (Course.REJECT, None)
    assert ruling.next_at == NOON + 23 * HOUR
    assert codes(ruling) == ["frequency.capped"]
    assert ruling.reasons[0].facts == {
        "receiver": "/receiver/contacts/0",
        "limit": "1",
        "windowSeconds": "86400",
        "at": "2026-01-15T12:00:00+00:00",
        "until": "2026-01-16T11:00:00+00:00",
    }


def test_a_cap_binds_who_asks_and_counts_up_to_the_time_it_would_go() -> None:
    had = evolve(DUTCH, sent_at=(NOON - HOUR,))

    assert rule(had, rules=CAPPED).course is Course.SEND
    assert rule(had, rules=CAPPED, controls=ASKED, due_at=NOON + DAY).course is Course.SEND


def test_after_the_cap_comes_the_night() -> None:
    rules = evolve(QUIET, frequency_caps=(FrequencyCap(),))
    had = evolve(DUTCH, sent_at=(EVENING - DAY + 3 * HOUR,))

    ruling = rule(had, rules=rules, controls=ASKED, now=EVENING - HOUR)

    assert ruling.course is Course.REJECT
    assert ruling.next_at == MORNING


def test_a_cap_that_never_has_room_gives_no_time() -> None:
    rules = SendRules(frequency_caps=(FrequencyCap(limit=0, only_if_asked=False), FrequencyCap()))

    ruling = rule(rules=rules)

    assert (ruling.course, ruling.next_at) == (Course.REJECT, None)
    assert "until" not in ruling.reasons[0].facts


def test_every_rule_is_asked_whatever_the_first_says() -> None:
    rules = SendRules(
        quiet_hours=QUIET.quiet_hours, frequency_caps=(FrequencyCap(only_if_asked=False),)
    )
    facts = evolve(
        suppressed(DUTCH, "marketing"),
        held_out=True,
        subscriptions={"sms": False},
        sent_at=(EVENING - HOUR,),
    )
    channel = evolve(OFFERS, active=False)

    ruling = rule(facts, rules=rules, channel=channel, now=EVENING, expires_at=EVENING)

    assert ruling.course is Course.REJECT
    assert codes(ruling) == [
        "channel.inactive",
        "suppressed.marketing",
        "subscription.unsubscribed",
        "holdout.skipped",
        "frequency.capped",
        "quiet_hours.outlasts_validity",
        "validity.expired",
    ]


def test_a_suppressed_receiver_of_several_is_left_out_and_the_others_get_it() -> None:
    ruling = rule(
        suppressed(a_reader("a@x.example"), "marketing"),
        a_reader("b@x.example"),
        evolve(a_reader("c@x.example"), held_out=True),
        channel=NEWS,
    )

    assert (ruling.course, ruling.excluded, ruling.due_at) == (Course.SEND, {0, 2}, NOON)
    assert codes(ruling) == ["suppressed.marketing", "holdout.skipped"]
    assert [reason.facts["receiver"] for reason in ruling.reasons] == [
        "/receiver/contacts/0",
        "/receiver/contacts/2",
    ]


def test_when_no_receiver_is_left_it_is_skipped() -> None:
    ruling = rule(
        suppressed(a_reader("a@x.example"), "marketing"),
        evolve(a_reader("b@x.example"), held_out=True),
        channel=NEWS,
    )

    assert (ruling.course, ruling.excluded, ruling.next_at) == (Course.SKIP, {0, 1}, None)
    assert codes(ruling)[-1] == "receivers.nobody_left"


def test_when_a_cap_took_the_last_it_is_rejected() -> None:
    ruling = rule(
        suppressed(a_reader("a@x.example"), "marketing"),
        a_reader("b@x.example", sent_at=(NOON - HOUR,)),
        a_reader("c@x.example", sent_at=(NOON - 2 * HOUR,)),
        channel=NEWS,
        rules=CAPPED,
        controls=ASKED,
    )

    assert (ruling.course, ruling.excluded) == (Course.REJECT, {0, 1, 2})
    assert ruling.next_at == NOON + 22 * HOUR


def test_only_those_who_get_it_are_asked_for_their_night() -> None:
    awake = a_reader("a@x.example", time_zone="America/New_York")
    asleep = a_reader("b@x.example", time_zone="Europe/Amsterdam")

    both = rule(awake, asleep, channel=NEWS, now=EVENING)
    ruling = rule(awake, suppressed(asleep, "marketing"), channel=NEWS, now=EVENING)

    # In the morning of Amsterdam it is night in New York.
    assert both.due_at == datetime(2026, 1, 16, 13, tzinfo=UTC)
    assert both.reasons[0].facts["quietIn"] == "Europe/Amsterdam"
    assert (ruling.course, ruling.due_at) == (Course.SEND, EVENING)


def test_without_receivers_only_the_rules_of_the_message_speak() -> None:
    ruling = evaluate(OFFERS, QUIET, (), now=EVENING)

    assert ruling == Ruling(course=Course.SEND, due_at=EVENING, next_at=EVENING)


def test_no_reason_shows_an_address() -> None:
    facts = evolve(suppressed(DUTCH, "sender", OUR_NUMBER), held_out=True)

    shown = repr(rule(facts, now=EVENING))

    assert A_NUMBER not in shown
    assert OUR_NUMBER not in shown


instants = st.timedeltas(timedelta(0), timedelta(days=364)).map(
    datetime(2026, 1, 1, tzinfo=UTC).__add__
)
receivers = st.builds(
    ReceiverFacts,
    identifier=st.none() | st.just(DUTCH.identifier),
    time_zone=st.none() | st.sampled_from(["Europe/Amsterdam", "Asia/Tokyo", "Mars/Base"]),
    subscriptions=st.just({}) | st.dictionaries(st.just("sms"), st.booleans()),
    suppressions=st.just(())
    | st.sampled_from(["marketing", "transactional", "sender"]).map(
        lambda scope: (a_suppression(DUTCH, scope, OUR_NUMBER),)
    ),
    held_out=st.booleans(),
    sent_at=st.lists(instants, max_size=3).map(tuple),
)
rule_sets = st.builds(
    SendRules,
    quiet_hours=st.none()
    | st.builds(
        QuietHours,
        windows=st.sampled_from([(), (NIGHT,), (ALWAYS,)]),
        action=st.sampled_from(QuietAction),
    ),
    frequency_caps=st.lists(
        st.builds(FrequencyCap, limit=st.integers(0, 3), only_if_asked=st.booleans()), max_size=2
    ).map(tuple),
    subscription_required=st.sampled_from([frozenset(), frozenset({"sms"})]),
)
controls = st.builds(
    Controls,
    cap_frequency=st.booleans(),
    ignore_quiet_hours=st.booleans(),
    ignore_global_holdout=st.booleans(),
)
questions = st.fixed_dictionaries(
    {
        "channel": st.sampled_from([OFFERS, ORDERS, evolve(OFFERS, active=False)]),
        "rules": rule_sets,
        "receivers": st.lists(receivers, max_size=3),
        "now": instants,
        "due_at": st.none() | instants,
        "expires_at": st.none() | instants,
        "controls": controls,
    }
)


@given(questions)
def test_every_question_has_one_answer_that_agrees_with_itself(question: dict[str, Any]) -> None:
    ruling = evaluate(**question)

    every_code = {code.value for code in ReasonCode}
    assert ruling == evaluate(**question)
    assert {reason.code for reason in ruling.reasons} <= every_code
    assert (ruling.due_at is not None) == (ruling.course in {Course.SEND, Course.HOLD})
    assert ruling.excluded <= set(range(len(question["receivers"])))
    if ruling.course is not Course.SEND:
        assert ruling.reasons
    if ruling.due_at is not None:
        at = max(question["now"], question["due_at"] or question["now"])
        assert ruling.due_at >= at
        assert ruling.due_at == ruling.next_at
        assert question["expires_at"] is None or ruling.due_at < question["expires_at"]
        assert len(ruling.excluded) < max(1, len(question["receivers"]))


@given(questions)
def test_at_the_time_it_names_a_message_goes(question: dict[str, Any]) -> None:
    first = evaluate(**question)

    if first.next_at is not None:
        second = evaluate(**{**question, "now": first.next_at, "due_at": None, "expires_at": None})
        assert second.course is Course.SEND
