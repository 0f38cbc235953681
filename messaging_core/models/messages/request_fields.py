"""The short way to write a request: keywords of `send`, or a row of `send_many`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypedDict

from messaging_core.models.content.body import Attachment
from messaging_core.models.content.template import TemplateReference
from messaging_core.models.people.contact import Contact, Receiver, ReceiverContact

Addressee = str | Contact | ReceiverContact
"""A number (E.164), an email address, a push token, or a contact of the messenger."""


class RequestFields(TypedDict, total=False):
    """The keywords of `send("orders", to="+31612345678", text="…")`.

    `to` is required, and one of `text`, `html` and `template`. Whatever else a message can have is
    written as a `SendMessage`.

    Attributes:
        to: The receiver; on email also several.
        cc: Email addresses that get a copy.
        bcc: Email addresses that get a copy hidden from the others.
        subject: The subject of an email, or the title of a push message.
        text: The text; beside `html`, the alternative for readers without HTML.
        html: The HTML of an email.
        template: The name of a stored template, its UUID, or a reference to it.
        locale: The language of the template (BCP 47), such as `pt-BR`.
        data: The values of the template: texts, numbers, flags and objects.
        attachments: Files of an email; `attach` makes one from bytes.
        send_at: Aware instant, at most 35 days ahead.
        reference: The caller's own id.
        tags: At most 10.
    """

    to: Addressee | Receiver | Iterable[Addressee]
    cc: str | Iterable[str]
    bcc: str | Iterable[str]
    subject: str
    text: str
    html: str
    template: str | TemplateReference
    locale: str
    data: Mapping[str, Any]
    attachments: Iterable[Attachment]
    send_at: datetime
    reference: str
    tags: Iterable[str]
