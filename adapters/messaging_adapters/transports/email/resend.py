"""Email over the API of Resend."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.charset import Charset
from email.utils import getaddresses
from typing import Any, Final

import orjson
from attrs import define, field

from messaging_adapters.mail.compose import receiver_of, sender_of
from messaging_adapters.mail.failures import UnsendableError, outcome_of, unsendable
from messaging_adapters.providers.answers import (
    acceptance,
    json_object,
    masked,
    outcome_of_answer,
    reported_by,
    retry_after,
    text_of,
)
from messaging_adapters.providers.credentials import api_root, check_key
from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.providers.own_id import MESSAGE_ID
from messaging_adapters.providers.requests import api_request
from messaging_adapters.transports.http import (
    AN_HTTP_CLIENT,
    TIMEOUT,
    CodecTransport,
)
from messaging_core.arguments import a_text, checked_init, optional, span
from messaging_core.models.common.channel import EMAIL
from messaging_core.models.common.failure import Failure, FailureCode, Retry
from messaging_core.models.content.body import Attachment
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.delivery.outcome import Outcome
from messaging_core.models.messages.envelope import Address, EmailContent, Envelope, Recipient
from messaging_core.ports.clock import Clock
from messaging_core.ports.components import a_clock
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from messaging_core.rules.content.attachments import content_id_of

_LARGEST_REQUEST: Final = 40_000_000  # bytes, with the base64 of attachments
_REFUSALS: Final = range(400, 500)
_QUOTAS: Final = frozenset({"daily_quota_exceeded", "monthly_quota_exceeded"})
# Characters that mean something in an address list (RFC 5322 §3.2.3); a dot in a name does no harm.
_SPECIALS: Final = frozenset('()<>[]:;@\\,"')
_ENCODED_WORD: Final = "=?"
_ENCODED_NAME: Final = re.compile(r"(=\?[\w-]+\?[bBqQ]\?[\w+/=*!-]+\?= ?)+", re.ASCII)
_CAPABILITIES: Final = Capabilities(
    platforms=frozenset({EMAIL}),
    media=True,
    max_recipients=1,
    lacks=frozenset({"click_tracking", "initial_open_tracking", "open_tracking"}),
    receipts=True,
    deduplicates_for=timedelta(hours=24),
)


@checked_init(
    api_key=a_text,
    name=a_text,
    base_url=a_text,
    timeout=span(),
    client=AN_HTTP_CLIENT,
    clock=optional(a_clock),
)
@define(eq=False, kw_only=True)
class ResendTransport(CodecTransport):
    """Send email with Resend.

    Our message id is the idempotency key: for 24 hours Resend answers a repeated request as it
    answered the first, and sends no second mail. So the engine repeats a message in doubt. The
    request is the same to the byte at every try. The id also travels as a tag and comes back in
    each webhook.

    A webhook names no receiver, so a message has one. Resend tracks opens and clicks by domain: a
    message that asks for tracking is refused.

    Attributes:
        api_key: With the permission to send.
        name: As in timelines and logs, and the source of the receipts.
        base_url: Where the API is.
        errors: What error names mean that differs from the table of the engine, by name.
        timeout: For the whole exchange, unless a client is given.
        client: Carries the requests; by default one of its own.
        clock: Tells the time.

    Raises:
        ConfigurationError: The API key or a URL is none.
    """

    api_key: str = field(repr=False)
    name: str = "resend"
    base_url: str = "https://api.resend.com"
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    timeout: timedelta = TIMEOUT
    client: HttpClient | None = field(default=None, repr=False)
    clock: Clock | None = field(default=None, repr=False)
    capabilities: Capabilities = field(default=_CAPABILITIES, init=False, repr=False)
    _table: ErrorTable = field(init=False, repr=False)
    _root: str = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a set-up that could not work."""
        check_key("api_key", self.api_key)
        self._root = api_root(self.base_url)
        self._table = error_table("resend").with_changes(self.errors)
        self._run_itself()

    def request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | Outcome:
        del now  # the same bytes at every try
        try:
            content = orjson.dumps(_mail(envelope))
            if len(content) > _LARGEST_REQUEST:
                raise unsendable(f"Resend takes mails of at most {_LARGEST_REQUEST} bytes")
        except UnsendableError as error:
            return error.outcome
        headers = {**self._credentials, "idempotency-key": str(envelope.message_id)}
        return api_request("POST", f"{self._root}/emails", headers, content)

    @property
    def _credentials(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.api_key}"}

    def outcome(self, response: HttpResponse, envelope: Envelope, *, now: datetime) -> Outcome:
        answer = json_object(response)
        if response.is_ok:
            return acceptance(text_of(answer.get("id")), response, self.name)
        name, message = text_of(answer.get("name")), text_of(answer.get("message"))
        known = self._known(response, name, message)
        if known is not None and name in _QUOTAS:
            # Only a quota that is used up answers 429 and does not pass within seconds.
            return outcome_of(reported_by(known, self.name), retry_after(response, now))
        text = masked(f"{name}: {message}".strip(": "), envelope, [self.api_key])
        return outcome_of_answer(response, name=self.name, now=now, known=known, text=text)

    def _known(self, response: HttpResponse, name: str, message: str) -> Failure | None:
        if response.status not in _REFUSALS:
            return None
        if "api key is invalid" in message.lower():  # its name is that of a wrong mail
            name = "invalid_api_key"
        return self._table.find(f"{response.status}:{name}") or self._table.find(name)

    def check_request(self, *, now: datetime) -> HttpRequest | None:
        del now
        return api_request("GET", f"{self._root}/domains", self._credentials)

    def is_known(self, response: HttpResponse) -> bool:
        """Know a key that may send and not list domains: Resend says so."""
        return response.is_ok or json_object(response).get("name") == "restricted_api_key"


def _mail(envelope: Envelope) -> dict[str, Any]:
    content = envelope.content
    if not isinstance(content, EmailContent):
        raise unsendable("Resend carries email only", FailureCode.UNSUPPORTED_TYPE)
    own_headers = {name: value for name, value in content.headers.items() if not _is_reply_to(name)}
    replies = [value for name, value in content.headers.items() if _is_reply_to(name)]
    mail = {
        "from": _sender(envelope.sender),
        "to": [_receiver(receiver) for receiver in envelope.receivers],
        "subject": content.subject,
        "text": content.text,
        "html": content.html,
        "reply_to": [_named_address(*pair) for pair in getaddresses(replies)],
        "headers": own_headers,
        "attachments": [_attachment(attachment) for attachment in content.attachments],
        "tags": [{"name": MESSAGE_ID, "value": str(envelope.message_id)}],
    }
    return {key: value for key, value in mail.items() if value or key == "subject"}


def _is_reply_to(name: str) -> bool:
    return name.lower() == "reply-to"


def _sender(sender: Address | None) -> str:
    """Return the sender with its name as it is: Resend takes neither quotes nor encoded words."""
    address, name = sender_of(sender), (sender.name if sender else None) or ""
    if not address.isascii():
        raise _bad_sender("the sender has letters beyond ASCII, and Resend takes none")
    if not name.isprintable() or _is_special(name):
        raise _bad_sender('Resend takes no name of a sender with one of ()<>[]:;@\\," or =?')
    return f"{name} <{address}>" if name else address


def _bad_sender(problem: str) -> UnsendableError:
    return unsendable(problem, FailureCode.INVALID_SENDER, Retry.CONFIGURATION)


def _receiver(receiver: Recipient) -> str:
    address = receiver_of(receiver)
    if not address.isascii():
        problem = "a receiver has letters beyond ASCII before the @, and Resend takes none"
        raise unsendable(problem, FailureCode.INVALID_RECEIVER)
    return _named_address(receiver.name or "", address)


def _named_address(name: str, address: str) -> str:
    """Return an address with a name, encoded (RFC 2047) where it needs it: Resend reads no quotes.

    A name that is encoded already stays as it is.
    """
    is_encoded = name.startswith(_ENCODED_WORD) and name.isascii() and not _SPECIALS & set(name)
    if (
        name
        and not is_encoded
        and (_is_special(name) or not (name.isascii() and name.isprintable()))
    ):
        name = Charset("utf-8").header_encode(name)
    return f"{name} <{address}>" if name else address


def _is_special(name: str) -> bool:
    return bool(_SPECIALS & set(name)) or _ENCODED_WORD in name


def _attachment(attachment: Attachment) -> dict[str, str]:
    fields = {
        "filename": attachment.filename,
        "content": attachment.content,
        "path": attachment.media_url,  # Resend fetches it
        "content_type": attachment.content_type,
        "content_id": content_id_of(attachment),
    }
    return {key: value for key, value in fields.items() if value is not None}
