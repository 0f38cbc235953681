"""How an email becomes the bytes that are sent."""

from collections.abc import Iterator, Mapping, Sequence
from email.utils import format_datetime
from typing import Final

from attrs import evolve, field

from messaging_adapters.mail import headers
from messaging_adapters.mail.addresses import AddressError, wire_address
from messaging_adapters.mail.attachments import read_files
from messaging_adapters.mail.failures import unsendable
from messaging_adapters.mail.headers import HeaderError
from messaging_adapters.mail.parts import Part, file_part, group, text_part
from messaging_adapters.mail.return_path import ReturnPath
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import MessageType
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.messages.envelope import Address, EmailContent, Envelope, Recipient
from messaging_core.models.people.contact import ReceiverType
from messaging_core.ports.media import MediaSource
from messaging_core.rules.content.attachments import content_id_of
from messaging_core.rules.content.headers import is_reserved
from messaging_core.rules.content.mail_fields import is_structured
from messaging_core.rules.content.media import is_invitation

_NO_RECEIVERS: Final = "To: undisclosed-recipients:;\r\n"  # RFC 5322 §3.4, an empty group


@frozen(kw_only=True)
class Mail:
    """A mail ready to be sent.

    Attributes:
        sender: Where reports go, in wire form: the return path, or else the address of `From`.
        recipients: Whom this attempt goes to: the address as in the envelope, and in wire form.
        content: Header and body in lines of CRLF, the last one too; dots are not doubled.
        texts: What it says, for the search of echoes in replies.
        message_id: The field of that name without its brackets.
        envelope_id: What a server repeats in its reports (RFC 3461 §4.4).
        utf8: Only a server that offers SMTPUTF8 (RFC 6531) can take it.
    """

    sender: str = field(repr=False)
    recipients: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    texts: tuple[str, ...] = field(repr=False)
    message_id: str
    envelope_id: str
    utf8: bool


def compose(  # noqa: PLR0913 - by keyword beyond the second
    envelope: Envelope,
    content: EmailContent,
    *,
    media: MediaSource | None,
    limit: int,
    return_path: ReturnPath | None = None,
    no_track: str | None = None,
) -> Mail:
    """Return the mail for an envelope, the same bytes at every try.

    Args:
        envelope: Who, when and which message.
        content: Its content.
        media: Where attachments come from that are named by URL.
        limit: The most bytes that the finished mail may have.
        return_path: Where reports go; by default to the sender.
        no_track: The attribute by which a provider knows a link that it must not track.

    Raises:
        UnsendableError: It cannot be sent as it stands; carries the outcome.
    """
    if no_track and content.html:
        from messaging_core.rules.links.html_links import mark_untracked  # noqa: PLC0415 - rarely used

        content = evolve(content, html=mark_untracked(content.html, no_track))
    sender = sender_of(envelope.sender)
    recipients = {receiver.value: receiver_of(receiver) for receiver in envelope.receivers}
    message_id = message_id_of(envelope)
    try:
        body = _body(content, media=media, limit=limit, seed=envelope.message_id.hex)
        head = headers.verify([*_fields(envelope, content, sender, message_id), *body.fields])
    except HeaderError as error:
        raise unsendable(str(error)) from error
    own = envelope.message_id
    return Mail(
        sender=return_path.of(own) if return_path else sender,
        recipients=recipients,
        content=_within(limit, b"%b\r\n%b" % (head, _ended(body.body))),
        texts=_texts(envelope, content),
        message_id=message_id,
        envelope_id=return_path.token(own) if return_path else own.hex,
        utf8=not (head.isascii() and all(map(str.isascii, recipients.values()))),
    )


def _texts(envelope: Envelope, content: EmailContent) -> tuple[str, ...]:
    """Return the personal texts of the mail; of addresses the part before the @."""
    people = [person for person in (envelope.sender, *envelope.receivers) if person is not None]
    texts = [content.subject, content.text, content.html, *content.headers.values()]
    texts += [attachment.filename for attachment in content.attachments]
    texts += [person.name for person in people]
    texts += [person.value.rpartition("@")[0] for person in people]
    return tuple([text for text in texts if text])


def _within(limit: int, content: bytes) -> bytes:
    if len(content) > limit:
        raise unsendable(f"the mail is larger than {limit} bytes")
    return content


def _ended(body: bytes) -> bytes:
    return body if body.endswith(b"\r\n") else body + b"\r\n"


def sender_of(sender: Address | None) -> str:
    """Return the address of a sender in wire form.

    Raises:
        UnsendableError: There is none, or it is no address.
    """
    if sender is None:
        raise unsendable(
            "the channel has no sender", FailureCode.INVALID_SENDER, Retry.CONFIGURATION
        )
    try:
        return wire_address(sender.value)
    except AddressError as error:
        problem = f"the sender is no mail address: {error}"
        raise unsendable(problem, FailureCode.INVALID_SENDER, Retry.CONFIGURATION) from error


def message_id_of(envelope: Envelope) -> str:
    """Return the `Message-ID` of a mail without its brackets, the same at every try.

    Raises:
        UnsendableError: There is no sender, or it is no address.
    """
    return f"{envelope.message_id}@{sender_of(envelope.sender).rpartition('@')[2]}"


def receiver_of(receiver: Recipient) -> str:
    """Return the address of a receiver in wire form.

    Raises:
        UnsendableError: It is no address.
    """
    try:
        return wire_address(receiver.value)
    except AddressError as error:
        problem = f"a receiver is no mail address: {error}"
        raise unsendable(problem, FailureCode.INVALID_RECEIVER) from error


def _fields(
    envelope: Envelope, content: EmailContent, sender: str, message_id: str
) -> Iterator[str]:
    """Yield the fields of the mail itself, those of its parts apart."""
    name = envelope.sender.name if envelope.sender else None
    yield headers.mailboxes("From", [(name, sender)])
    yield from _receiver_fields(envelope.copies or envelope.receivers)
    yield headers.text("Subject", content.subject)
    yield f"Date: {format_datetime(envelope.scheduled_for or envelope.created_at)}\r\n"
    yield f"Message-ID: <{message_id}>\r\n"
    yield "MIME-Version: 1.0\r\n"
    if _is_automatic(envelope, content):
        yield "Auto-Submitted: auto-generated\r\n"
    for header, value in content.headers.items():
        yield _own_field(header, value)


def _is_automatic(envelope: Envelope, content: EmailContent) -> bool:
    """Say whether a program wrote this mail (RFC 3834 §5) and the request does not say so."""
    return envelope.channel.message_type is not MessageType.CONVERSATIONAL and not any(
        name.lower() == "auto-submitted" for name in content.headers
    )


def _receiver_fields(receivers: Sequence[Recipient]) -> Iterator[str]:
    lines: dict[ReceiverType, list[tuple[str | None, str]]] = {}
    for receiver in receivers:
        lines.setdefault(receiver.type, []).append((receiver.name, receiver_of(receiver)))
    if ReceiverType.TO in lines:
        yield headers.mailboxes("To", lines[ReceiverType.TO])
    if ReceiverType.CC in lines:
        yield headers.mailboxes("Cc", lines[ReceiverType.CC])
    if lines.keys() <= {ReceiverType.BCC}:
        yield _NO_RECEIVERS


def _own_field(name: str, value: str) -> str:
    """Return a field that the caller asked for."""
    if is_reserved(name):
        raise HeaderError(f"the header {name[:40]!a} is made from the message itself")
    return (headers.structured if is_structured(name) else headers.text)(name, value)


def _body(content: EmailContent, *, media: MediaSource | None, limit: int, seed: str) -> Part:
    """Return text, HTML, its pictures and the files beside it, each group where it belongs."""
    texts = [text_part(content.text, "plain")] if content.text is not None else []
    files = _files(content, media, limit)
    if content.html is not None:
        html = [text_part(content.html, "html"), *files.pictures]
        texts.append(group("related", html, seed))
    if not texts:
        raise unsendable("the mail has neither a text nor HTML")
    alternatives = group("alternative", [*texts, *files.invitations], seed)
    return group("mixed", [alternatives, *files.beside], seed)


@frozen(kw_only=True)
class _Files:
    """What is shown within the HTML, what in place of the text, and what is beside it."""

    pictures: list[Part] = field(factory=list)
    invitations: list[Part] = field(factory=list)
    beside: list[Part] = field(factory=list)


def _files(content: EmailContent, media: MediaSource | None, limit: int) -> _Files:
    files = _Files()
    contents = read_files(content.attachments, media, limit)
    for attachment, file in zip(content.attachments, contents, strict=True):
        is_alternative = is_invitation(file.content_type)
        part = file_part(
            file.content,
            content_type=file.content_type,
            filename=attachment.filename,
            inline=attachment.inline or is_alternative,
            content_id=content_id_of(attachment),
        )
        if is_alternative:  # a client that knows calendars shows it instead (RFC 6047 §2.4)
            files.invitations.append(part)
        else:
            within = attachment.inline and content.html is not None
            (files.pictures if within else files.beside).append(part)
    return files
