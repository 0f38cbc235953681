"""Messages and envelopes as a person reads them."""

from collections.abc import Iterator
from typing import Final

from messaging_adapters.cli.output.timestamps import moment
from messaging_core.decisions.content.rendering import content_of
from messaging_core.models.common.channel import Channel
from messaging_core.models.content.action import LinkAction
from messaging_core.models.content.sms import SmsText
from messaging_core.models.delivery.event import Event
from messaging_core.models.messages.envelope import (
    Address,
    Content,
    EmailContent,
    Envelope,
    MmsContent,
    PushContent,
    SmsContent,
)
from messaging_core.models.messages.message import Message
from messaging_core.models.policy.plan import Reason
from messaging_core.rules.formats.sms import split_sms, to_gsm

_LONGEST: Final = 2000  # characters of a content that is shown
_MOST_FORCED: Final = 5

Facts = Iterator[tuple[str, str]]
"""Names and values, one a line."""


def receivers(message: Message) -> str:
    """Return whom a message goes to: the first address, and how many more."""
    contacts = message.receiver.contacts
    addresses = [contact.address or contact.id or "" for contact in contacts]
    return f"{addresses[0]} +{len(addresses) - 1}" if addresses[1:] else "".join(addresses)


def envelope_facts(envelope: Envelope) -> Facts:
    """Yield what a transport is given."""
    if envelope.sender:
        yield "from", _address(envelope.sender)
    for receiver in envelope.receivers:
        yield receiver.type, _address(receiver)
    yield from content_facts(envelope.content)


def content_facts(content: Content) -> Facts:
    """Yield what a receiver gets to see, and what it costs."""
    match content:
        case SmsContent(sms=sms):
            yield from sms_facts(sms)
            yield "text", _shortened(sms.text)
        case MmsContent():
            yield from _some(subject=content.subject, text=content.text)
            yield from (("media", medium.media_url) for medium in content.media)
        case EmailContent():
            yield from _email_facts(content)
        case PushContent():
            yield from _some(title=content.title, text=content.text, image=content.image_url)
            yield from _some(link=content.link, gateway=content.gateway)
            yield from (
                ("button", getattr(action, "text", action.type))
                for action in content.actions
                if not isinstance(action, LinkAction)
            )
        case _:
            yield "body", content.body.type


def sms_facts(sms: SmsText) -> Facts:
    """Yield encoding, parts and the characters that made it dear."""
    yield "sms", f"{'1 part' if sms.count == 1 else f'{sms.count} parts'}, {sms.encoding}"
    if sms.forced:
        yield "forced by", forced_by(sms)


def forced_by(sms: SmsText) -> str:
    """Return the characters that forced UCS-2, and what would avoid it where that is cheaper."""
    shown = " ".join(forced.character for forced in sms.forced[:_MOST_FORCED])
    if sms.forced[_MOST_FORCED:]:
        shown += f" and {len(sms.forced) - _MOST_FORCED} more"
    cheaper = split_sms(to_gsm(sms.text))
    if cheaper.count >= sms.count:
        return shown
    advice = ", ".join(f"{forced.replacement!r} for {forced.character}" for forced in sms.forced)
    return f"{shown} ({advice}: {cheaper.count} of {sms.count} parts)"


def content_size(message: Message, channel: Channel) -> str:
    """Return what a message takes: `2 ucs2` for an SMS, else what it is."""
    content = content_of(message.body, message.meta, channel) if message.body else None
    match content:
        case SmsContent(sms=sms):
            return f"{sms.count} {sms.encoding}"
        case MmsContent():
            return "mms"
        case _:
            return channel.platform


def _email_facts(content: EmailContent) -> Facts:
    yield "subject", content.subject
    yield from content.headers.items()
    yield from _some(text=content.text, html=content.html)
    for attachment in content.attachments:
        yield (
            "attached",
            f"{attachment.filename}{' (within the text)' if attachment.inline else ''}",
        )


def _some(**facts: str | None) -> Facts:
    yield from ((name, _shortened(value)) for name, value in facts.items() if value)


def _address(address: Address) -> str:
    return f"{address.name} <{address.value}>" if address.name else address.value


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


def event_cells(event: Event) -> tuple[str, ...]:
    """Return one line of a timeline: time, event, status, outcome and details."""
    number = f" {event.attempt}" if event.attempt else ""
    details = (
        *map(_reason, event.reasons),
        "in doubt" if event.in_doubt else "",
        f"{event.failure.description} ({event.failure.code})" if event.failure else "",
        f"next at {moment(event.due_at)}" if event.due_at else "",
        *event.references,
    )
    return (
        moment(event.at),
        f"{event.kind}{number}",
        event.status,
        event.outcome or "",
        ", ".join(filter(None, details)),
    )


def _reason(reason: Reason) -> str:
    """Return a reason with the message that it is about, to be looked up next."""
    other = reason.facts.get("messageId")
    return f"{reason.message} (message {other})" if other else reason.message
