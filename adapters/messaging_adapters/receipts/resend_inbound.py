"""Mail that people send, as Resend announces it and lets fetch it.

Sources: "Receiving Emails", "Retrieve Received Email" and "List Received Email Attachments" of
Resend's documentation.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from attrs import define, evolve, field

from messaging_adapters.mail.parts import ANY_TYPE
from messaging_adapters.mail.received import people_in
from messaging_adapters.providers.answers import is_reference
from messaging_adapters.providers.requests import api_request
from messaging_adapters.receipts.incoming import channel_of
from messaging_adapters.receipts.json_body import Document, children, instant, required, text
from messaging_core.errors import HttpError, MediaError, UnreadableRequestError
from messaging_core.models.content.body import Attachment, HtmlBody, HtmlMetadata
from messaging_core.models.delivery.receipt import IncomingMessage
from messaging_core.ports.http import HttpClient
from messaging_core.ports.media import MediaSource
from messaging_core.rules.content.media import media_type_of

_LARGEST_FILES: Final = 40_000_000  # bytes, of all files of one mail
_GONE: Final = 404
_LINES: Final = ("to", "cc", "bcc", "received_for")


def announced_mail(
    data: Document, *, channels: Mapping[str, UUID], source: str, now: datetime
) -> IncomingMessage:
    """Return the mail that an event announces, without its text.

    Raises:
        UnreadableRequestError: It names no sender.
        ConfigurationError: None of its receivers has a channel.
    """
    people = people_in(text(data, "from"))
    if not people:
        raise UnreadableRequestError("it has no sender")
    receivers = people_in(*(line for name in _LINES for line in _texts(data.get(name))))
    addresses = [address.lower() for _, address in receivers]
    return IncomingMessage(
        source=source,
        at=min(instant(data, "created_at", now), now),
        channel_id=channel_of(channels, source, *addresses),
        sender=people[0][1],
        sender_name=people[0][0] or None,
        body=HtmlBody(text="", metadata=HtmlMetadata(subject=text(data, "subject") or None)),
        reference=required(data, "email_id"),
        is_announced=True,
        raw=orjson.dumps(data).decode(),
    )


@define(eq=False)
class ReceivedMails:
    """Fetch mail that a Resend team has received.

    Args:
        client: Carries the requests.
        root: Of the API.
        api_key: With full access.
        media: Where the files of a mail come from; without it they stay at Resend, by their URLs.
    """

    client: HttpClient = field(repr=False)
    root: str
    api_key: str = field(repr=False)
    media: MediaSource | None = field(default=None, repr=False)

    def fetch(self, message: IncomingMessage) -> IncomingMessage:
        """Return an announced mail with its text and files; as it is if Resend has it no more.

        Raises:
            HttpError: Resend cannot be asked now.
            MediaError: A file is not available now.
        """
        path = f"/emails/receiving/{message.reference}"
        mail = self._get(path) if is_reference(message.reference or "") else None
        if mail is None:
            return message
        files: Sequence[Document] = children(mail, "attachments")
        if files:
            files = children(self._get(f"{path}/attachments?limit=100") or {}, "data")
        html, words = text(mail, "html"), text(mail, "text")
        body = HtmlBody(
            html=html or None,
            text=words if words or not html else None,
            attachments=tuple(self._attachments(files)),
            metadata=HtmlMetadata(subject=text(mail, "subject") or None),
        )
        return evolve(message, body=body)

    def _get(self, path: str) -> Document | None:
        credentials = {"authorization": f"Bearer {self.api_key}"}
        request = api_request("GET", f"{self.root}{path}", credentials)
        response = self.client.send(request, max_answer=_LARGEST_FILES)
        if response.status == _GONE:
            return None
        value = _json(response.body) if response.is_ok else None
        if not isinstance(value, dict):
            problem = f"the provider answered {response.status}"
            raise HttpError(problem, may_be_sent=False, status=response.status)
        return value

    def _attachments(self, files: Sequence[Document]) -> list[Attachment]:
        attachments, left = [], _LARGEST_FILES
        for file in files:
            attachment = _attachment(file)
            try:
                content = self._content(attachment, left)
            except MediaError as error:
                if not error.permanent:
                    raise
                content = None  # it stays where it is, under its URL
            if content is not None:
                left -= len(content)
                encoded = base64.b64encode(content).decode()
                attachment = evolve(attachment, content=encoded, media_url=None)
            attachments.append(attachment)
        return attachments

    def _content(self, attachment: Attachment, limit: int) -> bytes | None:
        if self.media is None or attachment.media_url is None:
            return None
        return self.media.read(attachment.media_url, max(limit, 0)).content


def _attachment(file: Document) -> Attachment:
    content_id = text(file, "content_id").strip("<>")
    return Attachment(
        filename=text(file, "filename") or "attachment",
        media_url=text(file, "download_url") or None,
        content_type=media_type_of(text(file, "content_type")) or ANY_TYPE,
        inline=bool(content_id) and text(file, "content_disposition") != "attachment",
        content_id=content_id or None,
    )


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
