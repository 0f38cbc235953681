"""Short functions that build parts of a request."""

from collections.abc import Iterable

from messaging_core.models.content.body import (
    Attachment,
    HtmlBody,
    HtmlMetadata,
    TextBody,
    TextMetadata,
)
from messaging_core.models.people.contact import Receiver, ReceiverContact, ReceiverType


def to(*values: str, cc: Iterable[str] = (), bcc: Iterable[str] = ()) -> Receiver:
    """Return receivers: `to("+31612345678")`, or on email `to("a@x.example", cc=["b@x.example"])`.

    Args:
        values: Numbers (E.164), email addresses, push tokens, or identifiers of the platform.
        cc: Email addresses that get a copy.
        bcc: Email addresses that get a copy hidden from the others.
    """
    contacts = [ReceiverContact(identifier_value=value) for value in values]
    for kind, copies in ((ReceiverType.CC, cc), (ReceiverType.BCC, bcc)):
        contacts += [ReceiverContact(identifier_value=value, type=kind) for value in copies]
    return Receiver(contacts=tuple(contacts))


def text(content: str, *, subject: str | None = None) -> TextBody:
    """Return plain text; `subject` is the subject of an email or the title of a push message."""
    return TextBody(
        text=content, metadata=TextMetadata(subject=subject) if subject is not None else None
    )


def html(
    content: str,
    *,
    subject: str | None = None,
    plain: str | None = None,
    attachments: Iterable[Attachment] = (),
) -> HtmlBody:
    """Return an email in HTML; `plain` is its alternative for readers without HTML."""
    return HtmlBody(
        html=content,
        text=plain,
        attachments=tuple(attachments),
        metadata=HtmlMetadata(subject=subject) if subject is not None else None,
    )
