"""Whether a request may become a message."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from messaging_core.models.common.channel import EMAIL, Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import HtmlBody
from messaging_core.models.messages.request import SendMessage
from messaging_core.rules.addressing.receiver import check_receiver
from messaging_core.rules.addressing.sender import check_sender, check_sender_domain
from messaging_core.rules.content.body import check_body
from messaging_core.rules.content.meta import check_cap_frequency, check_meta
from messaging_core.rules.content.tags import check_tags
from messaging_core.rules.content.template import check_template
from messaging_core.rules.formats.text import check_line
from messaging_core.rules.formats.uris import check_callback_url
from messaging_core.rules.links.links import check_link_tracking, check_short_links
from messaging_core.rules.policy.schedule import check_schedule
from messaging_core.rules.policy.validity import check_validity
from messaging_core.rules.requests.reply_to import check_reply_to

MAX_BATCH: Final = 100
MAX_REFERENCE_LENGTH: Final = 500


def check_message(
    request: SendMessage,
    channel: Channel,
    now: datetime,
    *,
    is_rendered: bool = False,
    mail_domains: Collection[str] = (),
) -> list[Violation]:
    """Collect every rule that a request breaks, in the order of the request.

    The rules are those of the Bird Channels API for sending, rules 1 to 35 and 42; its shape
    (keys, types, enumerations) was checked when the JSON was read. A reference is one line of at
    most 500 characters, which is ours: no length is published.

    Args:
        request: What a caller wants to send.
        channel: The channel it is to go out on.
        now: Aware present, which schedules are compared with.
        is_rendered: Whether the body is what the template became.
        mail_domains: Of the email channels of the workspace, which a sender may be of.
    """
    violations = [] if channel.active else [_inactive(channel)]
    violations += check_receiver(request.receiver, channel, "/receiver")
    violations += _check_content(request, channel, is_rendered=is_rendered)
    violations += _check_origin(request, channel, mail_domains)
    violations += _check_options(request, channel)
    if request.tags:
        violations += check_tags(request.tags, "/tags")
    if request.scheduled_for is not None:
        violations += check_schedule(request.scheduled_for, now, "/scheduledFor")
    if request.validity is not None:
        violations += check_validity(request.validity, "/validity")
    return violations


def check_batch(requests: Sequence[object], path: str) -> list[Violation]:
    """Refuse a batch that has not 1 to 100 requests (Bird Channels API, rule 36).

    What is wrong with a single request is no fault of the batch.
    """
    if 1 <= len(requests) <= MAX_BATCH:
        return []
    code = "batch.too_large" if requests else "batch.empty"
    message = f"a batch has 1 to {MAX_BATCH} requests, not {len(requests)}"
    return [Violation(path, code, message)]


def _inactive(channel: Channel) -> Violation:
    return Violation("", "channel.inactive", f"the channel {channel.name} is not active")


def _check_content(request: SendMessage, channel: Channel, *, is_rendered: bool) -> list[Violation]:
    body, template = request.body, request.template
    violations: list[Violation] = []
    if (body is None) == (template is None) and not is_rendered:
        message = "give either a body or a template"
        code = "message.no_content" if body is None else "message.two_contents"
        violations.append(Violation("", code, message))
    if body is not None:
        wrong = check_body(body, channel, "/body")
        violations += map(of_rendered, wrong) if is_rendered else wrong
    if template is not None:
        violations += check_template(template, channel.platform, "/template")
    return violations


def of_rendered(violation: Violation) -> Violation:
    """Tell of content that a template became: the request has no place for what is wrong."""
    place = violation.path.removeprefix("/body/")
    return Violation("/template", violation.code, f"rendered, {place}: {violation.message}")


def _check_origin(
    request: SendMessage, channel: Channel, domains: Collection[str]
) -> list[Violation]:
    violations: list[Violation] = []
    if request.sender is not None:
        violations += check_sender(request.sender, channel, "/sender", domains)
    if channel.platform == EMAIL:
        violations += _check_from_domains(request, channel, domains)
    if request.reference is not None:
        violations += check_line(request.reference, "/reference", longest=MAX_REFERENCE_LENGTH)
    if request.meta is not None:
        violations += check_meta(request.meta, "/meta")
    if request.reply_to is not None:
        violations += check_reply_to(request.reply_to, "/replyTo")
    return violations


def _check_from_domains(
    request: SendMessage, channel: Channel, domains: Collection[str]
) -> list[Violation]:
    """Refuse complete addresses in `from` and `emailFrom` that are of a foreign domain."""
    violations: list[Violation] = []
    meta, body = request.meta, request.body
    if meta is not None and meta.email is not None and meta.email.sender is not None:
        path, name = "/meta/email/from/username", meta.email.sender.username
        if name is not None and "@" in name:
            violations += check_sender_domain(name, channel, path, domains)
    if isinstance(body, HtmlBody) and body.metadata and body.metadata.email_from:
        path, name = "/body/html/metadata/emailFrom/username", body.metadata.email_from.username
        if name is not None and "@" in name:
            violations += check_sender_domain(name, channel, path, domains)
    return violations


def _check_options(request: SendMessage, channel: Channel) -> list[Violation]:
    violations: list[Violation] = []
    if request.notification is not None and request.notification.url is not None:
        violations += check_callback_url(request.notification.url, "/notification/url")
    if request.cap_frequency:
        violations += check_cap_frequency(request.meta, "/capFrequency")
    if request.enable_link_tracking:
        violations += check_link_tracking(request, channel, "/enableLinkTracking")
    if request.short_links is not None:
        has_template = request.template is not None
        violations += check_short_links(
            request.short_links, channel, "/shortLinks", has_template=has_template
        )
    return violations
