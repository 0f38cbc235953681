"""Django's own mails, such as those of `send_mail` and of a password reset, through the engine."""

from collections.abc import Iterator, Sequence
from email.message import Message as MimeMessage
from email.utils import parseaddr
from mimetypes import guess_extension
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from messaging_adapters.django import conf
from messaging_adapters.django.engine import messenger
from messaging_core.errors import ConfigurationError, MessagingError
from messaging_core.models.common.channel import EMAIL, Channel
from messaging_core.models.content.body import Attachment, HtmlBody, HtmlMetadata
from messaging_core.models.messages.compose import attach
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.contact import (
    Receiver,
    ReceiverContact,
    ReceiverType,
    Sender,
    SenderAnnotations,
    SenderConnector,
)
from messaging_core.rules.addressing.sender import mail_domain, mail_domains

_UNSET = ("localhost", "")  # the domain of Django's own defaults: webmaster@localhost


class EmailBackend(BaseEmailBackend):
    """Accepts mails inside the transaction of the caller; a worker delivers them.

    Set `EMAIL_BACKEND = "messaging_adapters.django.email.EmailBackend"`.
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Accept mails, and return how many.

        Raises:
            MessagingError: One was refused, unless `fail_silently`; those before it are accepted.
        """
        return sum(self._accept(mail) for mail in email_messages if mail.recipients())

    def _accept(self, mail: EmailMessage) -> bool:
        try:
            name, address = parseaddr(str(mail.from_email))
            messenger.send(channel_for(address), request_of(mail, name, address))
        except MessagingError:
            if not self.fail_silently:
                raise
            return False
        return True


def channel_for(address: str) -> Channel:
    """Return the channel that sends a mail from an address.

    Raises:
        ConfigurationError: There is none, or several could.
    """
    name = conf.email_channel()
    if name is not None:
        return messenger.channel(name)
    email = [own for own in messenger.channels.by_id.values() if own.platform == EMAIL]
    if len(email) == 1:
        return email[0]
    domain = mail_domain(address)
    alike = [own for own in email if domain in mail_domains([own])]
    if len(alike) == 1:
        return alike[0]
    raise ConfigurationError(
        f"{len(email)} channels of email, of which {len(alike)} send from {domain}:"
        " name the channel of Django's mails with settings.MESSAGING_EMAIL_CHANNEL"
    )


def request_of(mail: EmailMessage, name: str, address: str) -> SendMessage:
    """Return a mail of Django as a request.

    Args:
        mail: The mail.
        name: The display name of its sender.
        address: The address of its sender; that of the channel, where Django's default is used.
    """
    text, html = _texts(mail)
    headers = {str(key): str(value) for key, value in mail.extra_headers.items()}
    if mail.reply_to:
        headers["Reply-To"] = ", ".join(map(str, mail.reply_to))
    return SendMessage(
        receiver=Receiver(contacts=tuple(_contacts(mail))),
        sender=_sender(name, address),
        body=HtmlBody(
            html=html,
            text=text,
            attachments=tuple(_attachments(mail)),
            metadata=HtmlMetadata(subject=str(mail.subject) or None, headers=headers or None),
        ),
    )


def _sender(name: str, address: str) -> Sender | None:
    if address.rpartition("@")[2] in _UNSET:
        return None
    annotations = SenderAnnotations(name=name) if name else None
    connector = SenderConnector(identifier_value=address, annotations=annotations)
    return Sender(connector=connector)


def _contacts(mail: EmailMessage) -> Iterator[ReceiverContact]:
    kinds = {ReceiverType.TO: mail.to, ReceiverType.CC: mail.cc, ReceiverType.BCC: mail.bcc}
    for kind, addresses in kinds.items():
        for address in addresses:
            _, value = parseaddr(str(address))
            yield ReceiverContact(identifier_value=value or str(address), type=kind)


def _texts(mail: EmailMessage) -> tuple[str | None, str | None]:
    """Return the text and the HTML of a mail."""
    body = str(mail.body)
    if mail.content_subtype == "html":
        return None, body
    pages = [content for content, kind in _alternatives(mail) if kind == "text/html"]
    return body or None, pages[0] if pages else None


def _alternatives(mail: EmailMessage) -> list[tuple[str, str]]:
    return [
        (str(content), str(kind)) for content, kind in getattr(mail, "alternatives", None) or ()
    ]


def _attachments(mail: EmailMessage) -> Iterator[Attachment]:
    for attachment in mail.attachments:
        yield _of_mime(attachment) if isinstance(attachment, MimeMessage) else _file(*attachment)
    others = [(content, kind) for content, kind in _alternatives(mail) if kind != "text/html"]
    for content, kind in others:  # such as an invitation, text/calendar
        yield attach(content.encode(), _named(None, kind), content_type=kind)


def _file(filename: str | None, content: Any, kind: str | None = None) -> Attachment:
    if isinstance(content, EmailMessage):
        content = content.message()
    if isinstance(content, MimeMessage):
        content = content.as_bytes()
    data = content.encode() if isinstance(content, str) else bytes(content)
    return attach(data, _named(filename, kind), content_type=kind)


def _of_mime(part: MimeMessage) -> Attachment:
    kind = part.get_content_type()
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    content_id = (part.get("Content-ID") or "").strip("<> ") or None
    return attach(data, _named(part.get_filename(), kind), content_type=kind, content_id=content_id)


def _named(filename: str | None, kind: str | None) -> str:
    """Return the name of a file; one is needed, and Django lets it be left out."""
    return filename or f"attachment{guess_extension(kind or '') or ''}"
