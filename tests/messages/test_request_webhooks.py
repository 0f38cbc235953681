"""The URL that a request names gets the events of its message, beside all subscriptions."""

import json
import threading
from datetime import timedelta
from time import monotonic, sleep

import pytest

from messaging_adapters.receipts.bird import BirdReceipts
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger, Worker
from messaging_core.errors import InvalidRequestError
from messaging_core.models import (
    ContactIdentifier,
    Conversion,
    Keep,
    NewContact,
    NotificationHook,
    WebhookStatus,
)
from messaging_core.models.common.escalation import Escalation
from messaging_core.models.delivery.outcome import Rejected
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.testing import (
    ManualClock,
    Misbehaviour,
    RecordingTransport,
    a_channel,
    a_receipt,
    a_request,
)
from messaging_core.testing.builders import A_NUMBER, a_failure
from webhook_receivers import (
    KEY,
    OK,
    ORDERS,
    PATIENCE,
    SECRET,
    Engine,
    Internet,
    documents,
    filtered,
    statuses,
)


def test_the_events_of_the_message_go_to_its_url(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example")
    engine.send()
    message_id = engine.send("https://shop.example/events/7")
    engine.sender.run_once()
    engine.messenger.receive([a_receipt(message_id=message_id)])
    engine.messenger.report_conversion(message_id, Conversion(type="otp", status="converted"))
    Worker(engine.messenger).drain()

    engine.sender.run_once()

    first, second, third, fourth = documents(peer)
    events = [first, second, third]
    assert [event["payload"]["status"] for event in events] == ["accepted", "sent", "delivered"]
    assert {event["event"] for event in events} == {"sms.outbound"}
    assert {event["payload"]["id"] for event in events} == {str(message_id)}
    assert fourth["event"] == "sms.interaction"
    assert fourth["payload"]["messageId"] == str(message_id)
    request = peer.taken[0]
    assert (request.method, request.url) == ("POST", f"{peer.url}/events/7")
    assert "messagebird-request-id" in request.headers
    assert "messagebird-signature" not in request.headers
    assert "notification" not in first["payload"]


def test_subscriptions_get_them_too(engine: Engine) -> None:
    own, other = engine.internet.serve("shop.example"), engine.internet.serve("crm.example")
    engine.subscribe("crm.example", eventFilters=filtered(messageStatus="sent"))
    engine.send("https://shop.example/")

    engine.sender.run_once()

    assert (statuses(own), statuses(other)) == (["accepted", "sent"], ["sent"])


def test_they_are_signed_with_the_key_of_the_oldest_subscription_to_the_event(
    engine: Engine,
) -> None:
    peer = engine.internet.serve("shop.example")
    engine.internet.serve("crm.example")
    engine.subscribe("crm.example", "email.outbound", signingKey="of another event")
    engine.subscribe("crm.example", eventFilters=filtered(messageStatus="deleted"))
    engine.subscribe("crm.example", signingKey=KEY, eventFilters=filtered(messageStatus="deleted"))
    engine.subscribe("crm.example", signingKey="a younger one")
    engine.send("https://shop.example/events")

    engine.sender.run_once()

    parser = BirdReceipts(signing_key=KEY)
    assert len(peer.taken) == 2
    for request in peer.taken:
        called = HttpRequest(
            method="POST",
            url="https://shop.example/events",
            headers=request.headers,
            body=request.body,
        )
        parser.verify(called, now=engine.clock.now())


def test_a_key_that_was_replaced_signs_what_waits(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example", HttpResponse(status=503), OK)
    engine.internet.serve("crm.example")
    old = engine.subscribe("crm.example", signingKey=KEY)
    engine.send("https://shop.example/events")
    engine.sender.run_once()
    engine.subscribe("crm.example", signingKey=SECRET, scheme="standard-webhooks")
    engine.messenger.webhooks.unsubscribe(old.id)

    engine.later(seconds=5)

    before, after = peer.exchanges[0].request.headers, peer.exchanges[1].request.headers
    assert "messagebird-signature" in before
    assert "webhook-signature" in after
    assert before["messagebird-request-id"] == after["webhook-id"]


def test_a_wrong_url_is_a_violation_and_nothing_is_sent(engine: Engine) -> None:
    for url in ("http://shop.example/", "https://127.0.0.1/", "https://shop.example:8443/"):
        with pytest.raises(InvalidRequestError) as refused:
            engine.send(url)
        assert [violation.path for violation in refused.value.violations] == ["/notification/url"]


def test_each_message_of_a_batch_has_its_own_and_rejected_ones_are_told(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example")
    requests = [
        a_request(notification=NotificationHook(url="https://shop.example/1")),
        a_request(tags=("x" * 999,), notification=NotificationHook(url="https://shop.example/2")),
        a_request(notification=NotificationHook(url="http://shop.example/3")),
        a_request(),
    ]
    engine.messenger.send_batch(ORDERS, requests)
    Worker(engine.messenger).drain()

    engine.sender.run_once()

    told = [
        (request.url[-2:], json.loads(request.body)["payload"]["status"]) for request in peer.taken
    ]
    assert sorted(told) == [("/1", "accepted"), ("/1", "sent"), ("/2", "rejected")]


def test_the_url_is_retried_given_up_and_replayed_like_a_subscription(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example", HttpResponse(status=500))
    message_id = engine.send("https://shop.example/")
    engine.sender.run_once()
    assert len(peer.exchanges) == 1  # the second event waits for the first one
    while len(engine.dead()) < 2:
        engine.later(minutes=15)

    assert engine.dead() == [(message_id, "500"), (message_id, "500")]
    dead = engine.messenger.webhooks.dead()
    assert {webhook.url for webhook in dead} == {"https://shop.example/"}
    assert "shop.example" not in repr(dead)
    seen = len(peer.exchanges)
    engine.messenger.webhooks.replay()
    engine.sender.run_once()
    assert len(peer.exchanges) == seen + 1


def test_private_addresses_are_refused(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example")
    engine.internet.name("shop.example", "127.0.0.1")
    engine.send("https://shop.example/")
    engine.sender.run_once()
    engine.later(hours=8)
    engine.later(hours=1)

    assert peer.begun == 0
    assert {failure for _, failure in engine.dead()} == {"forbidden_address"}


def test_gone_ends_only_the_webhook_and_no_subscription(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example", HttpResponse(status=410))
    subscription = engine.subscribe("shop.example", "email.outbound")
    engine.send("https://shop.example/")

    engine.sender.run_once()

    assert len(peer.exchanges) == 2
    assert [failure for _, failure in engine.dead()] == ["410", "410"]
    stored = engine.messenger.webhooks.get(subscription.id)
    assert stored.status is WebhookStatus.ACTIVE


def test_a_message_that_is_replayed_tells_the_same_url(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example")
    refusing = Messenger(
        storage=engine.storage,
        channels={ORDERS: RecordingTransport([Rejected(failure=a_failure())])},
        clock=engine.clock,
    )
    request = a_request(notification=NotificationHook(url="https://shop.example/"))
    failed = refusing.send(ORDERS, request)
    Worker(refusing).drain()
    again = engine.messenger.replay(failed.id)
    Worker(engine.messenger).drain()

    engine.sender.run_once()

    told = [(event["payload"]["id"], event["payload"]["status"]) for event in documents(peer)]
    assert sorted(told) == sorted(
        [
            (str(failed.id), "accepted"),
            (str(failed.id), "sending_failed"),
            (str(again.id), "accepted"),
            (str(again.id), "sent"),
        ]
    )


def test_a_fallback_tells_the_same_url(internet: Internet) -> None:
    peer = internet.serve("shop.example")
    escalation = Escalation(channel="texts", after=timedelta(minutes=5))
    app, texts = a_channel("app", "push", escalation=escalation), a_channel("texts")
    clock = ManualClock()
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={
            app: RecordingTransport([Rejected(failure=a_failure())]),
            texts: RecordingTransport(),
        },
        clock=clock,
    )
    kinds = {"pushtoken": "a-token", "phonenumber": A_NUMBER}
    identifiers = tuple(ContactIdentifier(key=key, value=value) for key, value in kinds.items())
    messenger.contacts.create(NewContact(identifiers=identifiers))
    url = "https://shop.example/"
    messenger.send(app, a_request(to="a-token", notification=NotificationHook(url=url)))
    Worker(messenger).drain()
    clock.advance(minutes=6)
    Worker(messenger).drain()

    messenger.webhook_sender(internet.client()).run_once()

    events = {(event["event"], event["payload"]["status"]) for event in documents(peer)}
    assert {("push.outbound", "sending_failed"), ("sms.outbound", "sent")} <= events


def test_a_message_that_was_purged_is_told_no_more(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example", HttpResponse(status=500))
    first = engine.send("https://shop.example/first")
    engine.sender.run_once()
    engine.clock.advance(hours=1)
    engine.messenger.purge(before=engine.clock.now())
    second = engine.send("https://shop.example/second")

    engine.sender.run_once()
    engine.later(hours=9)
    engine.later(hours=1)

    ids = [json.loads(exchange.request.body)["payload"]["id"] for exchange in peer.exchanges]
    assert ids.count(str(first)) == 1
    assert {message_id for message_id, _ in engine.dead()} == {second}


def test_a_redacted_message_has_no_url_but_what_waits_arrives_without_content(
    engine: Engine,
) -> None:
    peer = engine.internet.serve("shop.example", HttpResponse(status=500), OK)
    message_id = engine.send("https://shop.example/")
    engine.sender.run_once()
    engine.clock.advance(hours=1)
    engine.messenger.purge(before=engine.clock.now(), keep=Keep.RECORD)
    engine.messenger.report_conversion(message_id, Conversion(type="otp", status="converted"))
    Worker(engine.messenger).drain()

    engine.sender.run_once()

    assert statuses(peer) == ["accepted", "sent"]
    for document in documents(peer):
        assert "body" not in document["payload"]
        assert "+31" not in json.dumps(document)


def test_many_urls_of_a_host_that_hangs_hold_up_no_other(engine: Engine) -> None:
    slow = engine.internet.serve("slow.example", Misbehaviour.SILENT)
    quick = engine.internet.serve("quick.example")
    for number in range(40):
        engine.send(f"https://slow.example/{number}")
    engine.send("https://quick.example/")
    stop, began = threading.Event(), monotonic()
    runner = threading.Thread(target=engine.new_sender(threads=4).run, args=(stop,))
    runner.start()
    try:
        while len(quick.taken) < 2 and monotonic() < began + PATIENCE:
            sleep(0.01)
        took = monotonic() - began
    finally:
        stop.set()
        runner.join(PATIENCE)

    assert statuses(quick) == ["accepted", "sent"]
    assert took < 5  # the other URLs alone would take 10 seconds with all four threads
    assert len(slow.exchanges) <= 6
