"""FCM: messages as its API takes them, its answers, and the contract against a peer."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from google_peer import FCM_ERROR, PROJECT, GooglePeer, account_json, an_error
from messaging_adapters.config import load_config
from messaging_adapters.providers.fcm_message import LARGEST
from messaging_adapters.transports.push.fcm import FcmTransport
from messaging_core.errors import ArgumentError, ConfigurationError
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
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.transport import Transport
from messaging_core.rules.content.capabilities import check_capabilities
from messaging_core.testing.contracts.transport.envelopes import CONTENTS, an_envelope
from messaging_core.testing.contracts.transport.http import HttpPeerContract
from messaging_core.testing.contracts.transport.outcomes import check_outcome

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
EXPIRES = str(int(NOW.timestamp()) + 600)
ACCOUNT = account_json("https://oauth2.example/token")
NO_TOKEN = "no access token: the token endpoint answered 400: invalid_grant"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


def a_transport(**options: Any) -> FcmTransport:
    return FcmTransport(**{"service_account": ACCOUNT} | options)


def a_push(message_type: MessageType = MessageType.TRANSACTIONAL, **changes: Any) -> Envelope:
    content = PushContent(**{"text": "It is on its way", "title": "Your order"} | changes)
    channel = Channel(name="app", platform="push", message_type=message_type)
    times = {"created_at": NOW, "expires_at": NOW + timedelta(minutes=10)}
    return evolve(an_envelope("push", content), channel=channel, **times)


# Reading an RSA key takes a tenth of a second.
TRANSPORT = a_transport()


def requested(envelope: Envelope, **options: Any) -> dict[str, Any]:
    transport = a_transport(**options) if options else TRANSPORT
    request = transport.request(envelope, now=NOW)
    assert isinstance(request, HttpRequest)
    message: dict[str, Any] = orjson.loads(request.body)["message"]
    return message


def faults(**changes: Any) -> list[tuple[str, str]]:
    content = a_push(**changes).content
    violations = check_capabilities(content, 1, TRANSPORT.capabilities, "/body")
    assert {violation.path for violation in violations} <= {"/body"}
    return [(violation.code, violation.message) for violation in violations]


def outcome(response: HttpResponse, **options: Any) -> Outcome:
    envelope = a_push()
    transport = a_transport(**options) if options else TRANSPORT
    result = transport.outcome(response, envelope, now=NOW)
    check_outcome(result, marked=True, envelope=envelope, secrets=["PRIVATE KEY"])
    return result


def test_a_push_is_posted_to_the_project_for_every_platform() -> None:
    envelope = a_push(link="https://shop.example/o/7", image_url="https://m.example/a.png")

    request = TRANSPORT.request(envelope, now=NOW)

    assert isinstance(request, HttpRequest)
    assert request.method == "POST"
    assert request.url == f"https://fcm.googleapis.com/v1/projects/{PROJECT}/messages:send"
    own_id = str(envelope.message_id)
    assert orjson.loads(request.body)["message"] == {
        "token": envelope.to,
        "notification": {
            "title": "Your order",
            "body": "It is on its way",
            "image": "https://m.example/a.png",
        },
        "data": {"link": "https://shop.example/o/7"},
        "android": {"ttl": "600s", "priority": "HIGH", "notification": {"tag": own_id}},
        "apns": {
            "headers": {
                "apns-push-type": "alert",
                "apns-priority": "10",
                "apns-expiration": EXPIRES,
                "apns-collapse-id": own_id,
            },
            "payload": {"aps": {"mutable-content": 1}},
        },
        "webpush": {
            "headers": {"TTL": "600", "Urgency": "high", "Topic": envelope.message_id.hex},
            "fcmOptions": {"link": "https://shop.example/o/7"},
        },
    }


def test_data_alone_are_silent_and_texts() -> None:
    data = {"order": 7, "paid": True, "note": "hé", "lines": [1, {"a": None}]}

    message = requested(a_push(data=data))

    assert "notification" not in message
    assert message["data"] == {
        "order": "7",
        "paid": "true",
        "note": "hé",
        "lines": '[1,{"a":null}]',
    }
    assert message["android"] == {"ttl": "600s", "priority": "NORMAL"}
    headers = message["apns"]["headers"]
    assert (headers["apns-push-type"], headers["apns-priority"]) == ("background", "5")
    assert message["apns"]["payload"] == {"aps": {"content-available": 1}}
    assert message["webpush"]["headers"]["Urgency"] == "normal"


def test_data_may_show_something_and_speak_for_one_platform() -> None:
    data = {
        "notification": {"title": "T", "body": "B"},
        "android": {
            "collapse_key": "scores",
            "priority": "normal",
            "data": {"small_key": 1},
            "notification": {"channel_id": "news", "light_settings": {"light_on_duration": "1s"}},
        },
        "apns": {"aps": {"sound": "ping", "thread-id": "a_b"}},
        "webpush": {
            "notification": {"requireInteraction": True, "data": {"a_b": 1}},
            "headers": {"Urgency": "low"},
            "fcm_options": {"analytics_label": "x"},
        },
        "order": "7",
    }
    envelope = a_push(data=data)

    message = requested(envelope)

    assert message["notification"] == {"title": "T", "body": "B"}
    assert message["data"] == {"order": "7"}
    assert message["android"] == {
        "ttl": "600s",
        "collapseKey": "scores",
        "priority": "NORMAL",
        "data": {"small_key": "1"},
        "notification": {
            "tag": str(envelope.message_id),
            "channelId": "news",
            "lightSettings": {"lightOnDuration": "1s"},
        },
    }
    assert message["apns"]["payload"] == {"aps": {"sound": "ping", "thread-id": "a_b"}}
    assert message["webpush"]["notification"] == data["webpush"]["notification"]
    assert message["webpush"]["fcmOptions"] == {"analyticsLabel": "x"}
    assert message["webpush"]["headers"]["Urgency"] == "low"
    assert message["webpush"]["headers"]["TTL"] == "600"


@pytest.mark.parametrize(
    ("apns", "push_type"),
    [
        ({"payload": {"aps": {"alert": "Hi"}}}, "alert"),
        ({"payload": {"aps": {"badge": 0}}}, "alert"),
        ({"payload": {"aps": {"content-available": 1}}}, "background"),
        ({"payload": "x"}, "background"),
        ({"headers": {"apns-push-type": "location"}}, "location"),
    ],
)
def test_apple_is_told_whether_something_is_shown(apns: object, push_type: str) -> None:
    message = requested(a_push(data={"apns": apns}))

    assert message["apns"]["headers"]["apns-push-type"] == push_type
    assert message["android"] == {"ttl": "600s", "priority": "NORMAL"}


def test_a_subtitle_is_the_first_line_where_a_platform_has_none() -> None:
    message = requested(a_push(subtitle="Order 7"))

    assert message["notification"]["body"] == "Order 7\nIt is on its way"
    assert message["apns"]["payload"]["aps"]["alert"] == {
        "title": "Your order",
        "subtitle": "Order 7",
        "body": "It is on its way",
    }


def test_a_promotional_message_does_not_wake_the_device_up() -> None:
    message = requested(a_push(MessageType.PROMOTIONAL))

    assert message["android"]["priority"] == "NORMAL"
    assert message["apns"]["headers"]["apns-priority"] == "5"
    assert message["webpush"]["headers"]["Urgency"] == "normal"


def test_a_collapse_key_replaces_what_waits_and_what_is_shown() -> None:
    message = requested(a_push(), collapse_key="scores")

    assert message["android"]["collapseKey"] == "scores"
    assert message["android"]["notification"]["tag"] == "scores"
    assert message["apns"]["headers"]["apns-collapse-id"] == "scores"
    assert message["webpush"]["headers"]["Topic"] == "scores"


@pytest.mark.parametrize(
    ("left", "ttl"),
    [(timedelta(seconds=1.9), "1s"), (timedelta(0), "0s"), (timedelta(days=40), "2419200s")],
)
def test_the_time_to_live_is_what_is_left_of_the_validity(left: timedelta, ttl: str) -> None:
    assert requested(evolve(a_push(), expires_at=NOW + left))["android"]["ttl"] == ttl


def test_addresses_may_be_installation_ids() -> None:
    message = requested(a_push(), address_field="fid")

    assert "token" not in message
    assert message["fid"] == a_push().to


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"text": "x" * 4100}, "transport.too_large", "shorten it by"),
        ({"text": "é" * 2100}, "transport.too_large", "allows 4096"),
        ({"data": {"a": "x" * 4100}}, "transport.too_large", "shorten it by"),
        ({"data": {"apns": {"aps": {"a": "x" * 4090}}}}, "transport.too_large", "by 31 bytes"),
        ({"gateway": "apns"}, "transport.other_gateway", "firebase, not apns"),
        ({"data": {"from": "x"}}, "transport.cannot_express", "data key from"),
        ({"data": {"message_type": "x"}}, "transport.cannot_express", "message_type"),
        ({"data": {"google.a": "x"}}, "transport.cannot_express", "google.a"),
        ({"data": {"gcm.notification.a": 1}}, "transport.cannot_express", "gcm.notification.a"),
        ({"data": {"android": {"data": {"from": 1}}}}, "transport.cannot_express", "key from"),
        ({"data": {"android": "x"}}, "transport.cannot_express", "android, which are no object"),
        ({"data": {"notification": {"title": 7}}}, "transport.cannot_express", "no text"),
        (
            {"actions": (PostbackAction(text="Yes", payload="y"),)},
            "transport.cannot_express",
            "actions",
        ),
    ],
)
def test_what_fcm_would_refuse_is_refused_at_acceptance(
    changes: dict[str, Any], code: str, words: str
) -> None:
    ((refusal, message),) = faults(**changes)

    assert refusal == code
    assert words in message


def test_the_size_is_what_one_device_gets() -> None:
    shown = {"title": "Your order", "body": ""}
    room = LARGEST - len(orjson.dumps({"notification": shown, "apns": {}})) - len(b'"android"') + 6

    fits = [not faults(text="x" * (room + more)) for more in (-20, 20)]

    assert fits == [True, False]
    halves = {"android": {"data": {"a": "x" * 3900}}, "apns": {"aps": {"a": "x" * 3900}}}
    assert faults(data=halves) == []


@pytest.mark.parametrize(
    ("response", "kind", "retry", "code"),
    [
        (an_error(404, "UNREGISTERED"), Rejected, Retry.RECIPIENT_GONE, "UNREGISTERED"),
        (
            an_error(400, "INVALID_ARGUMENT"),
            Rejected,
            Retry.PERMANENT,
            "INVALID_ARGUMENT:token",
        ),
        (
            an_error(
                400,
                "INVALID_ARGUMENT",
                {"@type": BAD_REQUEST, "fieldViolations": [{"field": "message.data[0].value"}]},
            ),
            Rejected,
            Retry.PERMANENT,
            "INVALID_ARGUMENT",
        ),
        (
            an_error(400, "INVALID_ARGUMENT", {"@type": BAD_REQUEST, "fieldViolations": "x"}),
            Rejected,
            Retry.PERMANENT,
            "INVALID_ARGUMENT",
        ),
        (an_error(403, "SENDER_ID_MISMATCH"), Rejected, Retry.PERMANENT, "SENDER_ID_MISMATCH"),
        (an_error(429, "QUOTA_EXCEEDED"), Deferred, Retry.THROTTLED, "QUOTA_EXCEEDED"),
        (an_error(503, "UNAVAILABLE"), Deferred, Retry.TRANSIENT, "UNAVAILABLE"),
        (an_error(500, "INTERNAL"), Unknown, Retry.AMBIGUOUS, "INTERNAL"),
        (an_error(401, "THIRD_PARTY_AUTH_ERROR"), Deferred, Retry.CONFIGURATION, None),
        (an_error(401, "APNS_AUTH_ERROR"), Deferred, Retry.CONFIGURATION, None),
        (an_error(401), Deferred, Retry.CONFIGURATION, "UNAUTHENTICATED"),
        (an_error(404), Deferred, Retry.CONFIGURATION, "NOT_FOUND"),
        (an_error(400), Rejected, Retry.PERMANENT, "INVALID_ARGUMENT"),
        (an_error(418, "NEW_CODE"), Rejected, Retry.PERMANENT, "418"),
        (HttpResponse(status=503, body=b"<html>"), Unknown, Retry.AMBIGUOUS, "503"),
        (HttpResponse(status=200, body=b'{"name": "x"}'), Unknown, Retry.AMBIGUOUS, "200"),
    ],
)
def test_an_error_says_what_to_do(
    response: HttpResponse, kind: type, retry: Retry, code: str | None
) -> None:
    result = outcome(response)

    assert isinstance(result, kind)
    assert isinstance(result, Rejected | Deferred | Unknown)
    assert result.failure.retry is retry
    assert result.failure.source is not None
    assert code is None or result.failure.source.code == code


def test_only_an_unregistered_device_is_gone() -> None:
    gone = outcome(an_error(404, "UNREGISTERED"))
    others = [
        outcome(an_error(status, code))
        for status, code in [(400, "INVALID_ARGUMENT"), (403, "SENDER_ID_MISMATCH"), (404, "")]
    ]

    assert isinstance(gone, Rejected)
    assert gone.failure.code == FailureCode.UNKNOWN_RECEIVER
    for other in others:
        assert isinstance(other, Rejected | Deferred)
        assert other.failure.code != FailureCode.UNKNOWN_RECEIVER


@pytest.mark.parametrize(
    ("status", "code", "headers", "wait"),
    [
        (429, "QUOTA_EXCEEDED", {}, 60),
        (429, "QUOTA_EXCEEDED", {"retry-after": "7"}, 7),
        (503, "UNAVAILABLE", {"retry-after": "30"}, 30),
        (503, "UNAVAILABLE", {}, 10),
        (401, "", {}, None),
    ],
)
def test_a_wait_is_kept(status: int, code: str, headers: Any, wait: int | None) -> None:
    answer = an_error(status, code)
    assert isinstance(answer, HttpResponse)

    result = outcome(evolve(answer, headers=headers))

    assert isinstance(result, Deferred)
    assert result.retry_after == (None if wait is None else timedelta(seconds=wait))


def test_an_entry_of_the_table_can_be_changed() -> None:
    result = outcome(
        an_error(403, "SENDER_ID_MISMATCH"),
        errors={"SENDER_ID_MISMATCH": {"retry": "recipient_gone"}},
    )

    assert isinstance(result, Rejected)
    assert result.failure.code == FailureCode.UNKNOWN_RECEIVER


@given(
    document=st.recursive(
        st.none() | st.integers() | st.text(max_size=9) | st.sampled_from([FCM_ERROR, BAD_REQUEST]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["error", "details", "@type", "errorCode", "fieldViolations", "name", "status"]
                ),
                inner,
                max_size=4,
            )
        ),
    ),
    status=st.integers(100, 999),
)
def test_any_answer_is_an_outcome(document: object, status: int) -> None:
    outcome(HttpResponse(status=status, body=json.dumps(document).encode()))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["notification", "data", "headers", "aps", "payload", "fcm_options"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(
    data=st.none()
    | st.dictionaries(
        st.sampled_from(["notification", "android", "apns", "webpush", "order", "link"]), VALUES
    ),
    link=st.none() | st.just("https://shop.example") | st.just("app://order"),
    image=st.none() | st.just("https://m.example/a.png"),
)
def test_whatever_the_data_hold_is_refused_or_written(data: Any, link: Any, image: Any) -> None:
    envelope = a_push(data=data, link=link, image_url=image)
    if check_capabilities(envelope.content, 1, TRANSPORT.capabilities, ""):
        return

    message = requested(envelope)

    assert all(isinstance(text, str) for text in message.get("data", {}).values())
    assert all(isinstance(text, str) for text in message.get("notification", {}).values())
    if link and data is None:
        assert message["data"]["link"] == link


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"service_account": "{}"}, "service_account"),
        ({"project_id": "a b"}, "project_id"),
        ({"project_id": ""}, None),
        ({"collapse_key": "a b"}, "collapse_key"),
        ({"collapse_key": "a" * 33}, "collapse_key"),
        ({"base_url": "http://fcm.example"}, "base_url"),
    ],
)
def test_a_wrong_set_up_is_refused(options: dict[str, str], word: str | None) -> None:
    if word is None:
        assert a_transport(**options)  # the project of the account
        return
    with pytest.raises(ConfigurationError, match=word):
        a_transport(**options)


def test_an_address_field_of_another_name_is_refused() -> None:
    with pytest.raises(ArgumentError, match="address_field"):
        a_transport(address_field="topic")


def test_nothing_secret_is_shown() -> None:
    assert "PRIVATE" not in repr(TRANSPORT)
    assert "gserviceaccount" not in repr(TRANSPORT)


def test_it_is_a_type_of_a_configuration() -> None:
    channel = {
        "platform": "push",
        "transport": {
            "type": "fcm",
            "service_account_env": "FIREBASE",
            "collapse_key": "scores",
            "address_field": "fid",
        },
    }

    made: Any = load_config({"channels": {"app": channel}}).transport("app", {"FIREBASE": ACCOUNT})

    assert isinstance(made, FcmTransport)
    assert (made.collapse_key, made.address_field) == ("scores", "fid")


@pytest.fixture
def google() -> Iterator[GooglePeer]:
    peer = GooglePeer()
    yield peer
    peer.close()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (None, CheckStatus.OK),
        (an_error(403, "PERMISSION_DENIED"), CheckStatus.BAD_CREDENTIALS),
        (an_error(404), CheckStatus.BAD_SETUP),
        (an_error(503, "UNAVAILABLE"), CheckStatus.UNREACHABLE),
    ],
)
def test_a_check_sends_nothing(google: GooglePeer, answer: Any, status: CheckStatus) -> None:
    if answer is not None:
        google._answer = lambda _: answer
    with a_transport(service_account=google.account(), base_url=google.peer.url) as transport:
        assert transport.check().status is status

    (document,) = google.messages
    assert document["validateOnly"] is True


def test_a_check_tells_a_refused_account_from_google_that_is_away(google: GooglePeer) -> None:
    with a_transport(service_account=google.account(), base_url=google.peer.url) as transport:
        google.grant = lambda: HttpResponse(status=400, body=b'{"error": "invalid_grant"}')
        refused = transport.check()
        google.grant = lambda: HttpResponse(status=503)
        away = transport.check()

    assert (refused.status, away.status) == (CheckStatus.BAD_CREDENTIALS, CheckStatus.UNREACHABLE)
    assert refused.failure is not None
    assert refused.failure.description == NO_TOKEN
    assert google.messages == []


def test_a_message_of_a_refused_account_waits_and_says_why(google: GooglePeer) -> None:
    google.grant = lambda: HttpResponse(status=400, body=b'{"error": "invalid_grant"}')
    handoff: Any = lambda **_: pytest.fail("was handed over")  # noqa: E731 - of any arguments

    with a_transport(service_account=google.account(), base_url=google.peer.url) as transport:
        outcome = transport.send(a_push(), handoff)

    assert isinstance(outcome, Deferred)
    assert outcome.failure.description == NO_TOKEN
    assert outcome.failure.retry is Retry.CONFIGURATION
    assert google.messages == []


class TestFcmTransport(HttpPeerContract):
    platform, content = next(entry for entry in CONTENTS if entry[0] == "push")

    @pytest.fixture(autouse=True)
    def _google(self, google: GooglePeer) -> None:
        self.account = google.account()

    def transport_to(self, url: str) -> Transport:
        return FcmTransport(service_account=self.account, base_url=url, timeout=0.5)  # type: ignore[arg-type]

    def accepted(self, number: int) -> HttpResponse:
        name = {"name": f"projects/{PROJECT}/messages/0:{number}"}
        return HttpResponse(status=200, body=json.dumps(name).encode())

    def rejected(self, words: str) -> HttpResponse:
        answer = an_error(400, "INVALID_ARGUMENT", text=f"bad value {words}")
        assert isinstance(answer, HttpResponse)
        return answer


def test_a_success_names_the_message() -> None:
    body = orjson.dumps({"name": f"projects/{PROJECT}/messages/0:1%a"})

    assert outcome(HttpResponse(status=200, body=body)) == Accepted(
        references=(f"projects/{PROJECT}/messages/0:1%a",)
    )
