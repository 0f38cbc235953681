"""Push messages to browsers over their push services: Web Push (RFC 8030, 8291 and 8292)."""

import os
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import orjson
from attrs import define, evolve, field

from messaging_adapters._extras import needing
from messaging_adapters.http_clients.public_addresses import is_public
from messaging_adapters.mail.failures import outcome_of
from messaging_adapters.providers.answers import outcome_of_answer
from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.providers.webpush_message import check_content, payload_of
from messaging_adapters.push.content import is_urgent
from messaging_adapters.push.encryption import encrypt, new_key
from messaging_adapters.push.subscription import read_subscription
from messaging_adapters.push.vapid import VapidKey
from messaging_adapters.transports.devices import DeviceTransport
from messaging_adapters.transports.http import (
    AN_HTTP_CLIENT,
    TIMEOUT,
    Codec,
    HttpTransport,
    refused,
)
from messaging_core.arguments import a_text, checked_init, flag, optional, span
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import PUSH
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    Rejected,
    SingleOutcome,
)
from messaging_core.models.messages.envelope import Envelope, PushContent
from messaging_core.ports.clock import Clock
from messaging_core.ports.components import a_clock
from messaging_core.ports.http import HttpClient, HttpFault, HttpRequest, HttpResponse
from messaging_core.ports.transport import Handoff

_TOPIC: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")  # RFC 8030 §5.4
_LOCATION: Final = re.compile(r"[!-~]{1,500}")
_LONGEST_TTL: Final = timedelta(weeks=4)
_SALT: Final = 16
_UNAVAILABLE: Final = 503


@checked_init(
    private_key=a_text,
    subject=a_text,
    topic=optional(a_text),
    allow_private=flag,
    name=a_text,
    timeout=span(),
    client=AN_HTTP_CLIENT,
    clock=optional(a_clock),
)
@define(eq=False, kw_only=True)
class WebPushTransport(DeviceTransport, Codec):
    """Send push messages to browsers, encrypted, over the push service of each of them.

    The address of a browser is its subscription, as `subscription_address` writes it. Its endpoint
    comes from a stranger: it must be an https URL of the public Internet, without a port of its
    own, and redirects are not followed.

    Push services recognise no repeated message, report nothing and cannot be asked: a copy of a
    message replaces the first one, at the push service and in the browser.

    It needs the extra `webpush`.

    Attributes:
        private_key: The VAPID key: the text of a PEM file, or its 32 bytes as base64url.
        subject: Where the operator of a push service reaches you: `mailto:` or `https:`.
        topic: Lets a message replace an earlier one of this transport; at most 32 letters, digits,
            `-` and `_`.
        allow_private: Send also to http, other ports and private networks: for tests, or a push
            service of your own.
        name: As in timelines and logs.
        errors: What statuses mean that differs from the table of the engine.
        timeout: For the whole exchange, unless a client is given.
        client: Carries the requests; by default one of its own that connects to public addresses
            only. Another one must do the same.
        clock: Tells the time.

    Raises:
        ConfigurationError: The key, the subject or the topic is none.
        MissingDependencyError: The extra `webpush` is not installed.
    """

    private_key: str = field(repr=False)
    subject: str
    topic: str | None = None
    allow_private: bool = False
    name: str = "webpush"
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    timeout: timedelta = TIMEOUT
    client: HttpClient | None = field(default=None, repr=False)
    clock: Clock | None = field(default=None, repr=False)
    capabilities: Capabilities = field(
        default=Capabilities(platforms=frozenset({PUSH}), checks=(check_content,)),
        init=False,
        repr=False,
    )
    _table: ErrorTable = field(init=False, repr=False)
    _vapid: VapidKey = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a set-up that could not work."""
        self._vapid = VapidKey(self.private_key, self.subject)
        if self.topic is not None and _TOPIC.fullmatch(self.topic) is None:
            raise ConfigurationError("topic must be 1 to 32 letters, digits, - and _")
        self._table = error_table("webpush").with_changes(self.errors)
        HttpTransport.__init__(
            self, self, client=self.client, timeout=self.timeout, clock=self.clock
        )

    @property
    def public_key(self) -> str:
        """Return what browsers subscribe with, as `applicationServerKey`."""
        return self._vapid.public_key

    def _own_client(self, timeout: timedelta) -> HttpClient:
        with needing("webpush"):
            from messaging_adapters.http_clients.urllib3_client import (  # noqa: PLC0415 - an extra
                Urllib3Client,
            )
        client = Urllib3Client(timeout=timeout, allows=None if self.allow_private else is_public)
        self._close = client.close
        return client

    def request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | Outcome:
        content = envelope.content
        if not isinstance(content, PushContent):
            code = FailureCode.UNSUPPORTED_TYPE
            return refused("web push carries push messages only", self.name, code=code)
        tag = self.topic or envelope.message_id.hex
        payload = payload_of(content, tag=tag)
        to = read_subscription(envelope.to)
        if to is None or not self._may_reach(to.endpoint):
            return self._no_subscription("endpoint" if to else "subscription")
        try:
            body = encrypt(orjson.dumps(payload), to, key=new_key(), salt=os.urandom(_SALT))
        except ValueError:
            return self._no_subscription("public_key")
        seconds = max(0, min(envelope.expires_at - now, _LONGEST_TTL) // timedelta(seconds=1))
        is_high = "notification" in payload and is_urgent(envelope)
        headers = {
            "ttl": str(seconds),
            "urgency": "high" if is_high else "normal",
            "topic": tag,
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "authorization": self._vapid.authorization(to.endpoint, now),
        }
        return HttpRequest(method="POST", url=to.endpoint, headers=headers, body=body)

    def _may_reach(self, endpoint: str) -> bool:
        parts = urlsplit(endpoint)
        return self.allow_private or (parts.scheme == "https" and parts.port in {None, 443})

    def _no_subscription(self, rule: str) -> SingleOutcome:
        failure = Failure(
            code=FailureCode.INVALID_RECEIVER,
            description="the address is no subscription of a browser with a public https endpoint",
            source=FailureSource(name=self.name, code=rule),
        )
        return Rejected(failure=failure)

    def outcome(self, response: HttpResponse, envelope: Envelope, *, now: datetime) -> Outcome:
        del envelope
        if response.is_ok:
            location = response.headers.get("location", "")
            references = (location,) if _LOCATION.fullmatch(location) else ()
            return Accepted(references=references, raw=str(response.status))
        # One that says when to come again has not taken the message; a gateway says nothing.
        is_away = response.status == _UNAVAILABLE and "retry-after" in response.headers
        return outcome_of_answer(
            response,
            name=self.name,
            now=now,
            known=self._table.find(str(response.status)),
            untaken={_UNAVAILABLE} if is_away else (),
        )

    def _send_to_device(self, envelope: Envelope, handoff: Handoff) -> SingleOutcome:
        """Send to one browser; a stranger's server says nothing about the set-up of the host."""
        outcome = super()._send_to_device(envelope, handoff)
        source = outcome.failure.source if isinstance(outcome, Deferred) else None
        if source is None or source.code not in set(HttpFault) or not isinstance(outcome, Deferred):
            return outcome
        if source.code == HttpFault.FORBIDDEN_ADDRESS:
            return self._no_subscription("endpoint")
        failure = evolve(outcome.failure, code=FailureCode.UNREACHABLE, retry=Retry.TRANSIENT)
        return outcome_of(failure)

    def _is_general(self, outcome: SingleOutcome) -> bool:
        """Go on with the next device: it may have another push service."""
        del outcome
        return False
