"""Short functions that build parts of a request."""

from collections.abc import Iterable

from messaging_core.arguments import a_text, refuse
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


def attach(
    content: bytes, filename: str, *, content_type: str | None = None, content_id: str | None = None
) -> Attachment:
    """Return an attachment of an email: `attach(path.read_bytes(), "invoice.pdf")`.

    Args:
        content: The file.
        filename: The name that the reader sees.
        content_type: Its media type; by default that of the ending of the name.
        content_id: Shows the file inside the HTML, which names it as `cid:<content_id>`.
    """
    from base64 import b64encode  # noqa: PLC0415 - most programs attach nothing
    from mimetypes import guess_type  # noqa: PLC0415

    if not isinstance(content, bytes | bytearray | memoryview):
        raise refuse("content", "bytes", content, "pass path.read_bytes()")
    name = a_text(filename, "filename")
    return Attachment(
        filename=name,
        content=b64encode(content).decode("ascii"),
        content_type=content_type or guess_type(name)[0] or "application/octet-stream",
        inline=content_id is not None,
        content_id=content_id,
    )
