"""The schedule of webhooks, and their signatures against known values."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from attrs import evolve

from messaging_core.decisions.delivery.webhook_signature import webhook_headers
from messaging_core.decisions.delivery.webhooks import after_attempt, event_name, message_at
from messaging_core.models import Status, WebhookDelivery, WebhookScheme
from messaging_core.models.delivery.event import EventKind
from messaging_core.testing import a_failure, a_message, an_event

AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)  # 1700000000
DELIVERY = WebhookDelivery(
    id=UUID(int=1),
    subscription_id=UUID(int=2),
    workspace_id=UUID(int=0),
    message_id=UUID(int=3),
    status=Status.SENT,
    created_at=AT,
    due_at=AT,
    expires_at=AT + timedelta(hours=8),
)


def test_the_signature_is_that_of_the_published_vector() -> None:
    headers = webhook_headers(
        WebhookScheme.BIRD,
        "test-signing-key",
        url="https://example.test/hooks/bird?x=1",
        body=b'{"service":"channels","event":"sms.inbound","payload":{}}',
        delivery_id=DELIVERY.id,
        created_at=AT,
        now=AT + timedelta(hours=3),
    )

    assert headers == {
        "messagebird-request-id": str(DELIVERY.id),
        "messagebird-request-timestamp": "1700000000",
        "messagebird-signature": "CF4eBgucLO0gWnfNoVxZNukub3lm4wdcuS0nt7HqMvg=",
    }


def test_the_pauses_grow_and_end_within_eight_hours() -> None:
    delivery, now, pauses = DELIVERY, AT, list[timedelta]()
    while not delivery.is_dead:
        after = after_attempt(delivery, "503", now)
        assert after is not None
        pauses.append(after.due_at - now)
        delivery, now = after, after.due_at

    assert pauses[-1] == timedelta(0)  # it is dead from now on
    assert pauses[:-1] == sorted(pauses[:-1])
    assert pauses[:3] == [timedelta(seconds=seconds) for seconds in (5, 10, 20)]
    assert max(pauses) == timedelta(minutes=15)
    assert timedelta(hours=7, minutes=45) < now - AT <= timedelta(hours=8)
    assert delivery.attempts == 39


def test_a_receiver_that_is_gone_is_not_tried_again() -> None:
    for failure in ("410", "disabled"):
        after = after_attempt(DELIVERY, failure, AT)
        assert after == evolve(DELIVERY, attempts=1, failure=failure, is_dead=True)


def test_only_a_new_status_of_an_outgoing_message_goes_out() -> None:
    accepted = an_event(EventKind.ADMITTED, status=Status.ACCEPTED)
    held = an_event(EventKind.HELD, status=Status.ACCEPTED)
    sent = an_event(EventKind.ATTEMPTED, status=Status.SENT)

    assert event_name("sms", accepted, []) == "sms.outbound"
    assert event_name("sms", held, [accepted]) is None
    assert event_name("sms", sent, [accepted, held]) == "sms.outbound"
    assert event_name("sms", an_event(EventKind.REDACTED, status=Status.SENT), []) is None
    assert event_name("sms", an_event(EventKind.INTERACTED), [sent]) == "sms.interaction"
    assert event_name("sms", an_event(EventKind.RECEIVED), []) == "sms.inbound"


def test_an_earlier_status_comes_without_a_later_failure() -> None:
    failed = a_message(status=Status.SENDING_FAILED, failure=a_failure(), reason="late")

    assert message_at(failed, Status.SENDING_FAILED, AT) == failed
    sent = message_at(failed, Status.SENT, AT)
    assert (sent.status, sent.failure, sent.reason, sent.last_status_at) == (
        Status.SENT,
        None,
        None,
        AT,
    )
