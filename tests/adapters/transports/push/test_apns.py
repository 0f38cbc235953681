"""APNs: requests as Apple takes them, its answers, and the contract against an HTTP/2 peer."""

import os
import re
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from apns_peer import APNS_ID, KEY_ID, P8, TEAM_ID, TOPIC, an_error, options, taken, token_of
from http2_peer import Http2Peer
from messaging_adapters.cli import main
from messaging_adapters.config import load_config
from messaging_adapters.providers.apns_message import LARGEST
from messaging_adapters.providers.apns_token import ProviderTokens, TokenClient
from messaging_adapters.providers.application_token import EllipticKey
from messaging_adapters.transports.push.apns import ApnsTransport
from messaging_core.errors import (
    ArgumentError,
    ConfigurationError,
    HttpError,
    MissingDependencyError,
)
from messaging_core.models import (
    Accepted,
    Channel,
    CheckStatus,
    Deferred,
    Envelope,
    MessageType,
    Outcome,
    PushContent,
    Rejected,
    Retry,
    Unknown,
)
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.content.action import PostbackAction
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from messaging_core.ports.transport import Transport
from messaging_core.rules.content.capabilities import check_capabilities
from messaging_core.testing import ManualClock
from messaging_core.testing.contracts.transport.envelopes import CONTENTS, an_envelope
from messaging_core.testing.contracts.transport.handoff import Leave
from messaging_core.testing.contracts.transport.http import HttpPeerContract
from messaging_core.testing.contracts.transport.outcomes import check_outcome
from messaging_core.testing.http_peer import Answer

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DEVICE = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"
EXPIRED = an_error(403, "ExpiredProviderToken")
IMAGE = "https://m.example/a.png"


def a_transport(**changes: Any) -> ApnsTransport:
    return ApnsTransport(**options(**changes))


TRANSPORT = a_transport()


def a_push(message_type: MessageType = MessageType.TRANSACTIONAL, **changes: Any) -> Envelope:
    content = PushContent(**{"text": "It is on its way", "title": "Your order"} | changes)
    channel = Channel(name="app", platform="push", message_type=message_type)
    envelope = an_envelope("push", content)
    receivers = (evolve(envelope.receivers[0], value=DEVICE),)
    times = {"created_at": NOW, "expires_at": NOW + timedelta(minutes=10)}
    return evolve(envelope, channel=channel, receivers=receivers, **times)


def requested(envelope: Envelope, **changes: Any) -> tuple[dict[str, str], dict[str, Any]]:
    transport = a_transport(**changes) if changes else TRANSPORT
    request = transport.request(envelope, now=NOW)
    assert isinstance(request, HttpRequest)
    return dict(request.headers), orjson.loads(request.body)


def faults(**changes: Any) -> list[tuple[str, str]]:
    content = a_push(**changes).content
    violations = check_capabilities(content, 1, TRANSPORT.capabilities, "/body")
    assert {violation.path for violation in violations} <= {"/body"}
    return [(violation.code, violation.message) for violation in violations]


def outcome(response: HttpResponse, **changes: Any) -> Outcome:
    envelope = a_push()
    transport = a_transport(**changes) if changes else TRANSPORT
    result = transport.outcome(response, envelope, now=NOW)
    check_outcome(result, marked=True, envelope=envelope, secrets=["PRIVATE KEY"])
    return result


def test_a_push_is_posted_to_the_device() -> None:
    envelope = a_push(subtitle="Order 7", link="https://shop.example/o/7", image_url=IMAGE)

    request = TRANSPORT.request(envelope, now=NOW)

    assert isinstance(request, HttpRequest)
    assert (request.method, request.url) == (
        "POST",
        f"https://api.push.apple.com/3/device/{DEVICE}",
    )
    headers = dict(request.headers)
    assert UUID(headers.pop("apns-id"))
    assert headers == {
        "apns-topic": TOPIC,
        "apns-push-type": "alert",
        "apns-priority": "10",
        "apns-expiration": str(int(NOW.timestamp()) + 600),
        "apns-collapse-id": str(envelope.message_id),
        "content-type": "application/json",
    }
    assert orjson.loads(request.body) == {
        "aps": {
            "alert": {"title": "Your order", "subtitle": "Order 7", "body": "It is on its way"},
            "mutable-content": 1,
        },
        "link": "https://shop.example/o/7",
        "image": IMAGE,
    }


def test_data_alone_are_a_background_message() -> None:
    headers, payload = requested(a_push(data={"order": 7, "paid": True}))

    assert (headers["apns-push-type"], headers["apns-priority"]) == ("background", "5")
    assert payload == {"aps": {"content-available": 1}, "order": "7", "paid": "true"}


@pytest.mark.parametrize(
    ("apns", "aps", "push_type", "priority"),
    [
        ({"aps": {"badge": 0, "content-available": 1}}, None, "alert", "10"),
        ({"aps": {"content-available": 1}}, None, "background", "5"),
        ({"payload": {"aps": {"sound": "ping"}}}, {"sound": "ping"}, "alert", "10"),
        ({"payload": {"x": 1}}, {"content-available": 1}, "background", "5"),
        (
            {"headers": {"Apns-Push-Type": "voip", "apns-priority": 5}, "payload": {"aps": {}}},
            {},
            "voip",
            "5",
        ),
    ],
)
def test_what_the_caller_wrote_for_apple_has_precedence(
    apns: Any, aps: Any, push_type: str, priority: str
) -> None:
    headers, payload = requested(a_push(data={"apns": apns, "order": "7", "android": {"x": 1}}))

    assert (headers["apns-push-type"], headers["apns-priority"]) == (push_type, priority)
    assert payload["aps"] == (apns["aps"] if aps is None else aps)
    assert payload["order"] == "7"
    assert "android" not in payload


def test_a_part_for_apple_is_joined_to_what_all_devices_show() -> None:
    data = {
        "notification": {"title": "T", "body": "B"},
        "apns": {"payload": {"aps": {"sound": "default"}, "order": {"id": 7}}},
    }

    _, payload = requested(a_push(data=data))

    assert payload == {
        "aps": {"alert": {"title": "T", "body": "B"}, "sound": "default"},
        "order": {"id": 7},
    }


def test_a_promotional_message_does_not_wake_the_device_up() -> None:
    assert requested(a_push(MessageType.PROMOTIONAL))[0]["apns-priority"] == "5"


def test_a_collapse_id_replaces_an_earlier_message() -> None:
    assert requested(a_push(), collapse_id="scores")[0]["apns-collapse-id"] == "scores"


def test_each_attempt_and_each_device_has_an_id_that_is_known_before() -> None:
    envelope = a_push()
    other = evolve(envelope, receivers=(evolve(envelope.receivers[0], value="ab"),))
    envelopes = [envelope, evolve(envelope, attempt=2), other, a_push()]

    ids = [requested(made)[0]["apns-id"] for made in envelopes]

    assert len(set(ids)) == 4
    assert requested(envelope)[0]["apns-id"] == ids[0]
    assert [TRANSPORT.references(made) for made in envelopes] == [(own,) for own in ids]
    assert all(own == str(UUID(own)) for own in ids)


def test_the_environment_says_where_the_api_is() -> None:
    hosts = [
        a_transport(**changes).request(a_push(), now=NOW).url.split("/3/")[0]  # type: ignore[union-attr]
        for changes in ({}, {"environment": "sandbox"}, {"base_url": "https://x.example/"})
    ]

    assert hosts == [
        "https://api.push.apple.com",
        "https://api.sandbox.push.apple.com",
        "https://x.example",
    ]


def test_an_address_that_is_no_token_leads_to_no_other_path() -> None:
    envelope = a_push()
    receivers = (evolve(envelope.receivers[0], value="../1?a=b#c/"),)

    request = TRANSPORT.request(evolve(envelope, receivers=receivers), now=NOW)

    assert isinstance(request, HttpRequest)
    assert request.url.endswith("/3/device/..%2F1%3Fa%3Db%23c%2F")


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"text": "x" * 4100}, "transport.too_large", "shorten it by"),
        ({"text": "é" * 2100}, "transport.too_large", "allows 4096"),
        ({"data": {"a": "x" * 4100}}, "transport.too_large", "shorten it by"),
        ({"data": {"apns": {"aps": {"a": "x" * 4090}}}}, "transport.too_large", "by 10 bytes"),
        ({"gateway": "firebase"}, "transport.other_gateway", "apns, not firebase"),
        ({"data": {"aps": {"badge": 1}}}, "transport.cannot_express", "into the part apns"),
        ({"data": {"apns": "x"}}, "transport.cannot_express", "apns, which are no object"),
        ({"data": {"apns": {"payload": 1}}}, "transport.cannot_express", "no object"),
        ({"data": {"apns": {"aps": 1}}}, "transport.cannot_express", "whose aps is none"),
        ({"data": {"apns": {"headers": 1}}}, "transport.cannot_express", "headers"),
        ({"data": {"apns": {"x": 1}}}, "transport.cannot_express", "apns.x"),
        ({"data": {"apns": {"headers": {"apns-id": "x"}}}}, "transport.cannot_express", "apns-id"),
        ({"data": {"apns": {"headers": {"host": "x"}}}}, "transport.cannot_express", "host"),
        (
            {"data": {"apns": {"headers": {"apns-topic": "a\r\nb: c"}}}},
            "transport.cannot_express",
            "apns-topic",
        ),
        (
            {"data": {"apns": {"headers": {"apns-collapse-id": "x" * 65}}}},
            "transport.cannot_express",
            "apns-collapse-id",
        ),
        (
            {"actions": (PostbackAction(text="Yes", payload="y"),)},
            "transport.cannot_express",
            "actions",
        ),
    ],
)
def test_what_apns_would_refuse_is_refused_at_acceptance(
    changes: dict[str, Any], code: str, words: str
) -> None:
    ((refusal, message),) = faults(**changes)

    assert refusal == code
    assert words in message


def test_the_size_is_that_of_the_payload() -> None:
    room = LARGEST - len(orjson.dumps(requested(a_push(text="x"))[1])) + 1

    assert [faults(text="x" * (room + more)) == [] for more in (0, 1)] == [True, False]
    voip = {"headers": {"apns-push-type": "voip"}, "payload": {"a": "x" * 5000}}
    assert faults(data={"apns": voip}) == []
    assert faults(data={"android": {"data": {"a": "x" * 5000}}}) == []


@pytest.mark.parametrize(
    ("status", "reason", "kind", "retry", "code"),
    [
        (410, "Unregistered", Rejected, Retry.RECIPIENT_GONE, FailureCode.UNKNOWN_RECEIVER),
        (410, "ExpiredToken", Rejected, Retry.RECIPIENT_GONE, FailureCode.UNKNOWN_RECEIVER),
        (400, "BadDeviceToken", Rejected, Retry.PERMANENT, FailureCode.INVALID_RECEIVER),
        (400, "DeviceTokenNotForTopic", Rejected, Retry.PERMANENT, None),
        (400, "BadCollapseId", Rejected, Retry.PERMANENT, FailureCode.INVALID_CONTENT),
        (413, "PayloadTooLarge", Rejected, Retry.PERMANENT, FailureCode.INVALID_CONTENT),
        (400, "TopicDisallowed", Deferred, Retry.CONFIGURATION, FailureCode.NOT_CONFIGURED),
        (400, "IdleTimeout", Deferred, Retry.TRANSIENT, FailureCode.TRANSIENT),
        (403, "InvalidProviderToken", Deferred, Retry.CONFIGURATION, FailureCode.NOT_CONFIGURED),
        (403, "ExpiredProviderToken", Deferred, Retry.CONFIGURATION, None),
        (403, "BadEnvironmentKeyIdInToken", Deferred, Retry.CONFIGURATION, None),
        (404, "BadPath", Deferred, Retry.CONFIGURATION, None),
        (429, "TooManyRequests", Deferred, Retry.THROTTLED, FailureCode.THROTTLED),
        (429, "TooManyProviderTokenUpdates", Deferred, Retry.THROTTLED, None),
        (500, "InternalServerError", Unknown, Retry.AMBIGUOUS, FailureCode.IN_DOUBT),
        (503, "ServiceUnavailable", Deferred, Retry.TRANSIENT, FailureCode.TRANSIENT),
        (503, "Shutdown", Deferred, Retry.TRANSIENT, FailureCode.TRANSIENT),
        (503, "NewReason", Unknown, Retry.AMBIGUOUS, FailureCode.IN_DOUBT),
        (400, "NewReason", Rejected, Retry.PERMANENT, FailureCode.INVALID_INPUT),
        (410, "NewReason", Rejected, Retry.PERMANENT, None),
    ],
)
def test_an_error_says_what_to_do(
    status: int, reason: str, kind: type, retry: Retry, code: FailureCode | None
) -> None:
    result = outcome(an_error(status, reason))

    assert isinstance(result, kind)
    assert isinstance(result, Rejected | Deferred | Unknown)
    assert result.failure.retry is retry
    assert code is None or result.failure.code == code


@pytest.mark.parametrize(
    ("timestamp", "words"),
    [
        (1_772_442_000_123, " (by 2026-03-02 09:00:00 UTC)"),
        (None, ""),
        ("x", ""),
        (-1, ""),
        (10**18, ""),
        (True, " (by 1970-01-01 00:00:00 UTC)"),
    ],
)
def test_a_device_that_is_gone_has_the_instant(timestamp: object, words: str) -> None:
    result = outcome(an_error(410, "Unregistered", timestamp=timestamp))

    assert isinstance(result, Rejected)
    assert result.failure.description == f"the app was removed from the device{words}"


def test_an_entry_of_the_table_can_be_changed() -> None:
    result = outcome(
        an_error(400, "BadDeviceToken"), errors={"BadDeviceToken": {"retry": "recipient_gone"}}
    )

    assert isinstance(result, Rejected)
    assert result.failure.code == FailureCode.UNKNOWN_RECEIVER


def test_a_success_names_the_message() -> None:
    answers = [HttpResponse(status=200, headers={"apns-id": own}) for own in (APNS_ID, "x", "")]

    accepted, *others = [outcome(answer) for answer in answers]

    assert accepted == Accepted(references=(APNS_ID,))
    assert all(isinstance(other, Unknown) for other in others)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["notification", "headers", "aps", "payload", "alert", "title", "apns-topic"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(
    data=st.none()
    | st.dictionaries(
        st.sampled_from(["notification", "android", "apns", "webpush", "order", "link", "aps"]),
        VALUES,
    ),
    link=st.none() | st.just("https://shop.example") | st.just("app://order"),
    image=st.none() | st.just(IMAGE),
)
def test_whatever_the_data_hold_is_refused_or_written(data: Any, link: Any, image: Any) -> None:
    envelope = a_push(data=data, link=link, image_url=image)
    if check_capabilities(envelope.content, 1, TRANSPORT.capabilities, ""):
        return

    headers, payload = requested(envelope)

    assert isinstance(payload["aps"], dict)
    assert len(orjson.dumps(payload)) <= LARGEST
    assert all(re.fullmatch(r"[ -~]+", value) for value in headers.values())
    assert headers["apns-push-type"] in {"alert", "background"} or data


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"private_key": "x"}, "P-256"),
        ({"key_id": "ABC"}, "key_id"),
        ({"team_id": "ABC123DEF-"}, "team_id"),
        ({"topic": "a b"}, "topic"),
        ({"collapse_id": "a" * 65}, "collapse_id"),
        ({"base_url": "http://apns.example"}, "base_url"),
    ],
)
def test_a_wrong_set_up_is_refused(changes: dict[str, str], word: str) -> None:
    with pytest.raises(ConfigurationError, match=word):
        a_transport(**changes)


def test_an_environment_of_another_name_is_refused() -> None:
    with pytest.raises(ArgumentError, match="environment"):
        a_transport(environment="test")


def test_nothing_secret_is_shown() -> None:
    assert "PRIVATE" not in repr(TRANSPORT)
    assert "eyJ" not in repr(
        ProviderTokens(EllipticKey(P8), key_id="k", team_id="t", clock=ManualClock()).current()
    )


def test_it_is_a_type_of_a_configuration() -> None:
    transport = {"type": "apns", "private_key_env": "APNS_KEY", "environment": "sandbox"}
    transport |= {"key_id": KEY_ID, "team_id": TEAM_ID, "topic": TOPIC}
    channel = {"platform": "push", "transport": transport}

    made: Any = load_config({"channels": {"app": channel}}).transport("app", {"APNS_KEY": P8})

    assert isinstance(made, ApnsTransport)
    assert made.environment == "sandbox"


class Apple(HttpClient):
    """Answer requests in turn, the last answer again and again; and keep them."""

    def __init__(self, *answers: HttpResponse | HttpError) -> None:
        self.answers = list(answers)
        self.requests: list[HttpRequest] = []
        self.marks: list[bool] = []
        self._lock = threading.Lock()

    def send(
        self, request: HttpRequest, *, before_body: Any = None, max_answer: Any = None
    ) -> HttpResponse:
        del max_answer
        with self._lock:
            self.requests.append(request)
            self.marks.append(before_body is not None)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if before_body is not None:
            before_body()
        if isinstance(answer, HttpError):
            raise answer
        return answer

    @property
    def tokens(self) -> list[str]:
        return [request.headers["authorization"] for request in self.requests]


TAKEN = HttpResponse(status=200, headers={"apns-id": APNS_ID})
A_POST = HttpRequest(method="POST", url="https://apns.example/3/device/ab", body=b"{}")


def a_client(apple: Apple, clock: ManualClock) -> TokenClient:
    tokens = ProviderTokens(EllipticKey(P8), key_id=KEY_ID, team_id=TEAM_ID, clock=clock)
    return TokenClient(apple, tokens)


def test_a_token_names_key_and_team_and_is_signed() -> None:
    apple, clock = Apple(TAKEN), ManualClock(NOW)

    a_client(apple, clock).send(A_POST)

    head, claims = token_of(apple.requests[0])
    assert head == {"alg": "ES256", "typ": "JWT", "kid": KEY_ID}
    assert claims == {"iss": TEAM_ID, "iat": int(NOW.timestamp())}


def test_a_token_is_renewed_between_20_and_60_minutes() -> None:
    apple, clock = Apple(TAKEN), ManualClock(NOW)
    client = a_client(apple, clock)

    for _ in range(240):
        client.send(A_POST)
        clock.advance(timedelta(minutes=1))

    ages = [
        minute - (token_of(r)[1]["iat"] - NOW.timestamp()) / 60
        for minute, r in enumerate(apple.requests)
    ]
    assert 20 <= max(ages) <= 60
    assert len(set(apple.tokens)) == 6


def test_a_clock_that_is_set_back_gives_a_token_of_its_time() -> None:
    apple, clock = Apple(TAKEN), ManualClock(NOW)
    client = a_client(apple, clock)

    for step in (0, -1, -3600):
        clock.advance(timedelta(seconds=step))
        client.send(A_POST)

    first, second, third = apple.tokens
    assert first == second != third
    assert token_of(apple.requests[2])[1]["iat"] == int(clock.now().timestamp())


def test_a_token_that_has_expired_is_renewed_once() -> None:
    apple, clock = Apple(TAKEN, EXPIRED, TAKEN, EXPIRED), ManualClock(NOW)
    client, marks = a_client(apple, clock), []
    client.send(A_POST)
    clock.advance(timedelta(minutes=25))

    response = client.send(A_POST, before_body=lambda: marks.append(1))

    assert (response, marks) == (TAKEN, [1])
    assert apple.marks == [False, True, False]
    assert len(set(apple.tokens)) == 2
    assert client.send(A_POST) == EXPIRED
    assert len(apple.requests) == 4, "not more often than every 20 minutes"


@pytest.mark.parametrize(
    "answer",
    [
        an_error(403, "InvalidProviderToken"),
        HttpResponse(status=403),
        an_error(400, "ExpiredProviderToken"),
    ],
)
def test_any_other_refusal_renews_nothing(answer: HttpResponse) -> None:
    apple, clock = Apple(TAKEN, answer), ManualClock(NOW)
    client = a_client(apple, clock)
    client.send(A_POST)
    clock.advance(timedelta(minutes=30))

    assert client.send(A_POST) == answer
    assert len(set(apple.tokens)) == 1


def test_threads_share_a_token_and_its_renewal() -> None:
    apple, clock = Apple(TAKEN), ManualClock(NOW)
    client = a_client(apple, clock)

    with ThreadPoolExecutor(16) as pool:
        for _ in range(3):
            list(pool.map(lambda _: client.send(A_POST), range(64)))
            clock.advance(timedelta(minutes=45))

    assert len(set(apple.tokens)) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_goes_on_with_the_token_of_its_parent() -> None:
    apple = Apple(TAKEN)
    client = a_client(apple, ManualClock(NOW))
    client.send(A_POST)

    child = os.fork()
    if child == 0:
        client.send(A_POST)
        os._exit(0 if len(set(apple.tokens)) == 1 else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (an_error(400, "BadDeviceToken"), CheckStatus.OK),
        (an_error(403, "InvalidProviderToken"), CheckStatus.BAD_CREDENTIALS),
        (an_error(400, "TopicDisallowed"), CheckStatus.BAD_SETUP),
        (an_error(503, "Shutdown"), CheckStatus.UNREACHABLE),
        (HttpResponse(status=200, headers={"apns-id": APNS_ID}), CheckStatus.OK),
    ],
)
def test_a_check_sends_to_a_device_that_does_not_exist(
    answer: HttpResponse, status: CheckStatus
) -> None:
    apple = Apple(answer)

    assert a_transport(client=apple).check().status is status
    assert apple.requests[0].url.endswith("/3/device/" + "0" * 64)


def test_each_device_of_a_receiver_gets_the_message_over_one_connection() -> None:
    gone = an_error(410, "Unregistered")
    with Http2Peer(lambda request: gone if request.url.endswith("/b2") else taken(request)) as peer:
        envelope = a_push()
        first = envelope.receivers[0]
        devices = tuple(evolve(first, value=value) for value in ("a1", "b2", "c3"))
        with a_transport(base_url=peer.url) as transport:
            leave = Leave()
            result: Any = transport.send(evolve(envelope, receivers=devices), leave)

        assert [type(result.outcomes[value]) for value in ("a1", "b2", "c3")] == [
            Accepted,
            Rejected,
            Accepted,
        ]
        assert (leave.calls, peer.connections) == (1, 1)
        ids = [exchange.request.headers["apns-id"] for exchange in peer.exchanges]
        assert len(set(ids)) == 3


class TestApnsTransport(HttpPeerContract):
    platform, content = next(entry for entry in CONTENTS if entry[0] == "push")
    secrets = ("PRIVATE KEY",)

    def peer(self, answer: Callable[[HttpRequest], Answer]) -> Any:
        peer = Http2Peer(answer)
        self._peers.append(peer)  # type: ignore[arg-type]
        return peer

    def transport_to(self, url: str) -> Transport:
        return a_transport(base_url=url, timeout=timedelta(seconds=0.7))

    def accepted(self, number: int) -> HttpResponse:
        return HttpResponse(status=200, headers={"apns-id": str(UUID(int=number))})

    def rejected(self, words: str) -> HttpResponse:
        return an_error(400, "BadDeviceToken", words=words)


PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "apns.md"


@pytest.mark.parametrize(("answer", "status"), [("BadDeviceToken", 0), ("InvalidProviderToken", 1)])
def test_messaging_check_accepts_the_configuration_of_the_page(
    answer: str,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (described,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    refusal = an_error(400 if status == 0 else 403, answer)
    with Http2Peer(lambda _: refusal) as peer:
        own = f'database = "shop.db"\n{described}base_url = "{peer.url}"\n'
        (tmp_path / "messaging.toml").write_text(own, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("APNS_KEY", P8)

        assert main(["check"]) == status

    assert "app" in capsys.readouterr().out
    (exchange,) = peer.exchanges
    assert token_of(exchange.request)[1]["iss"] == TEAM_ID


@pytest.mark.parametrize(
    ("missing", "users", "words"),
    [
        ("h2.exceptions", ["http_clients.h2_client"], "h2 is not installed"),
        (
            "cryptography.hazmat.primitives.asymmetric.ec",
            ["providers.application_token", "providers.apns_token"],
            "cryptography is not installed",
        ),
    ],
)
def test_the_extra_to_install_is_named(
    monkeypatch: pytest.MonkeyPatch, missing: str, users: list[str], words: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    for user in users:
        monkeypatch.delitem(sys.modules, f"messaging_adapters.{user}", raising=False)

    with pytest.raises(MissingDependencyError, match=rf"{words}.*messaging-engine\[apns\]"):
        a_transport()
