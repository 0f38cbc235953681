"""SMS, MMS, email and the host's own platforms over the Bird Channels API."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import orjson
from attrs import define, field

from messaging_adapters.providers.answers import (
    acceptance,
    is_reference,
    json_object,
    masked,
    missing,
    outcome_of_answer,
    reported_by,
    text_of,
)
from messaging_adapters.providers.credentials import api_root, check_key
from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.providers.requests import api_request
from messaging_adapters.transports.http import (
    AN_HTTP_CLIENT,
    TIMEOUT,
    CodecTransport,
    refused,
)
from messaging_core.arguments import a_text, checked_init, optional, span, uuid
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import EMAIL
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.content.body import (
    Body,
    File,
    FileBody,
    HtmlBody,
    HtmlMetadata,
    Image,
    ImageBody,
    MediaMetadata,
    TextBody,
)
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.delivery.outcome import Accepted, Outcome, Rejected
from messaging_core.models.messages.envelope import (
    Address,
    EmailContent,
    Envelope,
    MediaItem,
    MmsContent,
    NativeContent,
    Recipient,
    SmsContent,
)
from messaging_core.models.messages.request import NotificationHook, SendMessage
from messaging_core.models.people.contact import (
    Receiver,
    ReceiverContact,
    Sender,
    SenderAnnotations,
    SenderConnector,
)
from messaging_core.ports.clock import Clock
from messaging_core.ports.components import a_clock
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from messaging_core.rules.formats.uris import check_callback_url
from messaging_core.wire import dump_send_message

_LARGEST_REQUEST: Final = 204_800  # bytes
_PAGE: Final = 100
_MEDIA_HOST: Final = "media.api.bird.com"
_SKEW: Final = timedelta(minutes=2)  # between Bird's clock and ours
_FAILED: Final = frozenset({"rejected", "sending_failed", "delivery_failed", "skipped"})


@checked_init(
    workspace_id=uuid,
    channel_id=uuid,
    access_key=a_text,
    notification_url=optional(a_text),
    name=a_text,
    base_url=a_text,
    timeout=span(),
    client=AN_HTTP_CLIENT,
    clock=optional(a_clock),
)
@define(eq=False, kw_only=True)
class BirdTransport(CodecTransport):
    """Send through a channel of Bird: SMS, MMS, email, and bodies of the host's own platforms.

    Requests and messages have the same form here and at Bird, so a host can move either way. Our
    message id travels as `reference` and comes back in each status. Bird recognises no repeated
    message, so the engine asks its list of messages about one in doubt.

    The sender of an email is the user part of its address; the domain is that of Bird's channel.

    Attributes:
        workspace_id: At Bird.
        channel_id: At Bird.
        access_key: Of a role that may create and view messages of the channel.
        notification_url: Gets the events of these messages; it works only where Bird has a webhook
            subscription.
        name: As in timelines and logs, and the source of the receipts.
        base_url: Where the API is.
        errors: What failure codes mean that differs from the table of the engine, by code.
        timeout: For the whole exchange, unless a client is given.
        client: Carries the requests; by default one of its own.
        clock: Tells the time.

    Raises:
        ConfigurationError: The access key or a URL is none.
    """

    workspace_id: UUID
    channel_id: UUID
    access_key: str = field(repr=False)
    notification_url: str | None = field(default=None, repr=False)
    name: str = "bird"
    base_url: str = "https://api.bird.com"
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    timeout: timedelta = TIMEOUT
    client: HttpClient | None = field(default=None, repr=False)
    clock: Clock | None = field(default=None, repr=False)
    capabilities: Capabilities = field(
        default=Capabilities(media=True, receipts=True, looks_up=True), init=False, repr=False
    )
    _table: ErrorTable = field(init=False, repr=False)
    _channel_url: str = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a set-up that could not work."""
        check_key("access_key", self.access_key)
        if self.notification_url is not None and check_callback_url(self.notification_url, ""):
            raise ConfigurationError("notification_url must be an https URL with a host name")
        root = api_root(self.base_url)
        self._channel_url = f"{root}/workspaces/{self.workspace_id}/channels/{self.channel_id}"
        self._table = error_table("bird").with_changes(self.errors)
        self._run_itself()

    @property
    def media_credentials(self) -> Mapping[str, str]:
        """Return what shows the media of incoming messages, for `HttpMediaSource`."""
        return {_MEDIA_HOST: f"AccessKey {self.access_key}"}

    def request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | Outcome:
        body = _body(envelope.content)
        if body is None:
            return refused(
                "Bird carries no rendered push notification",
                self.name,
                code=FailureCode.UNSUPPORTED_TYPE,
                rule="content",
            )
        if problem := _foreign_sender(envelope):
            return refused(
                problem,
                self.name,
                code=FailureCode.INVALID_SENDER,
                retry=Retry.CONFIGURATION,
                rule="sender",
            )
        request = SendMessage(
            receiver=Receiver(
                contacts=tuple(_contact(receiver, envelope) for receiver in envelope.receivers)
            ),
            sender=_sender(envelope.sender, envelope.channel.platform),
            body=body,
            reference=str(envelope.message_id),
            validity=max(1, (envelope.expires_at - now) // timedelta(seconds=1)),
            notification=NotificationHook(url=self.notification_url)
            if self.notification_url
            else None,
        )
        content = orjson.dumps(dump_send_message(request))
        if len(content) > _LARGEST_REQUEST:
            problem = f"Bird takes requests of at most {_LARGEST_REQUEST} bytes"
            return refused(problem, self.name, rule="size")
        return self._request("POST", f"{self._channel_url}/messages", content)

    def _request(self, method: str, url: str, body: bytes = b"") -> HttpRequest:
        return api_request(method, url, {"authorization": f"AccessKey {self.access_key}"}, body)

    def outcome(self, response: HttpResponse, envelope: Envelope, *, now: datetime) -> Outcome:
        answer = json_object(response)
        if response.is_ok:
            return acceptance(text_of(answer.get("id")), response, self.name)
        said = f"{text_of(answer.get('code'))}: {text_of(answer.get('message'))}".strip(": ")
        text = masked(said, envelope, [self.access_key])
        return outcome_of_answer(response, name=self.name, now=now, text=text)

    def check_request(self, *, now: datetime) -> HttpRequest | None:
        del now
        return self._request("GET", f"{self._channel_url}/messages?limit=1")

    def look_up_request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | None:
        del now
        since = (envelope.scheduled_for or envelope.created_at) - _SKEW
        filters = {
            "to": envelope.to,
            "direction": "outgoing",
            "startAt": f"{since:%Y-%m-%dT%H:%M:%S}.000Z",
            "limit": _PAGE,
        }
        return self._request("GET", f"{self._channel_url}/messages?{urlencode(filters)}")

    def looked_up(self, response: HttpResponse, envelope: Envelope) -> Outcome | None:
        """Find the message by its reference; a list that goes on proves nothing.

        Of several tries one that failed says nothing about the others.
        """
        answer = json_object(response)
        listed = answer.get("results")
        if not isinstance(listed, list):
            return None
        own = str(envelope.message_id)
        tries = [
            item
            for item in listed
            if isinstance(item, dict) and text_of(item.get("reference")).lower() == own
        ]
        if tries:
            going = [item for item in tries if text_of(item.get("status")) not in _FAILED]
            return self._found((going or tries)[0])
        return None if answer.get("nextPageToken") else missing(self.name)

    def _found(self, item: Mapping[str, Any]) -> Outcome | None:
        reference, status = text_of(item.get("id")), text_of(item.get("status"))
        failure = item.get("failure")
        code = text_of(failure.get("code")) if isinstance(failure, dict) else ""
        known = self._table.find(code) or self._table.find(f"{code[:2]}xxx")
        if status in _FAILED and known is not None:
            references = (reference,) if is_reference(reference) else ()
            return Rejected(failure=reported_by(known, self.name), references=references)
        return Accepted(references=(reference,)) if is_reference(reference) else None


def _contact(receiver: Recipient, envelope: Envelope) -> ReceiverContact:
    channel = envelope.channel
    return ReceiverContact(
        identifier_key=channel.identifier_key,
        identifier_value=receiver.value,
        type=receiver.type if channel.platform == EMAIL else None,
    )


def _sender(sender: Address | None, platform: str) -> Sender | None:
    if sender is None:
        return None
    user = sender.value.rpartition("@")[0] if platform == EMAIL else ""
    annotations = SenderAnnotations(name=sender.name) if sender.name else None
    connector = SenderConnector(identifier_value=user or sender.value, annotations=annotations)
    return Sender(connector=connector)


def _foreign_sender(envelope: Envelope) -> str | None:
    """Return why an address cannot be expressed: Bird takes its user part only."""
    sender, own = envelope.sender, envelope.channel.sender
    if envelope.channel.platform != EMAIL or sender is None or own is None:
        return None
    if sender.value.rpartition("@")[2].lower() == own.rpartition("@")[2].lower():
        return None
    return "the sender is of another domain than the channel, which Bird cannot express"


def _body(content: object) -> Body | None:
    match content:
        case SmsContent():
            return TextBody(text=content.text)
        case MmsContent():
            return _media_body(content)
        case EmailContent():
            return _html_body(content)
        case NativeContent():
            return content.body
    return None


def _html_body(content: EmailContent) -> HtmlBody:
    return HtmlBody(
        html=content.html,
        text=content.text,
        attachments=content.attachments,
        metadata=HtmlMetadata(
            subject=content.subject or None,
            headers=dict(content.headers) or None,
            initial_open_tracking=content.initial_open_tracking or None,
            click_tracking=content.click_tracking or None,
            open_tracking=content.open_tracking or None,
        ),
    )


def _media_body(content: MmsContent) -> Body:
    metadata = MediaMetadata(subject=content.subject) if content.subject else None
    if all(map(_is_picture, content.media)):
        images = tuple(
            Image(media_url=item.media_url, alt_text=item.alt_text) for item in content.media
        )
        return ImageBody(images=images, text=content.text, metadata=metadata)
    files = tuple(
        File(
            media_url=item.media_url,
            content_type=item.content_type or "application/octet-stream",
            filename=item.filename,
            alt_text=item.alt_text,
        )
        for item in content.media
    )
    return FileBody(files=files, text=content.text, metadata=metadata)


def _is_picture(item: MediaItem) -> bool:
    is_image = item.content_type is None or item.content_type.startswith("image/")
    return is_image and item.filename is None
