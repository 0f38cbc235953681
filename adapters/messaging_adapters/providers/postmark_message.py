"""How an email becomes the JSON of Postmark's API."""

from collections.abc import Mapping
from typing import Any, Final

from messaging_adapters.mail.compose import receiver_of, sender_of
from messaging_adapters.mail.failures import unsendable
from messaging_adapters.mail.parts import ANY_TYPE
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.content.body import Attachment
from messaging_core.models.messages.envelope import EmailContent, Envelope
from messaging_core.models.people.contact import ReceiverType
from messaging_core.rules.content.attachments import content_id_of
from messaging_core.rules.content.headers import check_headers
from messaging_core.rules.formats.text import is_line
from messaging_core.rules.links.html_links import mark_untracked

_LARGEST_TEXT: Final = 5 * 1024 * 1024  # bytes, of the text and of the HTML
_LARGEST_MAIL: Final = 10 * 1024 * 1024  # bytes, after base64

LARGEST_FILES: Final = _LARGEST_MAIL // 4 * 3
"""The most bytes of attachments together, before base64."""


def message_of(envelope: Envelope, content: EmailContent) -> dict[str, Any]:
    """Return what `POST /email` gets, but for the stream and the metadata.

    Args:
        envelope: From whom and to whom.
        content: Its content; attachments hold their bytes.

    Raises:
        UnsendableError: It cannot be sent as it stands; carries the outcome.
    """
    texts = _texts(content)
    return {**_addresses(envelope), **texts, **_tracking(content), **_files(content)}


def _files(content: EmailContent) -> dict[str, Any]:
    files = [_file(attachment) for attachment in content.attachments]
    texts = sum(len(text.encode()) for text in _bodies(content).values())
    if texts + sum(len(file["Content"]) for file in files) > _LARGEST_MAIL:
        raise unsendable("Postmark takes mails of at most 10 MiB, with attachments as base64")
    return {"Attachments": files} if files else {}


def _addresses(envelope: Envelope) -> dict[str, Any]:
    sender = envelope.sender
    message = {"From": _mailbox(sender.name if sender else None, sender_of(sender))}
    lines: dict[ReceiverType, list[str]] = {}
    for receiver in envelope.receivers:
        mailbox = _mailbox(receiver.name, receiver_of(receiver))
        lines.setdefault(receiver.type, []).append(mailbox)
    return message | {kind.value.capitalize(): ", ".join(line) for kind, line in lines.items()}


def _mailbox(name: str | None, address: str) -> str:
    if not address.isascii():
        problem = "Postmark carries no address with letters beyond ASCII before the @"
        raise unsendable(problem, FailureCode.UNSUPPORTED_DESTINATION)
    if not name:
        return address
    if not is_line(name):
        raise unsendable("a display name holds a control character")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{address}>'


def _bodies(content: EmailContent) -> dict[str, str]:
    html = mark_untracked(content.html, "data-pm-no-track") if content.html else content.html
    bodies = {"TextBody": content.text, "HtmlBody": html}
    return {name: text for name, text in bodies.items() if text is not None}


def _texts(content: EmailContent) -> dict[str, Any]:
    bodies = _bodies(content)
    if not any(bodies.values()):
        raise unsendable("the mail has neither a text nor HTML")
    if not is_line(content.subject) or check_headers(content.headers, ""):
        raise unsendable("the subject or a header is not one that a mail can have")
    try:
        sizes = [len(text.encode()) for text in bodies.values()]
    except UnicodeEncodeError as error:
        raise unsendable("the text holds half a surrogate pair") from error
    if max(sizes) > _LARGEST_TEXT:
        raise unsendable("Postmark takes a text and HTML of at most 5 MiB each")
    return {"Subject": content.subject, **bodies, **_headers(content.headers)}


def _headers(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the headers, `Reply-To` in the field that it has."""
    fields: dict[str, Any] = {}
    others = []
    for name, text in headers.items():
        if name.lower() == "reply-to":
            fields["ReplyTo"] = text
        else:
            others.append({"Name": name, "Value": text})
    return fields | ({"Headers": others} if others else {})


def _tracking(content: EmailContent) -> dict[str, Any]:
    # Said each time: what is left out is as the server of Postmark has it set.
    return {
        "TrackOpens": content.open_tracking,
        "TrackLinks": "HtmlAndText" if content.click_tracking else "None",
    }


def _file(attachment: Attachment) -> dict[str, str]:
    content_id = content_id_of(attachment)
    file = {
        "Name": attachment.filename,
        "Content": attachment.content or "",
        "ContentType": attachment.content_type or ANY_TYPE,
    }
    return file | ({"ContentID": f"cid:{content_id}"} if content_id else {})
