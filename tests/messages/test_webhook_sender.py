"""Webhooks reach real receivers that are slow, broken, gone, or redirect into this machine."""

import json
import logging
import sqlite3
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from time import monotonic, sleep
from typing import Any

import pytest
from standardwebhooks import Webhook

from messaging_adapters.receipts.bird import BirdReceipts
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Messenger, StorageError, Worker
from messaging_core.errors import ArgumentError, InvalidRequestError
from messaging_core.errors import UnknownWebhookSubscriptionError as UnknownError
from messaging_core.messages.webhook_finder import WebhookFinder
from messaging_core.messages.webhook_sender import WebhookSender
from messaging_core.models import (
    Conversion,
    IncomingMessage,
    Keep,
    TextBody,
    WebhookStatus,
)
from messaging_core.models.delivery.event import WEBHOOKS
from messaging_core.ports.clock import SystemClock
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing import (
    Misbehaviour,
    RecordingTransport,
    a_request,
)
from webhook_receivers import (
    KEY,
    NEWS,
    OK,
    ORDERS,
    OTHER,
    PATIENCE,
    SECRET,
    Answer,
    Engine,
    Internet,
    documents,
    filtered,
    statuses,
)


def test_each_new_status_goes_out_once(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example")
    engine.subscribe()
    message_id = engine.send()

    engine.sender.run_once()
    engine.sender.run_once()

    assert statuses(peer) == ["accepted", "sent"]
    first = documents(peer)[0]
    assert (first["service"], first["event"]) == ("channels", "sms.outbound")
    assert first["payload"]["id"] == str(message_id)
    assert first["payload"]["channelId"] == str(ORDERS.id)
    request = peer.taken[0]
    assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
    assert "messagebird-signature" not in request.headers
    assert engine.dead() == []


def test_nothing_from_before_the_subscription_goes_out(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example")
    engine.send()
    engine.subscribe()

    engine.sender.run_once()

    assert peer.taken == []


def test_filters_are_anded_and_workspaces_apart(engine: Engine) -> None:
    hosts = {
        "sent.example": {"eventFilters": filtered(messageStatus="sent")},
        "both.example": {
            "eventFilters": filtered(messageStatus="sent", channelId=str(ORDERS.id).upper())
        },
        "neither.example": {"eventFilters": filtered(messageStatus="sent", channelId=str(NEWS.id))},
        "platform.example": {"eventFilters": filtered(platformId="sms")},
        "mail.example": {"event": "email.outbound"},
        "inbound.example": {"event": "sms.inbound"},
        "other.example": {"workspace": OTHER.workspace},
    }
    peers = {host: engine.internet.serve(host) for host in hosts}
    for host, fields in hosts.items():
        engine.subscribe(host, **fields)
    engine.send()

    engine.sender.run_once()

    assert {host: statuses(peer) for host, peer in peers.items()} == {
        "sent.example": ["sent"],
        "both.example": ["sent"],
        "neither.example": [],
        "platform.example": ["accepted", "sent"],
        "mail.example": [],
        "inbound.example": [],
        "other.example": [],
    }


def test_incoming_messages_and_interactions_go_out(engine: Engine) -> None:
    inbound, conversions, clicks = (
        engine.internet.serve(host) for host in ("in.example", "otp.example", "click.example")
    )
    engine.subscribe("in.example", "sms.inbound")
    engine.subscribe(
        "otp.example", "sms.interaction", eventFilters=filtered(interactionType="conversion")
    )
    engine.subscribe(
        "click.example", "sms.interaction", eventFilters=filtered(interactionType="clicked")
    )
    message_id = engine.send()
    for status in ("incorrect_code", "converted"):
        conversion = Conversion(type="otp", status=status)
        engine.messenger.report_conversion(message_id, conversion)
    incoming = IncomingMessage(
        source="test",
        reference="1",
        at=engine.clock.now(),
        channel_id=ORDERS.id,
        sender="+31612345678",
        body=TextBody(text="hello"),
    )
    engine.messenger.receive(incoming)
    Worker(engine.messenger).drain()

    engine.sender.run_once()

    (document,) = documents(inbound)
    assert document["event"] == "sms.inbound"
    assert document["payload"]["body"]["text"]["text"] == "hello"
    assert [
        document["payload"]["metadata"]["conversion"]["status"]
        for document in documents(conversions)
    ] == ["incorrect_code", "converted"]
    assert clicks.taken == []


def test_the_signature_of_bird_is_one_that_its_receivers_accept(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example", HttpResponse(status=503), OK)
    engine.subscribe(signingKey=KEY, eventFilters=filtered(messageStatus="sent"))
    engine.send()
    engine.sender.run_once()
    engine.later(seconds=5)

    first, second = (exchange.request for exchange in peer.exchanges)
    for name in ("messagebird-request-id", "messagebird-request-timestamp"):
        assert first.headers[name] == second.headers[name]
    parser = BirdReceipts(signing_key=KEY)
    for request in (first, second):
        called = HttpRequest(
            method="POST",
            url="https://shop.example/hooks",
            headers=request.headers,
            body=request.body,
        )
        parser.verify(called, now=engine.clock.now())


def test_the_libraries_of_standard_webhooks_accept_every_attempt(engine: Engine) -> None:
    engine.clock.set(SystemClock().now())  # the library asks the clock of the machine
    peer = engine.internet.serve("shop.example", HttpResponse(status=503), OK)
    engine.subscribe(
        signingKey=SECRET, scheme="standard-webhooks", eventFilters=filtered(messageStatus="sent")
    )
    engine.send()
    engine.sender.run_once()
    engine.later(seconds=5)

    first, second = (exchange.request for exchange in peer.exchanges)
    for request in (first, second):
        verified = Webhook(SECRET).verify(request.body, dict(request.headers))
        assert verified["payload"]["status"] == "sent"
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) == int(first.headers["webhook-timestamp"]) + 5


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (HttpResponse(status=500), "500"),
        (HttpResponse(status=404), "404"),
        (HttpResponse(status=302, headers={"location": "https://127.0.0.1/admin"}), "302"),
        (Misbehaviour.SILENT, "timeout"),
        (Misbehaviour.RESET, "broken"),
        (Misbehaviour.GARBAGE, "broken"),
    ],
)
def test_what_is_no_2xx_is_retried_for_eight_hours(
    engine: Engine, answer: Answer, failure: str
) -> None:
    is_slow = answer is Misbehaviour.SILENT
    peer = engine.internet.serve("shop.example", answer)
    engine.subscribe(eventFilters=filtered(messageStatus="sent"))
    message_id = engine.send()
    engine.sender.run_once()
    assert (len(peer.exchanges), engine.dead()) == (1, [])

    began = engine.clock.now()
    if is_slow:
        engine.later(hours=8)
    while not engine.dead():
        engine.later(minutes=15)

    assert engine.dead() == [(message_id, failure)]
    assert engine.clock.now() >= began + timedelta(hours=7.5)
    attempts = len(peer.exchanges)
    assert attempts == (2 if is_slow else 33)
    engine.later(hours=1)
    assert len(peer.exchanges) == attempts


@pytest.mark.parametrize(
    "answer",
    [
        Misbehaviour.ENDLESS,
        Misbehaviour.DRIPPING,
        HttpResponse(status=200, headers={"content-length": "999"}, body=b"cut off"),
    ],
)
def test_an_answer_of_2xx_counts_however_its_body_goes_on(engine: Engine, answer: Answer) -> None:
    peer = engine.internet.serve("shop.example", answer)
    engine.subscribe(eventFilters=filtered(messageStatus="sent"))
    engine.send()
    engine.sender.run_once()
    engine.later(hours=1)

    assert len(peer.exchanges) == 1
    assert engine.dead() == []
    assert peer.sent < 20_000_000  # of an endless body


def test_another_failure_counts_however_its_body_goes_on(engine: Engine) -> None:
    broken = HttpResponse(status=500, headers={"content-length": "999"}, body=b"cut off")
    engine.internet.serve("shop.example", broken)
    engine.subscribe(eventFilters=filtered(messageStatus="sent"))
    message_id = engine.send()
    engine.sender.run_once()
    engine.later(hours=8)

    assert engine.dead() == [(message_id, "timeout")]


def test_a_wrong_certificate_is_a_failure_and_the_receiver_sees_nothing(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example", certificate="other.example")
    engine.subscribe(eventFilters=filtered(messageStatus="sent"))
    message_id = engine.send()
    engine.sender.run_once()
    engine.later(hours=8)

    assert peer.begun == 0
    assert engine.dead() == [(message_id, "untrusted")]


def test_private_addresses_are_refused(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example")
    engine.internet.name("shop.example", "127.0.0.1")
    engine.subscribe(eventFilters=filtered(messageStatus="sent"))
    message_id = engine.send()
    engine.sender.run_once()
    engine.later(hours=8)

    assert peer.begun == 0
    assert engine.dead() == [(message_id, "forbidden_address")]


def test_a_receiver_that_is_gone_disables_its_subscription(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example", HttpResponse(status=410))
    subscription = engine.subscribe()
    engine.send()

    engine.sender.run_once()
    engine.send()
    engine.sender.run_once()

    assert len(peer.exchanges) == 1
    stored = engine.messenger.webhooks.get(subscription.id)
    assert stored.status is WebhookStatus.DISABLED
    assert [failure for _, failure in engine.dead()] == ["410", "disabled"]


def test_dead_webhooks_are_replayed_under_their_ids(engine: Engine) -> None:
    broken = HttpResponse(status=500)
    peer = engine.internet.serve("shop.example", broken, broken, OK)
    engine.subscribe(eventFilters=filtered(messageStatus="sent"))
    message_id = engine.send()
    engine.sender.run_once()
    engine.later(hours=8)
    assert engine.dead() == [(message_id, "500")]

    assert engine.messenger.webhooks.replay(workspace=OTHER.workspace) == 0
    assert engine.messenger.webhooks.replay() == 1
    engine.sender.run_once()

    assert engine.dead() == []
    for name in ("messagebird-request-id", "messagebird-request-timestamp"):
        assert peer.taken[0].headers[name] == peer.exchanges[0].request.headers[name]


def test_dead_webhooks_are_forgotten_after_seven_days(engine: Engine) -> None:
    engine.internet.serve("shop.example", HttpResponse(status=500))
    engine.subscribe(eventFilters=filtered(messageStatus="sent"))
    engine.send()
    engine.sender.run_once()
    engine.later(hours=8)
    assert len(engine.dead()) == 1

    engine.clock.advance(days=7, seconds=1)
    second = engine.send()
    engine.sender.run_once()
    engine.later(hours=8)

    assert [message_id for message_id, _ in engine.dead()] == [second]


def test_a_slow_receiver_holds_up_no_other(engine: Engine) -> None:
    slow = engine.internet.serve("slow.example", Misbehaviour.SILENT)
    quick = engine.internet.serve("quick.example")
    engine.subscribe("slow.example")
    engine.subscribe("quick.example")
    for _ in range(10):
        engine.send()
    stop, began = threading.Event(), monotonic()
    runner = threading.Thread(target=engine.sender.run, args=(stop,))
    runner.start()
    try:
        while len(quick.taken) < 20 and monotonic() < began + PATIENCE:
            sleep(0.01)
        took = monotonic() - began
    finally:
        stop.set()
        runner.join(PATIENCE)

    assert not runner.is_alive()
    assert len(quick.taken) == 20
    assert took < 5  # the slow one alone would take 20 seconds
    assert 1 <= len(slow.exchanges) <= 10


def test_more_slow_receivers_than_threads_leave_the_others_their_turns(engine: Engine) -> None:
    hosts = [f"slow{number}.example" for number in range(4)]
    for host in hosts:
        engine.internet.serve(host, Misbehaviour.SILENT)
        engine.subscribe(host)
    quick = engine.internet.serve("quick.example")
    engine.subscribe("quick.example", eventFilters=filtered(messageStatus="sent"))
    engine.send()

    engine.new_sender(threads=2).run_once()

    assert statuses(quick) == ["sent"]


def test_a_message_that_was_deleted_is_told_no_more(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example", HttpResponse(status=500))
    engine.subscribe()
    engine.send()
    engine.sender.run_once()
    attempts = len(peer.exchanges)
    engine.clock.advance(hours=1)
    engine.messenger.purge(before=engine.clock.now())

    engine.sender.run_once()

    assert len(peer.exchanges) == attempts
    assert engine.dead() == []
    engine.later(hours=9)
    assert engine.dead() == []


def test_redacted_content_is_not_sent(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example", HttpResponse(status=500), OK)
    engine.subscribe(eventFilters=filtered(messageStatus="sent"))
    engine.send()
    engine.sender.run_once()
    engine.clock.advance(hours=1)
    engine.messenger.purge(before=engine.clock.now(), keep=Keep.RECORD)

    engine.sender.run_once()

    before, after = (json.loads(exchange.request.body) for exchange in peer.exchanges)
    assert before["payload"]["body"]["text"]["text"]
    assert "+31" in json.dumps(before)
    assert after["payload"]["id"] == before["payload"]["id"]
    assert after["payload"]["status"] == "sent"
    assert "body" not in after["payload"]
    assert "+31" not in json.dumps(after)


def test_a_deleted_subscription_gets_nothing_more(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example", HttpResponse(status=500))
    subscription = engine.subscribe()
    engine.send()
    engine.sender.run_once()
    attempts = len(peer.exchanges)

    engine.messenger.webhooks.unsubscribe(subscription.id)
    engine.later(hours=1)

    assert len(peer.exchanges) == attempts
    assert engine.messenger.webhooks.find() == []
    for call in (engine.messenger.webhooks.get, engine.messenger.webhooks.unsubscribe):
        with pytest.raises(UnknownError, match=str(subscription.id)):
            call(subscription.id)


class FailingStorage:
    """Fails once right after a webhook was sent, as a process does that is killed there."""

    def __init__(self, storage: Storage, sent: Callable[[], int]) -> None:
        self._storage, self._sent = storage, sent
        self.failed = False

    def begin(self, connection: Any = None, *, read_only: bool = False) -> Any:
        if self._sent() and not self.failed:
            self.failed = True
            raise StorageError("killed")
        return self._storage.begin(connection, read_only=read_only)


def test_a_crash_before_the_record_sends_it_again_under_its_id(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example")
    engine.subscribe(eventFilters=filtered(messageStatus="sent"))
    engine.send()
    failing: Any = FailingStorage(engine.storage, lambda: len(peer.taken))
    crashing = Messenger(
        storage=failing, channels={ORDERS: RecordingTransport()}, clock=engine.clock
    )

    with pytest.raises(StorageError, match="killed"):
        crashing.webhook_sender(engine.internet.client()).run_once()
    engine.sender.run_once()
    assert len(peer.taken) == 1  # until its lease ends
    engine.later(minutes=5)
    engine.later(hours=9)

    first, second = (request.headers["messagebird-request-id"] for request in peer.taken)
    assert first == second
    assert engine.dead() == []


def test_a_lease_longer_than_any_pause_is_no_sign_of_a_clock_set_back(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example")
    engine.subscribe(eventFilters=filtered(messageStatus="sent"))
    engine.send()
    failing: Any = FailingStorage(engine.storage, lambda: len(peer.taken))
    messenger = Messenger(
        storage=failing, channels={ORDERS: RecordingTransport()}, clock=engine.clock
    )
    crashing = messenger.webhook_sender(engine.internet.client())
    crashing.lease = engine.sender.lease = timedelta(minutes=20)

    with pytest.raises(StorageError, match="killed"):
        crashing.run_once()
    engine.sender.run_once()

    assert len(peer.taken) == 1
    engine.later(minutes=20)
    assert len(peer.taken) == 2


def test_a_sender_goes_on_after_the_storage_failed(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    peer = engine.internet.serve("shop.example")
    engine.subscribe(eventFilters=filtered(messageStatus="sent"))
    engine.send()
    failing: Any = FailingStorage(engine.storage, lambda: 1)
    messenger = Messenger(
        storage=failing, channels={ORDERS: RecordingTransport()}, clock=engine.clock
    )
    sender, stop = messenger.webhook_sender(engine.internet.client()), threading.Event()
    runner = threading.Thread(target=sender.run, args=(stop,))
    runner.start()
    until = monotonic() + PATIENCE
    while not peer.taken and monotonic() < until:
        sleep(0.01)
    stop.set()
    runner.join(PATIENCE)

    assert failing.failed
    assert "trying again" in caplog.text
    assert statuses(peer) == ["sent"]


def test_two_senders_share_the_work(engine: Engine) -> None:
    peers = [engine.internet.serve(f"shop{number}.example") for number in range(4)]
    for number in range(4):
        engine.subscribe(f"shop{number}.example")
    for _ in range(10):
        engine.send()
    senders = [engine.sender, engine.new_sender()]
    threads = [threading.Thread(target=sender.run_once) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * PATIENCE)

    for peer in peers:
        ids = [request.headers["messagebird-request-id"] for request in peer.taken]
        assert len(ids) == len(set(ids)) == 20


def test_a_damaged_message_holds_up_no_other(
    internet: Internet, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine(SqliteStorage(":memory:"), internet)
    peer = engine.internet.serve("shop.example")
    engine.subscribe(eventFilters=filtered(messageStatus="sent"))
    damaged = engine.send()
    with engine.storage.begin() as tx:
        cursor = tx.messages._cursor  # type: ignore[attr-defined]
        cursor.execute("UPDATE messaging_messages SET state = '{' WHERE id = ?", (damaged.bytes,))
    engine.send()

    with caplog.at_level(logging.ERROR):
        engine.sender.run_once()

    assert statuses(peer) == ["sent"]
    assert "makes no webhook" in caplog.text
    engine.messenger.close()


def test_a_failure_of_the_driver_loses_no_webhook(
    internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(SqliteStorage(":memory:"), internet)
    peer = engine.internet.serve("shop.example")
    engine.subscribe(eventFilters=filtered(messageStatus="sent"))
    engine.send()

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(WebhookFinder, "_read", fail)
        with pytest.raises(StorageError):
            engine.sender.run_once()
    engine.sender.run_once()

    assert statuses(peer) == ["sent"]
    engine.messenger.close()


def test_a_client_that_raises_something_else_is_a_failed_attempt(engine: Engine) -> None:
    class Broken:
        def send(self, *_: object, **__: object) -> HttpResponse:
            raise KeyError("secret")

    engine.subscribe(eventFilters=filtered(messageStatus="sent"))
    message_id = engine.send()
    sender = engine.messenger.webhook_sender(Broken())  # type: ignore[arg-type]
    sender.run_once()
    engine.clock.advance(hours=8)
    sender.run_once()

    assert engine.dead() == [(message_id, "client")]


def test_at_most_five_are_equal(engine: Engine) -> None:
    both = filtered(messageStatus="sent", platformId="sms")
    for number in range(5):
        engine.subscribe(f"shop{number}.example", eventFilters=both)

    with pytest.raises(InvalidRequestError, match="at most 5"):
        engine.subscribe(eventFilters=both[::-1])

    engine.subscribe(eventFilters=both[:1])
    engine.subscribe(eventFilters=both, workspace=OTHER.workspace)
    assert len(engine.messenger.webhooks.find()) == 6


def test_a_key_is_not_shown_again(engine: Engine) -> None:
    subscription = engine.subscribe(signingKey=KEY)

    shown = [subscription, *engine.messenger.webhooks.find()]
    assert KEY not in repr(shown)
    assert not hasattr(subscription, "signing_key")
    assert "shop.example" not in repr(shown)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"service": "numbers"}, "/service"),
        ({"event": "sms"}, "/event"),
        ({"event": "sms.sent"}, "/event"),
        ({"url": "http://shop.example/"}, "/url"),
        ({"url": "https://127.0.0.1/"}, "/url"),
        ({"url": "https://shop.example:8443/"}, "/url"),
        ({"signingKey": ""}, "/signingKey"),
        ({"signingKey": "a\nb"}, "/signingKey"),
        ({"signingKey": KEY, "scheme": "standard-webhooks"}, "/signingKey"),
        ({"signingKey": "whsec_AAAA", "scheme": "standard-webhooks"}, "/signingKey"),
        ({"signingKey": "whsec_!", "scheme": "standard-webhooks"}, "/signingKey"),
        ({"scheme": "twilio"}, "/scheme"),
        ({"eventFilters": filtered(status="sent")}, "/eventFilters/0/key"),
        ({"eventFilters": filtered(messageStatus="nice")}, "/eventFilters/0/value"),
        ({"eventFilters": filtered(channelId="orders")}, "/eventFilters/0/value"),
        ({"eventFilters": filtered(platformId="")}, "/eventFilters/0/value"),
        ({"eventFilters": filtered(interactionType="clicked")}, "/eventFilters/0/key"),
        ({"eventFilters": filtered(messageStatus="sent") * 2}, "/eventFilters/1/key"),
        ({"unknown": 1}, "/unknown"),
    ],
)
def test_a_wrong_subscription_names_the_field(
    internet: Internet, fields: dict[str, Any], path: str
) -> None:
    engine = Engine(MemoryStorage(), internet)

    with pytest.raises(InvalidRequestError) as refused:
        engine.subscribe(**fields)

    assert [violation.path for violation in refused.value.violations] == [path]
    assert engine.messenger.webhooks.find() == []


def test_wrong_arguments_are_named(internet: Internet) -> None:
    messenger = Engine(MemoryStorage(), internet).messenger
    for call, name in (
        (partial(messenger.webhook_sender, None), "client"),
        (partial(messenger.webhook_sender, internet.client(), threads=0), "threads"),
        (partial(messenger.webhooks.get, "x"), "subscription_id"),
        (partial(messenger.webhooks.dead, limit=0), "limit"),
    ):
        with pytest.raises(ArgumentError, match=name):
            call()


def test_dead_webhooks_that_are_replayed_while_the_receiver_fails_are_given_up_again(
    engine: Engine,
) -> None:
    peer = engine.internet.serve("shop.example", HttpResponse(status=500))
    engine.subscribe(eventFilters=filtered(messageStatus="sent"))
    message_id = engine.send()
    engine.sender.run_once()
    engine.later(hours=8)
    (dead,) = engine.messenger.webhooks.dead()

    engine.messenger.webhooks.replay()
    engine.sender.run_once()
    assert engine.dead() == []
    while not engine.dead():
        engine.later(minutes=15)

    (again,) = engine.messenger.webhooks.dead()
    assert (again.id, again.message_id) == (dead.id, message_id)
    assert again.attempts > 30
    ids = {exchange.request.headers["messagebird-request-id"] for exchange in peer.exchanges}
    assert ids == {str(dead.id)}


@pytest.mark.parametrize("status", [200, 410, 500])
def test_a_subscription_may_be_deleted_while_its_receiver_is_called(
    engine: Engine, status: int
) -> None:
    def answer(_: HttpRequest) -> HttpResponse:
        engine.messenger.webhooks.unsubscribe(subscription.id)
        return HttpResponse(status=status)

    peer = engine.internet.serve("shop.example", call=answer)
    subscription = engine.subscribe()
    engine.send()
    engine.sender.run_once()
    engine.later(hours=8)

    assert len(peer.exchanges) == 1
    assert engine.dead() == []
    assert engine.messenger.webhooks.find() == []


def test_webhooks_go_on_when_the_clock_is_set_back(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example", HttpResponse(status=500), OK)
    engine.subscribe()
    engine.send()
    engine.sender.run_once()
    assert len(peer.exchanges) == 1

    engine.clock.set(engine.clock.now() - timedelta(hours=3))
    engine.sender.run_once()

    assert statuses(peer) == ["accepted", "sent"]


def test_a_sender_that_stops_leaves_the_pages_of_events_that_wait(engine: Engine) -> None:
    peer = engine.internet.serve("shop.example")
    engine.subscribe()
    engine.messenger.send_many(ORDERS, [a_request() for _ in range(250)])
    stop = threading.Event()

    class Stopped(WebhookSender):
        def _collect(self) -> int:
            stop.set()
            return super()._collect()

    Stopped(engine.messenger.context, engine.internet.client()).run(stop)

    with engine.storage.begin(read_only=True) as tx:
        cursor = tx.timeline.cursor(WEBHOOKS)
    assert cursor is not None
    assert cursor.position == 100
    engine.sender.run_once()
    assert len(peer.taken) == 250
