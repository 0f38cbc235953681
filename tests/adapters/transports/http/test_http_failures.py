"""Every transport over HTTP against everything that can go wrong on the way."""

import ssl
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
import trustme

from http_providers import PROVIDERS, SECRET, Provider
from messaging_adapters.http_clients.urllib3_client import Urllib3Client
from messaging_core.models import (
    CheckStatus,
    Deferred,
    Outcome,
    Rejected,
    Retry,
    Unknown,
)
from messaging_core.testing.contracts.bounds import nothing_left_open
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

PATIENCE = 0.5


@pytest.fixture(params=PROVIDERS)
def provider(request: Any) -> Provider:
    return PROVIDERS[request.param]


@pytest.fixture
def transport_to(
    provider: Provider, closing: ExitStack, authority: trustme.CA
) -> Callable[[str], Any]:
    context = ssl.create_default_context()
    authority.configure_trust(context)

    def made(url: str) -> Any:
        client = Urllib3Client(timeout=timedelta(seconds=PATIENCE), ssl_context=context)
        closing.callback(client.close)
        return provider.make(base_url=url, client=client)

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


@pytest.fixture
def sent(provider: Provider) -> Callable[[Any], tuple[Outcome, int]]:
    """Return what sends a message, and says the outcome and how often leave was asked for."""

    def send(transport: Any) -> tuple[Outcome, int]:
        envelope, leave = provider.envelope(), Leave()
        began = monotonic()
        outcome = transport.send(envelope, leave)
        assert monotonic() - began < 5
        check_outcome(outcome, marked=leave.calls == 1, envelope=envelope, secrets=[SECRET])
        return outcome, leave.calls

    return send


def test_a_refused_connection_is_not_sent(serve: Any, transport_to: Any, sent: Any) -> None:
    peer = serve(answering())
    peer.close()

    outcome, marks = sent(transport_to(peer.url))

    assert isinstance(outcome, Deferred)
    assert (outcome.failure.retry, marks) == (Retry.TRANSIENT, 0)


@pytest.mark.parametrize("host", ["other.example"])
def test_a_certificate_of_another_host_is_a_wrong_set_up(
    serve: Any, transport_to: Any, sent: Any, host: str
) -> None:
    peer = serve(answering(), host)
    transport = transport_to(peer.url)

    outcome, marks = sent(transport)

    assert isinstance(outcome, Deferred)
    assert (outcome.failure.retry, marks) == (Retry.CONFIGURATION, 0)
    assert transport.check().status is CheckStatus.BAD_SETUP
    assert peer.requests == []


def test_a_server_without_tls_gets_nothing(serve: Any, transport_to: Any, sent: Any) -> None:
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
    serve: Any, transport_to: Any, sent: Any, behaviour: Behaviour
) -> None:
    peer = serve(behaviour)

    outcome, marks = sent(transport_to(peer.url))

    assert isinstance(outcome, Unknown)
    assert (outcome.failure.retry, marks) == (Retry.AMBIGUOUS, 1)
    assert len(peer.requests) == 1


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (answering(b"<html>", 429, Retry_After="7"), (Deferred, Retry.THROTTLED)),
        (answering(b"", 401), (Deferred, Retry.CONFIGURATION)),
        (answering(b"\xff", 400), (Rejected, Retry.PERMANENT)),
        (answering(b"<html>", 413), (Rejected, Retry.PERMANENT)),
        (answering(b"x" * 10_000_000, 400), (Rejected, Retry.PERMANENT)),
        (
            writing(b"HTTP/1.1 401 x\r\nContent-Length: 9\r\n\r\n", *([b"x", 0.2] * 8)),
            (Deferred, Retry.CONFIGURATION),
        ),
    ],
)
def test_the_status_decides_whatever_becomes_of_the_body(
    serve: Any, transport_to: Any, sent: Any, behaviour: Behaviour, expected: tuple[type, Retry]
) -> None:
    peer = serve(behaviour)

    outcome, marks = sent(transport_to(peer.url))

    assert isinstance(outcome, Deferred | Rejected)
    assert ((type(outcome), outcome.failure.retry), marks) == (expected, 1)
    if outcome.failure.retry is Retry.THROTTLED:
        assert isinstance(outcome, Deferred)
        assert outcome.retry_after == timedelta(seconds=7)


def test_nothing_is_left_open(serve: Any, transport_to: Any, sent: Any) -> None:
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


def test_a_provider_that_is_away_cannot_be_asked(
    provider: Provider, serve: Any, transport_to: Any
) -> None:
    envelope = provider.envelope()

    for behaviour in (answering(b"{}", 401), answering(b"<html>", 200), silent):
        assert transport_to(serve(behaviour).url).look_up(envelope) is None
