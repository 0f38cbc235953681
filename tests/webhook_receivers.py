"""Real receivers of webhooks with public names, and an engine that sends to them."""

import json
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

import trustme

from messaging_adapters.http_clients.public_addresses import is_public
from messaging_adapters.http_clients.urllib3_client import Urllib3Client
from messaging_core import Messenger, Worker
from messaging_core.messages.webhook_sender import WebhookSender
from messaging_core.models import NotificationHook, WebhookSubscription
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing import (
    HttpPeer,
    ManualClock,
    Misbehaviour,
    RecordingTransport,
    a_channel,
    a_request,
)

ORDERS = a_channel("orders")
OTHER = a_channel("other", workspace=UUID(int=5))
NEWS = a_channel("news")
KEY = "test-signing-key"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OK = HttpResponse(status=200)
PATIENCE = 10.0

Answer = HttpResponse | Misbehaviour


class Internet:
    """Receivers with public names and addresses, all of which are this machine."""

    def __init__(self, closing: ExitStack) -> None:
        self._closing = closing
        self._authority = trustme.CA()
        self._peers: dict[str, tuple[str, int]] = {}

    def serve(
        self,
        host: str,
        *answers: Answer,
        call: Callable[[HttpRequest], Answer] | None = None,
        certificate: str | None = None,
    ) -> HttpPeer:
        """Start a receiver that gives these answers, and the last one again and again.

        Its certificate is that of its host, or of another.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(certificate or host).configure_cert(context)
        queue = list(answers or [OK])

        def answer(request: HttpRequest) -> Answer:
            if call is not None:
                return call(request)
            return queue.pop(0) if len(queue) > 1 else queue[0]

        peer = self._closing.enter_context(HttpPeer(answer, tls=context))
        self._peers[host] = (f"93.184.216.{len(self._peers) + 1}", peer.port)
        return peer

    def name(self, host: str, address: str) -> None:
        """Let a name have another address."""
        self._peers[host] = (address, 0)

    def client(self) -> Urllib3Client:
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return self._closing.enter_context(
            Urllib3Client(
                timeout=timedelta(seconds=1),
                ssl_context=context,
                resolve=lambda host, _: [self._peers[host][0]],
                connect=self._connect,
                allows=is_public,
            )
        )

    def _connect(self, address: tuple[str, int], timeout: float) -> socket.socket:
        port = next(port for known, port in self._peers.values() if known == address[0])
        return socket.create_connection(("127.0.0.1", port), timeout)


class Engine:
    """A messenger with a worker and a sender."""

    def __init__(self, storage: Storage, internet: Internet) -> None:
        self.storage, self.internet = storage, internet
        self.clock, self.transport = ManualClock(), RecordingTransport()
        channels = dict.fromkeys([ORDERS, OTHER, NEWS], self.transport)
        self.messenger = Messenger(storage=storage, channels=channels, clock=self.clock)
        self.sender = self.new_sender()

    def new_sender(self, **options: Any) -> WebhookSender:
        return self.messenger.webhook_sender(self.internet.client(), **options)

    def subscribe(
        self, host: str = "shop.example", event: str = "sms.outbound", **fields: Any
    ) -> WebhookSubscription:
        workspace = fields.pop("workspace", ORDERS.workspace)
        document = {"service": "channels", "event": event, "url": f"https://{host}/hooks", **fields}
        return self.messenger.webhooks.subscribe(document, workspace=workspace)

    def send(self, url: str | None = None) -> UUID:
        """Send a message: it is accepted, then sent."""
        notification = NotificationHook(url=url) if url else None
        message = self.messenger.send(ORDERS, a_request(notification=notification))
        Worker(self.messenger).drain()
        return message.id

    def later(self, **span: float) -> None:
        self.clock.advance(**span)
        self.sender.run_once()

    def dead(self) -> list[tuple[UUID, str | None]]:
        return [(webhook.message_id, webhook.failure) for webhook in self.messenger.webhooks.dead()]


def documents(peer: HttpPeer) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in peer.taken]


def statuses(peer: HttpPeer) -> list[str]:
    return [document["payload"]["status"] for document in documents(peer)]


def filtered(**filters: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in filters.items()]
