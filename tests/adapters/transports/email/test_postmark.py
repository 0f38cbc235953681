"""Postmark: requests as its API takes them, its answers, and the contract against a peer."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import orjson
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.config import load_config
from messaging_adapters.transports.email.postmark import PostmarkTransport
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
    PerRecipient,
    ReceiverType,
    Recipient,
    Rejected,
    Retry,
    SmsContent,
    Unknown,
)
from messaging_core.models.common.failure import FailureCode
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.transport import Transport
from messaging_core.rules.formats.sms import split_sms
from messaging_core.testing.contracts.transport.envelopes import CONTENTS, an_envelope
from messaging_core.testing.contracts.transport.handoff import Leave
from messaging_core.testing.contracts.transport.http import HttpPeerContract
from messaging_core.testing.contracts.transport.outcomes import check_outcome
from messaging_core.testing.http_peer import HttpPeer

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TOKEN = "t0ken-of-the-server"
ID = "0a129aee-e1cd-480d-b08d-4f48548ff48d"
PDF = base64.b64encode(b"%PDF").decode()
ADA, BOB = "ada@mail.example", "Bob@mail.example"


def a_transport(**options: Any) -> PostmarkTransport:
    return PostmarkTransport(**{"server_token": TOKEN} | options)


def a_mail(*receivers: str, **changes: Any) -> Envelope:
    """Return an email; changes are of its content."""
    content = EmailContent(**{"subject": "Hello", "text": "A text"} | changes)
    people = tuple(Recipient(value=address) for address in receivers or (ADA,))
    sender = Address(value="shop@shop.example", name="A Shop")
    times = {"created_at": NOW, "expires_at": NOW + timedelta(minutes=10)}
    return evolve(an_envelope("email", content), receivers=people, sender=sender, **times)


def requested(envelope: Envelope, **options: Any) -> dict[str, Any]:
    request = a_transport(**options).request(envelope, now=NOW)
    assert isinstance(request, HttpRequest)
    message: dict[str, Any] = orjson.loads(request.body)
    return message


def refusal(envelope: Envelope, **options: Any) -> Deferred | Rejected:
    leave = Leave()
    outcome = a_transport(**options).send(envelope, leave)
    assert isinstance(outcome, Deferred | Rejected)
    assert leave.calls == 0
    return outcome


def an_answer(status: int, /, **fields: Any) -> HttpResponse:
    return HttpResponse(status=status, body=orjson.dumps(fields))


def an_error(code: int, message: str = "x", status: int = 422) -> HttpResponse:
    return an_answer(status, ErrorCode=code, Message=message)


def outcome(response: HttpResponse, *receivers: str) -> Outcome:
    envelope = a_mail(*receivers)
    result = a_transport().outcome(response, envelope, now=NOW)
    check_outcome(result, marked=True, envelope=envelope, secrets=[TOKEN])
    return result


def test_a_mail_is_posted_with_our_id_and_the_stream() -> None:
    envelope = a_mail(html="<p>A text</p>")

    request = a_transport(message_stream="news").request(envelope, now=NOW)

    assert isinstance(request, HttpRequest)
    assert (request.method, request.url) == ("POST", "https://api.postmarkapp.com/email")
    assert request.headers["x-postmark-server-token"] == TOKEN
    assert orjson.loads(request.body) == {
        "From": '"A Shop" <shop@shop.example>',
        "To": ADA,
        "Subject": "Hello",
        "TextBody": "A text",
        "HtmlBody": "<p>A text</p>",
        "TrackOpens": False,
        "TrackLinks": "None",
        "Metadata": {"message_id": str(envelope.message_id)},
        "MessageStream": "news",
    }


def test_receivers_stand_in_their_lines_and_names_are_quoted() -> None:
    receivers = (
        Recipient(value=ADA, name='Lovelace, "Ada" \\'),
        Recipient(value="c@x.example", type=ReceiverType.CC),
        Recipient(value="d@x.example", type=ReceiverType.CC),
        Recipient(value="e@x.example", type=ReceiverType.BCC),
    )

    message = requested(evolve(a_mail(), receivers=receivers))

    assert message["To"] == f'"Lovelace, \\"Ada\\" \\\\" <{ADA}>'
    assert message["Cc"] == "c@x.example, d@x.example"
    assert message["Bcc"] == "e@x.example"


def test_a_link_is_left_out_of_tracking_as_postmark_writes_it() -> None:
    html = '<a data-no-track href="https://a.example/">x</a>'

    assert requested(a_mail(html=html))["HtmlBody"] == html.replace("<a ", "<a data-pm-no-track ")


def test_headers_tracking_and_files_go_along() -> None:
    message = requested(
        a_mail(
            html='<img src="cid:logo">',
            headers={"Reply-To": "help@shop.example", "X-Order": "7"},
            open_tracking=True,
            click_tracking=True,
            attachments=(
                Attachment(filename="a.pdf", content=PDF, content_type="application/pdf"),
                Attachment(filename="l.png", content=PDF, inline=True, content_id="logo"),
            ),
        )
    )

    assert message["ReplyTo"] == "help@shop.example"
    assert message["Headers"] == [{"Name": "X-Order", "Value": "7"}]
    assert (message["TrackOpens"], message["TrackLinks"]) == (True, "HtmlAndText")
    plain, picture = message["Attachments"]
    assert plain == {"Name": "a.pdf", "Content": PDF, "ContentType": "application/pdf"}
    assert picture["ContentID"] == "cid:logo"


@pytest.mark.parametrize(
    "changes",
    [
        {"text": None},
        {"text": "\ud800"},
        {"text": "x" * (5 * 1024 * 1024 + 1)},
        {"subject": "a\r\nBcc: x@x.example"},
        {"headers": {"Bcc": "x@x.example"}},
        {"headers": {"X-A": "a\nb"}},
        {"attachments": (Attachment(filename="a\n", content=PDF),)},
        {"attachments": (Attachment(filename="a", content="no base64"),)},
        {"attachments": (Attachment(filename="a", content=PDF, content_id="a b"),)},
        {"attachments": (Attachment(filename="a", content="A" * 4 * 3 * 1024 * 1024),)},
    ],
)
def test_a_mail_that_would_not_arrive_as_meant_is_refused(changes: dict[str, Any]) -> None:
    assert isinstance(refusal(a_mail(**changes)), Rejected)


def test_what_postmark_does_not_carry_is_refused() -> None:
    beyond = refusal(a_mail("käthe@mail.example"))
    file = refusal(a_mail(attachments=(Attachment(filename="a", media_url="https://m.example/a"),)))
    sms = a_transport().request(evolve(a_mail(), content=SmsContent(sms=split_sms("hi"))), now=NOW)
    unsigned = refusal(evolve(a_mail(), sender=None))

    assert beyond.failure.code == FailureCode.UNSUPPORTED_DESTINATION
    assert file.failure.retry is Retry.CONFIGURATION
    assert isinstance(sms, Rejected)
    assert sms.failure.code == FailureCode.UNSUPPORTED_TYPE
    assert unsigned.failure.code == FailureCode.INVALID_SENDER


@pytest.mark.parametrize(
    ("response", "kind", "retry"),
    [
        (an_error(10, status=401), Deferred, Retry.CONFIGURATION),
        (an_error(405), Deferred, Retry.CONFIGURATION),
        (an_error(412), Deferred, Retry.CONFIGURATION),
        (an_error(300), Rejected, Retry.PERMANENT),
        (an_error(300, "Invalid 'From' address: 'a'."), Deferred, Retry.CONFIGURATION),
        (an_error(300, "Error parsing 'To': b"), Rejected, Retry.PERMANENT),
        (an_error(406), Rejected, Retry.RECIPIENT_GONE),
        (an_error(99_999), Rejected, Retry.PERMANENT),
        (an_error(500), Rejected, Retry.PERMANENT),
        (HttpResponse(status=413, body=b"<html>"), Rejected, Retry.PERMANENT),
        (HttpResponse(status=429), Deferred, Retry.THROTTLED),
        (an_error(100, status=503), Deferred, Retry.TRANSIENT),
        (HttpResponse(status=503), Unknown, Retry.AMBIGUOUS),
        (HttpResponse(status=500), Unknown, Retry.AMBIGUOUS),
        (an_error(0, status=200), Unknown, Retry.AMBIGUOUS),
        (an_answer(200, ErrorCode=300, MessageID=ID), Unknown, Retry.AMBIGUOUS),
    ],
)
def test_an_answer_has_its_class(response: HttpResponse, kind: type, retry: Retry) -> None:
    result = outcome(response)

    assert isinstance(result, kind)
    assert isinstance(result, Deferred | Rejected | Unknown)
    assert result.failure.retry is retry


def test_an_acceptance_has_the_id_of_postmark() -> None:
    answer = an_answer(200, ErrorCode=0, Message="OK", MessageID=ID, SubmittedAt="x")

    assert outcome(answer) == Accepted(references=(ID,))


LEFT_OUT = "Message OK, but will not deliver to these inactive addresses: {}. Inactive recipients"


@pytest.mark.parametrize("named", ["bob@mail.example", "x@y.example, BOB@mail.example"])
def test_an_inactive_receiver_is_the_only_one_refused(named: str) -> None:
    answer = an_answer(200, ErrorCode=0, Message=LEFT_OUT.format(named), MessageID=ID)

    result = outcome(answer, ADA, BOB)

    assert isinstance(result, PerRecipient)
    assert result.outcomes[ADA] == Accepted(references=(ID,))
    gone = result.outcomes[BOB]
    assert isinstance(gone, Rejected)
    assert (gone.failure.code, gone.failure.retry) == (
        FailureCode.SUPPRESSED,
        Retry.RECIPIENT_GONE,
    )


def test_a_mail_refused_for_one_receiver_goes_to_the_others_later() -> None:
    text = f"You tried to send to inactive recipients. Found inactive addresses: {BOB}. Inactive"

    result = outcome(an_error(406, text), ADA, BOB)
    all_gone = outcome(an_error(406, text), BOB)

    assert isinstance(result, PerRecipient)
    assert isinstance(result.outcomes[ADA], Deferred)
    assert isinstance(result.outcomes[BOB], Rejected)
    assert isinstance(all_gone, Rejected)


def looked_up(envelope: Envelope, *items: Any) -> Outcome | None:
    answer = an_answer(200, TotalCount=len(items), Messages=list(items))
    return a_transport().looked_up(answer, envelope)


def an_item(envelope: Envelope, *recipients: str, **fields: Any) -> Mapping[str, Any]:
    own = {"message_id": str(envelope.message_id)}
    return {"MessageID": ID, "Recipients": list(recipients), "Metadata": own, **fields}


def test_a_message_in_doubt_is_looked_for_by_our_id() -> None:
    envelope = a_mail()

    request = a_transport().look_up_request(envelope, now=NOW)

    assert request is not None
    assert request.url.partition("?")[0] == "https://api.postmarkapp.com/messages/outbound"
    assert parse_qs(urlsplit(request.url).query) == {
        "count": ["50"],
        "offset": ["0"],
        "metadata_message_id": [str(envelope.message_id)],
    }


def test_what_is_found_was_taken_for_the_receivers_it_names() -> None:
    envelope = a_mail(ADA, BOB)
    taken = Accepted(references=(ID,))

    assert looked_up(envelope, an_item(envelope, ADA, "bob@mail.example")) == taken
    partly = looked_up(envelope, an_item(envelope, ADA))
    assert isinstance(partly, PerRecipient)
    assert partly.outcomes[ADA] == taken
    assert isinstance(partly.outcomes[BOB], Deferred)
    assert isinstance(looked_up(envelope), Deferred)
    assert isinstance(looked_up(envelope, an_item(envelope, "of@earlier.example")), Deferred)


def test_a_list_that_goes_on_or_is_none_proves_nothing() -> None:
    envelope = a_mail()
    item = an_item(envelope, ADA)

    assert looked_up(envelope, *[item] * 50) is None
    for other in (7, {**item, "Recipients": None}, {**item, "MessageID": 7}):
        assert looked_up(envelope, other) is None
    assert looked_up(envelope, {**item, "Metadata": {}}) is None, "the filter was not applied"
    assert a_transport().looked_up(HttpResponse(status=200, body=b"<html>"), envelope) is None


WORDS = st.sampled_from([TOKEN, ADA, BOB, ID, LEFT_OUT.format(BOB), "inactive addresses: @", "406"])
VALUES = (
    st.none() | st.booleans() | st.integers(-9, 999) | st.text(max_size=20) | WORDS | st.just([7])
)
KEYS = st.sampled_from(["ErrorCode", "Message", "MessageID", "Messages"])


@given(st.integers(100, 599), st.dictionaries(KEYS, VALUES) | st.lists(VALUES, max_size=2))
def test_any_answer_is_an_outcome(status: int, document: Any) -> None:
    body = json.dumps(document).encode()  # lone surrogates and all
    response = HttpResponse(status=status, body=body)

    result = outcome(response, ADA, BOB)

    if not 200 <= status < 300:
        assert not isinstance(result, Accepted)
    a_transport().looked_up(response, a_mail())


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (an_answer(200, ID=1, Name="Shop"), CheckStatus.OK),
        (an_error(10, status=401), CheckStatus.BAD_CREDENTIALS),
        (HttpResponse(status=404), CheckStatus.BAD_SETUP),
        (HttpResponse(status=502), CheckStatus.UNREACHABLE),
    ],
)
def test_a_check_reads_the_server_and_sends_nothing(
    response: HttpResponse, status: CheckStatus
) -> None:
    with HttpPeer(lambda _: response) as peer, a_transport(base_url=peer.url) as transport:
        assert transport.check().status is status
    requests = [exchange.request for exchange in peer.exchanges]
    assert [(request.method, urlsplit(request.url).path) for request in requests] == [
        ("GET", "/server")
    ]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"server_token": "a b"}, "without blanks"),
        ({"server_token": "a\r\nHost: x"}, "without blanks"),
        ({"message_stream": "a b"}, "message_stream must be"),
        ({"base_url": "http://api.postmarkapp.com"}, "must be https"),
    ],
)
def test_a_set_up_that_cannot_work_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        a_transport(**options)
    assert TOKEN not in repr(a_transport())


def test_a_configuration_names_the_token_and_the_stream() -> None:
    dsn = "postmark://:${TOKEN}@?message_stream=news&fetch_media=true&timeout=5"
    channel = {"platform": "email", "sender": "shop@shop.example", "transport": dsn}

    transport: Any = load_config({"channels": {"a": channel}}).transport("a", {"TOKEN": TOKEN})
    transport.close()

    assert (transport.server_token, transport.message_stream) == (TOKEN, "news")
    assert transport.media is not None
    assert transport.timeout == timedelta(seconds=5)


class TestPostmarkTransport(HttpPeerContract):
    platform, content = CONTENTS[0]
    secrets = (TOKEN,)

    def transport_to(self, url: str) -> Transport:
        return a_transport(base_url=url, timeout=timedelta(seconds=0.5))

    def accepted(self, number: int) -> HttpResponse:
        return an_answer(200, ErrorCode=0, Message="OK", MessageID=str(UUID(int=number)))

    def rejected(self, words: str) -> HttpResponse:
        return an_error(300, f"Invalid 'To' address: {words}")

    def make_partly_rejected(self, address: str) -> Transport:
        text = LEFT_OUT.format(address)
        answer = an_answer(200, ErrorCode=0, Message=text, MessageID=ID)
        return self.transport_of(self.peer(lambda _: answer))
