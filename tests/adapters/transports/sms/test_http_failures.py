"""Every transport over HTTP against everything that can go wrong on the way."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
import trustme

from messaging_adapters.http_clients.urllib3_client import Urllib3Client
from messaging_adapters.transports.sms.bird import BirdTransport
from messaging_adapters.transports.sms.twilio import TwilioTransport
from messaging_adapters.transports.sms.vonage import VonageTransport
from messaging_core.models import (
    CheckStatus,
    Deferred,
    Outcome,
    Rejected,
    Retry,
    SmsContent,
    Unknown,
)
from messaging_core.rules.formats.sms import split_sms
from messaging_core.testing.contracts.bounds import nothing_left_open
from messaging_core.testing.contracts.transport.envelopes import an_envelope
from messaging_core.testing.contracts.transport.handoff import Leave
from messaging_core.testing.contracts.transport.outcomes import check_outcome
from wire_peer import (
    Behaviour,
    WirePeer,
    answering,
    dripping,
    endless,
    hanging_up_after_the_body,
    resetting_after_the_body,
    silent,
    writing,
)

SECRET = "s3cret-of-theirs"
PATIENCE = 0.5

TRANSPORTS: dict[str, Callable[..., Any]] = {
    "twilio": lambda **options: TwilioTransport("AC" + "1" * 32, auth_token=SECRET, **options),
    "vonage": lambda **options: VonageTransport(api_key="abcd", api_secret=SECRET, **options),
    "bird": lambda **options: BirdTransport(
        workspace_id=UUID(int=1), channel_id=UUID(int=2), access_key=SECRET, **options
    ),
}


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=TRANSPORTS)
def transport_to(request: Any, closing: ExitStack, authority: trustme.CA) -> Callable[[str], Any]:
    context = ssl.create_default_context()
    authority.configure_trust(context)

    def made(url: str) -> Any:
        client = Urllib3Client(timeout=timedelta(seconds=PATIENCE), ssl_context=context)
        closing.callback(client.close)
        return TRANSPORTS[request.param](base_url=url, client=client)

    return made


@pytest.fixture
def serve(closing: ExitStack, authority: trustme.CA) -> Callable[..., WirePeer]:
    def started(behaviour: Behaviour, host: str = "") -> WirePeer:
        context = None
        if host:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(host).configure_cert(context)
        peer = WirePeer([behaviour], context)
        closing.callback(peer.close)
        return peer

    return started


def sent(transport: Any) -> tuple[Outcome, int]:
    """Return what a transport answers in time, and how often it asked for leave."""
    envelope, leave = an_envelope("sms", SmsContent(sms=split_sms("Your code is 4711"))), Leave()
    began = monotonic()
    outcome = transport.send(envelope, leave)
    assert monotonic() - began < 5
    check_outcome(outcome, marked=leave.calls == 1, envelope=envelope, secrets=[SECRET])
    return outcome, leave.calls


def test_a_refused_connection_is_not_sent(serve: Any, transport_to: Any) -> None:
    peer = serve(answering())
    peer.close()

    outcome, marks = sent(transport_to(peer.url))

    assert isinstance(outcome, Deferred)
    assert (outcome.failure.retry, marks) == (Retry.TRANSIENT, 0)


@pytest.mark.parametrize("host", ["other.example"])
def test_a_certificate_of_another_host_is_a_wrong_set_up(
    serve: Any, transport_to: Any, host: str
) -> None:
    peer = serve(answering(), host)
    transport = transport_to(peer.url)

    outcome, marks = sent(transport)

    assert isinstance(outcome, Deferred)
    assert (outcome.failure.retry, marks) == (Retry.CONFIGURATION, 0)
    assert transport.check().status is CheckStatus.BAD_SETUP
    assert peer.requests == []


def test_a_server_without_tls_gets_nothing(serve: Any, transport_to: Any) -> None:
    peer = serve(answering())

    outcome, marks = sent(transport_to(peer.url.replace("http:", "https:")))

    assert isinstance(outcome, Deferred)
    assert marks == 0
    assert peer.requests == [] or peer.requests[0].body == b""


@pytest.mark.parametrize(
    "behaviour",
    [
        resetting_after_the_body,
        hanging_up_after_the_body,
        silent,
        dripping,
        endless,
        answering(b"x" * 10_000_000),
        writing(b"\x00\xffno HTTP\r\n\r\n"),
        writing(b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{"),
        answering(b"not JSON"),
        answering(b'{"sid": "' + b"x" * 900_000 + b'"}'),
        answering(b"<html>bad gateway</html>", 502),
        answering(b"", 500),
        answering(b"", 504),
    ],
    ids=lambda behaviour: getattr(behaviour, "__name__", "answer"),
)
def test_what_happens_after_the_body_leaves_doubt(
    serve: Any, transport_to: Any, behaviour: Behaviour
) -> None:
    peer = serve(behaviour)

    outcome, marks = sent(transport_to(peer.url))

    assert isinstance(outcome, Unknown)
    assert (outcome.failure.retry, marks) == (Retry.AMBIGUOUS, 1)
    assert len(peer.requests) == 1


@pytest.mark.parametrize(
    ("behaviour", "kind", "retry"),
    [
        (answering(b"<html>", 429, Retry_After="7"), Deferred, Retry.THROTTLED),
        (answering(b"", 401), Deferred, Retry.CONFIGURATION),
        (answering(b"\xff", 400), Rejected, Retry.PERMANENT),
        (answering(b"<html>", 413), Rejected, Retry.PERMANENT),
        (answering(b"x" * 10_000_000, 400), Rejected, Retry.PERMANENT),
        (
            writing(b"HTTP/1.1 401 x\r\nContent-Length: 9\r\n\r\n", *([b"x", 0.2] * 8)),
            Deferred,
            Retry.CONFIGURATION,
        ),
    ],
)
def test_the_status_decides_whatever_becomes_of_the_body(
    serve: Any, transport_to: Any, behaviour: Behaviour, kind: type, retry: Retry
) -> None:
    peer = serve(behaviour)

    outcome, marks = sent(transport_to(peer.url))

    assert isinstance(outcome, kind)
    assert isinstance(outcome, Deferred | Rejected)
    assert (outcome.failure.retry, marks) == (retry, 1)
    if retry is Retry.THROTTLED:
        assert isinstance(outcome, Deferred)
        assert outcome.retry_after == timedelta(seconds=7)


def test_nothing_is_left_open(serve: Any, transport_to: Any) -> None:
    for behaviour in (resetting_after_the_body, answering(b"x" * 2_000_000), answering(b"", 429)):
        transport = transport_to(serve(behaviour).url)
        sent(transport)
        with nothing_left_open():
            for _ in range(5):
                sent(transport)


def test_a_check_tells_wrong_credentials_from_a_provider_that_is_away(
    serve: Any, transport_to: Any
) -> None:
    statuses = [
        transport_to(serve(behaviour).url).check().status
        for behaviour in (
            answering(b"{}", 401),
            answering(b"", 500),
            answering(b"", 429),
            silent,
            resetting_after_the_body,
        )
    ]

    assert statuses == [CheckStatus.BAD_CREDENTIALS] + [CheckStatus.UNREACHABLE] * 4
    peer = serve(answering())
    peer.close()
    assert transport_to(peer.url).check().status is CheckStatus.UNREACHABLE


def test_a_provider_that_is_away_cannot_be_asked(serve: Any, transport_to: Any) -> None:
    envelope = an_envelope("sms", SmsContent(sms=split_sms("hi")))

    for behaviour in (answering(b"{}", 401), answering(b"<html>", 200), silent):
        assert transport_to(serve(behaviour).url).look_up(envelope) is None
