"""Messages for the tests of transports, each with words that can be found again."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from attrs import evolve

from messaging_core.models.common.channel import EMAIL, PUSH, SMS, Channel
from messaging_core.models.content.body import TextBody
from messaging_core.models.content.sms import SmsEncoding, SmsText
from messaging_core.models.messages.envelope import (
    Address,
    Content,
    EmailContent,
    Envelope,
    MediaItem,
    MmsContent,
    NativeContent,
    PushContent,
    Recipient,
    SmsContent,
)

MARK: Final = "kerfuffle"
"""A piece of every address in these tests, which no failure may repeat."""

_SENDERS: Final = {
    EMAIL: f"{MARK}-shop@sender.example",
    SMS: "+31600000001",
    PUSH: "app",
}
_RECEIVERS: Final = {
    EMAIL: f"{MARK}@receiver.example",
    SMS: "+31600000002",
    PUSH: MARK,
}
_NUMBERED: Final = {
    EMAIL: f"{MARK}{{:04d}}@receiver.example",
    SMS: "+3161000{:04d}",
}
_SHORTEST_SECRET: Final = 6  # a shorter word, such as "hi", is part of many others

CONTENTS: Final[Sequence[tuple[str, Content]]] = (
    (EMAIL, EmailContent(subject="Hello", text="A text\n.\nwith a dot\n", html="<p>A text</p>")),
    (SMS, SmsContent(sms=SmsText(text="hi", encoding=SmsEncoding.GSM_7, parts=("hi",), units=2))),
    (SMS, MmsContent(media=(MediaItem(media_url="https://media.example/a.png"),), text="hi")),
    (PUSH, PushContent(text="A text", title="A title")),
    ("pigeon", NativeContent(body=TextBody(text="hi"))),
)
"""One content of each kind, with the platform it is for."""


def an_envelope(platform: str, content: Content) -> Envelope:
    """Return an envelope with a new message id, accepted just now."""
    now = datetime.now(UTC)  # noqa: TID251 - when it was made is all the same
    sender = _SENDERS.get(platform, "sender")
    return Envelope(
        message_id=uuid4(),
        workspace=UUID(int=0),
        channel=Channel(name="contract", platform=platform, sender=sender),
        sender=Address(value=sender, name="A Shop"),
        receivers=(Recipient(value=_RECEIVERS.get(platform, MARK)),),
        content=content,
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )


def address_of(platform: str, number: int) -> str:
    """Return an address of its own for each number, of one length."""
    return _NUMBERED.get(platform, f"{MARK}{{:04d}}").format(number)


def text_of(number: int) -> str:
    """Return a text of its own for each number: letters and digits, the same in every alphabet."""
    return f"note{number:04d}z"


def content_with(content: Content, text: str) -> Content:
    """Return content of the same kind that holds this text; a body of the host's own stays."""
    match content:
        case SmsContent():
            parts, units = (text,), len(text)
            sms = SmsText(text=text, encoding=SmsEncoding.GSM_7, parts=parts, units=units)
            return evolve(content, sms=sms)
        case EmailContent():
            html = None if content.html is None else f"<p>{text}</p>"
            return evolve(content, text=text, html=html, headers={"X-Note": "1"})
        case MmsContent() | PushContent():
            return evolve(content, text=text)
        case NativeContent(body=TextBody() as body):
            return evolve(content, body=evolve(body, text=text))
    return content


def text_in(content: Content) -> str:
    """Return the text of a content, or nothing where it has none of its own."""
    match content:
        case NativeContent(body=TextBody(text=text)):
            return text
        case SmsContent() | EmailContent() | MmsContent() | PushContent():
            return content.text or ""
    return ""


def private_words(envelope: Envelope) -> set[str]:
    """Return the words of a message that no failure, log or `repr` may repeat."""
    addresses = [*envelope.receivers, *envelope.copies, *filter(None, [envelope.sender])]
    words = {address.value.lstrip("+") for address in addresses}
    words |= {address.name for address in addresses if address.name}
    words.add(text_in(envelope.content))
    return {word for word in words if len(word) >= _SHORTEST_SECRET}
