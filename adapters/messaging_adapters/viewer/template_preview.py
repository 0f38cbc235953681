"""What a template becomes in one language: a pure function, and the views of what it gives."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import evolve, frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.mail_checks import Check, checks_of
from messaging_adapters.viewer.mail_frame import FramedMail, frame_mail
from messaging_adapters.viewer.pages.message_files import pictures_of
from messaging_adapters.viewer.pages.message_push import PushView, push_view
from messaging_adapters.viewer.pages.message_sms import SmsView, sms_view
from messaging_core.decisions.content.rendering import content_of
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.rendered_template import RenderedTemplate
from messaging_core.models.content.template_project import TemplateVersion
from messaging_core.models.messages.envelope import (
    Content,
    EmailContent,
    PushContent,
    SmsContent,
)
from messaging_core.rules.content.body import check_body
from messaging_core.templates import Engines, render_template

_MOST_TEXT: Final = 200_000
_MOST_LINKS: Final = 50
_MOST_ERRORS: Final = 20
MISSING: Final = "template.missing_variable"


@frozen(kw_only=True)
class Preview:
    """A template in one language: the content that it becomes, or why it does not."""

    locale: str
    content: Content | None
    violations: tuple[Violation, ...] = ()


@frozen(kw_only=True)
class MailPreview:
    """An email that is not sent.

    Attributes:
        frame_path: Where the document with its HTML is; nothing if it has none.
    """

    subject: str
    frame_path: str | None
    held_back: str
    inert: str
    words: str | None
    checks: tuple[Check, ...]
    links: tuple[str, ...]


@frozen(kw_only=True)
class PreviewView:
    """One language of a template, as it is shown.

    Attributes:
        errors: Why nothing is shown.
        words: What another platform gets.
    """

    locale: str
    errors: tuple[str, ...]
    sms: SmsView | None = None
    mail: MailPreview | None = None
    push: PushView | None = None
    words: str | None = None


def preview_of(
    version: TemplateVersion,
    locale: str,
    data: Mapping[str, Any],
    *,
    channel: Channel,
    engines: Engines,
) -> Preview:
    """Return what a template becomes on a channel; nothing is sent or stored."""
    rendered = render_template(version, channel.platform, locale, data, engines=engines)
    if isinstance(rendered, tuple):
        return Preview(locale=locale, content=None, violations=rendered)
    if violations := check_body(rendered.body, channel, "/body"):
        return Preview(locale=locale, content=None, violations=tuple(violations))
    return Preview(locale=locale, content=_content(rendered, channel))


def _content(rendered: RenderedTemplate, channel: Channel) -> Content:
    content = content_of(rendered.body, None, channel)
    if isinstance(content, PushContent):
        return evolve(content, subtitle=rendered.subtitle, data=rendered.data)
    return content


def framed(content: EmailContent) -> FramedMail | None:
    """Return the HTML of a mail as a document, if it has HTML."""
    if content.html is None:
        return None
    return frame_mail(content.html, pictures=pictures_of(content.attachments))


def view_of(
    preview: Preview, *, channel: Channel, at: datetime, frame_path: str, is_marketing: bool
) -> PreviewView:
    """Return one language of a template as it is shown.

    Args:
        preview: What the template becomes.
        channel: Whose sender is shown.
        at: The local time on the lock screen.
        frame_path: Where the HTML of a mail would be.
        is_marketing: Whether readers must be able to unsubscribe.
    """
    errors = _errors(preview.violations)
    content, sender = preview.content, channel.sender_name or channel.sender or channel.name
    match content:
        case SmsContent():
            sms = sms_view(content.sms, sender=sender)
            return PreviewView(locale=preview.locale, errors=errors, sms=sms)
        case EmailContent():
            mail = _mail(content, frame_path, is_marketing=is_marketing)
            return PreviewView(locale=preview.locale, errors=errors, mail=mail)
        case PushContent():
            push = push_view(content, app=sender, at=at)
            return PreviewView(locale=preview.locale, errors=errors, push=push)
    words = getattr(getattr(content, "body", None), "text", None) if content else None
    return PreviewView(
        locale=preview.locale,
        errors=errors,
        words=text.lines(words, _MOST_TEXT) if words else None,
    )


def _errors(violations: Sequence[Violation]) -> tuple[str, ...]:
    """Return what is wrong, but for values that are missing: those are marked in the form."""
    shown = [violation.message for violation in violations if violation.code != MISSING]
    if len(shown) < len(violations):
        shown.append("Values are missing: see the form.")
    return tuple(text.line(message) for message in dict.fromkeys(shown))[:_MOST_ERRORS]


def _mail(content: EmailContent, frame_path: str, *, is_marketing: bool) -> MailPreview:
    document = framed(content)
    return MailPreview(
        subject=text.line(content.subject) or "No subject",
        frame_path=frame_path if document else None,
        held_back=document.held_back if document else "",
        inert=document.inert if document else "",
        words=text.lines(content.text, _MOST_TEXT) if content.text else None,
        checks=checks_of(content, document, is_marketing=is_marketing),
        links=tuple(text.line(link) for link in document.links[:_MOST_LINKS]) if document else (),
    )
