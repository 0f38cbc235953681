"""What `@parse/node-apn` sends to APNs, beside what the transport sends.

The differences, each on purpose:

- node-apn writes no `apns-push-type` unless it is told; Apple requires it, so ours always goes.
- node-apn writes no `apns-id` and no `apns-collapse-id` unless it is told; ours are made from the
  message.
- node-apn writes no `content-type`; APNs takes JSON without it.
- node-apn renews its token after 55 minutes, by its own clock; ours after 40.
"""

import json
import shutil
import ssl
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import trustme
from attrs import evolve

from apns_peer import KEY_ID, P8, TEAM_ID, TOPIC, options, taken, token_of
from http2_peer import Http2Peer
from messaging_adapters.http_clients.h2_client import H2Client
from messaging_adapters.transports.push.apns import ApnsTransport
from messaging_core.models import Accepted, Channel, Envelope, PushContent
from messaging_core.testing.contracts.transport.envelopes import an_envelope
from messaging_core.testing.contracts.transport.handoff import Leave
from nghttp2 import trusting

PEERS = Path(__file__).parents[3] / "peers"
MISSING = (
    "node with npm is missing, or its packages are: on Debian apt-get install nodejs npm, "
    "then make test"
)
DEVICE = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"
EXPIRES = datetime(2030, 1, 2, tzinfo=UTC)
OF_THE_CONNECTION = {":authority", "user-agent", "accept-encoding", "content-length"}
OURS = {"apns-id", "content-type"}

SHOWN = PushContent(text="It is on its way", title="Your order", subtitle="Order 7")
SILENT = PushContent(text="x", data={"order": "7", "note": "hé"})
CASES: Mapping[str, tuple[PushContent, dict[str, Any]]] = {
    "alert": (
        SHOWN,
        {"title": "Your order", "subtitle": "Order 7", "body": "It is on its way"},
    ),
    "background": (
        SILENT,
        {"contentAvailable": 1, "payload": {"order": "7", "note": "hé"}, "priority": 5},
    ),
    "of the caller": (
        PushContent(
            text="x",
            data={
                "apns": {
                    "headers": {"apns-priority": "5"},
                    "payload": {"aps": {"alert": "Hi", "badge": 3, "sound": "ping"}},
                }
            },
        ),
        {"alert": "Hi", "badge": 3, "sound": "ping", "priority": 5, "pushType": "alert"},
    ),
}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def apple(authority: trustme.CA) -> Any:

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    with Http2Peer(taken, tls=tls) as peer:
        yield peer


def send_with_node(peer: Http2Peer, folder: Path, authority: trustme.CA, note: Any) -> Any:
    node = shutil.which("node")
    if node is None or not (PEERS / "node_modules" / "@parse").exists():
        pytest.skip(MISSING)
    ca = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    token = {"key": P8, "keyId": KEY_ID, "teamId": TEAM_ID}
    provider = {"token": token, "address": "localhost", "port": peer.port, "ca": str(ca)}
    settings = {"provider": provider, "notes": [note], "device": DEVICE}
    finished = subprocess.run(  # noqa: S603 - found above
        [node, str(PEERS / "apns.js"), json.dumps(settings)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    return json.loads(finished.stdout)


def an_envelope_of(content: PushContent) -> Envelope:
    envelope = an_envelope("push", content)
    receivers = (evolve(envelope.receivers[0], value=DEVICE),)
    channel = Channel(name="app", platform="push")
    return evolve(envelope, receivers=receivers, channel=channel, expires_at=EXPIRES)


@pytest.mark.parametrize("name", CASES)
def test_node_apn_sends_the_same(
    apple: Http2Peer, authority: trustme.CA, tmp_path: Path, name: str
) -> None:
    content, fields = CASES[name]
    envelope = an_envelope_of(content)
    collapse_id = str(envelope.message_id)
    expiry = int(EXPIRES.timestamp())
    push_type = {"pushType": "background" if name == "background" else "alert"}
    note = push_type | fields | {"topic": TOPIC, "expiry": expiry, "collapseId": collapse_id}

    answer = send_with_node(apple, tmp_path, authority, note)
    with (
        H2Client(ssl_context=trusting(authority), timeout=timedelta(seconds=10)) as client,
        ApnsTransport(**options(base_url=apple.url, client=client)) as transport,
    ):
        outcome = transport.send(envelope, Leave())

    assert isinstance(outcome, Accepted)
    assert answer["failed"] == []
    theirs, ours = (exchange.request for exchange in apple.exchanges)
    assert orjson.loads(ours.body) == orjson.loads(theirs.body)
    assert ours.headers.keys() - theirs.headers.keys() - OF_THE_CONNECTION == OURS
    assert not theirs.headers.keys() - ours.headers.keys() - OF_THE_CONNECTION
    for header in theirs.headers.keys() - OF_THE_CONNECTION - {"authorization"}:
        assert ours.headers[header] == theirs.headers[header], header


def test_node_apn_makes_the_same_token(
    apple: Http2Peer, authority: trustme.CA, tmp_path: Path
) -> None:
    send_with_node(apple, tmp_path, authority, {"topic": TOPIC, "body": "Hi", "pushType": "alert"})
    with (
        H2Client(ssl_context=trusting(authority)) as client,
        ApnsTransport(**options(base_url=apple.url, client=client)) as transport,
    ):
        transport.send(an_envelope_of(SHOWN), Leave())

    (their_head, their_claims), (our_head, our_claims) = (
        token_of(exchange.request) for exchange in apple.exchanges
    )
    assert their_head == our_head
    assert their_claims.keys() == our_claims.keys() == {"iss", "iat"}
    assert their_claims["iss"] == our_claims["iss"] == TEAM_ID
    assert abs(their_claims["iat"] - our_claims["iat"]) < 60
