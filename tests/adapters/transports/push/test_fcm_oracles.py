"""Our messages to FCM beside those of Google's own library, and against Google's schema.

`firebase-admin` writes the same message with two differences of spelling, both of which FCM takes:
its keys are in snake case where the discovery document has camel case, and priorities are in lower
case. It knows no subtitle, and leaves `apns-push-type` to the caller. Its grants are for Google's
token endpoint, whatever the account says, and for all of Google Cloud; ours are for the endpoint of
the account (RFC 7523 §3) and for messages alone.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import firebase_admin
import pytest
from attrs import evolve
from firebase_admin import credentials, exceptions, messaging
from hypothesis import given
from hypothesis import strategies as st

from google_peer import EMAIL, PROJECT, GooglePeer, account_json, an_error, claims_of
from messaging_adapters.transports.push.fcm import FcmTransport
from messaging_core.models import (
    Accepted,
    Channel,
    Deferred,
    Envelope,
    MessageType,
    PushContent,
    Rejected,
    Retry,
)
from messaging_core.ports.http import HttpRequest
from messaging_core.rules.content.capabilities import check_capabilities
from messaging_core.testing import ManualClock
from messaging_core.testing.contracts.transport.envelopes import an_envelope
from messaging_core.testing.contracts.transport.handoff import Leave

# Apps have registration tokens until they move to installation ids; FCM takes both.
pytestmark = pytest.mark.filterwarnings("ignore:Message.token is deprecated:DeprecationWarning")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DISCOVERY = json.loads((Path(__file__).parent / "fcm_discovery.json").read_text(encoding="utf-8"))
SCHEMAS = DISCOVERY["schemas"]
OPEN = {"data", "headers", "payload"}
TRANSPORT = FcmTransport(service_account=account_json("https://oauth2.example/token"))


@pytest.fixture
def google() -> Iterator[GooglePeer]:
    peer = GooglePeer()
    yield peer
    peer.close()


@pytest.fixture
def theirs(google: GooglePeer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return Google's library, set up for the peer."""
    url = f"{google.peer.url}/v1/projects/{{0}}/messages:send"
    monkeypatch.setattr(messaging._MessagingService, "FCM_URL", url)
    app = firebase_admin.initialize_app(
        credentials.Certificate(json.loads(google.account())), name=google.peer.url
    )
    yield app
    firebase_admin.delete_app(app)


@pytest.fixture
def ours(google: GooglePeer) -> Iterator[FcmTransport]:
    with FcmTransport(
        service_account=google.account(), base_url=google.peer.url, clock=ManualClock(NOW)
    ) as transport:
        yield transport  # type: ignore[misc]


@pytest.fixture
def peers(
    google: GooglePeer, theirs: Any, ours: FcmTransport
) -> tuple[GooglePeer, Any, FcmTransport]:
    return google, theirs, ours


def a_push(message_type: str = "transactional", **changes: Any) -> Envelope:
    content = PushContent(**{"text": "It is on its way", "title": "Your order"} | changes)
    channel = Channel(name="app", platform="push", message_type=MessageType(message_type))
    times = {"created_at": NOW, "expires_at": NOW + timedelta(minutes=10)}
    return evolve(an_envelope("push", content), channel=channel, **times)


def headers(envelope: Envelope, *, shown: bool = True, urgent: bool = True) -> dict[str, str]:
    return {
        "apns-push-type": "alert" if shown else "background",
        "apns-priority": "10" if shown and urgent else "5",
        "apns-expiration": str(int(envelope.expires_at.timestamp())),
        "apns-collapse-id": str(envelope.message_id),
    }


def webpush(envelope: Envelope, *, urgency: str = "high", link: str | None = None) -> Any:
    return messaging.WebpushConfig(
        headers={"TTL": "600", "Urgency": urgency, "Topic": envelope.message_id.hex},
        fcm_options=messaging.WebpushFCMOptions(link=link) if link else None,
    )


def shown_by_theirs() -> tuple[Envelope, Any]:
    envelope = a_push(link="https://shop.example/o/7", image_url="https://m.example/a.png")
    return envelope, messaging.Message(
        token=envelope.to,
        notification=messaging.Notification(
            title="Your order", body="It is on its way", image="https://m.example/a.png"
        ),
        data={"link": "https://shop.example/o/7"},
        android=messaging.AndroidConfig(
            priority="high",
            ttl=timedelta(minutes=10),
            notification=messaging.AndroidNotification(tag=str(envelope.message_id)),
        ),
        apns=messaging.APNSConfig(
            headers=headers(envelope),
            payload=messaging.APNSPayload(aps=messaging.Aps(mutable_content=True)),
        ),
        webpush=webpush(envelope, link="https://shop.example/o/7"),
    )


def silent_by_theirs() -> tuple[Envelope, Any]:
    envelope = a_push(data={"order": 7, "paid": True})
    return envelope, messaging.Message(
        token=envelope.to,
        data={"order": "7", "paid": "true"},
        android=messaging.AndroidConfig(priority="normal", ttl=timedelta(minutes=10)),
        apns=messaging.APNSConfig(
            headers=headers(envelope, shown=False),
            payload=messaging.APNSPayload(aps=messaging.Aps(content_available=True)),
        ),
        webpush=webpush(envelope, urgency="normal"),
    )


def detailed_by_theirs() -> tuple[Envelope, Any]:
    data = {
        "notification": {"title": "T", "body": "B"},
        "android": {
            "collapse_key": "scores",
            "priority": "normal",
            "restricted_package_name": "example.shop",
            "data": {"small_key": "1"},
            "notification": {
                "channel_id": "news",
                "click_action": "OPEN",
                "body_loc_args": ["a_b"],
                "notification_count": 3,
            },
        },
        "apns": {"payload": {"aps": {"badge": 3, "sound": "ping", "thread-id": "a_b"}, "x_y": 1}},
        "webpush": {"notification": {"title": "W", "requireInteraction": True}},
    }
    envelope = a_push("promotional", data=data)
    return envelope, messaging.Message(
        token=envelope.to,
        notification=messaging.Notification(title="T", body="B"),
        android=messaging.AndroidConfig(
            collapse_key="scores",
            priority="normal",
            ttl=timedelta(minutes=10),
            restricted_package_name="example.shop",
            data={"small_key": "1"},
            notification=messaging.AndroidNotification(
                tag=str(envelope.message_id),
                channel_id="news",
                click_action="OPEN",
                body_loc_key="k",
                body_loc_args=["a_b"],
                notification_count=3,
            ),
        ),
        apns=messaging.APNSConfig(
            headers=headers(envelope, urgent=False),
            payload=messaging.APNSPayload(
                aps=messaging.Aps(badge=3, sound="ping", thread_id="a_b"), x_y=1
            ),
        ),
        webpush=messaging.WebpushConfig(
            headers={"TTL": "600", "Urgency": "normal", "Topic": envelope.message_id.hex},
            notification=messaging.WebpushNotification(title="W", require_interaction=True),
        ),
    )


def spelt(value: Any, name: str = "", *, in_web: bool = False) -> Any:
    """Return a message of theirs as the discovery document spells it."""
    if name in OPEN or (in_web and name == "notification"):
        return value
    if name == "priority":
        return value.upper()
    if not isinstance(value, dict):
        return value
    camel = {re.sub("_([a-z])", lambda own: own[1].upper(), key): key for key in value}
    return {
        own: spelt(value[key], own, in_web=in_web or own == "webpush") for own, key in camel.items()
    }


@pytest.mark.parametrize("make", [shown_by_theirs, silent_by_theirs, detailed_by_theirs])
def test_the_bodies_agree(google: GooglePeer, theirs: Any, ours: FcmTransport, make: Any) -> None:
    envelope, message = make()

    reference = messaging.send(message, app=theirs)
    outcome = ours.send(envelope, Leave())

    by_theirs, by_ours = google.messages
    expected = spelt(by_theirs["message"])
    expected.get("android", {}).get("notification", {}).pop("bodyLocKey", None)
    assert by_ours["message"] == expected
    assert isinstance(outcome, Accepted)
    assert reference.rpartition(":")[0] == outcome.references[0].rpartition(":")[0]


def test_a_message_that_is_only_checked_agrees(
    google: GooglePeer, theirs: Any, ours: FcmTransport
) -> None:
    message = messaging.Message(topic="messaging-check", data={"check": "1"})

    messaging.send(message, dry_run=True, app=theirs)
    ours.check()

    by_theirs, by_ours = google.messages
    assert {"validateOnly": by_theirs.pop("validate_only"), **by_theirs} == by_ours


def test_the_grants_agree(google: GooglePeer, theirs: Any, ours: FcmTransport) -> None:
    messaging.send(messaging.Message(topic="any"), app=theirs)
    ours.check()

    (their_head, their_claims), (our_head, our_claims) = map(claims_of, google.grants)
    assert our_head == their_head
    assert {our_claims["iss"], their_claims["iss"]} == {EMAIL}
    assert their_claims["aud"] == "https://oauth2.googleapis.com/token"
    assert our_claims["aud"] == f"{google.peer.url}/token"
    assert our_claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
    assert "https://www.googleapis.com/auth/cloud-platform" in their_claims["scope"].split()
    assert our_claims.keys() == their_claims.keys()


@pytest.mark.parametrize(
    ("answer", "error", "expected"),
    [
        ((404, "UNREGISTERED"), messaging.UnregisteredError, (Rejected, Retry.RECIPIENT_GONE)),
        ((403, "SENDER_ID_MISMATCH"), messaging.SenderIdMismatchError, (Rejected, Retry.PERMANENT)),
        ((429, "QUOTA_EXCEEDED"), messaging.QuotaExceededError, (Deferred, Retry.THROTTLED)),
        (
            (401, "THIRD_PARTY_AUTH_ERROR"),
            messaging.ThirdPartyAuthError,
            (Deferred, Retry.CONFIGURATION),
        ),
        ((400, "INVALID_ARGUMENT"), exceptions.InvalidArgumentError, (Rejected, Retry.PERMANENT)),
        ((403, ""), exceptions.PermissionDeniedError, (Deferred, Retry.CONFIGURATION)),
        ((404, ""), exceptions.NotFoundError, (Deferred, Retry.CONFIGURATION)),
    ],
)
def test_errors_are_told_apart_as_theirs_are(
    peers: tuple[GooglePeer, Any, FcmTransport],
    answer: tuple[int, str],
    error: type[Exception],
    expected: tuple[type, Retry],
) -> None:
    google, theirs, ours = peers
    google._answer = lambda _: an_error(*answer)

    with pytest.raises(error):
        messaging.send(messaging.Message(token="any"), app=theirs)
    outcome = ours.send(a_push(), Leave())

    assert isinstance(outcome, Rejected | Deferred)
    assert (type(outcome), outcome.failure.retry) == expected


KINDS: dict[str, type] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": float,
    "array": list,
    "object": dict,
}


def faults(value: Any, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    """Yield what a value breaks of a schema of the discovery document."""
    schema = SCHEMAS[schema["$ref"]] if "$ref" in schema else schema
    kind = schema.get("type")
    if kind in KINDS and type(value) is not KINDS[kind]:
        yield f"{place} is no {kind}"
    elif kind == "object":
        yield from faults_of_fields(value, schema, place)
    elif kind == "array":
        for item in value:
            yield from faults(item, schema["items"], f"{place}[]")
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{place} is none of {schema['enum']}"
    elif schema.get("format") == "google-duration" and not re.fullmatch(r"[0-9]+s", value):
        yield f"{place} is no duration"


def faults_of_fields(
    value: Mapping[str, Any], schema: Mapping[str, Any], place: str
) -> Iterator[str]:
    for key, item in value.items():
        inner = schema.get("properties", {}).get(key) or schema.get("additionalProperties")
        if inner is None:
            yield f"{place} has no field {key}"
        else:
            yield from faults(item, inner, f"{place}.{key}")


def test_the_schema_tells_a_wrong_message() -> None:
    wrong = {"message": {"tokens": "a", "data": {"a": 1}, "android": {"priority": "high"}}}

    assert sorted(faults(wrong, {"$ref": "SendMessageRequest"}, "")) == [
        ".message has no field tokens",
        ".message.android.priority is none of ['NORMAL', 'HIGH']",
        ".message.data.a is no string",
    ]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
TEXTS = st.text(max_size=30)
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "notification": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("title", "subtitle", "body", "image"), TEXTS)
        ),
        "android": st.fixed_dictionaries(
            {},
            optional={
                "collapse_key": TEXTS,
                "priority": st.sampled_from(["high", "NORMAL"]),
                "direct_boot_ok": st.booleans(),
                "data": st.dictionaries(st.text(max_size=5), ANY, max_size=2),
                "notification": st.fixed_dictionaries(
                    {},
                    optional={
                        "channel_id": TEXTS,
                        "body_loc_args": st.lists(TEXTS, max_size=2),
                        "light_settings": st.just(
                            {"color": {"red": 0.5}, "light_on_duration": "1s"}
                        ),
                    },
                ),
            },
        ),
        "apns": st.fixed_dictionaries({}, optional={"payload": st.dictionaries(TEXTS, ANY)})
        | st.just({"aps": {"alert": "Hi"}}),
        "webpush": st.fixed_dictionaries(
            {},
            optional={
                "data": st.dictionaries(TEXTS, ANY, max_size=2),
                "notification": st.dictionaries(TEXTS, ANY, max_size=2),
                "fcm_options": st.fixed_dictionaries({"analytics_label": TEXTS}),
            },
        ),
        "order": ANY,
    },
)


@given(
    data=st.none() | PARTS,
    text=TEXTS,
    title=st.none() | TEXTS,
    subtitle=st.none() | TEXTS,
    link=st.none() | st.just("https://shop.example") | st.just("app://o/7"),
    image=st.none() | st.just("https://m.example/a.png"),
    message_type=st.sampled_from(MessageType),
)
def test_every_message_is_one_of_the_schema(
    message_type: MessageType, image: str | None, **content: Any
) -> None:
    envelope = a_push(message_type, image_url=image, **content)
    if check_capabilities(envelope.content, 1, TRANSPORT.capabilities, ""):
        return

    request = TRANSPORT.request(envelope, now=NOW)

    assert isinstance(request, HttpRequest)
    assert PROJECT in request.url
    document = json.loads(request.body)
    assert list(faults(document, {"$ref": "SendMessageRequest"}, "")) == []
