"""A killed process loses no webhook: each arrives under one id, those of a message in order."""

import json
import os
import random
import ssl
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from time import sleep

import pytest
import trustme

from faults.processes import child, look, until
from faults.shop import ORDERS
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Messenger, Worker
from messaging_core.models import NotificationHook
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.testing import HttpPeer, RecordingTransport, a_request, a_subject

KILLS = int(os.environ.get("MESSAGING_KILLS", "3"))
MESSAGES = 25
LEASE = 301  # seconds: each sender comes when the leases of the one before have ended
WAITING = (
    "SELECT (SELECT count(*) FROM messaging_webhook_queue)"
    " + (SELECT max(position) FROM messaging_events) - (SELECT max(position)"
    " FROM messaging_subscriptions)"
)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def peer(authority: trustme.CA) -> Iterator[HttpPeer]:
    chance = random.Random(1)  # noqa: S311 - it takes a while, as receivers do

    def answer(_: HttpRequest) -> HttpResponse:
        sleep(0.01 * chance.random())
        return HttpResponse(status=200)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("shop.example").configure_cert(context)
    with HttpPeer(answer, tls=context) as serving:
        yield serving


def test_killed_senders_lose_no_webhook(
    tmp_path: Path, authority: trustme.CA, peer: HttpPeer, figure: Callable[[str], None]
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    settings = {
        "database": str(tmp_path / "a.db"),
        "port": peer.port,
        "authority": str(tmp_path / "ca.pem"),
    }
    chance, ids = random.Random(2), []  # noqa: S311 - picks moments
    with SqliteStorage(tmp_path / "a.db", busy_timeout=timedelta(seconds=30)) as storage:
        messenger = Messenger(storage=storage, channels={ORDERS: RecordingTransport()})
        messenger.webhooks.subscribe(
            {"service": "channels", "event": "email.outbound", "url": "https://shop.example/all"}
        )
        for number in range(KILLS):
            with child("notifying", {**settings, "ahead": number * LEASE}) as sender:
                sender.says()
                ids += [messenger.send(ORDERS, request_of(own)).id for own in range(MESSAGES)]
                Worker(messenger, threads=1).drain()
                sleep(chance.random() * 0.5)
                sender.kill()
    with child("notifying", {**settings, "ahead": KILLS * LEASE}), look(tmp_path / "a.db") as file:
        until(lambda: file.execute(WAITING).fetchone() == (0,), "not every webhook has arrived")

    deliveries, order = defaultdict(set), defaultdict(list)
    for request in peer.taken:
        payload = json.loads(request.body)["payload"]
        path = request.url.removeprefix(peer.url).split("/")[1]
        order[path, payload["id"]].append(payload["status"])
        delivery_id = request.headers["messagebird-request-id"]
        deliveries[path, payload["id"], payload["status"]].add(delivery_id)
    repeated = len(peer.taken) - len(deliveries)
    figure(
        f"kill -9 of {KILLS} senders: {len(deliveries)} webhooks of {len(ids)} messages,"
        f" {repeated} arrived twice"
    )
    assert order.keys() == {
        (path, str(message_id)) for path in ("all", "own") for message_id in ids
    }
    for statuses in order.values():
        assert list(dict.fromkeys(statuses)) == ["accepted", "sent"]
    assert {len(same) for same in deliveries.values()} == {1}
    assert repeated <= 2 * 32 * KILLS


def request_of(number: int) -> object:
    hook = NotificationHook(url=f"https://shop.example/own/{number}")
    return a_request(a_subject(f"no {number}"), to="ada@receiver.example", notification=hook)
