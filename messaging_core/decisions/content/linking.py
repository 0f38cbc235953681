"""Shorten and track the links of rendered messages."""

from collections.abc import Callable, Mapping
from datetime import datetime

from attrs import evolve

from messaging_core.decisions.content.mail_tracking import track_mail
from messaging_core.decisions.content.shortening import write_short_links
from messaging_core.models.common.channel import SMS, Channel
from messaging_core.models.content.action import Action, LinkAction
from messaging_core.models.content.short_link import NO_PARAMETERS, LinkSettings, ShortLink
from messaging_core.models.messages.envelope import (
    Content,
    EmailContent,
    MmsContent,
    PushContent,
    SmsContent,
)
from messaging_core.models.messages.message import Message
from messaging_core.rules.formats.sms import split_sms
from messaging_core.rules.links.links import short_domain
from messaging_core.rules.links.tracking import track_text, utm_parameters, with_utm


def link_settings(
    message: Message, channel: Channel, *, tracked: bool, default_domain: str | None = None
) -> LinkSettings:
    """Return whether and how the links of a message are shortened and tracked.

    Here links are shortened on SMS only, see `Linking` for email. They are tracked only if the
    request sets `enableLinkTracking`; the UTM parameters of a template alone do not enable it.

    Args:
        message: The accepted message.
        channel: Its channel.
        tracked: Whether the request set `enableLinkTracking`.
        default_domain: The host name that the domain `default` means.
    """
    template = message.template.utm_parameters if message.template else ()
    return LinkSettings(
        domain=short_domain(message.short_links, message.template, default_domain)
        if channel.platform == SMS
        else None,
        parameters=utm_parameters(template, message.meta, channel) if tracked else NO_PARAMETERS,
    )


def draw_links(  # noqa: PLR0913 - everything a link is made of, each once
    content: Content,
    settings: LinkSettings,
    new_code: Callable[[], str],
    *,
    message: Message,
    channel: Channel,
    expires_at: datetime | None = None,
) -> tuple[ShortLink, ...]:
    """Create the short links of a message, which are stored with it.

    Equal addresses share a link. The result is empty if links are not shortened.
    """
    codes: dict[str, str] = {}

    def code_for(url: str) -> str:
        if url not in codes:
            codes[url] = new_code()
        return codes[url]

    apply_links(content, settings, code_for)
    return tuple(
        ShortLink(
            code=code,
            workspace=channel.workspace,
            message_id=message.id,
            channel_id=channel.id,
            domain=settings.domain or "",
            url=url,
            created_at=message.created_at,
            expires_at=expires_at,
        )
        for url, code in codes.items()
    )


def apply_links(
    content: Content, settings: LinkSettings, code_for: Callable[[str], str | None]
) -> Content:
    """Return content with shortened and tracked links; an SMS is split into parts again.

    The same codes give the same content, so every attempt sends the same links. Content for the
    host's own platforms is unchanged.

    Args:
        content: The rendered content.
        settings: Whether and how links are shortened and tracked.
        code_for: Returns the code of an address, or None to keep the address long.
    """

    def written(text: str) -> str:
        if settings.domain is None:
            return track_text(text, settings.parameters)
        return write_short_links(text, settings.domain, code_for, parameters=settings.parameters)

    does_nothing = settings.domain is None and not settings.parameters
    if does_nothing and not (settings.pixels or settings.untracked):
        return content
    match content:
        case SmsContent():
            text = written(content.text)
            return content if text == content.text else SmsContent(sms=split_sms(text))
        case MmsContent(text=str(text)):
            return evolve(content, text=written(text))
        case EmailContent():
            return track_mail(content, settings, code_for)
        case PushContent():
            return _push(content, settings.parameters)
        case _:
            return content


def _push(content: PushContent, parameters: Mapping[str, str]) -> PushContent:
    return evolve(
        content,
        text=track_text(content.text, parameters),
        link=with_utm(content.link, parameters) if content.link else content.link,
        actions=tuple(_tracked(action, parameters) for action in content.actions),
    )


def _tracked(action: Action, parameters: Mapping[str, str]) -> Action:
    if not isinstance(action, LinkAction):
        return action
    return evolve(action, url=with_utm(action.url, parameters))
