"""Web Push: requests to push services, their answers, and the contract against a peer."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.config import load_config
from messaging_adapters.transports.push.webpush import WebPushTransport
from messaging_core.errors import ConfigurationError
from messaging_core.models import (
    Accepted,
    Channel,
    CheckStatus,
    Deferred,
    Envelope,
    MessageType,
    Outcome,
    PerRecipient,
    PushContent,
    Recipient,
    Rejected,
    Retry,
    SmsContent,
    Unknown,
)
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.content.action import LinkAction, PostbackAction, ReplyAction
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.transport import Handoff, Transport
from messaging_core.rules.content.capabilities import check_capabilities
from messaging_core.rules.formats.sms import split_sms
from messaging_core.testing import HttpPeer
from messaging_core.testing.contracts.transport.envelopes import CONTENTS, an_envelope
from messaging_core.testing.contracts.transport.handoff import Leave
from messaging_core.testing.contracts.transport.http import HttpPeerContract
from messaging_core.testing.contracts.transport.outcomes import check_outcome
from push_service import Browser, encoded

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = encoded(generate_private_key(SECP256R1()).private_numbers().private_value.to_bytes(32, "big"))
SUBJECT = "mailto:ops@shop.example"
BROWSER = Browser("https://push.example/send/abc")


def a_transport(**options: Any) -> WebPushTransport:
    return WebPushTransport(**{"private_key": KEY, "subject": SUBJECT} | options)


TRANSPORT = a_transport()


def a_push(
    message_type: MessageType = MessageType.TRANSACTIONAL, to: Browser = BROWSER, **changes: Any
) -> Envelope:
    content = PushContent(**{"text": "It is on its way", "title": "Your order"} | changes)
    channel = Channel(name="app", platform="push", message_type=message_type)
    times = {"created_at": NOW, "expires_at": NOW + timedelta(minutes=10)}
    receivers = (Recipient(value=to.address),)
    return evolve(an_envelope("push", content), channel=channel, receivers=receivers, **times)


def requested(envelope: Envelope, **options: Any) -> HttpRequest:
    request = a_transport(**options).request(envelope, now=NOW)
    assert isinstance(request, HttpRequest)
    return request


def read(envelope: Envelope, **options: Any) -> dict[str, Any]:
    return BROWSER.read(requested(envelope, **options))


def outcome(response: HttpResponse, **options: Any) -> Outcome:
    envelope = a_push()
    result = a_transport(**options).outcome(response, envelope, now=NOW)
    check_outcome(result, marked=True, envelope=envelope, secrets=[KEY])
    return result


def test_a_push_is_posted_to_the_endpoint_of_the_browser() -> None:
    envelope = a_push()

    request = requested(envelope)

    token = request.headers["authorization"]
    assert (request.method, request.url) == ("POST", "https://push.example/send/abc")
    assert token.startswith("vapid t=")
    assert token.endswith(f",k={TRANSPORT.public_key}")
    assert {name: value for name, value in request.headers.items() if name != "authorization"} == {
        "ttl": "600",
        "urgency": "high",
        "topic": envelope.message_id.hex,
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
    }


def test_the_service_worker_reads_what_it_is_to_show() -> None:
    envelope = a_push(
        subtitle="Order 7",
        link="https://shop.example/o/7",
        image_url="https://m.example/a.png",
        actions=(
            LinkAction(text="Track", url="https://shop.example/t/7"),
            PostbackAction(text="Later", payload="later"),
            ReplyAction(text="Thanks"),
        ),
    )

    assert read(envelope) == {
        "notification": {
            "tag": envelope.message_id.hex,
            "title": "Your order",
            "body": "Order 7\nIt is on its way",
            "image": "https://m.example/a.png",
            "actions": [
                {"action": "https://shop.example/t/7", "title": "Track"},
                {"action": "later", "title": "Later"},
                {"action": "Thanks", "title": "Thanks"},
            ],
        },
        "data": {"link": "https://shop.example/o/7"},
    }


def test_data_alone_are_silent_and_parts_of_other_gateways_are_left_to_them() -> None:
    envelope = a_push(data={"order": 7, "android": {"priority": "high"}, "apns": {"aps": {}}})

    assert read(envelope) == {"data": {"order": "7"}}
    assert requested(envelope).headers["urgency"] == "normal"


def test_what_the_caller_writes_for_web_push_has_precedence() -> None:
    own = {"notification": {"body": "W", "requireInteraction": True}, "data": {"order": 8}}
    data = {"notification": {"title": "T", "body": "B"}, "order": 7, "webpush": own}

    message = read(a_push(data=data), topic="scores")

    assert message == {
        "notification": {"tag": "scores", "title": "T", "body": "W", "requireInteraction": True},
        "data": {"order": "8"},
    }


def test_a_promotional_message_can_wait_for_the_device() -> None:
    assert requested(a_push(MessageType.PROMOTIONAL)).headers["urgency"] == "normal"


@pytest.mark.parametrize(
    ("left", "ttl"),
    [(timedelta(seconds=1.9), "1"), (timedelta(0), "0"), (timedelta(days=40), "2419200")],
)
def test_the_time_to_live_is_what_is_left_of_the_validity(left: timedelta, ttl: str) -> None:
    assert requested(evolve(a_push(), expires_at=NOW + left)).headers["ttl"] == ttl


def test_no_two_bodies_are_alike() -> None:
    envelope = a_push()

    assert requested(envelope).body != requested(envelope).body


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"text": "x" * 3993}, "transport.too_large", "allows 3993"),
        ({"data": {"a": "é" * 2000}}, "transport.too_large", "shorten it by"),
        ({"gateway": "apns"}, "transport.other_gateway", "web, not apns"),
        ({"data": {"webpush": {"headers": {}}}}, "transport.cannot_express", "webpush.headers"),
        ({"data": {"webpush": {"data": 1}}}, "transport.cannot_express", "no object"),
        ({"data": {"webpush": 1}}, "transport.cannot_express", "no object"),
    ],
)
def test_what_no_browser_could_read_is_refused_at_acceptance(
    changes: dict[str, Any], code: str, words: str
) -> None:
    content = a_push(**changes).content

    (violation,) = check_capabilities(content, 1, TRANSPORT.capabilities, "/body")

    assert (violation.path, violation.code) == ("/body", code)
    assert words in violation.message


@given(
    data=st.none()
    | st.dictionaries(
        st.sampled_from(["notification", "webpush", "order", "link"]),
        st.none() | st.text() | st.dictionaries(st.text(max_size=9), st.text(max_size=9)),
    ),
    text=st.text(max_size=4100),
)
def test_what_is_accepted_fits_into_one_record(data: Any, text: str) -> None:
    envelope = a_push(data=data, text=text)
    if check_capabilities(envelope.content, 1, TRANSPORT.capabilities, ""):
        return

    request = TRANSPORT.request(envelope, now=NOW)

    assert isinstance(request, HttpRequest)
    assert len(request.body) <= 4096
    assert isinstance(BROWSER.read(request), dict)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example/a",
        "https://push.example:8443/a",
        "https://push.example:22/a",
    ],
)
def test_an_endpoint_that_is_not_https_is_refused(endpoint: str) -> None:
    refusal = a_transport().request(a_push(to=Browser(endpoint)), now=NOW)

    assert isinstance(refusal, Rejected)
    assert refusal.failure.code == FailureCode.INVALID_RECEIVER
    assert "push.example" not in str(refusal)


def test_an_address_that_is_no_subscription_is_refused() -> None:
    envelope = evolve(a_push(), receivers=(Recipient(value="fcm-token"),))
    keys = {**BROWSER.subscription["keys"], "p256dh": "B" + "A" * 86}  # type: ignore[dict-item]
    off_curve = Browser("https://push.example/a")
    off_curve.subscription["keys"] = keys

    refusals = [TRANSPORT.request(own, now=NOW) for own in (envelope, a_push(to=off_curve))]

    for refusal in refusals:
        assert isinstance(refusal, Rejected)
        assert refusal.failure.code == FailureCode.INVALID_RECEIVER


def test_only_push_messages_are_carried() -> None:
    sms = an_envelope("push", SmsContent(sms=split_sms("hi")))

    refusal = TRANSPORT.request(sms, now=NOW)

    assert isinstance(refusal, Rejected)
    assert refusal.failure.code == FailureCode.UNSUPPORTED_TYPE


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "fd00::1"])
def test_nothing_goes_to_a_private_network(monkeypatch: Any, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    addresses = [(family, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    leave = Leave()

    with a_transport() as transport:
        refusal = transport.send(a_push(), leave)

    assert isinstance(refusal, Rejected)
    assert refusal.failure.code == FailureCode.INVALID_RECEIVER
    assert leave.calls == 0


def test_a_host_that_is_not_found_is_tried_again(monkeypatch: Any) -> None:
    def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with a_transport() as transport:
        result = transport.send(a_push(), Leave())

    assert isinstance(result, Deferred)
    assert (result.failure.code, result.failure.retry) == (
        FailureCode.UNREACHABLE,
        Retry.TRANSIENT,
    )


@pytest.mark.parametrize(
    ("status", "headers", "kind", "retry"),
    [
        (201, {"location": "https://push.example/m/1"}, Accepted, None),
        (200, {}, Accepted, None),
        (202, {"location": "x" * 501}, Accepted, None),
        (204, {}, Accepted, None),
        (301, {}, Deferred, Retry.CONFIGURATION),
        (400, {}, Rejected, Retry.PERMANENT),
        (401, {}, Deferred, Retry.CONFIGURATION),
        (403, {}, Deferred, Retry.CONFIGURATION),
        (404, {}, Rejected, Retry.RECIPIENT_GONE),
        (410, {}, Rejected, Retry.RECIPIENT_GONE),
        (413, {}, Rejected, Retry.PERMANENT),
        (429, {"retry-after": "7"}, Deferred, Retry.THROTTLED),
        (500, {}, Unknown, Retry.AMBIGUOUS),
        (503, {"retry-after": "7"}, Deferred, Retry.TRANSIENT),
        (503, {}, Unknown, Retry.AMBIGUOUS),
    ],
)
def test_a_status_says_what_to_do(
    status: int, headers: dict[str, str], kind: type, retry: Retry | None
) -> None:
    result = outcome(HttpResponse(status=status, headers=headers, body=b"<html>"))

    assert isinstance(result, kind)
    if isinstance(result, Deferred | Rejected | Unknown):
        assert result.failure.retry is retry
    if isinstance(result, Deferred) and "retry-after" in headers:
        assert result.retry_after == timedelta(seconds=7)


@given(
    status=st.integers(100, 999),
    headers=st.dictionaries(
        st.sampled_from(["location", "retry-after", "ttl"]),
        st.text(alphabet="0123456789 -:,.MonGT/é", max_size=40),
    ),
    body=st.binary(max_size=100),
)
def test_any_answer_is_an_outcome(status: int, headers: dict[str, str], body: bytes) -> None:
    envelope = a_push()

    result = TRANSPORT.outcome(
        HttpResponse(status=status, headers=headers, body=body), envelope, now=NOW
    )

    check_outcome(result, marked=True, envelope=envelope, secrets=[KEY])
    assert isinstance(result, Accepted) == (200 <= status < 300)
    if status >= 500 and status != 503:
        assert isinstance(result, Unknown)


def test_a_certificate_that_is_not_trusted_is_no_fault_of_the_set_up() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    leave = Leave()

    with (
        HttpPeer(lambda _: HttpResponse(status=201), tls=context) as peer,
        a_transport(allow_private=True) as transport,
    ):
        result = transport.send(a_push(to=Browser(f"{peer.url}/send")), leave)

    assert isinstance(result, Deferred)
    assert (result.failure.retry, leave.calls) == (Retry.TRANSIENT, 0)
    assert peer.exchanges == []


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_is_gone_is_an_unknown_receiver(status: int) -> None:
    result = outcome(HttpResponse(status=status))

    assert isinstance(result, Rejected)
    assert result.failure.code == FailureCode.UNKNOWN_RECEIVER


def test_an_entry_of_the_table_can_be_changed() -> None:
    result = outcome(HttpResponse(status=403), errors={"403": {"retry": "recipient_gone"}})

    assert isinstance(result, Rejected)
    assert result.failure.code == FailureCode.UNKNOWN_RECEIVER


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"private_key": "x"}, "private_key"),
        ({"subject": "x"}, "subject"),
        ({"topic": "a b"}, "topic"),
        ({"topic": "a" * 33}, "topic"),
    ],
)
def test_a_wrong_set_up_is_refused(options: dict[str, str], word: str) -> None:
    with pytest.raises(ConfigurationError, match=word):
        a_transport(**options)


def test_no_secret_is_shown() -> None:
    assert KEY not in repr(TRANSPORT)


def test_it_is_a_type_of_a_configuration() -> None:
    transport = {"type": "webpush", "private_key_env": "VAPID", "subject": SUBJECT}
    config = load_config({"channels": {"web": {"platform": "push", "transport": transport}}})

    made: Any = config.transport("web", {"VAPID": KEY})

    assert isinstance(made, WebPushTransport)
    assert made.public_key == TRANSPORT.public_key
    assert made.check().status is CheckStatus.UNKNOWN


@pytest.fixture
def serve() -> Iterator[Callable[[int], HttpPeer]]:
    with ExitStack() as stack:

        def started(status: int) -> HttpPeer:
            return stack.enter_context(HttpPeer(lambda _: HttpResponse(status=status)))

        yield started


def test_each_browser_has_a_push_service_of_its_own(serve: Callable[[int], HttpPeer]) -> None:
    """What one push service answers says nothing about the others."""
    statuses = {403: Deferred, 410: Rejected, 429: Deferred, 201: Accepted}
    browsers = [Browser(f"{serve(status).url}/send") for status in statuses]
    receivers = tuple(Recipient(value=browser.address) for browser in browsers)

    with a_transport(allow_private=True) as transport:
        result = transport.send(evolve(a_push(), receivers=receivers), Leave())

    assert isinstance(result, PerRecipient)
    kinds = [type(result.outcomes[browser.address]) for browser in browsers]
    assert kinds == list(statuses.values())


class ToBrowsers:
    """Give each receiver of the kit a subscription with an endpoint of its own at a peer."""

    def __init__(self, transport: WebPushTransport, url: str, browser: Browser) -> None:
        self.name, self.capabilities = transport.name, transport.capabilities
        self.check, self.close = transport.check, transport.close
        self._transport, self._url, self._browser = transport, url, browser

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        receivers = tuple(
            evolve(own, value=self._browser.at(f"{self._url}/{own.value}").address)
            for own in envelope.receivers
        )
        return self._transport.send(evolve(envelope, receivers=receivers), handoff)


class TestWebPushTransport(HttpPeerContract):
    platform, content = next(entry for entry in CONTENTS if entry[0] == "push")
    gives_references = False
    secrets = (KEY,)

    def transport_to(self, url: str) -> Transport:
        transport = a_transport(allow_private=True, timeout=timedelta(seconds=0.5))
        return ToBrowsers(transport, url, BROWSER)  # type: ignore[return-value]

    def accepted(self, number: int) -> HttpResponse:
        del number
        return HttpResponse(status=201)

    def rejected(self, words: str) -> HttpResponse:
        return HttpResponse(status=400, body=words.encode())

    def received(self) -> list[str]:
        requests = [request for peer in self._peers for request in peer.taken]
        return [f"{request.url} {BROWSER.read(request)}" for request in requests]
