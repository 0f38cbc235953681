"""Bird: requests that our own reader takes, its answers, and the contract against a peer."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import orjson
import pytest
from attrs import evolve

from messaging_adapters.transports.sms.bird import BirdTransport
from messaging_core.errors import ConfigurationError
from messaging_core.models import (
    Accepted,
    Address,
    Attachment,
    CheckStatus,
    Deferred,
    EmailContent,
    Envelope,
    LocationBody,
    MediaItem,
    MmsContent,
    NativeContent,
    Outcome,
    PushContent,
    ReceiverType,
    Recipient,
    Rejected,
    Retry,
    SmsContent,
    Unknown,
)
from messaging_core.models.content.body import Coordinates
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.transport import Transport
from messaging_core.rules.formats.sms import split_sms
from messaging_core.testing.contracts.transport.envelopes import CONTENTS, an_envelope
from messaging_core.testing.contracts.transport.http import HttpPeerContract
from messaging_core.testing.http_peer import HttpPeer
from messaging_core.wire import parse_send_message

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = "k3y-of-the-workspace"
WORKSPACE, CHANNEL = UUID(int=1), UUID(int=2)
URL = f"https://api.bird.com/workspaces/{WORKSPACE}/channels/{CHANNEL}/messages"


def a_transport(**options: Any) -> BirdTransport:
    given = {"workspace_id": WORKSPACE, "channel_id": CHANNEL, "access_key": KEY}
    return BirdTransport(**given | options)


def an_envelope_of(platform: str, content: Any, **changes: Any) -> Envelope:
    times = {"created_at": NOW, "expires_at": NOW + timedelta(minutes=10)}
    return evolve(an_envelope(platform, content), **times | changes)


def an_sms(text: str = "Your code is 4711", **changes: Any) -> Envelope:
    return an_envelope_of("sms", SmsContent(sms=split_sms(text)), **changes)


def requested(envelope: Envelope, **options: Any) -> dict[str, Any]:
    request = a_transport(**options).request(envelope, now=NOW)
    assert isinstance(request, HttpRequest)
    parse_send_message(request.body)  # the form of the API, as our own reader knows it
    message: dict[str, Any] = orjson.loads(request.body)
    return message


def an_answer(code: int, /, **fields: Any) -> HttpResponse:
    return HttpResponse(status=code, body=orjson.dumps(fields))


def outcome(response: HttpResponse) -> Outcome:
    return a_transport().outcome(response, an_sms(), now=NOW)


def test_an_sms_is_posted_to_the_messages_of_the_channel() -> None:
    envelope = an_sms("Käthe")

    request = a_transport().request(envelope, now=NOW)

    assert isinstance(request, HttpRequest)
    assert (request.method, request.url) == ("POST", URL)
    assert request.headers["authorization"] == f"AccessKey {KEY}"
    assert orjson.loads(request.body) == {
        "receiver": {
            "contacts": [{"identifierKey": "phonenumber", "identifierValue": "+31600000002"}]
        },
        "sender": {
            "connector": {"identifierValue": "+31600000001", "annotations": {"name": "A Shop"}}
        },
        "body": {"type": "text", "text": {"text": "Käthe"}},
        "reference": str(envelope.message_id),
        "validity": 600,
    }


def test_a_mail_goes_to_its_lines_with_everything_it_has() -> None:
    content = EmailContent(
        subject="Hello",
        text="A text",
        html="<p>A text</p>",
        headers={"X-Order": "7"},
        attachments=(Attachment(filename="a.pdf", media_url="https://m.example/a.pdf"),),
        click_tracking=True,
    )
    receivers = (
        Recipient(value="a@x.example"),
        Recipient(value="b@x.example", type=ReceiverType.CC),
    )
    envelope = an_envelope_of("email", content, receivers=receivers, copies=receivers)

    message = requested(envelope, notification_url="https://shop.example/events")

    assert [
        (contact["identifierValue"], contact["type"]) for contact in message["receiver"]["contacts"]
    ] == [("a@x.example", "to"), ("b@x.example", "cc")]
    assert message["sender"]["connector"]["identifierValue"] == "kerfuffle-shop"
    assert message["body"]["html"] == {
        "html": "<p>A text</p>",
        "text": "A text",
        "attachments": [{"filename": "a.pdf", "mediaUrl": "https://m.example/a.pdf"}],
        "metadata": {
            "subject": "Hello",
            "headers": {"X-Order": "7"},
            "clickTracking": True,
        },
    }
    assert message["notification"] == {"url": "https://shop.example/events"}


def test_a_sender_of_another_domain_cannot_be_expressed() -> None:
    content = EmailContent(subject="Hello", text="A text")
    foreign = an_envelope_of("email", content, sender=Address(value="a@other.example"))

    refused = a_transport().request(foreign, now=NOW)

    assert isinstance(refused, Deferred)
    assert refused.failure.retry is Retry.CONFIGURATION


@pytest.mark.parametrize(
    ("media", "kind"),
    [
        ([MediaItem(media_url="https://m/a.png", alt_text="A cat")], "image"),
        ([MediaItem(media_url="https://m/a.gif", content_type="image/gif")], "image"),
        ([MediaItem(media_url="https://m/a", content_type="text/vcard", filename="a")], "file"),
        (
            [
                MediaItem(media_url="https://m/a.png"),
                MediaItem(media_url="https://m/a", content_type="application/pdf"),
            ],
            "file",
        ),
    ],
)
def test_pictures_and_files_keep_what_they_have(media: list[MediaItem], kind: str) -> None:
    content = MmsContent(media=tuple(media), text="Look", subject="Hi")

    body = requested(an_envelope_of("sms", content))["body"]

    assert body["type"] == kind
    assert (body[kind]["text"], body[kind]["metadata"]) == ("Look", {"subject": "Hi"})
    items = body[kind]["images" if kind == "image" else "files"]
    assert [item["mediaUrl"] for item in items] == [item.media_url for item in media]
    assert items[0].get("altText") == media[0].alt_text
    assert items[0].get("filename") == media[0].filename


def test_a_body_of_another_platform_goes_as_it_is() -> None:
    body = LocationBody(coordinates=Coordinates(latitude=52.4, longitude=4.9))
    envelope = an_envelope_of("whatsapp", NativeContent(body=body))

    message = requested(envelope)

    assert message["body"]["location"]["coordinates"] == {"latitude": 52.4, "longitude": 4.9}
    assert message["receiver"]["contacts"][0]["identifierKey"] == "whatsapp"


@pytest.mark.parametrize(
    "content", [PushContent(text="x"), EmailContent(subject="x", text="x" * 205_000)]
)
def test_what_bird_cannot_carry_is_refused(content: Any) -> None:
    platform = "push" if isinstance(content, PushContent) else "email"

    assert isinstance(a_transport().request(an_envelope_of(platform, content), now=NOW), Rejected)


def test_an_acceptance_names_the_message() -> None:
    answer = an_answer(202, id=str(CHANNEL), status="accepted")

    assert outcome(answer) == Accepted(references=(str(CHANNEL),), raw="202")


@pytest.mark.parametrize(
    ("response", "kind", "retry"),
    [
        (an_answer(422, code="InvalidPayload", message="x"), Rejected, Retry.PERMANENT),
        (an_answer(400), Rejected, Retry.PERMANENT),
        (an_answer(409), Rejected, Retry.PERMANENT),
        (an_answer(401), Deferred, Retry.CONFIGURATION),
        (an_answer(402), Deferred, Retry.CONFIGURATION),
        (an_answer(403), Deferred, Retry.CONFIGURATION),
        (an_answer(404), Deferred, Retry.CONFIGURATION),
        (HttpResponse(status=429, body=b"<html>"), Deferred, Retry.THROTTLED),
    ],
)
def test_a_refusal_is_read_by_its_status(response: HttpResponse, kind: type, retry: Retry) -> None:
    refused = outcome(response)

    assert isinstance(refused, kind)
    assert isinstance(refused, Deferred | Rejected)
    assert refused.failure.retry is retry


@pytest.mark.parametrize(
    "response",
    [HttpResponse(status=202), an_answer(202, id=""), an_answer(500), an_answer(503)],
)
def test_an_answer_that_says_nothing_leaves_doubt(response: HttpResponse) -> None:
    assert isinstance(outcome(response), Unknown)


def test_what_bird_says_is_shown_without_what_it_quotes() -> None:
    message = f"contact +31600000002 is wrong, key {KEY}"

    refused = outcome(an_answer(422, code="InvalidPayload", message=message))

    assert isinstance(refused, Rejected)
    assert "InvalidPayload" in refused.failure.description
    assert "31600000002" not in refused.failure.description
    assert KEY not in refused.failure.description


def looked_up(envelope: Envelope, *messages: Any, **fields: Any) -> Outcome | None:
    answer = an_answer(200, results=list(messages), **fields)
    return a_transport().looked_up(answer, envelope)


def test_a_message_in_doubt_is_looked_for_by_receiver_and_time() -> None:
    request = a_transport().look_up_request(an_sms(), now=NOW)

    assert request is not None
    assert request.url.partition("?")[0] == URL
    assert parse_qs(urlsplit(request.url).query) == {
        "to": ["+31600000002"],
        "direction": ["outgoing"],
        "startAt": ["2026-03-02T08:58:00.000Z"],
        "limit": ["100"],
    }


def test_our_reference_proves_which_message_it_is() -> None:
    envelope = an_sms()
    own: Mapping[str, Any] = {"id": "b-1", "reference": str(envelope.message_id), "status": "sent"}
    failed = {**own, "status": "sending_failed", "failure": {"code": 15005}}

    assert looked_up(envelope, {"reference": "x"}, 7, own) == Accepted(references=("b-1",))
    rejected = looked_up(envelope, failed)
    assert isinstance(rejected, Rejected)
    assert rejected.failure.retry is Retry.RECIPIENT_GONE
    assert looked_up(envelope, failed, own) == Accepted(references=("b-1",))
    assert isinstance(looked_up(envelope, {"reference": "x"}), Deferred)
    assert looked_up(envelope, {"reference": "x"}, nextPageToken="more") is None
    assert a_transport().looked_up(HttpResponse(status=200, body=b"<html>"), envelope) is None


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (an_answer(200, results=[]), CheckStatus.OK),
        (an_answer(401), CheckStatus.BAD_CREDENTIALS),
        (an_answer(403), CheckStatus.BAD_CREDENTIALS),
        (an_answer(404), CheckStatus.BAD_SETUP),
        (an_answer(502), CheckStatus.UNREACHABLE),
    ],
)
def test_a_check_reads_a_message_and_sends_none(
    response: HttpResponse, status: CheckStatus
) -> None:
    with HttpPeer(lambda _: response) as peer, a_transport(base_url=peer.url) as transport:
        assert transport.check().status is status
    assert [exchange.request.method for exchange in peer.exchanges] == ["GET"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"workspace_id": "x"}, "workspace_id must be a UUID"),
        ({"access_key": "a b"}, "without blanks"),
        ({"access_key": "a\r\nHost: x"}, "without blanks"),
        ({"notification_url": "http://x"}, "must be an https URL"),
        ({"base_url": "https://api.bird.com?x=1"}, "must be https"),
    ],
)
def test_a_set_up_that_cannot_work_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        a_transport(**options)
    assert KEY not in repr(a_transport())


@pytest.mark.parametrize(("platform", "content"), [pair for pair in CONTENTS if pair[0] != "push"])
class TestBirdTransport(HttpPeerContract):
    secrets = (KEY,)
    test_a_refused_receiver_is_the_only_one_refused = None  # Bird takes a mail for all or for none

    @pytest.fixture(autouse=True)
    def _of(self, platform: str, content: Any) -> None:
        self.platform, self.content = platform, content

    def transport_to(self, url: str) -> Transport:
        return a_transport(base_url=url, timeout=timedelta(seconds=0.5))

    def accepted(self, number: int) -> HttpResponse:
        return an_answer(202, id=str(UUID(int=number)), status="accepted")

    def rejected(self, words: str) -> HttpResponse:
        return an_answer(422, code="InvalidPayload", message=words)


def test_inbound_media_are_fetched_with_the_access_key() -> None:
    credentials = a_transport().media_credentials

    assert credentials == {"media.api.bird.com": f"AccessKey {KEY}"}
