"""Push messages to Apple devices over APNs, the Apple Push Notification service.

Sources: "Sending notification requests to APNs" and "Handling notification responses from APNs" of
Apple's documentation.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid5

import orjson
from attrs import define, evolve, field

from messaging_adapters._extras import needing
from messaging_adapters.providers.answers import (
    UNTAKEN,
    in_doubt,
    json_object,
    masked,
    outcome_of_answer,
    text_of,
)
from messaging_adapters.providers.apns_message import check_content, headers_of, payload_of
from messaging_adapters.providers.credentials import api_root
from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.transports.devices import DeviceTransport
from messaging_adapters.transports.http import (
    AN_HTTP_CLIENT,
    TIMEOUT,
    Codec,
    HttpTransport,
    refused,
)
from messaging_core.arguments import a_text, checked_init, choice, optional, span
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import PUSH
from messaging_core.models.common.failure import Failure, FailureCode, Retry
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.delivery.outcome import Accepted, Outcome
from messaging_core.models.messages.envelope import Envelope, PushContent
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.ports.components import a_clock
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse

_HOSTS: Final = {
    "production": "https://api.push.apple.com",
    "sandbox": "https://api.sandbox.push.apple.com",
}
_ID: Final = re.compile(r"[A-Za-z0-9]{10}")
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,200}")
_COLLAPSE_ID: Final = re.compile(r"[!-~]{1,64}")
_REFERENCE: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_NO_DEVICE: Final = "0" * 64
_GONE: Final = 410
_LATEST: Final = 253_402_300_799_000  # milliseconds, the end of the year 9999


@checked_init(
    private_key=a_text,
    key_id=a_text,
    team_id=a_text,
    topic=a_text,
    environment=choice(*_HOSTS),
    collapse_id=optional(a_text),
    name=a_text,
    base_url=optional(a_text),
    timeout=span(),
    client=AN_HTTP_CLIENT,
    clock=optional(a_clock),
)
@define(eq=False, kw_only=True)
class ApnsTransport(DeviceTransport, Codec):
    """Send push messages to the devices of one app, with a provider token.

    Each device gets a request of its own; all share one HTTP/2 connection. APNs recognises no
    repeated message, reports nothing and cannot be asked: a copy of a message replaces the first
    one on the device.

    It needs the extra `apns`.

    Attributes:
        private_key: The text of the `.p8` file of a key for APNs.
        key_id: The id of the key, of 10 characters.
        team_id: The id of the team that the key belongs to, of 10 characters.
        topic: The bundle id of the app.
        environment: `production`, or `sandbox` for apps that Xcode installed.
        collapse_id: Lets a message replace an earlier one of this transport on the device; at
            most 64 characters.
        name: As in timelines and logs.
        base_url: Where the API is, instead of at Apple.
        errors: What error codes mean that differs from the table of the engine, by code.
        timeout: For the whole exchange, unless a client is given.
        client: Carries the requests; by default one of its own. APNs takes HTTP/2 only.
        clock: Tells the time.

    Raises:
        ConfigurationError: The key, an id or the URL is none.
        MissingDependencyError: The extra `apns` is not installed.
    """

    private_key: str = field(repr=False)
    key_id: str
    team_id: str
    topic: str
    environment: str = "production"
    collapse_id: str | None = None
    name: str = "apns"
    base_url: str | None = None
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    timeout: timedelta = TIMEOUT
    client: HttpClient | None = field(default=None, repr=False)
    clock: Clock | None = field(default=None, repr=False)
    capabilities: Capabilities = field(
        default=Capabilities(
            platforms=frozenset({PUSH}),
            lacks=frozenset({"actions"}),
            checks=(check_content,),
            known_references=True,
        ),
        init=False,
        repr=False,
    )
    _table: ErrorTable = field(init=False, repr=False)
    _root: str = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a set-up that could not work."""
        for name, value in (("key_id", self.key_id), ("team_id", self.team_id)):
            if _ID.fullmatch(value) is None:
                raise ConfigurationError(f"{name} must be 10 letters and digits, as Apple shows it")
        if _TOPIC.fullmatch(self.topic) is None:
            raise ConfigurationError("topic must be the bundle id of an app: com.example.shop")
        if self.collapse_id is not None and not _COLLAPSE_ID.fullmatch(self.collapse_id):
            raise ConfigurationError("collapse_id must be 1 to 64 printable ASCII characters")
        self._root = api_root(self.base_url or _HOSTS[self.environment])
        self._table = error_table("apns").with_changes(self.errors)
        HttpTransport.__init__(
            self, self, client=self.client, timeout=self.timeout, clock=self.clock
        )
        self._http = self._with_token(self._http)

    def _own_client(self, timeout: timedelta) -> HttpClient:
        with needing("apns"):
            from messaging_adapters.http_clients.h2_client import (  # noqa: PLC0415 - an extra
                H2Client,
            )
        client = H2Client(timeout=timeout)
        self._close = client.close
        return client

    def _with_token(self, client: HttpClient) -> HttpClient:
        with needing("apns"):
            from messaging_adapters.providers.apns_token import (  # noqa: PLC0415 - an extra
                ProviderTokens,
                TokenClient,
            )
            from messaging_adapters.providers.application_token import (  # noqa: PLC0415 - same
                EllipticKey,
            )
        tokens = ProviderTokens(
            EllipticKey(self.private_key),
            key_id=self.key_id,
            team_id=self.team_id,
            clock=self.clock or SystemClock(),
        )
        return TokenClient(client, tokens)

    def request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | Outcome:
        del now
        content = envelope.content
        if not isinstance(content, PushContent):
            code = FailureCode.UNSUPPORTED_TYPE
            return refused("APNs carries push messages only", self.name, code=code, rule="content")
        payload = payload_of(content)
        headers = headers_of(
            envelope, content, payload, topic=self.topic, collapse_id=self.collapse_id
        )
        return self._request(envelope.to, headers | {"apns-id": _own_id(envelope)}, payload)

    def _request(
        self, device: str, headers: Mapping[str, str], payload: Mapping[str, Any]
    ) -> HttpRequest:
        return HttpRequest(
            method="POST",
            url=f"{self._root}/3/device/{quote(device, safe='')}",
            headers={**headers, "content-type": "application/json"},
            body=orjson.dumps(payload),
        )

    def references(self, envelope: Envelope) -> Sequence[str]:
        return (_own_id(envelope),)

    def outcome(self, response: HttpResponse, envelope: Envelope, *, now: datetime) -> Outcome:
        if response.is_ok:
            reference = response.headers.get("apns-id", "")
            if _REFERENCE.fullmatch(reference) is None:
                return in_doubt("the answer names no message", self.name, str(response.status))
            return Accepted(references=(reference.lower(),))
        answer = json_object(response)
        reason = text_of(answer.get("reason"))
        return outcome_of_answer(
            response,
            name=self.name,
            now=now,
            known=_dated(self._table.find(reason), response, answer),
            text=masked(reason, envelope, ()),
            # APNs says that it is away; a gateway that says so may have passed the message on.
            untaken=UNTAKEN if reason in {"ServiceUnavailable", "Shutdown"} else (),
        )

    def check_request(self, *, now: datetime) -> HttpRequest | None:
        """Return a message to an address that no device has."""
        del now
        headers = {"apns-topic": self.topic, "apns-push-type": "background", "apns-priority": "5"}
        return self._request(_NO_DEVICE, headers, {"aps": {"content-available": 1}})

    def is_known(self, response: HttpResponse) -> bool:
        reason = text_of(json_object(response).get("reason"))
        return response.is_ok or reason == "BadDeviceToken"


def _own_id(envelope: Envelope) -> str:
    """Return the id of a request: another one for each device and each attempt."""
    return str(uuid5(envelope.message_id, f"{envelope.attempt}/{envelope.to}"))


def _dated(
    known: Failure | None, response: HttpResponse, answer: Mapping[str, Any]
) -> Failure | None:
    """Say since when a device is gone: an app that registered later has the address again."""
    since = answer.get("timestamp")
    if known is None or known.retry is not Retry.RECIPIENT_GONE or response.status != _GONE:
        return known
    if not isinstance(since, int) or not 0 < since <= _LATEST:
        return known
    at = datetime.fromtimestamp(since // 1000, UTC)
    return evolve(known, description=f"{known.description} (by {at:%Y-%m-%d %H:%M:%S} UTC)")
