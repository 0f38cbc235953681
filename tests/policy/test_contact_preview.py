"""What a contact may get: the same as `plan` and `next_allowed` say, for every channel at once."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger, Verdict
from messaging_core.acceptance.contact_preview import MOST_CHANNELS
from messaging_core.errors import UnknownContactError
from messaging_core.models import (
    FrequencyCap,
    Holdout,
    QuietHours,
    QuietWindow,
    SendRules,
    SuppressionScope,
)
from messaging_core.models.common.channel import MessageType
from messaging_core.models.common.identifier import Identifier
from messaging_core.testing import ManualClock, RecordingTransport, a_channel

NUMBER, ADDRESS = "+31612345678", "ada@receiver.example"
OFFERS = a_channel("offers", message_type=MessageType.PROMOTIONAL)
ORDERS = a_channel("orders")
NEWS = a_channel("news", "email", message_type=MessageType.PROMOTIONAL)
CLOSED = a_channel("closed", active=False)
OWN = a_channel("own", identifier_key="customer")
CHANNELS = (OFFERS, ORDERS, NEWS, CLOSED, OWN)
EVENING = datetime(2026, 1, 5, 21, 0, tzinfo=UTC)
ADA = {
    "id": "ada",
    "identifiers": [
        {"key": "phonenumber", "value": NUMBER},
        {"key": "emailaddress", "value": ADDRESS},
    ],
}


def make(rules: SendRules | None = None, **fields: object) -> Messenger:
    messenger = Messenger(
        storage=MemoryStorage(),
        channels=dict.fromkeys(CHANNELS, RecordingTransport()),
        clock=ManualClock(EVENING),
        send_rules=rules,
    )
    messenger.contacts.create({**ADA, **fields})
    return messenger


night = st.none() | st.builds(
    QuietHours,
    windows=st.just((QuietWindow(start=time(21), end=time(8)),)),
    message_types=st.sets(st.sampled_from(MessageType)).map(frozenset),
)
caps = st.lists(
    st.builds(
        FrequencyCap,
        limit=st.integers(1, 2),
        window=st.sampled_from([timedelta(hours=1), timedelta(days=3)]),
        only_if_asked=st.booleans(),
    ),
    max_size=2,
).map(tuple)
all_rules = st.builds(
    SendRules,
    quiet_hours=night,
    frequency_caps=caps,
    holdout=st.none() | st.just(Holdout(attribute="control")),
    subscription_required=st.sets(st.sampled_from(["sms", "email"])).map(frozenset),
)


@given(
    all_rules,
    st.dictionaries(st.sampled_from(["sms", "email"]), st.booleans()),
    st.booleans(),
    st.none() | st.sampled_from(SuppressionScope),
    st.integers(0, 2),
)
def test_each_channel_has_the_answers_of_plan_and_next_allowed(
    rules: SendRules,
    subscriptions: dict[str, bool],
    is_control: bool,  # noqa: FBT001 - Hypothesis gives arguments by place
    scope: SuppressionScope | None,
    sent: int,
) -> None:
    messenger = make(rules, subscriptions=subscriptions, attributes={"control": is_control})
    for _ in range(sent):
        messenger.send(ORDERS, to=NUMBER, text="before")
    if scope is not None:
        identifier = Identifier(identifier_key="phonenumber", identifier_value=NUMBER)
        sender = ORDERS.sender if scope is SuppressionScope.SENDER else None
        messenger.suppressions.suppress(identifier, scope, sender=sender)

    inspection = messenger.inspect_contact("ada")

    assert [outlook.channel for outlook in inspection.channels] == sorted(
        CHANNELS, key=lambda channel: channel.name
    )
    for outlook in inspection.channels:
        channel = outlook.channel
        if channel == OWN:
            continue
        to = ADDRESS if channel == NEWS else NUMBER
        assert outlook.address == to
        assert outlook.next_at == messenger.next_allowed(channel, to)
        plan = messenger.plan(channel, to=to, text="hi", subject="hi" if channel == NEWS else None)
        assert outlook.may_send == (plan.verdict is Verdict.ACCEPTED)
    assert inspection.held_out == (is_control and rules.holdout is not None)
    assert len(inspection.suppressions) == (scope is not None)


def test_a_channel_that_does_not_reach_the_contact_says_so() -> None:
    own = {outlook.channel: outlook for outlook in make().inspect_contact("ada").channels}

    assert not own[OWN].may_send
    assert own[OWN].next_at is None
    assert [reason.code for reason in own[OWN].reasons] == ["receiver.unreachable"]
    assert [reason.code for reason in own[CLOSED].reasons] == ["channel.inactive"]


def test_zones_and_caps_are_those_of_the_contact() -> None:
    night = QuietHours(windows=(QuietWindow(start=time(21), end=time(8)),))
    cap = FrequencyCap(limit=3, window=timedelta(days=7), only_if_asked=False)
    messenger = make(SendRules(quiet_hours=night, frequency_caps=(cap,)))
    messenger.send(ORDERS, to=NUMBER, text="before")

    here = messenger.inspect_contact("ada")
    messenger.contacts.update("ada", {"timeZone": "Asia/Tokyo"})
    there = messenger.inspect_contact("ada")

    assert (here.zones, here.zones_from, here.is_quiet) == (("Europe/Amsterdam",), "number", True)
    assert (there.zones, there.zones_from, there.is_quiet) == (("Asia/Tokyo",), "contact", True)
    assert [(use.platform, use.used, use.limit) for use in here.caps] == [
        ("sms", 1, 3),
        ("email", 0, 3),
    ]


def test_only_the_workspace_of_the_contact_counts() -> None:
    other = UUID(int=5)
    foreign = [a_channel(f"c{number}", workspace=other) for number in range(MOST_CHANNELS + 1)]
    messenger = Messenger(
        storage=MemoryStorage(), channels=dict.fromkeys((ORDERS, *foreign), RecordingTransport())
    )
    messenger.contacts.create(ADA, workspace=other)

    inspection = messenger.inspect_contact("ada", workspace=other)

    assert len(inspection.channels) == MOST_CHANNELS
    assert {outlook.channel.workspace for outlook in inspection.channels} == {other}
    with pytest.raises(UnknownContactError):
        messenger.inspect_contact("ada")
