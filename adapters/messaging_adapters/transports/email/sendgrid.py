"""Email over the v3 Mail Send API of Twilio SendGrid.

Sources: Twilio's OpenAPI `tsg_mail_v3`, and "Mail Send", "Errors" and "X-Message-ID" of its
documentation.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from email.utils import getaddresses
from typing import Any, ClassVar, Final

import orjson
from attrs import define, evolve, field

from messaging_adapters.mail import headers
from messaging_adapters.mail.addresses import AddressError, wire_address
from messaging_adapters.mail.compose import receiver_of, sender_of
from messaging_adapters.mail.failures import UnsendableError, unsendable
from messaging_adapters.mail.headers import HeaderError
from messaging_adapters.mail.parts import ANY_TYPE
from messaging_adapters.providers.answers import (
    UNTAKEN,
    in_doubt,
    json_object,
    masked,
    outcome_of_answer,
    text_of,
)
from messaging_adapters.providers.credentials import api_root, check_key
from messaging_adapters.providers.own_id import OWN_ID
from messaging_adapters.providers.requests import api_request
from messaging_adapters.transports.http import (
    AN_HTTP_CLIENT,
    TIMEOUT,
    CodecTransport,
)
from messaging_core.arguments import a_text, checked_init, flag, optional, span
from messaging_core.models.common.channel import EMAIL
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.content.body import Attachment
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.delivery.outcome import Accepted, Outcome
from messaging_core.models.messages.envelope import Address, EmailContent, Envelope
from messaging_core.models.people.contact import ReceiverType
from messaging_core.ports.clock import Clock
from messaging_core.ports.components import A_MEDIA_SOURCE, a_clock
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from messaging_core.ports.media import MediaSource
from messaging_core.rules.content.attachments import content_id_of
from messaging_core.rules.content.headers import is_reserved
from messaging_core.rules.content.mail_fields import is_structured
from messaging_core.rules.links.html_links import mark_untracked

_REFERENCE: Final = re.compile(r"[\w-]{1,100}", re.ASCII)
_EPOCH: Final = re.compile(r"[0-9]{1,11}")
_LARGEST_REQUEST: Final = 30_000_000  # bytes
_SENT: Final = 202
_TRIED: Final = 200  # the answer to a request in sandbox mode
_TOO_MANY: Final = 429
_OF_SENDGRID: Final = frozenset({"x-sg-id", "x-sg-eid"})
_REPLY_TO: Final = "reply-to"
_CAPABILITIES: Final = Capabilities(
    platforms=frozenset({EMAIL}), media=True, max_recipients=1_000, receipts=True
)


@checked_init(
    api_key=a_text,
    sandbox=flag,
    media=optional(A_MEDIA_SOURCE),
    name=a_text,
    base_url=a_text,
    timeout=span(),
    client=AN_HTTP_CLIENT,
    clock=optional(a_clock),
)
@define(eq=False)
class SendGridTransport(CodecTransport):
    """Send email with an account of Twilio SendGrid.

    SendGrid recognises no repeated message and has no list of messages to ask. So our message id
    travels as a custom argument: an event resolves a message in doubt even if no answer ever came.

    Tracking is what the message says, whatever the account's default is. Files go within the
    request.

    Attributes:
        api_key: `SG.…`, with the permission for mail.
        sandbox: Let SendGrid check each request and send none.
        media: Where attachments come from that are named by URL; without it they are refused.
        name: As in timelines and logs, and the source of the receipts.
        base_url: Of another region: `https://api.eu.sendgrid.com`.
        timeout: For the whole exchange, unless a client is given.
        client: Carries the requests; by default one of its own.
        clock: Tells the time.

    Raises:
        ConfigurationError: The key or the URL is none.
    """

    api_key: str = field(repr=False)
    sandbox: bool = field(default=False, kw_only=True)
    media: MediaSource | None = field(default=None, kw_only=True, repr=False)
    name: str = field(default="sendgrid", kw_only=True)
    base_url: str = field(default="https://api.sendgrid.com", kw_only=True)
    timeout: timedelta = field(default=TIMEOUT, kw_only=True)
    client: HttpClient | None = field(default=None, kw_only=True, repr=False)
    clock: Clock | None = field(default=None, kw_only=True, repr=False)
    capabilities: Capabilities = field(default=_CAPABILITIES, init=False, repr=False)
    largest_files: ClassVar[int | None] = _LARGEST_REQUEST // 4 * 3
    _root: str = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a set-up that could not work."""
        check_key("api_key", self.api_key)
        self._root = f"{api_root(self.base_url)}/v3"
        self._run_itself()

    def request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | Outcome:
        del now  # SendGrid takes no validity
        try:
            mail = _mail(envelope)
        except UnsendableError as error:
            return error.outcome
        if self.sandbox:
            mail["mail_settings"] = {"sandbox_mode": {"enable": True}}
        body = orjson.dumps(mail)
        if len(body) > _LARGEST_REQUEST:
            return unsendable(f"SendGrid takes at most {_LARGEST_REQUEST} bytes").outcome
        return self._request("POST", "mail/send", body)

    def _request(self, method: str, path: str, body: bytes = b"") -> HttpRequest:
        credentials = {"authorization": f"Bearer {self.api_key}"}
        return api_request(method, f"{self._root}/{path}", credentials, body)

    def outcome(self, response: HttpResponse, envelope: Envelope, *, now: datetime) -> Outcome:
        """Read the status: an acceptance has no body, and its id is in a header.

        SendGrid does not promise that header. Without it the events still show our message id.
        """
        if response.status == (_TRIED if self.sandbox else _SENT):
            reference = response.headers.get("x-message-id", "")
            is_id = _REFERENCE.fullmatch(reference) is not None
            return Accepted(references=(reference,) if is_id else (), raw=str(response.status))
        if response.is_ok:
            return in_doubt("the answer is not SendGrid's", self.name, str(response.status))
        return outcome_of_answer(
            _with_pause(response, now),
            name=self.name,
            now=now,
            text=masked(_complaint(response), envelope, [self.api_key]),
            untaken=UNTAKEN,
        )

    def check_request(self, *, now: datetime) -> HttpRequest | None:
        del now
        return self._request("GET", "scopes")  # what the key may do


def _mail(envelope: Envelope) -> dict[str, Any]:
    """Return the document of a mail.

    Raises:
        UnsendableError: It cannot be sent as it stands.
    """
    content = envelope.content
    if not isinstance(content, EmailContent):
        raise unsendable("SendGrid carries email only", FailureCode.UNSUPPORTED_TYPE)
    if not content.subject.strip():
        raise unsendable("SendGrid takes no mail without a subject")
    mail = {
        "personalizations": [_lines(envelope)],
        "from": _person(sender_of(envelope.sender), envelope.sender),
        "subject": content.subject,
        "content": _texts(content),
        "custom_args": {OWN_ID: str(envelope.message_id)},
        "tracking_settings": _tracking(content),
    }
    optional_parts = {
        "reply_to_list": [person for value in _replies(content) for person in _people(value)],
        "headers": dict(_own_headers(content)),
        "attachments": [_file(attachment, content) for attachment in content.attachments],
    }
    return mail | {name: part for name, part in optional_parts.items() if part}


def _lines(envelope: Envelope) -> dict[str, list[dict[str, str]]]:
    """Return the receivers by line; SendGrid refuses a mail that names an address twice."""
    lines: dict[str, list[dict[str, str]]] = {}
    seen: set[str] = set()
    for receiver in envelope.receivers:
        person = _person(receiver_of(receiver), receiver)
        if person["email"].lower() not in seen:
            seen.add(person["email"].lower())
            lines.setdefault(str(receiver.type), []).append(person)
    if str(ReceiverType.TO) not in lines:
        problem = "SendGrid takes no mail without a receiver of type `to`"
        raise unsendable(problem, FailureCode.INVALID_RECEIVER)
    return lines


def _person(email: str, address: Address | None) -> dict[str, str]:
    name = address.name if address else None
    return {"email": email} | ({"name": name} if name else {})


def _texts(content: EmailContent) -> list[dict[str, str]]:
    """Return text and HTML, in the order that SendGrid wants; an empty one is none to it."""
    html = mark_untracked(content.html, 'clicktracking="off"') if content.html else content.html
    texts = (("text/plain", content.text), ("text/html", html))
    parts = [{"type": kind, "value": value} for kind, value in texts if value]
    if not parts:
        raise unsendable("the mail has neither a text nor HTML")
    return parts


def _tracking(content: EmailContent) -> dict[str, dict[str, bool]]:
    is_open_tracked = content.open_tracking or content.initial_open_tracking
    return {
        "click_tracking": {"enable": content.click_tracking, "enable_text": False},
        "open_tracking": {"enable": is_open_tracked},
    }


def _replies(content: EmailContent) -> Sequence[str]:
    return [value for name, value in content.headers.items() if name.lower() == _REPLY_TO]


def _people(value: str) -> Iterator[dict[str, str]]:
    """Yield the mailboxes of a Reply-To, which SendGrid takes in a field of its own."""
    for name, email in getaddresses([value]):
        try:
            yield _person(wire_address(email), Address(value=email, name=name or None))
        except AddressError as error:
            raise unsendable(f"a Reply-To is no mail address: {error}") from error


def _own_headers(content: EmailContent) -> Iterator[tuple[str, str]]:
    for name, value in content.headers.items():
        if is_reserved(name) or name.lower() in _OF_SENDGRID:
            raise unsendable(f"the header {name[:40]!a} is not for the caller to write")
        if name.lower() != _REPLY_TO:
            yield name, _encoded(name, value)


def _encoded(name: str, value: str) -> str:
    """Return the value of a header in one line of ASCII, as SendGrid copies it (RFC 2047)."""
    try:
        line = (headers.structured if is_structured(name) else headers.text)(name, value)
    except HeaderError as error:
        raise unsendable(str(error)) from error
    return line.partition(":")[2].replace("\r\n", "").strip()


def _file(attachment: Attachment, content: EmailContent) -> dict[str, str]:
    is_within = attachment.inline and content.html is not None
    content_id = content_id_of(attachment)
    file = {
        "content": attachment.content or "",
        "filename": attachment.filename,
        "type": attachment.content_type or ANY_TYPE,
        "disposition": "inline" if is_within else "attachment",
    }
    return file | ({"content_id": content_id} if content_id else {})


def _complaint(response: HttpResponse) -> str:
    """Return what SendGrid objects to first, and in which field."""
    errors = json_object(response).get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return ""
    return f"{text_of(first.get('field'))}: {text_of(first.get('message'))}".strip(": ")


def _with_pause(response: HttpResponse, now: datetime) -> HttpResponse:
    """Return a refusal for now with the usual header; SendGrid names the instant in another."""
    reset = response.headers.get("x-ratelimit-reset", "")
    is_usual = "retry-after" in response.headers or response.status != _TOO_MANY
    if is_usual or not _EPOCH.fullmatch(reset):
        return response
    pause = max(0, int(reset) - int(now.timestamp()))
    return evolve(response, headers={**response.headers, "retry-after": str(pause)})
