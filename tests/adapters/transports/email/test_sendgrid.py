"""SendGrid: the documents of its requests, its answers, and the contract against a peer."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from attrs import evolve

from messaging_adapters.providers.own_id import OWN_ID
from messaging_adapters.transports.email.sendgrid import SendGridTransport
from messaging_core.errors import ConfigurationError
from messaging_core.models import (
    Accepted,
    Address,
    Attachment,
    CheckStatus,
    Deferred,
    EmailContent,
    Envelope,
    Outcome,
    ReceiverType,
    Recipient,
    Rejected,
    Retry,
    Unknown,
)
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.transport import Transport
from messaging_core.testing.contracts.transport.envelopes import CONTENTS, an_envelope
from messaging_core.testing.contracts.transport.handoff import Leave
from messaging_core.testing.contracts.transport.http import HttpPeerContract
from messaging_core.testing.http_peer import HttpPeer

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = "SG.k3y-of-the-account"
HELLO = EmailContent(subject="Hello", text="A text", html="<p>A text</p>")
CONTENT = base64.b64encode(b"%PDF-1.7").decode()


def a_transport(**options: Any) -> SendGridTransport:
    return SendGridTransport(**{"api_key": KEY} | options)


def a_mail(content: EmailContent = HELLO, **changes: Any) -> Envelope:
    times = {"created_at": NOW, "expires_at": NOW + timedelta(minutes=10)}
    return evolve(an_envelope("email", content), **times | changes)


def requested(envelope: Envelope, **options: Any) -> dict[str, Any]:
    request = a_transport(**options).request(envelope, now=NOW)
    assert isinstance(request, HttpRequest)
    mail: dict[str, Any] = orjson.loads(request.body)
    return mail


def an_error(status: int, message: str = "", **headers: str) -> HttpResponse:
    body = orjson.dumps({"errors": [{"message": message, "field": "from.email", "help": None}]})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status=status, headers=named, body=body)


def outcome(response: HttpResponse, **options: Any) -> Outcome:
    return a_transport(**options).outcome(response, a_mail(), now=NOW)


def test_a_mail_is_posted_with_our_id_and_without_tracking() -> None:
    envelope = a_mail()

    request = a_transport().request(envelope, now=NOW)

    assert isinstance(request, HttpRequest)
    assert (request.method, request.url) == ("POST", "https://api.sendgrid.com/v3/mail/send")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert orjson.loads(request.body) == {
        "personalizations": [{"to": [{"email": envelope.to}]}],
        "from": {"email": "kerfuffle-shop@sender.example", "name": "A Shop"},
        "subject": "Hello",
        "content": [
            {"type": "text/plain", "value": "A text"},
            {"type": "text/html", "value": "<p>A text</p>"},
        ],
        "custom_args": {OWN_ID: str(envelope.message_id)},
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
        },
    }


def test_a_link_is_left_out_of_tracking_as_sendgrid_writes_it() -> None:
    html = '<a data-no-track href="https://a.example/">x</a>'

    (part,) = requested(a_mail(EmailContent(subject="Hi", html=html)))["content"]

    assert part["value"] == html.replace("<a ", '<a clicktracking="off" ')


def test_receivers_go_to_their_lines_each_address_once() -> None:
    receivers = (
        Recipient(value="a@bücher.example", name="Ada"),
        Recipient(value="b@x.example", type=ReceiverType.CC),
        Recipient(value="c@x.example", type=ReceiverType.BCC),
        Recipient(value="B@x.example", type=ReceiverType.BCC),
    )

    mail = requested(a_mail(receivers=receivers))

    assert mail["personalizations"] == [
        {
            "to": [{"email": "a@xn--bcher-kva.example", "name": "Ada"}],
            "cc": [{"email": "b@x.example"}],
            "bcc": [{"email": "c@x.example"}],
        }
    ]


def test_headers_files_and_tracking_go_along() -> None:
    content = evolve(
        HELLO,
        headers={
            "X-Order": "Käthe",
            "reply-to": '"Ada, of A" <ada@x.example>, bob@x.example',
            "List-Unsubscribe": "<https://x.example/u>",
        },
        attachments=(
            Attachment(filename="a.pdf", content=CONTENT, content_type="application/pdf"),
            Attachment(filename="b.png", content=CONTENT, inline=True, content_id="b"),
        ),
        click_tracking=True,
        initial_open_tracking=True,
    )

    mail = requested(a_mail(content))

    assert mail["headers"] == {
        "X-Order": "=?utf-8?b?S8OkdGhl?=",
        "List-Unsubscribe": "<https://x.example/u>",
    }
    assert mail["reply_to_list"] == [
        {"email": "ada@x.example", "name": "Ada, of A"},
        {"email": "bob@x.example"},
    ]
    assert mail["attachments"] == [
        {
            "content": CONTENT,
            "filename": "a.pdf",
            "disposition": "attachment",
            "type": "application/pdf",
        },
        {
            "content": CONTENT,
            "filename": "b.png",
            "disposition": "inline",
            "type": "application/octet-stream",
            "content_id": "b",
        },
    ]
    assert mail["tracking_settings"]["click_tracking"]["enable"] is True
    assert mail["tracking_settings"]["open_tracking"]["enable"] is True


@pytest.mark.parametrize(
    "content",
    [
        evolve(HELLO, subject=""),
        evolve(HELLO, text="", html=None),
        evolve(HELLO, headers={"X-SG-ID": "x"}),
        evolve(HELLO, headers={"Bcc": "a@x.example"}),
        evolve(HELLO, headers={"X-Order": "7\r\nBcc: a@x.example"}),
        evolve(HELLO, headers={"Reply-To": "ada"}),
        evolve(HELLO, attachments=(Attachment(filename="a", content="no base64"),)),
        evolve(HELLO, text="x" * 30_000_000),
    ],
)
def test_what_sendgrid_cannot_express_is_refused_and_not_left_out(content: EmailContent) -> None:
    leave = Leave()

    assert isinstance(a_transport().send(a_mail(content), leave), Rejected)
    assert leave.calls == 0


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"sender": None}, Deferred),
        ({"sender": Address(value="shop")}, Deferred),
        ({"receivers": (Recipient(value="ada"),)}, Rejected),
        ({"receivers": (Recipient(value="a@x.example", type=ReceiverType.BCC),)}, Rejected),
    ],
)
def test_addresses_that_are_none_are_refused(changes: dict[str, Any], kind: type) -> None:
    assert isinstance(a_transport().request(a_mail(**changes), now=NOW), kind)


def test_an_acceptance_may_name_the_message_in_a_header() -> None:
    named = HttpResponse(status=202, headers={"x-message-id": "iQ2_-x"})
    hostile = HttpResponse(status=202, headers={"x-message-id": "a b"})

    assert outcome(named) == Accepted(references=("iQ2_-x",), raw="202")
    assert outcome(HttpResponse(status=202)) == Accepted(references=(), raw="202")
    assert outcome(hostile) == Accepted(references=(), raw="202")


def test_a_trial_is_asked_for_and_answered_in_another_way() -> None:
    tried = HttpResponse(status=200)

    assert requested(a_mail(), sandbox=True)["mail_settings"] == {"sandbox_mode": {"enable": True}}
    assert isinstance(outcome(tried, sandbox=True), Accepted)
    assert isinstance(outcome(tried), Unknown)


@pytest.mark.parametrize(
    ("response", "kind", "retry"),
    [
        (an_error(400), Rejected, Retry.PERMANENT),
        (HttpResponse(status=413, body=b"<html>"), Rejected, Retry.PERMANENT),
        (an_error(401), Deferred, Retry.CONFIGURATION),
        (an_error(403), Deferred, Retry.CONFIGURATION),
        (an_error(404), Deferred, Retry.CONFIGURATION),
        (an_error(429), Deferred, Retry.THROTTLED),
        (an_error(503), Deferred, Retry.TRANSIENT),
        (an_error(500), Unknown, Retry.AMBIGUOUS),
        (an_error(502), Unknown, Retry.AMBIGUOUS),
        (HttpResponse(status=400, body=b'{"errors": [7]}'), Rejected, Retry.PERMANENT),
    ],
)
def test_a_refusal_is_read_by_its_status(response: HttpResponse, kind: type, retry: Retry) -> None:
    refused = outcome(response)

    assert isinstance(refused, kind)
    assert isinstance(refused, Deferred | Rejected | Unknown)
    assert refused.failure.retry is retry


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x_ratelimit_reset": f"{NOW.timestamp() + 9:.0f}"}, 9),
        ({"x_ratelimit_reset": f"{NOW.timestamp() - 9:.0f}"}, 0),
        ({"x_ratelimit_reset": "99999999999"}, 3600),
        ({"x_ratelimit_reset": "1", "retry_after": "7"}, 7),
        ({"x_ratelimit_reset": "soon"}, None),
    ],
)
def test_a_limit_names_the_instant_at_which_it_ends(
    headers: dict[str, str], seconds: int | None
) -> None:
    busy = outcome(an_error(429, **headers))

    assert isinstance(busy, Deferred)
    assert busy.retry_after == (None if seconds is None else timedelta(seconds=seconds))


def test_what_sendgrid_says_is_shown_without_what_it_quotes() -> None:
    refused = outcome(an_error(400, f"kerfuffle@receiver.example is wrong, key {KEY}"))

    assert isinstance(refused, Rejected)
    assert "from.email: [address] is wrong" in refused.failure.description
    assert KEY not in refused.failure.description


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (HttpResponse(status=200, body=b'{"scopes": ["mail.send"]}'), CheckStatus.OK),
        (an_error(401), CheckStatus.BAD_CREDENTIALS),
        (an_error(403), CheckStatus.BAD_CREDENTIALS),
        (an_error(404), CheckStatus.BAD_SETUP),
        (an_error(502), CheckStatus.UNREACHABLE),
    ],
)
def test_a_check_asks_what_the_key_may_do(response: HttpResponse, status: CheckStatus) -> None:
    with HttpPeer(lambda _: response) as peer, a_transport(base_url=peer.url) as transport:
        assert transport.check().status is status
    (exchange,) = peer.exchanges
    assert (exchange.request.method, exchange.request.url[-10:]) == ("GET", "/v3/scopes")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"api_key": "a b"}, "without blanks"),
        ({"api_key": "a\r\nHost: x"}, "without blanks"),
        ({"base_url": "http://api.sendgrid.com"}, "must be https"),
        ({"sandbox": "yes"}, "sandbox must be"),
    ],
)
def test_a_set_up_that_cannot_work_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        a_transport(**options)
    assert KEY not in repr(a_transport())


class TestSendGridTransport(HttpPeerContract):
    platform, content = CONTENTS[0]
    secrets = (KEY,)
    # SendGrid takes a mail for all or for none.
    test_a_refused_receiver_is_the_only_one_refused = None

    def transport_to(self, url: str) -> Transport:
        return a_transport(base_url=url, timeout=timedelta(seconds=0.5))

    def accepted(self, number: int) -> HttpResponse:
        return HttpResponse(status=202, headers={"x-message-id": f"sg-{number}"})

    def rejected(self, words: str) -> HttpResponse:
        return an_error(400, words)
