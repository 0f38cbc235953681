"""Whether the transport of a channel can carry a content."""

from collections.abc import Iterator

from attrs import evolve

from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import Attachment
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.messages.envelope import (
    Content,
    EmailContent,
    MediaItem,
    MmsContent,
    PushContent,
    SmsContent,
)


def limits_content(capabilities: Capabilities) -> bool:
    """Return whether a transport declares anything that a message can break."""
    named = (capabilities.max_text, capabilities.max_parts, capabilities.max_media)
    has_limits = any(limit is not None for limit in (*named, capabilities.max_recipients))
    return (
        has_limits or capabilities.media is False or bool(capabilities.lacks or capabilities.checks)
    )


def check_capabilities(
    content: Content, receivers: int, capabilities: Capabilities, path: str
) -> list[Violation]:
    """Refuse what a transport cannot carry or express (ours); nothing is left out of a message.

    Args:
        content: As it would be sent.
        receivers: How many the message has.
        capabilities: Of the transport.
        path: Of the body.
    """
    violations: list[Violation] = []
    most = capabilities.max_recipients
    if most is not None and receivers > most:
        message = f"the transport of this channel takes at most {most} in a message"
        violations.append(Violation("/receiver/contacts", "transport.too_many_receivers", message))
    violations += _check_media(content, capabilities, path)
    violations += _check_text(content, capabilities, path)
    for name in sorted(capabilities.lacks):
        if _has(content, name):
            violations.append(evolve(inexpressible(name), path=path))
    for check in capabilities.checks:
        violations += [evolve(violation, path=path) for violation in check(content)]
    return violations


def inexpressible(name: str) -> Violation:
    """Refuse a part of the content that a provider has no field for."""
    message = f"the transport of this channel cannot express {name}: leave it out"
    return Violation("", "transport.cannot_express", message)


def check_size(size: int, most: int) -> Iterator[Violation]:
    """Refuse a content that is too large as the provider counts it, in bytes."""
    if size > most:
        message = (
            f"the message takes {size} bytes, and the provider allows {most}:"
            f" shorten it by {size - most} bytes"
        )
        yield Violation("", "transport.too_large", message)


def check_gateway(content: Content, gateway: str) -> Iterator[Violation]:
    """Refuse a push message whose caller chose another gateway than that of the transport."""
    chosen = content.gateway if isinstance(content, PushContent) else None
    if chosen not in {None, gateway}:
        message = f"the transport of this channel is {gateway}, not {chosen}: use another channel"
        yield Violation("", "transport.other_gateway", message)


def _check_media(content: Content, capabilities: Capabilities, path: str) -> Iterator[Violation]:
    media, most = _media(content), capabilities.max_media
    if media and capabilities.media is False:
        message = "the transport of this channel carries no pictures and files"
        yield Violation(path, "transport.no_media", message)
    if most is not None and len(media) > most:
        message = f"the transport of this channel carries at most {most} pictures and files"
        yield Violation(path, "transport.too_many_media", message)


def _check_text(content: Content, capabilities: Capabilities, path: str) -> Iterator[Violation]:
    if not isinstance(content, SmsContent | MmsContent):
        return
    most, length = capabilities.max_text, len(content.text or "")
    if most is not None and length > most:
        message = f"the transport of this channel takes {most} characters, not {length}"
        yield Violation(path, "transport.text_too_long", message)
    most = capabilities.max_parts
    if most is not None and isinstance(content, SmsContent) and content.sms.count > most:
        message = f"the transport of this channel takes {most} SMS, not {content.sms.count}"
        yield Violation(path, "transport.too_many_parts", message)


def _media(content: Content) -> tuple[MediaItem, ...] | tuple[Attachment, ...]:
    if isinstance(content, MmsContent):
        return content.media
    return content.attachments if isinstance(content, EmailContent) else ()


def _has(content: Content, name: str) -> bool:
    return any(getattr(holder, name, None) for holder in (content, *_media(content)))
