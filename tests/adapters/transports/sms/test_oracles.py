"""The providers' own clients and specifications say the same as our requests."""

import json
import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
import trustme
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client as TwilioClient
from vonage_http_client import Auth, HttpClient, HttpClientOptions
from vonage_messages import Messages
from vonage_messages.models import MmsImage, MmsResource, Sms

from messaging_adapters.http_clients.urllib3_client import Urllib3Client
from messaging_adapters.transports.sms.twilio import TwilioTransport
from messaging_adapters.transports.sms.vonage import VonageTransport
from messaging_core.models import Accepted, Envelope, MediaItem, MmsContent, SmsContent
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.rules.formats.sms import split_sms
from messaging_core.testing import ManualClock
from messaging_core.testing.contracts.transport.envelopes import an_envelope
from messaging_core.testing.contracts.transport.handoff import Leave
from messaging_core.testing.http_peer import HttpPeer

ACCOUNT, TOKEN, SERVICE = "AC" + "1" * 32, "7e" * 16, "MG" + "2" * 32
SPEC = json.loads((Path(__file__).parent / "twilio_openapi.json").read_text(encoding="utf-8"))
TEXT = "Käthe & Söhne: 100% + 20€ 😀\nline"
NOW = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - Vonage's client signs the present
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
APPLICATION = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
PICTURE = MmsContent(media=(MediaItem(media_url="https://m.example/a.png?x=1&y=2"),), text="Look")


def a_message(content: Any = None, **changes: Any) -> Envelope:
    envelope = an_envelope("sms", content or SmsContent(sms=split_sms(TEXT)))
    times = {"created_at": NOW, "expires_at": NOW + timedelta(minutes=10)}
    return evolve(envelope, **times | changes)


def a_message_sid(request: HttpRequest) -> HttpResponse:
    del request
    body = {"sid": "SM" + "a" * 32, "status": "queued", "num_segments": "1", "error_code": None}
    return HttpResponse(status=201, body=json.dumps(body).encode())


class Redirected(TwilioHttpClient):
    """Twilio's own client, sent to the peer instead."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}" == "https://api.twilio.com"
        return super().request(method, self.url + parts.path, *args, **kwargs)


def form(request: HttpRequest) -> list[tuple[str, str]]:
    return sorted(parse_qsl(request.body.decode(), strict_parsing=True))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("service", [None, SERVICE])
@pytest.mark.parametrize("content", [None, PICTURE])
def test_twilios_own_client_sends_the_same_request(service: str | None, content: Any) -> None:
    envelope = a_message(content)
    with HttpPeer(a_message_sid) as peer:
        own = TwilioTransport(
            ACCOUNT,
            auth_token=TOKEN,
            messaging_service_sid=service,
            status_callback="https://shop.example/hooks",
            base_url=peer.url,
            clock=ManualClock(NOW),
        )
        with own:
            ours = own.send(envelope, Leave())
        callback = dict(form(peer.exchanges[0].request))["StatusCallback"]
        media = {"media_url": [PICTURE.media[0].media_url]} if content else {}
        theirs = TwilioClient(ACCOUNT, TOKEN, http_client=Redirected(peer.url)).messages.create(
            to=envelope.to,
            from_="+31600000001",
            body="Look" if content else TEXT,
            validity_period=600,
            status_callback=callback,
            **({"messaging_service_sid": service} if service else {}),
            **media,
        )

    assert isinstance(ours, Accepted)
    assert ours.references == (theirs.sid,)
    mine, other = (exchange.request for exchange in peer.exchanges)
    assert (mine.method, mine.url) == (other.method, other.url)
    assert form(mine) == form(other)
    for name in ("authorization", "content-type"):
        assert mine.headers[name] == other.headers[name]


def conforms(value: str, schema: dict[str, Any]) -> bool:
    if schema["type"] == "integer":
        number = int(value)
        return schema.get("minimum", 0) <= number <= schema.get("maximum", number)
    if "enum" in schema and value not in schema["enum"]:
        return False
    if schema.get("format") == "uri" and not re.match(r"https?://\S+$", value):
        return False
    return bool(re.search(schema.get("pattern", ""), value))


@pytest.mark.parametrize("content", [None, PICTURE])
def test_a_request_keeps_to_twilios_specification(content: Any) -> None:
    transport = TwilioTransport(
        ACCOUNT,
        auth_token=TOKEN,
        messaging_service_sid=SERVICE,
        status_callback="https://shop.example/hooks",
    )

    request = transport.request(a_message(content), now=NOW)
    look_up = transport.look_up_request(a_message(), now=NOW)
    check = transport.check_request(now=NOW)

    assert isinstance(request, HttpRequest)
    assert {name for name, _ in form(request)} >= set(SPEC["required"])
    for name, value in form(request):
        schema = SPEC["form"][name]
        assert conforms(value, schema.get("items", schema)), name
    assert conforms(request.url.split("/")[-2], SPEC["path"]["AccountSid"])
    for asked in (look_up, check):
        assert asked is not None
        for name, value in parse_qsl(urlsplit(asked.url).query, strict_parsing=True):
            assert conforms(value, SPEC["query"][name]), name


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def vonage_peer(authority: trustme.CA) -> Iterator[HttpPeer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    body = b'{"message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"}'
    with HttpPeer(lambda _: HttpResponse(status=202, body=body), tls=context) as peer:
        yield peer


@pytest.mark.parametrize("is_application", [True, False])
@pytest.mark.parametrize("content", [None, PICTURE])
def test_vonages_own_client_sends_the_same_request(
    vonage_peer: HttpPeer, authority: trustme.CA, content: Any, *, is_application: bool
) -> None:
    envelope = a_message(content)
    credentials = (
        {"application_id": APPLICATION, "private_key": PEM}
        if is_application
        else {"api_key": "abcd1234", "api_secret": "s3cret"}
    )
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with (
        Urllib3Client(ssl_context=context) as client,
        authority.cert_pem.tempfile() as trusted,
    ):
        own = VonageTransport(
            **credentials,
            webhook_url="https://shop.example/hooks",
            base_url=vonage_peer.url,
            client=client,
            clock=ManualClock(NOW),
        )
        ours = own.send(envelope, Leave())
        options = HttpClientOptions(api_host=f"localhost:{vonage_peer.port}")
        sdk = HttpClient(Auth(**credentials), options)
        sdk._session.verify, sdk._session.trust_env = trusted, False
        common = {
            "to": "31600000002",
            "from_": "31600000001",
            "ttl": 600,
            "client_ref": str(envelope.message_id),
            "webhook_url": "https://shop.example/hooks",
            "webhook_version": "v1",
        }
        picture = MmsResource(url=PICTURE.media[0].media_url, caption="Look")
        theirs = Messages(sdk).send(
            MmsImage(image=picture, **common) if content else Sms(text=TEXT, **common)
        )
        sdk._session.close()

    assert isinstance(ours, Accepted)
    assert ours.references == (theirs.message_uuid,)
    mine, other = (exchange.request for exchange in vonage_peer.exchanges)
    assert (mine.method, mine.url) == (other.method, other.url)
    assert json.loads(mine.body) == json.loads(other.body)
    assert mine.headers["content-type"] == other.headers["content-type"]
    if is_application:
        compare_tokens(mine.headers["authorization"], other.headers["authorization"])
    else:
        assert mine.headers["authorization"] == other.headers["authorization"]


def compare_tokens(mine: str, other: str) -> None:
    """The instant and the nonce differ, and nothing else."""
    ours, theirs = (token.removeprefix("Bearer ") for token in (mine, other))
    assert jwt.get_unverified_header(ours) == jwt.get_unverified_header(theirs)
    unaged = {"verify_exp": False}  # NOW is when the tests began
    claims = [
        jwt.decode(token, KEY.public_key(), algorithms=["RS256"], options=unaged)
        for token in (ours, theirs)
    ]
    assert claims[0].keys() == claims[1].keys()
    assert claims[0]["application_id"] == claims[1]["application_id"]
    assert [claim["exp"] - claim["iat"] for claim in claims] == [900, 900]
