"""Twilio: requests as its documentation has them, its answers, and the contract against a peer."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import UUID

import orjson
import pytest
from attrs import evolve

from messaging_adapters.receipts.twilio import TwilioReceipts
from messaging_adapters.transports.sms.twilio import TwilioTransport
from messaging_core.errors import ConfigurationError
from messaging_core.models import (
    Accepted,
    Deferred,
    Envelope,
    FailureCode,
    MediaItem,
    MmsContent,
    Outcome,
    Rejected,
    Retry,
    SmsContent,
    Unknown,
)
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.transport import Transport
from messaging_core.rules.formats.sms import split_sms
from messaging_core.testing.contracts.transport.envelopes import CONTENTS, an_envelope
from messaging_core.testing.contracts.transport.http import HttpPeerContract

ACCOUNT = "AC" + "1" * 32
TOKEN = "7e" * 16
SERVICE = "MG" + "2" * 32
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CALLBACK = "https://shop.example/hooks/twilio?a=b#rc=3"


def a_transport(**options: Any) -> TwilioTransport:
    return TwilioTransport(ACCOUNT, **{"auth_token": TOKEN} | options)


def an_sms(text: str = "Your code is 4711", **changes: Any) -> Envelope:
    envelope = an_envelope("sms", SmsContent(sms=split_sms(text)))
    times = {"created_at": NOW, "expires_at": NOW + timedelta(minutes=10)}
    return evolve(envelope, **times | changes)


def fields_of(request: HttpRequest | Outcome) -> dict[str, list[str]]:
    assert isinstance(request, HttpRequest)
    return parse_qs(request.body.decode(), strict_parsing=True)


def requested(transport: TwilioTransport, envelope: Envelope) -> dict[str, list[str]]:
    return fields_of(transport.request(envelope, now=NOW))


def an_answer(code: int = 201, /, **fields: Any) -> HttpResponse:
    return HttpResponse(status=code, body=orjson.dumps(fields))


def outcome(response: HttpResponse, **options: Any) -> Outcome:
    return a_transport(**options).outcome(response, an_sms(), now=NOW)


def test_an_sms_is_posted_to_the_messages_of_the_account() -> None:
    envelope = an_sms("Käthe & Söhne: 100%")

    request = a_transport().request(envelope, now=NOW)

    assert isinstance(request, HttpRequest)
    assert request.method == "POST"
    assert request.url == f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    secret = b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
    assert request.headers["authorization"] == f"Basic {secret}"
    assert fields_of(request) == {
        "To": [envelope.to],
        "From": ["+31600000001"],
        "Body": ["Käthe & Söhne: 100%"],
        "ValidityPeriod": ["600"],
    }


def test_a_service_sends_alone_or_with_one_of_its_numbers() -> None:
    transport = a_transport(messaging_service_sid=SERVICE)

    alone = requested(transport, an_sms(sender=None))
    with_number = requested(transport, an_sms())

    assert alone["MessagingServiceSid"] == with_number["MessagingServiceSid"] == [SERVICE]
    assert "From" not in alone
    assert with_number["From"] == ["+31600000001"]


def test_without_a_sender_and_a_service_nothing_goes() -> None:
    refused = a_transport().request(an_sms(sender=None), now=NOW)

    assert isinstance(refused, Deferred)
    assert refused.failure.retry is Retry.CONFIGURATION
    assert refused.failure.code == FailureCode.INVALID_SENDER


@pytest.mark.parametrize(
    ("left", "period"), [(timedelta(days=1), "36000"), (timedelta(milliseconds=5), "1")]
)
def test_the_remaining_validity_is_within_what_twilio_takes(left: timedelta, period: str) -> None:
    assert requested(a_transport(), an_sms(expires_at=NOW + left))["ValidityPeriod"] == [period]


def test_pictures_are_repeated_fields() -> None:
    urls = ["https://m.example/a.png?x=1&y=2", "https://m.example/b.pdf"]
    content = MmsContent(media=tuple(MediaItem(media_url=url) for url in urls), text="Look")

    fields = requested(a_transport(), an_sms(content=content))

    assert fields["MediaUrl"] == urls
    assert fields["Body"] == ["Look"]
    assert "Body" not in requested(a_transport(), an_sms(content=evolve(content, text=None)))


def test_the_callback_carries_our_id_so_that_the_parser_knows_the_message() -> None:
    transport = a_transport(status_callback=CALLBACK)
    envelope = an_sms()

    (url,) = requested(transport, envelope)["StatusCallback"]

    parts = urlsplit(url)
    assert (parts.netloc, parts.path, parts.fragment) == ("shop.example", "/hooks/twilio", "rc=3")
    assert dict(parse_qsl(parts.query))["a"] == "b"
    callback = HttpRequest(
        method="POST",
        url=parts._replace(fragment="").geturl(),
        body=b"MessageSid=SM1&MessageStatus=delivered",
    )
    (receipt, *_) = TwilioReceipts(auth_token=TOKEN).parse(callback, now=NOW)
    assert receipt.message_id == envelope.message_id
    assert transport.capabilities.receipts
    assert not a_transport().capabilities.receipts


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (SmsContent(sms=split_sms("x" * 1601)), "transport.text_too_long"),
        (MmsContent(media=(MediaItem(media_url="https://m"),) * 11), "transport.too_many_media"),
        (MmsContent(media=(), text="x", subject="Hi"), "transport.cannot_express"),
        (
            MmsContent(media=(MediaItem(media_url="https://m", alt_text="A"),)),
            "transport.cannot_express",
        ),
    ],
)
def test_what_twilio_cannot_express_is_refused_and_not_left_out(content: Any, rule: str) -> None:
    def leave(*, references: Any = ()) -> None:
        raise AssertionError(references)

    refused = a_transport().send(an_sms(content=content), leave)

    assert isinstance(refused, Rejected)
    assert refused.failure.source is not None
    assert refused.failure.source.code == rule


def test_an_acceptance_names_the_message() -> None:
    sid = "SM" + "a" * 32

    accepted = outcome(an_answer(sid=sid, status="queued", body="Your code", num_segments="1"))

    assert accepted == Accepted(references=(sid,), raw="201 queued")


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse(status=201),
        HttpResponse(status=200, body=b"<html>Welcome to the hotel</html>"),
        an_answer(sid=None),
        an_answer(sid="SM123"),
        an_answer(sid=["SM" + "a" * 32]),
        HttpResponse(status=201, body=b"[" * 100_000),
        HttpResponse(status=201, body=b"\xff\xfe"),
        HttpResponse(status=100),
        an_answer(500, code=20500),
        an_answer(503, code=20503),
        an_answer(502, code=21610),
        HttpResponse(status=599, body=b"<html>"),
    ],
)
def test_an_answer_that_says_nothing_leaves_doubt(response: HttpResponse) -> None:
    assert isinstance(outcome(response), Unknown)


@pytest.mark.parametrize(
    ("response", "kind", "retry", "code"),
    [
        (an_answer(400, code=21211, message="x"), Rejected, Retry.PERMANENT, "21211"),
        (an_answer(400, code=21610), Rejected, Retry.RECIPIENT_GONE, "21610"),
        (an_answer(400, code=21614), Rejected, Retry.RECIPIENT_GONE, "21614"),
        (an_answer(400, code=21606), Deferred, Retry.CONFIGURATION, "21606"),
        (an_answer(401, code=20003), Deferred, Retry.CONFIGURATION, "20003"),
        (an_answer(429, code=20429), Deferred, Retry.THROTTLED, "20429"),
        (an_answer(429, code=99999), Deferred, Retry.THROTTLED, "429"),
        (an_answer(400, code=99999), Rejected, Retry.PERMANENT, "400"),
        (an_answer(400, code=True), Rejected, Retry.PERMANENT, "400"),
        (an_answer(403), Deferred, Retry.CONFIGURATION, "403"),
        (an_answer(404), Deferred, Retry.CONFIGURATION, "404"),
        (HttpResponse(status=408), Deferred, Retry.TRANSIENT, "408"),
        (HttpResponse(status=302, body=b"<html>"), Deferred, Retry.CONFIGURATION, "302"),
        (HttpResponse(status=413, body=b"<html>nginx"), Rejected, Retry.PERMANENT, "413"),
    ],
)
def test_a_refusal_is_read_by_its_code_and_else_by_its_status(
    response: HttpResponse, kind: type, retry: Retry, code: str
) -> None:
    refused = outcome(response)

    assert isinstance(refused, kind)
    assert isinstance(refused, Deferred | Rejected)
    assert refused.failure.retry is retry
    assert refused.failure.source is not None
    assert (refused.failure.source.name, refused.failure.source.code) == ("twilio", code)


def test_a_host_corrects_the_table_of_codes() -> None:
    changed = outcome(an_answer(400, code=21211), errors={"21211": {"retry": "recipient_gone"}})

    assert isinstance(changed, Rejected)
    assert changed.failure.retry is Retry.RECIPIENT_GONE


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("7", timedelta(seconds=7)),
        ("Mon, 02 Mar 2026 09:00:30 GMT", timedelta(seconds=30)),
        ("Mon, 02 Mar 2020 09:00:30 GMT", timedelta(0)),
        ("9" * 30, timedelta(hours=1)),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_time_to_wait_is_seconds_or_a_date_and_never_long(
    value: str, wait: timedelta | None
) -> None:
    response = HttpResponse(status=429, headers={"Retry-After": value})

    throttled = outcome(response)

    assert isinstance(throttled, Deferred)
    assert throttled.retry_after == wait


def test_what_twilio_quotes_is_not_repeated() -> None:
    envelope = an_sms("Your code is 4711")
    message = (
        f"The 'To' number {envelope.to} (+31 6 0000 0002) said Your code is 4711 to a@b.example "
        f"with {TOKEN}, see https://x.example/\nline" + "!" * 900
    )

    refused = a_transport().outcome(an_answer(400, code=1, message=message), envelope, now=NOW)

    assert isinstance(refused, Rejected)
    text = refused.failure.description
    assert text.startswith("the provider answered 400: The 'To' number")
    assert len(text) <= 200
    for word in (envelope.to[1:], "0000", "4711", "a@b", TOKEN, "x.example", "\n"):
        assert word not in text


def test_an_echo_of_our_request_shows_no_credentials() -> None:
    transport = a_transport(status_callback="https://hooks.example/twilio")
    request = transport.request(an_sms(), now=NOW)
    assert isinstance(request, HttpRequest)
    header = request.headers["authorization"].partition(" ")[2]
    token = request.body.decode().partition("m%3D")[2].partition("&")[0]
    answer = an_answer(400, message=f"Bad header {header} and {token}")

    refused = transport.outcome(answer, an_sms(), now=NOW)

    assert isinstance(refused, Rejected)
    assert refused.failure.description.startswith("the provider answered 400: Bad header")
    assert header[:20] not in refused.failure.description
    assert token
    assert token[:6] not in refused.failure.description


LISTED = {
    "sid": "SM" + "b" * 32,
    "to": "+31600000002",
    "body": "Your code is 4711",
    "direction": "outbound-api",
    "status": "sent",
    "error_code": None,
    "date_created": "Mon, 02 Mar 2026 09:00:01 +0000",
    "date_sent": None,
}


def looked_up(*messages: Mapping[str, Any], **fields: Any) -> Outcome | None:
    answer = an_answer(200, messages=list(messages), **fields)
    return a_transport().looked_up(answer, an_sms())


def test_a_message_in_doubt_is_looked_for_by_its_receiver() -> None:
    request = a_transport().look_up_request(an_sms(), now=NOW)

    assert request is not None
    assert (request.method, request.body) == ("GET", b"")
    assert parse_qs(urlsplit(request.url).query) == {"To": ["+31600000002"], "PageSize": ["200"]}


def test_the_oldest_message_that_fits_is_it() -> None:
    newer = {
        **LISTED,
        "sid": "SM" + "c" * 32,
        "date_created": "Mon, 02 Mar 2026 09:00:02 +0000",
    }
    before = {**LISTED, "date_created": "Mon, 02 Mar 2026 08:50:00 +0000"}

    assert looked_up(newer, LISTED, before) == Accepted(references=(LISTED["sid"],), raw="sent")


@pytest.mark.parametrize(
    "change",
    [
        {"to": "+31600000003"},
        {"body": "Your code is 4712"},
        {"direction": "inbound"},
        {"date_created": "Mon, 02 Mar 2026 08:00:00 +0000"},
    ],
)
def test_another_message_is_not_it(change: Mapping[str, Any]) -> None:
    missing = looked_up({**LISTED, **change}, {}, 7)  # type: ignore[arg-type]

    assert isinstance(missing, Deferred)
    assert missing.failure.retry is Retry.TRANSIENT


@pytest.mark.parametrize(
    "body",
    [
        "Your code is 4711 ",
        "Your\u00a0code is 4711",
        "Sent from your Twilio trial account - Your code is 4711",
    ],
)
def test_what_twilio_changes_of_a_text_hides_no_message(body: str) -> None:
    assert isinstance(looked_up({**LISTED, "body": body}), Accepted)


@pytest.mark.parametrize("body", ["", None])
def test_a_text_that_was_removed_at_twilio_proves_nothing(body: str | None) -> None:
    assert looked_up({**LISTED, "body": body}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"date_created": "yesterday"},
        {"date_created": None},
        {"body": "Your code is: \u2039\uff14\uff17\uff11\uff11\u203a"},
    ],
)
def test_a_message_that_may_be_it_proves_nothing(change: Mapping[str, Any]) -> None:
    assert looked_up({**LISTED, **change}) is None


def test_an_equal_message_that_failed_hides_no_other() -> None:
    failed = {**LISTED, "sid": "SM" + "c" * 32, "status": "failed", "error_code": 30005}
    failed["date_created"] = "Mon, 02 Mar 2026 09:00:00 +0000"

    assert looked_up(failed, LISTED) == Accepted(references=(LISTED["sid"],), raw="sent")


def test_the_order_of_the_list_does_not_matter() -> None:
    newer = {
        **LISTED,
        "sid": "SM" + "c" * 32,
        "date_created": "Mon, 02 Mar 2026 09:00:02 +0000",
    }

    for listed in ((newer, LISTED), (LISTED, newer)):
        assert looked_up(*listed) == Accepted(references=(LISTED["sid"],), raw="sent")


def test_a_failed_message_was_taken_and_will_not_arrive() -> None:
    failed = looked_up({**LISTED, "status": "undelivered", "error_code": 30005})

    assert isinstance(failed, Rejected)
    assert failed.failure.retry is Retry.RECIPIENT_GONE


def test_a_list_that_goes_on_or_is_none_proves_nothing() -> None:
    assert looked_up(next_page_uri="/2010-04-01/…&Page=1") is None
    assert a_transport().looked_up(HttpResponse(status=200, body=b"<html>"), an_sms()) is None
    assert looked_up({**LISTED, "sid": "x"}) is None


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"account_sid": "AC1"}, "account_sid must be AC and 32 hexadecimal digits"),
        ({"messaging_service_sid": "x"}, "messaging_service_sid must be MG"),
        ({"api_key": "x", "api_secret": "y"}, "api_key must be SK"),
        ({"api_key": "SK" + "1" * 32}, "needs its api_secret"),
        ({"auth_token": None}, "give the auth_token"),
        ({"status_callback": "/hooks"}, "must be an HTTP URL"),
        ({"status_callback": "https://my_shop.example/"}, "without `_`"),
        ({"base_url": "http://api.twilio.com"}, "must be https"),
        ({"base_url": "https://u:p@api.twilio.com"}, "must be https"),
        ({"errors": {"1": {"retry": "never"}}}, "one of transient"),
    ],
)
def test_a_set_up_that_cannot_work_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        TwilioTransport(**{"account_sid": ACCOUNT, "auth_token": TOKEN} | options)
    assert TOKEN not in str(caught.value)


def test_a_key_signs_requests_and_the_token_callbacks() -> None:
    key, secret = "SK" + "3" * 32, "hush" * 8
    transport = a_transport(api_key=key, api_secret=secret, status_callback=CALLBACK)

    request = transport.request(an_sms(), now=NOW)

    assert isinstance(request, HttpRequest)
    expected = b64encode(f"{key}:{secret}".encode()).decode()
    assert request.headers["authorization"] == f"Basic {expected}"
    for hidden in (secret, TOKEN):
        assert hidden not in repr(transport)
    with pytest.raises(ConfigurationError, match="is signed with the auth_token"):
        TwilioTransport(ACCOUNT, api_key=key, api_secret=secret, status_callback=CALLBACK)


@pytest.mark.parametrize(
    "content", [content for platform, content in CONTENTS if platform == "sms"]
)
class TestTwilioTransport(HttpPeerContract):
    platform = "sms"
    secrets = (TOKEN,)

    @pytest.fixture(autouse=True)
    def _of(self, content: Any) -> None:
        self.content = content

    def transport_to(self, url: str) -> Transport:
        return a_transport(base_url=url, timeout=timedelta(seconds=0.5))

    def accepted(self, number: int) -> HttpResponse:
        return an_answer(sid=f"SM{UUID(int=number).hex}", status="queued")

    def rejected(self, words: str) -> HttpResponse:
        return an_answer(400, code=21211, message=f"{words} is not a valid number")


def test_inbound_media_are_fetched_with_the_credentials_of_the_account() -> None:
    expected = b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()

    assert a_transport().media_credentials == {"api.twilio.com": f"Basic {expected}"}
