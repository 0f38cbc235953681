"""Amazon SES: requests as its service model has them, its answers, and the contract of a peer."""

import base64
import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import orjson
import pytest
from attrs import evolve
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import CredentialRetrievalError
from moto.server import ThreadedMotoServer

from messaging_adapters.config import load_config
from messaging_adapters.providers.aws_signature import AwsKeys, KeyChain, Signer
from messaging_adapters.transports.email.ses import SesTransport
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
ID, KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLETOKEN"
REGION = "eu-west-1"
MESSAGE_ID = "0102019a7c2d1e4f-5b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0-000000"
ADA, BOB = "ada@mail.example", "bob@mail.example"
PNG = base64.b64encode(b"\x89PNG").decode()
SEND = "/v2/email/outbound-emails"


def a_transport(**options: Any) -> SesTransport:
    keys = {"access_key_id": ID, "secret_access_key": KEY}
    return SesTransport(**{"region": REGION, **keys} | options)


def a_mail(*receivers: str, **changes: Any) -> Envelope:
    """Return an email; changes are of its content."""
    content = EmailContent(**{"subject": "Hello", "text": "A text"} | changes)
    people = tuple(Recipient(value=address) for address in receivers or (ADA,))
    sender = Address(value="shop@shop.example", name="A Shop")
    times = {"created_at": NOW, "expires_at": NOW + timedelta(minutes=10)}
    return evolve(an_envelope("email", content), receivers=people, sender=sender, **times)


def requested(envelope: Envelope, **options: Any) -> HttpRequest:
    request = a_transport(**options).request(envelope, now=NOW)
    assert isinstance(request, HttpRequest)
    return request


def document_of(request: HttpRequest) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(request.body)
    return document


def mail_in(request: HttpRequest) -> Message:
    return message_from_bytes(base64.b64decode(document_of(request)["Content"]["Raw"]["Data"]))


def refusal(envelope: Envelope, **options: Any) -> Deferred | Rejected:
    outcome = a_transport(**options).request(envelope, now=NOW)
    assert isinstance(outcome, Deferred | Rejected)
    return outcome


def an_answer(status: int, /, **fields: Any) -> HttpResponse:
    return HttpResponse(status=status, body=orjson.dumps(fields))


def an_error(name: str, message: str = "x", status: int = 400) -> HttpResponse:
    answer = an_answer(status, message=message)
    return evolve(answer, headers={"x-amzn-ErrorType": f"{name}:http://internal.amazon.com/x/"})


def outcome(response: HttpResponse, **options: Any) -> Outcome:
    envelope = a_mail()
    result = a_transport(**options).outcome(response, envelope, now=NOW)
    check_outcome(result, marked=True, envelope=envelope, secrets=[KEY])
    return result


def test_a_link_is_left_out_of_tracking_as_ses_writes_it() -> None:
    html = '<a data-no-track href="https://a.example/">x</a>'

    _, part = mail_in(requested(a_mail(html=html))).get_payload()

    assert isinstance(part, Message)
    content = part.get_payload(decode=True)
    assert content == html.replace("<a ", "<a ses:no-track ").encode()


def test_a_mail_is_posted_whole_with_our_id_as_a_tag() -> None:
    envelope = a_mail(html="<p>A text</p>")

    request = requested(envelope, configuration_set="events")

    assert (request.method, request.url) == ("POST", f"https://email.{REGION}.amazonaws.com{SEND}")
    document = document_of(request)
    del document["Content"]
    assert document == {
        "Destination": {"ToAddresses": [ADA]},
        "EmailTags": [{"Name": "message_id", "Value": str(envelope.message_id)}],
        "ConfigurationSetName": "events",
        "ConfigurationOverrides": {
            "Tracking": {"OpenTrackingEnabled": "DISABLED", "ClickTrackingEnabled": "DISABLED"}
        },
    }
    mail = mail_in(request)
    assert (mail["From"], mail["To"], mail["Subject"]) == (
        "A Shop <shop@shop.example>",
        ADA,
        "Hello",
    )


def test_every_field_is_one_of_the_service_model() -> None:
    model = botocore.session.Session().get_service_model("sesv2").operation_model("SendEmail")
    tracked = a_mail(html="<p>x</p>", open_tracking=True)

    document = document_of(requested(tracked, configuration_set="events"))

    def check(shape: Any, value: Any) -> None:
        if shape.type_name == "structure":
            assert value.keys() <= shape.members.keys()
            for name, inner in value.items():
                check(shape.members[name], inner)
        elif shape.type_name == "list":
            for item in value:
                check(shape.member, item)
        elif "enum" in shape.metadata:
            assert value in shape.metadata["enum"]

    check(model.input_shape, document)


def test_a_retry_goes_to_its_receivers_and_shows_all() -> None:
    people = (
        Recipient(value=ADA),
        Recipient(value=BOB, type=ReceiverType.CC),
        Recipient(value="eve@mail.example", type=ReceiverType.BCC),
    )

    request = requested(evolve(a_mail(), receivers=people[1:], copies=people))

    assert document_of(request)["Destination"] == {
        "CcAddresses": [BOB],
        "BccAddresses": ["eve@mail.example"],
    }
    mail = mail_in(request)
    assert (mail["To"], mail["Cc"], mail["Bcc"]) == (ADA, BOB, None)


def test_the_same_message_at_the_same_time_is_the_same_request() -> None:
    envelope = a_mail(attachments=(Attachment(filename="a", content=PNG),))

    first, second = requested(envelope), requested(evolve(envelope, attempt=2))

    assert (first.headers, first.body) == (second.headers, second.body)


def the_official_request(body: dict[str, Any], token: str | None = None) -> AWSRequest:
    """Return what botocore's own client sends for the same input, and sends nothing."""
    session = botocore.session.Session()
    session.set_credentials(ID, KEY, token)
    client = session.create_client("sesv2", region_name=REGION)
    requests: list[AWSRequest] = []

    def keep(request: AWSRequest, **_: Any) -> Any:
        requests.append(request)
        raise ConnectionAbortedError

    client.meta.events.register("before-send", keep)
    raw = base64.b64decode(body["Content"]["Raw"]["Data"])
    with pytest.raises(ConnectionAbortedError):
        client.send_email(**body | {"Content": {"Raw": {"Data": raw}}})
    return requests[0]


@pytest.mark.parametrize("token", [None, TOKEN])
def test_the_client_of_botocore_makes_and_signs_the_same_request(token: str | None) -> None:
    envelope = a_mail(ADA, BOB, html="<p>x</p>", click_tracking=True)
    ours = requested(envelope, configuration_set="events", session_token=token)

    theirs = the_official_request(document_of(ours), token)

    assert (theirs.method, theirs.url) == (ours.method, ours.url)
    assert json.loads(theirs.body) == document_of(ours)
    # Their body, headers and instant, signed by our code, get their signature.
    headers = {name: _text(value) for name, value in theirs.headers.items()}
    given = headers.pop("Authorization")
    names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    signed_at = datetime.strptime(headers.pop("X-Amz-Date") + "+0000", "%Y%m%dT%H%M%SZ%z")
    unsigned = HttpRequest(
        method="POST",
        url=theirs.url,
        headers={name: value for name, value in headers.items() if name.lower() in names},
        body=theirs.body,
    )
    keys = AwsKeys(access_key_id=ID, secret_access_key=KEY, session_token=token)
    signed = Signer(service="ses", region=REGION, keys=keys).sign(unsigned, signed_at)
    assert signed.headers["authorization"] == given


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def test_the_time_is_signed_and_is_an_argument() -> None:
    assert requested(a_mail()).headers["x-amz-date"] == "20260302T090000Z"


def test_the_secret_key_does_not_travel() -> None:
    request = requested(a_mail(), session_token=TOKEN)

    assert request.headers["x-amz-security-token"] == TOKEN
    assert KEY not in str(request.headers)
    assert KEY.encode() not in request.body
    assert KEY not in repr(a_transport(session_token=TOKEN))
    assert TOKEN not in repr(a_transport(session_token=TOKEN))


def test_a_region_in_china_has_its_own_domain() -> None:
    request = requested(a_mail(), region="cn-north-1")

    assert urlsplit(request.url).netloc == "email.cn-north-1.amazonaws.com.cn"


@pytest.mark.parametrize(
    "changes",
    [
        {"text": None},
        {"subject": "a\r\nBcc: x@x.example"},
        {"headers": {"Bcc": "x@x.example"}},
        {"text": ("x" * 99 + "\n") * 400_000},
    ],
)
def test_a_mail_that_would_not_arrive_as_meant_is_refused(changes: dict[str, Any]) -> None:
    assert isinstance(refusal(a_mail(**changes)), Rejected)


def test_what_ses_does_not_carry_is_refused() -> None:
    beyond = refusal(a_mail("käthe@mail.example"))
    sms = refusal(evolve(a_mail(), content=SmsContent(sms=split_sms("hi"))))
    unsigned = refusal(evolve(a_mail(), sender=None))

    assert beyond.failure.code == FailureCode.UNSUPPORTED_DESTINATION
    assert sms.failure.code == FailureCode.UNSUPPORTED_TYPE
    assert unsigned.failure.code == FailureCode.INVALID_SENDER


UNVERIFIED = "Email address is not verified. The following identities failed the check: a@b"


@pytest.mark.parametrize(
    ("response", "kind", "retry"),
    [
        (an_error("TooManyRequestsException", status=429), Deferred, Retry.THROTTLED),
        (
            an_error("ThrottlingException", "Maximum sending rate exceeded."),
            Deferred,
            Retry.THROTTLED,
        ),
        (an_error("LimitExceededException"), Deferred, Retry.CONFIGURATION),
        (an_error("AccountSuspendedException"), Deferred, Retry.CONFIGURATION),
        (an_error("SendingPausedException"), Deferred, Retry.CONFIGURATION),
        (an_error("MailFromDomainNotVerifiedException"), Deferred, Retry.CONFIGURATION),
        (an_error("MessageRejected", "Transaction failed"), Rejected, Retry.PERMANENT),
        (an_error("MessageRejected", UNVERIFIED), Deferred, Retry.CONFIGURATION),
        (an_error("BadRequestException"), Rejected, Retry.PERMANENT),
        (an_error("NotFoundException", status=404), Deferred, Retry.CONFIGURATION),
        (an_error("SignatureDoesNotMatch", status=403), Deferred, Retry.CONFIGURATION),
        (an_error("ExpiredTokenException", status=403), Deferred, Retry.CONFIGURATION),
        (
            an_answer(400, __type="com.amazonaws#SendingPausedException"),
            Deferred,
            Retry.CONFIGURATION,
        ),
        (HttpResponse(status=403), Deferred, Retry.CONFIGURATION),
        (an_error("RequestTimeout", status=408), Deferred, Retry.TRANSIENT),
        (HttpResponse(status=413, body=b"<html>"), Rejected, Retry.PERMANENT),
        (an_error("Unheard-of"), Rejected, Retry.PERMANENT),
        (an_error("InternalFailure", status=500), Unknown, Retry.AMBIGUOUS),
        (HttpResponse(status=502), Unknown, Retry.AMBIGUOUS),
        (an_error("ServiceUnavailable", status=503), Deferred, Retry.TRANSIENT),
        (HttpResponse(status=503), Unknown, Retry.AMBIGUOUS),
        (an_answer(200), Unknown, Retry.AMBIGUOUS),
    ],
)
def test_an_answer_has_its_class(response: HttpResponse, kind: type, retry: Retry) -> None:
    result = outcome(response)

    assert isinstance(result, kind)
    assert isinstance(result, Deferred | Rejected | Unknown)
    assert result.failure.retry is retry


def test_an_acceptance_has_the_id_of_ses() -> None:
    assert outcome(an_answer(200, MessageId=MESSAGE_ID)) == Accepted(
        references=(MESSAGE_ID,), raw="200"
    )


def test_the_daily_quota_waits_longer_than_the_rate() -> None:
    daily = outcome(an_error("ThrottlingException", "Daily message quota exceeded."))
    rate = outcome(an_error("ThrottlingException", "Maximum sending rate exceeded."))

    assert isinstance(daily, Deferred)
    assert isinstance(rate, Deferred)
    assert (daily.retry_after, rate.retry_after) == (timedelta(minutes=10), None)


class Role:
    """Keys as botocore has them, which change each time they are asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked = 0

    def get_frozen_credentials(self) -> Any:
        if self.error:
            raise self.error
        self.asked += 1
        return Credentials(ID, KEY, f"token{self.asked}").get_frozen_credentials()


def with_chain(*credentials: Any) -> tuple[SesTransport, list[Any]]:
    """Return a transport without keys, for which a chain finds these in turn."""
    left = list(credentials)
    transport = a_transport(access_key_id=None, secret_access_key=None)
    chain = KeyChain(find=lambda: left.pop(0))
    transport._signer = Signer(service="ses", region=REGION, chain=chain)
    return transport, left


def test_the_keys_of_a_role_are_asked_for_each_message() -> None:
    transport, _ = with_chain(Role())

    requests = [transport.request(a_mail(), now=NOW) for _ in range(2)]

    tokens = [r.headers["x-amz-security-token"] for r in requests if isinstance(r, HttpRequest)]
    assert tokens == ["token1", "token2"]


def test_keys_that_have_ended_are_looked_for_again() -> None:
    transport, left = with_chain(Role(), Role())
    ended = an_error("ExpiredTokenException", status=403)
    transport.request(a_mail(), now=NOW)

    result = transport.outcome(ended, a_mail(), now=NOW)
    transport.request(a_mail(), now=NOW)

    assert isinstance(result, Deferred)
    assert result.failure.retry is Retry.TRANSIENT
    assert left == []


@pytest.mark.parametrize(
    ("credentials", "retry"),
    [
        (None, Retry.CONFIGURATION),
        (Role(CredentialRetrievalError(provider="x", error_msg=KEY)), Retry.TRANSIENT),
    ],
)
def test_without_keys_a_message_waits(credentials: Any, retry: Retry) -> None:
    transport, _ = with_chain(credentials)

    result = transport.request(a_mail(), now=NOW)

    assert isinstance(result, Deferred)
    assert result.failure.retry is retry
    assert KEY not in repr(result)
    assert with_chain(credentials)[0].check().status is CheckStatus.BAD_CREDENTIALS


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    request = requested(a_mail(), access_key_id=None, secret_access_key=None)

    given = requested(evolve(a_mail()))

    credential = given.headers["authorization"].partition(",")[0]
    assert request.headers["authorization"].startswith(credential)


def test_the_keys_of_a_container_are_renewed_before_they_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    numbers = count(1)

    def keys(_: HttpRequest) -> HttpResponse:
        soon = datetime.now(UTC) + timedelta(minutes=1)  # noqa: TID251 - as botocore reads it
        return an_answer(
            200,
            AccessKeyId=ID,
            SecretAccessKey=KEY,
            Token=f"token{next(numbers)}",
            Expiration=soon.isoformat(),
        )

    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with HttpPeer(keys) as machine:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{machine.url}/keys")
        transport = a_transport(access_key_id=None, secret_access_key=None)
        requests = [transport.request(a_mail(), now=NOW) for _ in range(2)]

    tokens = [r.headers["x-amz-security-token"] for r in requests if isinstance(r, HttpRequest)]
    assert len(set(tokens)) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_looks_for_keys_of_its_own() -> None:
    chain = KeyChain(find=Role)
    assert [chain.current().session_token for _ in range(2)] == ["token1", "token2"]
    reader, writer = os.pipe()

    child = os.fork()
    if child == 0:
        os.write(writer, str(chain.current().session_token).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reader, 100) == b"token1"
    assert chain.current().session_token == "token3"
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (an_answer(200, SendingEnabled=True), CheckStatus.OK),
        (an_error("AccessDeniedException", status=403), CheckStatus.OK),
        (an_error("InvalidSignatureException", status=403), CheckStatus.BAD_CREDENTIALS),
        (HttpResponse(status=404), CheckStatus.BAD_SETUP),
        (HttpResponse(status=502), CheckStatus.UNREACHABLE),
    ],
)
def test_a_check_reads_the_account_and_sends_nothing(
    response: HttpResponse, status: CheckStatus
) -> None:
    with HttpPeer(lambda _: response) as peer, a_transport(base_url=peer.url) as transport:
        assert transport.check().status is status
    (request,) = [exchange.request for exchange in peer.exchanges]
    assert (request.method, urlsplit(request.url).path) == ("GET", "/v2/email/account")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"region": "europe"}, "region must be"),
        ({"region": "eu-west-1.evil.example"}, "region must be"),
        ({"configuration_set": "a b"}, "configuration_set must be"),
        ({"secret_access_key": None}, "together"),
        ({"access_key_id": None, "secret_access_key": None, "session_token": "x"}, "together"),
        ({"secret_access_key": "a b"}, "without blanks"),
        ({"session_token": "a\n"}, "without blanks"),
        ({"base_url": "http://email.eu-west-1.amazonaws.com"}, "must be https"),
    ],
)
def test_a_set_up_that_cannot_work_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        a_transport(**options)


def test_a_configuration_names_keys_region_and_configuration_set() -> None:
    dsn = f"ses://{ID}:${{KEY}}@{REGION}?configuration_set=events&fetch_media=true&timeout=5"
    channel = {"platform": "email", "sender": "shop@shop.example", "transport": dsn}

    transport: Any = load_config({"channels": {"a": channel}}).transport("a", {"KEY": KEY})
    transport.close()

    assert (transport.access_key_id, transport.secret_access_key) == (ID, KEY)
    assert (transport.region, transport.configuration_set) == (REGION, "events")
    assert transport.media is not None
    assert transport.timeout == timedelta(seconds=5)


@pytest.fixture
def moto() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    finally:
        server.stop()


def the_client_of(url: str) -> Any:
    session = botocore.session.Session()
    session.set_credentials(ID, KEY)
    return session.create_client("sesv2", region_name=REGION, endpoint_url=url)


def test_a_foreign_ses_takes_a_mail_of_a_verified_sender_only(moto: str) -> None:
    client = the_client_of(moto)
    picture = Attachment(filename="ü.png", content=PNG, content_type="image/png")
    envelope = a_mail(html="<p>Grüße</p>", attachments=(picture,))
    with a_transport(base_url=moto) as transport:
        before = transport.send(envelope, Leave())
        client.create_email_identity(EmailIdentity="shop.example")
        after = transport.send(envelope, Leave())

    assert isinstance(before, Rejected)  # in other words than those of AWS, which wait
    assert before.failure.source is not None
    assert before.failure.source.code == "MessageRejected"
    assert isinstance(after, Accepted)
    client.close()


def _mail_within(text: str) -> str:
    data = text.partition('"Data":"')[2].partition('"')[0]
    return base64.b64decode(data).decode()


class TestSesTransport(HttpPeerContract):
    platform, content = CONTENTS[0]
    secrets = (KEY,)
    # SES takes a mail for all or for none.
    test_a_refused_receiver_is_the_only_one_refused = None

    def transport_to(self, url: str) -> Transport:
        return a_transport(base_url=url, timeout=timedelta(seconds=0.5))

    def received(self) -> Sequence[str]:
        """Return what arrived, with the mail as it is before base64."""
        return [f"{text} {_mail_within(text)}" for text in super().received()]

    def accepted(self, number: int) -> HttpResponse:
        return an_answer(200, MessageId=f"0102019a-{number:012d}-000000")

    def rejected(self, words: str) -> HttpResponse:
        return an_error("BadRequestException", words)
