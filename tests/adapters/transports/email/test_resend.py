"""Resend: requests as its reference shows them, its answers, and the contract against a peer."""

from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from typing import Any

import orjson
import pytest
from attrs import evolve
from standardwebhooks import Webhook

from messaging_adapters.config import load_config
from messaging_adapters.receipts.resend import ResendReceipts
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.email.resend import ResendTransport
from messaging_core import Channel, Messenger, SendMessage, Status, Worker, html, to
from messaging_core.errors import ConfigurationError
from messaging_core.models import (
    Accepted,
    Address,
    Attachment,
    CheckStatus,
    Deferred,
    EmailContent,
    Envelope,
    NativeContent,
    Outcome,
    Recipient,
    Rejected,
    Retry,
    TextBody,
    Unknown,
)
from messaging_core.models.common.failure import FailureCode
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.transport import Transport
from messaging_core.testing import ManualClock
from messaging_core.testing.contracts.transport.envelopes import CONTENTS, an_envelope
from messaging_core.testing.contracts.transport.handoff import Leave
from messaging_core.testing.contracts.transport.http import HttpPeerContract
from messaging_core.testing.http_peer import HttpPeer

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = "re_k3y-of-the-team"
ID = "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"


def a_transport(**options: Any) -> ResendTransport:
    return ResendTransport(**{"api_key": KEY} | options)


def a_mail(content: EmailContent | None = None, **changes: Any) -> Envelope:
    return evolve(an_envelope("email", content or EmailContent(subject="Hi", text="A")), **changes)


def requested(envelope: Envelope) -> dict[str, Any]:
    request = a_transport().request(envelope, now=NOW)
    assert isinstance(request, HttpRequest)
    mail: dict[str, Any] = orjson.loads(request.body)
    return mail


def an_answer(code: int, /, **fields: Any) -> HttpResponse:
    return HttpResponse(status=code, body=orjson.dumps(fields))


def a_peer() -> HttpPeer:
    return HttpPeer(lambda _: an_answer(200, id=ID))


def outcome(response: HttpResponse) -> Outcome:
    return a_transport().outcome(response, a_mail(), now=NOW)


def test_a_mail_is_posted_under_our_message_id() -> None:
    content = EmailContent(
        subject="Hello",
        text="A text",
        html="<p>A text</p>",
        headers={"X-Order": "7", "Reply-To": "Help <help@shop.example>, b@shop.example"},
        attachments=(
            Attachment(filename="a.pdf", media_url="https://m.example/a.pdf"),
            Attachment(filename="b.png", content="QQ==", content_type="image/png", inline=True),
        ),
    )
    envelope = a_mail(content, receivers=(Recipient(value="a@x.example", name="Ada"),))

    request = a_transport().request(envelope, now=NOW)

    assert isinstance(request, HttpRequest)
    assert (request.method, request.url) == ("POST", "https://api.resend.com/emails")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["idempotency-key"] == str(envelope.message_id)
    assert orjson.loads(request.body) == {
        "from": "A Shop <kerfuffle-shop@sender.example>",
        "to": ["Ada <a@x.example>"],
        "subject": "Hello",
        "text": "A text",
        "html": "<p>A text</p>",
        "reply_to": ["Help <help@shop.example>", "b@shop.example"],
        "headers": {"X-Order": "7"},
        "attachments": [
            {"filename": "a.pdf", "path": "https://m.example/a.pdf"},
            {
                "filename": "b.png",
                "content": "QQ==",
                "content_type": "image/png",
                "content_id": "b.png",
            },
        ],
        "tags": [{"name": "message_id", "value": str(envelope.message_id)}],
    }


def test_a_request_is_the_same_at_every_try() -> None:
    envelope = a_mail()

    first = a_transport().request(envelope, now=NOW)
    second = a_transport().request(evolve(envelope, attempt=2), now=NOW + timedelta(hours=1))

    assert first == second


@pytest.mark.parametrize(
    ("name", "is_encoded"),
    [
        ("Dr. Ada", False),
        ("Lovelace, Ada", True),
        ("Käthe", True),
        ("Ada =?x?=", True),
        ("A <b@y.example>, C", True),
        (None, False),
    ],
)
def test_the_name_of_a_receiver_is_encoded_where_it_needs_it(
    name: str | None, *, is_encoded: bool
) -> None:
    (written,) = requested(a_mail(receivers=(Recipient(value="a@x.example", name=name),)))["to"]

    word, _, address = written.rpartition(" ")
    assert address.strip("<>") == "a@x.example"
    assert str(make_header(decode_header(word))) == (name or "")
    assert ("=?" in written) == is_encoded


def test_the_name_of_a_sender_stays_in_its_letters() -> None:
    mail = requested(a_mail(sender=Address(value="a@bücher.example", name="Käthes Bücher")))

    assert mail["from"] == "Käthes Bücher <a@xn--bcher-kva.example>"


@pytest.mark.parametrize("name", ["Shop, Inc", 'A "B"', "A <b@y.example>", "=?x?=", "A\r\nB"])
def test_a_name_that_resend_would_misread_is_refused(name: str) -> None:
    envelope = a_mail(sender=Address(value="a@b.example", name=name))

    refused = a_transport().request(envelope, now=NOW)

    assert isinstance(refused, Deferred)
    assert refused.failure.retry is Retry.CONFIGURATION
    assert refused.failure.code == FailureCode.INVALID_SENDER


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"receivers": (Recipient(value="käthe@x.example"),)}, Rejected),
        ({"sender": Address(value="käthe@x.example")}, Deferred),
        ({"sender": None}, Deferred),
        ({"content": EmailContent(subject="x", text="x" * 40_000_001)}, Rejected),
        ({"content": NativeContent(body=TextBody(text="x"))}, Rejected),
    ],
)
def test_what_resend_cannot_carry_is_refused(changes: dict[str, Any], kind: type) -> None:
    refused = a_transport().request(a_mail(**changes), now=NOW)

    assert isinstance(refused, kind)


@pytest.mark.parametrize("option", ["click_tracking", "open_tracking", "initial_open_tracking"])
def test_tracking_of_one_message_cannot_be_expressed(option: str) -> None:
    content: Any = EmailContent
    envelope = a_mail(content(subject="Hi", text="A", **{option: True}))

    with a_peer() as peer, a_transport(base_url=peer.url) as transport:
        refused = transport.send(envelope, Leave())

    assert isinstance(refused, Rejected)
    assert option in refused.failure.description
    assert not peer.exchanges


def test_a_message_has_one_receiver_since_webhooks_name_none() -> None:
    several = (Recipient(value="a@x.example"), Recipient(value="b@x.example"))

    with a_peer() as peer, a_transport(base_url=peer.url) as transport:
        refused = transport.send(a_mail(receivers=several, copies=several), Leave())

    assert isinstance(refused, Rejected)
    assert not peer.exchanges


def test_an_acceptance_names_the_message() -> None:
    assert outcome(an_answer(200, id=ID)) == Accepted(references=(ID,), raw="200")


@pytest.mark.parametrize(
    ("response", "kind", "retry"),
    [
        (an_answer(422, name="validation_error", message="x"), Rejected, Retry.PERMANENT),
        (an_answer(422, name="invalid_attachment"), Rejected, Retry.PERMANENT),
        (an_answer(422, name="invalid_from_address"), Deferred, Retry.CONFIGURATION),
        (an_answer(400), Rejected, Retry.PERMANENT),
        (an_answer(451, name="security_error"), Rejected, Retry.PERMANENT),
        (an_answer(401, name="missing_api_key"), Deferred, Retry.CONFIGURATION),
        (an_answer(401, name="validation_error"), Deferred, Retry.CONFIGURATION),
        (an_answer(403, name="validation_error"), Deferred, Retry.CONFIGURATION),
        (
            an_answer(400, name="validation_error", message="API key is invalid"),
            Deferred,
            Retry.CONFIGURATION,
        ),
        (HttpResponse(status=404, body=b"<html>"), Deferred, Retry.CONFIGURATION),
        (an_answer(429, name="rate_limit_exceeded"), Deferred, Retry.THROTTLED),
        (an_answer(429, name="daily_quota_exceeded"), Deferred, Retry.CONFIGURATION),
        (an_answer(429, name="monthly_quota_exceeded"), Deferred, Retry.CONFIGURATION),
    ],
)
def test_a_refusal_is_read_by_its_status_and_name(
    response: HttpResponse, kind: type, retry: Retry
) -> None:
    refused = outcome(response)

    assert isinstance(refused, kind)
    assert isinstance(refused, Deferred | Rejected)
    assert refused.failure.retry is retry


@pytest.mark.parametrize(
    "response",
    [
        an_answer(200),
        an_answer(200, id="a b"),
        an_answer(500, name="application_error"),
        an_answer(503),
        an_answer(500, name="validation_error"),
        an_answer(409, name="invalid_idempotent_request"),
        an_answer(409, name="concurrent_idempotent_requests"),
    ],
)
def test_an_answer_that_shows_no_end_of_the_first_request_leaves_doubt(
    response: HttpResponse,
) -> None:
    assert isinstance(outcome(response), Unknown)


def test_what_resend_says_is_shown_without_what_it_quotes() -> None:
    message = f"`to` kerfuffle@receiver.example is wrong, key {KEY}"

    refused = outcome(an_answer(418, name="teapot", message=message))

    assert isinstance(refused, Rejected)
    assert "teapot" in refused.failure.description
    assert "kerfuffle" not in refused.failure.description
    assert KEY not in refused.failure.description


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (an_answer(200, data=[]), CheckStatus.OK),
        (an_answer(401, name="restricted_api_key"), CheckStatus.OK),
        (an_answer(401, name="missing_api_key"), CheckStatus.BAD_CREDENTIALS),
        (an_answer(403, name="invalid_api_key"), CheckStatus.BAD_CREDENTIALS),
        (an_answer(400, name="validation_error"), CheckStatus.BAD_SETUP),
        (an_answer(502), CheckStatus.UNREACHABLE),
    ],
)
def test_a_check_lists_domains_and_sends_nothing(
    response: HttpResponse, status: CheckStatus
) -> None:
    with HttpPeer(lambda _: response) as peer, a_transport(base_url=peer.url) as transport:
        assert transport.check().status is status
    assert [exchange.request.method for exchange in peer.exchanges] == ["GET"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"api_key": "a b"}, "without blanks"),
        ({"api_key": "a\r\nHost: x"}, "without blanks"),
        ({"base_url": "http://api.resend.com"}, "must be https"),
        ({"errors": {"x": {"retry": "never"}}}, "errors"),
    ],
)
def test_a_set_up_that_cannot_work_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        a_transport(**options)
    assert KEY not in repr(a_transport())


def test_it_is_a_key_in_a_line_of_a_configuration() -> None:
    channel = {"platform": "email", "sender": "a@b.example", "transport": "resend://:${KEY}@"}

    transport: Any = load_config({"channels": {"a": channel}}).transport("a", {"KEY": KEY})

    transport.close()
    assert transport.api_key == KEY


def test_a_message_in_doubt_is_repeated_with_its_key_and_a_webhook_ends_it() -> None:
    clock, answers = ManualClock(), [an_answer(502), an_answer(200, id=ID)]
    news = Channel(name="news", platform="email", sender="news@shop.example")
    request = SendMessage(receiver=to("ada@mail.example"), body=html("<p>A</p>", subject="Hi"))
    peer = HttpPeer(lambda _: answers.pop(0))
    with peer, a_transport(base_url=peer.url, clock=clock) as transport:
        messenger = Messenger(
            storage=MemoryStorage(),
            channels={news: transport},
            clock=clock,
            receipt_parsers=[ResendReceipts(secret="whsec_a2VyZnVmZmxl")],
        )
        message = messenger.send(news, request)
        worker = Worker(messenger, threads=1)
        worker.drain()
        clock.advance(timedelta(minutes=30))
        worker.drain()

    first, second = (exchange.request for exchange in peer.exchanges)
    assert first.body == second.body
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert messenger.get(message.id).status is Status.SENT
    assert not answers
    data = {"email_id": ID, "tags": {"message_id": str(message.id)}}
    body = orjson.dumps({"type": "email.delivered", "data": data})
    own, at = "msg_1", str(int(clock.now().timestamp()))
    signature = Webhook("whsec_a2VyZnVmZmxl").sign(own, clock.now(), body.decode())
    headers = {"svix-id": own, "svix-timestamp": at, "svix-signature": signature}
    webhook = HttpRequest(method="POST", url="https://x.example/", headers=headers, body=body)
    assert messenger.receive_webhook("resend", webhook).status == 204
    worker.drain()
    assert messenger.get(message.id).status is Status.DELIVERED


class TestResendTransport(HttpPeerContract):
    platform, content = CONTENTS[0]
    secrets = (KEY,)
    splits_receivers = False
    test_an_email_to_several_receivers_answers_for_each = None  # it is refused, see above

    def transport_to(self, url: str) -> Transport:
        return a_transport(base_url=url, timeout=timedelta(seconds=0.5))

    def accepted(self, number: int) -> HttpResponse:
        return an_answer(200, id=f"49a3999c-0ce1-4ea6-ab68-{number:012d}")

    def rejected(self, words: str) -> HttpResponse:
        return an_answer(422, name="validation_error", message=words)
