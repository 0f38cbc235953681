"""Vonage: requests as its documentation has them, its answers, and the contract against a peer."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import orjson
import pytest
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from messaging_adapters.transports.sms.vonage import VonageTransport
from messaging_core.errors import ConfigurationError
from messaging_core.models import (
    Accepted,
    CheckStatus,
    Deferred,
    Envelope,
    FailureCode,
    MediaItem,
    MmsContent,
    Outcome,
    PushContent,
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
from messaging_core.testing.http_peer import HttpPeer

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECRET = "s3cret-of-the-account"
ACCOUNT = {"api_key": "abcd1234", "api_secret": SECRET}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: Any) -> str:
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text.decode()


APPLICATION = {"application_id": "78d335fa-323d-0114-9c3d-d6f0d48968cf", "private_key": pem(KEY)}


def a_transport(**options: Any) -> VonageTransport:
    return VonageTransport(**ACCOUNT | options)


def an_sms(text: str = "Your code is 4711", **changes: Any) -> Envelope:
    envelope = an_envelope("sms", SmsContent(sms=split_sms(text)))
    times = {"created_at": NOW, "expires_at": NOW + timedelta(minutes=10)}
    return evolve(envelope, **times | changes)


def message_of(request: HttpRequest | Outcome) -> dict[str, Any]:
    assert isinstance(request, HttpRequest)
    message: dict[str, Any] = json.loads(request.body)
    return message


def requested(envelope: Envelope, **options: Any) -> dict[str, Any]:
    return message_of(a_transport(**options).request(envelope, now=NOW))


def an_answer(code: int, /, **fields: Any) -> HttpResponse:
    return HttpResponse(status=code, body=orjson.dumps(fields))


def outcome(response: HttpResponse, **options: Any) -> Outcome:
    return a_transport(**options).outcome(response, an_sms(), now=NOW)


@pytest.mark.parametrize("credentials", [ACCOUNT, APPLICATION])
def test_an_echo_of_our_request_shows_no_credentials(credentials: Any) -> None:
    transport = VonageTransport(**credentials)
    request = transport.request(an_sms(), now=NOW)
    assert isinstance(request, HttpRequest)
    header = request.headers["authorization"]

    refused = transport.outcome(
        an_answer(400, title="Bad header", detail=header), an_sms(), now=NOW
    )

    assert isinstance(refused, Rejected)
    assert "Bad header" in refused.failure.description
    for piece in header.partition(" ")[2].split("."):
        assert piece[:20] not in refused.failure.description


def test_an_sms_is_posted_as_json_with_our_id() -> None:
    envelope = an_sms("Käthe")

    request = a_transport().request(envelope, now=NOW)

    assert isinstance(request, HttpRequest)
    assert (request.method, request.url) == ("POST", "https://api.nexmo.com/v1/messages")
    assert request.headers["content-type"] == "application/json"
    basic = b64encode(f"abcd1234:{SECRET}".encode()).decode()
    assert request.headers["authorization"] == f"Basic {basic}"
    assert message_of(request) == {
        "channel": "sms",
        "message_type": "text",
        "to": "31600000002",
        "from": "31600000001",
        "text": "Käthe",
        "ttl": 600,
        "client_ref": str(envelope.message_id),
    }


def test_a_name_sends_as_it_is() -> None:
    named = an_sms()
    assert named.sender is not None

    message = requested(evolve(named, sender=evolve(named.sender, value="A Shop")))

    assert message["from"] == "A Shop"


def test_an_application_signs_a_token_for_each_request() -> None:
    transport = VonageTransport(**APPLICATION)
    first, second = an_sms(), an_sms()

    tokens = [
        request.headers["authorization"].removeprefix("Bearer ")
        for request in (transport.request(envelope, now=NOW) for envelope in (first, second, first))
        if isinstance(request, HttpRequest)
    ]

    claims = [
        jwt.decode(token, KEY.public_key(), algorithms=["RS256"], options={"verify_exp": False})
        for token in tokens
    ]
    assert claims[0]["application_id"] == APPLICATION["application_id"]
    assert claims[0]["iat"] == NOW.timestamp()
    assert claims[0]["exp"] == claims[0]["iat"] + 900
    assert claims[0]["jti"] != claims[1]["jti"]
    assert claims[0] == claims[2], "the same request at the same time is the same"
    assert jwt.get_unverified_header(tokens[0]) == {"alg": "RS256", "typ": "JWT"}


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        (
            [MediaItem(media_url="https://m/a.png")],
            {"message_type": "image", "image": {"url": "https://m/a.png", "caption": "Look"}},
        ),
        (
            [MediaItem(media_url="https://m/a.vcf", content_type="text/vcard")],
            {"message_type": "vcard", "vcard": {"url": "https://m/a.vcf", "caption": "Look"}},
        ),
        (
            [MediaItem(media_url="https://m/a", content_type="Video/MP4")],
            {"message_type": "video", "video": {"url": "https://m/a", "caption": "Look"}},
        ),
        (
            [
                MediaItem(media_url="https://m/a", content_type="audio/mpeg"),
                MediaItem(media_url="https://m/b", content_type="application/pdf"),
            ],
            {
                "message_type": "content",
                "content": [
                    {"type": "audio", "url": "https://m/a", "caption": "Look"},
                    {"type": "file", "url": "https://m/b"},
                ],
            },
        ),
    ],
)
def test_pictures_and_files_are_mms(media: list[MediaItem], expected: dict[str, Any]) -> None:
    message = requested(an_sms(content=MmsContent(media=tuple(media), text="Look")))

    assert message["channel"] == "mms"
    assert {key: message[key] for key in expected} == expected
    assert "text" not in message


@pytest.mark.parametrize(
    ("left", "content", "ttl"),
    [
        (timedelta(seconds=20), None, 20),
        (timedelta(days=30), None, 604_800),
        (timedelta(days=30), MmsContent(media=(MediaItem(media_url="https://m"),)), 259_200),
        (timedelta(seconds=19), None, None),
        (timedelta(seconds=299), MmsContent(media=(MediaItem(media_url="https://m"),)), None),
    ],
)
def test_the_remaining_validity_goes_along_or_the_message_does_not(
    left: timedelta, content: Any, ttl: int | None
) -> None:
    changes = {"content": content} if content else {}
    request = a_transport().request(an_sms(expires_at=NOW + left, **changes), now=NOW)

    if ttl is not None:
        assert message_of(request)["ttl"] == ttl
    else:
        assert isinstance(request, Rejected)
        assert request.failure.code == FailureCode.EXPIRED


def test_a_webhook_for_the_messages_of_this_transport() -> None:
    message = requested(an_sms(), webhook_url="https://shop.example/hooks/vonage")

    assert message["webhook_url"] == "https://shop.example/hooks/vonage"
    assert message["webhook_version"] == "v1"


@pytest.mark.parametrize(
    "envelope",
    [
        an_sms(content=PushContent(text="x")),
        an_sms(content=MmsContent(media=(MediaItem(media_url="https://m"),), text="x" * 3001)),
        an_sms(content=MmsContent(media=())),
        an_sms(sender=None),
    ],
)
def test_what_vonage_cannot_carry_is_refused(envelope: Envelope) -> None:
    assert isinstance(a_transport().request(envelope, now=NOW), Rejected | Deferred)


def test_an_acceptance_names_the_message() -> None:
    uuid = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"

    assert outcome(an_answer(202, message_uuid=uuid)) == Accepted(references=(uuid,), raw="202")


PROBLEM = "https://developer.vonage.com/api-errors/messages#"


@pytest.mark.parametrize(
    ("response", "kind", "retry", "code"),
    [
        (
            an_answer(422, type=f"{PROBLEM}1120", title="Invalid sender", detail="x"),
            Deferred,
            Retry.CONFIGURATION,
            "1120",
        ),
        (an_answer(422, type=f"{PROBLEM}1150"), Rejected, Retry.PERMANENT, "1150"),
        (an_answer(422, title="Invalid params"), Rejected, Retry.PERMANENT, "422"),
        (an_answer(401, type="https://x#unauthorized"), Deferred, Retry.CONFIGURATION, "401"),
        (an_answer(402, type=f"{PROBLEM}1070"), Deferred, Retry.CONFIGURATION, "1070"),
        (an_answer(429, type=f"{PROBLEM}1000"), Deferred, Retry.THROTTLED, "1000"),
        (HttpResponse(status=429, body=b"<html>"), Deferred, Retry.THROTTLED, "429"),
        (an_answer(503), Deferred, Retry.TRANSIENT, "503"),
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
    assert (refused.failure.source.name, refused.failure.source.code) == ("vonage", code)


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse(status=202, body=b"<html>"),
        an_answer(202),
        an_answer(202, message_uuid="x y"),
        an_answer(202, message_uuid=7.5),
        an_answer(500, type=f"{PROBLEM}1030"),
        HttpResponse(status=502, body=b"<html>"),
        HttpResponse(status=504),
    ],
)
def test_an_answer_that_says_nothing_leaves_doubt(response: HttpResponse) -> None:
    assert isinstance(outcome(response), Unknown)


def test_what_vonage_quotes_is_not_repeated() -> None:
    refused = outcome(
        an_answer(400, title="Bad number", detail=f"31600000002 with {SECRET} said 'code is 4711'")
    )

    assert isinstance(refused, Rejected)
    for word in ("31600000002", SECRET, "4711"):
        assert word not in refused.failure.description
    assert "Bad" in refused.failure.description


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (an_answer(422, title="Invalid params"), CheckStatus.OK),
        (an_answer(401), CheckStatus.BAD_CREDENTIALS),
        (an_answer(404), CheckStatus.BAD_SETUP),
        (an_answer(500), CheckStatus.UNREACHABLE),
        (an_answer(429), CheckStatus.UNREACHABLE),
    ],
)
def test_a_check_sends_no_message(response: HttpResponse, status: CheckStatus) -> None:
    with HttpPeer(lambda _: response) as peer, a_transport(base_url=peer.url) as transport:
        assert transport.check().status is status
    assert [exchange.request.body for exchange in peer.exchanges] == [b"{}"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "give either application_id"),
        (ACCOUNT | APPLICATION, "give either application_id"),
        (ACCOUNT | {"application_id": "x"}, "give either application_id"),
        ({"application_id": "x", "private_key": "/etc/vonage.key"}, r"\$\(cat FILE\)"),
        (
            {"application_id": "x", "private_key": pem(ec.generate_private_key(ec.SECP256R1()))},
            "with an RSA key",
        ),
        (ACCOUNT | {"webhook_url": "http://shop.example"}, "must be an https URL"),
        (ACCOUNT | {"base_url": "ftp://x"}, "must be https"),
    ],
)
def test_a_set_up_that_cannot_work_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        VonageTransport(**options)
    assert SECRET not in str(caught.value)
    assert "PRIVATE" not in repr(VonageTransport(**APPLICATION))


@pytest.mark.parametrize(
    "content", [content for platform, content in CONTENTS if platform == "sms"]
)
class TestVonageTransport(HttpPeerContract):
    platform = "sms"
    secrets = (SECRET,)

    @pytest.fixture(autouse=True)
    def _of(self, content: Any) -> None:
        self.content = content

    def transport_to(self, url: str) -> Transport:
        return a_transport(base_url=url, timeout=timedelta(seconds=0.5))

    def accepted(self, number: int) -> HttpResponse:
        return an_answer(202, message_uuid=str(UUID(int=number)))

    def rejected(self, words: str) -> HttpResponse:
        return an_answer(422, type=f"{PROBLEM}1170", title="Invalid", detail=words)


def test_each_request_for_inbound_media_has_a_token_of_its_own() -> None:
    credentials = VonageTransport(**APPLICATION).media_credentials

    assert set(credentials) == {"api-us.nexmo.com", "api-eu.nexmo.com", "api-ap.nexmo.com"}
    first, second = (credentials["api-us.nexmo.com"]() for _ in range(2))
    assert first.startswith("Bearer ")
    assert first != second
