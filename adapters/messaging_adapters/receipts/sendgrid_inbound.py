"""Mail that people send, as the Inbound Parse webhook of Twilio SendGrid carries it.

Source: "Inbound Email Parse Webhook" of its documentation.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from email.parser import HeaderParser
from email.policy import compat32
from typing import Final
from uuid import UUID

import orjson

from messaging_adapters.mail.received import (
    ReceivedMail,
    UnreadableMailError,
    decoded,
    people_in,
    read_mail,
)
from messaging_adapters.receipts.form_body import FormBody, attachment_of, json_of
from messaging_adapters.receipts.incoming import channel_of, sent_at
from messaging_adapters.receipts.json_body import Document, text
from messaging_core.errors import UnreadableRequestError
from messaging_core.models.content.body import HtmlBody, HtmlMetadata
from messaging_core.models.delivery.receipt import IncomingMessage

_WHOLE: Final = ("email", "rawEmail")
"""The field with the mail as it came, where the webhook is set so; the documents name both."""


def incoming_mail(
    form: FormBody, *, channels: Mapping[str, UUID], source: str, now: datetime
) -> IncomingMessage:
    """Return the mail that a form carries.

    Args:
        form: As it came.
        channels: Channels by the address that people write to.
        source: The name of the parser.
        now: The instant of a mail without a date.

    Raises:
        UnreadableRequestError: It carries none.
        ConfigurationError: None of its receivers has a channel.
    """
    envelope, mail = _object(form, "envelope"), _whole(form) or _from_fields(form)
    listed = envelope.get("to")
    receivers = [str(address) for address in listed] if isinstance(listed, list) else []
    sender = mail.sender or text(envelope, "from")
    if not sender:
        raise UnreadableRequestError("the mail has no sender")
    addresses = map(str.lower, [*receivers, *mail.receivers])
    return IncomingMessage(
        source=source,
        at=sent_at(mail.date, now),
        channel_id=channel_of(channels, source, *addresses),
        sender=sender,
        sender_name=mail.sender_name,
        body=mail.body,
        reference=mail.message_id or None,
        key=_key(form),
        raw=_without_whole(form),
    )


def _whole(form: FormBody) -> ReceivedMail | None:
    content = next((form.contents[name] for name in _WHOLE if name in form.contents), None)
    if content is None:
        return None
    try:
        return read_mail(content)
    except UnreadableMailError as error:
        raise UnreadableRequestError(str(error)) from None


def _from_fields(form: FormBody) -> ReceivedMail:
    """Return a mail whose parts SendGrid has read already, each in the charset of its part."""
    charsets = _object(form, "charsets")
    header = HeaderParser(policy=compat32).parsestr(form.fields.get("headers", ""))
    name, sender = next(iter(people_in(_decoded(form, "from", charsets))), ("", ""))
    lines = [_decoded(form, line, charsets) for line in ("to", "cc")]
    return ReceivedMail(
        sender=sender,
        sender_name=name or None,
        receivers=tuple(address for _, address in people_in(*lines)),
        message_id=str(header.get("message-id", "")).strip().strip("<>"),
        date=str(header.get("date", "")),
        body=_body(form, charsets),
    )


def _body(form: FormBody, charsets: Document) -> HtmlBody:
    html, words = _decoded(form, "html", charsets), _decoded(form, "text", charsets)
    ids = {part: own for own, part in _object(form, "content-ids").items() if isinstance(part, str)}
    return HtmlBody(
        html=html or None,
        text=words if words or not html else None,
        attachments=tuple(attachment_of(file, ids.get(name)) for name, file in form.files.items()),
        metadata=HtmlMetadata(subject=_decoded(form, "subject", charsets) or None),
    )


def _decoded(form: FormBody, name: str, charsets: Document) -> str:
    return decoded(form.contents.get(name, b""), text(charsets, name))


def _object(form: FormBody, name: str) -> Document:
    value = json_of(form.fields.get(name, ""))
    return value if isinstance(value, dict) else {}


def _key(form: FormBody) -> str:
    """Return what tells a mail from others: its header and the envelope, or all of it.

    Each server on the way has added to the header, so no two mails have the same one.
    """
    names = ("headers", "envelope", *_WHOLE)
    parts = [form.contents.get(name, b"") for name in names]
    if not any(parts):
        raise UnreadableRequestError("the form carries no mail")
    return "incoming:" + hashlib.sha256(b"\0".join(parts)).hexdigest()


def _without_whole(form: FormBody) -> str:
    """Return the texts of a form; its files are in the body of the message already."""
    others = {name: value for name, value in form.fields.items() if name not in _WHOLE}
    return orjson.dumps(others).decode()
