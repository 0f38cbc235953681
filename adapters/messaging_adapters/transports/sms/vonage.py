"""SMS and MMS over Vonage's Messages API, version 1.

Sources: the Messages API of developer.vonage.com, and Vonage's Python client `vonage-messages`.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid4, uuid5

from attrs import define, field

from messaging_adapters.providers.answers import (
    UNTAKEN,
    acceptance,
    json_object,
    masked,
    outcome_of_answer,
    text_of,
)
from messaging_adapters.providers.credentials import api_root, basic_auth
from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.transports.http import (
    AN_HTTP_CLIENT,
    TIMEOUT,
    CodecTransport,
    refused,
)
from messaging_core.arguments import a_text, checked_init, optional, span
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import SMS
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.delivery.outcome import Outcome
from messaging_core.models.messages.envelope import Envelope, MediaItem, MmsContent, SmsContent
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.ports.components import a_clock
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from messaging_core.rules.formats.uris import check_callback_url

_NUMBER: Final = re.compile(r"\+?([1-9][0-9]{6,14})")
_CODE: Final = re.compile(r"#([0-9]{3,5})$")
_TOKEN_AGE: Final = timedelta(minutes=15)
_VALIDITY: Final = {"sms": (20, 604_800), "mms": (300, 259_200)}  # seconds
_LONGEST_CAPTION: Final = 3_000
_KINDS: Final = {"image": "image", "audio": "audio", "video": "video"}
_VCARDS: Final = frozenset({"text/vcard", "text/x-vcard", "text/directory"})
_MEDIA_HOSTS: Final = ("api-us.nexmo.com", "api-eu.nexmo.com", "api-ap.nexmo.com")
_KNOWN_CREDENTIALS: Final = frozenset({400, 422})


@checked_init(
    application_id=optional(a_text),
    private_key=optional(a_text),
    api_key=optional(a_text),
    api_secret=optional(a_text),
    webhook_url=optional(a_text),
    name=a_text,
    base_url=a_text,
    timeout=span(),
    client=AN_HTTP_CLIENT,
    clock=optional(a_clock),
)
@define(eq=False, kw_only=True)
class VonageTransport(CodecTransport):
    """Send SMS and MMS with an application or an account of Vonage.

    Our message id travels as `client_ref` and comes back in each status. Vonage recognises no
    repeated message and cannot be asked about one. It takes no SMS with less than 20 seconds of
    validity left, and no MMS with less than 5 minutes: such a message ends.

    Attributes:
        application_id: Of the application, whose webhooks then get the statuses.
        private_key: Beside it, the text of its PEM file. It needs the extra `vonage`.
        api_key: Of the account, instead of an application.
        api_secret: Beside it.
        webhook_url: Gets the statuses of these messages instead of the webhook that is set up
            at Vonage.
        name: As in timelines and logs, and the source of the receipts.
        base_url: Of another region, such as `https://api-eu.vonage.com`.
        errors: What error codes mean that differs from the table of the engine, by code.
        timeout: For the whole exchange, unless a client is given.
        client: Carries the requests; by default one of its own.
        clock: Tells the time.

    Raises:
        ConfigurationError: Credentials are missing, or there are two kinds of them.
    """

    application_id: str | None = None
    private_key: str | None = field(default=None, repr=False)
    api_key: str | None = None
    api_secret: str | None = field(default=None, repr=False)
    webhook_url: str | None = field(default=None, repr=False)
    name: str = "vonage"
    base_url: str = "https://api.nexmo.com"
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    timeout: timedelta = TIMEOUT
    client: HttpClient | None = field(default=None, repr=False)
    clock: Clock | None = field(default=None, repr=False)
    capabilities: Capabilities = field(
        default=Capabilities(
            platforms=frozenset({SMS}),
            media=True,
            max_text=3_200,
            max_recipients=1,
            lacks=frozenset({"subject", "alt_text", "filename"}),
            receipts=True,
        ),
        init=False,
        repr=False,
    )
    _table: ErrorTable = field(init=False, repr=False)
    _url: str = field(init=False, repr=False)
    _key: Any = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a set-up that could not work."""
        is_application = self.application_id is not None and self.private_key is not None
        is_account = self.api_key is not None and self.api_secret is not None
        given = (self.application_id, self.private_key, self.api_key, self.api_secret)
        if is_application == is_account or sum(value is not None for value in given) != 2:  # noqa: PLR2004 - a pair
            raise ConfigurationError(
                "give either application_id and private_key, or api_key and api_secret"
            )
        if self.webhook_url is not None and check_callback_url(self.webhook_url, ""):
            raise ConfigurationError("webhook_url must be an https URL with a host name")
        self._key = _key_of(self.private_key) if self.private_key is not None else None
        self._url = f"{api_root(self.base_url)}/v1/messages"
        self._table = error_table("vonage").with_changes(self.errors)
        self._run_itself()

    @property
    def media_credentials(self) -> Mapping[str, Callable[[], str]]:
        """Return what shows the media of incoming messages, for `HttpMediaSource`.

        An application with secure inbound media asks for a token for each request.
        """
        return dict.fromkeys(_MEDIA_HOSTS, self._media_token)

    def _media_token(self) -> str:
        return self._authorization((self.clock or SystemClock()).now(), str(uuid4()))

    @property
    def _extra(self) -> str:
        return "http" if self.private_key is None else "vonage"

    def request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | Outcome:
        content = envelope.content
        channel = "mms" if isinstance(content, MmsContent) and content.media else "sms"
        shortest, longest = _VALIDITY[channel]
        left = (envelope.expires_at - now) // timedelta(seconds=1)
        problem = _problem(envelope, content)
        if problem is not None:
            return refused(problem, self.name, rule="content")
        if envelope.sender is None:
            return refused(
                "the message has no sender",
                self.name,
                code=FailureCode.INVALID_SENDER,
                retry=Retry.CONFIGURATION,
                rule="sender",
            )
        if left < shortest:
            return refused(
                f"Vonage takes no {channel.upper()} that is valid for less than {shortest} seconds",
                self.name,
                code=FailureCode.EXPIRED,
                rule="validity",
            )
        message = {
            "channel": channel,
            "to": _number(envelope.to),
            "from": _number(envelope.sender.value),
            "ttl": min(left, longest),
            "client_ref": str(envelope.message_id),
            **_message(content),
        }
        if self.webhook_url is not None:
            message |= {"webhook_url": self.webhook_url, "webhook_version": "v1"}
        nonce = f"{envelope.message_id}/{envelope.attempt}"
        return self._request(json.dumps(message).encode(), now, nonce)

    def _request(self, body: bytes, now: datetime, nonce: str) -> HttpRequest:
        return HttpRequest(
            method="POST",
            url=self._url,
            headers={
                "authorization": self._authorization(now, nonce),
                "content-type": "application/json",
                "accept": "application/json",
            },
            body=body,
        )

    def _authorization(self, now: datetime, nonce: str) -> str:
        if self._key is None:
            return basic_auth(self.api_key or "", self.api_secret or "")
        issued_at = int(now.timestamp())
        claims = {
            "application_id": self.application_id,
            "iat": issued_at,
            "jti": str(uuid5(NAMESPACE_URL, f"{nonce}/{now.isoformat()}")),
            "exp": issued_at + int(_TOKEN_AGE.total_seconds()),
        }
        return f"Bearer {self._key.sign(claims)}"

    def outcome(self, response: HttpResponse, envelope: Envelope, *, now: datetime) -> Outcome:
        answer = json_object(response)
        if response.is_ok:
            return acceptance(text_of(answer.get("message_uuid")), response, self.name)
        code = _CODE.search(text_of(answer.get("type")))
        said = f"{text_of(answer.get('title'))}: {text_of(answer.get('detail'))}".strip(": ")
        return outcome_of_answer(
            response,
            name=self.name,
            now=now,
            known=self._table.find(code[1]) if code else None,
            text=masked(said, envelope, self._secrets),
            untaken=UNTAKEN,
        )

    @property
    def _secrets(self) -> list[str]:
        """Return what no text may show, as it is and as it is sent; a token is hidden anyway."""
        if self.api_key is None or self.api_secret is None:
            return []
        return [self.api_secret, basic_auth(self.api_key, self.api_secret).removeprefix("Basic ")]

    def check_request(self, *, now: datetime) -> HttpRequest | None:
        """Return a message without anything in it, which Vonage refuses after it knows whose."""
        return self._request(b"{}", now, "check")

    def is_known(self, response: HttpResponse) -> bool:
        return response.status in _KNOWN_CREDENTIALS


def _key_of(private_key: str) -> Any:
    from messaging_adapters.providers.application_token import (  # noqa: PLC0415 - an extra
        ApplicationKey,
    )

    return ApplicationKey(private_key)


def _problem(envelope: Envelope, content: Any) -> str | None:
    """Return what Vonage cannot carry of a content."""
    if not isinstance(content, SmsContent | MmsContent):
        return "Vonage carries SMS and MMS"
    if _NUMBER.fullmatch(envelope.to) is None:
        return "the receiver has no number of 7 to 15 digits"
    if isinstance(content, MmsContent) and content.media:
        text = content.text or ""
        return "a text beside media has at most 3000 characters" if _is_long(text) else None
    return None if content.text else "the message has no text"


def _is_long(text: str) -> bool:
    return len(text) > _LONGEST_CAPTION


def _number(value: str) -> str:
    """Return a number without its plus sign, and any other sender as it is."""
    match = _NUMBER.fullmatch(value)
    return match[1] if match else value


def _message(content: Any) -> dict[str, Any]:
    media = content.media if isinstance(content, MmsContent) else ()
    if not media:
        return {"message_type": "text", "text": content.text}
    first = {"url": media[0].media_url, **({"caption": content.text} if content.text else {})}
    if len(media) == 1:
        kind = _kind(media[0])
        return {"message_type": kind, kind: first}
    rest = [{"type": _kind(item), "url": item.media_url} for item in media[1:]]
    return {"message_type": "content", "content": [{"type": _kind(media[0]), **first}, *rest]}


def _kind(item: MediaItem) -> str:
    content_type = (item.content_type or "image/*").lower()
    if content_type in _VCARDS:
        return "vcard"
    return _KINDS.get(content_type.partition("/")[0], "file")
