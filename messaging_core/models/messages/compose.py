"""Build the parts of a request briefly, without JSON."""

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
    """Address a request: `to("+31612345678")`, or on email `to("a@x.example", cc=["b@x.example"])`.

    Args:
        values: Numbers (E.164), email addresses, push tokens, or what the channel's platform uses.
        cc: Email addresses that get a copy.
        bcc: Email addresses that get a copy unseen by the others.
    """
    contacts = [ReceiverContact(identifier_value=value) for value in values]
    for kind, copies in ((ReceiverType.CC, cc), (ReceiverType.BCC, bcc)):
        contacts += [ReceiverContact(identifier_value=value, type=kind) for value in copies]
    return Receiver(contacts=tuple(contacts))


def text(content: str, *, subject: str | None = None) -> TextBody:
    """Write plain text; `subject` is the subject of an email or the title of a push message."""
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
    """Write a mail in HTML, with what a reader without HTML sees in `plain`."""
    return HtmlBody(
        html=content,
        text=plain,
        attachments=tuple(attachments),
        metadata=HtmlMetadata(subject=subject) if subject is not None else None,
    )
