"""The plan is what happens: to the stored message, and to what the transport is given."""

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import event, given
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Channel, InvalidMessageError, MessageType, Messenger, Verdict, Worker
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.people.contact import ReceiverContact, ReceiverType
from messaging_core.testing import (
    MONDAY_MORNING,
    ManualClock,
    RecordingTransport,
    a_channel,
    a_request,
)

CHANNELS = (
    a_channel("orders"),
    a_channel("mms", mms=True),
    a_channel("codes", message_type=MessageType.TWO_FACTOR),
    a_channel("offers", message_type=MessageType.PROMOTIONAL, sender="Shop", sender_name="Shop"),
    a_channel("mail", "email", sender_name="A Shop"),
    a_channel("app", "push", sender="app"),
    a_channel("loft", "pigeon", sender=None),
    a_channel("closed", active=False),
)

moments = st.timedeltas(timedelta(days=-40), timedelta(days=40)).map(
    lambda span: MONDAY_MORNING + span
)
spans = st.none() | st.sampled_from(
    [
        timedelta(days=-1),
        timedelta(0),
        timedelta(minutes=10) - timedelta(microseconds=1),
        timedelta(minutes=10),
        timedelta(hours=5),
        timedelta(days=35),
        timedelta(days=35, milliseconds=1),
    ]
)
texts = st.text(max_size=300) | st.sampled_from(["", "hi", "x" * 161, "é€\U0001f600", "{{ x }}"])
addresses = st.sampled_from(
    ["+31612345678", "ada@receiver.example"] * 4
    + [
        "+31612345678",
        "+1 202 555 0123",
        "0612",
        "ada@receiver.example",
        "not an address",
        "token-1",
    ]
)
contacts = st.one_of(
    st.builds(dict, identifierValue=addresses),
    st.builds(dict, identifierValue=addresses, type=st.sampled_from(["to", "cc", "bcc"])),
    st.builds(dict, platformAddress=addresses),
    st.builds(
        dict, identifierKey=st.sampled_from(["own", "emailaddress"]), identifierValue=addresses
    ),
)
bodies = st.one_of(
    st.builds(lambda text: {"type": "text", "text": {"text": text}}, texts),
    st.builds(
        lambda text, subject: {
            "type": "html",
            "html": {"html": text, "metadata": {"subject": subject, "headers": {"X-A": "1"}}},
        },
        texts,
        st.text(max_size=20),
    ),
    st.builds(
        lambda text: {
            "type": "image",
            "image": {
                "images": [{"mediaUrl": "https://media.example.com/a.png"}],
                "text": text,
                "metadata": {"fallbackText": "see our site"},
            },
        },
        texts,
    ),
)
optional: dict[str, st.SearchStrategy[Any]] = {
    "tags": st.lists(st.sampled_from(["a", "VIP", "vip", "b", "c", "!"]), max_size=4),
    "reference": st.text(max_size=20) | st.just("order-1"),
    "validity": st.sampled_from([0, 1, 600, 3600, 10**9]),
    "ignoreQuietHours": st.booleans(),
    "meta": st.just({"email": {"subject": "From meta", "headers": {"x-a": "2", "X-B": "3"}}}),
    "sender": st.builds(
        lambda value: {"connector": {"identifierValue": value}},
        st.sampled_from(["Shop", "billing"]),
    ),
}
requests = st.fixed_dictionaries(
    {
        "receiver": st.builds(
            lambda several: {"contacts": several}, st.lists(contacts, min_size=1, max_size=2)
        ),
        "body": bodies,
    },
    optional=optional,
)


def without_ids(envelope: Envelope) -> Envelope:
    """Leave out what is new with every message."""
    return evolve(
        envelope,
        message_id=None,
        receivers=tuple(evolve(receiver, contact_id=None) for receiver in envelope.receivers),
        copies=tuple(evolve(copy, contact_id=None) for copy in envelope.copies),
    )


@given(
    channel=st.sampled_from(CHANNELS),
    request=requests,
    fits=st.integers(0, 3).map(bool),
    now=moments,
    ahead=spans,
)
def test_a_plan_is_what_sending_does(
    channel: Channel,
    request: dict[str, Any],
    fits: bool,  # noqa: FBT001 - whether the receiver suits the channel
    now: Any,
    ahead: timedelta | None,
) -> None:
    if fits:
        request = {**request, "receiver": {"contacts": [{"identifierValue": reached_by(channel)}]}}
    event(check(channel, request, now, ahead))


@given(
    channel=st.sampled_from(CHANNELS[:7]),
    text=st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=200),
    fields=st.fixed_dictionaries({}, optional={"validity": st.integers(0, 1000)}),
    now=moments,
    ahead=spans,
)
def test_a_plan_is_what_sending_does_with_ordinary_requests(
    channel: Channel, text: str, fields: dict[str, Any], now: Any, ahead: timedelta | None
) -> None:
    event(check(channel, a_request(text, to=reached_by(channel), **fields), now, ahead))


def reached_by(channel: Channel) -> str:
    return {"email": "ada@receiver.example"}.get(channel.platform, "+31612345678")


def check(channel: Channel, request: Any, now: Any, ahead: timedelta | None) -> Verdict:
    """Assert that everything the plan says comes true, and return what it decided."""
    clock, transport, storage = ManualClock(now), RecordingTransport(), MemoryStorage()
    messenger = Messenger(storage=storage, channels={channel: transport}, clock=clock)
    if ahead is not None and isinstance(request, dict):
        request = {**request, "scheduledFor": (now + ahead).isoformat()}
    elif ahead is not None:
        request = evolve(request, scheduled_for=now + ahead)

    plan = messenger.plan(channel, request)

    assert list(messenger.find().results) == []
    if plan.verdict is Verdict.INVALID:
        with pytest.raises(InvalidMessageError) as refused:
            messenger.send(channel, request)
        assert refused.value.violations == plan.violations
        assert not plan.would_send
        return plan.verdict
    message = messenger.send(channel, request)
    assert message.status == plan.verdict
    assert messenger.get(message.id) == message
    with storage.begin(read_only=True) as tx:
        delivery = tx.outbox.delivery(channel.workspace, message.id)
    assert delivery is not None
    assert (delivery.due_at, delivery.expires_at) == (plan.due_at, plan.expires_at)
    clock.set(delivery.due_at)
    Worker(messenger, threads=1).run_once()
    (envelope,) = transport.attempts
    assert plan.envelope is not None
    assert without_ids(envelope) == without_ids(plan.envelope)
    assert transport.sent == [envelope]
    return plan.verdict


def test_a_contact_of_several_lines_is_planned_as_it_is_sent() -> None:
    contacts = tuple(
        ReceiverContact(identifier_value=f"{kind}@x.example", type=kind) for kind in ReceiverType
    )
    mail = next(channel for channel in CHANNELS if channel.name == "mail")
    request = a_request("hi", to="x@x.example")

    check(
        mail,
        evolve(request, receiver=evolve(request.receiver, contacts=contacts)),
        MONDAY_MORNING,
        None,
    )
