"""Render messages into envelopes, which transports send as they are."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from attrs import evolve

from messaging_core.decisions.content.linking import apply_links
from messaging_core.models.common.channel import EMAIL, PUSH, SMS, Channel
from messaging_core.models.content.action import Action, LinkAction
from messaging_core.models.content.body import (
    Attachment,
    Body,
    FileBody,
    GifBody,
    HtmlBody,
    HtmlMetadata,
    ImageBody,
    TextBody,
    TextMetadata,
)
from messaging_core.models.content.meta import Meta
from messaging_core.models.delivery.delivery import Delivery
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
from messaging_core.models.messages.message import Message
from messaging_core.models.people.contact import MessageContact, ReceiverType
from messaging_core.models.policy.send_rules import Purpose
from messaging_core.rules.addressing.unsubscribe import offers_unsubscribe, unsubscribe_headers
from messaging_core.rules.formats.sms import encode_smartly, split_sms
from messaging_core.rules.policy.consent import purpose_of
from messaging_core.rules.policy.schedule import is_later


def envelope_of(message: Message, delivery: Delivery, channel: Channel) -> Envelope:
    """Return the envelope of a message, for the receivers that have no outcome yet.

    The same message gives the same envelope every time, except for the attempt.
    """
    content, links = _content(message, channel), delivery.controls.links
    recipients = tuple([_recipient(contact) for contact in message.receiver.contacts])
    finished = {*delivery.accepted, *delivery.refused}
    remaining = recipients
    if finished:
        remaining = tuple([own for own in recipients if own.value not in finished])
    return Envelope(
        message_id=message.id,
        workspace=channel.workspace,
        channel=channel,
        sender=_sender(message),
        receivers=remaining,
        copies=recipients,
        content=apply_links(content, links, links.codes.get) if links else content,
        created_at=message.created_at,
        scheduled_for=_scheduled_for(message),
        expires_at=delivery.expires_at,
        attempt=max(1, delivery.attempts),
        reference=message.reference,
    )


def _scheduled_for(message: Message) -> datetime | None:
    """Return the time that a message was scheduled for; None if that meant "now"."""
    at = message.scheduled_for
    return at.astimezone(UTC) if at is not None and is_later(at, message.created_at) else None


def _content(message: Message, channel: Channel) -> Content:
    """Render the body, and add unsubscribe headers to marketing emails."""
    if not message.body:
        return _EMPTY
    content = content_of(message.body, message.meta, channel)
    offered = channel.unsubscribe_url or channel.unsubscribe_mailto
    if not offered or not isinstance(content, EmailContent):
        return content
    is_marketing = purpose_of(channel.message_type, message.meta) is Purpose.MARKETING
    if not is_marketing or offers_unsubscribe(content.headers):
        return content
    headers = unsubscribe_headers(
        channel.unsubscribe_url, channel.unsubscribe_mailto, str(message.id)
    )
    return evolve(content, headers={**content.headers, **headers})


def _recipient(contact: MessageContact) -> Recipient:
    return Recipient(
        value=contact.address,
        name=contact.annotations.name if contact.annotations else None,
        type=contact.type or ReceiverType.TO,
        contact_id=contact.id,
    )


def _sender(message: Message) -> Address | None:
    connector = message.sender.connector
    if connector is None or connector.identifier_value is None:
        return None
    name = connector.annotations.name if connector.annotations else None
    return Address(value=connector.identifier_value, name=name)


def content_of(body: Body, meta: Meta | None, channel: Channel) -> Content:
    """Render a body for the platform of a channel.

    The body has passed the rules, so the platform can carry it.
    """
    render = _RENDERERS.get(channel.platform)
    return render(body, meta, channel) if render else NativeContent(body=body)


def _sms(body: Body, _meta: Meta | None, channel: Channel) -> Content:
    if isinstance(body, ImageBody | FileBody | GifBody):
        fallback = None if isinstance(body, GifBody) or not body.metadata else body.metadata
        if channel.mms:
            return MmsContent(
                media=_media(body),
                text=_with_links(body.text or "", body.actions) or None,
                subject=fallback.subject if fallback else None,
            )
        text = fallback.fallback_text if fallback and fallback.fallback_text else ""
    else:
        text = body.text if isinstance(body, TextBody) else ""
    actions = getattr(body, "actions", ())
    text = _with_links(text, actions)
    return SmsContent(sms=split_sms(encode_smartly(text) if channel.smart_encoding else text))


def _email(body: Body, meta: Meta | None, _channel: Channel) -> Content:
    if isinstance(body, TextBody):
        return _mail(body.metadata, meta, _with_links(body.text, body.actions), body.attachments)
    if isinstance(body, HtmlBody):
        html = _with_html_links(body.html, body.actions) if body.html is not None else None
        text = _with_links(body.text, body.actions) if body.text is not None else None
        return _mail(body.metadata, meta, text, body.attachments, html)
    media = _media(body)
    attachments = tuple(
        Attachment(media_url=item.media_url, filename=item.filename or _name_in(item.media_url))
        for item in media
    )
    text = getattr(body, "text", None) or ""
    metadata = getattr(body, "metadata", None)
    subject = TextMetadata(subject=getattr(metadata, "subject", None))
    return _mail(subject, meta, _with_links(text, getattr(body, "actions", ())), attachments)


def _mail(
    metadata: TextMetadata | HtmlMetadata | None,
    meta: Meta | None,
    text: str | None,
    attachments: tuple[Attachment, ...],
    html: str | None = None,
) -> EmailContent:
    """Join the settings of body and `meta`; subject and headers of the body have precedence."""
    general = meta.email if meta else None
    subjects = (metadata.subject if metadata else None, general.subject if general else None)
    tracking = metadata if isinstance(metadata, HtmlMetadata) else HtmlMetadata()
    return EmailContent(
        subject=next((subject for subject in subjects if subject is not None), ""),
        text=text,
        html=html,
        headers=_merged(
            general.headers if general else None, metadata.headers if metadata else None
        ),
        attachments=attachments,
        open_tracking=tracking.open_tracking or False,
        initial_open_tracking=tracking.initial_open_tracking or False,
        click_tracking=tracking.click_tracking or False,
    )


def _merged(*layers: Mapping[str, str] | None) -> dict[str, str]:
    """Join headers by name, ignoring case; later layers have precedence."""
    merged = {
        name.lower(): (name, text) for layer in layers for name, text in (layer or {}).items()
    }
    return dict(merged.values())


def _push(body: Body, meta: Meta | None, _channel: Channel) -> Content:
    actions: tuple[Action, ...] = getattr(body, "actions", ())
    link = next((action for action in actions if isinstance(action, LinkAction)), None)
    override = meta.push_notifications if meta else None
    media = _media(body)
    return PushContent(
        text=getattr(body, "text", None) or "",
        title=getattr(getattr(body, "metadata", None), "subject", None),
        image_url=media[0].media_url if media else None,
        link=link.url if link else None,
        actions=tuple(action for action in actions if action is not link),
        subtitle=override.subtitle if override else None,
        gateway=override.gateway_type_override if override else None,
        data=override.data if override else None,
    )


def _media(body: Body) -> tuple[MediaItem, ...]:
    if isinstance(body, ImageBody):
        return tuple(
            MediaItem(media_url=image.media_url, alt_text=image.alt_text) for image in body.images
        )
    if isinstance(body, FileBody):
        return tuple(
            MediaItem(
                media_url=file.media_url,
                content_type=file.content_type,
                filename=file.filename,
                alt_text=file.alt_text,
            )
            for file in body.files
        )
    if isinstance(body, GifBody):
        return (
            MediaItem(media_url=body.media_url, content_type="image/gif", alt_text=body.alt_text),
        )
    return ()


def _name_in(url: str) -> str:
    path = url.partition("?")[0].partition("#")[0]
    return path.rpartition("/")[2] or "attachment"


def _with_links(text: str, actions: tuple[Action, ...]) -> str:
    """Add a line for each link button, for platforms without buttons."""
    lines = [f"{action.text}: {action.url}" for action in actions if isinstance(action, LinkAction)]
    return "\n".join([text, *lines]) if text else "\n".join(lines)


def _with_html_links(html: str, actions: tuple[Action, ...]) -> str:
    if not actions:
        return html
    from html import escape  # noqa: PLC0415 - only few mails have buttons

    links = "".join(
        f'<p><a href="{escape(action.url)}">{escape(action.text)}</a></p>'
        for action in actions
        if isinstance(action, LinkAction)
    )
    end = html.lower().rfind("</body>")
    return html[:end] + links + html[end:] if end >= 0 else html + links


_EMPTY = NativeContent(body=TextBody(text=""))
_RENDERERS: Mapping[str, Callable[[Body, Meta | None, Channel], Content]] = {
    SMS: _sms,
    EMAIL: _email,
    PUSH: _push,
}
