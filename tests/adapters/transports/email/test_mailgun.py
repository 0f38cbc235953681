"""Mailgun: requests as its API takes them, its answers, and the contract against a peer."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from attrs import evolve
from mailgun.client import Client

from messaging_adapters.config import load_config
from messaging_adapters.transports.email.mailgun import MailgunTransport
from messaging_core.errors import ArgumentError, ConfigurationError
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
    SmsContent,
    Unknown,
)
from messaging_core.models.common.failure import FailureCode
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.transport import Transport
from messaging_core.rules.formats.sms import split_sms
from messaging_core.testing.contracts.transport.envelopes import CONTENTS, an_envelope
from messaging_core.testing.contracts.transport.http import HttpPeerContract
from messaging_core.testing.contracts.transport.outcomes import check_outcome
from messaging_core.testing.http_peer import HttpPeer

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = "key-0123456789abcdef"
DOMAIN = "mg.shop.example"
ADA, BOB = "ada@mail.example", "bob@mail.example"
PNG = base64.b64encode(b"\x89PNG").decode()


def a_transport(**options: Any) -> MailgunTransport:
    return MailgunTransport(**{"api_key": KEY, "domain": DOMAIN} | options)


def a_mail(*receivers: str, **changes: Any) -> Envelope:
    """Return an email; changes are of its content."""
    content = EmailContent(**{"subject": "Hello", "text": "A text"} | changes)
    people = tuple(Recipient(value=address) for address in receivers or (ADA,))
    sender = Address(value="shop@shop.example", name="A Shop")
    times = {"created_at": NOW, "expires_at": NOW + timedelta(minutes=10)}
    return evolve(an_envelope("email", content), receivers=people, sender=sender, **times)


def form_of(request: HttpRequest) -> dict[str, list[Message]]:
    """Return the parts of a form by name, read by another reader of MIME."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    form = BytesParser().parsebytes(head + request.body)
    parts: dict[str, list[Message]] = {}
    for part in form.get_payload():
        assert isinstance(part, Message)
        name = part.get_param("name", header="content-disposition")
        parts.setdefault(str(name), []).append(part)
    return parts


def values_of(request: HttpRequest) -> dict[str, list[str]]:
    form = form_of(request)
    return {name: [str(p.get_payload()) for p in parts] for name, parts in form.items()}


def requested(envelope: Envelope, **options: Any) -> HttpRequest:
    request = a_transport(**options).request(envelope, now=NOW)
    assert isinstance(request, HttpRequest)
    return request


def mail_in(request: HttpRequest) -> Message:
    (part,) = form_of(request)["message"]
    (mail,) = part.get_payload()
    assert isinstance(mail, Message)
    return mail


def refusal(envelope: Envelope, **options: Any) -> Deferred | Rejected:
    outcome = a_transport(**options).request(envelope, now=NOW)
    assert isinstance(outcome, Deferred | Rejected)
    return outcome


def an_answer(status: int, /, **fields: Any) -> HttpResponse:
    return HttpResponse(status=status, body=orjson.dumps(fields))


def an_error(message: str, status: int = 400) -> HttpResponse:
    return an_answer(status, message=message)


def outcome(response: HttpResponse) -> Outcome:
    envelope = a_mail()
    result = a_transport().outcome(response, envelope, now=NOW)
    check_outcome(result, marked=True, envelope=envelope, secrets=[KEY])
    return result


def test_a_link_is_left_out_of_tracking_as_mailgun_writes_it() -> None:
    html = '<a data-no-track href="https://a.example/">x</a>'

    _, part = mail_in(requested(a_mail(html=html))).get_payload()

    assert isinstance(part, Message)
    content = part.get_payload(decode=True)
    assert content == html.replace("<a ", '<a disable-tracking="true" ').encode()


def test_a_mail_is_posted_whole_with_our_id() -> None:
    envelope = a_mail(html="<p>A text</p>")

    request = requested(envelope)

    url = f"https://api.mailgun.net/v3/{DOMAIN}/messages.mime"
    assert (request.method, request.url) == ("POST", url)
    assert request.headers["authorization"] == (
        "Basic " + base64.b64encode(f"api:{KEY}".encode()).decode()
    )
    values = values_of(request)
    del values["message"]
    assert values == {
        "to": [ADA],
        "o:tracking": ["no"],
        "o:tracking-opens": ["no"],
        "o:tracking-clicks": ["no"],
        "v:message_id": [str(envelope.message_id)],
    }
    mail = mail_in(request)
    assert mail["Message-ID"] == f"<{envelope.message_id}@shop.example>"
    assert (mail["To"], mail["Subject"]) == (ADA, "Hello")


def test_the_file_has_a_name_without_which_mailgun_drops_it() -> None:
    (part,) = form_of(requested(a_mail()))["message"]

    assert part.get_filename()


def test_the_same_message_is_the_same_to_the_byte() -> None:
    envelope = a_mail(html="<p>A text</p>", attachments=(Attachment(filename="a", content=PNG),))

    first, second = requested(envelope), requested(evolve(envelope, attempt=2))

    assert (first.headers, first.body) == (second.headers, second.body)


def test_a_retry_goes_to_its_receivers_and_shows_all() -> None:
    people = (
        Recipient(value=ADA),
        Recipient(value=BOB, type=ReceiverType.CC),
        Recipient(value="eve@mail.example", type=ReceiverType.BCC),
    )
    envelope = evolve(a_mail(), receivers=people[1:], copies=people)

    request = requested(envelope)

    assert values_of(request)["to"] == [BOB, "eve@mail.example"]
    mail = mail_in(request)
    assert (mail["To"], mail["Cc"], mail["Bcc"]) == (ADA, BOB, None)


def test_tracking_tag_and_test_mode_are_options() -> None:
    tracked = a_mail(html="<p>x</p>", open_tracking=True, click_tracking=True)

    values = values_of(requested(tracked, tag="the news", test_mode=True))

    assert values["o:tracking"] == values["o:tracking-opens"] == ["yes"]
    assert values["o:tracking-clicks"] == values["o:testmode"] == ["yes"]
    assert values["o:tag"] == ["the news"]


def test_a_text_cannot_end_the_form() -> None:
    envelope = a_mail()
    boundary = requested(envelope).headers["content-type"].partition("boundary=")[2]

    request = requested(evolve(envelope, content=EmailContent(text=f"x\r\n--{boundary}--\r\ny")))

    assert boundary in str(mail_in(request).get_payload())


def test_a_region_has_its_own_host() -> None:
    request = requested(a_mail(), region="EU")

    assert urlsplit(request.url).netloc == "api.eu.mailgun.net"


@pytest.mark.parametrize(
    "changes",
    [
        {"text": None},
        {"text": "\ud800"},
        {"subject": "a\r\nBcc: x@x.example"},
        {"headers": {"Bcc": "x@x.example"}},
        {"attachments": (Attachment(filename="a", content="no base64"),)},
        {"text": ("x" * 99 + "\n") * 250_000},
    ],
)
def test_a_mail_that_would_not_arrive_as_meant_is_refused(changes: dict[str, Any]) -> None:
    assert isinstance(refusal(a_mail(**changes)), Rejected)


def test_what_mailgun_does_not_carry_is_refused() -> None:
    beyond = refusal(a_mail("käthe@mail.example"))
    file = refusal(a_mail(attachments=(Attachment(filename="a", media_url="https://m.example/a"),)))
    sms = refusal(evolve(a_mail(), content=SmsContent(sms=split_sms("hi"))))
    unsigned = refusal(evolve(a_mail(), sender=None))

    assert beyond.failure.code == FailureCode.UNSUPPORTED_DESTINATION
    assert file.failure.retry is Retry.CONFIGURATION
    assert sms.failure.code == FailureCode.UNSUPPORTED_TYPE
    assert unsigned.failure.code == FailureCode.INVALID_SENDER


@pytest.mark.parametrize(
    ("response", "kind", "retry"),
    [
        (an_error("to parameter is not a valid address. please check"), Rejected, Retry.PERMANENT),
        (an_error("'from' parameter is not a valid address"), Deferred, Retry.CONFIGURATION),
        (
            an_error("Domain mg.shop.example is not allowed to send: Please activate it"),
            Deferred,
            Retry.CONFIGURATION,
        ),
        (an_error("need at least one of text, html"), Rejected, Retry.PERMANENT),
        (HttpResponse(status=401, body=b"Forbidden"), Deferred, Retry.CONFIGURATION),
        (an_error("Invalid private key", 403), Deferred, Retry.CONFIGURATION),
        (an_error("parameters were valid but request failed", 402), Deferred, Retry.CONFIGURATION),
        (an_error("Domain not found: mg.shop.example", 404), Deferred, Retry.CONFIGURATION),
        (HttpResponse(status=413, body=b"<html>"), Rejected, Retry.PERMANENT),
        (HttpResponse(status=429), Deferred, Retry.THROTTLED),
        (HttpResponse(status=503), Deferred, Retry.TRANSIENT),
        (HttpResponse(status=500), Unknown, Retry.AMBIGUOUS),
        (an_error("'to' parameter is not a valid address", 502), Unknown, Retry.AMBIGUOUS),
        (an_answer(200, message="Queued. Thank you."), Unknown, Retry.AMBIGUOUS),
        (HttpResponse(status=200, body=b"Mailgun Magnificent API"), Deferred, Retry.CONFIGURATION),
    ],
)
def test_an_answer_has_its_class(response: HttpResponse, kind: type, retry: Retry) -> None:
    result = outcome(response)

    assert isinstance(result, kind)
    assert isinstance(result, Deferred | Rejected | Unknown)
    assert result.failure.retry is retry


def test_an_acceptance_has_the_message_id_without_brackets() -> None:
    answer = an_answer(200, id="<20260302090000.1@mg.shop.example>", message="Queued. Thank you.")

    assert outcome(answer) == Accepted(references=("20260302090000.1@mg.shop.example",), raw="200")


@pytest.mark.parametrize(
    ("until", "seconds"), [("Mon, 02 Mar 2026 09:00:21 UTC", 21), ("Mon, 99 Mar 2026", None)]
)
def test_the_wait_is_read_from_the_words_of_a_limit(until: str, seconds: int | None) -> None:
    result = outcome(an_error(f"recipient limit exceeded, try again after {until}", 429))

    assert isinstance(result, Deferred)
    assert result.retry_after == (None if seconds is None else timedelta(seconds=seconds))


def an_event(envelope: Envelope, recipient: str = ADA, **fields: Any) -> Mapping[str, Any]:
    own = {"message_id": str(envelope.message_id)}
    return {"event": "accepted", "recipient": recipient, "user-variables": own, **fields}


def looked_up(envelope: Envelope, *items: Any) -> Outcome | None:
    return a_transport().looked_up(an_answer(200, items=list(items)), envelope)


def test_a_message_in_doubt_is_looked_for_among_the_events() -> None:
    envelope = a_mail()

    request = a_transport().look_up_request(envelope, now=NOW)

    assert request is not None
    assert urlsplit(request.url).path == f"/v3/{DOMAIN}/events"
    query = parse_qs(urlsplit(request.url).query)
    assert query["message-id"] == [f"{envelope.message_id}@shop.example"]
    assert list(a_transport().references(envelope)) == query["message-id"]


def test_events_about_each_receiver_show_an_acceptance_and_their_absence_shows_nothing() -> None:
    envelope = a_mail(ADA, BOB)
    events = an_event(envelope), an_event(envelope, "Bob@mail.example", event="delivered")

    taken = looked_up(envelope, *events)

    assert taken == Accepted(references=(f"{envelope.message_id}@shop.example",))
    assert looked_up(envelope, events[0]) is None
    assert looked_up(envelope) is None
    assert looked_up(a_mail(ADA, BOB), *events) is None, "the events of another message"
    for other in (7, {"event": "accepted", "recipient": ADA}, {**events[0], "user-variables": 7}):
        assert looked_up(a_mail(), other) is None
    assert a_transport().looked_up(HttpResponse(status=200, body=b"<html>"), envelope) is None


def test_a_message_that_mailgun_refused_to_send_is_rejected() -> None:
    envelope = a_mail()

    result = looked_up(envelope, an_event(envelope), an_event(envelope, "", event="rejected"))

    assert isinstance(result, Rejected)


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (an_error("'to' parameter is missing"), CheckStatus.OK),
        (HttpResponse(status=401, body=b"Forbidden"), CheckStatus.BAD_CREDENTIALS),
        (an_error("Domain not found", 404), CheckStatus.BAD_SETUP),
        (HttpResponse(status=200, body=b"Mailgun Magnificent API"), CheckStatus.UNREACHABLE),
        (HttpResponse(status=502), CheckStatus.UNREACHABLE),
    ],
)
def test_a_check_names_no_receiver_and_sends_nothing(
    response: HttpResponse, status: CheckStatus
) -> None:
    with HttpPeer(lambda _: response) as peer, a_transport(base_url=peer.url) as transport:
        assert transport.check().status is status
    (request,) = [exchange.request for exchange in peer.exchanges]
    assert (request.method, urlsplit(request.url).path) == ("POST", f"/v3/{DOMAIN}/messages")
    assert request.body == b""


def test_the_official_client_sends_the_same_form() -> None:
    envelope = a_mail(html="<p>A text</p>", open_tracking=True)
    ours = requested(envelope)
    (part,) = form_of(ours)["message"]
    raw = part.get_payload()[0].as_bytes()  # type: ignore[union-attr, index]
    values = values_of(ours)
    fields = {name: texts for name, texts in values.items() if name != "message"}
    answer = an_answer(200, id="<a@b.example>", message="Queued. Thank you.")

    with HttpPeer(lambda _: answer) as peer:
        client = Client(auth=("api", KEY), api_url=peer.url)
        client.mimemessage.create(data=fields, files={"message": raw}, domain=DOMAIN)

    theirs = peer.exchanges[0].request
    assert (theirs.method, urlsplit(theirs.url).path) == ("POST", urlsplit(ours.url).path)
    assert theirs.headers["authorization"] == ours.headers["authorization"]
    foreign = values_of(theirs)
    del foreign["message"]
    assert foreign == fields
    assert raw in theirs.body
    assert form_of(theirs)["message"][0].get_filename() == part.get_filename()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"api_key": "a b"}, "without blanks"),
        ({"domain": "mg.shop.example/v3"}, "domain must be"),
        ({"domain": "localhost"}, "domain must be"),
        ({"tag": "a\nb"}, "tag must be"),
        ({"base_url": "http://api.mailgun.net"}, "must be https"),
    ],
)
def test_a_set_up_that_cannot_work_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        a_transport(**options)
    assert KEY not in repr(a_transport())


def test_a_region_is_one_of_two() -> None:
    with pytest.raises(ArgumentError, match="region"):
        a_transport(region="asia")


def test_a_configuration_names_key_domain_and_region() -> None:
    dsn = f"mailgun://:${{KEY}}@{DOMAIN}?region=eu&fetch_media=true&timeout=5&tag=news"
    channel = {"platform": "email", "sender": "shop@shop.example", "transport": dsn}

    transport: Any = load_config({"channels": {"a": channel}}).transport("a", {"KEY": KEY})
    transport.close()

    assert (transport.api_key, transport.domain, transport.region) == (KEY, DOMAIN, "eu")
    assert transport.tag == "news"
    assert transport.media is not None
    assert transport.timeout == timedelta(seconds=5)


class TestMailgunTransport(HttpPeerContract):
    platform, content = CONTENTS[0]
    secrets = (KEY,)
    # Mailgun takes a mail for all or for none.
    test_a_refused_receiver_is_the_only_one_refused = None

    def transport_to(self, url: str) -> Transport:
        return a_transport(base_url=url, timeout=timedelta(seconds=0.5))

    def accepted(self, number: int) -> HttpResponse:
        return an_answer(200, id=f"<{number}@mg.shop.example>", message="Queued. Thank you.")

    def rejected(self, words: str) -> HttpResponse:
        return an_error(f"'to' parameter is not a valid address: {words}")
